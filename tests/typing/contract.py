"""What type checkers make of howdah. Nothing here is run: `make check` has mypy and pyright read it, both strict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, assert_type

import msgspec
import pandas as pd
import polars as pl
import pydantic
from arro3.core import RecordBatch, Schema, Table

import howdah as pg
from howdah import codec, embedded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractAsyncContextManager, AbstractContextManager

    from howdah.bulk import ArrowArray, ArrowStream


@dataclass
class City:
    name: str
    people: int


class Point(NamedTuple):
    x: float
    y: float


class Model(pydantic.BaseModel):
    name: str


class Struct(msgspec.Struct):
    name: str


def stream() -> Iterator[dict[str, object]]:
    yield {"a": 1}


def shown(progress: pg.Progress) -> None:
    assert_type(progress.rows, int)
    assert_type(progress.bytes, int)
    assert_type(progress.total_rows, int | None)
    assert_type(progress.seconds, float)


def every_option_of_a_database_is_named() -> None:
    pg.Database()
    pg.AsyncDatabase()
    for face in (pg.Database, pg.AsyncDatabase, pg.init):
        face(
            "postgresql://localhost/app",
            min_size=0,
            max_size=10,
            acquire_timeout_s=30.0,
            connect_timeout_s=10.0,
            statement_timeout_s=None,
            max_idle_s=600.0,
            max_lifetime_s=3600.0,
            statement_cache_size=256,
            busy_wait_s=50e-6,
            application_name="howdah",
        )
    pg.AsyncDatabase(multiplex=True)
    pg.init(multiplex=True)
    pg.Database(multiplex=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    assert_type(pg.init(), pg.AsyncDatabase)
    pg.init(max_length=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    pg.Database(url="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def results_of_pipelines_are_typed(db: pg.Database, awaited: pg.AsyncDatabase) -> None:
    with db.pipeline() as pipeline:
        assert_type(pipeline.execute("SELECT 1").result(), int)
        assert_type(pipeline.fetch("SELECT 1").result(), list[dict[str, Any]])
        assert_type(pipeline.fetch_one("SELECT 1", into=Point).result(), Point | None)
        assert_type(pipeline.fetch_value("SELECT 1").result(), Any)
    async with awaited.pipeline(transaction=False) as async_pipeline:
        assert_type(await async_pipeline.execute("SELECT 1"), int)
        assert_type(async_pipeline.fetch("SELECT 1", into=Point).result(), list[Point])


def rows_of_every_shape_go_in(db: pg.Database, arrow: ArrowStream, array: ArrowArray, batch: RecordBatch) -> None:
    for data in (arrow, array, batch, Table.from_arrow(arrow), pl.DataFrame(), pd.DataFrame()):
        db.load("t", data)
    db.load("t", [{"a": 1}, {"a": None}])
    db.load("t", [(1, "x"), (2, "y")], columns={"0": "a", "1": "b"})
    db.load("t", [City("Hyderabad", 10_494_000)])
    db.load("t", (Point(i, i) for i in range(3)))
    db.load("t", stream())


def a_load_is_reported(db: pg.Database) -> None:
    report = db.load("s.t", stream(), mode="upsert", key=["a", "b"], columns={"x": "a"}, workers=1, progress=shown)
    assert_type(report, pg.LoadReport)
    assert_type(report.rows, int)
    assert_type(report.inserted, int)
    assert_type(report.updated, int)
    assert_type(report.bytes, int)
    assert_type(report.seconds, float)
    assert_type(report.ids, list[Any] | None)
    db.load("t", stream(), mode="create", progress=True, on_error="raise", returning=None)
    db.load("t", stream(), mode="merge")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    db.load("t", 42)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_read_is_a_stream_of_batches(db: pg.Database) -> None:
    reader = db.read(
        "SELECT * FROM t WHERE a > $1",
        1,
        workers=1,
        batch_rows=1_000,
        types={"x": "decimal(20,4)"},
        out_of_range="null",
        progress=shown,
    )
    assert_type(reader, pg.ArrowReader)
    assert_type(reader.schema, Schema)
    for batch in reader:
        assert_type(batch, RecordBatch)
    assert_type(reader.to_polars(), pl.DataFrame)
    assert_type(reader.to_pandas(), pd.DataFrame)
    assert_type(reader.close(), None)
    again: ArrowStream = reader
    db.load("u", again)
    db.load("u", reader)
    db.read("t", out_of_range="guess")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_statement_tells_its_rows(db: pg.Database) -> None:
    assert_type(db.execute("UPDATE t SET a = $1 WHERE b = $2", 1, "x"), int)
    assert_type(db.execute_many("INSERT INTO t VALUES ($1, $2)", [(1, "x"), [2, "y"]]), int)
    with db as same:
        assert_type(same, pg.Database)
    assert_type(db.close(), None)


def rows_come_as_dicts_or_as_the_caller_s_own(db: pg.Database) -> None:
    assert_type(db.fetch("SELECT $1", 1), list[dict[str, Any]])
    assert_type(db.fetch("SELECT $1", 1, into=City), list[City])
    assert_type(db.fetch("SELECT $1", 1, into=Point), list[Point])
    assert_type(db.fetch("SELECT $1", 1, into=Model), list[Model])
    assert_type(db.fetch("SELECT $1", 1, into=Struct), list[Struct])
    assert_type(db.fetch_one("SELECT $1", 1), dict[str, Any] | None)
    assert_type(db.fetch_one("SELECT $1", 1, into=City), City | None)
    assert_type(db.fetch_value("SELECT $1", 1), Any)
    for row in db.stream("SELECT $1", 1, batch_rows=10):
        assert_type(row, dict[str, Any])
    for point in db.stream("SELECT $1", 1, into=Point):
        assert_type(point, Point)
    db.stream("SELECT 1").close()
    db.fetch("SELECT 1", into=City("x", 1))  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def a_transaction_is_a_block(db: pg.Database) -> None:
    with db.transaction() as tx:
        assert_type(tx, pg.Transaction)
        assert_type(tx.rollback(), None)
    block: AbstractContextManager[pg.Transaction]
    block = db.transaction(isolation="repeatable read", readonly=True, deferrable=True)
    with block:
        pass
    assert_type(db.run_transaction(lambda: 1, retries=5, isolation="read committed"), int)
    db.transaction(isolation="chaos")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def what_comes_in_is_iterated_over(db: pg.Database) -> None:
    block: AbstractContextManager[Iterator[pg.Notification]] = db.listen("a", "b")
    with block as notifications:
        for notification in notifications:
            assert_type(notification, pg.Notification)
            told = (notification.channel, notification.payload, notification.pid)
            assert_type(told, tuple[str, str, int])


def a_pool_tells_how_it_is(db: pg.Database) -> None:
    stats = db.stats()
    assert_type(stats, pg.Stats)
    assert_type((stats.size, stats.idle, stats.busy, stats.waiting), tuple[int, int, int, int])
    assert_type((stats.max_size, stats.opened, stats.closed, stats.acquired), tuple[int, int, int, int])


async def the_twin_is_awaited(db: pg.AsyncDatabase) -> None:
    assert_type(await db.execute("DELETE FROM t"), int)
    assert_type(await db.execute_many("INSERT INTO t VALUES ($1)", ([n] for n in range(3))), int)
    assert_type(await db.load("t", stream(), mode="replace", progress=shown), pg.LoadReport)
    reader = db.read("t", batch_rows=10)
    assert_type(reader, pg.AsyncArrowReader)
    async for batch in reader:
        assert_type(batch, RecordBatch)
    assert_type(await reader.to_polars(), pl.DataFrame)
    assert_type(await reader.to_pandas(), pd.DataFrame)
    assert_type(await reader.close(), None)
    assert_type(db.stats(), pg.Stats)
    async with db as same:
        assert_type(same, pg.AsyncDatabase)
    assert_type(await db.close(), None)


async def the_twin_s_rows_are_the_same(db: pg.AsyncDatabase) -> None:
    assert_type(await db.fetch("SELECT $1", 1), list[dict[str, Any]])
    assert_type(await db.fetch("SELECT $1", 1, into=Struct), list[Struct])
    assert_type(await db.fetch_one("SELECT $1", 1), dict[str, Any] | None)
    assert_type(await db.fetch_one("SELECT $1", 1, into=City), City | None)
    assert_type(await db.fetch_value("SELECT $1", 1), Any)
    async for row in db.stream("SELECT $1", 1, batch_rows=10):
        assert_type(row, dict[str, Any])
    async for point in db.stream("SELECT $1", 1, into=Point):
        assert_type(point, Point)
    await db.stream("SELECT 1").aclose()


async def the_twin_s_blocks_are_awaited(db: pg.AsyncDatabase) -> None:
    async def body() -> int:
        return await db.execute("DELETE FROM t")

    assert_type(await db.run_transaction(body, retries=5), int)
    block: AbstractAsyncContextManager[pg.AsyncTransaction]
    for block in (db.transaction(readonly=True), pg.pg_transaction(isolation="serializable", deferrable=True)):
        async with block as tx:
            assert_type(tx, pg.AsyncTransaction)
            assert_type(await tx.rollback(), None)
    listening: AbstractAsyncContextManager[AsyncIterator[pg.Notification]] = db.listen("a")
    async with listening as notifications:
        async for notification in notifications:
            assert_type(notification, pg.Notification)


def errors_are_python_s_too(error: pg.Error) -> None:
    assert_type(error.sqlstate, str | None)
    assert_type(error.detail, str | None)
    assert_type(error.hint, str | None)
    assert_type(error.position, int | None)
    if isinstance(error, pg.DataError):
        assert_type((error.table, error.column, error.row), tuple[str | None, str | None, int | None])
    if isinstance(error, pg.IntegrityError):
        assert_type((error.constraint, error.row), tuple[str | None, int | None])
    _: tuple[type[ConnectionError], type[TypeError], type[TimeoutError]]
    _ = (pg.ConnectionError, pg.ConversionError, pg.QueryTimeout)


def a_server_has_a_url() -> None:
    with embedded.server("folder", tcp=True, settings={"work_mem": "64MB", "max_connections": 20}) as server:
        assert_type(server.url, str)
        pg.Database(server.url)
    embedded.server().stop()


def a_codec_takes_names_and_descriptions(rows: ArrowStream, chunks: list[memoryview]) -> None:
    columns: dict[str, codec.Type] = {"id": "bigint", "moods": codec.Array(codec.Enum("mood", ("sad", "ok")), 16400)}
    assert_type(codec.encode(rows, columns), "Iterator[bytes]")
    assert_type(codec.decode(chunks, columns, types={"id": "int32"}, out_of_range="null"), pg.ArrowReader)
    codec.decode(b"", [("id", "bigint")]).to_polars()
    codec.encode([(1,)], {"id": "bigint"})
