"""Unusual names of tables and columns; temporary and partitioned tables."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from tests.python.conftest import Sql

ODD = [
    "Capitals",
    "two words",
    'quo"te',
    "it's",
    "select",
    "a.b",
    "é",
    "日本",
    "1st",
    "$1",
    "%s",
    "; DROP TABLE x; --",
    "a\\b",
    " ",
]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
@pytest.mark.parametrize("name", ODD)
def test_odd_names_of_tables_and_columns_work(db: howdah.Database, sql: Sql, name: str, mode: Any) -> None:
    sql(f"CREATE TABLE {quoted(name)} ({quoted(name)} int PRIMARY KEY, other int)")
    given = quoted(name) if set(name) & set('."') else name
    db.load(given, [{name: 1, "other": 2}], mode=mode, key=name if mode == "upsert" else ())
    assert sql(f"SELECT * FROM {quoted(name)}") == [(1, 2)]
    if not any(letter.isspace() for letter in given):
        assert db.read(given).to_arrow().to_pylist() == [{name: 1, "other": 2}]


def test_names_differing_in_capitals_are_two(db: howdah.Database, sql: Sql) -> None:
    sql('CREATE TABLE t ("A" int, a int); CREATE TABLE "T" (a int)')
    db.load("t", [{"A": 1, "a": 2}])
    db.load("T", [{"a": 3}])
    assert sql('SELECT "A", a FROM t') == [(1, 2)]
    assert sql('SELECT a FROM "T"') == [(3,)]


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate", "upsert"])
def test_name_with_its_schema_goes_there(db: howdah.Database, sql: Sql, mode: Any) -> None:
    (schema,) = sql("SELECT current_schema()::text")[0]
    other = f"{schema} Other.x"
    sql(f"CREATE SCHEMA {quoted(other)}")
    try:
        if mode != "create":
            sql(f"CREATE TABLE {quoted(other)}.t (id int PRIMARY KEY)")
        sql("CREATE TABLE t (id int)")
        db.load(f"{quoted(other)}.t", [{"id": 5}], mode=mode, key="id" if mode == "upsert" else ())
        assert sql(f"SELECT id FROM {quoted(other)}.t") == [(5,)]
        assert sql("SELECT count(*) FROM t") == [(0,)]
        assert db.read(f"{schema}.t").to_arrow().num_rows == 0
    finally:
        sql(f"DROP SCHEMA {quoted(other)} CASCADE")


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert"])
def test_temporary_table_is_loaded(url: str, mode: Any) -> None:
    with howdah.Database(url, max_size=1, reset=None) as db:
        db.execute("CREATE TEMPORARY TABLE brief (id int PRIMARY KEY, v text)")
        key = "id" if mode == "upsert" else ()
        assert db.load("brief", [{"id": 1, "v": "x"}], mode=mode, key=key).rows == 1
        assert db.load("pg_temp.brief", [{"id": 2, "v": "y"}], mode=mode, key=key).rows == 1
        expected = [2] if mode == "truncate" else [1, 2]
        assert db.read("SELECT id FROM brief ORDER BY id").to_arrow()["id"].to_pylist() == expected


def test_temporary_table_hides_another(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    with howdah.Database(url, max_size=1, reset=None) as db:
        db.execute("CREATE TEMPORARY TABLE t (v text)")
        db.load("t", [{"v": "x"}])
        assert db.read("t").to_arrow().to_pylist() == [{"v": "x"}]
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("mode", ["append", "truncate"])
def test_partitioned_table_is_loaded(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (id int, v text, n int GENERATED ALWAYS AS (id + 1) STORED) PARTITION BY RANGE (id)")
    sql(
        "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); "
        "CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20)"
    )
    assert db.load("t", [{"id": n, "v": "x"} for n in range(20)], mode=mode).rows == 20
    assert sql("SELECT tableoid::regclass::text, count(*) FROM t GROUP BY 1 ORDER BY 1") == [("t1", 10), ("t2", 10)]
    assert db.load("t2", [{"id": 15, "v": "y"}]).rows == 1
    assert db.read("t").to_arrow().num_rows == 21


def test_inheriting_and_foreign_key_tables_are_loaded(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (v text) INHERITS (parent)")
    sql("CREATE TABLE refers (of int REFERENCES parent)")
    db.load("parent", [{"id": 1}])
    db.load("child", [{"id": 2, "v": "x"}])
    db.load("refers", [{"of": 1}])
    assert sql("SELECT id FROM parent ORDER BY id") == [(1,), (2,)]


def test_source_with_white_space_is_a_query(db: howdah.Database) -> None:
    assert db.read("VALUES (1)").to_arrow().num_rows == 1
    assert db.read("\n SELECT 1 AS a\n").to_arrow().to_pylist() == [{"a": 1}]


@pytest.mark.parametrize("name", ["t;", "t--", "t)", "pg_class,pg_type"])
def test_source_without_white_space_is_a_name_and_no_sql(db: howdah.Database, sql: Sql, name: str) -> None:
    sql("CREATE TABLE t (id int)")
    with pytest.raises(howdah.ProgrammingError):
        db.read(name).to_arrow()


# Words that mean rows in a statement, names that howdah gives, and names of PostgreSQL's own.
RESERVED = ["old", "new", "excluded", "target", "merged", "_howdah_stage", "howdah_staged", "written", "given", "t0"]


@pytest.mark.parametrize("name", [*RESERVED, "pg_class", "pg_attribute", "pg_trigger"])
@pytest.mark.parametrize("block", ["alone", "in a transaction"])
def test_upsert_into_a_table_named_like_one_of_ours_counts_right(
    db: howdah.Database, sql: Sql, name: str, block: str
) -> None:
    (schema,) = sql("SELECT current_schema()::text")[0]
    sql(f"CREATE TABLE {schema}.{name} (id int PRIMARY KEY, {name} int); INSERT INTO {schema}.{name} VALUES (1, 1)")
    given = f"{schema}.{name}" if name.startswith("pg_") else name
    rows = [{"id": 1, name: 10}, {"id": 2, name: 20}, {"id": 3, name: 30}]
    with db.transaction() if block != "alone" else contextlib.nullcontext():
        report = db.load(given, rows, mode="upsert", key="id")
        assert (report.inserted, report.updated) == (2, 1)
        again = db.load(given, rows, mode="upsert", key="id")
        assert (again.inserted, again.updated) == (0, 3)
    assert sql(f"SELECT * FROM {schema}.{name} ORDER BY id") == [(1, 10), (2, 20), (3, 30)]


@loops
def test_awaited_upsert_into_tables_named_like_ours_counts_right(url: str, sql: Sql, new_loop: Any) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            for name in RESERVED:
                sql(f"CREATE TABLE {name} (id int PRIMARY KEY, {name} int); INSERT INTO {name} VALUES (1, 1)")
                rows = [{"id": 1, name: 10}, {"id": 2, name: 20}]
                report = await db.load(name, rows, mode="upsert", key="id")
                assert (name, report.inserted, report.updated) == (name, 1, 1)
                assert sql(f"SELECT * FROM {name} ORDER BY id") == [(1, 10), (2, 20)]

    awaited(main(), new_loop)


@pytest.mark.parametrize("name", RESERVED)
@pytest.mark.parametrize("mode", ["append", "replace", "truncate"])
def test_table_and_sequence_named_like_one_of_ours_are_loaded(
    db: howdah.Database, sql: Sql, name: str, mode: Any
) -> None:
    sql(f"CREATE TABLE {name} ({name} int, a int GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME heir START 7))")
    sql(f"INSERT INTO {name} VALUES (1)")
    db.load(name, [{name: 5}], mode=mode)
    assert sql(f"SELECT {name}, a FROM {name} ORDER BY a DESC LIMIT 1") == [(5, 8)]
    assert db.read(name).to_arrow().num_rows == (2 if mode == "append" else 1)
    assert sql(f"SELECT pg_get_serial_sequence('{name}', 'a') ~ '[.]heir$'") == [(True,)]


def test_error_of_a_merged_row_names_the_table(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL CHECK (v > 0))")
    for row, error in (({"id": 1, "v": 0}, howdah.CheckViolation), ({"id": 1, "v": None}, howdah.NotNullViolation)):
        with pytest.raises(error, match='"t"') as caught:
            db.load("t", [row], mode="upsert", key="id")
        assert caught.value.table == "t"
        assert "_howdah" not in str(caught.value)
