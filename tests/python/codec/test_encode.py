"""howdah.codec.encode: the server stores exactly what was encoded, and errors name column and row."""

from __future__ import annotations

import datetime as dt
import decimal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import codec
from tests.python.codec.copies import HEADER, TRAILER, copy_in, framed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

COLUMNS: dict[str, codec.Type] = {"id": "bigint", "name": "varchar(10)", "price": "numeric(12,2)"}
ROWS: list[dict[str, Any]] = [
    {"id": 1, "name": "Ann", "price": decimal.Decimal("1.50")},
    {"id": 2, "name": None, "price": None},
    {"id": -3, "name": "", "price": decimal.Decimal("-9999999999.99")},
]


@dataclass
class Item:
    price: decimal.Decimal | None
    name: str | None
    id: int


def table() -> pa.Table:
    return pa.Table.from_pylist(ROWS).select(["name", "price", "id"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: ROWS,
        lambda: [tuple(row.values()) for row in ROWS],
        lambda: (dict(reversed(row.items())) for row in ROWS),
        lambda: [Item(**row) for row in ROWS],
        table,
        lambda: table().to_reader(1),
        lambda: table().to_batches()[0],
        lambda: pl.DataFrame(table()),
        lambda: pd.DataFrame({name: [row[name] for row in ROWS] for name in ("price", "id", "name")}, dtype=object),
    ],
    ids=["dicts", "tuples", "generator", "dataclasses", "table", "reader", "batch", "polars", "pandas"],
)
def test_rows_of_every_source_are_stored_as_they_are(url: str, sql: Sql, make: Callable[[], Any]) -> None:
    sql("CREATE TABLE t (id bigint, name varchar(10), price numeric(12,2))")
    assert copy_in(url, "t", make(), COLUMNS) == len(ROWS)
    assert sql("SELECT * FROM t") == [tuple(row.values()) for row in ROWS]


def test_order_of_copy_is_that_of_the_columns() -> None:
    data = pa.table({"b": pa.array([2], pa.int16()), "a": pa.array([1], pa.int32())})
    encoded = b"".join(codec.encode(data, [("a", "int4"), ("b", "int2")]))
    assert encoded == HEADER + framed((1).to_bytes(4, "big"), (2).to_bytes(2, "big")) + TRAILER


@pytest.mark.parametrize("data", [[], (), pa.table({"a": pa.array([], pa.int32())}), pa.table({})])
def test_data_without_rows_is_an_empty_copy(data: Any) -> None:
    assert b"".join(codec.encode(data, {"a": "int4"})) == HEADER + TRAILER


def test_chunks_are_bounded_and_rows_are_read_while_they_are_taken(url: str, sql: Sql) -> None:
    read = 0

    def rows() -> Iterator[tuple[int, str]]:
        nonlocal read
        for read in range(1, 100_001):
            yield read, "x" * (read % 100)

    chunks = codec.encode(rows(), {"id": "int", "x": "text"})
    first = next(chunks)
    assert 0 < read < 50_000
    lengths = [len(first), *map(len, chunks)]
    assert read == 100_000
    assert max(lengths) <= 256 << 10
    assert len(lengths) < 100
    sql("CREATE TABLE t (id int, x text)")
    assert copy_in(url, "t", rows(), {"id": "int", "x": "text"}) == 100_000
    assert sql("SELECT count(*), sum(id), sum(length(x)) FROM t") == [(100_000, 5_000_050_000, 4_950_000)]


def test_long_row_is_divided(url: str, sql: Sql) -> None:
    data = [(b"a" * 3_000_000,), (None,), (b"b" * 300_000,), (b"",)]
    assert max(map(len, codec.encode(data, {"x": "bytea"}))) <= 256 << 10
    sql("CREATE TABLE t (x bytea)")
    assert copy_in(url, "t", data, {"x": "bytea"}) == 4
    assert sql("SELECT x FROM t") == data


def test_value_that_does_not_fit_names_column_and_row() -> None:
    batch = pa.table({"id": range(70_000)})
    chunks = codec.encode(batch, {"id": "smallint"})
    with pytest.raises(howdah.DataError, match=r'^column "id", row 32768: ') as caught:
        list(chunks)
    assert (caught.value.table, caught.value.column, caught.value.row) == (None, "id", 32_768)
    assert list(chunks) == []


