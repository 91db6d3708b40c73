"""With `multiplex=True`, reads of several tasks share a connection without other visible effects."""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import random
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import howdah
from tests.python.pool.faces import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.python.pool.faces import Open

    Blocked = Callable[[int], Awaitable[list[int]]]

ONE = "SELECT $1::int8"
FROM_T = "SELECT n FROM t"
FROM_U = "SELECT n FROM u"
CALLERS = 8


@pytest.fixture
def tables(url: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        for name in "tu":
            connection.execute(f"CREATE TABLE {name} (n int8)")
            connection.execute(f"INSERT INTO {name} VALUES (7)")
        yield connection
        connection.execute("DROP TABLE t, u")


async def ask(database: howdah.AsyncDatabase, count: int = CALLERS) -> int:
    """Ask for some rows at the same time; give how many of the reads shared a connection."""
    before = database.stats().pipelined
    found = await asyncio.gather(*(database.fetch_value(ONE, n) for n in range(count)))
    assert found == list(range(count))
    return database.stats().pipelined - before


async def prepared(database: howdah.AsyncDatabase) -> None:
    """Have the statements prepared on the one connection: others join none on which theirs is not."""
    for sql in (FROM_T, FROM_U):
        assert await database.fetch_value(sql) == 7
    assert await database.fetch_value(ONE, 1) == 1


async def cancel_late(first: asyncio.Task[Any]) -> None:
    """Cancel a read while the loop stands still: the server is asked again, and that hits the read behind it."""
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    time.sleep(0.4)  # noqa: ASYNC251


@asynccontextmanager
async def locked(connection: psycopg.Connection, *names: str) -> AsyncIterator[None]:
    """Let nobody read some tables."""
    with connection.transaction():
        connection.execute(f"LOCK {', '.join(names)}")
        yield


@pytest.fixture
def blocked(url: str, app: str) -> Callable[[int], Awaitable[list[int]]]:
    """Give what waits until so many statements wait for a lock, and gives the processes."""

    async def wait(count: int) -> list[int]:
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(url, autocommit=True) as other:
            for _ in range(1000):
                rows = other.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = %s", [app]
                ).fetchall()
                if len(rows) == count:
                    return [row[0] for row in rows]
                await asyncio.sleep(0.01)
        raise AssertionError(rows)

    return wait


async def test_reads_at_a_time_multiplexed_share_a_connection(opened_async: Open) -> None:
    database = opened_async(max_size=10, multiplex=True)
    assert await database.fetch_value(ONE, 1) == 1
    assert await ask(database, 10) == 9
    stats = database.stats()
    assert (stats.size, stats.busy, stats.waiting) == (1, 0, 0)


async def test_many_reads_multiplexed_have_several_connections(opened_async: Open) -> None:
    database = opened_async(max_size=4, multiplex=True)
    for _ in range(20):
        await ask(database, 400)
    stats = database.stats()
    assert stats.pipelined > 0
    assert 1 < stats.size <= 4
    assert (stats.busy, stats.waiting) == (0, 0)


async def test_reads_by_default_share_no_connection(opened_async: Open) -> None:
    database = opened_async(max_size=2)
    for _ in range(50):
        await ask(database, 40)
    assert database.stats().pipelined == 0


async def test_lone_caller_multiplexed_has_the_connection_alone(opened_async: Open) -> None:
    database = opened_async(max_size=2, multiplex=True)
    for n in range(1000):
        assert await database.fetch_value(ONE, n) == n
    assert database.stats().pipelined == 0


async def in_session(database: howdah.AsyncDatabase) -> None:
    async with database.session() as session:
        await session.fetch_value(ONE, 1)


async def streamed(database: howdah.AsyncDatabase) -> None:
    assert [row async for row in database.stream("SELECT n FROM t")] == [{"n": 7}]


