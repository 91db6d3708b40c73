"""`out_of_range=` of the verbs that return rows: every value that Python's types cannot hold, by every policy."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.versions import since

if TYPE_CHECKING:
    from howdah import embedded
    from tests.python.conftest import Sql

DAY = dt.date(2020, 1, 1)
LAST_TIME = dt.time.max
FIRST = dt.datetime.min  # noqa: DTZ901
LAST = dt.datetime.max  # noqa: DTZ901
I32, I64 = 2**31 - 1, 2**63 - 1
WEST = dt.timezone(dt.timedelta(hours=-3, minutes=-30))

# The value, the server's text for it, and the nearest value that Python has.
BEYOND: list[tuple[str, str, Any]] = [
    ("'infinity'::date", "infinity", dt.date.max),
    ("'-infinity'::date", "-infinity", dt.date.min),
    ("'10000-01-01'::date", "10000-01-01", dt.date.max),
    ("'5874897-12-31'::date", "5874897-12-31", dt.date.max),
    ("'0001-12-31 BC'::date", "0001-12-31 BC", dt.date.min),
    ("'24:00'::time", "24:00:00", LAST_TIME),
    ("'24:00-03:30'::timetz", "24:00:00-03:30", LAST_TIME.replace(tzinfo=WEST)),
    ("'infinity'::timestamp", "infinity", LAST),
    ("'-infinity'::timestamp", "-infinity", FIRST),
    ("'10000-01-01'::timestamp", "10000-01-01 00:00:00", LAST),
    ("'0001-12-31 23:59:59.999999 BC'::timestamp", "0001-12-31 23:59:59.999999 BC", FIRST),
    ("'infinity'::timestamptz", "infinity", LAST.replace(tzinfo=dt.UTC)),
    ("'-infinity'::timestamptz", "-infinity", FIRST.replace(tzinfo=dt.UTC)),
    ("'10000-01-01 00:00+00'::timestamptz", "10000-01-01 00:00:00+00", LAST.replace(tzinfo=dt.UTC)),
    ("'0001-12-31 00:00+00 BC'::timestamptz", "0001-12-31 00:00:00+00 BC", FIRST.replace(tzinfo=dt.UTC)),
    ("'infinity'::interval", "infinity", howdah.Interval(I32, I32, I64 - 1)),
    ("'-infinity'::interval", "-infinity", howdah.Interval(-I32 - 1, -I32 - 1, -I64)),
]
BEYOND_PYTHON = pytest.mark.parametrize(("value", "text", "nearest"), BEYOND, ids=lambda v: str(v)[:24])


@dataclasses.dataclass
class Row:
    n: int
    v: Any


@BEYOND_PYTHON
async def test_value_beyond_python_goes_by_the_policy(
    db: howdah.AsyncDatabase, server: embedded.Server, value: str, text: str, nearest: Any
) -> None:
    if "interval" in value:
        since(17, server)
    query = f"SELECT 1 AS n, {value} AS v"
    only = f"SELECT {value}"
    expected = {"null": None, "clamp": nearest, "string": text}
    for policy, found in expected.items():
        chosen: Any = {"out_of_range": policy}
        assert await db.fetch(query, **chosen) == [{"n": 1, "v": found}]
        assert await db.fetch(query, into=Row, **chosen) == [Row(1, found)]
        assert await db.fetch_one(query, **chosen) == {"n": 1, "v": found}
        assert await db.fetch_one(query, into=Row, **chosen) == Row(1, found)
        assert await db.fetch_value(only, **chosen) == found
        assert type(await db.fetch_value(only, **chosen)) is type(found)
        assert [row async for row in db.stream(query, **chosen)] == [{"n": 1, "v": found}]
        assert [row async for row in db.stream(query, into=Row, **chosen)] == [Row(1, found)]
    # The same statements, whose codecs are known by now.
    default: list[Any] = [{}, {"out_of_range": "error"}]
    for options in default:
        for fetch in (db.fetch, db.fetch_one):
            with pytest.raises(howdah.DataError, match="out of range") as caught:
                await fetch(query, **options)
            assert caught.value.column == "v"
            assert text in str(caught.value)
        with pytest.raises(howdah.DataError, match="out of range"):
            await db.fetch_value(only, **options)
        with pytest.raises(howdah.DataError, match="out of range"):
            [row async for row in db.stream(query, **options)]


@BEYOND_PYTHON
async def test_text_of_a_value_is_that_of_the_server(
    db: howdah.AsyncDatabase, server: embedded.Server, value: str, text: str, nearest: Any
) -> None:
    del nearest
    if "interval" in value:
        since(17, server)
    async with db.transaction() as transaction:
        await transaction.execute("SET LOCAL TimeZone = 'UTC'")
        assert await transaction.fetch_value(f"SELECT ({value})::text") == text
        assert await transaction.fetch_value(f"SELECT {value}", out_of_range="string") == text


@pytest.mark.parametrize("policy", ["null", "clamp", "string"])
async def test_policy_leaves_values_that_python_has_alone(db: howdah.AsyncDatabase, policy: Any) -> None:
    query = """SELECT '0001-01-01'::date, '9999-12-31'::date, '23:59:59.999999'::time, '00:00'::time,
        '0001-01-01'::timestamp, '9999-12-31 23:59:59.999999'::timestamp, '9999-12-31 23:59:59.999999Z'::timestamptz,
        '1 month 2 days'::interval, 'NaN'::numeric, 'infinity'::float8, NULL::date, 1, '23:59:59.999999+02'::timetz"""
    columns = ", ".join(f"c{n}" for n in range(13))
    query = f"SELECT * FROM ({query}) AS t ({columns})"
    exact, chosen = await db.fetch_one(query), await db.fetch_one(query, out_of_range=policy)
    assert repr(chosen) == repr(exact)
    assert chosen is not None
    assert chosen["c1"] == dt.date.max
    assert chosen["c10"] is None


async def test_policy_reaches_into_arrays_and_composites(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TYPE stay AS (guest text, until date)")
    sql("CREATE DOMAIN day AS date")
    array = "SELECT ARRAY['infinity', '2020-01-01', NULL]::date[]"
    nested = "SELECT ARRAY[ROW('a', 'infinity')::stay]"
    domain = "SELECT 'infinity'::day"
    replaced: list[tuple[Any, Any]] = [("null", None), ("clamp", dt.date.max), ("string", "infinity")]
    for policy, found in replaced:
        assert await db.fetch_value(array, out_of_range=policy) == [found, DAY, None]
        assert await db.fetch_value(nested, out_of_range=policy) == [{"guest": "a", "until": found}]
        assert await db.fetch_value(domain, out_of_range=policy) == found
    for query in (array, nested, domain):
        with pytest.raises(howdah.DataError):
            await db.fetch_value(query)


async def test_range_without_its_bound_is_none(db: howdah.AsyncDatabase) -> None:
    query = "SELECT '[2020-01-01,10000-01-01)'::daterange"
    assert await db.fetch_value(query, out_of_range="clamp") == howdah.Range(DAY, dt.date.max)
    assert await db.fetch_value(query, out_of_range="string") == howdah.Range(DAY, "10000-01-01")
    # A Range without the bound would hold all later days.
    assert await db.fetch_value(query, out_of_range="null") is None
    unbounded = "SELECT '[2020-01-01,)'::daterange"
    assert await db.fetch_value(unbounded, out_of_range="null") == howdah.Range(DAY)
    several = "SELECT '{[2020-01-01,2020-02-01), [2021-01-01,infinity)}'::datemultirange"
    assert await db.fetch_value(several, out_of_range="null") == [howdah.Range(DAY, dt.date(2020, 2, 1)), None]


async def test_clamped_interval_can_be_sent(db: howdah.AsyncDatabase, server: embedded.Server) -> None:
    since(17, server)
    for text, order in (("infinity", "<"), ("-infinity", ">")):
        finite = await db.fetch_value(f"SELECT '{text}'::interval", out_of_range="clamp")
        assert await db.fetch_value(f"SELECT $1::interval {order} '{text}'::interval", finite)


async def test_sessions_and_transactions_take_the_policy(db: howdah.AsyncDatabase) -> None:
    query = "SELECT 'infinity'::date AS v"
    async with db.transaction() as transaction:
        assert await transaction.fetch(query, out_of_range="clamp") == [{"v": dt.date.max}]
        rows = transaction.stream(query, batch_rows=1, out_of_range="string")
        assert [row async for row in rows] == [{"v": "infinity"}]


async def test_policy_that_is_none_is_refused(db: howdah.AsyncDatabase) -> None:
    unknown: Any = {"out_of_range": "guess"}
    for verb in (db.fetch, db.fetch_one, db.fetch_value):
        with pytest.raises(howdah.InterfaceError, match=r'out_of_range "guess": expected error, null, clamp or string'):
            await verb("SELECT 1", **unknown)
    with pytest.raises(howdah.InterfaceError, match="out_of_range"):
        [row async for row in db.stream("SELECT 1", **unknown)]


def test_functions_of_a_registered_type_get_the_nearest_value(url: str) -> None:
    with contextlib.closing(howdah.Database(url)) as db:
        db.register_type("date", decode=lambda day: day.isoformat()[:4])
        query = "SELECT 'infinity'::date"
        assert db.fetch_value(query, out_of_range="clamp") == "9999"
        assert db.fetch_value(query, out_of_range="string") == "infinity"
        assert db.fetch_value(query, out_of_range="null") is None
        with pytest.raises(howdah.DataError):
            db.fetch_value(query)
