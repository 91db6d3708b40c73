"""Arguments that cannot be sent are errors of howdah that say why."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from arro3.core import Array, DataType, RecordBatch, Table

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.python.conftest import Sql

# Python's texts may hold it; UTF-8 cannot.
LONE = "a\udc80b"
NUL = "a\0b"
ROW = [{"a": 1}]


def entered(block: Any) -> None:
    with block:
        pass


# What cannot be sent, by the verb and the argument.
VERBS: dict[str, Callable[[Any, Any], object]] = {
    "load table": lambda db, text: db.load(text, ROW),
    "load schema": lambda db, text: db.load(f"{text}.t", ROW),
    "load mode": lambda db, text: db.load("t", ROW, mode=text),
    "load key": lambda db, text: db.load("t", ROW, mode="upsert", key=text),
    "load keys": lambda db, text: db.load("t", ROW, mode="upsert", key=["a", text]),
    "load columns from": lambda db, text: db.load("t", ROW, columns={text: "a"}),
    "load columns to": lambda db, text: db.load("t", ROW, columns={"a": text}),
    "load row's key": lambda db, text: db.load("t", [{text: 1}]),
    "create row's key": lambda db, text: db.load("made", [{text: 1}], mode="create"),
    "load value": lambda db, text: db.load("t", [{"b": text}]),
    "execute": lambda db, text: db.execute(f"SELECT '{text}'"),
    "execute_many": lambda db, text: db.execute_many(f"SELECT '{text}', $1::int", [(1,)]),
    "fetch": lambda db, text: db.fetch(f"SELECT '{text}'"),
    "fetch_one": lambda db, text: db.fetch_one(f"SELECT '{text}'"),
    "fetch_value": lambda db, text: db.fetch_value(f"SELECT '{text}'"),
    "fetch parameter": lambda db, text: db.fetch("SELECT $1::text", text),
    "stream": lambda db, text: list(db.stream(f"SELECT '{text}'")),
    "read query": lambda db, text: db.read(f"SELECT '{text}'"),
    "read table": lambda db, text: db.read(text),
    "read parameter": lambda db, text: db.read("SELECT $1::text AS a", text),
    "read types": lambda db, text: db.read("SELECT 1 AS a", types={text: "int64"}),
    "read type": lambda db, text: db.read("SELECT 1 AS a", types={"a": text}),
    "read out_of_range": lambda db, text: db.read(
        "SELECT 1 AS a",
        out_of_range=text,
    ),
    "fetch out_of_range": lambda db, text: db.fetch("SELECT 1 AS a", out_of_range=text),
    "listen": lambda db, text: entered(db.listen(text)),
    "isolation": lambda db, text: entered(db.transaction(isolation=text)),
    "application_name": lambda _, text: howdah.Database("host=h", application_name=text).execute("SELECT 1"),
    "url": lambda _, text: howdah.Database(f"postgresql://h/{text}").execute("SELECT 1"),
    "dsn": lambda _, text: howdah.Database(f"host={text}").execute("SELECT 1"),
    "awaited url": lambda _, text: howdah.AsyncDatabase(f"postgresql://h/{text}"),
}

AWAITED: dict[str, Callable[[howdah.AsyncDatabase, str], Coroutine[Any, Any, object]]] = {
    "load table": lambda db, text: db.load(text, ROW),
    "load key": lambda db, text: db.load("t", ROW, mode="upsert", key=text),
    "execute": lambda db, text: db.execute(f"SELECT '{text}'"),
    "fetch": lambda db, text: db.fetch(f"SELECT '{text}'"),
    "read": lambda db, text: db.read(text).to_arrow(),
    "listen": lambda db, text: db.listen(text).__aenter__(),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("text", [LONE, NUL], ids=["surrogate", "nul"])
def test_text_that_cannot_be_sent_is_an_error_of_howdah_s(db: howdah.Database, verb: str, text: str) -> None:
    db.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
    with pytest.raises(howdah.Error):
        VERBS[verb](db, text)
    assert db.fetch_value("SELECT count(*) FROM t") == 0


@pytest.mark.parametrize("verb", AWAITED)
@pytest.mark.parametrize("text", [LONE, NUL], ids=["surrogate", "nul"])
def test_text_that_cannot_be_sent_by_awaited_verbs_is_an_error_of_howdah_s(url: str, verb: str, text: str) -> None:
    async def run() -> None:
        async with howdah.AsyncDatabase(url) as db:
            await db.execute("CREATE TABLE t (a int PRIMARY KEY, b text)")
            with pytest.raises(howdah.Error):
                await AWAITED[verb](db, text)

    asyncio.run(run())


def test_name_with_a_surrogate_is_told_as_python_writes_it(db: howdah.Database) -> None:
    with pytest.raises(howdah.InterfaceError, match=r"the text 'a\\udc80b' cannot be sent: it holds a lone surrogate"):
        db.load(LONE, ROW)


def test_url_with_a_surrogate_is_not_shown() -> None:
    with pytest.raises(howdah.InterfaceError, match="the URL cannot be read: it holds a lone surrogate") as raised:
        howdah.Database(f"postgresql://me:secret{LONE}@h/app")
    assert "secret" not in str(raised.value)


def test_table_class_whose_name_has_a_surrogate_is_an_error_of_howdah_s(db: howdah.Database) -> None:
    class Made(howdah.Table):
        __table__ = LONE
        a: int

    with pytest.raises(howdah.InterfaceError, match="holds a lone surrogate"):
        db.find(Made).to_list()
    with pytest.raises(howdah.InterfaceError, match="holds a lone surrogate"):
        db.create_tables(Made)


def frames() -> dict[str, Callable[[], Any]]:
    """Make Arrow data of all kinds, which has a column whose name holds NUL, or a field in one."""
    import pandas as pd  # noqa: PLC0415
    import polars as pl  # noqa: PLC0415

    one = Array([1], DataType.int32())
    return {
        "polars frame": lambda: pl.DataFrame({NUL: [1]}),
        "polars nulls": lambda: pl.DataFrame({NUL: [None]}),
        "polars struct": lambda: pl.DataFrame({"a": [{NUL: 1}]}),
        "polars list of structs": lambda: pl.DataFrame({"a": [[{NUL: 1}]]}),
        "polars series": lambda: pl.Series("s", [{NUL: 1}]),
        "pandas": lambda: pd.DataFrame({NUL: [1]}),
        "pandas index": lambda: pd.DataFrame({"a": [1]}, index=pd.Index([1], name=NUL)),
        "table": lambda: pa.table({NUL: [1]}),
        "batch": lambda: pa.record_batch({NUL: pa.array([1])}),
        "reader": lambda: pa.table({NUL: [1]}).to_reader(),
        "struct": lambda: pa.table({"a": [{NUL: 1}]}),
        "array": lambda: pa.chunked_array([[{NUL: 1}]]),
        "arro3 table": lambda: Table.from_pydict({NUL: one}),
        "arro3 batch": lambda: RecordBatch.from_pydict({NUL: one}),
    }


@pytest.mark.parametrize("mode", ["append", "create"])
@pytest.mark.parametrize("kind", frames())
def test_arrow_data_with_nul_in_a_name_is_refused_by_name(db: howdah.Database, sql: Sql, kind: str, mode: Any) -> None:
    # What stands before the NUL is the name of a column.
    db.execute("CREATE TABLE t (a int)")
    table = "t" if mode == "append" else "made"
    with pytest.raises(howdah.ProgrammingError, match=r'"a\\0b": expected a name without the character NUL'):
        db.load(table, frames()[kind](), mode=mode)
    assert sql("SELECT count(*) FROM t") == [(0,)]
    assert sql("SELECT to_regclass('made')") == [(None,)]


@pytest.mark.parametrize("count", [0, -1, 2**31, -(2**70), 2**70])
def test_batch_rows_that_no_batch_has_are_an_error_of_howdah_s(db: howdah.Database, count: int) -> None:
    with pytest.raises(howdah.InterfaceError, match="batch_rows: expected 1 or more"):
        list(db.stream("SELECT 1 AS a", batch_rows=count))
    if count != 2**31:
        with pytest.raises(howdah.InterfaceError, match="batch_rows: expected 1 or more"):
            db.read("SELECT 1 AS a", batch_rows=count)


# trio.run() is like this: coroutines run, and no loop of asyncio's.
NO_LOOP: dict[str, Callable[[Any], Coroutine[Any, Any, object]]] = {
    "execute": lambda db: db.execute("SELECT 1"),
    "execute_many": lambda db: db.execute_many("SELECT $1::int", [(1,)]),
    "fetch": lambda db: db.fetch("SELECT 1"),
    "fetch_one": lambda db: db.fetch_one("SELECT 1"),
    "fetch_value": lambda db: db.fetch_value("SELECT 1"),
    "stream": lambda db: anext(db.stream("SELECT 1")),
    "load": lambda db: db.load("t", ROW),
    "read": lambda db: db.read("SELECT 1 AS a").to_arrow(),
    "transaction": lambda db: db.transaction().__aenter__(),
    "run_transaction": lambda db: db.run_transaction(lambda: db.execute("SELECT 1")),
    "listen": lambda db: db.listen("news").__aenter__(),
}


@pytest.mark.parametrize("verb", NO_LOOP)
def test_verb_awaited_without_a_loop_of_asyncio_is_an_error_of_howdah_s(verb: str) -> None:
    async def run() -> None:
        await NO_LOOP[verb](howdah.AsyncDatabase("postgresql://127.0.0.1:1/app"))

    coroutine = run()
    with pytest.raises(howdah.InterfaceError, match=r"no event loop of asyncio is running.*not within trio\.run\(\)"):
        coroutine.send(None)
