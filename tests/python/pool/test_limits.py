"""Limits on the number and age of connections, and the statistics of the pool."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import eventually, pid_of, soon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Count = Callable[[], int]


def counted(stats: howdah.Stats) -> dict[str, int]:
    names = ("size", "idle", "busy", "waiting", "max_size", "opened", "closed", "acquired")
    return {name: getattr(stats, name) for name in names}


async def test_database_connects_when_first_used(opened: Open, sessions: Count) -> None:
    database = opened(min_size=3, max_size=5)
    assert sessions() == 0
    assert database.stats().size == 0
    assert await database.fetch_value("SELECT 1") == 1
    eventually(lambda: database.stats().idle == 3)
    assert sessions() == database.stats().size == 3


async def test_connection_is_used_again(db: howdah.AsyncDatabase, sessions: Count) -> None:
    assert len({await pid_of(db) for _ in range(5)}) == 1
    assert sessions() == 1
    assert counted(db.stats()) == {
        "size": 1,
        "idle": 1,
        "busy": 0,
        "waiting": 0,
        "max_size": 10,
        "opened": 1,
        "closed": 0,
        "acquired": 5,
    }


async def test_stats_tell_what_is_so(one: howdah.AsyncDatabase) -> None:
    nothing: dict[str, Any] = dict.fromkeys(("size", "idle", "busy", "waiting", "opened", "closed", "acquired"), 0)
    assert counted(one.stats()) == nothing | {"max_size": 1}
    async with one.transaction():
        assert counted(one.stats()) == nothing | {"size": 1, "busy": 1, "max_size": 1, "opened": 1, "acquired": 1}
    with pytest.raises(howdah.DataError):
        await one.execute("SELECT 1 / 0")
    assert counted(one.stats()) == nothing | {"size": 1, "idle": 1, "max_size": 1, "opened": 1, "acquired": 2}
    await one.close()
    assert counted(one.stats()) == nothing | {"max_size": 1, "opened": 1, "acquired": 2, "closed": 1}


async def test_failed_connection_is_counted_as_none(opened: Open) -> None:
    database = opened(url="postgresql:///nowhere?host=/nowhere", max_size=1)
    for _ in range(3):
        with pytest.raises(howdah.ConnectionError, match="nowhere"):
            await database.execute("SELECT 1")
    stats = database.stats()
    assert (stats.size, stats.busy, stats.opened) == (0, 0, 0)


async def test_pool_without_a_free_connection_says_so_in_time(opened: Open) -> None:
    database = opened(max_size=1, acquire_timeout_s=0.2)
    rows = database.stream("SELECT n FROM generate_series(1, 1000) n", batch_rows=10)
    assert await anext(rows) == {"n": 1}
    begun = time.monotonic()
    with pytest.raises(howdah.OperationalError, match="max_size"):
        await database.execute("SELECT 1")
    assert 0.2 <= time.monotonic() - begun < 1.5
    assert database.stats().waiting == 0
    await rows.aclose()
    assert await database.fetch_value("SELECT 1") == 1
    assert database.stats().opened == 1


@pytest.mark.parametrize("verb", ["load", "read", "stream", "transaction", "listen", "execute_many"])
async def test_every_verb_waits_for_a_connection_only_so_long(opened: Open, verb: str) -> None:
    database = opened(max_size=1, acquire_timeout_s=0.1)
    await database.execute("CREATE TABLE t (a int)")
    rows = database.stream("SELECT n FROM generate_series(1, 1000) n", batch_rows=10)
    await anext(rows)

    async def entered(block: Any) -> None:
        async with block:
            pytest.fail("there was a connection")

    acts: dict[str, Callable[[], Any]] = {
        "load": lambda: database.load("t", [{"a": 1}]),
        "read": lambda: database.read("SELECT 1 AS a").to_arrow(),
        "stream": lambda: anext(database.stream("SELECT 1")),
        "transaction": lambda: entered(database.transaction()),
        "listen": lambda: entered(database.listen("channel")),
        "execute_many": lambda: database.execute_many("INSERT INTO t VALUES ($1)", [(1,)]),
    }
    with pytest.raises(howdah.OperationalError, match="max_size"):
        await acts[verb]()
    await rows.aclose()
    assert await database.fetch_value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize("option", ["max_idle_s", "max_lifetime_s"])
async def test_connection_past_its_time_is_not_used_again(opened: Open, option: str, sessions: Count) -> None:
    database = opened(max_size=1, **{option: 0.3})
    first = await pid_of(database)
    assert await pid_of(database) == first
    time.sleep(0.4)  # noqa: ASYNC251  (both faces wait alike)
    assert await pid_of(database) != first
    stats = database.stats()
    assert (stats.size, stats.opened, stats.closed) == (1, 2, 1)
    eventually(lambda: sessions() == 1)


async def test_idle_connections_within_min_size_stay(opened: Open) -> None:
    database = opened(min_size=1, max_size=2, max_idle_s=0.05)
    first = await pid_of(database)
    time.sleep(0.2)  # noqa: ASYNC251
    assert await pid_of(database) == first


async def test_closed_database_refuses_and_close_again_does_nothing(db: howdah.AsyncDatabase) -> None:
    await db.execute("SELECT 1")
    await db.close()
    await db.close()
    for act in (lambda: db.execute("SELECT 1"), lambda: db.fetch("SELECT 1"), lambda: db.load("t", [{"a": 1}])):
        with pytest.raises(howdah.InterfaceError, match="closed"):
            await act()


async def test_close_while_a_connection_is_busy_lets_it_end(one: howdah.AsyncDatabase, sessions: Count) -> None:
    await one.execute("CREATE TABLE t (a int)")
    async with one.transaction():
        await one.execute("INSERT INTO t VALUES (1)")
        await one.close()
        assert one.stats().busy == 1
        await one.execute("INSERT INTO t VALUES (2)")
    assert one.stats().size == 0
    eventually(lambda: sessions() == 0)


async def test_close_wakes_those_who_wait(opened_async: Open, sessions: Callable[..., int]) -> None:
    database = opened_async(max_size=1)
    busy = asyncio.create_task(database.fetch_value("SELECT 7 FROM pg_sleep(0.3)"))
    await soon(lambda: sessions("state = 'active'") == 1)
    waiting = [asyncio.create_task(database.execute("SELECT 1")) for _ in range(3)]
    await soon(lambda: database.stats().waiting == 3)
    await database.close()
    for task in waiting:
        with pytest.raises(howdah.InterfaceError, match="closed"):
            await task
    assert await busy == 7


async def test_cancelled_wait_for_a_connection_leaves_the_queue(
    opened_async: Open, sessions: Callable[..., int]
) -> None:
    database = opened_async(max_size=1)
    await database.execute("CREATE TABLE t (a int)")
    busy = asyncio.create_task(database.fetch_value("SELECT 7 FROM pg_sleep(0.3)"))
    await soon(lambda: sessions("state = 'active'") == 1)
    tasks = [asyncio.create_task(database.execute("INSERT INTO t VALUES ($1)", n)) for n in range(4)]
    await soon(lambda: database.stats().waiting == 4)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError, int, asyncio.CancelledError, int]
    assert await busy == 7
    assert await database.fetch("SELECT a FROM t ORDER BY a") == [{"a": 1}, {"a": 3}]
    assert database.stats().waiting == 0


async def test_wait_cancelled_in_the_moment_of_its_turn_passes_the_turn_on(opened_async: Open) -> None:
    database = opened_async(max_size=1)
    for _ in range(50):
        first = asyncio.create_task(database.execute("SELECT 1"))
        tasks = [asyncio.create_task(database.fetch_value("SELECT $1::int", n)) for n in range(3)]
        await first
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert results[1:] == [1, 2]
    stats = database.stats()
    assert (stats.size, stats.waiting, stats.busy) == (1, 0, 0)


async def test_cancelled_opening_of_a_connection_leaves_none(opened_async: Open) -> None:
    database = opened_async(max_size=1)
    for wait_s in (0.0, 0.0, 0.001, 0.003, 0.01):
        task = asyncio.create_task(database.execute("SELECT 1"))
        await asyncio.sleep(wait_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await database.fetch_value("SELECT 1") == 1
    await soon(lambda: database.stats().busy == 0)
