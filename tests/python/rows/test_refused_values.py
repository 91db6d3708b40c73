"""Values that a type cannot hold: an error that names the position, and a usable connection."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import ipaddress
import itertools
import json
import math
import uuid
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import howdah
from howdah import Interval, JsonText
from tests.python.case import shown
from tests.python.versions import since

if TYPE_CHECKING:
    from howdah import embedded
    from tests.python.conftest import Sql

D = decimal.Decimal
NAIVE = dt.datetime(2020, 1, 1)  # noqa: DTZ001
AWARE = NAIVE.replace(tzinfo=dt.UTC)


class Number(enum.Enum):
    SEVEN = 7


WRONG_TYPES: dict[str, list[Any]] = {
    "bool": [1, 0, "true", 1.0, []],
    "int4": ["1", 1.5, 1.0, True, b"1", D(1), [1], {}, object()],
    "int2": ["1", False],
    "int8": ["1", 2.0, AWARE],
    "float8": ["1.5", True, [1.5], b""],
    "numeric": ["1.5", True, [D(1)]],
    "text": [1, 1.5, b"x", True, ["x"], {}, uuid.UUID(int=0), AWARE],
    "bytea": ["x", 1, [1, 2], [b"x"]],
    "date": ["2020-01-01", 5, dt.time()],
    "time": ["01:02", 5, dt.timedelta(1), AWARE],
    "timestamp": ["2020-01-01", 0, dt.time()],
    "timestamptz": ["2020-01-01", 0.0, dt.timedelta(1)],
    "interval": ["1 day", 5, AWARE],
    "uuid": [5, b"x" * 16, [uuid.UUID(int=0)]],
    "jsonb": [object(), {"a": object()}, {"a": {1, 2}}, b"{}"],
    "mood": [1, b"ok", Number.SEVEN, ["ok"]],
    "inet": [5, b"\0\0\0\0", ["10.0.0.1"]],
    "int4[]": [1, "{1}", {1: 2}, ["x"], [1, "x"], [1.5], [True], [[1], ["x"]]],
    "text[]": ["abc", [1], [b"x"], b"abc"],
    "amount": ["1.5", []],
}

UNFIT: list[tuple[str, Any, str]] = [
    ("int2", 2**15, "range"),
    ("int2", -(2**15) - 1, "range"),
    ("int4", 2**31, "range"),
    ("int4", -(2**31) - 1, "range"),
    ("int8", 2**63, "range"),
    ("int8", -(2**63) - 1, "range"),
    ("int8", 2**200, "range"),
    ("oid", -1, "range"),
    ("oid", 2**32, "range"),
    ("float4", 1e39, "range"),
    ("float8", 10**400, "range"),
    ("text", "a\0b", "NUL"),
    ("varchar", "\0", "NUL"),
    ("text", "\ud800", "surrogate"),
    ("text", "ok\udfff", "surrogate"),
    ("text[]", ["ok", "a\0b"], "NUL"),
    ("text[]", ["\ud800"], "surrogate"),
    ("mood", "a\0", "NUL"),
    ("jsonb", {"a": "\0"}, ""),
    ("jsonb", [math.nan], ""),
    ("json", JsonText("{"), ""),
    ("uuid", "x", ""),
    ("uuid", "0" * 31, ""),
    ("inet", "10.0.0.256", ""),
    ("cidr", "10.0.0.1/8", ""),
    ("timestamp", AWARE, ""),
    ("timestamptz", NAIVE, ""),
    ("time", dt.time(tzinfo=dt.UTC), ""),
    ("int4[]", [2**31], "range"),
    ("numeric", D("1e-16384"), ""),
    ("numeric", D("1e200000"), ""),
    ("interval", pd.Timedelta(1, "ns"), "nanoseconds"),
    ("timestamp", pd.Timestamp("2020-01-01 00:00:00.000000001"), "nanoseconds"),
    ("json", {"n": 10**5000}, ""),
    ("int4[]", [[1, 2], [3]], ""),
    ("int4[]", [[1], 2], ""),
    ("int4[]", [1, [2]], ""),
    ("int4[]", [[], [1]], ""),
    ("interval", Interval(2**31, 0, 0), "range"),
    ("interval", Interval(0, 0, -(2**63) - 1), "range"),
]


@pytest.fixture(autouse=True)
def types(sql: Sql) -> None:
    """Make the types."""
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN amount AS numeric(9,2)")


@pytest.mark.parametrize(
    ("declaration", "value"),
    [(declaration, value) for declaration, values in WRONG_TYPES.items() for value in values],
    ids=shown,
)
async def test_value_of_another_type_is_refused_by_its_number(
    one: howdah.AsyncDatabase, declaration: str, value: object
) -> None:
    query = f"SELECT $1::text, $2::{declaration}"
    for verb in (one.execute, one.fetch):
        with pytest.raises(howdah.ConversionError, match=r"parameter \$2: .*") as caught:
            await verb(query, "fine", value)
        assert isinstance(caught.value, TypeError)
        assert "$1" not in str(caught.value)
    assert await one.fetch_value(query, "fine", None) == "fine"
    assert one.stats().opened == 1


@pytest.mark.parametrize(("declaration", "value"), [("int4", "secret"), ("text", b"secret"), ("bytea", "secret")])
async def test_refusal_shows_the_type_and_not_the_value(
    one: howdah.AsyncDatabase, declaration: str, value: object
) -> None:
    with pytest.raises(howdah.ConversionError) as caught:
        await one.fetch(f"SELECT $1::{declaration}", value)
    assert f"expected {declaration}, got {type(value).__name__}" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("declaration", "value", "says"), UNFIT, ids=itertools.count())
async def test_value_that_does_not_fit_is_refused_by_its_number(
    one: howdah.AsyncDatabase, declaration: str, value: object, says: str
) -> None:
    query = f"SELECT $1::text, $2::{declaration}"
    for verb in (one.execute, one.fetch):
        with pytest.raises(howdah.DataError, match=rf"\$2.*{says}|{says}.*\$2|^(?!.*\$)"):
            await verb(query, "fine", value)
    assert await one.fetch_value(query, "fine", None) == "fine"
    assert one.stats().opened == 1


async def test_list_of_itself_is_refused(one: howdah.AsyncDatabase) -> None:
    endless: list[Any] = []
    endless.append(endless)
    for declaration in ("int4[]", "jsonb", "text[]"):
        with pytest.raises(howdah.DataError, match=r"\$1"):
            await one.fetch(f"SELECT $1::{declaration}", endless)
    assert await one.fetch_value("SELECT 1") == 1


async def test_array_of_seven_dimensions_is_refused(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.DatabaseError):
        await one.fetch("SELECT $1::int4[]", [[[[[[[1]]]]]]])
    assert await one.fetch_value("SELECT 1") == 1


async def test_label_that_the_enum_has_not_is_refused(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.DataError):
        await one.fetch("SELECT $1::mood", "glad")
    assert await one.fetch_value("SELECT $1::mood", "ok") == "ok"


async def test_value_that_its_domain_refuses_is_the_servers_word(one: howdah.AsyncDatabase) -> None:
    await one.execute("CREATE DOMAIN positive AS int4 CHECK (VALUE > 0)")
    with pytest.raises(howdah.CheckViolation) as caught:
        await one.fetch("SELECT $1::positive", -1)
    assert caught.value.constraint == "positive_check"
    assert await one.fetch_value("SELECT $1::positive", 1) == 1


async def test_value_whose_conversion_raises_says_what_it_raised(one: howdah.AsyncDatabase) -> None:
    class Odd(dt.tzinfo):
        def utcoffset(self, _moment: dt.datetime | None) -> dt.timedelta | None:
            message = "no offset today"
            raise ArithmeticError(message)

        def dst(self, _moment: dt.datetime | None) -> dt.timedelta | None:
            return None

        def tzname(self, _moment: dt.datetime | None) -> str | None:
            return None

    with pytest.raises(ArithmeticError, match="no offset today"):
        await one.fetch("SELECT $1::timestamptz", NAIVE.replace(tzinfo=Odd()))
    assert await one.fetch_value("SELECT 1") == 1
    assert one.stats().busy == 0


# What the server holds and Python cannot.
TOO_MUCH = [
    ("date", "infinity"),
    ("date", "-infinity"),
    ("date", "0001-12-31 BC"),
    ("date", "10000-01-01"),
    ("date", "5874897-12-31"),
    ("timestamp", "infinity"),
    ("timestamp", "0001-12-31 23:59:59.999999 BC"),
    ("timestamp", "10000-01-01"),
    ("timestamp", "294276-12-31 23:59:59.999999"),
    ("timestamptz", "-infinity"),
    ("timestamptz", "10000-01-01 00:00:00+00"),
    ("timestamptz", "4713-01-01 00:00:00+00 BC"),
    ("time", "24:00:00"),
    ("interval", "infinity"),
    ("interval", "-infinity"),
]


@pytest.mark.parametrize(("declaration", "text"), TOO_MUCH)
async def test_value_that_python_cannot_hold_is_an_error_with_its_place(
    one: howdah.AsyncDatabase, server: embedded.Server, declaration: str, text: str
) -> None:
    since(17 if declaration == "interval" else 0, server)
    fine = {"date": "2020-01-01", "time": "00:00", "interval": "1 day"}.get(declaration, "2020-01-01 00:00:00+00")
    query = f"SELECT 1 AS n, v AS odd FROM unnest(ARRAY['{fine}', '{fine}', '{text}', '{fine}']::{declaration}[]) AS v"
    with pytest.raises(howdah.DataError, match='"odd"') as caught:
        await one.fetch(query)
    assert (caught.value.column, caught.value.row) == ("odd", 2)
    assert not isinstance(caught.value, TypeError)
    with pytest.raises(howdah.DataError, match='"odd"'):
        [row async for row in one.stream(query, batch_rows=1)]
    with pytest.raises(howdah.DataError):
        await one.fetch_value(f"SELECT '{text}'::{declaration}")
    with pytest.raises(howdah.DataError):
        await one.fetch_value(f"SELECT ARRAY['{text}']::{declaration}[]")
    assert await one.fetch_value(f"SELECT '{text}'::{declaration}::text") is not None
    assert one.stats().opened == 1


@pytest.mark.parametrize("text", ["[" * 5000 + "]" * 5000, "1" * 5000])
async def test_json_that_python_cannot_read_is_an_error_with_its_place(one: howdah.AsyncDatabase, text: str) -> None:
    try:
        there = json.loads(text)
    except (RecursionError, ValueError):
        with pytest.raises(howdah.DataError, match='"odd"'):
            await one.fetch(f"SELECT '{text}'::json AS odd")
    else:
        # How deep it reads is another matter in each version.
        assert await one.fetch_value(f"SELECT '{text}'::json") == there
    assert await one.fetch_value(f"SELECT '{text}'::json::text") == text
    assert one.stats().opened == 1


@pytest.mark.parametrize("text", ["[0:1]={1,2}", "[2:2][3:3]={{1}}", "[-5:-4]={1,2}"])
async def test_array_that_does_not_begin_at_one_is_refused(one: howdah.AsyncDatabase, text: str) -> None:
    with pytest.raises(howdah.DataError, match="begin") as caught:
        await one.fetch(f"SELECT '{text}'::int4[] AS odd")
    assert caught.value.column == "odd"
    assert await one.fetch_value("SELECT 1") == 1


async def test_row_of_an_error_in_a_stream_is_counted_from_its_beginning(one: howdah.AsyncDatabase) -> None:
    query = "SELECT CASE n WHEN 37 THEN 'infinity' ELSE '2020-01-01' END::date AS d FROM generate_series(0, 99) AS n"
    rows = one.stream(query, batch_rows=10)
    with pytest.raises(howdah.DataError) as caught:
        [row async for row in rows]
    assert (caught.value.column, caught.value.row) == ("d", 37)


async def test_refused_parameter_in_a_transaction_leaves_it_good(one: howdah.AsyncDatabase) -> None:
    async with one.transaction():
        await one.execute("CREATE TABLE t (a int4)")
        with pytest.raises(howdah.ConversionError):
            await one.execute("INSERT INTO t VALUES ($1)", "x")
        with pytest.raises(howdah.DataError):
            await one.fetch("SELECT 'infinity'::date")
        await one.execute("INSERT INTO t VALUES ($1)", 1)
    assert await one.fetch_value("SELECT count(*) FROM t") == 1


async def test_interface_of_another_network_is_no_cidr(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.DataError):
        await one.fetch("SELECT $1::cidr", ipaddress.ip_interface("10.1.2.3/8"))
