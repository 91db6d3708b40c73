"""interval: months, days and microseconds, none converted to another."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import howdah
from howdah import DataError, Interval, Range
from tests.python.pool.faces import awaited, loops
from tests.python.versions import since

if TYPE_CHECKING:
    from howdah import embedded
    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column, Road

HOUR_US = 3_600_000_000
ROADS: list[Road] = ["rows", "tuples"]
INTERVALS = [
    (Interval(), "00:00:00"),
    (Interval(months=14), "1 year 2 mons"),
    (Interval(days=40), "40 days"),
    (Interval(microseconds=36 * HOUR_US + 1), "36:00:00.000001"),
    (Interval(-1, 2, -3), "-1 mons +2 days -00:00:00.000003"),
    (Interval(2**31 - 1, 2**31 - 1, 0), "178956970 years 7 mons 2147483647 days"),
    (Interval(-(2**31), -(2**31), 5), "-178956970 years -8 mons -2147483648 days +00:00:00.000005"),
]


def test_interval_values_come_back_the_same(column: Column) -> None:
    values = [interval for interval, _ in INTERVALS]
    arrow = pa.array([(i.months, i.days, i.microseconds * 1000) for i in values], pa.month_day_nano_interval())
    texts = [text for _, text in INTERVALS]
    assert column.load("interval", values, "rows") == texts
    assert column.read().equals(arrow)
    assert column.load("interval", arrow) == texts
    assert column.read().equals(arrow)


def test_interval_arrays_come_back_the_same(column: Column) -> None:
    column.load("interval[]", [[Interval(1, 2, 3), None], [], None], "rows")
    assert column.sql(f"SELECT v::text FROM {column.table} ORDER BY n") == [
        ('{"1 mon 2 days 00:00:00.000003",NULL}',),
        ("{}",),
        (None,),
    ]
    back = column.read()
    assert back.to_pylist() == [[(1, 2, 3000), None], [], None]


SPANS = [
    dt.timedelta(),
    dt.timedelta(days=30),
    dt.timedelta(hours=36),
    dt.timedelta(hours=-1),
    dt.timedelta(days=-2, hours=3),
    dt.timedelta(microseconds=-1),
    dt.timedelta(days=1, microseconds=1),
    dt.timedelta.max,
    dt.timedelta.min,
]


def test_timedelta_has_days_as_psycopg_sends_them(db: howdah.Database, sql: Sql, column: Column) -> None:
    texts: list[str | None] = []
    assert sql("SELECT %s::text", SPANS[1]) == [("30 days",)]
    for format in ("%t", "%b"):  # noqa: A001  (psycopg's word)
        texts = [sql(f"SELECT {format}::interval::text", span)[0][0] for span in SPANS]
        for road in ROADS:
            assert column.load("interval", [*SPANS, None], road) == [*texts, None]
        assert [db.fetch_value("SELECT $1::interval::text", span) for span in SPANS] == texts
        assert db.fetch_value("SELECT $1::interval[]::text[]", SPANS) == texts
    column.load("interval[]", [SPANS], "rows")
    assert column.sql(f"SELECT v::text[] FROM {column.table}") == [(texts,)]
    # What is fetched is equal, in days and microseconds.
    for span in SPANS:
        back = db.fetch_value("SELECT $1::interval", span)
        assert dt.timedelta(days=back.days, microseconds=back.microseconds) == span
        assert db.fetch_value("SELECT $1::interval = $2::interval", back, span) is True


def test_days_of_a_timedelta_are_days_to_the_server(db: howdah.Database, sql: Sql) -> None:
    days = dt.timedelta(days=30)
    assert db.fetch_value("SELECT date_part('day', $1::interval)", days) == 30
    with db.transaction():
        db.execute("SET LOCAL TimeZone = 'Europe/Paris'")
        query = "SELECT ('2024-03-30 12:00'::timestamptz + $1::interval)::text"
        assert db.fetch_value(query, dt.timedelta(days=1)) == "2024-03-31 12:00:00+02"
    sql("CREATE TABLE t (v interval day, w interval day to hour)")
    db.load("t", [{"v": days, "w": dt.timedelta(days=1, hours=2)}])
    db.load("t", pd.DataFrame({"v": pd.Series([days], dtype=object), "w": pd.Series([days], dtype=object)}))
    assert sql("SELECT v::text, w::text FROM t ORDER BY w") == [("30 days", "1 day 02:00:00"), ("30 days", "30 days")]
    with pytest.raises(DataError, match="round it first"):
        db.load("t", [{"v": dt.timedelta(days=1, hours=1), "w": days}])


@loops
def test_days_of_a_timedelta_are_days_by_awaited_verbs(url: str, sql: Sql, new_loop: Any) -> None:
    sql("CREATE TABLE t (v interval, w interval day)")
    days = dt.timedelta(days=30)

    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            assert await db.fetch_value("SELECT date_part('day', $1::interval)", days) == 30
            await db.execute("INSERT INTO t VALUES ($1, $1)", days)
            await db.execute_many("INSERT INTO t VALUES ($1, $1)", [(days,)])
            await db.load("t", [{"v": days, "w": days}])

    awaited(main(), new_loop)
    assert sql("SELECT v::text, w::text FROM t") == [("30 days", "30 days")] * 3


def test_timedelta_is_days_in_a_range_and_in_a_table_that_is_made(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TYPE spans AS RANGE (subtype = interval); CREATE TABLE t (v spans)")
    span = Range(dt.timedelta(days=1), dt.timedelta(days=2, hours=1))
    db.load("t", [{"v": span}])
    db.execute("INSERT INTO t VALUES ($1)", span)
    assert sql("SELECT v::text FROM t") == [('["1 day","2 days 01:00:00")',)] * 2
    db.load("made", [{"v": dt.timedelta(days=30)}], mode="create")
    assert sql("SELECT v::text FROM made") == [("30 days",)]


def test_duration_of_arrow_has_no_days(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (v interval)")
    db.load("t", pa.table({"v": pa.array([dt.timedelta(days=30)], pa.duration("us"))}))
    db.load("t", pd.DataFrame({"v": pd.to_timedelta([30], "D")}))
    db.load("t", pl.DataFrame({"v": [dt.timedelta(days=30)]}))
    assert sql("SELECT v::text FROM t") == [("720:00:00",)] * 3


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_interval_takes_every_duration(column: Column, unit: str) -> None:
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    given = pa.array([90_000 * scale, -scale, None], pa.duration(unit))
    assert column.load("interval", given) == ["25:00:00", "-00:00:01", None]


@pytest.mark.parametrize(
    "interval", [Interval(months=2**31), Interval(days=-(2**31) - 1), Interval(microseconds=2**63)], ids=str
)
def test_interval_of_python_that_does_not_fit_is_an_error(column: Column, interval: Interval) -> None:
    with pytest.raises(DataError) as caught:
        column.load("interval", [Interval(), interval], "rows")
    assert (caught.value.column, caught.value.row) == ("v", 1)


def test_interval_beyond_arrow_s_nanoseconds_is_an_error(column: Column) -> None:
    with pytest.raises(DataError) as caught:
        column.load("interval", [Interval(), Interval(microseconds=2**63 - 2)], "rows")
    assert (caught.value.column, caught.value.row) == ("v", 1)


@pytest.mark.parametrize("text", ["infinity", "-infinity", "2562047788:00:54.775806"])
def test_interval_that_arrow_lacks_is_an_error_by_default(server: embedded.Server, column: Column, text: str) -> None:
    since(17 if "infinity" in text else 0, server)
    column.store("interval", [None, text])
    with pytest.raises(DataError) as caught:
        column.read()
    assert (caught.value.column, caught.value.row) == ("v", 1)
