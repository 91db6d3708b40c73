"""load(), read() and stream() inside a block are part of the transaction."""

# ruff: noqa: PT012  (what raises may be the end of a block, or the midst of it)
from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import pid_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Sql = Callable[..., Any]

MODES = ["append", "create", "replace", "truncate", "upsert"]
OLD = [(-1, "old"), (5, "five")]
ROWS = [{"id": 5, "v": "new"}, {"id": 6, "v": "six"}]
AFTER = {
    "append": [(-1, "old"), (5, "five"), (6, "six"), (7, "new")],
    "create": [(5, "new"), (6, "six")],
    "replace": [(5, "new"), (6, "six")],
    "truncate": [(5, "new"), (6, "six")],
    "upsert": [(-1, "old"), (5, "new"), (6, "six")],
}


class Undo(Exception):  # noqa: N818
    """Leaves a block."""


@pytest.fixture
def table(one: howdah.AsyncDatabase, sql: Sql) -> howdah.AsyncDatabase:
    """Give a database of one connection with a table `t` of two rows."""
    sql("CREATE TABLE t (id int PRIMARY KEY, v text CHECK (v <> 'bad'))")
    sql("INSERT INTO t VALUES (-1, 'old'), (5, 'five')")
    return one


def target(mode: str) -> str:
    return "fresh" if mode == "create" else "t"


async def loaded(table: howdah.AsyncDatabase, mode: Any) -> howdah.LoadReport:
    rows = ROWS if mode != "append" else [{"id": 6, "v": "six"}, {"id": 7, "v": "new"}]
    return await table.load(target(mode), rows, mode=mode, key="id" if mode == "upsert" else ())


@pytest.mark.parametrize("mode", MODES)
async def test_load_of_every_mode_is_committed_with_the_block(table: howdah.AsyncDatabase, sql: Sql, mode: str) -> None:
    async with table.transaction():
        await table.execute("CREATE TABLE witness (a int)")
        assert (await loaded(table, mode)).rows == 2
        found = await table.fetch(f"SELECT id, v FROM {target(mode)} ORDER BY id")
        assert [(row["id"], row["v"]) for row in found] == AFTER[mode]
        assert sql("SELECT to_regclass('fresh')::text, to_regclass('witness')::text") == [(None, None)]
    assert sql(f"SELECT id, v FROM {target(mode)} ORDER BY id") == AFTER[mode]
    assert sql("SELECT to_regclass('witness')::text") == [("witness",)]
    assert table.stats().opened == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", ["exception", "rollback"])
async def test_load_of_every_mode_is_rolled_back_with_the_block(
    table: howdah.AsyncDatabase, sql: Sql, mode: str, how: str
) -> None:
    with contextlib.suppress(Undo):
        async with table.transaction() as tx:
            await loaded(table, mode)
            if how == "exception":
                raise Undo
            await tx.rollback()
    assert sql("SELECT id, v FROM t ORDER BY id") == OLD
    assert sql("SELECT to_regclass('fresh')::text") == [(None,)]
    # The table that was put in its place has left nothing, and neither has anything else of the load.
    assert sql(
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    ) == [(1,)]
    assert await table.load("t", [{"id": 9, "v": "nine"}]) is not None
    assert table.stats().opened == 1


