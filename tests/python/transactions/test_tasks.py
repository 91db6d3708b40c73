"""Tasks and threads inside and outside a block: which of them may use it."""

# ruff: noqa: PT012  (what raises may be the end of a block, or the midst of it)
from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import outcome, pid_of, soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.python.pool.faces import Open

    Sql = Callable[..., Any]


@pytest.fixture
def table(opened_async: Open, sql: Sql) -> howdah.AsyncDatabase:
    """Give an AsyncDatabase with an empty table `t`."""
    sql("CREATE TABLE t (a int)")
    return opened_async(max_size=3, acquire_timeout_s=5)


def rows(sql: Sql) -> list[int]:
    return [a for (a,) in sql("SELECT a FROM t ORDER BY a")]


async def test_gather_in_a_block_runs_in_it_and_each_gets_its_own(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        mine = await pid_of(table)
        numbers = await asyncio.gather(*(table.fetch_value("SELECT $1::int", n) for n in range(200)))
        assert numbers == list(range(200))
        found: list[Any] = await asyncio.gather(
            pid_of(table),
            table.fetch("SELECT $1::text AS v FROM generate_series(1, 3)", "x"),
            table.execute("INSERT INTO t VALUES (1), (2)"),
            table.fetch_one("SELECT count(*) AS n FROM t"),
            table.execute_many("INSERT INTO t VALUES ($1)", [(3,), (4,), (5,)]),
            table.fetch_value("SELECT count(*) FROM t"),
        )
        assert found == [mine, [{"v": "x"}] * 3, 2, {"n": 2}, 3, 5]
        assert rows(sql) == []
    assert rows(sql) == [1, 2, 3, 4, 5]


async def test_gather_in_a_block_is_pipelined(table: howdah.AsyncDatabase) -> None:
    when = "SELECT extract(epoch FROM clock_timestamp())::float8 FROM pg_sleep($1)"
    async with table.transaction():
        await table.fetch_value(when, 0.0)
        tasks = [asyncio.create_task(table.fetch_value(when, pause)) for pause in (0.1, *[0.0] * 50)]
        await asyncio.sleep(0)
        # While the loop stands still, the server answers what it has been sent: all of them, for nobody waited.
        time.sleep(0.4)  # noqa: ASYNC251
        stood_until = time.time()
        answers = await asyncio.gather(*tasks)
        assert answers == sorted(answers)
        assert answers[-1] < stood_until
        assert table.stats().busy == 1


async def test_one_failure_among_gathered_fails_those_after_it_and_the_block(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    with pytest.raises(howdah.DataError, match="division by zero"):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            await asyncio.gather(
                table.fetch_value("SELECT 1"), table.execute("SELECT 1 / 0"), table.fetch_value("SELECT 2")
            )
    assert rows(sql) == []
    assert await table.fetch_value("SELECT 3") == 3


async def test_failures_that_arrive_together_are_raised_in_the_order_of_the_server(table: howdah.AsyncDatabase) -> None:
    slow_failure = "SELECT 1 / (0 * length(pg_sleep(0.2)::text))"
    with pytest.raises(howdah.DataError, match="division by zero"):
        async with table.transaction():
            await table.fetch_value("SELECT 0")
            # The first one is prepared before the failure, and executed after it.
            gathered = asyncio.gather(table.fetch_value("SELECT 1"), table.execute(slow_failure))
            await asyncio.sleep(0.1)
            # Both fail while the loop stands still.
            time.sleep(0.4)  # noqa: ASYNC251
            await gathered


async def test_failures_among_gathered_reach_their_own_callers(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.ProgrammingError, match="rolled back, not committed"):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            results = await asyncio.gather(
                outcome(table.fetch_value("SELECT 1")),
                outcome(table.fetch_value("SELECT nonsense")),
                outcome(table.fetch_value("SELECT 2")),
            )
            # Which of the others come too late depends on what was prepared before.
            assert getattr(results[1], "sqlstate", None) == "42703"
            assert results[0] == 1 or getattr(results[0], "sqlstate", None) == "25P02"
            assert getattr(results[2], "sqlstate", None) == "25P02"
    assert rows(sql) == []


async def test_task_group_in_a_block_shares_its_fate(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(ExceptionGroup):
        async with table.transaction(), asyncio.TaskGroup() as group:
            group.create_task(table.execute("INSERT INTO t VALUES (1)"))
            group.create_task(table.execute("SELECT 1 / 0"))
            group.create_task(table.execute("SELECT pg_sleep(60)"))
    assert rows(sql) == []
    assert await table.fetch_value("SELECT 3") == 3


async def test_block_nested_by_a_foreign_task_raises_at_once(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async def nest() -> None:
        async with table.transaction():
            pytest.fail("it began")

    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (1)")
        results = await asyncio.gather(nest(), table.fetch_value("SELECT 5"), nest(), return_exceptions=True)
        assert results[1] == 5
        for result in results[::2]:
            assert isinstance(result, howdah.InterfaceError)
            assert "another task" in str(result)
        await table.execute("INSERT INTO t VALUES (2)")
    assert rows(sql) == [1, 2]


async def test_task_that_outlives_its_block_is_refused(table: howdah.AsyncDatabase, sql: Sql) -> None:
    ended = asyncio.Event()

    async def late() -> object:
        await ended.wait()
        results = [await outcome(table.execute("INSERT INTO t VALUES (9)")), await outcome(table.fetch("SELECT 1"))]

        async def nest() -> None:
            async with table.transaction():
                pytest.fail("it began")

        return [*results, await outcome(nest()), await outcome(table.load("t", [{"a": 9}]))]

    async with table.transaction():
        task = asyncio.create_task(late())
        await table.execute("INSERT INTO t VALUES (1)")
    ended.set()
    found: Any = await task
    for error in found:
        assert isinstance(error, howdah.InterfaceError), repr(error)
        assert "ended" in str(error)
    assert rows(sql) == [1]


async def test_block_of_a_generator_that_is_left_early_is_left_for_good(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async def numbers() -> AsyncIterator[int]:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            for n in range(3):
                yield n

    async for _ in numbers():
        break
    # asyncio closes it in a task of its own.
    gc.collect()
    await soon(lambda: not table.stats().busy)
    assert await table.execute("INSERT INTO t VALUES (2)") == 1
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (3)")
    assert await asyncio.create_task(table.fetch_value("SELECT count(*) FROM t")) == 2
    assert rows(sql) == [2, 3]


async def test_task_in_a_fresh_context_is_outside_of_the_block(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        task = asyncio.create_task(table.execute("INSERT INTO t VALUES (1)"), context=contextvars.Context())
        await task
        assert rows(sql) == [1]
        assert await table.fetch_value("SELECT count(*) FROM t") == 1


async def test_statement_still_under_way_at_the_end_of_the_block_is_answered(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    async with table.transaction():
        task = asyncio.create_task(table.execute("INSERT INTO t SELECT 1 FROM pg_sleep(0.1)"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert await task == 1
    assert rows(sql) == [1]
    assert await table.fetch_value("SELECT 3") == 3


async def test_inner_block_left_open_by_a_generator_is_rolled_back_with_the_outer(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    async def halfway() -> Any:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (2)")
            yield 1

    generator = halfway()
    with pytest.raises(howdah.InterfaceError, match="still open"):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            await anext(generator)
    assert rows(sql) == []
    await outcome(generator.aclose())
    assert await table.fetch_value("SELECT 3") == 3


@pytest.mark.parametrize("inner", [False, True])
@pytest.mark.parametrize("how", ["sleep", "statement"])
async def test_cancellation_inside_rolls_back(
    table: howdah.AsyncDatabase, sql: Sql, sessions: Callable[..., int], *, how: str, inner: bool
) -> None:
    async def body() -> None:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            if inner:
                async with table.transaction():
                    await wait()
            else:
                await wait()

    async def wait() -> None:
        await table.execute("INSERT INTO t VALUES (2)")
        waits.set()
        await (asyncio.sleep(60) if how == "sleep" else table.execute("SELECT pg_sleep(60)"))

    waits = asyncio.Event()
    task = asyncio.create_task(body())
    await waits.wait()
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await soon(lambda: sessions("state <> 'idle'") == 0, within_s=2)
    assert rows(sql) == []
    assert table.stats().busy == 0
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (3)")
    assert rows(sql) == [3]


async def test_timeout_of_one_statement_in_a_block_spoils_the_rest_of_it(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.DatabaseError):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(table.execute("SELECT pg_sleep(60)"), 0.1)
    assert rows(sql) == []
    assert await table.fetch_value("SELECT 3") == 3


async def test_timeout_in_a_savepoint_spares_the_block(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), table.transaction():
                await table.execute("INSERT INTO t VALUES (2)")
                await table.execute("SELECT pg_sleep(60)")
        await table.execute("INSERT INTO t VALUES (3)")
    assert rows(sql) == [1, 3]


def test_thread_has_no_part_in_another_s_block(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    with howdah.Database(url) as database:
        with database.transaction():
            database.execute("INSERT INTO t VALUES (1)")
            thread = threading.Thread(target=lambda: database.execute("INSERT INTO t VALUES (2)"))
            thread.start()
            thread.join()
            assert rows(sql) == [2]
        assert rows(sql) == [1, 2]


def test_thread_given_the_context_takes_part_but_cannot_nest(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    seen: list[object] = []
    with howdah.Database(url) as database:

        def body() -> None:
            seen.append(database.fetch_value("SELECT count(*) FROM t"))
            try:
                with database.transaction():
                    seen.append("it began")
            except howdah.InterfaceError as error:
                seen.append(str(error))

        with database.transaction():
            database.execute("INSERT INTO t VALUES (1)")
            thread = threading.Thread(target=contextvars.copy_context().run, args=(body,))
            thread.start()
            thread.join()
            database.execute("INSERT INTO t VALUES (2)")
    assert seen[0] == 1
    assert "another" in str(seen[1])
    assert rows(sql) == [1, 2]


def test_block_entered_by_a_task_that_is_never_finished_is_given_back(
    url: str, sql: Sql, sessions: Callable[..., int], app: str
) -> None:
    sql("CREATE TABLE t (a int)")
    database = howdah.AsyncDatabase(url, max_size=1, application_name=app, acquire_timeout_s=5)

    async def abandoned() -> None:
        async with database.transaction():
            await database.execute("INSERT INTO t VALUES (1)")
            await asyncio.Event().wait()

    async def main() -> None:
        coroutine = abandoned()

        async def begin() -> None:
            task = asyncio.create_task(coroutine)
            await soon(lambda: sessions("state = 'idle in transaction'") == 1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await begin()
        await database.execute("INSERT INTO t VALUES (2)")

    asyncio.run(main())
    assert rows(sql) == [2]
    asyncio.run(database.close())


@pytest.mark.parametrize("options", [{"statement_cache_size": 0}, {}], ids=["nameless", "kept"])
async def test_any_number_of_statements_may_be_gathered_in_a_block(opened_async: Open, options: Any) -> None:
    database = opened_async(**options)
    for count in (2, 3, 10):
        async with asyncio.timeout(10), database.transaction():
            numbers = await asyncio.gather(*(database.fetch_value("SELECT $1::int", n) for n in range(count)))
        assert numbers == list(range(count))


async def test_statements_that_wait_for_a_long_one_in_a_block_all_have_their_turn(table: howdah.AsyncDatabase) -> None:
    async with asyncio.timeout(30), table.transaction():
        many = asyncio.create_task(table.execute_many("INSERT INTO t VALUES ($1)", ((n,) for n in range(50_000))))
        await asyncio.sleep(0)
        numbers = await asyncio.gather(*(table.fetch_value("SELECT $1::int", n) for n in range(5)))
        assert numbers == list(range(5))
        assert await many == 50_000


def test_threads_that_wait_for_a_long_statement_in_a_block_all_have_their_turn(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    numbers: list[Any] = []
    with howdah.Database(url, max_size=1) as database, database.transaction():
        begun = threading.Event()

        def rows() -> Iterator[tuple[int]]:
            for n in range(50_000):
                begun.set()
                yield (n,)

        contexts = [contextvars.copy_context() for _ in range(5)]
        many = threading.Thread(
            target=contexts[0].run, args=(database.execute_many, "INSERT INTO t VALUES ($1)", rows())
        )
        many.start()
        begun.wait()
        asking = [
            threading.Thread(
                target=context.run, args=(lambda n=n: numbers.append(database.fetch_value("SELECT $1::int", n)),)
            )
            for n, context in enumerate(contexts[1:])
        ]
        for thread in asking:
            thread.start()
        for thread in (many, *asking):
            thread.join(30)
        assert not any(thread.is_alive() for thread in (many, *asking))
    assert sorted(numbers) == list(range(4))
    assert sql("SELECT count(*) FROM t") == [(50_000,)]


async def test_statements_begun_after_a_cancellation_in_a_block_all_end(table: howdah.AsyncDatabase) -> None:
    with contextlib.suppress(howdah.Error):
        async with asyncio.timeout(10), table.transaction():
            slow = asyncio.create_task(table.execute("SELECT pg_sleep(30)"))
            await asyncio.sleep(0.05)
            slow.cancel()
            found = await asyncio.gather(
                *(table.fetch_value("SELECT $1::int", n) for n in range(5)), return_exceptions=True
            )
            # The transaction has failed with the statement.
            assert all(isinstance(error, howdah.Error) for error in found)
    assert await table.fetch_value("SELECT 1") == 1
