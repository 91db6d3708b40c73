"""One interface to both databases, so that one test covers both, with a time limit for each call."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.python.conftest import Sql

T = TypeVar("T")

PASSWORD = "correct-horse-battery"  # noqa: S105  (which no error may tell)


class Face:
    """A database of either kind, whose verbs are called and not awaited; for asyncio, each call has its own loop."""

    def __init__(self, kind: type[howdah.Database | howdah.AsyncDatabase], url: str, **options: Any) -> None:
        """Make the database."""
        self.db: Any = kind(url, **options)
        self._awaits = kind is howdah.AsyncDatabase

    def _given(self, result: Any) -> Any:
        return asyncio.run(result) if self._awaits else result

    def execute(self, sql: str, *params: object) -> Any:
        """Run a statement."""
        return self._given(self.db.execute(sql, *params))

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> Any:
        """Run a statement for each row."""
        return self._given(self.db.execute_many(sql, rows))

    def fetch(self, sql: str, *params: object) -> Any:
        """Give all rows."""
        return self._given(self.db.fetch(sql, *params))

    def fetch_one(self, sql: str, *params: object) -> Any:
        """Give the first row."""
        return self._given(self.db.fetch_one(sql, *params))

    def fetch_value(self, sql: str, *params: object) -> Any:
        """Give the first value of the first row."""
        return self._given(self.db.fetch_value(sql, *params))

    def stream(self, sql: str, batch_rows: int = 100) -> list[Any]:
        """Give all rows, taken from the server in parts."""
        rows = self.db.stream(sql, batch_rows=batch_rows)

        async def body() -> list[Any]:
            async with contextlib.aclosing(rows):
                return [row async for row in rows]

        return asyncio.run(body()) if self._awaits else list(rows)

    def _table(self, sql: str) -> Any:
        async def body() -> Any:
            return await self.db.read(sql, batch_rows=100).to_arrow()

        return asyncio.run(body()) if self._awaits else self.db.read(sql, batch_rows=100).to_arrow()

    def read(self, sql: str) -> Any:
        """Give all rows, by way of Arrow."""
        return self._table(sql).to_pylist()

    def rows_read(self, sql: str) -> Any:
        """Give how many rows came by way of Arrow, whose days and times may be beyond Python's."""
        return self._table(sql).num_rows

    def load(self, table: str, rows: Iterable[dict[str, Any]]) -> Any:
        """Load rows into a table, and give how many."""
        return self._given(self.db.load(table, rows)).rows

    def in_transaction(self, *statements: str) -> None:
        """Run statements in a transaction."""

        async def body() -> None:
            async with self.db.transaction():
                for statement in statements:
                    await self.db.execute(statement)

        if self._awaits:
            asyncio.run(body())
            return
        with self.db.transaction():
            for statement in statements:
                self.db.execute(statement)

    def stats(self) -> howdah.Stats:
        """Tell of the pool."""
        stats: howdah.Stats = self.db.stats()
        return stats

    def close(self) -> None:
        """Close the database."""
        self._given(self.db.close())


FACES: dict[str, Callable[..., Face]] = {
    "blocking": partial(Face, howdah.Database),
    "asyncio": partial(Face, howdah.AsyncDatabase),
}


def in_time(limit_s: float, call: Callable[[], T], free: Callable[[], object]) -> T:
    """Give what a call gives; it fails when that takes too long, and `free` then ends the call."""
    outcome: list[T | BaseException] = []

    def body() -> None:
        try:
            outcome.append(call())
        except BaseException as error:  # noqa: BLE001  (told to whoever waits)
            outcome.append(error)

    begun = time.monotonic()
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(limit_s)
    if thread.is_alive():
        free()
        thread.join(10)
        ended = f"then {outcome[0]!r}" if outcome else "and nothing ended it"
        pytest.fail(f"it hung: still waiting after {time.monotonic() - begun:.1f} s; {ended}")
    (result,) = outcome
    if isinstance(result, BaseException):
        raise result
    return result


def settle(sql: Sql, user: str) -> None:
    """Wait until the server has seen that a user's connections are lost."""
    deadline = time.monotonic() + 10
    while sql("SELECT FROM pg_stat_activity WHERE usename = %s", user):
        assert time.monotonic() < deadline, "the server did not notice"
        time.sleep(0.01)


def is_lost(error: BaseException, place: str) -> None:
    """Check the error of a connection that is no more: of both families, it names the place and tells no secret."""
    assert isinstance(error, howdah.ConnectionError), repr(error)
    assert isinstance(error, builtins.ConnectionError)
    assert place in str(error), str(error)
    assert PASSWORD not in repr(error)
    assert PASSWORD not in str(error)