@pytest.mark.usefixtures("tables")
@pytest.mark.parametrize(
    "verb",
    [
        lambda database: database.execute("SELECT $1::int8", 1),
        lambda database: database.execute("UPDATE t SET n = n"),
        in_session,
        streamed,
    ],
)
async def test_other_verbs_multiplexed_share_no_connection(
    opened_async: Open, verb: Callable[[howdah.AsyncDatabase], Any]
) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await verb(database)
    await prepared(database)
    await asyncio.gather(*(verb(database) for _ in range(3)))
    assert database.stats().pipelined == 0


async def test_reads_multiplexed_without_prepared_statements_share_no_connection(opened_async: Open) -> None:
    database = opened_async(max_size=2, multiplex=True, statement_cache_size=0)
    for _ in range(5):
        await ask(database, 40)
    assert database.stats().pipelined == 0


async def test_reads_multiplexed_with_on_acquire_share_no_connection(opened_async: Open) -> None:
    database = opened_async(max_size=2, multiplex=True, on_acquire="SET app.size = 'small'")
    for _ in range(5):
        await ask(database, 40)
    assert database.stats().pipelined == 0


@pytest.mark.usefixtures("tables")
async def test_writes_multiplexed_with_on_connect_share_no_connection(opened_async: Open) -> None:
    database = opened_async(max_size=1, multiplex=True, on_connect="SET app.size = 'small'")
    await prepared(database)
    writes = [database.execute("UPDATE t SET n = n + 0") for _ in range(3)]
    reads = [database.fetch_value(FROM_T) for _ in range(3)]
    assert await asyncio.gather(*writes, *reads) == [1, 1, 1, 7, 7, 7]
    assert await database.fetch_value("SHOW app.size") == "small"


@pytest.mark.usefixtures("tables")
async def test_transaction_is_nobody_elses(opened_async: Open) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)

    async def count() -> Any:
        return await database.fetch_value(FROM_T)

    async with database.transaction() as transaction:
        await database.execute("UPDATE t SET n = 8")
        outside = asyncio.create_task(count(), context=contextvars.Context())
        inside = await asyncio.gather(*(database.fetch_value(FROM_T) for _ in range(3)))
        assert inside == [8, 8, 8]
        assert not outside.done()
        await transaction.rollback()
    assert await outside == 7


@pytest.mark.usefixtures("tables")
async def test_error_is_told_to_its_own_caller(opened_async: Open) -> None:
    database = opened_async(max_size=1, multiplex=True)
    divide = "SELECT 10 / $1::int8"
    assert await database.fetch_value(divide, 5) == 2
    await prepared(database)
    before = database.stats().pipelined
    found = await asyncio.gather(*(database.fetch_value(divide, n) for n in (1, 0, 2, 0, 5)), return_exceptions=True)
    assert database.stats().pipelined - before == 4
    assert [one for one in found if isinstance(one, int)] == [10, 5, 2]
    assert all(isinstance(found[at], howdah.DataError) for at in (1, 3)), found


