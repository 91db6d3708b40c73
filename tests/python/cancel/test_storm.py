"""Ten thousand cancellations at random moments: no wrong answer, no connection left in a transaction, none leaked."""

# ruff: noqa: D102  (each method is named for what it asks)
from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

import howdah
from tests.python.pool.faces import awaited, eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[..., int]

CANCELLATIONS = 10_000
POOL = 4
CALLERS = 10
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}

KINDS = ("value", "row", "rows", "sleep", "many", "block", "gathered", "nested", "stream", "failing")


class Storm:
    """Callers whose statements are cancelled at random moments, and what they saw."""

    def __init__(self, database: howdah.AsyncDatabase, seed: int) -> None:
        """Begin with nothing."""
        self.database = database
        self.random = random.Random(seed)  # noqa: S311  (it is to be the same each time)
        self.numbers = itertools.count(1)
        self.cancelled = 0
        self.answered = dict.fromkeys(KINDS, 0)
        self.wrong: list[object] = []
        self.committed: list[int] = []

    def check(self, found: object, expected: object) -> None:
        if found != expected:
            self.wrong.append((found, expected))

    async def value(self, n: int) -> None:
        self.check(await self.database.fetch_value("SELECT $1::int8", n), n)

    async def row(self, n: int) -> None:
        self.check(
            await self.database.fetch_one("SELECT $1::int8 AS n, $2::text AS t", n, str(n)), {"n": n, "t": str(n)}
        )

    async def rows(self, n: int) -> None:
        rows = await self.database.fetch("SELECT $1::int8 + i AS n FROM generate_series(0, 300) i", n)
        self.check([row["n"] for row in rows], list(range(n, n + 301)))

    async def sleep(self, n: int) -> None:
        naps = self.random.choice((0.001, 0.002, 0.005, 30.0))
        self.check(await self.database.fetch_value("SELECT $1::int8 FROM pg_sleep($2)", n, naps), n)

    async def many(self, n: int) -> None:
        self.check(
            await self.database.execute_many("INSERT INTO many VALUES ($1, $2)", [(n, i) for i in range(20)]), 20
        )

    async def block(self, n: int) -> None:
        async with self.database.transaction():
            await self.database.execute("INSERT INTO pairs VALUES ($1, 1)", n)
            await self.database.execute("INSERT INTO pairs VALUES ($1, 2)", n)
            self.check(await self.database.fetch_value("SELECT count(*) FROM pairs WHERE n = $1", n), 2)
        self.committed.append(n)

    async def gathered(self, n: int) -> None:
        async with self.database.transaction():
            statements = (self.database.fetch_value("SELECT $1::int8", n + i) for i in range(5))
            self.check(await asyncio.gather(*statements), list(range(n, n + 5)))

    async def nested(self, n: int) -> None:
        async with self.database.transaction():
            await self.database.execute("INSERT INTO pairs VALUES ($1, 1)", n)
            async with self.database.transaction():
                await self.database.execute("INSERT INTO pairs VALUES ($1, 2)", n)
        self.committed.append(n)

    async def stream(self, n: int) -> None:
        found = []
        async for row in self.database.stream(
            "SELECT $1::int8 + i AS n FROM generate_series(0, 30) i", n, batch_rows=7
        ):
            found.append(row["n"])  # noqa: PERF401  (it may be cancelled in between)
        self.check(found, list(range(n, n + 31)))

    async def failing(self, n: int) -> None:
        with pytest.raises(howdah.DataError, match=f'"x{n}"'):
            await self.database.fetch_value("SELECT $1::text::int8", f"x{n}")

    async def one(self) -> None:
        """Begin something, and cancel it after a while unless it has ended."""
        kind = self.random.choice(KINDS)
        task = asyncio.create_task(getattr(self, kind)(1000 * next(self.numbers)))
        moment = self.random.random()
        if moment < 0.15:
            for _ in range(self.random.randrange(4)):
                await asyncio.sleep(0)
        else:
            await asyncio.wait([task], timeout=0.02 * self.random.random() ** 2)
        if moment > 0.9:
            # Now and then one is let be, if it will end.
            await asyncio.wait([task], timeout=0.3)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            self.cancelled += 1
        else:
            self.answered[kind] += 1

    async def caller(self) -> None:
        while self.cancelled < CANCELLATIONS:
            await self.one()

    async def run(self) -> None:
        await self.database.execute("CREATE TABLE many (n int8, i int8); CREATE TABLE pairs (n int8, half int)")
        await asyncio.gather(*(self.caller() for _ in range(CALLERS)))


@pytest.mark.parametrize("loop", LOOPS)
def test_random_cancellations_leave_nothing_behind(
    url: str, app: str, sql: Callable[..., Any], sessions: Count, loop: str
) -> None:
    database = howdah.AsyncDatabase(url, max_size=POOL, acquire_timeout_s=60, application_name=app, multiplex=True)
    storm = Storm(database, seed=20261123)

    async def main() -> None:
        await storm.run()
        # What is still being cleaned up goes back in a moment, while the loop runs.
        for _ in range(500):
            if database.stats().busy == 0:
                break
            await asyncio.sleep(0.01)
        assert await asyncio.gather(*(database.fetch_value("SELECT $1::int", n) for n in range(50))) == list(range(50))

    awaited(main(), LOOPS[loop])
    assert storm.wrong == []
    assert storm.cancelled >= CANCELLATIONS
    # Each kind was answered often enough for a wrong answer to show.
    assert min(storm.answered.values()) >= 10, storm.answered
    stats = database.stats()
    assert stats.pipelined > 0
    assert (stats.busy, stats.waiting) == (0, 0)
    assert stats.size == stats.opened - stats.closed <= POOL
    eventually(lambda: sessions() == stats.size, within_s=5)
    eventually(lambda: sessions("state <> 'idle' OR xact_start IS NOT NULL") == 0, within_s=2)
    # All of a transaction or nothing; and all that was said to be committed.
    assert sql("SELECT n FROM many GROUP BY n HAVING count(*) <> 20") == []
    assert sql("SELECT n FROM pairs GROUP BY n HAVING count(*) <> 2") == []
    assert set(storm.committed) <= {n for (n,) in sql("SELECT n FROM pairs")}
    asyncio.run(database.close())
    assert database.stats().size == 0
    eventually(lambda: sessions() == 0)