@pytest.mark.parametrize("mode", MODES)
async def test_load_in_a_savepoint_is_rolled_back_with_it(table: howdah.AsyncDatabase, sql: Sql, mode: str) -> None:
    async with table.transaction():
        await table.execute("UPDATE t SET v = 'changed' WHERE id = -1")
        with contextlib.suppress(Undo):
            async with table.transaction():
                await loaded(table, mode)
                raise Undo
    assert sql("SELECT id, v FROM t ORDER BY id") == [(-1, "changed"), (5, "five")]
    assert sql("SELECT to_regclass('fresh')::text") == [(None,)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("why", ["constraint", "value", "column", "caller"])
async def test_failed_load_can_be_caught_and_the_transaction_goes_on(
    table: howdah.AsyncDatabase, sql: Sql, mode: Any, why: str
) -> None:
    def rows() -> Any:
        yield {"id": 20, "v": "twenty"}
        if why == "caller":
            raise Undo
        # A new table has no constraint that could fail.
        yield {"id": "x" if why == "value" or mode == "create" else 21, "v": "bad"}

    options: dict[str, Any] = {"mode": mode, "key": "id" if mode == "upsert" else ()}
    if why == "column":
        options["columns"] = {"v": "id"}
    await table.execute("SELECT 1")
    async with table.transaction():
        await table.execute("UPDATE t SET v = 'changed' WHERE id = -1")
        with pytest.raises((howdah.Error, Undo)):
            await table.load(target(mode), rows(), **options)
        assert await table.execute("INSERT INTO t VALUES (6, 'after')") == 1
        assert (await table.load("t", [{"id": 7, "v": "again"}])).rows == 1
    assert sql("SELECT id, v FROM t ORDER BY id") == [(-1, "changed"), (5, "five"), (6, "after"), (7, "again")]
    assert sql("SELECT to_regclass('fresh')::text") == [(None,)]
    assert table.stats().opened == 1


async def test_several_loads_and_statements_make_one_transaction(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        for n in range(10):
            assert (await table.load("t", [{"id": 100 + 10 * n + i, "v": "x"} for i in range(10)])).rows == 10
            assert await table.fetch_value("SELECT count(*) FROM t") == 2 + 10 * (n + 1)
    assert sql("SELECT count(*) FROM t") == [(102,)]


async def test_load_meets_the_isolation_of_its_block(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.SerializationFailure):
        async with table.transaction(isolation="repeatable read"):
            await table.fetch("SELECT * FROM t")
            sql("UPDATE t SET v = 'elsewhere' WHERE id = 5")
            await table.load("t", [{"id": 5, "v": "here"}], mode="upsert", key="id")
    assert sql("SELECT v FROM t WHERE id = 5") == [("elsewhere",)]


async def test_load_in_a_readonly_block_is_refused(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.Error, match="read-only"):
        async with table.transaction(readonly=True):
            await table.load("t", [{"id": 9, "v": "nine"}])
    assert sql("SELECT id, v FROM t ORDER BY id") == OLD


async def test_read_sees_what_the_block_has_done(table: howdah.AsyncDatabase) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (6, 'six')")
        found = await table.read("SELECT id, v FROM t WHERE id > $1 ORDER BY id", 0).to_arrow()
        assert found.to_pylist() == [{"id": 5, "v": "five"}, {"id": 6, "v": "six"}]
        assert (await table.read("t").to_arrow()).num_rows == 3
        assert (await table.read("SELECT pg_backend_pid() AS pid").to_arrow())["pid"][0].as_py() == await pid_of(table)


async def test_read_does_not_end_the_transaction(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with contextlib.suppress(Undo):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (6, 'six')")
            await table.read("SELECT generate_series(1, 5000) AS n", batch_rows=100).to_arrow()
            raise Undo
    assert sql("SELECT id, v FROM t ORDER BY id") == OLD


async def test_stream_in_a_block_leaves_room_for_other_statements(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t SELECT n, 'x' FROM generate_series(100, 199) n")
        seen = 0
        async for row in table.stream("SELECT id FROM t WHERE id >= 100 ORDER BY id", batch_rows=7):
            assert row == {"id": 100 + seen}
            assert await table.execute("UPDATE t SET v = 'seen' WHERE id = $1", row["id"]) == 1
            seen += 1
        assert seen == 100
    assert sql("SELECT count(*) FROM t WHERE v = 'seen'") == [(100,)]
    assert table.stats().opened == 1


async def test_two_streams_in_a_block_take_turns(table: howdah.AsyncDatabase) -> None:
    async with table.transaction():
        query = "SELECT $1::int + n AS n FROM generate_series(1, 50) n"
        first, second = table.stream(query, 0, batch_rows=3), table.stream(query, 1000, batch_rows=4)
        for n in range(1, 51):
            assert await anext(first) == {"n": n}
            assert await anext(second) == {"n": 1000 + n}
        await first.aclose()
        await second.aclose()


async def test_stream_left_early_in_a_block_lets_it_commit(table: howdah.AsyncDatabase, sql: Sql) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (6, 'six')")
        rows = table.stream("SELECT generate_series(1, 100000) AS n", batch_rows=10)
        assert await anext(rows) == {"n": 1}
        await rows.aclose()
        assert await table.fetch_value("SELECT count(*) FROM pg_cursors WHERE name <> ''") == 0
        await table.execute("INSERT INTO t VALUES (7, 'seven')")
    assert sql("SELECT count(*) FROM t") == [(4,)]


async def test_stream_that_outlives_its_block_is_refused(table: howdah.AsyncDatabase) -> None:
    async with table.transaction():
        rows = table.stream("SELECT generate_series(1, 1000) AS n", batch_rows=10)
        assert await anext(rows) == {"n": 1}
    with pytest.raises(howdah.Error):
        [row async for row in rows]
    await rows.aclose()
    for n in range(3):
        assert await table.fetch_value("SELECT $1::int", n) == n


async def test_failed_stream_fails_the_block_and_not_the_next(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.DataError, match="division by zero"):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (6, 'six')")
            async for _ in table.stream("SELECT 1 / (50 - n) FROM generate_series(1, 100) n", batch_rows=10):
                pass
    assert sql("SELECT id, v FROM t ORDER BY id") == OLD
    assert await table.fetch_value("SELECT 3") == 3


def test_read_left_in_its_midst_costs_nothing_while_others_ask(url: str) -> None:
    with howdah.Database(url, max_size=1) as database, database.transaction():
        batches = iter(database.read("SELECT n, repeat('x', 100000) AS x FROM generate_series(1, 2000) AS n"))
        # It is cut at 64 MiB, and more rows are not asked for.
        rows = next(batches).num_rows
        assert rows < 2000
        before = time.process_time()
        database.execute("SELECT pg_sleep(1)")
        assert time.process_time() - before < 0.5
        assert rows + sum(batch.num_rows for batch in batches) == 2000


async def test_read_left_in_its_midst_leaves_the_block_usable(opened_async: Open) -> None:
    database = opened_async(max_size=1)
    query = "SELECT n FROM generate_series(1, 5000) AS n"
    for _ in range(3):
        async with asyncio.timeout(10), database.transaction():
            async for batch in database.read(query, batch_rows=100):
                assert batch.num_rows == 100
                break
            assert await database.fetch_value("SELECT 1") == 1
            async for _batch in database.read(query, batch_rows=100):
                break


async def test_reader_that_was_never_read_disturbs_nothing_when_it_is_closed(opened_async: Open) -> None:
    database = opened_async(max_size=1)
    async with asyncio.timeout(10), database.transaction():
        reader = database.read("SELECT 1 AS n")
        slow = asyncio.create_task(database.fetch_value("SELECT 7 FROM pg_sleep(0.3)"))
        await asyncio.sleep(0.1)
        await reader.close()
        assert await slow == 7
