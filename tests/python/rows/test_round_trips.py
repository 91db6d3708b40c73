"""Every type, as a parameter and back in a row, compared with the server's text."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import math
import uuid
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from howdah import DataError, Interval, Json, JsonText
from tests.python.case import shown

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql

D = decimal.Decimal
UTC = dt.UTC
PARIS = dt.timezone(dt.timedelta(hours=1))
ODD_ZONE = dt.timezone(-dt.timedelta(hours=11, minutes=59, seconds=59))
NAIVE = dt.datetime(2020, 2, 29, 23, 59, 59, 999_999)  # noqa: DTZ001
LEAST = dt.datetime.min  # noqa: DTZ901
MOST = dt.datetime.max  # noqa: DTZ901
V4, V6 = ipaddress.IPv4Address("192.168.0.1"), ipaddress.IPv6Address("2001:db8::1")


# A type, a value, the server's text of it.
SAME: list[tuple[str, Any, str]] = [
    ("bool", True, "true"),
    ("bool", False, "false"),
    *(("int2", n, str(n)) for n in (0, 1, -1, -(2**15), 2**15 - 1)),
    *(("int4", n, str(n)) for n in (0, -1, -(2**31), 2**31 - 1)),
    *(("int8", n, str(n)) for n in (0, -1, -(2**63), 2**63 - 1)),
    *(("oid", n, str(n)) for n in (0, 2**31, 2**32 - 1)),
    ("float4", 1.5, "1.5"),
    ("float4", -0.0, "-0"),
    ("float4", math.inf, "Infinity"),
    ("float4", 2.0**-149, "1e-45"),
    ("float8", 0.1, "0.1"),
    ("float8", -0.0, "-0"),
    ("float8", 5e-324, "5e-324"),
    ("float8", 1.7976931348623157e308, "1.7976931348623157e+308"),
    ("float8", -math.inf, "-Infinity"),
    *(("numeric", D(text), text) for text in ("0", "0.00", "-0.5", "1.50", "123456789.123456789", "Infinity")),
    ("numeric", D("-Infinity"), "-Infinity"),
    ("numeric", D("1e-16383"), "0." + "0" * 16382 + "1"),
    ("numeric", D("9" * 1000 + "." + "9" * 1000), "9" * 1000 + "." + "9" * 1000),
    ("numeric", D("1" + "0" * 40), "1" + "0" * 40),
    ("numeric(9,2)", D("9999999.99"), "9999999.99"),
    *(("text", text, text) for text in ("", " ", "é'; DROP TABLE x; --", "😀\U0010ffff", "\x01\x7f\\\n", "NULL", "$1")),
    ("varchar", "x", "x"),
    ("varchar(3)", "ééé", "ééé"),
    ("name", "x" * 63, "x" * 63),
    *(("bytea", data, f"\\x{data.hex()}") for data in (b"", b"\0", b"\0\xff\\x00'", bytes(range(256)))),
    ("date", dt.date(2020, 2, 29), "2020-02-29"),
    ("date", dt.date.min, "0001-01-01"),
    ("date", dt.date.max, "9999-12-31"),
    ("date", dt.date(1999, 12, 31), "1999-12-31"),
    ("time", dt.time(), "00:00:00"),
    ("time", dt.time(1, 2, 3, 4), "01:02:03.000004"),
    ("time", dt.time.max, "23:59:59.999999"),
    ("timestamp", NAIVE, "2020-02-29 23:59:59.999999"),
    ("timestamp", LEAST, "0001-01-01 00:00:00"),
    ("timestamp", MOST, "9999-12-31 23:59:59.999999"),
    ("timestamptz", NAIVE.replace(tzinfo=UTC), "2020-02-29 23:59:59.999999+00"),
    ("timestamptz", LEAST.replace(tzinfo=UTC), "0001-01-01 00:00:00+00"),
    ("timestamptz", MOST.replace(tzinfo=UTC), "9999-12-31 23:59:59.999999+00"),
    ("interval", Interval(), "00:00:00"),
    ("interval", Interval(14, -3, 4_000_005), "1 year 2 mons -3 days +00:00:04.000005"),
    ("interval", Interval(2**31 - 1, -(2**31), 0), "178956970 years 7 mons -2147483648 days"),
    ("interval", Interval(0, 0, 2**63 - 2), "2562047788:00:54.775806"),
    ("uuid", uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
    ("uuid", uuid.UUID(int=2**128 - 1), "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("json", {"a": [1, 2.5, None, True, "\\"], "": {}}, '{"a": [1, 2.5, null, true, "\\\\"], "": {}}'),
    ("jsonb", {"é": "😀\n"}, '{"é": "😀\\n"}'),
    ("jsonb", {"a": [1, None, {}]}, '{"a": [1, null, {}]}'),
    ("jsonb", [], "[]"),
    ("jsonb", 5, "5"),
    ("jsonb", "5", '"5"'),
    ("json", "null", '"null"'),
    ("jsonb", "", '""'),
    ("json", Json(None), "null"),
    ("jsonb", Json(None), "null"),
    ("jsonb", True, "true"),
    ("mood", "ok", "ok"),
    ("mood", 'q"é,', 'q"é,'),
    ("amount", D("1.50"), "1.50"),
    ("label", "x", "x"),
    ("feeling", "sad", "sad"),
    ("inet", V4, "192.168.0.1/32"),
    ("inet", V6, "2001:db8::1/128"),
    ("inet", ipaddress.ip_interface("10.1.2.3/8"), "10.1.2.3/8"),
    ("inet", ipaddress.ip_interface("2001:db8::1/64"), "2001:db8::1/64"),
    ("cidr", ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    ("cidr", ipaddress.ip_network("0.0.0.0/0"), "0.0.0.0/0"),
    ("cidr", ipaddress.ip_network("2001:db8::/32"), "2001:db8::/32"),
    ("cidr", ipaddress.ip_network("10.1.2.3/32"), "10.1.2.3/32"),
]
same = pytest.mark.parametrize(("declaration", "value", "text"), SAME, ids=shown)

TYPES = sorted({declaration for declaration, _, _ in SAME})


class Mood(enum.Enum):
    OK = "ok"
    SAD = "sad"


class Text(enum.StrEnum):
    OK = "ok"


class Number(enum.IntEnum):
    SEVEN = 7


class Plain(enum.Enum):
    SEVEN = 7


class Label(str):
    __slots__ = ()


class Count(int):
    pass


# A type, a value that is taken, what comes back, the server's text.
TAKEN: list[tuple[str, Any, Any, str | None]] = [
    ("float8", 5, 5.0, "5"),
    ("float4", 5, 5.0, "5"),
    ("float4", 0.1, 0.10000000149011612, "0.1"),
    ("numeric", 10**40, D(10**40), "1" + "0" * 40),
    ("numeric", -7, D(-7), "-7"),
    ("numeric", 7 * 10**5000, D("7" + "0" * 5000), "7" + "0" * 5000),
    ("numeric", D("1e3"), D(1000), "1000"),
    ("numeric(9,2)", D("1.5"), D("1.50"), "1.50"),
    ("numeric(9,2)", 1, D("1.00"), "1.00"),
    ("bytea", bytearray(b"\0x"), b"\0x", "\\x0078"),
    ("bytea", memoryview(b"abcdef")[::2], b"ace", "\\x616365"),
    (
        "timestamptz",
        dt.datetime(2020, 1, 1, 1, tzinfo=PARIS),
        dt.datetime(2020, 1, 1, tzinfo=UTC),
        "2020-01-01 00:00:00+00",
    ),
    (
        "timestamptz",
        dt.datetime(2020, 1, 1, tzinfo=ODD_ZONE),
        dt.datetime(2020, 1, 1, 11, 59, 59, tzinfo=UTC),
        "2020-01-01 11:59:59+00",
    ),
    ("interval", dt.timedelta(hours=36), Interval(0, 1, 43_200_000_000), "1 day 12:00:00"),
    ("interval", dt.timedelta(microseconds=-1), Interval(0, -1, 86_399_999_999), "-1 days +23:59:59.999999"),
    ("uuid", "0" * 31 + "1", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("mood", Mood.OK, "ok", "ok"),
    ("mood", Text.OK, "ok", "ok"),
    ("text", Mood.SAD, "sad", "sad"),
    ("text", Text.OK, "ok", "ok"),
    ("text", Label("x"), "x", "x"),
    ("int4", Number.SEVEN, 7, "7"),
    ("int4", Plain.SEVEN, 7, "7"),
    ("int4[]", (1, None), [1, None], "{1,NULL}"),
    ("int4[]", [(1, 2), (3, 4)], [[1, 2], [3, 4]], "{{1,2},{3,4}}"),
    ("int4[]", [[], []], [], "{}"),
    ("timestamp", pd.Timestamp(NAIVE), NAIVE, "2020-02-29 23:59:59.999999"),
    ("timestamp", pd.NaT, None, None),
    ("text", pd.NA, None, None),
    ("int8", np.int64(5), 5, "5"),
    ("float8", np.float64(0.1), 0.1, "0.1"),
    ("bool", np.bool_(1), True, "true"),
    ("int8", Count(3), 3, "3"),
    ("label", Mood.OK, "ok", "ok"),
    ("json", JsonText('{"b" : 1.0}'), {"b": 1.0}, '{"b" : 1.0}'),
    ("jsonb", Json("x"), "x", '"x"'),
    ("jsonb", D("1.50"), 1.5, "1.50"),
    (
        "json",
        {"a": (D("1E+3"), Json(None), {1: None})},
        {"a": [1000.0, None, {"1": None}]},
        '{"a": [1E+3, null, {"1": null}]}',
    ),
    ("jsonb", (1, 2), [1, 2], "[1, 2]"),
    ("inet", "10.0.0.1", ipaddress.ip_address("10.0.0.1"), "10.0.0.1/32"),
    ("inet", "10.0.0.1/8", ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8"),
    ("inet", ipaddress.ip_interface("10.0.0.1/32"), V4.__class__("10.0.0.1"), "10.0.0.1/32"),
    ("cidr", "10.0.0.0/8", ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
    ("cidr", ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("10.0.0.1/32"), "10.0.0.1/32"),
    ("bpchar", "x", "x", "x"),
    ("char(3)", "x", "x  ", "x"),
]


@pytest.fixture(autouse=True)
def types(sql: Sql) -> None:
    """Make the types."""
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'q\"é,')")
    sql("CREATE DOMAIN amount AS numeric(9,2); CREATE DOMAIN label AS text; CREATE DOMAIN feeling AS mood")


def alike(found: object, wanted: object) -> bool:
    """Compare, with the type, the sign of zeros and the digits of decimals."""
    return type(found) is type(wanted) and found == wanted and repr(found) == repr(wanted)


@same
async def test_value_comes_back_the_same(db: howdah.AsyncDatabase, declaration: str, value: Any, text: str) -> None:
    await db.execute(f"CREATE TABLE t (v {declaration})")
    assert await db.execute("INSERT INTO t VALUES ($1), ($2)", value, None) == 2
    async with db.transaction():
        await db.execute("SET LOCAL TimeZone = 'UTC'")
        found = await db.fetch("SELECT v, v::text AS text FROM t")
    assert [row["text"] for row in found] == [text, None]
    assert alike(found[0]["v"], value)
    assert found[1]["v"] is None
    assert alike(await db.fetch_value(f"SELECT $1::{declaration}", value), value)


@pytest.mark.parametrize(("declaration", "value", "wanted", "text"), TAKEN, ids=shown)
async def test_value_of_a_kindred_type_is_taken(
    db: howdah.AsyncDatabase, declaration: str, value: Any, wanted: Any, text: str | None
) -> None:
    async with db.transaction():
        await db.execute("SET LOCAL TimeZone = 'UTC'")
        await db.execute(f"CREATE TABLE t (v {declaration})")
        await db.execute("INSERT INTO t VALUES ($1)", value)
        row = await db.fetch_one("SELECT v, v::text AS text FROM t")
    assert row is not None
    assert row["text"] == text
    assert alike(row["v"], wanted)


@pytest.mark.parametrize("declaration", TYPES)
async def test_null_of_every_type_is_none(db: howdah.AsyncDatabase, declaration: str) -> None:
    query = f"SELECT $1::{declaration} AS v, $1 IS NULL AS missing, NULL::{declaration}[] AS many"
    assert await db.fetch(query, None) == [{"v": None, "missing": True, "many": None}]


@same
async def test_array_of_every_type_comes_back_the_same(
    db: howdah.AsyncDatabase, declaration: str, value: Any, text: str
) -> None:
    lists: list[Any] = [[value, None, value], [None], [], [value], None]
    if "json" not in declaration:
        # A list in an array of JSON is JSON itself.
        lists.append([[value, None], [None, value]])
    query = f"SELECT $1::{declaration}[] AS v, ($1::{declaration}[])[1]::text AS first, cardinality($1) AS size"
    async with db.transaction():
        await db.execute("SET LOCAL TimeZone = 'UTC'")
        for values in lists:
            row = await db.fetch_one(query, values)
            assert row is not None
            assert row["v"] == values
            assert repr(row["v"]) == repr(values)
        assert (await db.fetch(query, lists[0]))[0]["first"] == text


async def test_nan_comes_back(db: howdah.AsyncDatabase) -> None:
    for declaration in ("float4", "float8"):
        assert math.isnan(await db.fetch_value(f"SELECT $1::{declaration}", math.nan))
        assert await db.fetch_value(f"SELECT $1::{declaration}::text", math.nan) == "NaN"
    found = await db.fetch_value("SELECT $1::numeric", D("NaN"))
    assert found.is_nan()
    assert await db.fetch_value("SELECT $1::numeric::text", D("NaN")) == "NaN"
    assert (await db.fetch_value("SELECT $1::numeric", math.nan)).is_nan()


async def test_json_null_is_not_null(db: howdah.AsyncDatabase) -> None:
    for declaration in ("json", "jsonb"):
        query = f"SELECT $1::{declaration} AS v, $1 IS NULL AS missing"
        assert await db.fetch_one(query, None) == {"v": None, "missing": True}
        assert await db.fetch_one(query, Json(None)) == {"v": Json(None), "missing": False}
        assert await db.fetch_one(query, [None]) == {"v": [None], "missing": False}


async def test_json_array_is_a_list_of_values(db: howdah.AsyncDatabase) -> None:
    values = [{"a": 1}, [1], None, Json(None), "null", 5]
    assert await db.fetch_value("SELECT $1::jsonb[]", values) == values
    assert await db.fetch_value("SELECT ARRAY['null', '[]', NULL]::json[]") == [Json(None), [], None]


@pytest.mark.parametrize("declaration", ["json", "jsonb"])
async def test_json_array_of_two_dimensions_is_refused(db: howdah.AsyncDatabase, declaration: str) -> None:
    many = f"""'{{{{1}},{{"[1]"}}}}'::{declaration}[]"""
    with pytest.raises(DataError, match='column "odd", row 0: an array of JSON in 2 dimensions'):
        await db.fetch(f"SELECT {many} AS odd")
    assert await db.fetch_value(f"SELECT to_jsonb({many})") == [[1], [[1]]]
    assert await db.fetch_value(f"SELECT $1::{declaration}[]", [[1], [[1]]]) == [[1], [[1]]]


async def test_json_keeps_large_and_exact_integers(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch_value("SELECT $1::jsonb", {"n": 2**70}) == {"n": 2**70}


async def test_arrays_of_more_dimensions_are_lists_of_lists(db: howdah.AsyncDatabase) -> None:
    cube = [[[1, 2], [3, None]], [[5, 6], [7, 8]], [[9, 10], [11, 12]]]
    assert await db.fetch_value("SELECT $1::int4[]", cube) == cube
    assert await db.fetch_value("SELECT array_dims($1::int4[])", cube) == "[1:3][1:2][1:2]"
    assert await db.fetch_value("SELECT '{{a,b},{c,NULL}}'::text[]") == [["a", "b"], ["c", None]]
    six: Any = 1
    for _ in range(6):
        six = [six, six]
    assert await db.fetch_value("SELECT $1::int8[]", six) == six


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns"])
async def test_zone_of_the_session_does_not_move_an_instant(db: howdah.AsyncDatabase, zone: str) -> None:
    instant = dt.datetime(2021, 7, 1, 12, 30, tzinfo=PARIS)
    async with db.transaction():
        await db.execute(f"SET LOCAL TimeZone = '{zone}'")
        found = await db.fetch_value("SELECT $1::timestamptz", instant)
        assert found == instant
        assert found.tzinfo is not None
        assert await db.fetch_value("SELECT $1::timestamptz = '2021-07-01 11:30:00+00'", instant) is True


async def test_enum_that_is_altered_takes_its_new_label(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch_value("SELECT $1::mood", "ok") == "ok"
    await db.execute("ALTER TYPE mood ADD VALUE 'new'")
    assert await db.fetch_value("SELECT $1::mood", "new") == "new"
