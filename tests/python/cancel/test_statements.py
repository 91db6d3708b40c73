"""A statement without a waiting caller is cancelled at the server, and the next one works."""

# ruff: noqa: PT012  (what raises may be the end of a block, or the midst of it)
from __future__ import annotations

import asyncio
import builtins
import contextlib
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

import howdah
from tests.python.pool.faces import awaited, eventually, pid_of, soon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Count = Callable[..., int]

SLEEP = "SELECT pg_sleep(60)"
# What is asked for is 100 ms; a machine with other work takes longer now and then.
SOON_S = 2.0


async def in_stream(database: howdah.AsyncDatabase) -> None:
    async for _ in database.stream("SELECT pg_sleep(CASE n WHEN 15 THEN 60 ELSE 0 END) FROM generate_series(1, 20) n"):
        pass


async def in_block(database: howdah.AsyncDatabase) -> None:
    async with database.transaction():
        await database.execute(SLEEP)


async def in_savepoint(database: howdah.AsyncDatabase) -> None:
    async with database.transaction(), database.transaction():
        await database.fetch(SLEEP)


ACTS: dict[str, Callable[[howdah.AsyncDatabase], Any]] = {
    "execute": lambda database: database.execute(SLEEP),
    "script": lambda database: database.execute(f"SELECT 1; {SLEEP}; SELECT 2"),
    "execute_many": lambda database: database.execute_many("SELECT pg_sleep($1)", [(0.0,), (60.0,), (60.0,)]),
    "fetch": lambda database: database.fetch(SLEEP),
    "fetch_one": lambda database: database.fetch_one(SLEEP),
    "fetch_value": lambda database: database.fetch_value("SELECT $1::int FROM pg_sleep(60)", 1),
    "stream": in_stream,
    "read": lambda database: database.read("SELECT pg_sleep(60) IS NULL AS slept").to_arrow(),
    "transaction": in_block,
    "savepoint": in_savepoint,
    "run_transaction": lambda database: database.run_transaction(lambda: database.execute(SLEEP)),
}


async def usable(database: howdah.AsyncDatabase, sessions: Count, limit_s: float = SOON_S) -> None:
    """Check that the statement has ended, and that the database goes on."""
    await soon(lambda: sessions("state <> 'idle'") == 0, within_s=limit_s)
    for n in range(3):
        assert await database.fetch_value("SELECT $1::int", n) == n
    async with database.transaction():
        assert await database.fetch_value("SELECT 5") == 5
    # A connection goes back when its cancellation is over, which may be a little after the statement's end.
    await soon(lambda: (database.stats().busy, database.stats().waiting) == (0, 0), within_s=limit_s)


@pytest.fixture
def lonely(opened_async: Open) -> howdah.AsyncDatabase:
    """Give an AsyncDatabase of one connection."""
    return opened_async(max_size=1, acquire_timeout_s=5)


@pytest.mark.parametrize("verb", ACTS)
async def test_cancelled_task_ends_its_statement(lonely: howdah.AsyncDatabase, sessions: Count, verb: str) -> None:
    task = asyncio.ensure_future(ACTS[verb](lonely))
    await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
    task.cancel("mine")
    with pytest.raises(asyncio.CancelledError):
        await task
    await usable(lonely, sessions)


@pytest.mark.parametrize("verb", ACTS)
async def test_timeout_ends_its_statement(lonely: howdah.AsyncDatabase, sessions: Count, verb: str) -> None:
    await lonely.execute("SELECT 1")
    begun = time.monotonic()
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.2):
            await ACTS[verb](lonely)
    assert 0.2 <= time.monotonic() - begun < SOON_S
    assert not isinstance(caught.value, howdah.Error)
    await usable(lonely, sessions)


@pytest.mark.parametrize("verb", ACTS)
async def test_wait_for_ends_its_statement(lonely: howdah.AsyncDatabase, sessions: Count, verb: str) -> None:
    await lonely.execute("SELECT 1")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.ensure_future(ACTS[verb](lonely)), 0.2)
    await usable(lonely, sessions)


def test_cancelled_task_under_uvloop_ends_its_statement(opened_async: Open, sessions: Count) -> None:
    database = opened_async(max_size=1, acquire_timeout_s=5)

    async def main() -> None:
        for act in ACTS.values():
            task = asyncio.ensure_future(act(database))
            await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await usable(database, sessions)

    awaited(main(), uvloop.new_event_loop)


