"""A column that changes between the plan of a load and its COPY: an error, and never other values."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import howdah
from howdah import ProgrammingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

# More rows than are sent in one piece.
MANY = 10_000
# The bytes of the one are bytes of the other.
ALIKE = [
    ("int8", "float8", 4607182418800017408),
    ("int8", "timestamp", 1),
    ("int4", "date", 1),
    ("int4", "float4", 1065353216),
    ("float8", "int8", 1.5),
    ("numeric(6,2)", "numeric(6,0)", 1),
]


def rows_while(migrate: Callable[[], object], value: object, count: int = 2) -> Iterator[dict[str, Any]]:
    """Give rows, and change the table before the second one: no COPY has begun."""
    for number in range(count):
        if number == 1:
            migrate()
        yield {"k": number, "v": value}


def retyped(sql: Sql, to: str) -> Callable[[], object]:
    """Change the type of `t.v`, whatever it was."""
    return lambda: sql(f"ALTER TABLE t ALTER v TYPE {to} USING NULL")


@pytest.mark.parametrize("count", [2, MANY])
@pytest.mark.parametrize("case", ALIKE)
def test_append_to_a_column_that_changed_meanwhile_is_refused(
    db: howdah.Database, sql: Sql, case: tuple[str, str, object], count: int
) -> None:
    of, to, value = case
    sql(f"CREATE TABLE t (k int, v {of})")
    with pytest.raises(ProgrammingError, match='table "t": column "v" is no longer declared as it was'):
        db.load("t", rows_while(retyped(sql, to), value, count))
    assert sql("SELECT count(*) FROM t") == [(0,)]
    assert db.load("t", [{"k": 1, "v": None}]).rows == 1


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("count", [2, MANY])
def test_append_in_a_transaction_to_a_column_that_changed_is_refused_and_undone(
    db: howdah.Database, sql: Sql, isolation: Any, count: int
) -> None:
    sql("CREATE TABLE t (k int, v int8); CREATE TABLE other (k int)")
    with db.transaction(isolation=isolation):
        # From here on the transaction may see the catalogue as it was.
        assert db.fetch_value("SELECT count(*) FROM other") == 0
        with pytest.raises(ProgrammingError, match='column "v" is no longer'):
            db.load("t", rows_while(retyped(sql, "float8"), 1, count))
        db.load("other", [{"k": 1}])
    assert sql("SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM other)") == [(0, 1)]


@pytest.mark.parametrize("count", [2, MANY])
def test_append_where_repeatable_read_is_the_default_still_sees_the_change(url: str, sql: Sql, count: int) -> None:
    sql("CREATE TABLE t (k int, v int8)")
    with howdah.Database(url, max_size=1, reset=None) as db:
        db.execute("SET default_transaction_isolation = 'repeatable read'")
        with pytest.raises(ProgrammingError, match='column "v" is no longer'):
            db.load("t", rows_while(retyped(sql, "float8"), 1, count))
        assert db.load("t", [{"k": 1, "v": 0.5}]).rows == 1
    assert sql("SELECT k, v FROM t") == [(1, 0.5)]


@contextmanager
def altering(url: str, change: str) -> Iterator[None]:
    """Hold a change that is not committed before somebody waits for it."""
    with psycopg.connect(url) as other, psycopg.connect(url, autocommit=True) as watching:
        other.execute(change.encode())
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 't'::regclass"

        def commit() -> None:
            until = time.monotonic() + 20
            while watching.execute(waits).fetchone() == (0,) and time.monotonic() < until:
                time.sleep(0.01)
            other.commit()

        thread = threading.Thread(target=commit)
        thread.start()
        try:
            yield
        finally:
            thread.join()


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert", "replace"])
@pytest.mark.parametrize("count", [2, MANY])
@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_load_that_waits_for_the_change_of_a_column_is_refused(
    url: str, sql: Sql, mode: Any, count: int, isolation: str
) -> None:
    sql("CREATE TABLE t (k int PRIMARY KEY, v int8)")
    sql("INSERT INTO t VALUES (-1, NULL)")
    options: dict[str, Any] = {"key": "k"} if mode == "upsert" else {}
    with howdah.Database(url, max_size=1, reset=None) as db:
        db.execute(f"SET default_transaction_isolation = '{isolation}'")
        with (
            altering(url, "ALTER TABLE t ALTER v TYPE float8"),
            pytest.raises(ProgrammingError, match='column "v" is no longer'),
        ):
            db.load("t", ({"k": n, "v": 1} for n in range(count)), mode=mode, **options)
    assert sql("SELECT k, v FROM t") == [(-1, None)]


def test_columns_added_and_widened_meanwhile_do_no_harm(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (k int, v int8)")
    change = "ALTER TABLE t ADD more text, ALTER k SET DEFAULT 7; CREATE INDEX ON t (v)"
    assert db.load("t", rows_while(lambda: sql(change), 1)).rows == 2
    assert sql("SELECT k, v, more FROM t ORDER BY k") == [(0, 1, None), (1, 1, None)]


def test_table_put_into_the_place_of_the_old_one_meanwhile_is_loaded(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (k int, v int8)")
    change = "DROP TABLE t; CREATE TABLE t (more text, v int8, k int)"
    assert db.load("t", rows_while(lambda: sql(change), 1)).rows == 2
    assert sql("SELECT k, v, more FROM t ORDER BY k") == [(0, 1, None), (1, 1, None)]


def test_load_into_names_with_quotes_and_backslashes_is_checked_too(db: howdah.Database, sql: Sql) -> None:
    column, table = "v'\\n\"w", "it's \\ \"a"
    quoted, name = ('"{}"'.format(part.replace('"', '""')) for part in (column, table))
    sql(f"CREATE TABLE {name} ({quoted} int8, v int8)")
    assert db.load(name, [{column: 1, "v": 2}]).rows == 1

    def rows() -> Iterator[dict[str, Any]]:
        yield {column: 1, "v": 2}
        sql(f"ALTER TABLE {name} ALTER {quoted} TYPE float8")

    with pytest.raises(ProgrammingError, match="is no longer declared") as caught:
        db.load(name, rows())
    assert f'column "{column}"' in str(caught.value)


def test_load_into_domains_arrays_and_views_passes_the_check(db: howdah.Database, sql: Sql) -> None:
    sql(
        "CREATE DOMAIN cents AS numeric(9,2); CREATE DOMAIN euros AS cents; CREATE TYPE mood AS ENUM ('fine'); "
        "CREATE TABLE t (a euros, b cents[], c mood, d mood[], e varchar(3)[], f int4range, g time(3)); "
        "CREATE VIEW looks AS SELECT * FROM t; "
        "CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO t SELECT NEW.*; "
        "RETURN NEW; END$$; "
        "CREATE TRIGGER put INSTEAD OF INSERT ON looks FOR EACH ROW EXECUTE FUNCTION put()"
    )
    row = {"a": 1, "b": [2], "c": "fine", "d": ["fine"], "e": ["abc"], "f": howdah.Range(1, 2), "g": None}
    for target in ("t", "looks"):
        db.load(target, [row])
        db.load(target, (row for _ in range(5_000)))
        with db.transaction():
            db.load(target, [row])
            db.load(target, (row for _ in range(5_000)))
    assert sql("SELECT count(*) FROM t") == [(20_004,)]


def test_role_that_may_insert_some_columns_alone_loads_them(sql: Sql, url: str) -> None:
    (schema,) = sql("SELECT current_schema()::text")[0]
    role = f"filler_{schema}"
    sql(f"CREATE TABLE t (k int, v int8); CREATE ROLE {role}; GRANT USAGE ON SCHEMA {schema} TO {role}")
    sql(f"GRANT INSERT (k) ON t TO {role}")
    try:
        with howdah.Database(url, max_size=1) as other:
            other.execute(f"SET ROLE {role}")
            assert other.load("t", [{"k": 1}]).rows == 1
            assert other.load("t", ({"k": n} for n in range(MANY))).rows == MANY
            with other.transaction():
                assert other.load("t", [{"k": 1}]).rows == 1
    finally:
        sql(f"DROP OWNED BY {role}; DROP ROLE {role}")
