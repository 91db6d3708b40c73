"""Values that a column cannot hold exactly: named by table, column and row, and nothing is stored."""

from __future__ import annotations

import datetime as dt
import decimal
import math
import uuid
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from howdah import CheckViolation, ConversionError, DataError, Interval, JsonText

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused

D = decimal.Decimal
NAIVE = dt.datetime(2020, 1, 1)  # noqa: DTZ001  (naive is what is tested)
AWARE = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
BAD_ROW = 3

UNFIT = [
    ("int2", 1, 2**15),
    ("int2", 1, -(2**15) - 1),
    ("int4", 1, 2**31),
    ("int4", 1, -(2**31) - 1),
    ("int8", 1, 2**63),
    ("int8", 1, -(2**63) - 1),
    ("int8", 1, 10**400),
    ("oid", 1, -1),
    ("oid", 1, 2**32),
    ("float8", 1, 2**53 + 1),
    ("float4", 1, 2**24 + 1),
    ("float4", 1.0, 1e300),
    ("float4", 1.0, 1e-300),
    ("numeric(5,2)", D(1), D("1000")),
    ("numeric(5,2)", D(1), D("-1000.00")),
    ("numeric(5,2)", D(1), D("1.234")),
    ("numeric(5,2)", 1, 1000),
    ("numeric(5,2)", 1.5, 1.005),
    ("numeric(5,2)", D(1), D("Infinity")),
    ("numeric(5,2)", 1.5, -math.inf),
    ("numeric(60,2)", D(1), D("0.001")),
    ("numeric(60,2)", D(1), D(10) ** 58),
    ("numeric", D(1), D("1E-16384")),
    ("numeric", D(1), D("1E+131072")),
    ("text", "x", "a\0b"),
    ("text", "x", "\ud800"),
    ("varchar(3)", "abc", "a\0b"),
    ("varchar(3)", "abc", "abcd"),
    ("bpchar", "x", "\udfff"),
    ("char(3)", "abc", "abcd"),
    ("name", "x", "a\0b"),
    ("json", {"a": 1}, JsonText('{"a":')),
    ("jsonb", {"a": 1}, JsonText('{"a":')),
    ("jsonb", {"a": 1}, {"a": math.nan}),
    ("uuid", uuid.UUID(int=1), "no uuid"),
    ("mood", "ok", "furious"),
    ("int4[]", [1], [1, 2**31]),
    ("text[]", ["x"], ["x", "\0"]),
    ("numeric(5,2)[]", [D(1)], [D("1.234")]),
    ("few", 1, 2**31),
]

WRONG = [
    ("jsonb", {"a": 1}, {"a": object()}),
    ("int4", 1, "1"),
    ("int4", 1, 1.0),
    ("int4", 1, True),
    ("int8", 1, D(1)),
    ("int2", 1, b"1"),
    ("oid", 1, "1"),
    ("bool", True, 1),
    ("bool", True, "true"),
    ("float8", 1.0, "1"),
    ("float8", 1.0, D("1.5")),
    ("float8", 1.0, True),
    ("float4", 1.0, "1"),
    ("numeric", D(1), "1"),
    ("numeric(5,2)", D(1), True),
    ("text", "x", 1),
    ("text", "x", b"x"),
    ("varchar(5)", "x", 1.5),
    ("bpchar", "x", AWARE),
    ("name", "x", 1),
    ("bytea", b"x", "x"),
    ("bytea", b"x", [1, 2]),
    ("date", AWARE.date(), NAIVE),
    ("date", AWARE.date(), "2020-01-01"),
    ("time", dt.time(1), "01:00"),
    ("time", dt.time(1), dt.time(1, tzinfo=dt.UTC)),
    ("time", dt.time(1), NAIVE),
    ("timestamp", NAIVE, AWARE),
    ("timestamp", NAIVE, AWARE.date()),
    ("timestamp", NAIVE, "2020-01-01"),
    ("timestamptz", AWARE, NAIVE),
    ("timestamptz", AWARE, 0),
    ("interval", Interval(), "1 day"),
    ("interval", Interval(), 1),
    ("uuid", uuid.UUID(int=1), 1),
    ("uuid", uuid.UUID(int=1), b"0123456789abcdef"),
    ("jsonb", {}, {1, 2}),
    ("jsonb", {}, b"{}"),
    ("mood", "ok", 1),
    ("int4[]", [1], 1),
    ("int4[]", [1], "1"),
    ("int4[]", [1], [1, "2"]),
    ("int4[]", [1], [[1]]),
    ("few", 1, "1"),
]


