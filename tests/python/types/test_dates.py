"""date, time, timestamp and timestamptz: every unit and zone, and years beyond Python's range."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

ROADS = pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
UTC = dt.UTC
DATES = [
    (dt.date(1970, 1, 1), "1970-01-01"),
    (dt.date(2000, 1, 1), "2000-01-01"),
    (dt.date(1999, 12, 31), "1999-12-31"),
    (dt.date(2024, 2, 29), "2024-02-29"),
    (dt.date(1900, 3, 1), "1900-03-01"),
    (dt.date.min, "0001-01-01"),
    (dt.date.max, "9999-12-31"),
]
TIMES = [
    (dt.time(), "00:00:00"),
    (dt.time(1, 2, 3, 4), "01:02:03.000004"),
    (dt.time(23, 59, 59, 999_999), "23:59:59.999999"),
]
STAMPS = [
    ((1970, 1, 1), "1970-01-01 00:00:00"),
    ((2000, 1, 1), "2000-01-01 00:00:00"),
    ((1999, 12, 31, 23, 59, 59, 999_999), "1999-12-31 23:59:59.999999"),
    ((1969, 12, 31, 23, 59, 59, 1), "1969-12-31 23:59:59.000001"),
    ((2024, 2, 29, 12, 30), "2024-02-29 12:30:00"),
    ((1, 1, 1), "0001-01-01 00:00:00"),
    ((9999, 12, 31, 23, 59, 59, 999_999), "9999-12-31 23:59:59.999999"),
]


@ROADS
def test_date_values_come_back_the_same(column: Column, road: Any) -> None:
    column.round_trip("date", pa.date32(), DATES, road)


@ROADS
def test_time_values_come_back_the_same(column: Column, road: Any) -> None:
    column.round_trip("time", pa.time64("us"), TIMES, road)


@ROADS
def test_timestamp_values_come_back_the_same(column: Column, road: Any) -> None:
    pairs = [(dt.datetime(*parts), text) for parts, text in STAMPS]  # type: ignore[arg-type]  # noqa: DTZ001
    column.round_trip("timestamp", pa.timestamp("us"), pairs, road)


@ROADS
def test_timestamptz_values_come_back_the_same(column: Column, road: Any) -> None:
    pairs = [(dt.datetime(*parts, tzinfo=UTC), text + "+00") for parts, text in STAMPS]  # type: ignore[arg-type,misc]
    column.round_trip("timestamptz", pa.timestamp("us", "UTC"), pairs, road)


BEYOND_PYTHON = [
    ("date", pa.int32(), pa.date32(), {-719528: "0001-01-01 BC", 2932897: "10000-01-01"}),
    ("date", pa.int32(), pa.date32(), {-2440588: "4714-11-24 BC", 2145042905: "5874897-12-31"}),
    (
        "timestamp",
        pa.int64(),
        pa.timestamp("us"),
        {253402300800000000: "10000-01-01 00:00:00", -62167219200000000: "0001-01-01 00:00:00 BC"},
    ),
    (
        "timestamp",
        pa.int64(),
        pa.timestamp("us"),
        {-210866803200000000: "4714-11-24 00:00:00 BC", 2**63 - 1: "294247-01-10 04:00:54.775807"},
    ),
    ("timestamptz", pa.int64(), pa.timestamp("us", "UTC"), {253402300800000000: "10000-01-01 00:00:00+00"}),
]


@pytest.mark.parametrize(
    ("declaration", "storage", "arrow", "values"), BEYOND_PYTHON, ids=lambda value: str(value)[:20]
)
def test_year_beyond_python_s_comes_back_the_same(
    column: Column, declaration: str, storage: pa.DataType, arrow: pa.DataType, values: dict[int, str]
) -> None:
    given = pa.array(list(values), storage).view(arrow)
    assert column.load(declaration, given) == list(values.values())
    assert column.read().equals(given)


def test_date_takes_date64_on_whole_days(column: Column) -> None:
    values = [dt.date(1969, 12, 31), None, dt.date(2020, 2, 29), dt.date.min]
    assert column.load("date", pa.array(values, pa.date64())) == ["1969-12-31", None, "2020-02-29", "0001-01-01"]


@pytest.mark.parametrize("arrow", [pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")], ids=str)
def test_time_takes_every_unit(column: Column, arrow: pa.DataType) -> None:
    values = [dt.time(0), None, dt.time(23, 59, 59)]
    assert column.load("time", pa.array(values, arrow)) == ["00:00:00", None, "23:59:59"]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Paris", "+05:30", "America/New_York"])
def test_timestamp_takes_every_unit_and_zone(column: Column, unit: str, zone: str | None) -> None:
    values = pa.array([0, -1, None, 951782399]).cast(pa.int64())
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    given = pa.array([None if v is None else v * scale for v in values.to_pylist()]).view(pa.timestamp(unit, zone))
    texts = ["1970-01-01 00:00:00", "1969-12-31 23:59:59", None, "2000-02-28 23:59:59"]
    suffix = "+00" if zone else ""
    declaration = "timestamptz" if zone else "timestamp"
    assert column.load(declaration, given) == [None if text is None else text + suffix for text in texts]


def test_timestamp_takes_nanoseconds_without_remainder(column: Column) -> None:
    given = pa.array([1000, -1000, -(10**9)]).view(pa.timestamp("ns"))
    assert column.load("timestamp", given) == [
        "1970-01-01 00:00:00.000001",
        "1969-12-31 23:59:59.999999",
        "1969-12-31 23:59:59",
    ]


def test_timestamptz_takes_every_zone_of_python(column: Column) -> None:
    fold = dt.datetime(2021, 10, 31, 2, 30, tzinfo=ZoneInfo("Europe/Paris"))
    odd = dt.timezone(dt.timedelta(hours=5, minutes=30, seconds=7, microseconds=3))
    given = [
        dt.datetime(2020, 7, 1, 12, tzinfo=ZoneInfo("Europe/Paris")),
        fold,
        fold.replace(fold=1),
        dt.datetime(2020, 1, 1, tzinfo=odd),
        dt.datetime(2020, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-8))),
    ]
    assert column.load("timestamptz", given, "rows") == [
        "2020-07-01 10:00:00+00",
        "2021-10-31 00:30:00+00",
        "2021-10-31 01:30:00+00",
        "2019-12-31 18:29:52.999997+00",
        "2020-01-01 08:00:00+00",
    ]


@pytest.mark.parametrize(
    ("declaration", "text"),
    [
        ("date", "infinity"),
        ("date", "-infinity"),
        ("timestamp", "infinity"),
        ("timestamptz", "-infinity"),
        ("timestamp", "294276-12-31 23:59:59.999999"),
        ("time", "24:00:00"),
    ],
)
def test_value_that_arrow_lacks_is_an_error_by_default(column: Column, declaration: str, text: str) -> None:
    import howdah  # noqa: PLC0415

    column.store(declaration, [None, text])
    with pytest.raises(howdah.DataError) as caught:
        column.read()
    assert (caught.value.column, caught.value.row) == ("v", 1)
    assert text in str(caught.value)
