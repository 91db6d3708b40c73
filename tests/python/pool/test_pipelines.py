"""Pipelines: statements that are sent without waiting, the order of results, and errors."""

# ruff: noqa: PT012  (what raises is the end of a block)
from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
import pytest

import howdah
from tests.python.pool.faces import soon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.pool.faces import Open

ONE = "SELECT $1::int8"
INSERT = "INSERT INTO t VALUES ($1)"


class Pair(NamedTuple):
    a: int
    b: str


@pytest.fixture
def table(url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (n int8 PRIMARY KEY)")
        yield connection
        connection.execute("DROP TABLE t")


def stored(table: psycopg.Connection) -> list[int]:
    return [n for (n,) in table.execute("SELECT n FROM t ORDER BY n").fetchall()]


async def clean(database: howdah.AsyncDatabase) -> None:
    """Expect every connection back, outside of a transaction."""
    await soon(lambda: database.stats().busy == 0)
    assert await database.fetch_value("SELECT pg_current_xact_id_if_assigned()::text") is None


async def test_results_come_in_order_and_of_each_kind(one: howdah.AsyncDatabase, table: psycopg.Connection) -> None:
    async with one.pipeline() as pipeline:
        inserted = [pipeline.execute(INSERT, n) for n in range(3)]
        rows = pipeline.fetch("SELECT n FROM t ORDER BY n")
        row = pipeline.fetch_one("SELECT 1 AS a, 'x' AS b", into=Pair)
        pairs = pipeline.fetch("SELECT 2 AS a, 'y' AS b", into=Pair)
        none = pipeline.fetch_one("SELECT 1 WHERE false")
        value = pipeline.fetch_value("SELECT count(*) FROM t")
        nothing = pipeline.execute("")
        updated = pipeline.execute("UPDATE t SET n = n + 10")
        assert stored(table) == []
    assert [result.result() for result in inserted] == [1, 1, 1]
    assert rows.result() == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert (row.result(), pairs.result(), none.result()) == (Pair(1, "x"), [Pair(2, "y")], None)
    assert (value.result(), nothing.result(), updated.result()) == (3, 0, 3)
    assert stored(table) == [10, 11, 12]
    await clean(one)


async def test_result_inside_the_block_is_waited_for(one: howdah.AsyncDatabase) -> None:
    async with one.pipeline() as pipeline:
        first, second = pipeline.fetch_value(ONE, 1), pipeline.fetch_value(ONE, 2)
        assert await second == 2
        assert first.done()
        assert first.result() == 1
        assert [await pipeline.fetch_value(ONE, n) for n in range(50)] == list(range(50))
    await clean(one)


async def test_empty_pipeline_asks_nothing(one: howdah.AsyncDatabase) -> None:
    async with one.pipeline():
        pass
    async with one.pipeline(transaction=False):
        pass
    await clean(one)


async def test_many_statements_are_all_answered(one: howdah.AsyncDatabase) -> None:
    async with one.pipeline() as pipeline:
        results = [pipeline.fetch_value(ONE, n) for n in range(100_000)]
    assert [result.result() for result in results] == list(range(100_000))
    await clean(one)


async def test_statements_of_their_own_transactions_are_all_answered(one: howdah.AsyncDatabase) -> None:
    async with one.pipeline(transaction=False) as pipeline:
        results = [pipeline.fetch_value("SELECT $1::int8 FROM pg_current_xact_id()", n) for n in range(2000)]
        ids = [pipeline.fetch_value("SELECT pg_current_xact_id()::text") for _ in range(3)]
    assert [result.result() for result in results] == list(range(2000))
    assert len({one.result() for one in ids}) == 3
    await clean(one)


@pytest.mark.parametrize("transaction", [True, False])
async def test_rows_and_values_larger_than_the_sockets_buffers(one: howdah.AsyncDatabase, *, transaction: bool) -> None:
    size = 3 << 20
    async with one.pipeline(transaction=transaction) as pipeline:
        results = []
        for n in range(6):
            results.append(pipeline.fetch_value("SELECT repeat(chr(65 + $1::int), $2::int)", n, size))
            results.append(pipeline.fetch_value("SELECT $1::text", chr(97 + n) * size))
            results.append(pipeline.fetch_value(ONE, n))
    for n in range(6):
        large, echoed, small = (result.result() for result in results[3 * n : 3 * n + 3])
        assert (large, echoed, small) == (chr(65 + n) * size, chr(97 + n) * size, n)
    await clean(one)


async def test_error_fails_those_after_it_and_names_its_statement(
    one: howdah.AsyncDatabase, table: psycopg.Connection
) -> None:
    with pytest.raises(howdah.UniqueViolation, match="statement 2 of the pipeline: duplicate key") as raised:
        async with one.pipeline() as pipeline:
            results = [pipeline.execute(INSERT, n) for n in (1, 2, 1, 3)]
    assert raised.value.pipeline_index == 2
    assert [result.result() for result in results[:2]] == [1, 1]
    with pytest.raises(howdah.UniqueViolation):
        results[2].result()
    with pytest.raises(
        howdah.DatabaseError, match="statement 3 of the pipeline: not run or rolled back, since statement 2 has failed"
    ):
        results[3].result()
    assert stored(table) == []
    await clean(one)


async def test_error_in_separate_transactions_lets_the_others_go_on(
    one: howdah.AsyncDatabase, table: psycopg.Connection
) -> None:
    with pytest.raises(howdah.UniqueViolation, match="statement 2 of the pipeline"):
        async with one.pipeline(transaction=False) as pipeline:
            results = [pipeline.execute(INSERT, n) for n in (1, 2, 1, 3)]
    assert [result.result() for result in results if result is not results[2]] == [1, 1, 1]
    assert stored(table) == [1, 2, 3]
    await clean(one)


@pytest.mark.usefixtures("table")
async def test_error_that_was_seen_is_not_raised_again_in_separate_transactions(one: howdah.AsyncDatabase) -> None:
    async with one.pipeline(transaction=False) as pipeline:
        await pipeline.execute(INSERT, 1)
        with pytest.raises(howdah.UniqueViolation):
            await pipeline.execute(INSERT, 1)
        assert await pipeline.execute(INSERT, 2) == 1
    await clean(one)


@pytest.mark.usefixtures("table")
async def test_error_that_was_seen_is_raised_again_in_one_transaction(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.UniqueViolation):
        async with one.pipeline() as pipeline:
            pipeline.execute(INSERT, 1)
            with pytest.raises(howdah.UniqueViolation):
                await pipeline.execute(INSERT, 1)
    assert await one.fetch("SELECT * FROM t") == []


@pytest.mark.parametrize(
    ("sql", "params", "error"),
    [
        (INSERT, ("x",), howdah.ConversionError),
        (INSERT, (1, 2), howdah.ProgrammingError),
        ("SELECT nowhere", (), howdah.ProgrammingError),
        ("SELECT 1; SELECT 2", (), howdah.ProgrammingError),
        ("COMMIT", (), howdah.InterfaceError),
        ("/* why */ COPY t FROM STDIN", (), howdah.NotSupportedError),
        ("COPY t TO STDOUT", (), howdah.NotSupportedError),
        ("SELECT 1 AS a, 2 AS a", (), howdah.ProgrammingError),
    ],
)
@pytest.mark.parametrize("transaction", [True, False])
async def test_statement_that_cannot_be_run_fails_alone(
    one: howdah.AsyncDatabase,
    table: psycopg.Connection,
    *,
    transaction: bool,
    sql: str,
    params: tuple[object, ...],
    error: type[Exception],
) -> None:
    with pytest.raises(error, match="statement 1 of the pipeline"):
        async with one.pipeline(transaction=transaction) as pipeline:
            first = pipeline.execute(INSERT, 1)
            second = pipeline.fetch(sql, *params)
            third = pipeline.execute(INSERT, 3)
    assert first.result() == 1
    with pytest.raises(error):
        second.result()
    if transaction:
        with pytest.raises(howdah.DatabaseError, match="not run or rolled back, since statement 1 has failed"):
            third.result()
    assert stored(table) == ([] if transaction else [1, 3])
    await clean(one)


@pytest.mark.parametrize("transaction", [True, False])
async def test_exception_in_the_block_rolls_one_transaction_back(
    one: howdah.AsyncDatabase, table: psycopg.Connection, *, transaction: bool
) -> None:
    with pytest.raises(ZeroDivisionError):
        async with one.pipeline(transaction=transaction) as pipeline:
            for n in range(100):
                pipeline.execute(INSERT, n)
            raise ZeroDivisionError
    assert stored(table) == ([] if transaction else list(range(100)))
    await clean(one)


async def test_deferred_constraint_fails_the_commit(one: howdah.AsyncDatabase, table: psycopg.Connection) -> None:
    table.execute("CREATE TABLE u (n int8 REFERENCES t DEFERRABLE INITIALLY DEFERRED)")
    try:
        with pytest.raises(howdah.ForeignKeyViolation):
            async with one.pipeline() as pipeline:
                assert await pipeline.execute("INSERT INTO u VALUES ($1)", 1) == 1
        assert table.execute("SELECT count(*) FROM u").fetchone() == (0,)
    finally:
        table.execute("DROP TABLE u")
    await clean(one)


async def test_pipeline_inside_a_transaction_is_a_part_of_it(
    one: howdah.AsyncDatabase, table: psycopg.Connection
) -> None:
    async with one.transaction() as transaction:
        await one.execute(INSERT, 1)
        async with one.pipeline() as pipeline:
            count = pipeline.fetch_value("SELECT count(*) FROM t")
            pipeline.execute(INSERT, 2)
        async with transaction.pipeline() as pipeline:
            pipeline.execute(INSERT, 3)
        assert count.result() == 1
        with pytest.raises(howdah.InterfaceError, match="transaction=False"):
            async with one.pipeline(transaction=False):
                pass
        assert stored(table) == []
    assert stored(table) == [1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        async with one.transaction():
            async with one.pipeline() as pipeline:
                pipeline.execute(INSERT, 4)
            raise ZeroDivisionError
    assert stored(table) == [1, 2, 3]
    await clean(one)


async def test_pipeline_of_a_session_uses_its_connection(one: howdah.AsyncDatabase, table: psycopg.Connection) -> None:
    async with one.session() as session:
        for transaction in (True, False):
            async with session.pipeline(transaction=transaction) as pipeline:
                pid = pipeline.fetch_value("SELECT pg_backend_pid()")
                pipeline.execute(INSERT, int(transaction))
            assert pid.result() == session.pid
        async with session.transaction():
            async with session.pipeline() as pipeline:
                pipeline.execute(INSERT, 2)
            assert stored(table) == [0, 1]
    assert stored(table) == [0, 1, 2]
    await clean(one)


async def test_connection_of_a_pipeline_is_the_pipelines_alone(one: howdah.AsyncDatabase) -> None:
    async with one.session() as session:
        async with session.pipeline() as pipeline:
            one_value = pipeline.fetch_value(ONE, 1)
            with pytest.raises(howdah.InterfaceError, match="pipeline is under way"):
                await session.fetch_value(ONE, 2)
        assert one_value.result() == 1
        assert await session.fetch_value(ONE, 3) == 3


async def test_statements_that_change_names_are_seen_by_those_after_them(one: howdah.AsyncDatabase) -> None:
    async with one.pipeline() as pipeline:
        pipeline.execute("CREATE TEMP TABLE seen (n int8) ON COMMIT DROP")
        pipeline.execute("INSERT INTO seen VALUES ($1)", 7)
        before = pipeline.fetch("SELECT * FROM seen")
        pipeline.execute("ALTER TABLE seen ADD m int8 DEFAULT 8")
        after = pipeline.fetch("SELECT n, m FROM seen")
        pipeline.execute("SET LOCAL search_path = pg_catalog")
        path = pipeline.fetch_value("SHOW search_path")
    assert (before.result(), after.result(), path.result()) == ([{"n": 7}], [{"n": 7, "m": 8}], "pg_catalog")


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("transaction", [True, False])
async def test_pipeline_without_prepared_statements(opened: Open, *, transaction: bool) -> None:
    database = opened(max_size=1, statement_cache_size=0)
    async with database.pipeline(transaction=transaction) as pipeline:
        results = [pipeline.execute(INSERT, n) for n in range(40)]
        values = [pipeline.fetch_value(ONE, n) for n in range(40)]
        mixed = [pipeline.fetch_value(f"SELECT {n}") for n in range(10)]
    assert [result.result() for result in results] == [1] * 40
    assert [result.result() for result in (*values, *mixed)] == [*range(40), *range(10)]
    await clean(database)


async def test_pipeline_that_has_not_begun_or_has_ended_is_refused(one: howdah.AsyncDatabase) -> None:
    pipeline = one.pipeline()
    with pytest.raises(howdah.InterfaceError, match="has not begun"):
        pipeline.execute("SELECT 1")
    async with pipeline:
        pass
    with pytest.raises(howdah.InterfaceError, match="has ended"):
        pipeline.execute("SELECT 1")
    with pytest.raises(howdah.InterfaceError, match="entered once"):
        async with pipeline:
            pass


@pytest.mark.parametrize("transaction", [True, False])
async def test_timeout_ends_the_pipeline(opened: Open, table: psycopg.Connection, *, transaction: bool) -> None:
    database = opened(max_size=1, statement_timeout_s=0.3)
    with pytest.raises(howdah.QueryTimeout):
        async with database.pipeline(transaction=transaction) as pipeline:
            pipeline.execute(INSERT, 1)
            pipeline.fetch("SELECT pg_sleep(30)")
            pipeline.execute(INSERT, 2)
    if transaction:
        assert stored(table) == []
    await clean(database)


async def test_many_short_statements_take_longer_than_the_timeout_of_one(opened: Open) -> None:
    database = opened(max_size=1, statement_timeout_s=0.5)
    async with database.pipeline() as pipeline:
        results = [pipeline.fetch_value("SELECT $1::int8 FROM pg_sleep(0.1)", n) for n in range(10)]
    assert [result.result() for result in results] == list(range(10))


@pytest.mark.parametrize("transaction", [True, False])
async def test_lost_connection_ends_the_pipeline(
    opened: Open, kill: Callable[[int], None], table: psycopg.Connection, *, transaction: bool
) -> None:
    database = opened(max_size=1)
    with pytest.raises(howdah.OperationalError):
        async with database.pipeline(transaction=transaction) as pipeline:
            pid = await pipeline.fetch_value("SELECT pg_backend_pid()")
            kill(pid)
            for n in range(100):
                pipeline.execute(INSERT, n)
    assert stored(table) == []
    await clean(database)


@pytest.mark.parametrize("transaction", [True, False])
async def test_cancelled_task_ends_the_pipeline(
    opened_async: Open, table: psycopg.Connection, *, transaction: bool
) -> None:
    database = opened_async(max_size=1)

    async def body() -> None:
        async with database.pipeline(transaction=transaction) as pipeline:
            pipeline.execute(INSERT, 1)
            pipeline.fetch("SELECT pg_sleep(30)")
            pipeline.execute(INSERT, 2)

    task = asyncio.create_task(body())
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await asyncio.wait_for(task, 5.0)
    expected = None if transaction else "unknown"
    assert getattr(raised.value, "howdah_outcome", None) == expected
    await clean(database)
    # What was sent behind the one that is cancelled may have been run.
    assert (stored(table) == []) is transaction


async def test_result_that_is_given_up_ends_the_pipeline(opened_async: Open, table: psycopg.Connection) -> None:
    database = opened_async(max_size=1)
    with pytest.raises(howdah.InterfaceError, match="interrupted"):
        async with database.pipeline() as pipeline:
            pipeline.execute(INSERT, 1)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(wait(pipeline.fetch("SELECT pg_sleep(30)")), 0.1)
            pipeline.execute(INSERT, 2)
    assert stored(table) == []
    await clean(database)


async def wait(result: howdah.AsyncPipelineResult[Any]) -> Any:
    return await result


async def test_results_are_awaited_by_several_tasks(opened_async: Open) -> None:
    database = opened_async(max_size=1)
    async with database.pipeline() as pipeline:
        results = [pipeline.fetch_value(ONE, n) for n in range(500)]
        assert await asyncio.gather(*(wait(result) for result in reversed(results))) == list(reversed(range(500)))


async def test_statements_are_sent_in_the_loops_next_round(opened_async: Open, sessions: Callable[[str], int]) -> None:
    database = opened_async(max_size=1)
    async with database.pipeline(transaction=False) as pipeline:
        await pipeline.fetch_value(ONE, 1)
        slow = pipeline.fetch_value("SELECT 1 FROM pg_sleep(0.5)")
        await soon(lambda: sessions("wait_event = 'PgSleep'") == 1)
        assert not slow.done()
    assert slow.result() == 1


@pytest.mark.parametrize("transaction", [True, False])
def test_interrupt_ends_the_pipeline(url: str, table: psycopg.Connection, *, transaction: bool) -> None:
    def interrupt() -> None:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    with howdah.Database(url, max_size=1) as database:
        thread = threading.Thread(target=interrupt)
        thread.start()
        with pytest.raises(KeyboardInterrupt) as raised, database.pipeline(transaction=transaction) as pipeline:
            pipeline.execute(INSERT, 1)
            pipeline.fetch("SELECT pg_sleep(30)")
            pipeline.execute(INSERT, 2)
        thread.join()
        expected = None if transaction else "unknown"
        assert getattr(raised.value, "howdah_outcome", None) == expected
        assert database.fetch_value(ONE, 1) == 1
    assert (stored(table) == []) is transaction
