"""Composite types, hstore and timetz: structs and maps in Arrow; dicts and times in rows."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest

import howdah
from tests.python.versions import wants

if TYPE_CHECKING:
    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column

OUTER = {"name": "é, (x)", "inside": {"amount": Decimal("1.25"), "day": dt.date(2020, 2, 29)}, "tags": ["a", None]}
NOTHING = {"name": None, "inside": None, "tags": None}


@dataclasses.dataclass
class Inside:
    amount: Decimal
    day: dt.date | None


class Named(NamedTuple):
    name: str | None
    inside: Any
    tags: list[str | None]


@pytest.fixture
def outer(sql: Sql) -> str:
    sql("CREATE DOMAIN amount AS numeric(10, 2)")
    sql("CREATE TYPE inside AS (amount amount, dropped int, day date)")
    sql("ALTER TYPE inside DROP ATTRIBUTE dropped")
    sql("CREATE TYPE outer_type AS (name text, inside inside, tags text[])")
    return "outer_type"


def test_composite_by_every_path_is_the_same_value(db: howdah.Database, column: Column, outer: str) -> None:
    shown = '("é, (x)","(1.25,2020-02-29)","{a,NULL}")'
    given = [OUTER, NOTHING, None]
    assert column.load(outer, given, "rows") == [shown, "(,,)", None]
    frame = column.read()
    assert frame.type.field("inside").type == pa.struct({"amount": pa.decimal128(10, 2), "day": pa.date32()})
    assert frame.to_pylist() == given
    assert column.load(outer, frame) == [shown, "(,,)", None]
    assert db.fetch(f"SELECT v FROM {column.table} ORDER BY n") == [{"v": value} for value in given]
    for value in given:
        assert db.fetch_value(f"SELECT $1::{outer}", value) == value
    assert db.fetch_value(f"SELECT $1::{outer}[]", given) == given
    assert column.load(f"{outer}[]", [given, []], "rows") is not None
    assert column.read().to_pylist() == [given, []]


def test_composite_is_taken_of_tuples_and_dataclasses(db: howdah.Database, column: Column, outer: str) -> None:
    inside = Inside(Decimal("1.25"), dt.date(2020, 2, 29))
    for value in (("é, (x)", inside, ["a", None]), Named("é, (x)", (Decimal("1.25"), inside.day), ["a", None])):
        assert db.fetch_value(f"SELECT $1::{outer}", value) == OUTER
        column.load(outer, [value], "rows")
        assert db.fetch_value(f"SELECT v FROM {column.table}") == OUTER


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"amount": Decimal("1.234"), "day": None}, 'field "amount": 1.234 has more'),
        ({"amount": "x", "day": None}, 'field "amount": expected amount, got str'),
        ({"amount": Decimal(1)}, 'the field "day" is missing'),
        ({"amount": Decimal(1), "day": None, "more": 1}, "1 more keys than the type has fields"),
        ((Decimal(1),), "a tuple of 1 for 2 fields"),
        ("(1,)", "expected inside, got str"),
    ],
    ids=str,
)
def test_composite_of_other_values_is_an_error_that_names_the_field(
    db: howdah.Database, sql: Sql, outer: str, value: Any, says: str
) -> None:
    del outer
    sql("CREATE TABLE t (v inside)")
    with pytest.raises(howdah.DataError) as caught:
        db.load("t", [{"v": None}, {"v": value}])
    assert says in str(caught.value)
    assert 'column "v", row 1' in str(caught.value)
    with pytest.raises(howdah.DataError) as caught:
        db.execute("INSERT INTO t VALUES ($1)", value)
    assert says in str(caught.value)
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_struct_of_other_fields_is_refused(db: howdah.Database, sql: Sql, outer: str) -> None:
    del outer
    sql("CREATE TABLE t (v inside)")
    for struct in ({"amount": 1.5}, {"amount": 1.5, "days": None}, {"amount": 1.5, "day": None, "more": 1}):
        with pytest.raises(howdah.ProgrammingError, match='column "v": expected inside, got Struct'):
            db.load("t", pa.table({"v": [struct]}))


def test_composite_that_was_changed_since_is_an_error_until_a_new_connection(
    db: howdah.Database, url: str, sql: Sql, outer: str
) -> None:
    changed = "SELECT ROW('x', NULL, NULL, 7)::outer_type"
    with db.session() as session:
        assert session.fetch_value(f"SELECT $1::{outer}", OUTER) == OUTER
        sql("ALTER TYPE outer_type ADD ATTRIBUTE more int")
        with pytest.raises(howdah.InternalError, match="connect again"):
            session.fetch_value(changed)
    with howdah.Database(url) as again:
        assert again.fetch_value(changed) == {"name": "x", "inside": None, "tags": None, "more": 7}


def test_composite_with_a_type_without_codec_is_text(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TYPE searched AS (n int, words tsquery)")
    assert db.fetch_value("SELECT ROW(1, 'a & b')::searched") == "(1,\"'a' & 'b'\")"


def test_hstore_by_every_path_is_the_same_dict(db: howdah.Database, sql: Sql, column: Column) -> None:
    wants("hstore", sql)
    sql("CREATE EXTENSION IF NOT EXISTS hstore")
    given = [{"a": "1", "b c": None, "": 'x"y\\'}, {}, None]
    shown = ['""=>"x\\"y\\\\", "a"=>"1", "b c"=>NULL', "", None]
    assert column.load("hstore", given, "rows") == shown
    frame = column.read()
    assert frame.type == pa.map_(pa.string(), pa.string())
    assert [None if row is None else dict(row) for row in frame.to_pylist()] == given
    assert column.load("hstore", frame) == shown
    for value in given:
        assert db.fetch_value("SELECT $1::hstore", value) == value
    assert db.fetch_value("SELECT $1::hstore[]", given) == given


@pytest.mark.parametrize(
    ("value", "says"),
    [({1: "a"}, "int as a key"), ({"a": 1}, 'int as the value of "a"'), ({"a": "\0"}, "NUL"), ("a=>1", "got str")],
    ids=str,
)
def test_hstore_of_other_values_is_an_error(db: howdah.Database, sql: Sql, value: Any, says: str) -> None:
    wants("hstore", sql)
    sql("CREATE EXTENSION IF NOT EXISTS hstore")
    sql("CREATE TABLE t (v hstore)")
    with pytest.raises(howdah.DataError, match=says):
        db.load("t", [{"v": value}])
    with pytest.raises(howdah.DataError, match=says):
        db.execute("INSERT INTO t VALUES ($1)", value)


def test_map_with_a_key_twice_is_an_error(db: howdah.Database, sql: Sql) -> None:
    wants("hstore", sql)
    sql("CREATE EXTENSION IF NOT EXISTS hstore")
    sql("CREATE TABLE t (v hstore)")
    twice = pa.array([[("a", "1")], [("a", "1"), ("a", "2")]], pa.map_(pa.string(), pa.string()))
    with pytest.raises(howdah.DataError, match=r"row 1: a map with the key .a. twice"):
        db.load("t", pa.table({"v": twice}))


def zone(**offset: int) -> dt.timezone:
    return dt.timezone(dt.timedelta(**offset))


def test_timetz_by_every_path_is_the_same_time(db: howdah.Database, column: Column) -> None:
    given = [
        dt.time(12, 34, 56, 789_000, zone(hours=-7, minutes=-30)),
        dt.time(0, 0, tzinfo=dt.UTC),
        dt.time(23, 59, 59, 999_999, zone(hours=15, minutes=59, seconds=59)),
        None,
    ]
    shown = ["12:34:56.789-07:30", "00:00:00+00", "23:59:59.999999+15:59:59", None]
    assert column.load("timetz", given, "rows") == shown
    frame = column.read()
    assert frame.type == pa.struct({"time": pa.time64("us"), "offset": pa.int32()})
    assert frame.to_pylist()[0] == {"time": dt.time(12, 34, 56, 789_000), "offset": -27_000}
    assert column.load("timetz", frame) == shown
    for value in given:
        back = db.fetch_value("SELECT $1::timetz", value)
        assert back == value
        assert str(back) == str(value)
    assert db.fetch_value("SELECT $1::timetz[]", given) == given
    with pytest.raises(howdah.DataError, match=r"24:00:00\+00 is out of range for datetime\.time"):
        db.fetch_value("SELECT '24:00:00+00'::timetz")


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (dt.time(12), "without an offset"),
        (dt.time(12, tzinfo=zoneinfo.ZoneInfo("Europe/Paris")), "depends on the date"),
        (dt.time(12, tzinfo=zone(hours=16)), "57600 s from UTC"),
        (dt.time(12, tzinfo=zone(microseconds=1)), "fraction of a second"),
        (dt.time(12, 0, 0, 123_456, dt.UTC), "more digits after the point"),
    ],
    ids=str,
)
def test_timetz_of_other_times_is_an_error(db: howdah.Database, sql: Sql, value: dt.time, says: str) -> None:
    sql("CREATE TABLE t (v timetz(3))")
    with pytest.raises(howdah.DataError, match=says):
        db.load("t", [{"v": value}])
    if "digits" not in says:
        with pytest.raises(howdah.DataError, match=says):
            db.execute("INSERT INTO t VALUES ($1)", value)