@pytest.mark.parametrize(
    ("data", "kind", "row", "message"),
    [
        ([{"id": 1}, {"id": "x"}], howdah.ConversionError, 1, 'column "id", row 1: expected int4, got str'),
        ([(1,), (1 << 40,)], howdah.DataError, 1, 'column "id", row 1: '),
        ([(1,), (1, 2)], howdah.ConversionError, 1, "row 1: expected a row of 1 values, got 2"),
        ([(1,), 7], howdah.ConversionError, 1, "row 1: "),
        (pd.DataFrame({"id": [1, "x"]}), howdah.ConversionError, 1, 'column "id", row 1: expected int4, got str'),
    ],
    ids=["type", "range", "width", "row", "pandas"],
)
def test_bad_row_of_python_values_is_named(data: Any, kind: type[Exception], row: int, message: str) -> None:
    with pytest.raises(kind) as caught:
        list(codec.encode(data, {"id": "int"}))
    assert str(caught.value).startswith(message)
    assert caught.value.row == row  # type: ignore[attr-defined]


def test_columns_that_do_not_fit_are_reported_all_at_once() -> None:
    data = pa.table({"naem": ["x"], "id": ["x"], "more": [1]})
    with pytest.raises(howdah.ProgrammingError) as caught:
        codec.encode(data, {"id": "int", "name": "text", "at": "date"})
    for part in ('"naem" is unknown; did you mean "name"?', '"more" is unknown', '"id": expected int4, got Utf8'):
        assert part in str(caught.value)
    assert 'column "at" is missing in the data' in str(caught.value)
    assert "table" not in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "kind", "message"),
    [
        ({}, howdah.InterfaceError, "1 to 1600 columns, got 0"),
        ([("a", "int"), ("a", "int")], howdah.InterfaceError, 'column "a" appears twice'),
        ({"a": "int; DROP TABLE t"}, howdah.InterfaceError, 'column "a": "int; DROP TABLE t" is not a type name'),
        ({"a": "pg_snapshot"}, howdah.NotSupportedError, 'column "a": howdah has no codec for type pg_snapshot; cast'),
        ({"a": "mood"}, howdah.NotSupportedError, 'column "a": howdah has no codec for type mood; describe an enum'),
        ({"a": codec.Array("mood")}, howdah.NotSupportedError, "no codec for type mood"),
        ({"a": codec.Array(codec.Enum("mood", ["ok"]))}, howdah.InterfaceError, "element_oid"),
        ("ab", TypeError, "expected columns as a mapping of names to types, or pairs of them, got str"),
        ([("a", "int", 1)], TypeError, "got tuple"),
        ({"a": 23}, TypeError, "expected the type of a column as a str, an Enum or an Array, got int"),
    ],
    ids=["none", "twice", "no type", "no codec", "not known", "array not known", "no oid", "text", "triple", "no str"],
)
def test_wrong_columns_are_refused(columns: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        codec.encode([(1,)], columns)
    if columns and "twice" not in message:
        with pytest.raises(kind, match=message):
            codec.decode([], columns)


def test_error_of_the_rows_themselves_is_raised_and_nothing_is_stored(url: str, sql: Sql) -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise LookupError

    sql("CREATE TABLE t (id int)")
    with pytest.raises(LookupError):
        copy_in(url, "t", rows(), {"id": "int"})
    assert sql("SELECT * FROM t") == []


def test_rows_that_take_a_chunk_of_their_own_copy_are_an_error() -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        next(chunks)

    chunks = codec.encode(rows(), {"id": "int"})
    with pytest.raises(howdah.InterfaceError, match="takes a chunk at this moment"):
        next(chunks)


def test_result_of_a_read_is_encoded(db: howdah.Database, url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (n int, at timestamptz)")
    query = "SELECT n, timestamptz '2020-01-01 00:00+00' + make_interval(days => n) AS at FROM generate_series(1, 3) n"
    reader = db.read(query)
    assert copy_in(url, "t", reader, {"n": "int", "at": "timestamptz"}) == 3
    assert sql("SELECT max(at) FROM t") == [(dt.datetime(2020, 1, 4, tzinfo=dt.UTC),)]


def test_copy_into_another_number_of_columns_is_the_servers_error(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, x int)")
    with pytest.raises(psycopg.errors.BadCopyFileFormat):
        copy_in(url, "t", [(1,)], {"id": "int"})
