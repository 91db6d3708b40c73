"""Ranges and arrays of domains with a precision: it applies to bounds and elements, too."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from howdah import DataError, Interval, Range
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

D = decimal.Decimal
# The domain's base; a value that it keeps, and one that it would round or cut off.
BASES: dict[str, tuple[str, Any, Any]] = {
    "numeric": ("numeric(10,2)", D("1.25"), D("1.2345")),
    "timestamp": ("timestamp(3)", dt.datetime(2020, 1, 1, 0, 0, 0, 5000), dt.datetime(2020, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
    "timestamptz": (
        "timestamptz(0)",
        dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        dt.datetime(2020, 1, 1, 0, 0, 0, 1, tzinfo=dt.UTC),
    ),
    "time": ("time(1)", dt.time(1, 0, 0, 100_000), dt.time(1, 0, 0, 1)),
    "interval": ("interval day", Interval(days=3), Interval(days=3, microseconds=1)),
    "varchar": ("varchar(3)", "abc", "abc  "),
}
SHAPES: dict[str, tuple[str, Any]] = {
    "domain": ("short", lambda value: value),
    "domain on it": ("shorter", lambda value: value),
    "array": ("shorter[]", lambda value: [None, value]),
    "domain over array": ("many", lambda value: [value]),
    "range": ("span", lambda value: Range(None, value)),
    "range, lower": ("span", lambda value: Range(value, None)),
    "array of ranges": ("span[]", lambda value: [Range(value, None)]),
    "domain over range": ("spans", lambda value: Range(value, None)),
    "multirange": ("multi", lambda value: [Range(value, None)]),
    "array of multiranges": ("multi[]", lambda value: [[Range(value, None)]]),
}


@pytest.fixture(params=BASES)
def base(request: pytest.FixtureRequest, sql: Sql) -> Iterator[tuple[Any, Any]]:
    """Make the types over a base; give a value that it keeps, and one that it does not."""
    declared, kept, cut = BASES[request.param]
    sql(f"CREATE DOMAIN short AS {declared}; CREATE DOMAIN shorter AS short; CREATE DOMAIN many AS shorter[]")
    sql("CREATE TYPE span AS RANGE (subtype = shorter, multirange_type_name = multi); CREATE DOMAIN spans AS span")
    yield kept, cut
    sql("DROP DOMAIN short CASCADE")


@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_domain_would_round_is_refused_wherever_it_stands(
    db: howdah.Database, sql: Sql, base: tuple[Any, Any], shape: str
) -> None:
    kept, cut = base
    declared, made = SHAPES[shape]
    sql(f"CREATE TABLE t (n int, v {declared})")
    db.load("t", [{"n": 0, "v": made(kept)}, {"n": 1, "v": None}])
    before = sql("SELECT n, v::text FROM t ORDER BY n")
    with pytest.raises(DataError) as caught:
        db.load("t", [{"n": 2, "v": made(kept)}, {"n": 3, "v": made(cut)}])
    assert (caught.value.table, caught.value.column, caught.value.row) == ("t", "v", 1)
    # As a value of a statement: the parameter's type says it.
    assert db.execute(f"INSERT INTO t VALUES (4, $1::{declared})", made(kept)) == 1
    with pytest.raises(DataError, match=r"parameter \$1"):
        db.execute(f"INSERT INTO t VALUES (5, $1::{declared})", made(cut))
    with pytest.raises(DataError, match=r"parameter \$1"):
        db.fetch_value(f"SELECT $1::{declared}", made(cut))
    assert sql("SELECT n, v::text FROM t WHERE n < 4 ORDER BY n") == before
    assert sql("SELECT count(*), count(DISTINCT v::text) FROM t") == [(3, 1)]


@pytest.mark.parametrize("mode", ["append", "truncate", "replace"])
def test_what_a_range_would_round_is_refused_in_every_mode(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE DOMAIN money2 AS numeric(10,2); CREATE TYPE r AS RANGE (subtype = money2)")
    sql("CREATE TABLE t (v r)")
    db.load("t", [{"v": Range(D("1.23"), D("4.5"))}], mode=mode)
    with pytest.raises(DataError, match="more than 2 digits") as caught:
        db.load("t", [{"v": Range(D("1.23"), D("4.567"))}], mode=mode)
    assert (caught.value.column, caught.value.row) == ("v", 0)
    assert sql("SELECT v::text FROM t") == [("[1.23,4.50)",)]


def test_range_over_a_domain_is_refused_from_arrow_and_read_with_its_scale(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE DOMAIN money2 AS numeric(10,2); CREATE TYPE r AS RANGE (subtype = money2, multirange_type_name = m)")
    sql("CREATE TABLE t (v r, w m, x r[])")
    sql("INSERT INTO t VALUES ('[1.23,4.5)', '{[1.23,4.5)}', '{\"[1.23,4.5)\"}')")
    table = db.read("t").to_arrow()
    end = pa.decimal128(10, 2)
    assert table.schema.field("v").type.field("lower").type == end
    assert table.schema.field("w").type.value_type.field("upper").type == end
    assert table.schema.field("x").type.value_type.field("upper").type == end
    db.load("t", table)
    assert sql("SELECT DISTINCT v::text, w::text, x::text FROM t") == [
        ("[1.23,4.50)", "{[1.23,4.50)}", '{"[1.23,4.50)"}')
    ]
    fine = pa.array(
        [{"lower": D("1.234"), "upper": None}], pa.struct({"lower": pa.decimal128(9, 3), "upper": pa.decimal128(9, 3)})
    )
    with pytest.raises(DataError, match="round it first") as caught:
        db.load("t", pa.table({"v": fine}))
    assert (caught.value.column, caught.value.row) == ("v", 0)


def test_modifier_of_a_domain_is_learnt_once_and_without_kept_statements(url: str, sql: Sql) -> None:
    sql("CREATE DOMAIN money2 AS numeric(10,2); CREATE TYPE r AS RANGE (subtype = money2)")
    for size in (256, 0):
        with howdah.Database(url, statement_cache_size=size) as db:
            for _ in range(2):
                row = db.fetch_one("SELECT '[1.5,2)'::r AS r, ARRAY[1.5]::money2[] AS a, 2.5::money2 AS d")
                assert row == {"r": Range(D("1.50"), D("2.00")), "a": [D("1.50")], "d": D("2.50")}
                assert db.fetch_value("SELECT $1::money2[]", [D("1.5")]) == [D("1.50")]


@loops
def test_what_a_domain_would_round_is_refused_by_awaited_verbs(url: str, sql: Sql, new_loop: Any) -> None:
    sql("CREATE DOMAIN money2 AS numeric(10,2); CREATE TYPE r AS RANGE (subtype = money2, multirange_type_name = m)")
    sql("CREATE TABLE t (v r, w m, x money2[])")
    fine, short = Range(D("1.2345"), None), Range(D("1.23"), None)
    cut: list[tuple[str, str, Any]] = [("v", "r", fine), ("w", "m", [fine]), ("x", "money2[]", [D("1.2345")])]

    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            for name, declared, value in cut:
                with pytest.raises(DataError) as caught:
                    await db.load("t", [{name: value}])
                assert (caught.value.column, caught.value.row) == (name, 0)
                with pytest.raises(DataError, match=r"parameter \$1"):
                    await db.execute(f"INSERT INTO t ({name}) VALUES ($1::{declared})", value)
            await db.load("t", [{"v": short, "w": [short], "x": [D("1.23")]}])

    awaited(main(), new_loop)
    assert sql("SELECT v::text, w::text, x::text FROM t") == [("[1.23,)", "{[1.23,)}", "{1.23}")]
