"""create: the types of the new table are those of the data."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from howdah import ConversionError, DataError, Interval, ProgrammingError
from tests.python.case import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

D = decimal.Decimal

ARROW = [
    (pa.array([1], pa.int8()), "smallint", "1"),
    (pa.array([1], pa.int16()), "smallint", "1"),
    (pa.array([1], pa.int32()), "integer", "1"),
    (pa.array([1], pa.int64()), "bigint", "1"),
    (pa.array([255], pa.uint8()), "smallint", "255"),
    (pa.array([2**16 - 1], pa.uint16()), "integer", "65535"),
    (pa.array([2**32 - 1], pa.uint32()), "bigint", "4294967295"),
    (pa.array([2**64 - 1], pa.uint64()), "numeric(20,0)", "18446744073709551615"),
    (pa.array([1.5], pa.float16()), "real", "1.5"),
    (pa.array([1.5], pa.float32()), "real", "1.5"),
    (pa.array([0.1], pa.float64()), "double precision", "0.1"),
    (pa.array([D("1.50")], pa.decimal32(9, 2)), "numeric(9,2)", "1.50"),
    (pa.array([D("1.50")], pa.decimal64(18, 2)), "numeric(18,2)", "1.50"),
    (pa.array([D("1.50")], pa.decimal128(38, 2)), "numeric(38,2)", "1.50"),
    (pa.array([D("1.50")], pa.decimal256(76, 2)), "numeric(76,2)", "1.50"),
    (pa.array([True]), "boolean", "true"),
    (pa.array(["x"]), "text", "x"),
    (pa.array(["x"], pa.large_string()), "text", "x"),
    (pa.array(["x"], pa.string_view()), "text", "x"),
    (pa.array([b"\x01"]), "bytea", "\\x01"),
    (pa.array([b"\x01"], pa.large_binary()), "bytea", "\\x01"),
    (pa.array([b"\x01"], pa.binary_view()), "bytea", "\\x01"),
    (pa.array([b"\x01"], pa.binary(1)), "bytea", "\\x01"),
    (pa.array([dt.date(2020, 1, 2)], pa.date32()), "date", "2020-01-02"),
    (pa.array([dt.date(2020, 1, 2)], pa.date64()), "date", "2020-01-02"),
    (pa.array([dt.time(1, 2, 3)], pa.time32("s")), "time without time zone", "01:02:03"),
    (pa.array([dt.time(1, 2, 3)], pa.time64("ns")), "time without time zone", "01:02:03"),
    (pa.array([0], pa.timestamp("ms")), "timestamp without time zone", "1970-01-01 00:00:00"),
    (pa.array([0], pa.timestamp("ns", "Europe/Paris")), "timestamp with time zone", "1970-01-01 00:00:00+00"),
    (pa.array([1500], pa.duration("ms")), "interval", "00:00:01.5"),
    (pa.array([(1, 2, 3000)], pa.month_day_nano_interval()), "interval", "1 mon 2 days 00:00:00.000003"),
    (pa.array([uuid.UUID(int=1).bytes], pa.uuid()), "uuid", "00000000-0000-0000-0000-000000000001"),
    (pa.array(['{"a": 1}'], pa.json_()), "jsonb", '{"a": 1}'),
    (pa.array([1], pa.bool8()), "boolean", "true"),
    (pa.array(["x"]).dictionary_encode(), "text", "x"),
    (pa.array([5]).dictionary_encode(), "bigint", "5"),
    (pa.array([[1, None]], pa.list_(pa.int32())), "integer[]", "{1,NULL}"),
    (pa.array([["x"]], pa.large_list(pa.string())), "text[]", "{x}"),
    (pa.array([[1, 2]], pa.list_(pa.int16(), 2)), "smallint[]", "{1,2}"),
    (pa.array([[D("1.5")]], pa.list_(pa.decimal128(4, 1))), "numeric(4,1)[]", "{1.5}"),
    (pa.nulls(1), "text", None),
]


def declared(sql: Sql, table: str = "new") -> dict[str, str]:
    sql("SET TimeZone = 'UTC'")
    query = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass"
    return dict(sql(query + " AND attnum > 0 ORDER BY attnum", table))


@pytest.mark.parametrize(("array", "declaration", "text"), ARROW, ids=lambda value: str(getattr(value, "type", "")))
def test_create_from_arrow_declares(
    db: howdah.Database, sql: Sql, array: pa.Array, declaration: str, text: str | None
) -> None:
    db.load("new", pa.table({"v": array}), mode="create")
    assert declared(sql) == {"v": declaration}
    assert sql("SELECT v::text FROM new") == [(text,)]


UTC = dt.UTC
ROWS: list[tuple[list[Any], str]] = [
    ([1, None, -5], "bigint"),
    ([1, 2**63], "numeric"),
    ([2**63 - 1, -(2**63)], "bigint"),
    ([1, 1.5], "double precision"),
    ([1.5, 1], "double precision"),
    ([1, D("1.5")], "numeric"),
    ([D("1.5"), 1, None], "numeric"),
    ([0.5, None], "double precision"),
    (["x", None], "text"),
    ([True, False], "boolean"),
    ([dt.datetime(2020, 1, 1, tzinfo=UTC)], "timestamp with time zone"),
    ([dt.datetime(2020, 1, 1)], "timestamp without time zone"),  # noqa: DTZ001
    ([dt.date(2020, 1, 1)], "date"),
    ([dt.time(1, 2)], "time without time zone"),
    ([dt.timedelta(1)], "interval"),
    ([Interval(months=1)], "interval"),
    ([b"x", bytearray(b"y"), memoryview(b"z")], "bytea"),
    ([uuid.UUID(int=1)], "uuid"),
    ([{"a": 1}, {}], "jsonb"),
    ([[1, None], [], None], "bigint[]"),
    ([[], ["x"]], "text[]"),
    ([[1], [1.5]], "double precision[]"),
    ([[D("1.5")]], "numeric[]"),
    ([None, None], "text"),
    ([None] * 999 + [1], "bigint"),
]


@pytest.mark.parametrize(("values", "declaration"), ROWS, ids=lambda value: str(value)[:30])
def test_create_from_rows_declares(db: howdah.Database, sql: Sql, values: list[Any], declaration: str) -> None:
    db.load("new", [{"v": value} for value in values], mode="create")
    assert declared(sql) == {"v": declaration}
    assert sql("SELECT count(*), count(v) FROM new") == [(len(values), sum(v is not None for v in values))]


@pytest.mark.parametrize(
    "values",
    [[1, "x"], [True, 1], ["x", b"x"], [dt.date(2020, 1, 1), "x"], [[1], 1], [object()], [{1}], [1.5, D(1)]],
    ids=shown,
)
def test_create_from_values_of_no_one_type_is_refused(db: howdah.Database, sql: Sql, values: list[Any]) -> None:
    with pytest.raises((ProgrammingError, DataError), match='"v"'):
        db.load("new", [{"v": value} for value in values], mode="create")
    assert sql("SELECT to_regclass('new')") == [(None,)]


def test_create_from_rows_after_the_inferred_ones_keeps_to_the_type(db: howdah.Database, sql: Sql) -> None:
    rows: Iterator[dict[str, Any]] = ({"v": n if n < 1500 else "x"} for n in range(2000))
    with pytest.raises(ConversionError) as caught:
        db.load("new", rows, mode="create")
    assert (caught.value.column, caught.value.row) == ("v", 1500)
    assert sql("SELECT to_regclass('new')") == [(None,)]


@pytest.mark.parametrize("data", [[{"v": 1}], pa.table({"v": [1]})], ids=["rows", "arrow"])
def test_create_of_a_table_that_exists_is_refused(db: howdah.Database, sql: Sql, data: Any) -> None:
    sql("CREATE TABLE new (v int)")
    sql("INSERT INTO new VALUES (5)")
    with pytest.raises(ProgrammingError, match="new"):
        db.load("new", data, mode="create")
    assert sql("SELECT v FROM new") == [(5,)]


def test_create_reports_rows_and_keeps_names(db: howdah.Database, sql: Sql) -> None:
    report = db.load("Odd Näme", [{'we "ird': 1, "a.b": 2}], mode="create", columns={"a.b": "SELECT"})
    assert (report.rows, report.inserted) == (1, 1)
    assert sql('SELECT "we ""ird", "SELECT" FROM "Odd Näme"') == [(1, 2)]


def test_create_of_arrow_type_that_postgresql_lacks_names_the_column(db: howdah.Database, sql: Sql) -> None:
    data = pa.table({"id": [1], "odd": pa.array([{"a": b"1"}]), "worse": pa.array([[(1, 1)]], pa.map_("int8", "int8"))})
    with pytest.raises((ProgrammingError, howdah.NotSupportedError)) as caught:
        db.load("new", data, mode="create")
    assert '"odd"' in str(caught.value)
    assert '"worse"' in str(caught.value)
    assert sql("SELECT to_regclass('new')") == [(None,)]


def test_create_with_tuples_takes_names_from_columns(db: howdah.Database, sql: Sql) -> None:
    db.load("new", [(1, "x")], mode="create", columns={"0": "a", "1": "b"})
    assert declared(sql) == {"a": "bigint", "b": "text"}
    with pytest.raises(ProgrammingError, match="columns="):
        db.load("newer", [(1, "x")], mode="create")


def test_create_with_duplicate_columns_is_refused(db: howdah.Database, sql: Sql) -> None:
    data = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(ProgrammingError, match=r'"a".*twice'):
        db.load("new", data, mode="create")
    assert sql("SELECT to_regclass('new')") == [(None,)]
