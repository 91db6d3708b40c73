"""Parameters: Python values of every type in, and never spliced into the statement."""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Interval

if TYPE_CHECKING:
    from tests.python.conftest import Sql

D = decimal.Decimal
PARIS = dt.timezone(dt.timedelta(hours=1))
PARAMETERS = [
    ("bool", True, "true"),
    ("int2", -5, "-5"),
    ("int4", 2**31 - 1, "2147483647"),
    ("int8", -(2**63), "-9223372036854775808"),
    ("oid", 2**32 - 1, "4294967295"),
    ("float4", 1.5, "1.5"),
    ("float8", 0.1, "0.1"),
    ("float8", 5, "5"),
    ("numeric", D("1.50"), "1.50"),
    ("numeric", 10**40, str(10**40)),
    ("numeric", D("NaN"), "NaN"),
    ("text", "é'; DROP TABLE x; --", "é'; DROP TABLE x; --"),
    ("varchar", "", ""),
    ("bpchar", "x", "x"),
    ("name", "x", "x"),
    ("bytea", b"\x00\xff", "\\x00ff"),
    ("date", dt.date(2020, 2, 29), "2020-02-29"),
    ("time", dt.time(1, 2, 3, 4), "01:02:03.000004"),
    ("timestamp", dt.datetime(2020, 1, 1, 1), "2020-01-01 01:00:00"),  # noqa: DTZ001
    ("timestamptz", dt.datetime(2020, 1, 1, 1, tzinfo=PARIS), "2020-01-01 00:00:00+00"),
    ("interval", Interval(1, 2, 3), "1 mon 2 days 00:00:00.000003"),
    ("interval", dt.timedelta(hours=36), "1 day 12:00:00"),
    ("uuid", uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    ("uuid", "0" * 32, "00000000-0000-0000-0000-000000000000"),
    ("json", {"a": 1}, '{"a": 1}'),
    ("jsonb", [1, None], "[1, null]"),
    ("mood", "ok", "ok"),
    ("amount", D("1.5"), "1.50"),
    ("int4[]", [1, None], "{1,NULL}"),
    ("text[]", [], "{}"),
    ("numeric[]", [D("1.5")], "{1.5}"),
    ("uuid[]", [uuid.UUID(int=0)], "{00000000-0000-0000-0000-000000000000}"),
]


@pytest.fixture
def types(sql: Sql) -> None:
    """Make the types."""
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN amount AS numeric(9,2)")


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(("declaration", "value", "text"), PARAMETERS, ids=lambda v: str(v)[:20])
def test_parameter_of_every_type_reaches_the_server(
    db: howdah.Database, declaration: str, value: object, text: str
) -> None:
    value_of = f"(SELECT set_config('TimeZone', 'UTC', false), $1::{declaration} AS v OFFSET 0) x"
    query = f"SELECT v::text AS v, v IS NULL AS missing FROM {value_of}"
    (row,) = db.read(query, value).to_arrow().to_pylist()
    assert (row["v"], row["missing"]) == (text, False)
    (row,) = db.read(query, None).to_arrow().to_pylist()
    assert (row["v"], row["missing"]) == (None, True)


@pytest.mark.usefixtures("types")
@pytest.mark.parametrize(("declaration", "value", "text"), PARAMETERS, ids=lambda v: str(v)[:20])
def test_parameter_of_execute_is_stored(
    db: howdah.Database, sql: Sql, declaration: str, value: object, text: str
) -> None:
    sql("SET TimeZone = 'UTC'")
    sql(f"CREATE TABLE t (v {declaration})")
    assert db.execute("INSERT INTO t VALUES ($1), ($2)", value, None) == 2
    assert sql("SELECT v::text FROM t WHERE v IS NOT NULL") == [(text,)]


WRONG = [
    ("int4", "1"),
    ("int4", 1.5),
    ("int4", True),
    ("text", 1),
    ("bytea", "x"),
    ("date", "2020-01-01"),
    ("int4[]", ["x"]),
]


@pytest.mark.parametrize(("declaration", "value"), WRONG)
def test_parameter_of_another_type_is_refused(db: howdah.Database, declaration: str, value: object) -> None:
    with pytest.raises(howdah.ConversionError, match=r"\$1"):
        db.read(f"SELECT $1::{declaration}", value).to_arrow()


@pytest.mark.parametrize(
    ("declaration", "value"), [("int4", 2**31), ("int2", -(2**15) - 1), ("text", "a\0b"), ("text", "\ud800")]
)
def test_parameter_that_does_not_fit_is_refused(db: howdah.Database, declaration: str, value: object) -> None:
    with pytest.raises(howdah.DataError):
        db.read(f"SELECT $1::{declaration}", value).to_arrow()
    assert db.execute("SELECT 1") == 1


@pytest.mark.parametrize("params", [(), (1,), (1, 2, 3)])
def test_parameters_too_few_or_many_are_refused(db: howdah.Database, params: tuple[Any, ...]) -> None:
    with pytest.raises((howdah.ProgrammingError, howdah.InterfaceError)):
        db.read("SELECT $1::int4 + $2::int4", *params).to_arrow()
    assert db.read("SELECT $1::int4 + $2::int4 AS s", 1, 2).to_arrow().to_pylist() == [{"s": 3}]


def test_parameter_of_a_table_name_is_refused(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    with pytest.raises((howdah.ProgrammingError, howdah.InterfaceError)):
        db.read("t", 1).to_arrow()


def test_execute_counts_rows(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    assert db.execute("INSERT INTO t SELECT * FROM generate_series(1, 10)") == 10
    assert db.execute("UPDATE t SET a = a WHERE a <= $1", 4) == 4
    assert db.execute("DELETE FROM t WHERE a = ANY($1)", [1, 2, 77]) == 2
    assert db.execute("CREATE TABLE u (a int)") == 0
    assert db.execute("INSERT INTO t VALUES (1); DELETE FROM t") == 9


def test_execute_of_a_script_is_one_transaction(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    with pytest.raises(howdah.DataError):
        db.execute("INSERT INTO t VALUES (1); SELECT 1 / 0")
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.usefixtures("types")
def test_statement_whose_table_changed_is_prepared_anew(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    sql("INSERT INTO t VALUES (1)")
    assert db.read("SELECT * FROM t WHERE a = $1", 1).to_arrow().to_pylist() == [{"a": 1}]
    sql("ALTER TABLE t ADD b text DEFAULT 'x'")
    assert db.read("SELECT * FROM t WHERE a = $1", 1).to_arrow().to_pylist() == [{"a": 1, "b": "x"}]
