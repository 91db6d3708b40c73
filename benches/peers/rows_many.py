"""Parts "rows-insert" and "rows-update": one statement for each of 10,000 rows, by ``execute_many``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg
from psycopg import sql

import howdah as pg

from .bars import ASYNCPG_MANY, HOWDAH, HOWDAH_BLOCKING, PSYCOPG_MANY
from .data import SMALL_COLUMNS, Target, check_stored, reference, small_table, table
from .load import CHECKED, take_turns
from .measure import Contestant, Part, alternate, closing, say
from .rows_async import LOOPS, OnLoop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .data import Connection
    from .measure import Bench

INSERTED = Target("bench_insert", SMALL_COLUMNS)
UPDATED = Target("bench_update", SMALL_COLUMNS)
ROWS = 10_000
CALLS = 3
INSERT = f"INSERT INTO {INSERTED.name} ({', '.join(SMALL_COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6)"  # noqa: S608 (constants)
UPDATE = f"UPDATE {UPDATED.name} SET age = $1, score = $2 WHERE id = $3"  # noqa: S608 (a constant)
PSYCOPG_UPDATE = f"UPDATE {UPDATED.name} SET age = %s, score = %s WHERE id = %s"  # noqa: S608 (a constant)


class HowdahMany(Contestant):
    """``Database.execute_many``."""

    def __init__(self, url: str, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Open a database of one session."""
        super().__init__(HOWDAH_BLOCKING)
        self._database = pg.Database(url, max_size=1)
        self._statement = statement
        self._rows = rows

    def work(self) -> None:
        """Send the rows."""
        self._database.execute_many(self._statement, self._rows)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class HowdahAsyncMany(OnLoop):
    """``AsyncDatabase.execute_many``."""

    def __init__(self, url: str, loop: str, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Make a database of one session."""
        super().__init__(HOWDAH, loop)
        self._database = pg.AsyncDatabase(url, max_size=1)
        self._statement = statement
        self._rows = rows

    async def job(self) -> None:
        """Send the rows."""
        await self._database.execute_many(self._statement, self._rows)

    async def leave(self) -> None:
        """Close the database."""
        await self._database.close()


class AsyncpgMany(OnLoop):
    """``executemany`` of a connection, which makes one transaction of it."""

    def __init__(self, url: str, loop: str, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Connect."""
        super().__init__(ASYNCPG_MANY, loop)
        self._connection = self.wait(asyncpg.connect(url))
        self._statement = statement
        self._rows = rows

    async def job(self) -> None:
        """Send the rows."""
        await self._connection.executemany(self._statement, self._rows)

    async def leave(self) -> None:
        """Close the connection."""
        await self._connection.close()


class PsycopgMany(Contestant):
    """``executemany`` of a cursor, which pipelines, and a commit."""

    def __init__(self, url: str, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Connect."""
        super().__init__(PSYCOPG_MANY)
        self._connection = psycopg.connect(url)
        self._statement = statement
        self._rows = rows

    def work(self) -> None:
        """Send the rows and commit."""
        with self._connection.cursor() as cursor:
            cursor.executemany(self._statement, self._rows)
        self._connection.commit()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def insert(bench: Bench) -> Part:
    """Check that each contestant stores the source's rows by an ``INSERT … VALUES``, then measure.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    source = small_table(ROWS)
    rows = [tuple(row.values()) for row in source.to_pylist()]
    with table(bench.admin, INSERTED.name, INSERTED), reference(bench.admin, INSERTED, source):
        samples = take_turns(bench, "rows-insert", INSERTED, _contestants(bench, INSERT, rows), calls=CALLS)
    title = "execute_many of an INSERT of 6 columns"
    return Part("rows-insert", title, ROWS, samples, CHECKED, [_calls()])


def update(bench: Bench) -> Part:
    """Check that each contestant's ``UPDATE`` by key makes of other rows those of the source, then measure.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    source = small_table(ROWS)
    rows = [(row["age"], row["score"], row["id"]) for row in source.to_pylist()]
    peer = PsycopgMany(bench.url, PSYCOPG_UPDATE, rows)
    contestants = [*_contestants(bench, UPDATE, rows), peer]
    with (
        closing(contestants),
        table(bench.admin, UPDATED.name, UPDATED),
        reference(bench.admin, UPDATED, source),
    ):
        name = sql.Identifier(UPDATED.name)
        bench.admin.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(name))
        for contestant in contestants:
            outdate(bench.admin)
            contestant.work()
            check_stored(bench.admin, contestant.name, UPDATED)
            say(f"rows-update: {contestant.name}: equal to the source")
        # One call a turn: another would find the versions of the rows that the one before had left.
        samples = alternate("rows-update", contestants, CALLS * bench.rounds, lambda: outdate(bench.admin))
    checked = f"{CHECKED}; it had held other values before"
    title = "execute_many of an UPDATE by key"
    return Part("rows-update", title, ROWS, samples, checked, [f"{CALLS} times as many rounds, of one call each"])


def outdate(admin: Connection) -> None:
    """Fill the table that is updated with the source's rows, but for the columns that an update sets."""
    names = {"name": sql.Identifier(UPDATED.name), "source": sql.Identifier(UPDATED.reference)}
    admin.execute(sql.SQL("TRUNCATE {name}").format(**names))
    fill = sql.SQL("INSERT INTO {name} SELECT id, name, email, -age, -score, seen FROM {source}")
    admin.execute(fill.format(**names))
    admin.execute(sql.SQL("VACUUM (ANALYZE) {name}").format(**names))
    admin.execute("CHECKPOINT")


def _contestants(bench: Bench, statement: str, rows: Sequence[tuple[Any, ...]]) -> list[Contestant]:
    return [
        HowdahMany(bench.url, statement, rows),
        *(many(bench.url, loop, statement, rows) for loop in LOOPS for many in (HowdahAsyncMany, AsyncpgMany)),
    ]


def _calls() -> str:
    return f"{CALLS} calls in each round, each its own transaction; seconds are those of one call"
