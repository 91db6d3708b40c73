"""Part "rows-pipeline": lookups by primary key that are sent without waiting, in one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

import howdah as pg

from .bars import HOWDAH, HOWDAH_BLOCKING, PSYCOPG_PIPELINE
from .measure import Contestant, Part, alternate, closing, say
from .rows import CHECKED_LOOKUPS, SELECT_ONE, check_rows, keys, people
from .rows_async import LOOPS, OnLoop
from .rows_blocking import PSYCOPG_SELECT_ONE

if TYPE_CHECKING:
    from .measure import Bench
    from .rows import Row

LOOKUPS = 1_000
CALLS = 10
WANTED = keys(LOOKUPS)


class HowdahPipeline(Contestant):
    """``Database.pipeline`` and ``fetch_one``."""

    def __init__(self, url: str) -> None:
        """Open a database of one session."""
        super().__init__(HOWDAH_BLOCKING)
        self._database = pg.Database(url, max_size=1)

    def work(self) -> object:
        """Look all keys up."""
        return self.looked_up()

    def looked_up(self) -> list[Row | None]:
        """Return the rows of all keys."""
        with self._database.pipeline() as pipeline:
            results = [pipeline.fetch_one(SELECT_ONE, key) for key in WANTED]
        return [result.result() for result in results]

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class HowdahAsyncPipeline(OnLoop):
    """``AsyncDatabase.pipeline`` and ``fetch_one``."""

    def __init__(self, url: str, loop: str) -> None:
        """Make a database of one session."""
        super().__init__(HOWDAH, loop)
        self._database = pg.AsyncDatabase(url, max_size=1)

    async def job(self) -> list[Row | None]:
        """Look all keys up."""
        async with self._database.pipeline() as pipeline:
            results = [pipeline.fetch_one(SELECT_ONE, key) for key in WANTED]
        return [result.result() for result in results]

    def looked_up(self) -> list[Row | None]:
        """Return the rows of all keys."""
        return self.wait(self.job())

    async def leave(self) -> None:
        """Close the database."""
        await self._database.close()


class PsycopgPipeline(Contestant):
    """``Connection.pipeline`` in a transaction, with a cursor for each lookup, as its documentation shows it."""

    def __init__(self, url: str) -> None:
        """Connect; every statement is prepared."""
        super().__init__(PSYCOPG_PIPELINE)
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row, prepare_threshold=0)

    def work(self) -> object:
        """Look all keys up."""
        return self.looked_up()

    def looked_up(self) -> list[Row | None]:
        """Return the rows of all keys."""
        with self._connection.transaction(), self._connection.pipeline():
            cursors = [self._connection.execute(PSYCOPG_SELECT_ONE, (key,)) for key in WANTED]
            return [cursor.fetchone() for cursor in cursors]

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def run(bench: Bench) -> Part:
    """Check that each contestant returns the rows that were stored, then measure.

    Raises:
        UnequalError: a contestant's row is another one.
    """
    contestants: list[HowdahPipeline | HowdahAsyncPipeline | PsycopgPipeline] = [
        HowdahPipeline(bench.url),
        *(HowdahAsyncPipeline(bench.url, loop) for loop in LOOPS),
        PsycopgPipeline(bench.url),
    ]
    with people(bench.admin) as rows, closing(contestants):
        for contestant in contestants:
            check_rows(contestant.name, contestant.looked_up(), [rows[key - 1] for key in WANTED])
            say(f"rows-pipeline: {contestant.name}: equal to what was stored")
        samples = alternate("rows-pipeline", contestants, bench.rounds, lambda: None, calls=CALLS)
    notes = [f"{CALLS} pipelines of {LOOKUPS:,} lookups in each round"]
    title = "A pipeline in a transaction"
    return Part("rows-pipeline", title, LOOKUPS, samples, CHECKED_LOOKUPS, notes, unit="lookups")