@pytest.fixture
def types(sql: Sql) -> None:
    """Make the types that are nobody's own."""
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    sql("CREATE DOMAIN few AS int4 CHECK (VALUE < 10)")


def brief(value: object) -> str:
    return ascii(value)[:24]


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(("declaration", "good", "bad"), UNFIT, ids=brief)
def test_python_value_that_does_not_fit_names_its_place(
    sql: Sql, refused: Refused, declaration: str, good: object, bad: object
) -> None:
    sql(f"CREATE TABLE t (n int, v {declaration})")
    sql("INSERT INTO t VALUES (1, NULL)")
    rows = [{"n": n, "v": bad if n == BAD_ROW else good} for n in range(6)]
    error = refused(DataError, rows, column="v", row=BAD_ROW)
    assert getattr(error, "table", None) == "t" or error.sqlstate is not None


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(("declaration", "good", "bad"), WRONG, ids=brief)
def test_python_value_of_another_type_names_its_place(
    sql: Sql, refused: Refused, declaration: str, good: object, bad: object
) -> None:
    sql(f"CREATE TABLE t (n int, v {declaration})")
    sql("INSERT INTO t VALUES (1, NULL)")
    rows = [(n, bad if n == BAD_ROW else good) for n in range(6)]
    error = refused(ConversionError, rows, column="v", row=BAD_ROW, says=("expected",))
    assert isinstance(error, TypeError)
    assert getattr(error, "table", None) == "t"


def test_domain_check_of_a_value_names_the_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE DOMAIN few AS int4 CHECK (VALUE < 10)")
    sql("CREATE TABLE t (v few)")
    refused(CheckViolation, [{"v": 1}, {"v": 11}], row=1)


US = 1_000_000
ARROW_UNFIT = [
    ("int2", pa.array([1, 2**15])),
    ("int2", pa.array([1, -(2**15) - 1])),
    ("int2", pa.array([1, 2**16 - 1], pa.uint16())),
    ("int4", pa.array([1, 2**31])),
    ("int4", pa.array([1, 2**32 - 1], pa.uint32())),
    ("int8", pa.array([1, 2**63], pa.uint64())),
    ("oid", pa.array([1, -1], pa.int8())),
    ("oid", pa.array([1, 2**32])),
    ("float8", pa.array([1, 2**53 + 1])),
    ("float4", pa.array([1, 2**24 + 1])),
    ("float4", pa.array([1.0, 1e300])),
    ("numeric(5,2)", pa.array([D("1.000"), D("1.234")])),
    ("numeric(5,2)", pa.array([D(1), D(1000)])),
    ("numeric(5,2)", pa.array([1, 1000])),
    ("numeric(5,2)", pa.array([1.5, 1.005])),
    ("numeric(5,2)", pa.array([1.5, math.inf])),
    ("numeric(40,1)", pa.array([D("1.00"), D("1.25")], pa.decimal256(50, 2))),
    ("text", pa.array(["x", "a\0b"])),
    ("text", pa.array(["x", "a\0b"], pa.large_string())),
    ("text", pa.array(["x", "a\0b"], pa.string_view())),
    ("text", pa.array(["x", "a\0b"]).dictionary_encode()),
    ("varchar(3)", pa.array(["abc", "abcd"])),
    ("date", pa.array([0, 1], pa.date64())),
    ("date", pa.array([0, 2**31 - 1], pa.int32()).view(pa.date32())),
    ("date", pa.array([0, -(2**31)], pa.int32()).view(pa.date32())),
    ("time", pa.array([0, 1], pa.time64("ns"))),
    ("time", pa.array([0, -1], pa.int64()).view(pa.time64("us"))),
    ("time", pa.array([0, 86_400 * US + 1], pa.int64()).view(pa.time64("us"))),
    ("timestamp", pa.array([0, 1], pa.timestamp("ns"))),
    ("timestamptz", pa.array([0, 999], pa.timestamp("ns", "UTC"))),
    ("timestamp", pa.array([0, 2**63 - 1], pa.timestamp("s"))),
    ("timestamp", pa.array([0, -(2**63) + 1], pa.timestamp("us"))),
    ("interval", pa.array([0, 1], pa.duration("ns"))),
    ("interval", pa.array([0, 2**62], pa.duration("s"))),
    ("interval", pa.array([(0, 0, 0), (0, 0, 1)], pa.month_day_nano_interval())),
    ("uuid", pa.array(["00000000-0000-0000-0000-000000000000", "x"])),
    ("mood", pa.array(["ok", "furious"])),
    ("jsonb", pa.array(["{}", "{"])),
    ("int2[]", pa.array([[1], [2**15]])),
    ("text[]", pa.array([["x"], ["\0"]])),
]


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(("declaration", "array"), ARROW_UNFIT, ids=lambda value: str(getattr(value, "type", value)))
def test_arrow_value_that_does_not_fit_names_its_place(
    sql: Sql, refused: Refused, declaration: str, array: pa.Array
) -> None:
    sql(f"CREATE TABLE t (v {declaration})")
    sql("INSERT INTO t VALUES (NULL)")
    batches = [pa.record_batch({"v": array.slice(0, 1)}), pa.record_batch({"v": array})]
    refused(DataError, pa.Table.from_batches(batches), column="v", row=2)


