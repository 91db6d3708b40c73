"""Part "rows-fetch": 10,000 rows of 8 columns into a list of dicts."""

from __future__ import annotations

from abc import abstractmethod
from operator import itemgetter
from typing import TYPE_CHECKING

import asyncpg
import psycopg
from psycopg.rows import dict_row

import howdah as pg

from .bars import ASYNCPG_FETCH, HOWDAH, HOWDAH_BLOCKING, PSYCOPG_BINARY
from .measure import Contestant, Part, alternate, closing, say
from .rows import PEOPLE_ROWS, SELECT_ALL, check_rows, people
from .rows_async import LOOPS, OnLoop

if TYPE_CHECKING:
    from .measure import Bench
    from .rows import Row

CALLS = 10
CHECKED = (
    "before the rounds, each contestant's rows, in the order of their keys, were dicts with the columns, values and "
    "types of those that were stored"
)


class HowdahFetch(Contestant):
    """``Database.fetch``."""

    def __init__(self, url: str) -> None:
        """Open a database of one session."""
        super().__init__(HOWDAH_BLOCKING)
        self._database = pg.Database(url, max_size=1)

    def work(self) -> list[Row]:
        """Fetch all rows."""
        return self._database.fetch(SELECT_ALL)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class PsycopgFetch(Contestant):
    """``fetchall`` of a cursor with ``dict_row``, values as binary."""

    def __init__(self, url: str) -> None:
        """Connect."""
        super().__init__(PSYCOPG_BINARY)
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._cursor = self._connection.cursor(binary=True)

    def work(self) -> list[Row]:
        """Fetch all rows."""
        return self._cursor.execute(SELECT_ALL, prepare=True).fetchall()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class FetchOnLoop(OnLoop):
    """All rows, awaited."""

    @abstractmethod
    async def job(self) -> list[Row]:
        """Fetch all rows."""

    def work(self) -> list[Row]:
        """Fetch all rows."""
        return self.wait(self.job())


class HowdahAsyncFetch(FetchOnLoop):
    """``AsyncDatabase.fetch``."""

    def __init__(self, url: str, loop: str) -> None:
        """Make a database of one session."""
        super().__init__(HOWDAH, loop)
        self._database = pg.AsyncDatabase(url, max_size=1)

    async def job(self) -> list[Row]:
        """Fetch all rows."""
        return await self._database.fetch(SELECT_ALL)

    async def leave(self) -> None:
        """Close the database."""
        await self._database.close()


class AsyncpgFetch(FetchOnLoop):
    """``fetch``, and ``dict`` of each row."""

    def __init__(self, url: str, loop: str) -> None:
        """Connect."""
        super().__init__(ASYNCPG_FETCH, loop)
        self._connection = self.wait(asyncpg.connect(url))

    async def job(self) -> list[Row]:
        """Fetch all rows."""
        return [dict(row) for row in await self._connection.fetch(SELECT_ALL)]

    async def leave(self) -> None:
        """Close the connection."""
        await self._connection.close()


def run(bench: Bench) -> Part:
    """Check that each contestant returns the rows that were stored, then measure.

    Raises:
        UnequalError: a contestant's row is another one.
    """
    with people(bench.admin) as rows:
        contestants: list[HowdahFetch | PsycopgFetch | FetchOnLoop] = [
            HowdahFetch(bench.url),
            *(fetch(bench.url, loop) for loop in LOOPS for fetch in (HowdahAsyncFetch, AsyncpgFetch)),
            PsycopgFetch(bench.url),
        ]
        with closing(contestants):
            for contestant in contestants:
                got: list[Row] = sorted(contestant.work(), key=itemgetter("id"))
                check_rows(contestant.name, got, rows)
                del got
                say(f"rows-fetch: {contestant.name}: equal to what was stored")
            samples = alternate("rows-fetch", contestants, bench.rounds, lambda: None, calls=CALLS)
    notes = [f"{CALLS} calls in each round; seconds are those of one call"]
    return Part("rows-fetch", "Fetch rows of 8 columns as dicts", PEOPLE_ROWS, samples, CHECKED, notes)
