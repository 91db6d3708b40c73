"""Blocks that are entered in one thread or task and used in another, and the transaction's own methods."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import uvloop

import howdah
from howdah import Col, Table, identity
from tests.python.pool.faces import outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from tests.python.conftest import Sql
    from tests.python.pool.faces import Open

LOOPS: list[Any] = [asyncio.new_event_loop, uvloop.new_event_loop]
loops = pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])


class Rider(Table):
    """A table of this file's own."""

    id: Col[int] = identity()
    name: Col[str]


@pytest.fixture
def table(sql: Sql) -> None:
    """Make an empty table `t`."""
    sql("CREATE TABLE t (a int)")


def rows(sql: Sql) -> list[int]:
    return [a for (a,) in sql("SELECT a FROM t ORDER BY a")]


def run_in(new_loop: Callable[[], asyncio.AbstractEventLoop], main: Any) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main)


@pytest.fixture
def elsewhere() -> Iterator[Callable[..., Any]]:
    """Give what calls in another thread and a copy of the context each time, as frameworks do with dependencies."""
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        pools = [first, second]

        def call(work: Callable[..., Any], *arguments: object) -> Any:
            pools.reverse()
            return pools[0].submit(contextvars.copy_context().run, work, *arguments).result()

        yield call


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("fails", [False, True])
def test_block_left_in_another_thread_is_rolled_back_and_told(
    url: str, sql: Sql, elsewhere: Callable[..., Any], *, fails: bool
) -> None:
    with howdah.Database(url, max_size=2) as db:
        block = db.transaction()
        elsewhere(block.__enter__)
        # It runs outside of the transaction, as far as anybody can see.
        assert elsewhere(db.execute, "INSERT INTO t VALUES (1)") == 1
        error = ValueError("why") if fails else None
        with pytest.raises(howdah.InterfaceError, match="left in another thread than it was entered in") as caught:
            elsewhere(block.__exit__, error and ValueError, error, None)
        assert caught.value.__cause__ is error
        assert rows(sql) == [1]
        assert db.stats().busy == 0
        with db.transaction():
            db.execute("INSERT INTO t VALUES (2)")
        assert rows(sql) == [1, 2]


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("fails", [False, True])
def test_verbs_of_the_transaction_run_in_it_from_any_thread(
    url: str, sql: Sql, elsewhere: Callable[..., Any], *, fails: bool
) -> None:
    with howdah.Database(url, max_size=2) as db:
        block = db.transaction()
        tx = elsewhere(block.__enter__)
        assert elsewhere(tx.execute, "INSERT INTO t VALUES ($1)", 1) == 1
        assert elsewhere(tx.execute_many, "INSERT INTO t VALUES ($1)", [(2,), (3,)]) == 2
        assert elsewhere(tx.load, "t", [{"a": 4}]).rows == 1
        assert elsewhere(tx.fetch, "SELECT a FROM t ORDER BY a") == [{"a": n} for n in (1, 2, 3, 4)]
        assert elsewhere(tx.fetch_one, "SELECT count(*) AS n FROM t") == {"n": 4}
        assert elsewhere(tx.fetch_value, "SELECT count(*) FROM t") == 4
        assert elsewhere(lambda: [row["a"] for row in tx.stream("SELECT a FROM t ORDER BY a", batch_rows=1)]) == [
            1,
            2,
            3,
            4,
        ]
        assert elsewhere(lambda: tx.read("SELECT a FROM t").to_arrow().num_rows) == 4
        assert rows(sql) == []
        error = ValueError("why") if fails else None
        elsewhere(block.__exit__, error and ValueError, error, None)
        assert rows(sql) == ([] if fails else [1, 2, 3, 4])
        assert db.stats().busy == 0
        with pytest.raises(howdah.InterfaceError, match="ended"):
            tx.execute("SELECT 1")