@pytest.mark.parametrize("arrow", [pa.decimal32(7, 3), pa.decimal128(9, 3), pa.decimal256(50, 3)], ids=str)
@pytest.mark.parametrize("value", ["1.234", "-0.005"])
def test_decimal_that_does_not_fit_is_told_as_it_is_written(
    sql: Sql, refused: Refused, arrow: pa.DataType, value: str
) -> None:
    sql("CREATE TABLE t (v numeric(5,2)); INSERT INTO t VALUES (NULL)")
    error = refused(DataError, pa.table({"v": pa.array([D(value)], arrow)}), column="v", row=0)
    assert f" {value} has more digits after the point than numeric(5,2)" in str(error)


def test_arrow_buffer_that_is_no_utf8_names_its_place(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (v text)")
    sql("INSERT INTO t VALUES ('x')")
    broken = pa.array([b"fine", b"\xff\xfe"]).view(pa.string())
    error = refused(DataError, pa.table({"v": broken}), column="v", row=1)
    assert "UTF" in str(error).upper()


def test_arrow_null_slot_with_a_value_that_does_not_fit_is_null(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (v int2)")
    buffers = [pa.py_buffer(b"\x01"), pa.array([5, 2**40], pa.int64()).buffers()[1]]
    db.load("t", pa.table({"v": pa.Array.from_buffers(pa.int64(), 2, buffers)}))
    assert sql("SELECT v FROM t ORDER BY v") == [(5,), (None,)]


@pytest.mark.parametrize("value", [D("NaN"), math.nan])
def test_numeric_nan_goes_in_as_nan(db: howdah.Database, sql: Sql, value: object) -> None:
    sql("CREATE TABLE t (a numeric, b numeric(5,2))")
    db.load("t", [(value, value)])
    assert sql("SELECT a::text, b::text FROM t") == [("NaN", "NaN")]


@pytest.mark.parametrize("value", [D("-Infinity"), -math.inf])
def test_numeric_infinity_goes_in_as_infinity(db: howdah.Database, sql: Sql, value: object) -> None:
    sql("CREATE TABLE t (a numeric)")
    db.load("t", [(value,)])
    assert sql("SELECT a::text FROM t") == [("-Infinity",)]


def test_first_of_two_bad_values_is_the_one_named(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (a int2, b int2)")
    refused(DataError, pa.table({"a": [1, 2, 2**20], "b": [1, 2**20, 2]}), column="b", row=1)


def test_bad_value_far_into_a_stream_names_its_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (v int4)")
    sql("INSERT INTO t VALUES (1)")
    refused(DataError, ({"v": 2**31 if n == 123_456 else n} for n in range(200_000)), column="v", row=123_456)
