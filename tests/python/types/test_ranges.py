"""Ranges and multiranges: structs in Arrow, `howdah.Range` in rows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from howdah import Range

if TYPE_CHECKING:
    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column

NOON = dt.datetime(2013, 1, 1, 12, tzinfo=dt.UTC)
# What goes in, and what the server shows of it; the third is what comes back, where the server says it otherwise.
RANGES: list[tuple[str, Range[Any], str, Range[Any]]] = [
    ("int4range", Range(1, 5), "[1,5)", Range(1, 5)),
    ("int4range", Range(1, 5, "(]"), "[2,6)", Range(2, 6)),
    ("int4range", Range(None, 5), "(,5)", Range(None, 5)),
    ("int4range", Range(7, None, "[]"), "[7,)", Range(7)),
    ("int4range", Range(), "(,)", Range()),
    ("int4range", Range(3, 3), "empty", Range(empty=True)),
    ("int8range", Range(-(2**62), 2**62), "[-4611686018427387904,4611686018427387904)", Range(-(2**62), 2**62)),
    ("numrange", Range(Decimal("1.50"), 2, "[]"), "[1.50,2]", Range(Decimal("1.50"), Decimal(2), "[]")),
    (
        "daterange",
        Range(dt.date(2013, 1, 1), dt.date(2013, 12, 31), "[]"),
        "[2013-01-01,2014-01-01)",
        Range(dt.date(2013, 1, 1), dt.date(2014, 1, 1)),
    ),
    ("tstzrange", Range(NOON, None), '["2013-01-01 12:00:00+00",)', Range(NOON)),
]


@pytest.mark.parametrize("case", RANGES, ids=str)
def test_range_goes_in_by_every_road_and_comes_back(
    db: howdah.Database, column: Column, case: tuple[str, Range[Any], str, Range[Any]]
) -> None:
    declaration, given, shown, back = case
    assert column.load(declaration, [given, None], "rows") == [shown, None]
    frame = column.read()
    ends = frame.type.field("lower").type
    held = [None if row is None else of(row) for row in frame.to_pylist()]
    assert held == [Range(str(back.lower), str(back.upper), back.bounds) if opaque(ends) else back, None]
    assert column.load(declaration, frame) == [shown, None]
    assert db.fetch_value(f"SELECT $1::{declaration}", given) == back
    assert db.fetch_value(f"SELECT $1::{declaration}[]", [given, None]) == [back, None]
    with db.transaction():
        db.execute("SET LOCAL TimeZone = 'UTC'")
        assert db.fetch_value(f"SELECT ($1::{declaration})::text", given) == shown


def opaque(kind: pa.DataType) -> bool:
    """Tell whether Arrow holds it as text, as it does numbers of any precision."""
    return isinstance(kind, pa.OpaqueType)


def of(row: dict[str, Any]) -> Range[Any]:
    """Make a range of a struct; the ends of what is empty are NULL."""
    bounds: Any = ("[" if row["lower_inc"] else "(") + ("]" if row["upper_inc"] else ")")
    return Range(row["lower"], row["upper"], bounds, empty=row["empty"])


def test_struct_needs_but_its_ends(column: Column) -> None:
    given = pa.array([{"lower": 1, "upper": 5}, {"lower": None, "upper": 2}, None])
    assert column.load("int4range", given) == ["[1,5)", "(,2)", None]


def test_multirange_is_a_list_of_ranges(db: howdah.Database, column: Column) -> None:
    given = [[Range(1, 3), Range(7, 9)], [], None, [Range(1, 5), Range(2, 9)]]
    shown = ["{[1,3),[7,9)}", "{}", None, "{[1,9)}"]
    assert column.load("int4multirange", given, "rows") == shown
    frame = column.read()
    assert column.load("int4multirange", frame) == shown
    assert db.fetch_value("SELECT $1::int4multirange", given[0]) == given[0]
    assert db.fetch_value("SELECT $1::int4multirange", given[3]) == [Range(1, 9)]


@pytest.mark.parametrize(
    ("declaration", "value", "says"),
    [
        ("int4range", Range("a", 5), "lower bound"),
        ("int4range", Range(1, 2**31), "upper bound"),
        ("int4range", "[1,5)", "expected int4range, got str"),
        ("int4range", (1, 5), "expected int4range, got tuple"),
        ("int4multirange", Range(1, 5), "expected int4multirange, got .*Range"),
        ("int4multirange", [Range(1, 5), 7], "element 1"),
    ],
    ids=str,
)
def test_range_that_is_none_is_refused_with_its_place(
    db: howdah.Database, sql: Sql, declaration: str, value: object, says: str
) -> None:
    sql(f"CREATE TABLE t (v {declaration})")
    with pytest.raises((howdah.ConversionError, howdah.DataError), match=says) as caught:
        db.load("t", [{"v": None}, {"v": value}])
    assert (caught.value.column, caught.value.row) == ("v", 1)
    with pytest.raises((howdah.ConversionError, howdah.DataError), match=says):
        db.execute("INSERT INTO t VALUES ($1)", value)
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_range_of_ends_in_the_wrong_order_is_the_server_s_to_refuse(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (v int4range)")
    with pytest.raises(howdah.DataError, match="lower bound must be less"):
        db.load("t", [{"v": Range(1, 2)}, {"v": Range(5, 1)}])
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    ("held", "value", "is_in"),
    [
        (Range(1, 5), 1, True),
        (Range(1, 5), 5, False),
        (Range(1, 5, "(]"), 1, False),
        (Range(1, 5, "(]"), 5, True),
        (Range(None, 5), -99, True),
        (Range(1), 99, True),
        (Range(1, 5, empty=True), 3, False),
    ],
    ids=str,
)
def test_value_is_in_a_range_or_not(held: Range[int], value: int, is_in: bool) -> None:  # noqa: FBT001
    assert (value in held) is is_in


def test_bounds_that_are_none_are_refused() -> None:
    bounds: Any = "<>"
    with pytest.raises(ValueError, match="expected"):
        Range(1, 2, bounds)