def test_verbs_for_tables_run_in_the_transaction_from_any_thread(
    url: str, sql: Sql, elsewhere: Callable[..., Any]
) -> None:
    with howdah.Database(url, max_size=2) as db:
        block = db.transaction()
        tx: howdah.Transaction = elsewhere(block.__enter__)
        elsewhere(tx.create_tables, Rider)
        rider = elsewhere(tx.save, Rider(name="Hannibal"))
        assert elsewhere(tx.insert_many, Rider, [{"name": "Porus"}, {"name": "Akbar"}]) == [2, 3]
        assert len(elsewhere(tx.insert_many, Rider, [{"name": f"n{n}"} for n in range(3000)])) == 3000
        assert elsewhere(tx.get, Rider, 2).name == "Porus"
        assert elsewhere(tx.find_one, Rider, Rider.name == "Akbar").id == 3
        assert elsewhere(tx.find(Rider, Rider.id < 3).order_by(Rider.id).to_list) == [rider, tx.get(Rider, 2)]
        assert elsewhere(tx.find(Rider, Rider.id == 2).update, Rider.name.set("Puru")) == 1
        assert elsewhere(tx.refresh, rider) is rider
        assert elsewhere(tx.find(Rider).count) == 3003
        report = elsewhere(lambda: tx.upsert(Rider, [{"id": 2, "name": "Poros"}], on=[Rider.id]))
        assert (report.inserted, report.updated) == (0, 1)
        doomed = tx.get(Rider, 3)
        elsewhere(tx.delete, doomed)
        assert sql("SELECT to_regclass('rider') IS NULL") == [(True,)]
        elsewhere(block.__exit__, None, None, None)
        assert sql("SELECT count(*) FROM rider") == [(3002,)]
        # What a transaction undoes is undone in the objects, too.
        with contextlib.suppress(ValueError), db.transaction() as tx:
            fresh = tx.save(Rider(name="Nobody"))
            raise ValueError
        assert db.save(fresh).name == "Nobody"
        assert sql("SELECT count(*) FROM rider WHERE name = 'Nobody'") == [(1,)]


@pytest.mark.usefixtures("table")
def test_nested_blocks_of_a_transaction_are_savepoints_from_any_thread(
    url: str, sql: Sql, elsewhere: Callable[..., Any]
) -> None:
    def nest(tx: howdah.Transaction, *, fails: bool) -> None:
        with tx.transaction() as inner:
            inner.execute("INSERT INTO t VALUES (1)" if fails else "INSERT INTO t VALUES (2)")
            # While it is open, the outer one's statements are in it, too.
            tx.execute("INSERT INTO t VALUES (3)")
            if fails:
                raise ValueError

    with howdah.Database(url, max_size=2) as db:
        block = db.transaction()
        tx: howdah.Transaction = elsewhere(block.__enter__)
        with contextlib.suppress(ValueError):
            elsewhere(lambda: nest(tx, fails=True))
        elsewhere(lambda: nest(tx, fails=False))
        assert rows(sql) == []
        elsewhere(block.__exit__, None, None, None)
        assert rows(sql) == [2, 3]


def test_block_inside_that_is_another_thread_s_bars_others(url: str) -> None:
    with howdah.Database(url, max_size=2) as db, db.transaction() as tx, tx.transaction():
        seen: list[object] = []

        def nest() -> None:
            try:
                with tx.transaction():
                    seen.append("it began")
            except howdah.InterfaceError as error:
                seen.append(str(error))

        thread = threading.Thread(target=nest)
        thread.start()
        thread.join()
        assert len(seen) == 1
        assert "another thread has a block open" in str(seen[0])
        with tx.transaction() as deepest:
            assert deepest.fetch_value("SELECT 1") == 1


@pytest.mark.usefixtures("table")
def test_block_of_a_generator_in_one_thread_is_as_ever(url: str, sql: Sql) -> None:
    with howdah.Database(url, max_size=2) as db:

        def dependency() -> Iterator[howdah.Database]:
            with db.transaction():
                yield db

        generator = dependency()
        next(generator).execute("INSERT INTO t VALUES (1)")
        assert rows(sql) == []
        assert next(generator, None) is None
        assert rows(sql) == [1]


@loops
@pytest.mark.usefixtures("table")
def test_block_that_a_task_of_its_own_enters_is_refused_at_once(url: str, sql: Sql, new_loop: Any) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=2) as db:
            with pytest.raises(howdah.InterfaceError, match="entered in a task that was created for __aenter__"):
                await asyncio.create_task(db.transaction().__aenter__())
            async with db.transaction():
                await db.execute("INSERT INTO t VALUES (1)")
            assert db.stats().busy == 0

    run_in(new_loop, main())
    assert rows(sql) == [1]


@loops
@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("fails", [False, True])
def test_block_that_another_task_leaves_is_rolled_back_and_told(
    url: str, sql: Sql, new_loop: Any, *, fails: bool
) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=2) as db:
            stack = contextlib.AsyncExitStack()

            async def enter() -> None:
                await stack.enter_async_context(db.transaction())

            await asyncio.create_task(enter())
            await db.execute("INSERT INTO t VALUES (1)")
            error = ValueError("why") if fails else None
            with pytest.raises(howdah.InterfaceError, match="left in another task than it was entered in") as caught:
                await stack.__aexit__(ValueError if fails else None, error, None)
            assert caught.value.__cause__ is error
            assert db.stats().busy == 0

    run_in(new_loop, main())
    assert rows(sql) == [1]


