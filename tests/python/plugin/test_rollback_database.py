"""The database of a test behaves as a pool, but all changes are rolled back."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import howdah
from howdah import Col, Many, Ref, Table
from tests.python.plugin.conftest import Rider

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

    from howdah import AsyncDatabase
    from tests.python.conftest import Sql

COUNT = "SELECT count(*) FROM rider"


async def store(*names: str) -> None:
    """Store riders, by the default database."""
    for name in names:
        await Rider(name=name).save()


async def stored() -> list[str]:
    """Give the names of the riders that are stored."""
    return [rider.name for rider in await Rider.find().order_by(Rider.name).to_list()]


@pytest.fixture(autouse=True)
def unchanged(sql: Sql, howdah_db: AsyncDatabase) -> Callable[[], None]:
    """Give what checks that nobody else sees a change."""
    assert howdah_db is not None

    def check() -> None:
        assert sql(COUNT) == [(0,)]

    return check


def test_a_row_is_seen_in_the_test_alone(howdah_db: AsyncDatabase, unchanged: Callable[[], None]) -> None:
    async def body() -> None:
        rider = await howdah_db.save(Rider(name="Hannibal"))
        assert await Rider.get(rider.id) == rider
        assert await howdah_db.fetch_value(COUNT) == 1
        await Rider.find().update(Rider.name.set("Hanno"))
        assert await stored() == ["Hanno"]

    asyncio.run(body())
    unchanged()


def test_a_test_may_use_one_event_loop_after_another(unchanged: Callable[[], None]) -> None:
    asyncio.run(store("a"))
    asyncio.run(store("b"))
    names: list[Any] = []
    thread = threading.Thread(target=lambda: names.extend(asyncio.run(stored())))
    thread.start()
    thread.join()
    assert names == ["a", "b"]
    unchanged()


def test_a_transaction_that_ends_well_is_kept_in_the_test(unchanged: Callable[[], None]) -> None:
    async def body() -> None:
        async with howdah.pg_transaction(isolation="serializable"):
            await store("a")
            async with howdah.pg_transaction():
                await store("b")
        assert await stored() == ["a", "b"]

    asyncio.run(body())
    unchanged()


def test_a_transaction_that_fails_is_undone_alone() -> None:
    async def broken() -> None:
        async with howdah.pg_transaction():
            await store("e")
            raise ZeroDivisionError

    async def body() -> None:
        await store("a")
        async with howdah.pg_transaction():
            await store("b")
            with pytest.raises(howdah.UniqueViolation):
                async with howdah.pg_transaction():
                    await store("c", "a")
            await store("d")
        with pytest.raises(ZeroDivisionError):
            await broken()
        async with howdah.pg_transaction() as transaction:
            await store("f")
            await transaction.rollback()
        assert await stored() == ["a", "b", "d"]

    asyncio.run(body())


def test_a_transaction_around_a_failed_statement_cannot_commit(howdah_db: AsyncDatabase) -> None:
    async def careless() -> None:
        async with howdah.pg_transaction():
            await store("b")
            with pytest.raises(howdah.UniqueViolation):
                await store("a")

    async def body() -> None:
        await store("a")
        with pytest.raises(howdah.DatabaseError):
            await careless()
        assert await howdah_db.fetch_value(COUNT) == 1

    asyncio.run(body())


def test_a_statement_that_fails_undoes_itself_alone(howdah_db: AsyncDatabase) -> None:
    async def body() -> None:
        await store("a")
        with pytest.raises(howdah.UniqueViolation):
            await store("a")
        with pytest.raises(howdah.ProgrammingError):
            await howdah_db.fetch("SELECT nothing")
        with pytest.raises(howdah.IntegrityError):
            await howdah_db.execute_many("INSERT INTO rider (name) VALUES ($1)", [("b",), ("a",)])
        with pytest.raises(howdah.UniqueViolation):
            await howdah_db.load("rider", [{"name": "c"}, {"name": "a"}])
        assert await stored() == ["a"]

    asyncio.run(body())


def test_a_transaction_that_only_reads_refuses_to_write() -> None:
    async def body() -> None:
        with pytest.raises(howdah.DatabaseError, match="read-only"):
            async with howdah.pg_transaction(readonly=True):
                await store("a")
        async with howdah.pg_transaction(readonly=True):
            assert await stored() == []
        await store("b")

    asyncio.run(body())


def test_rows_in_bulk_are_rolled_back_too(howdah_db: AsyncDatabase, unchanged: Callable[[], None]) -> None:
    async def body() -> None:
        assert (await howdah_db.load("rider", pl.DataFrame({"name": ["a", "b"]}))).rows == 2
        assert len(await Rider.insert_many([{"name": f"n{n}"} for n in range(3000)])) == 3000
        assert (await Rider.upsert([{"name": "a"}, {"name": "z"}], on=[Rider.name])).inserted == 1
        frame = await howdah_db.read("SELECT name FROM rider WHERE name < $1 ORDER BY name", "c").to_polars()
        assert frame["name"].to_list() == ["a", "b"]
        assert len(await Rider.find().to_polars()) == 3003

    asyncio.run(body())
    unchanged()


def test_a_query_that_fails_while_it_is_read_spoils_nothing(howdah_db: AsyncDatabase) -> None:
    async def body() -> None:
        await store("a")
        with pytest.raises(howdah.DataError):
            await howdah_db.read("SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n").to_arrow()
        with pytest.raises(howdah.DataError):
            async for _ in howdah_db.stream("SELECT 1 / (3 - n) FROM generate_series(1, 5) AS n", batch_rows=1):
                pass
        assert await stored() == ["a"]

    asyncio.run(body())


def test_a_stream_goes_on_while_others_ask(howdah_db: AsyncDatabase) -> None:
    async def body() -> None:
        seen: list[int] = []
        async for row in howdah_db.stream("SELECT n FROM generate_series(1, 5) AS n", batch_rows=2):
            seen.append(row["n"])
            with pytest.raises(howdah.DataError):
                await howdah_db.execute("SELECT 1 / 0")
            async with howdah_db.transaction():
                await store(f"rider {row['n']}")
        assert seen == [1, 2, 3, 4, 5]
        assert len(await stored()) == 5

    asyncio.run(body())


class Elephant(Table):
    """What riders ride."""

    id: Col[int] = howdah.identity()
    rider: Ref[Mahout] = howdah.ref()


class Mahout(Table):
    """A rider of elephants."""

    id: Col[int] = howdah.identity()
    elephants: Many[Elephant] = howdah.many(via="rider")


def test_a_stream_with_collections_goes_on_while_others_ask(howdah_db: AsyncDatabase) -> None:
    async def body() -> None:
        await howdah_db.create_tables(Mahout, Elephant)
        await Mahout.insert_many([{}, {}, {}])
        await Elephant.insert_many([{"rider_id": 1}, {"rider_id": 3}, {"rider_id": 3}])
        seen: list[int] = []
        async for mahout in Mahout.find().load(Mahout.elephants).order_by(Mahout.id).stream(batch_rows=1):
            seen.append(len(mahout.elephants))
            async with howdah_db.transaction():
                await store(f"rider {mahout.id}")
        assert seen == [1, 0, 2]
        assert len(await stored()) == 3

    asyncio.run(body())


def test_a_read_goes_on_while_others_ask(howdah_db: AsyncDatabase) -> None:
    async def body() -> None:
        rows = 0
        async for batch in howdah_db.read("SELECT n FROM generate_series(1, 100000) AS n", batch_rows=40_000):
            rows += batch.num_rows
            await store(f"after {rows}")
        assert await stored() == ["after 100000", "after 40000", "after 80000"]

    asyncio.run(body())


def test_a_transaction_in_a_generator_that_is_left_is_undone(howdah_db: AsyncDatabase) -> None:
    async def leaving() -> AsyncGenerator[None]:
        async with howdah_db.transaction():
            await store("a")
            yield

    async def body() -> None:
        generator = leaving()
        await anext(generator)
        await generator.aclose()
        await store("b")
        assert await stored() == ["b"]

    asyncio.run(body())


def test_tasks_have_their_transactions_one_after_another(howdah_db: AsyncDatabase) -> None:
    async def work(number: int) -> None:
        async with howdah_db.transaction():
            await store(f"a{number}")
            await asyncio.sleep(0)
            if number % 2:
                raise ValueError
            await store(f"b{number}")

    async def body() -> None:
        works: list[Coroutine[Any, Any, Any]] = [work(number) for number in range(6)]
        found = await asyncio.gather(*works, *(store(f"c{number}") for number in range(3)), return_exceptions=True)
        assert [type(one) for one in found[:6]] == [type(None), ValueError] * 3
        assert await stored() == ["a0", "a2", "a4", "b0", "b2", "b4", "c0", "c1", "c2"]

    asyncio.run(body())


def test_a_task_that_is_cancelled_leaves_a_database_that_works(howdah_db: AsyncDatabase) -> None:
    async def sleeper() -> None:
        async with howdah_db.transaction():
            await store("a")
            await howdah_db.execute("SELECT pg_sleep(60)")

    async def body() -> None:
        task = asyncio.create_task(sleeper())
        waiting = asyncio.create_task(store("b"))
        alone = asyncio.create_task(howdah_db.execute("SELECT pg_sleep(60)"))
        while not task.done():
            await asyncio.sleep(0.01)
            task.cancel()
        await waiting
        await asyncio.sleep(0.01)
        alone.cancel()
        found = await asyncio.gather(task, alone, return_exceptions=True)
        assert [type(one) for one in found] == [asyncio.CancelledError] * 2
        assert await stored() == ["b"]

    asyncio.run(body())


def test_a_transaction_that_is_cancelled_at_any_step_leaves_a_database_that_works(howdah_db: AsyncDatabase) -> None:
    async def one(name: str) -> None:
        async with howdah_db.transaction():
            await store(name)

    async def body() -> None:
        for steps in range(150):
            task = asyncio.create_task(one(str(steps)))
            for _ in range(steps):
                await asyncio.sleep(0)
            # Twice: the second cancellation meets the end of the transaction.
            task.cancel()
            await asyncio.sleep(0)
            task.cancel()
            (found,) = await asyncio.gather(task, return_exceptions=True)
            assert found is None or isinstance(found, asyncio.CancelledError), (steps, found)
            assert (found is None) <= (str(steps) in await stored())

    asyncio.run(body())


def test_a_transaction_that_is_tried_again_runs(howdah_db: AsyncDatabase) -> None:
    async def body() -> int:
        await store("a")
        return 7

    assert asyncio.run(howdah_db.run_transaction(body)) == 7
    assert asyncio.run(stored()) == ["a"]


def test_notifications_come_from_outside(howdah_db: AsyncDatabase, sql: Sql) -> None:
    async def body() -> str:
        async with howdah_db.listen("news") as notifications:
            await asyncio.to_thread(sql, "NOTIFY news, 'an elephant'")
            return (await anext(notifications)).payload

    assert asyncio.run(body()) == "an elephant"


def test_a_database_that_is_closed_goes_on(howdah_db: AsyncDatabase) -> None:
    async def body() -> None:
        async with howdah_db:
            await store("a")
        assert await stored() == ["a"]
        assert "connections open" in repr(howdah_db)

    asyncio.run(body())


def test_pipeline_is_undone_with_the_test_and_each_statement_is_no_transaction(
    howdah_db: AsyncDatabase, unchanged: Callable[[], None]
) -> None:
    async def body() -> None:
        async with howdah_db.pipeline() as pipeline:
            pipeline.execute("INSERT INTO rider (name) VALUES ($1)", "a")
            count = pipeline.fetch_value(COUNT)
        assert count.result() == 1
        with pytest.raises(howdah.ProgrammingError):  # noqa: PT012  (the end of the block raises)
            async with howdah_db.pipeline() as pipeline:
                pipeline.execute("INSERT INTO rider (name) VALUES ($1)", "b")
                pipeline.execute("SELECT nowhere")
        async with howdah_db.transaction(), howdah_db.pipeline() as pipeline:
            pipeline.execute("INSERT INTO rider (name) VALUES ($1)", "c")
        with pytest.raises(howdah.InterfaceError, match="transaction=False"):
            async with howdah_db.pipeline(transaction=False):
                pass
        assert await stored() == ["a", "c"]

    asyncio.run(body())
    unchanged()
