"""Errors of a load name the caller's table, even if a staging table was loaded, and show no values of a row."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest
import uvloop

import howdah
from howdah import Col, Table, col
from howdah._async import bulk_insert as async_bulk_insert
from howdah._sync import bulk_insert

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

SECRET = "s3cret"  # noqa: S105  (a value of a row)
MODES: list[Any] = ["append", "truncate", "replace", "upsert"]
BAD_ROWS: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "null": ("v text NOT NULL", [{"id": 1, "v": SECRET}, {"id": 2, "v": None}]),
    "check": (f"v text CHECK (v <> '{SECRET}')", [{"id": 1, "v": "x"}, {"id": 2, "v": SECRET}]),
    "length": ("v varchar(3)", [{"id": 1, "v": "x"}, {"id": 2, "v": "x" * 5}]),
    "digits": ("v numeric(4, 2)", [{"id": 1, "v": 1}, {"id": 2, "v": 1000}]),
    "domain": ("v word", [{"id": 1, "v": "x"}, {"id": 2, "v": SECRET}]),
    "type": ("v bigint", [{"id": 1, "v": 1}, {"id": 2, "v": "x"}]),
    "range": ("v smallint", [{"id": 1, "v": 1}, {"id": 2, "v": 2**40}]),
    "generated": (
        "v text, g int GENERATED ALWAYS AS (1 / (id - 2)) STORED",
        [{"id": 1, "v": "x"}, {"id": 2, "v": "y"}],
    ),
    "expression": ("v text", [{"id": 1, "v": "x"}, {"id": 2, "v": "y"}]),
    "unique": ("v text UNIQUE", [{"id": 1, "v": SECRET}, {"id": 2, "v": SECRET}]),
    "key": ("v text REFERENCES other", [{"id": 1, "v": SECRET}]),
    "exclusion": ("v text, EXCLUDE USING btree (v WITH =)", [{"id": 1, "v": SECRET}, {"id": 2, "v": SECRET}]),
}


def make(sql: Sql, columns: str) -> None:
    """Make the table, and what it needs."""
    sql(f"CREATE DOMAIN word AS text CHECK (value <> '{SECRET}'); CREATE TABLE other (v text PRIMARY KEY)")
    sql(f"CREATE TABLE t (id int PRIMARY KEY, {columns})")


def blocking(url: str, mode: Any, rows: Any) -> object:
    with howdah.Database(url) as db:
        return db.load("t", rows, mode=mode, key="id" if mode == "upsert" else ())


async def later(url: str, mode: Any, rows: Any) -> object:
    async with howdah.AsyncDatabase(url) as db:
        return await db.load("t", rows, mode=mode, key="id" if mode == "upsert" else ())


def awaited(url: str, mode: Any, rows: Any) -> object:
    return asyncio.run(later(url, mode, rows))


def under_uvloop(url: str, mode: Any, rows: Any) -> object:
    return uvloop.run(later(url, mode, rows))


def within(url: str, mode: Any, rows: Any) -> object:
    with howdah.Database(url) as db, db.transaction():
        return db.load("t", rows, mode=mode, key="id" if mode == "upsert" else ())


@pytest.mark.parametrize("load", [blocking, awaited, under_uvloop, within])
@pytest.mark.parametrize("kind", BAD_ROWS)
def test_error_of_a_load_names_the_table_of_the_caller(
    url: str, sql: Sql, kind: str, load: Callable[[str, Any, Any], object]
) -> None:
    columns, rows = BAD_ROWS[kind]
    make(sql, columns)
    if kind == "expression":
        sql("CREATE INDEX ON t ((1 / (id - 2)))")
    for mode in MODES:
        with pytest.raises(howdah.Error) as caught:
            load(url, mode, rows)
        assert "howdah" not in f"{caught.value} {vars(caught.value)}"
        table = getattr(caught.value, "table", None)
        assert table in {"t", None}
        assert table == "t" or not isinstance(caught.value, howdah.IntegrityError)
        assert SECRET not in str(caught.value)
        if kind in {"null", "check"}:
            assert 'relation "t"' in str(caught.value)
            assert (caught.value.detail or "").startswith("Failing row contains (")


def test_error_of_a_value_in_a_table_made_anew_names_the_table_of_the_caller(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (other int)")
    with pytest.raises(howdah.DataError, match='table "t", column "v", row 1: text holds the character NUL') as caught:
        db.load("t", [{"id": 1, "v": "x"}, {"id": 2, "v": "a\0b"}], mode="replace")
    assert caught.value.table == "t"


def test_error_of_many_rows_names_the_table_of_the_caller(db: howdah.Database, sql: Sql) -> None:
    make(sql, "v text CONSTRAINT fine CHECK (v <> 'bad')")
    rows = pa.table({"id": range(60_000), "v": ["x"] * 59_999 + ["bad"]})
    for mode in MODES:
        with pytest.raises(howdah.CheckViolation, match='row 59999: new row for relation "t" violates') as caught:
            db.load("t", rows, mode=mode, key="id" if mode == "upsert" else ())
        assert (caught.value.table, caught.value.constraint) == ("t", "fine")


def test_error_of_a_table_in_a_schema_names_both_as_the_server_does(db: howdah.Database, sql: Sql) -> None:
    make(sql, "v text CONSTRAINT fine CHECK (v <> 'bad')")
    schema = sql("SELECT current_schema()::text")[0][0]
    for mode in MODES:
        with pytest.raises(howdah.CheckViolation, match='relation "t"') as caught:
            db.load(f"{schema}.t", [{"id": 1, "v": "bad"}], mode=mode, key="id" if mode == "upsert" else ())
        assert caught.value.table == "t"


class T(Table):
    """Is whatever a test makes of `t`."""

    id: Col[int] = col(primary_key=True)
    v: Col[Any] = col(type="text")


@pytest.mark.parametrize("verb", ["upsert", "insert_many"])
@pytest.mark.parametrize("kind", BAD_ROWS)
def test_error_of_rows_on_their_way_into_a_class_names_its_table(
    url: str, sql: Sql, monkeypatch: pytest.MonkeyPatch, kind: str, verb: str
) -> None:
    columns, rows = BAD_ROWS[kind]
    make(sql, columns)
    if kind == "expression":
        sql("CREATE INDEX ON t ((1 / (id - 2)))")
    monkeypatch.setattr(async_bulk_insert, "MAX_UNNEST_ROWS", 0)
    monkeypatch.setattr(bulk_insert, "MAX_UNNEST_ROWS", 0)

    async def written(data: Any) -> object:
        async with howdah.AsyncDatabase(url) as db:
            return await (db.upsert(T, data, on=[T.id]) if verb == "upsert" else db.insert_many(T, data))

    for data in (rows, pl.DataFrame(rows, strict=False) if kind != "type" else pl.DataFrame({"id": [1], "v": ["x"]})):
        with howdah.Database(url) as db, pytest.raises(howdah.Error) as caught:
            _ = db.upsert(T, data, on=[T.id]) if verb == "upsert" else db.insert_many(T, data)
        with pytest.raises(howdah.Error) as awaited_too:
            asyncio.run(written(data))
        for error in (caught.value, awaited_too.value):
            assert "howdah" not in f"{error} {vars(error)}"
            assert SECRET not in str(error)
            assert getattr(error, "table", None) in {"t", None}
