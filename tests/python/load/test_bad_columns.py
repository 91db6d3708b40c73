"""Columns that do not match the table are reported by name, all at once, before anything is sent."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from howdah import ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused


@pytest.fixture
def people(sql: Sql) -> None:
    """Make a table with a row in it."""
    sql("CREATE TABLE t (id int NOT NULL, name text NOT NULL, age int4 DEFAULT 7, born date)")
    sql("INSERT INTO t VALUES (1, 'Ada', 36, '1815-12-10')")


def as_rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("form", [as_rows, pa.table])
@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"id": [2], "nmae": ["x"]}, ('"nmae"', 'mean "name"')),
        ({"id": [2], "name": ["x"], "shoe": [44]}, ('"shoe"',)),
        ({"id": [2]}, ('"name"', "missing")),
        ({"ID": [2], "name": ["x"]}, ('"ID"', '"id"')),
        ({"": [2], "id": [2], "name": ["x"]}, ('""',)),
        ({"x": [1], "y": [2], "age": [3]}, ('"x"', '"y"', '"id"', '"name"')),
    ],
    ids=["misspelt", "extra", "missing", "capitals", "nameless", "many"],
)
def test_columns_that_do_not_fit_are_named(
    refused: Refused, form: Any, columns: dict[str, list[Any]], says: tuple[str, ...]
) -> None:
    refused(ProgrammingError, form(columns), says=("t", *says))


@pytest.mark.usefixtures("people")
def test_columns_of_every_fault_are_told_in_one_message(refused: Refused) -> None:
    arrays = [pa.array([1]), pa.array([1]), pa.array(["x"]), pa.array([1.5])]
    data = pa.Table.from_arrays(arrays, names=["id", "id", "age", "shoe"])
    refused(ProgrammingError, data, says=('"id"', "twice", '"age"', "int4", '"shoe"', '"name"', "missing"))


@pytest.mark.usefixtures("people")
def test_columns_renamed_onto_one_another_are_duplicates(refused: Refused) -> None:
    rows = [{"id": 1, "name": "x", "other": 2}]
    refused(ProgrammingError, rows, columns={"other": "id"}, says=('"id"', "twice"))


@pytest.mark.usefixtures("people")
def test_columns_mapping_of_a_source_that_is_not_there_is_refused(refused: Refused) -> None:
    refused(ProgrammingError, [{"id": 1, "name": "x"}], columns={"nom": "name"}, says=('"nom"',))


@pytest.mark.usefixtures("people")
def test_columns_that_do_not_fit_are_told_before_rows_are_taken(refused: Refused) -> None:
    asked = 0

    def rows() -> Iterator[dict[str, int]]:
        nonlocal asked
        for number in range(1000):
            asked += 1
            yield {"id": number, "nmae": number}

    refused(ProgrammingError, rows(), says=('"nmae"',))
    assert asked == 1


@pytest.mark.usefixtures("people")
def test_columns_that_do_not_fit_are_told_before_batches_are_taken(refused: Refused) -> None:
    asked = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal asked
        for _ in range(10):
            asked += 1
            yield pa.record_batch({"nmae": ["x"]})

    refused(ProgrammingError, pa.RecordBatchReader.from_batches(pa.schema({"nmae": pa.string()}), batches()))
    assert asked == 0


ONE_DAY = dt.date(2020, 1, 1)
NAIVE = dt.datetime(2020, 1, 1)  # noqa: DTZ001  (naive is what is tested)
INCOMPATIBLE = [
    ("int4", pa.array(["1"])),
    ("int4", pa.array([1.0])),
    ("int4", pa.array([True])),
    ("int8", pa.array([decimal.Decimal(1)])),
    ("int8", pa.array([[1]])),
    ("int8", pa.array([ONE_DAY])),
    ("oid", pa.array(["1"])),
    ("bool", pa.array([1])),
    ("bool", pa.array(["true"])),
    ("float8", pa.array(["1.5"])),
    ("float8", pa.array([decimal.Decimal("1.5")])),
    ("float4", pa.array([True])),
    ("numeric", pa.array(["1.5"])),
    ("numeric(9,2)", pa.array([True])),
    ("text", pa.array([1])),
    ("text", pa.array([ONE_DAY])),
    ("varchar(9)", pa.array([1.5])),
    ("bytea", pa.array(["x"])),
    ("date", pa.array([NAIVE])),
    ("date", pa.array(["2020-01-01"])),
    ("date", pa.array([1])),
    ("time", pa.array([NAIVE])),
    ("time", pa.array(["12:00"])),
    ("timestamp", pa.array([ONE_DAY])),
    ("timestamp", pa.array([0], pa.timestamp("us", "UTC"))),
    ("timestamp", pa.array(["2020-01-01"])),
    ("timestamptz", pa.array([0], pa.timestamp("us"))),
    ("timestamptz", pa.array([0])),
    ("interval", pa.array(["1 day"])),
    ("interval", pa.array([1])),
    ("uuid", pa.array([b"123"], pa.binary(3))),
    ("uuid", pa.array([1])),
    ("jsonb", pa.array([1])),
    ("jsonb", pa.array([{"a": b"1"}])),
    ("mood", pa.array([1])),
    ("int4[]", pa.array([1])),
    ("int4[]", pa.array([["1"]])),
    ("int4[]", pa.array([[[1]]])),
    ("text", pa.array([["x"]])),
]


@pytest.mark.parametrize(("declaration", "array"), INCOMPATIBLE, ids=lambda value: str(getattr(value, "type", value)))
def test_arrow_column_of_another_type_is_refused(sql: Sql, refused: Refused, declaration: str, array: pa.Array) -> None:
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    sql(f"CREATE TABLE t (n int, v {declaration})")
    sql("INSERT INTO t VALUES (1, NULL)")
    data = pa.table({"n": pa.array([1]), "v": array})
    refused(ProgrammingError, data, says=('"v"', "expected"))


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_arrow_column_of_another_type_is_refused_in_every_mode(sql: Sql, refused: Refused, mode: str) -> None:
    sql("CREATE TABLE t (n int PRIMARY KEY, v int)")
    sql("INSERT INTO t VALUES (1, 1)")
    data = pa.table({"n": pa.array([1]), "v": pa.array(["x"])})
    refused(ProgrammingError, data, mode=mode, key="n" if mode == "upsert" else (), says=('"v"', "int4"))


def test_generated_column_given_is_refused_by_name(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (n int, twice int GENERATED ALWAYS AS (n * 2) STORED)")
    sql("INSERT INTO t VALUES (1)")
    refused(ProgrammingError, [{"n": 1, "twice": 2}], says=("twice",))
