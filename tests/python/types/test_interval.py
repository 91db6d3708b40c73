"""interval: months, days and microseconds, none folded into another."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from howdah import DataError, Interval

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

HOUR_US = 3_600_000_000
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


def test_interval_takes_timedelta_as_a_span(column: Column) -> None:
    given = [dt.timedelta(hours=36), dt.timedelta(microseconds=-1), None]
    assert column.load("interval", given, "rows") == ["36:00:00", "-00:00:00.000001", None]


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
def test_interval_that_arrow_lacks_is_an_error_by_default(column: Column, text: str) -> None:
    column.store("interval", [None, text])
    with pytest.raises(DataError) as caught:
        column.read()
    assert (caught.value.column, caught.value.row) == ("v", 1)
