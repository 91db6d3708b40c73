"""Errors that the server reports only at the commit, or at the start of a COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import howdah

if TYPE_CHECKING:
    from tests.python.conftest import Sql

DEFERRED = {
    "foreign key": (
        "CREATE TABLE parent (id int PRIMARY KEY)",
        "CREATE TABLE t (id int, up int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
        howdah.ForeignKeyViolation,
    ),
    "unique": (
        "SELECT 1",
        "CREATE TABLE t (id int, up int UNIQUE DEFERRABLE INITIALLY DEFERRED)",
        howdah.UniqueViolation,
    ),
}


@pytest.mark.parametrize("rows", [2, 20_000])
@pytest.mark.parametrize("constraint", DEFERRED)
def test_append_against_a_deferred_constraint_tells_and_stores_nothing(
    db: howdah.Database, sql: Sql, constraint: str, rows: int
) -> None:
    before, create, error = DEFERRED[constraint]
    sql(before)
    sql(create)
    with pytest.raises(error) as caught:
        db.load("t", [{"id": number, "up": 7} for number in range(rows)])
    assert caught.value.constraint == {"foreign key": "t_up_fkey", "unique": "t_up_key"}[constraint]
    assert sql("SELECT count(*) FROM t") == [(0,)]
    assert db.load("t", [{"id": 1, "up": None}]).rows == 1


def test_append_against_a_deferred_trigger_of_a_partition_tells_and_stores_nothing(
    db: howdah.Database, sql: Sql
) -> None:
    sql("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not today'; END $$")
    sql("CREATE TABLE t (id int) PARTITION BY RANGE (id)")
    sql("CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM (0) TO (100)")
    sql("CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t_1 INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()")
    with pytest.raises(howdah.DatabaseError, match="not today"):
        db.load("t", [{"id": 1}])
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("rows", [2, 20_000])
def test_copy_that_cannot_begin_leaves_the_database_usable(url: str, sql: Sql, rows: int) -> None:
    sql("CREATE TABLE base (id int)")
    sql("CREATE VIEW t AS SELECT id FROM base")
    with howdah.Database(url, max_size=1) as database:
        for _ in range(3):
            with pytest.raises(howdah.DatabaseError, match="cannot copy to view"):
                database.load("t", [{"id": number} for number in range(rows)])
            assert database.read("SELECT 5 AS five").to_arrow().to_pylist() == [{"five": 5}]
        assert database.load("base", [{"id": 1}]).rows == 1
