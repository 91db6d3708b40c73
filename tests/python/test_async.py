"""AsyncDatabase: the same methods, awaited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import arro3.core
import polars as pl
import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from tests.python.conftest import Sql


def run(body: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(body)


def test_async_load_and_read_come_back_the_same(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")

    async def body() -> None:
        async with howdah.AsyncDatabase(url) as db:
            report = await db.load("t", [{"id": n, "v": str(n)} for n in range(1000)])
            assert (report.rows, report.inserted, report.updated) == (1000, 1000, 0)
            report = await db.load("t", pa.table({"id": [1, 5000], "v": ["x", "y"]}), mode="upsert", key="id")
            assert (report.inserted, report.updated) == (1, 1)
            batches = [batch async for batch in db.read("SELECT id FROM t ORDER BY id", batch_rows=400)]
            assert [batch.num_rows for batch in batches] == [400, 400, 201]
            assert all(isinstance(batch, arro3.core.RecordBatch) for batch in batches)
            query = "SELECT v FROM t WHERE id = $1"
            assert (await db.read(query, 1).to_arrow()).to_pylist() == [{"v": "x"}]
            assert (await db.read(query, 1).to_polars()).equals(pl.DataFrame({"v": ["x"]}))
            assert (await db.read(query, 1).to_pandas())["v"].tolist() == ["x"]
            assert await db.execute("DELETE FROM t WHERE id > $1", 500) == 500

    run(body())
    assert sql("SELECT count(*) FROM t") == [(501,)]


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate", "upsert"])
def test_async_load_in_every_mode_stores_rows(url: str, sql: Sql, mode: Any) -> None:
    if mode != "create":
        sql("CREATE TABLE t (id int8 PRIMARY KEY)")

    async def body() -> None:
        async with howdah.AsyncDatabase(url) as db:
            await db.load("t", [{"id": 1}], mode=mode, key="id" if mode == "upsert" else ())

    run(body())
    assert sql("SELECT id FROM t") == [(1,)]


def test_async_errors_are_the_same(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")

    async def body() -> None:
        async with howdah.AsyncDatabase(url) as db:
            with pytest.raises(howdah.ConversionError) as wrong:
                await db.load("t", [{"id": "x"}])
            assert (wrong.value.column, wrong.value.row) == ("id", 0)
            with pytest.raises(howdah.DataError, match="division by zero"):
                await db.read("SELECT 1 / (5 - n) FROM generate_series(1, 9) n").to_arrow()
            with pytest.raises(howdah.DataError, match="division by zero"):
                async for _ in db.read("SELECT 1 / (5 - n) FROM generate_series(1, 9) n", batch_rows=1):
                    pass
            with pytest.raises(howdah.NotSupportedError, match="workers"):
                await db.load("t", [{"id": 1}], workers=2)
        with pytest.raises(howdah.InterfaceError, match="closed"):
            await db.load("t", [{"id": 1}])

    run(body())
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_async_database_outlives_its_event_loop(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    db = howdah.AsyncDatabase(url, max_size=1)
    for n in range(3):
        run(db.load("t", [{"id": n}]))
    assert run(db.read("t").to_arrow()).num_rows == 3
    run(db.close())


def test_async_verbs_at_once_do_not_mix(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")

    async def body() -> None:
        async with howdah.AsyncDatabase(url, max_size=3) as db:
            await asyncio.gather(*(db.load("t", [{"id": n}] * 10) for n in range(8)))
            tables = await asyncio.gather(*(db.read("SELECT $1::int AS x", n).to_arrow() for n in range(8)))
            assert [table["x"][0].as_py() for table in tables] == list(range(8))

    run(body())
    assert sql("SELECT id, count(*) FROM t GROUP BY id ORDER BY id") == [(n, 10) for n in range(8)]


def test_async_event_loop_goes_on_meanwhile(url: str) -> None:
    async def body() -> int:
        ticks = 0
        async with howdah.AsyncDatabase(url) as db:
            task = asyncio.create_task(db.execute("SELECT pg_sleep(0.5)"))
            while not task.done():
                ticks += 1
                await asyncio.sleep(0.01)
            await task
        return ticks

    assert run(body()) > 5


def test_async_reader_closed_early_leaves_the_connection_clean(url: str) -> None:
    async def body() -> None:
        async with howdah.AsyncDatabase(url, max_size=1, acquire_timeout_s=0.5) as db:
            reader = db.read("SELECT generate_series(1, 100000000) AS n", batch_rows=10)
            async for _ in reader:
                break
            await reader.close()
            assert (await db.read("SELECT 7 AS seven").to_arrow()).to_pylist() == [{"seven": 7}]

    run(body())