async def test_connection_survives_a_cancellation(lonely: howdah.AsyncDatabase, sessions: Count) -> None:
    pid = await pid_of(lonely)
    for _ in range(5):
        task = asyncio.create_task(lonely.execute(SLEEP))
        await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await pid_of(lonely) == pid
    assert lonely.stats().opened == 1


async def test_cancellation_is_quick(lonely: howdah.AsyncDatabase, sessions: Count) -> None:
    took = []
    for _ in range(9):
        task = asyncio.create_task(lonely.execute(SLEEP))
        await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
        begun = time.perf_counter()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await lonely.execute("SELECT 1")
        took.append(time.perf_counter() - begun)
    assert sorted(took)[len(took) // 2] < 0.1, took


async def test_statement_cancelled_as_soon_as_it_is_sent_ends_all_the_same(
    lonely: howdah.AsyncDatabase, sessions: Count
) -> None:
    query = "SELECT $1::int FROM pg_sleep($2)"
    await lonely.fetch_value(query, 0, 0.0)
    for n in range(400):
        task = asyncio.create_task(lonely.fetch_value(query, n, 20.0))
        # It is on its way to the server, which may not have read it yet, and then takes no notice of a cancellation.
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        begun = time.monotonic()
        assert await lonely.fetch_value(query, n, 0.0) == n
        assert time.monotonic() - begun < SOON_S
    assert lonely.stats().opened == 1
    await usable(lonely, sessions)


async def test_cancelled_statement_does_not_hit_the_next(lonely: howdah.AsyncDatabase) -> None:
    for n in range(200):
        task = asyncio.create_task(lonely.execute("SELECT 1"))
        await asyncio.sleep(0)
        if n % 2:
            await asyncio.sleep(0)
        task.cancel()
        # It would take a cancellation meant for the one before.
        assert await lonely.fetch_value("SELECT $1::int FROM pg_sleep(0.002)", n) == n
        await asyncio.gather(task, return_exceptions=True)


async def test_write_that_is_cancelled_is_whole_or_nothing(lonely: howdah.AsyncDatabase, sessions: Count) -> None:
    await lonely.execute("CREATE TABLE t (a int)")
    for wait_s in (0.0, 0.001, 0.003, 0.006, 0.01, 0.02, 0.04):
        await lonely.execute("TRUNCATE t")
        task = asyncio.create_task(
            lonely.execute_many("INSERT INTO t SELECT $1::int FROM generate_series(1, 10)", [(n,) for n in range(500)])
        )
        await asyncio.sleep(wait_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await lonely.fetch_value("SELECT count(*) FROM t") in {0, 5000}
    await usable(lonely, sessions)


async def test_many_cancelled_at_once_all_end(opened_async: Open, sessions: Count) -> None:
    database = opened_async(max_size=4, acquire_timeout_s=10)
    for _ in range(3):
        tasks = [asyncio.create_task(database.execute(SLEEP)) for _ in range(20)]
        await soon(lambda: sessions("wait_event = 'PgSleep'") == 4)
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(result, asyncio.CancelledError)
            for result in await asyncio.gather(*tasks, return_exceptions=True)
        )
        await usable(database, sessions)


async def test_siblings_cancelled_in_a_block_all_end(lonely: howdah.AsyncDatabase, sessions: Count) -> None:
    async def block() -> None:
        async with lonely.transaction():
            await asyncio.gather(*(lonely.execute(SLEEP) for _ in range(5)))

    task = asyncio.create_task(block())
    await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await usable(lonely, sessions)


async def test_one_of_several_cancelled_in_a_block_ends_at_the_server(
    lonely: howdah.AsyncDatabase, sessions: Count
) -> None:
    begun = time.monotonic()
    with pytest.raises(howdah.DatabaseError):
        async with lonely.transaction():
            slow = asyncio.create_task(lonely.execute("SELECT pg_sleep(5)"))
            await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
            others = [asyncio.create_task(lonely.fetch_value("SELECT 1")) for _ in range(2)]
            await asyncio.sleep(0.05)
            slow.cancel()
            results = await asyncio.gather(slow, *others, return_exceptions=True)
            assert isinstance(results[0], asyncio.CancelledError)
    assert time.monotonic() - begun < 3
    await usable(lonely, sessions)


async def test_cancelled_again_while_it_is_cleaned_up(lonely: howdah.AsyncDatabase, sessions: Count) -> None:
    task = asyncio.create_task(in_block(lonely))
    await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
    for _ in range(4):
        task.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(task, return_exceptions=True)
    await usable(lonely, sessions)


async def test_statement_timeout_is_a_query_timeout(opened: Open, sessions: Count) -> None:
    database = opened(max_size=1, statement_timeout_s=0.2)
    for act in (
        lambda: database.execute(SLEEP),
        lambda: database.fetch(SLEEP),
        lambda: database.fetch_value("SELECT $1::int FROM pg_sleep(60)", 1),
        lambda: database.read("SELECT pg_sleep(60) IS NULL AS slept").to_arrow(),
        lambda: in_stream(database),
        lambda: in_block(database),
    ):
        begun = time.monotonic()
        with pytest.raises(howdah.QueryTimeout) as caught:
            await act()
        assert 0.15 < time.monotonic() - begun < SOON_S
        assert isinstance(caught.value, builtins.TimeoutError)
        assert caught.value.sqlstate == "57014"
        assert sessions("wait_event = 'PgSleep'") == 0
        assert await database.fetch_value("SELECT 1") == 1
    assert database.stats().opened == 1


async def test_statement_cancelled_by_somebody_else_is_a_query_timeout(one: howdah.AsyncDatabase, admin: Any) -> None:
    import threading  # noqa: PLC0415

    pid = await pid_of(one)

    def cancel() -> None:
        query = b"SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event = 'PgSleep'"
        eventually(lambda: admin.execute(query, [pid]).fetchall() == [(1,)])
        admin.execute("SELECT pg_cancel_backend(%s)", [pid])

    thread = threading.Thread(target=cancel)
    thread.start()
    with pytest.raises(howdah.QueryTimeout):
        await one.execute(SLEEP)
    thread.join()
    assert await pid_of(one) == pid


async def test_statement_waiting_for_a_lock_is_cancelled(
    lonely: howdah.AsyncDatabase, sql: Callable[..., Any], sessions: Count
) -> None:
    sql("CREATE TABLE t (a int)")
    sql("BEGIN")
    sql("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
    task = asyncio.create_task(lonely.execute("INSERT INTO t VALUES (1)"))
    await soon(lambda: sessions("wait_event_type = 'Lock'") == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await usable(lonely, sessions)
    sql("ROLLBACK")
    assert await lonely.fetch_value("SELECT count(*) FROM t") == 0


async def test_large_answer_that_is_cancelled_leaves_a_clean_connection(
    lonely: howdah.AsyncDatabase, sessions: Count
) -> None:
    for wait_s in (0.0, 0.005, 0.02, 0.08):
        task = asyncio.create_task(lonely.fetch("SELECT repeat('x', 1000) AS x FROM generate_series(1, 200000)"))
        await asyncio.sleep(wait_s)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await lonely.fetch_value("SELECT 7") == 7
    await usable(lonely, sessions)


async def test_large_parameter_that_is_cancelled_leaves_a_clean_connection(
    lonely: howdah.AsyncDatabase, sessions: Count
) -> None:
    big = "x" * 30_000_000
    for wait_s in (0.0, 0.002, 0.01, 0.03):
        task = asyncio.create_task(lonely.fetch_value("SELECT length($1::text)", big))
        await asyncio.sleep(wait_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await lonely.fetch_value("SELECT 7") == 7
    await usable(lonely, sessions)


def test_connection_whose_cancellation_is_under_way_is_lent_to_nobody_in_another_loop(url: str) -> None:
    for _ in range(5):
        database = howdah.AsyncDatabase(url, max_size=1)
        free = threading.Event()

        async def cancelled(database: howdah.AsyncDatabase = database, free: threading.Event = free) -> None:
            with contextlib.suppress(builtins.TimeoutError):
                await asyncio.wait_for(database.execute(SLEEP), 0.05)
            # The loop goes on, and knows nothing of the other one.
            await asyncio.to_thread(free.wait, 10)

        async def next_one(database: howdah.AsyncDatabase = database) -> None:
            await asyncio.sleep(0.02)
            assert await asyncio.wait_for(database.fetch_value("SELECT 1"), 5) == 1

        other = threading.Thread(target=asyncio.run, args=(cancelled(),))
        other.start()
        try:
            asyncio.run(next_one())
        finally:
            free.set()
            other.join()
        asyncio.run(database.close())
