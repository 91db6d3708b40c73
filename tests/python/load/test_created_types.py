"""The types of a table that a load creates: those of `types=`, those that a read noted, else what holds the values."""

from __future__ import annotations

import asyncio
import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import howdah
from tests.python.versions import extensions

if TYPE_CHECKING:
    from tests.python.conftest import Sql

KEPT = [
    "smallint",
    "integer",
    "real",
    "oid",
    "numeric(5,-2)",
    "numeric(3,5)",
    "numeric(12,2)",
    "numeric",
    "character varying(10)",
    "character varying",
    "character(3)",
    "bpchar",
    "name",
    '"char"',
    "bit(3)",
    "bit varying(7)",
    "inet",
    "cidr",
    "macaddr",
    "json",
    "jsonb",
    "time(3) without time zone",
    "time(2) with time zone",
    "timestamp(0) without time zone",
    "timestamp(3) with time zone",
    "interval day to second(3)",
    "interval year",
    "interval(2)",
    "int4range",
    "tstzmultirange",
    "point",
    "character varying(10)[]",
    "numeric(12,2)[]",
    "integer[]",
    "mood",
    "mood[]",
    "pair",
]
# The types of pgvector, which not every server has.
VECTORS = ["vector(3)", "halfvec"]


def declared(sql: Sql, table: str) -> list[str]:
    query = (
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
        "WHERE attrelid = %s::text::regclass AND attnum > 0 ORDER BY attnum"
    )
    return [kind for (kind,) in sql(query, table)]


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_table_of_what_was_read_has_the_same_columns(db: howdah.Database, sql: Sql, mode: Any) -> None:
    kinds = KEPT
    if "vector" in extensions(sql):
        sql("CREATE EXTENSION IF NOT EXISTS vector")
        kinds = KEPT + VECTORS
    sql("CREATE TYPE mood AS ENUM ('calm', 'wild')")
    sql("CREATE TYPE pair AS (n int, words text)")
    sql(f"CREATE TABLE t ({', '.join(f'c{index} {kind}' for index, kind in enumerate(kinds))})")
    sql("INSERT INTO t (c0) VALUES (1)")
    db.load("u", db.read("t"), mode=mode)
    assert declared(sql, "u") == declared(sql, "t")
    db.load("v", db.read("t").to_arrow(), mode=mode)
    assert declared(sql, "v") == declared(sql, "t")


def test_column_that_was_cast_since_has_the_type_that_fits(db: howdah.Database, sql: Sql) -> None:
    table = db.read("SELECT 'a'::varchar(3) AS v, 1::int2 AS n").to_arrow()
    table = table.set_column(1, table.schema.field("n").with_type(pa.string()), [["x"]])
    db.load("t", table, mode="create")
    assert declared(sql, "t") == ["character varying(3)", "text"]


def test_type_that_does_not_exist_here_is_the_type_that_fits(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('calm', 'wild')")
    table = db.read("SELECT 'calm'::mood AS mood").to_arrow()
    sql("DROP TYPE mood")
    db.load("t", table, mode="create")
    assert declared(sql, "t") == ["text"]


def test_noted_type_that_is_no_type_is_ignored(db: howdah.Database, sql: Sql) -> None:
    noted = {"howdah.type": "int); DROP TABLE other; --", "howdah.arrow": "Int64"}
    schema = pa.schema([pa.field("v", pa.int64(), metadata=noted)])
    db.load("t", pa.table({"v": [1]}, schema), mode="create")
    assert declared(sql, "t") == ["bigint"]


@pytest.mark.parametrize("form", ["rows", "tuples", "arrow", "pandas"])
@pytest.mark.parametrize("mode", ["create", "replace"])
def test_types_are_those_of_the_new_table(db: howdah.Database, sql: Sql, form: str, mode: Any) -> None:
    day, price = dt.date(2020, 2, 29), Decimal("1.50")
    rows: Any = [{"at": day, "price": price, "other": 1}]
    columns = None
    if form == "tuples":
        rows, columns = [(day, price, 1)], {"at": "at", "price": "price", "other": "other"}
    elif form == "arrow":
        rows = pa.Table.from_pylist(rows)
    elif form == "pandas":
        rows = pd.DataFrame(rows)
    if mode == "replace":
        sql("CREATE TABLE t (at text, price text, other text)")
    db.load("t", rows, mode=mode, columns=columns, types={"at": "date", "price": "numeric(10, 2)"})
    assert declared(sql, "t") == ["date", "numeric(10,2)", "bigint"]
    assert sql("SELECT * FROM t") == [(day, price, 1)]


def test_value_that_does_not_fit_the_requested_type_is_an_error(db: howdah.Database, sql: Sql) -> None:
    for data in ([{"price": None}, {"price": Decimal("1.505")}], pa.table({"price": [None, Decimal("1.505")]})):
        with pytest.raises(howdah.DataError, match=r'column "price", row 1: 1\.505 has more'):
            db.load("t", data, mode="create", types={"price": "numeric(10, 2)"})
        assert sql("SELECT to_regclass('t') IS NULL") == [(True,)]
    with pytest.raises(howdah.DataError, match='column "n", row 0'):
        db.load("t", [{"n": 40_000}], mode="create", types={"n": "int2"})


@pytest.mark.parametrize(
    ("types", "mode", "says"),
    [
        ({"v": "int8"}, "append", 'types= is for mode="create"'),
        ({"w": "int8"}, "create", 'types= names column "w", which the data does not have'),
        ({"v": "int8); DROP TABLE t"}, "create", "is not a type name"),
        ({"v": "nothing"}, "create", 'type "nothing" does not exist'),
        ({"v": "date"}, "create", 'column "v": expected date, got Int64'),
    ],
    ids=str,
)
def test_types_that_cannot_be_had_are_an_error(
    db: howdah.Database, sql: Sql, types: dict[str, str], mode: Any, says: str
) -> None:
    if mode == "append":
        sql("CREATE TABLE t (v int8)")
    with pytest.raises(howdah.Error, match=says.replace("(", r"\(")):
        db.load("t", pa.table({"v": [1]}), mode=mode, types=types)
    assert sql("SELECT to_regclass('t') IS NULL") == [(mode == "create",)]


def test_types_are_those_of_the_new_table_for_asyncio(url: str, sql: Sql) -> None:
    async def load() -> None:
        async with howdah.AsyncDatabase(url) as db:
            await db.load("t", [{"at": None}], mode="create", types={"at": "timestamptz(3)"})

    asyncio.run(load())
    assert declared(sql, "t") == ["timestamp(3) with time zone"]


@pytest.mark.parametrize("types", [None, {"v": "int4"}], ids=str)
def test_late_value_of_a_column_that_began_with_none_fits_its_type(
    db: howdah.Database, sql: Sql, types: dict[str, str] | None
) -> None:
    rows = [{"n": 1, "v": None}] * 20_500 + [{"n": 1, "v": 7}]
    db.load("t", iter(rows), mode="create", types=types)
    assert sql("SELECT count(*), count(v), sum(v) FROM t") == [(20_501, 1, 7)]