@loops
@pytest.mark.usefixtures("table")
def test_verbs_of_the_transaction_run_in_it_from_any_task(url: str, sql: Sql, new_loop: Any) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=2) as db:
            stack = contextlib.AsyncExitStack()

            async def enter() -> howdah.AsyncTransaction:
                return await stack.enter_async_context(db.transaction())

            tx = await asyncio.create_task(enter())
            assert await tx.execute("INSERT INTO t VALUES ($1)", 1) == 1
            assert await asyncio.create_task(tx.execute_many("INSERT INTO t VALUES ($1)", [(2,)])) == 1
            assert (await tx.load("t", [{"a": 3}])).rows == 1
            assert [row["a"] async for row in tx.stream("SELECT a FROM t ORDER BY a")] == [1, 2, 3]
            assert (await tx.read("SELECT a FROM t").to_arrow()).num_rows == 3
            await tx.create_tables(Rider)
            rider = await tx.save(Rider(name="Hannibal"))
            assert await tx.insert_many(Rider, [{"name": "Porus"}]) == [2]
            assert await tx.find(Rider).order_by(Rider.id).first() == rider
            assert [row.name async for row in tx.find(Rider).order_by(Rider.id).stream()] == ["Hannibal", "Porus"]
            with contextlib.suppress(ValueError):
                async with tx.transaction() as inner:
                    await inner.execute("INSERT INTO t VALUES (9)")
                    raise ValueError
            assert await db.fetch_value("SELECT count(*) FROM t") == 0
            await stack.aclose()
            assert await db.fetch_value("SELECT count(*) FROM t") == 3
            assert await db.find(Rider).count() == 2
            assert db.stats().busy == 0

    run_in(new_loop, main())
    assert rows(sql) == [1, 2, 3]


async def test_blocks_that_tasks_nest_at_once_in_a_transaction_do_not_mix(opened_async: Open, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    db = opened_async(max_size=2)

    async def nest(tx: howdah.AsyncTransaction, n: int) -> int:
        async with tx.transaction() as inner:
            await inner.execute("INSERT INTO t VALUES ($1)", n)
            await asyncio.sleep(0.02)
        return n

    async with db.transaction() as tx:
        results = await asyncio.gather(*(outcome(nest(tx, n)) for n in range(5)))
        assert results[0] == 0
        assert all("another task has a block open" in str(result) for result in results[1:])
        assert await nest(tx, 7) == 7
    assert rows(sql) == [0, 7]


async def test_block_of_an_async_generator_in_one_task_is_as_ever(opened_async: Open, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    db = opened_async(max_size=2)

    async def dependency() -> AsyncIterator[None]:
        async with db.transaction():
            yield

    generator = dependency()
    await anext(generator)
    await db.execute("INSERT INTO t VALUES (1)")
    assert rows(sql) == []
    with pytest.raises(StopAsyncIteration):
        await anext(generator)
    assert rows(sql) == [1]


def test_sync_dependency_of_fastapi_with_the_transaction_s_verbs(url: str, sql: Sql) -> None:
    fastapi = pytest.importorskip("fastapi")
    testclient = pytest.importorskip("fastapi.testclient")
    sql("CREATE TABLE t (a int)")
    app = fastapi.FastAPI()
    with howdah.Database(url, max_size=2) as db:

        def transaction() -> Iterator[howdah.Transaction]:
            with db.transaction() as tx:
                yield tx

        def right(tx: Any, fails: bool = False) -> int:  # noqa: FBT001, FBT002  (a query parameter)
            tx.execute("INSERT INTO t VALUES (1)")
            if fails:
                raise fastapi.HTTPException(418)
            return int(tx.fetch_value("SELECT count(*) FROM t"))

        def wrong(tx: Any) -> int:
            del tx
            return db.execute("INSERT INTO t VALUES (2)")

        for function in (right, wrong):
            function.__annotations__["tx"] = Annotated[Any, fastapi.Depends(transaction)]
            function.__annotations__["fails"] = bool
            app.get(f"/{function.__name__}")(function)
        client = testclient.TestClient(app)
        assert client.get("/right").json() == 1
        assert client.get("/right?fails=true").status_code == 418
        assert rows(sql) == [1]
        with pytest.raises(howdah.InterfaceError, match="left in another thread"):
            client.get("/wrong")
