"""Tables that cannot be loaded, and constraints that refuse rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import (
    CheckViolation,
    DatabaseError,
    ExclusionViolation,
    ForeignKeyViolation,
    InterfaceError,
    NotNullViolation,
    ProgrammingError,
    UniqueViolation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused


@pytest.mark.parametrize("mode", ["append", "truncate", "upsert"])
@pytest.mark.parametrize("name", ["nowhere", "nowhere.t"])
def test_table_that_does_not_exist_is_named(db: howdah.Database, mode: Any, name: str) -> None:
    with pytest.raises(ProgrammingError, match="nowhere"):
        db.load(name, [{"id": 1}], mode=mode, key="id")


@pytest.mark.parametrize("name", ["", ".", "a.", ".a", "a.b.c", '"a', 'a"."', "a\0b"])
def test_table_name_that_is_none_is_refused(db: howdah.Database, name: str) -> None:
    with pytest.raises((InterfaceError, ProgrammingError)):
        db.load(name, [{"id": 1}])


@pytest.fixture
def guest(sql: Sql, url: str) -> Iterator[howdah.Database]:
    """Give the database as a role that may look and no more."""
    (schema,) = sql("SELECT current_schema()::text")[0]
    role = f"guest_{schema}"
    sql(f"CREATE ROLE {role} LOGIN")
    sql(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    with howdah.Database(url.replace("postgres@", f"{role}@")) as database:
        yield database
    sql(f"DROP OWNED BY {role}")
    sql(f"DROP ROLE {role}")


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_table_without_permission_says_so(guest: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY)")
    sql("INSERT INTO t VALUES (1)")
    sql("GRANT SELECT ON t TO PUBLIC")
    with pytest.raises(ProgrammingError) as caught:
        guest.load("t", [{"id": 2}], mode=mode, key="id" if mode == "upsert" else ())
    assert caught.value.sqlstate == "42501"
    assert sql("SELECT id FROM t") == [(1,)]


def test_table_without_permission_is_not_read(guest: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    with pytest.raises(ProgrammingError, match="permission denied"):
        guest.read("t").to_arrow()


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_view_is_refused(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE base (id int PRIMARY KEY)")
    sql("INSERT INTO base VALUES (1)")
    sql("CREATE VIEW v AS SELECT id FROM base WHERE id > 0 GROUP BY id")
    with pytest.raises(DatabaseError):
        db.load("v", [{"id": 2}], mode=mode, key="id" if mode == "upsert" else ())
    assert sql("SELECT id FROM v") == [(1,)]


@pytest.mark.parametrize("form", [list, pa.Table.from_pylist])
def test_unique_violation_names_constraint_and_row(sql: Sql, refused: Refused, form: Any) -> None:
    sql("CREATE TABLE t (id int CONSTRAINT one_of_a_kind UNIQUE, v text)")
    sql("INSERT INTO t VALUES (7, 'old')")
    rows = [{"id": n, "v": "x"} for n in range(20)]
    error = refused(UniqueViolation, form(rows), row=7, says=("one_of_a_kind",))
    assert error.sqlstate == "23505"
    assert error.detail == "Key (id)=(7) already exists."
    assert getattr(error, "constraint", None) == "one_of_a_kind"
    assert getattr(error, "table", None) == "t"


def test_not_null_violation_names_column_and_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int NOT NULL)")
    refused(NotNullViolation, [{"id": 1}, {"id": 2}, {"id": None}], column="id", row=2)


def test_not_null_domain_names_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE DOMAIN there AS int NOT NULL")
    sql("CREATE TABLE t (id there)")
    refused(NotNullViolation, [{"id": 1}, {"id": None}], row=1)


def test_check_violation_names_constraint_and_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int CONSTRAINT small CHECK (id < 10))")
    error = refused(CheckViolation, [{"id": 1}, {"id": 10}], row=1)
    assert getattr(error, "constraint", None) == "small"


def test_foreign_key_violation_names_constraint(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE parent (id int PRIMARY KEY)")
    sql("CREATE TABLE t (id int CONSTRAINT of_parent REFERENCES parent)")
    error = refused(ForeignKeyViolation, [{"id": 1}])
    assert getattr(error, "constraint", None) == "of_parent"


def test_deferred_foreign_key_violation_at_commit_stores_nothing(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE parent (id int PRIMARY KEY)")
    sql("CREATE TABLE t (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
    refused(ForeignKeyViolation, [{"id": 1}], mode="truncate")


def test_exclusion_violation_names_constraint(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (r int4range, id int, CONSTRAINT apart EXCLUDE USING btree (id WITH =))")
    error = refused(ExclusionViolation, [{"id": 1}, {"id": 2}, {"id": 1}], row=2)
    assert error.sqlstate == "23P01"


def test_partition_that_is_missing_names_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int) PARTITION BY RANGE (id)")
    sql("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)")
    refused(CheckViolation, [{"id": 1}, {"id": 99}], row=1)


def test_trigger_that_raises_gives_the_server_s_words(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int)")
    sql(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'not %', NEW.id USING HINT = 'try 2', DETAIL = 'odd', ERRCODE = '22023'; END$$"
    )
    sql("CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW WHEN (NEW.id = 3) EXECUTE FUNCTION no()")
    error = refused(howdah.DataError, [{"id": 1}, {"id": 3}], row=1, says=("not 3",))
    assert (error.sqlstate, error.detail, error.hint) == ("22023", "odd", "try 2")


def test_table_changed_between_loads_is_seen_anew(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    db.load("t", [{"id": 1}])
    sql("ALTER TABLE t ALTER id TYPE text, ADD extra int DEFAULT 5")
    db.load("t", [{"id": "two"}])
    sql("DROP TABLE t")
    with pytest.raises(ProgrammingError):
        db.load("t", [{"id": 1}])
    sql("CREATE TABLE t (id bool)")
    db.load("t", [{"id": True}])
    assert sql("SELECT id FROM t") == [(True,)]
    assert db.read("t").to_arrow().to_pylist() == [{"id": True}]


def test_closed_database_says_so(url: str) -> None:
    database = howdah.Database(url)
    database.execute("CREATE TABLE t (id int)")
    database.close()
    database.close()
    for act in (
        lambda: database.load("t", [{"id": 1}]),
        lambda: database.read("t").to_arrow(),
        lambda: database.execute("SELECT 1"),
    ):
        with pytest.raises(InterfaceError, match="closed"):
            act()
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
