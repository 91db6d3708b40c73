"""Idle connections that are lost, and a server that restarts under a busy pool."""

# ruff: noqa: PT012  (what raises may be the end of a block, or the midst of it)
from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import RUNNERS, Blocking, Restarting, either_loop, eventually, in_threads, pid_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Kill = Callable[[int], None]


async def test_connection_killed_while_idle_is_not_noticed_by_the_next_caller(
    one: howdah.AsyncDatabase, kill: Kill
) -> None:
    await one.execute("CREATE TABLE t (a int)")

    async def in_block() -> None:
        async with one.transaction():
            await one.execute("INSERT INTO t VALUES (4)")

    acts: list[Callable[[], Any]] = [
        lambda: one.execute("INSERT INTO t VALUES (1)"),
        lambda: one.execute_many("INSERT INTO t VALUES ($1)", [(2,)]),
        lambda: one.load("t", [{"a": 3}]),
        in_block,
        lambda: one.fetch("SELECT 1"),
        lambda: one.fetch_value("SELECT 1"),
        lambda: one.read("t").to_arrow(),
        lambda: anext(one.stream("SELECT a FROM t")),
    ]
    for act in acts:
        old = await pid_of(one)
        kill(old)
        await act()
        assert await pid_of(one) != old
    assert await one.fetch_value("SELECT array_agg(a ORDER BY a)::text FROM t") == "{1,2,3,4}"
    stats = one.stats()
    assert (stats.size, stats.opened - stats.closed) == (1, 1)


async def test_all_idle_connections_killed_are_all_replaced(opened: Open, kill: Kill, app: str, admin: Any) -> None:
    database = opened(min_size=4, max_size=4)
    await database.execute("SELECT 1")
    eventually(lambda: database.stats().idle == 4)
    pids = admin.execute("SELECT pid FROM pg_stat_activity WHERE application_name = %s", [app]).fetchall()
    assert len(pids) == 4
    for (pid,) in pids:
        kill(pid)
    for n in range(8):
        assert await database.fetch_value("SELECT $1::int", n) == n
    assert database.stats().size <= 4


async def test_connection_killed_in_a_transaction_fails_it_and_not_the_next(
    one: howdah.AsyncDatabase, kill: Kill
) -> None:
    await one.execute("CREATE TABLE t (a int)")
    with pytest.raises(howdah.ConnectionError):
        async with one.transaction():
            await one.execute("INSERT INTO t VALUES (1)")
            kill(await pid_of(one))
            await one.execute("INSERT INTO t VALUES (2)")
    with pytest.raises(howdah.ConnectionError):
        async with one.transaction():
            await one.execute("INSERT INTO t VALUES (3)")
            kill(await pid_of(one))
    async with one.transaction():
        await one.execute("INSERT INTO t VALUES (4)")
    assert await one.fetch("SELECT a FROM t") == [{"a": 4}]


async def test_connection_killed_in_a_statement_fails_it_and_not_the_next(
    one: howdah.AsyncDatabase, kill: Kill
) -> None:
    pid = await pid_of(one)
    timer = threading.Timer(0.2, kill, [pid])
    timer.start()
    with pytest.raises(howdah.ConnectionError):
        await one.execute("SELECT pg_sleep(30)")
    timer.join()
    assert await pid_of(one) != pid
    assert one.stats().size == 1


@pytest.mark.parametrize("face", RUNNERS)
def test_server_that_restarts_under_idle_connections_is_not_noticed(restarting: Restarting, face: str) -> None:
    run = RUNNERS[face]
    kind: Any = Blocking if face == "blocking" else howdah.AsyncDatabase
    database = kind(restarting.url, min_size=3, max_size=3, acquire_timeout_s=1.0)
    assert run(database.execute("INSERT INTO t VALUES (1)")) == 1
    eventually(lambda: database.stats().idle == 3)
    restarting.stop()
    with pytest.raises(howdah.ConnectionError):
        run(database.execute("SELECT 1"))
    restarting.start()
    assert run(database.fetch_value("SELECT count(*) FROM t")) == 1
    for n in range(6):
        assert run(database.fetch_value("SELECT $1::int", n)) == n
    run(database.close())
    # One may be about to be opened for min_size.
    eventually(lambda: database.stats().size == 0)


# Callers at once.
WORKERS = 8


def failing(counts: dict[str, int], error: Exception) -> None:
    """Count a failure, which may only be that of a lost connection."""
    assert isinstance(error, howdah.OperationalError), repr(error)
    counts["failed"] += 1


def test_threads_in_the_midst_of_a_restart_fail_and_recover(restarting: Restarting) -> None:
    counts = {"done": 0, "failed": 0}
    over = threading.Event()
    with howdah.Database(restarting.url, max_size=3, connect_timeout_s=5) as database:

        def work() -> None:
            n = 0
            while not over.is_set():
                n += 1
                try:
                    assert database.fetch_value("SELECT $1::int", n) == n
                    counts["done"] += 1
                except howdah.Error as error:
                    failing(counts, error)
                    over.wait(0.005)

        def restart() -> None:
            try:
                eventually(lambda: counts["done"] > 100)
                restarting.stop()
                # Whoever asks meanwhile waits for the server.
                time.sleep(1.0)
                restarting.start()
                before = counts["done"]
                eventually(lambda: counts["done"] > before + 400)
                # No more than what was under way when the server stopped.
                assert counts["failed"] <= WORKERS
            finally:
                over.set()

        in_threads(*[work] * WORKERS, restart)
        stats = database.stats()
        assert (stats.busy, stats.waiting) == (0, 0)
        assert stats.size <= 3


@either_loop
async def test_tasks_in_the_midst_of_a_restart_fail_and_recover(restarting: Restarting) -> None:
    counts = {"done": 0, "failed": 0}
    over = asyncio.Event()
    async with howdah.AsyncDatabase(restarting.url, max_size=3, connect_timeout_s=5) as database:

        async def work() -> None:
            n = 0
            while not over.is_set():
                n += 1
                try:
                    async with database.transaction():
                        assert await database.fetch_value("SELECT $1::int", n) == n
                    counts["done"] += 1
                except howdah.Error as error:
                    failing(counts, error)
                    await asyncio.sleep(0.005)

        async def restart() -> None:
            try:
                await asyncio.to_thread(eventually, lambda: counts["done"] > 100)
                await asyncio.to_thread(restarting.stop)
                # Whoever asks meanwhile waits for the server.
                await asyncio.sleep(1.0)
                await asyncio.to_thread(restarting.start)
                before = counts["done"]
                await asyncio.to_thread(eventually, lambda: counts["done"] > before + 300)
                # No more than what was under way when the server stopped.
                assert counts["failed"] <= WORKERS
            finally:
                over.set()

        await asyncio.gather(*(work() for _ in range(WORKERS)), restart())
        stats = database.stats()
        assert (stats.busy, stats.waiting) == (0, 0)
        assert stats.size <= 3
