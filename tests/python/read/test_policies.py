"""Policies for values that Arrow cannot hold, and types requested by types=."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import howdah
from tests.python.versions import since

if TYPE_CHECKING:
    from howdah import embedded
    from tests.python.conftest import Sql

D = decimal.Decimal
US = 10**6

# The query of a value, its text, and the nearest value Arrow has, as its storage (None: there is none).
BEYOND: list[tuple[str, str, Any]] = [
    ("'infinity'::date", "infinity", 2**31 - 1),
    ("'-infinity'::date", "-infinity", -(2**31)),
    ("'infinity'::timestamp", "infinity", 2**63 - 1),
    ("'-infinity'::timestamp", "-infinity", 1 - 2**63),
    ("'infinity'::timestamptz", "infinity", 2**63 - 1),
    ("'-infinity'::timestamptz", "-infinity", 1 - 2**63),
    ("'294276-12-31 23:59:59'::timestamp", "294276-12-31 23:59:59", 2**63 - 1),
    ("'24:00:00'::time", "24:00:00", 86_400 * US - 1),
    ("'NaN'::numeric(5,2)", "NaN", None),
]


@pytest.mark.parametrize(("value", "text", "nearest"), BEYOND, ids=lambda v: str(v)[:28])
def test_value_beyond_arrow_goes_by_the_policy(db: howdah.Database, value: str, text: str, nearest: int | None) -> None:
    kind = value.split("::")[1]
    query = f"SELECT v FROM (VALUES (1, NULL::{kind}), (2, {value})) t (n, v) ORDER BY n"
    with pytest.raises(howdah.DataError) as caught:
        db.read(query).to_arrow()
    assert (caught.value.column, caught.value.row) == ("v", 1)
    assert text in str(caught.value)
    assert db.read(query, out_of_range="null").to_arrow()["v"].to_pylist() == [None, None]
    if nearest is None:
        with pytest.raises(howdah.DataError):
            db.read(query, out_of_range="clamp").to_arrow()
    else:
        clamped = db.read(query, out_of_range="clamp").to_arrow()["v"].combine_chunks()
        width = pa.int32() if clamped.type.bit_width == 32 else pa.int64()
        assert clamped.view(width).to_pylist() == [None, nearest]
    shown = db.read(query, out_of_range="string").to_arrow()["v"]
    assert getattr(shown.type, "storage_type", shown.type) == pa.string()
    assert shown.to_pylist() == [None, text]


@pytest.mark.parametrize("text", ["infinity", "-infinity"])
def test_interval_beyond_arrow_goes_by_the_policy(db: howdah.Database, server: embedded.Server, text: str) -> None:
    since(17, server)
    query = f"SELECT '{text}'::interval AS v"
    with pytest.raises(howdah.DataError) as caught:
        db.read(query).to_arrow()
    assert (caught.value.column, caught.value.row) == ("v", 0)
    assert db.read(query, out_of_range="null").to_arrow()["v"].to_pylist() == [None]
    (clamped,) = db.read(query, out_of_range="clamp").to_arrow()["v"].to_pylist()
    assert (clamped.months > 0) == (text == "infinity")
    assert db.read(query, out_of_range="string").to_arrow()["v"].to_pylist() == [text]


def test_policy_reaches_into_arrays(db: howdah.Database) -> None:
    query = "SELECT ARRAY['infinity', '2020-01-01', NULL]::date[] AS v"
    with pytest.raises(howdah.DataError):
        db.read(query).to_arrow()
    assert db.read(query, out_of_range="null").to_arrow()["v"].to_pylist() == [[None, dt.date(2020, 1, 1), None]]
    assert db.read(query, out_of_range="string").to_arrow()["v"].to_pylist() == [["infinity", "2020-01-01", None]]


SHOWN = [
    ("numeric(9,2)", ["1.50", "-0.05", "0.00", "1234567.89"]),
    ("numeric", ["1.50", "NaN", "Infinity", "-Infinity", "0.00000001", "123456789012345678901234567890.5"]),
    ("date", ["2020-01-01", "0001-01-01 BC", "4714-11-24 BC", "10000-01-01", "5874897-12-31", "infinity"]),
    ("time", ["00:00:00", "01:02:03.000004", "01:02:03.5", "24:00:00"]),
    (
        "timestamp",
        [
            "2020-01-01 00:00:00",
            "1999-12-31 23:59:59.999999",
            "0001-01-01 00:00:00.5 BC",
            "10000-01-01 01:00:00",
            "-infinity",
        ],
    ),
    ("timestamptz", ["2020-01-01 00:00:00+00", "0044-03-15 12:00:00+00 BC", "infinity"]),
    (
        "interval",
        ["00:00:00", "1 year 2 mons", "-1 mons +2 days -00:00:00.000003", "36:00:00", "-3 days", "1 day -01:00:00"],
    ),
]


@pytest.mark.parametrize(("declaration", "texts"), SHOWN, ids=lambda v: str(v)[:12])
def test_string_policy_writes_as_the_server_does(
    db: howdah.Database, sql: Sql, declaration: str, texts: list[str]
) -> None:
    sql(f"CREATE TABLE t (n serial, v {declaration})")
    sql("SET TimeZone = 'UTC'")
    for text in texts:
        sql(f"INSERT INTO t (v) VALUES (%s::text::{declaration})", text)
    want = [text for (text,) in sql("SELECT v::text FROM t ORDER BY n")]
    assert want == texts
    assert db.read("SELECT v FROM t ORDER BY n", out_of_range="string").to_arrow()["v"].to_pylist() == texts


def test_string_policy_leaves_other_types_alone(db: howdah.Database) -> None:
    table = db.read("SELECT 1 AS i, 1.5::float8 AS f, true AS b, 'x'::text AS t", out_of_range="string").to_arrow()
    assert table.schema.types == [pa.int32(), pa.float64(), pa.bool_(), pa.string()]


def test_policy_that_is_none_is_refused(db: howdah.Database) -> None:
    with pytest.raises((howdah.InterfaceError, howdah.ProgrammingError), match="out_of_range"):
        db.read("SELECT 1", out_of_range="guess")  # type: ignore[arg-type]


EXACT = [
    ("1.5::numeric", "decimal(20,4)", pa.decimal128(20, 4), D("1.5000")),
    ("1.5::numeric", pa.decimal128(3, 1), pa.decimal128(3, 1), D("1.5")),
    ("1.5::numeric", "decimal(60,4)", pa.decimal256(60, 4), D("1.5000")),
    ("1.50::numeric(9,2)", "decimal(3,1)", pa.decimal128(3, 1), D("1.5")),
    ("1.5::numeric(9,2)", "double", pa.float64(), 1.5),
    ("5::int8", "int8", pa.int8(), 5),
    ("5::int4", pa.int64(), pa.int64(), 5),
    ("5::int2", "float64", pa.float64(), 5.0),
    ("5::int4", "uint8", pa.uint8(), 5),
    ("0.5::float8", "float32", pa.float32(), 0.5),
    ("'x'::text", "large_string", pa.large_string(), "x"),
    ("'x'::text", pa.string_view(), pa.string_view(), "x"),
    ("'\\x01'::bytea", pa.large_binary(), pa.large_binary(), b"\x01"),
    ("'2020-01-01'::date", pa.date64(), pa.date64(), dt.date(2020, 1, 1)),
    ("'2020-01-01'::timestamp", "timestamp[s]", pa.timestamp("s"), dt.datetime(2020, 1, 1)),  # noqa: DTZ001
    ("'2020-01-01'::timestamp", pa.timestamp("ns"), pa.timestamp("ns"), None),
    ("'2020-01-01 00:00Z'::timestamptz", "timestamp[us, Europe/Paris]", pa.timestamp("us", "Europe/Paris"), None),
    ("'01:00'::time", pa.time32("s"), pa.time32("s"), dt.time(1)),
    ("NULL::numeric", "decimal(5,2)", pa.decimal128(5, 2), None),
]


@pytest.mark.parametrize(("value", "asked", "arrow", "expected"), EXACT, ids=lambda v: str(v)[:24])
def test_type_asked_for_is_given(
    db: howdah.Database, value: str, asked: Any, arrow: pa.DataType, expected: Any
) -> None:
    reader = db.read(f"SELECT {value} AS v, 1 AS other", types={"v": asked})
    assert pa.schema(reader.schema).field("v").type == arrow
    table = reader.to_arrow()
    assert table.schema.field("v").type == arrow
    assert table.schema.field("other").type == pa.int32()
    if expected is not None:
        assert table["v"].to_pylist() == [expected]
    else:
        assert table["v"].null_count == int(value.startswith("NULL"))


INEXACT = [
    ("1.55::numeric", "decimal(20,1)"),
    ("100::numeric", "decimal(2,0)"),
    ("'NaN'::numeric", "decimal(20,4)"),
    ("'Infinity'::numeric", "decimal(20,4)"),
    ("1.55::numeric(9,2)", "decimal(9,1)"),
    ("300::int4", "int8"),
    ("(-1)::int4", "uint8"),
    ("9007199254740993::int8", "float64"),
    ("0.1::float8", "float32"),
    ("1.5::float8", "int32"),
    ("'2020-01-01 00:00:00.5'::timestamp", "timestamp[s]"),
    ("'3000-01-01'::timestamp", "timestamp[ns]"),
]


@pytest.mark.parametrize(("value", "asked"), INEXACT)
def test_type_asked_for_that_would_change_a_value_is_an_error(db: howdah.Database, value: str, asked: str) -> None:
    kind = value.split("::")[1]
    query = f"SELECT v FROM (VALUES (1, NULL::{kind}), (2, {value})) t (n, v) ORDER BY n"
    with pytest.raises(howdah.DataError) as caught:
        db.read(query, types={"v": asked}).to_arrow()
    assert (caught.value.column, caught.value.row) == ("v", 1)


def test_decimal_asked_for_goes_by_the_policy(db: howdah.Database) -> None:
    query = "SELECT v FROM (VALUES (1, 1.5::numeric), (2, 'NaN'), (3, 1000)) t (n, v) ORDER BY n"
    read = db.read(query, types={"v": "decimal(3,1)"}, out_of_range="null").to_arrow()["v"]
    assert read.to_pylist() == [D("1.5"), None, None]


@pytest.mark.parametrize(
    "types", [{"v": "nonsense"}, {"v": "decimal(99,1)"}, {"nowhere": "int64"}, {"v": 5}, {"v": "struct"}], ids=str
)
def test_type_asked_for_that_is_none_is_refused(db: howdah.Database, types: Any) -> None:
    with pytest.raises((howdah.ProgrammingError, howdah.InterfaceError, howdah.ConversionError)) as caught:
        db.read("SELECT 1.5::numeric AS v", types=types).to_arrow()
    assert next(iter(types)) in str(caught.value) or str(types["v"]) in str(caught.value)


def test_type_asked_for_that_the_column_cannot_be_is_refused(db: howdah.Database) -> None:
    with pytest.raises(howdah.Error, match='"v"'):
        db.read("SELECT true AS v", types={"v": "date32"}).to_arrow()


@pytest.mark.parametrize("kind", ["date", "timestamp", "timestamptz"])
def test_clamped_value_is_missing_to_no_library(db: howdah.Database, kind: str) -> None:
    query = f"SELECT v FROM (VALUES (1, '-infinity'::{kind}), (2, 'infinity'), (3, NULL)) t (n, v) ORDER BY n"

    def read() -> howdah.ArrowReader:
        return db.read(query, out_of_range="clamp")

    assert read().to_pandas()["v"].isna().tolist() == [False, False, True]
    assert read().to_polars()["v"].is_null().to_list() == [False, False, True]
    assert np.isnat(read().to_polars()["v"].to_numpy()).tolist() == [False, False, True]
    assert np.isnat(read().to_arrow()["v"].to_numpy()).tolist() == [False, False, True]


def test_clamped_interval_has_a_part_that_is_a_timedelta(db: howdah.Database, server: embedded.Server) -> None:
    since(17, server)
    for text in ("infinity", "-infinity"):
        (clamped,) = db.read(f"SELECT '{text}'::interval AS v", out_of_range="clamp").to_arrow()["v"].to_pylist()
        assert not np.isnat(np.timedelta64(clamped.nanoseconds, "ns"))