async def test_cancellation_of_one_leaves_the_others(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    database = opened_async(max_size=1, multiplex=True)

    await prepared(database)
    async with locked(tables, "t", "u"):
        slow = (FROM_T, FROM_U, FROM_U)
        calls = [*(database.fetch_value(sql) for sql in slow), *(database.fetch_value(ONE, n) for n in range(3))]
        first, *others = map(asyncio.create_task, calls)
        await blocked(1)
        assert database.stats().pipelined == 5
        await cancel_late(first)
        await blocked(1)
        assert not others[0].done()
    assert await asyncio.gather(*others) == [7, 7, 0, 1, 2]
    await soon(lambda: database.stats().busy == 0)


async def test_error_of_one_is_told_though_the_cancellation_of_another_hits_its_check(
    opened_async: Open, tables: Any, blocked: Blocked, url: str
) -> None:
    database = opened_async(max_size=1, multiplex=True)
    typed = "SELECT $1::int8 FROM u"
    assert await database.fetch_value(typed, 1) == 1
    await prepared(database)
    with psycopg.connect(url, autocommit=True) as other:
        async with locked(other, "u"):
            async with locked(tables, "t"):
                first = asyncio.create_task(database.fetch_value(FROM_T))
                await blocked(1)
                # No number: the statement is prepared again, in case the column's type has changed.
                second = asyncio.create_task(database.fetch_value(typed, "x"))
                await asyncio.sleep(0)
                assert database.stats().pipelined == 1
                await cancel_late(first)
            await blocked(1)
            assert not second.done()
        with pytest.raises(howdah.DataError, match="expected int"):
            await second


async def test_follower_that_is_cancelled_goes_at_once(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    async with locked(tables, "t"):
        first, second, third = (
            asyncio.create_task(database.fetch_value(sql, *values)) for sql, *values in ((FROM_T,), (ONE, 1), (ONE, 2))
        )
        await blocked(1)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(second, 5.0)
        assert not first.done()
    assert [await first, await third] == [7, 2]
    assert await database.fetch_value(ONE, 3) == 3


async def test_follower_that_is_cancelled_does_not_block_those_behind_it(
    opened_async: Open, tables: Any, blocked: Blocked, url: str
) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    with psycopg.connect(url, autocommit=True) as other:
        async with locked(other, "u"):
            async with locked(tables, "t"):
                calls = ((FROM_T,), (FROM_U,), (ONE, 1))
                first, second, third = (asyncio.create_task(database.fetch_value(*call)) for call in calls)
                await blocked(1)
                second.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await second
            assert await first == 7
            # The server comes to what nobody wants any more, and would wait for the lock.
            assert await asyncio.wait_for(third, 5.0) == 1


async def test_line_is_cancelled_by_one_thread(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    def threads() -> int:
        return sum(1 for _ in Path("/proc/self/task").iterdir())

    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    async with locked(tables, "t"):
        calls = [asyncio.create_task(database.fetch_value(FROM_T)) for _ in range(40)]
        await blocked(1)
        before = threads()
        for call in calls:
            call.cancel()
        # All of them hear of it in the loop's next round.
        await asyncio.sleep(0)
        assert all(call.cancelled() for call in calls)
        assert threads() - before <= 1
        assert await asyncio.wait_for(database.fetch_value(ONE, 1), 5.0) == 1
    assert database.stats().opened == 1


async def test_time_of_a_follower_begins_with_its_turn(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    database = opened_async(max_size=1, multiplex=True, statement_timeout_s=0.4)
    await prepared(database)
    before = database.stats().pipelined
    async with locked(tables, "t"):
        calls = (FROM_T,), (FROM_T,), (ONE, 1), (ONE, 2)
        tasks = [asyncio.create_task(database.fetch_value(*call)) for call in calls]
        await blocked(1)
        assert database.stats().pipelined - before == 3
        found = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 5.0)
    assert [type(one) for one in found[:2]] == [howdah.QueryTimeout] * 2
    assert found[2:] == [1, 2]


async def test_cancellation_from_elsewhere_is_told(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    async with locked(tables, "t"):
        first, second = (asyncio.create_task(database.fetch_value(sql)) for sql in (FROM_T, FROM_U))
        (pid,) = await blocked(1)
        tables.execute("SELECT pg_cancel_backend(%s)", [pid])
        with pytest.raises(howdah.OperationalError, match="canceling statement"):
            await first
    assert await second == 7


async def test_slow_read_multiplexed_delays_those_behind_it(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    database = opened_async(max_size=2, multiplex=True)
    await prepared(database)
    async with locked(tables, "t"):
        slow = asyncio.create_task(database.fetch_value(FROM_T))
        await blocked(1)
        behind = asyncio.create_task(database.fetch_value(ONE, 1))
        # Statements that write have a connection for themselves.
        assert await asyncio.wait_for(database.execute("SELECT 1"), 5.0) == 1
        assert not behind.done()
    assert [await slow, await behind] == [7, 1]


async def test_lost_connection_is_told_to_all(opened_async: Open, tables: Any, blocked: Blocked) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    async with locked(tables, "t"):
        calls = [asyncio.create_task(database.fetch_value(FROM_T)) for _ in range(4)]
        (pid,) = await blocked(1)
        tables.execute("SELECT pg_terminate_backend(%s)", [pid])
        found = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(one, howdah.OperationalError) for one in found), found
    assert await database.fetch_value(FROM_T) == 7


@pytest.mark.usefixtures("tables")
async def test_writer_among_readers_has_his_turn(opened_async: Open) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    served = itertools.count()
    until = time.monotonic() + 2.0
    waits: list[int] = []

    async def read() -> None:
        while time.monotonic() < until:
            await database.fetch_value(ONE, 1)
            next(served)

    async def write() -> None:
        while time.monotonic() < until:
            before = next(served)
            assert await database.execute("UPDATE t SET n = n + 1") == 1
            waits.append(next(served) - before)

    await asyncio.gather(*(read() for _ in range(30)), write())
    assert len(waits) > 20
    # Those that were before it on the connection and in the queue, and hardly more.
    assert max(waits) < 300, max(waits)


async def test_statement_that_becomes_stale_in_line_is_prepared_again(opened_async: Open, tables: Any) -> None:
    database = opened_async(max_size=1, multiplex=True)
    await prepared(database)
    before = database.stats().pipelined
    until = time.monotonic() + 2.0

    async def read() -> None:
        while time.monotonic() < until:
            (row,) = await database.fetch("SELECT * FROM t")
            assert set(row.values()) == {7}

    async def change() -> None:
        while time.monotonic() < until:
            await asyncio.to_thread(tables.execute, "ALTER TABLE t ADD m int8 DEFAULT 7")
            await asyncio.sleep(0.02)
            await asyncio.to_thread(tables.execute, "ALTER TABLE t DROP m")
            await asyncio.sleep(0.02)

    await asyncio.gather(*(read() for _ in range(20)), change())
    assert database.stats().pipelined > before


async def test_connection_that_is_always_busy_grows_old_all_the_same(opened_async: Open) -> None:
    database = opened_async(max_size=1, multiplex=True, max_lifetime_s=0.2)
    until = time.monotonic() + 1.5

    async def read(n: int) -> None:
        while time.monotonic() < until:
            assert await database.fetch_value(ONE, n) == n

    await asyncio.gather(*(read(n) for n in range(20)))
    assert database.stats().pipelined > 0
    assert database.stats().opened > 3


class Storm:
    """Callers whose reads are cancelled at random moments, and what they saw."""

    def __init__(self, database: howdah.AsyncDatabase) -> None:
        """Begin with nothing."""
        self.database = database
        self.dice = random.Random(7)  # noqa: S311  (it is to be the same each time)
        self.numbers = itertools.count()
        self.wrong: list[object] = []

    async def read(self) -> None:
        """Ask for something, and look at the answer."""
        n = next(self.numbers)
        found: Any
        match self.dice.randrange(4):
            case 0:
                found = await self.database.fetch_one("SELECT $1::int8 AS a, $2::text AS b", n, str(n))
                expected: Any = {"a": n, "b": str(n)}
            case 1:
                found, expected = await self.database.fetch(ONE, n), [{"int8": n}]
            case 2:
                found, expected = await self.database.fetch("SELECT $1::int8 AS a FROM t", n), [{"a": n}]
            case _:
                found, expected = await self.database.fetch_value(ONE, n), n
        if found != expected:
            self.wrong.append((found, expected))

    async def caller(self) -> None:
        """Ask one thing after another, some of which nobody waits for."""
        for _ in range(200):
            task = asyncio.create_task(self.read())
            if self.dice.random() < 0.3:
                await asyncio.sleep(self.dice.random() * 0.001)
                task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                task.result()


@pytest.mark.usefixtures("tables")
async def test_storm_of_reads_and_cancellations(opened_async: Open) -> None:
    database = opened_async(max_size=3, multiplex=True)
    storm = Storm(database)
    await asyncio.gather(*(storm.caller() for _ in range(20)))
    assert storm.wrong == []
    assert database.stats().pipelined > 0
    await soon(lambda: database.stats().busy == 0)
    assert await database.fetch_value("SELECT count(*) FROM t") == 1
