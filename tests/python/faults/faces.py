"""Both databases behind one face, so that one test asks both; and an end to waiting."""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence

    from tests.python.conftest import Sql

T = TypeVar("T")

PASSWORD = "correct-horse-battery"  # noqa: S105  (which no error may tell)


class Face(Protocol):
    """The verbs that both databases have, called and not awaited."""

    def execute(self, sql: str, *params: object) -> int: ...
    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int: ...
    def fetch(self, sql: str, *params: object) -> list[dict[str, Any]]: ...
    def fetch_one(self, sql: str, *params: object) -> dict[str, Any] | None: ...
    def fetch_value(self, sql: str, *params: object) -> Any: ...
    def stream(self, sql: str, batch_rows: int = 100) -> list[dict[str, Any]]: ...
    def read(self, sql: str) -> list[dict[str, Any]]: ...
    def rows_read(self, sql: str) -> int: ...
    def load(self, table: str, rows: Iterable[dict[str, Any]]) -> int: ...
    def in_transaction(self, *statements: str) -> None: ...
    def stats(self) -> howdah.Stats: ...
    def close(self) -> None: ...


class Blocking:
    """The blocking database."""

    def __init__(self, url: str, **options: Any) -> None:
        self.db = howdah.Database(url, **options)
        self.execute, self.execute_many = self.db.execute, self.db.execute_many
        self.fetch, self.fetch_one, self.fetch_value = self.db.fetch, self.db.fetch_one, self.db.fetch_value
        self.stats, self.close = self.db.stats, self.db.close

    def stream(self, sql: str, batch_rows: int = 100) -> list[dict[str, Any]]:
        return list(self.db.stream(sql, batch_rows=batch_rows))

    def read(self, sql: str) -> list[dict[str, Any]]:
        table: list[dict[str, Any]] = self.db.read(sql, batch_rows=100).to_arrow().to_pylist()
        return table

    def rows_read(self, sql: str) -> int:
        count: int = self.db.read(sql, batch_rows=100).to_arrow().num_rows
        return count

    def load(self, table: str, rows: Iterable[dict[str, Any]]) -> int:
        return self.db.load(table, rows).rows

    def in_transaction(self, *statements: str) -> None:
        with self.db.transaction():
            for statement in statements:
                self.db.execute(statement)


class Awaited:
    """The database for asyncio; each call has a loop of its own."""

    def __init__(self, url: str, **options: Any) -> None:
        self.db = howdah.AsyncDatabase(url, **options)
        self.stats = self.db.stats

    def execute(self, sql: str, *params: object) -> int:
        return run(self.db.execute(sql, *params))

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]]) -> int:
        return run(self.db.execute_many(sql, rows))

    def fetch(self, sql: str, *params: object) -> list[dict[str, Any]]:
        return run(self.db.fetch(sql, *params))

    def fetch_one(self, sql: str, *params: object) -> dict[str, Any] | None:
        return run(self.db.fetch_one(sql, *params))

    def fetch_value(self, sql: str, *params: object) -> Any:
        return run(self.db.fetch_value(sql, *params))

    def stream(self, sql: str, batch_rows: int = 100) -> list[dict[str, Any]]:
        async def body() -> list[dict[str, Any]]:
            async with contextlib.aclosing(self.db.stream(sql, batch_rows=batch_rows)) as rows:
                return [row async for row in rows]

        return run(body())

    def read(self, sql: str) -> list[dict[str, Any]]:
        async def body() -> list[dict[str, Any]]:
            table: list[dict[str, Any]] = (await self.db.read(sql, batch_rows=100).to_arrow()).to_pylist()
            return table

        return run(body())

    def rows_read(self, sql: str) -> int:
        async def body() -> int:
            count: int = (await self.db.read(sql, batch_rows=100).to_arrow()).num_rows
            return count

        return run(body())

    def load(self, table: str, rows: Iterable[dict[str, Any]]) -> int:
        return run(self.db.load(table, rows)).rows

    def in_transaction(self, *statements: str) -> None:
        async def body() -> None:
            async with self.db.transaction():
                for statement in statements:
                    await self.db.execute(statement)

        run(body())

    def close(self) -> None:
        run(self.db.close())


def run(awaited: Coroutine[Any, Any, T]) -> T:
    """Await something in a loop of its own."""
    return asyncio.run(awaited)


FACES: dict[str, type[Blocking | Awaited]] = {"blocking": Blocking, "asyncio": Awaited}


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
