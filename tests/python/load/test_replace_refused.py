"""replace refuses tables if it could not copy all their properties, or would not fire their triggers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import DataError, ProgrammingError
from tests.python.load.replaced import ROWS, described
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql


NEVER = "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no' USING ERRCODE = '22000'; END$$"


INSERTED = "CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()"


@pytest.mark.parametrize(
    "trigger",
    [
        INSERTED,
        "CREATE TRIGGER no AFTER INSERT OR UPDATE ON t FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION no()",
        "CREATE CONSTRAINT TRIGGER no AFTER INSERT ON t DEFERRABLE FOR EACH ROW EXECUTE FUNCTION no()",
        "CREATE TRIGGER no AFTER INSERT ON t REFERENCING NEW TABLE AS new FOR EACH STATEMENT EXECUTE FUNCTION no()",
        "CREATE TRIGGER no BEFORE TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION no()",
        f"{INSERTED}; ALTER TABLE t ENABLE ALWAYS TRIGGER no",
    ],
)
@pytest.mark.parametrize("rows", [ROWS, [{"id": 1, "other": 2}]], ids=["same columns", "other columns"])
def test_replace_refuses_a_table_whose_triggers_it_would_not_fire(
    db: howdah.Database, sql: Sql, trigger: str, rows: list[dict[str, Any]]
) -> None:
    sql(f"CREATE TABLE t (id int, v text); INSERT INTO t VALUES (9, 'old'); {NEVER}; {trigger}")
    with pytest.raises(ProgrammingError, match=r'trigger "no" .* fires none; use mode="truncate"'):
        db.load("t", rows, mode="replace")
    # The way out fires them.
    with pytest.raises(DataError, match="no"):
        db.load("t", ROWS, mode="truncate")
    assert sql("SELECT id, v FROM t") == [(9, "old")]
    sql("ALTER TABLE t DISABLE TRIGGER no")
    db.load("t", ROWS, mode="replace")
    assert sql("SELECT count(*) FROM t") == [(3,)]


@pytest.mark.parametrize("other", [False, True], ids=["same columns", "other columns"])
@pytest.mark.parametrize(
    ("change", "says"),
    [(INSERTED, "fires none"), ("CREATE VIEW seen AS SELECT * FROM t", "without losing what depends on it")],
)
def test_replace_refuses_what_came_to_the_table_while_the_rows_did(
    db: howdah.Database, sql: Sql, change: str, says: str, *, other: bool
) -> None:
    sql(f"CREATE TABLE t (id serial, v text); INSERT INTO t VALUES (9, 'old'); {NEVER}")

    def rows() -> Iterator[dict[str, Any]]:
        yield {"id": 1} if not other else {"other": 1}
        sql(change)
        yield {"id": 2} if not other else {"other": 2}

    with pytest.raises(ProgrammingError, match=says):
        db.load("t", rows(), mode="replace")
    assert sql("SELECT id, v FROM t") == [(9, "old")]


def test_replace_looks_at_the_triggers_that_fire_in_this_session(db: howdah.Database, sql: Sql) -> None:
    sql(f"CREATE TABLE t (id int, v text); {NEVER}")
    sql("CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()")
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        db.load("t", ROWS, mode="replace")
    sql("ALTER TABLE t ENABLE REPLICA TRIGGER no")
    before = described(sql)["triggers"]
    db.load("t", ROWS, mode="replace")
    assert described(sql)["triggers"] == before
    with db.transaction():
        db.execute("SET LOCAL session_replication_role = replica")
        with pytest.raises(ProgrammingError, match="fires none"):
            db.load("t", ROWS, mode="replace")


@pytest.mark.parametrize("name", ["t", "pg_temp.t"])
@pytest.mark.parametrize("rows", [ROWS, [{"other": 1}]], ids=["same columns", "other columns"])
def test_replace_of_a_temporary_table_is_refused(
    db: howdah.Database, sql: Sql, name: str, rows: list[dict[str, Any]]
) -> None:
    sql("CREATE TABLE t (id int, v text); INSERT INTO t VALUES (9, 'permanent')")
    (schema,) = sql("SELECT current_schema()::text")[0]
    with db.transaction():
        db.execute("CREATE TEMP TABLE t (id int, v text) ON COMMIT DROP")
        with pytest.raises(ProgrammingError, match=r'temporary table of this session.*use mode="truncate"'):
            db.load(name, rows, mode="replace")
        # It hides the permanent one, which has a name of its own all the same.
        assert db.load(name, ROWS, mode="truncate").rows == 3
        assert db.load(name, ROWS[:1], mode="append").rows == 1
        assert db.fetch_value("SELECT count(*) FROM t") == 4
        with pytest.raises(ProgrammingError, match="exists"):
            db.load(name, ROWS, mode="create")
        db.execute("DELETE FROM t; CREATE UNIQUE INDEX ON pg_temp.t (id)")
        assert db.load(name, ROWS, mode="upsert", key="id").inserted == 3
        db.load(f"{schema}.t", ROWS[:2], mode="replace")
    assert sql("SELECT id, v FROM t ORDER BY id") == [(0, "0"), (1, "1")]


@loops
def test_awaited_replace_refuses_what_has_triggers_or_is_temporary(url: str, sql: Sql, new_loop: Any) -> None:
    sql(f"CREATE TABLE t (id int, v text); INSERT INTO t VALUES (9, 'old'); {NEVER}; {INSERTED}")

    async def main() -> None:
        async with howdah.AsyncDatabase(url) as db:
            with pytest.raises(ProgrammingError, match=r'trigger "no" .* fires none; use mode="truncate"'):
                await db.load("t", ROWS, mode="replace")
            async with db.transaction():
                await db.execute("CREATE TEMP TABLE t (id int, v text) ON COMMIT DROP")
                with pytest.raises(ProgrammingError, match=r'temporary table of this session.*use mode="truncate"'):
                    await db.load("t", ROWS, mode="replace")
                assert (await db.load("t", ROWS, mode="truncate")).rows == 3

    awaited(main(), new_loop)
    assert sql("SELECT id, v FROM t") == [(9, "old")]


LOST = {
    "row-level security": "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
    "policy": "CREATE POLICY p ON t USING (true)",
    "rule": "CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING",
    "publication": "CREATE PUBLICATION pub_{schema} FOR TABLE t",
    "foreign key": "CREATE TABLE child (of int REFERENCES t)",
    "child": "CREATE TABLE child () INHERITS (t)",
    "parent": "CREATE TABLE parent (v text); ALTER TABLE t INHERIT parent",
    "partition": "CREATE TABLE parent (LIKE t) PARTITION BY RANGE (id); "
    "ALTER TABLE parent ATTACH PARTITION t FOR VALUES FROM (0) TO (100)",
}


@pytest.mark.parametrize("what", LOST)
def test_replace_that_would_lose_something_is_refused(db: howdah.Database, sql: Sql, what: str) -> None:
    (schema,) = sql("SELECT current_schema()::text")[0]
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    sql(LOST[what].format(schema=schema))
    oid = sql("SELECT 't'::regclass::oid")
    with pytest.raises(ProgrammingError, match="truncate"):
        db.load("t", ROWS, mode="replace")
    assert sql("SELECT 't'::regclass::oid") == oid
    assert sql("SELECT id, v FROM t") == [(1, "old")]
    if what == "publication":
        sql(f"DROP PUBLICATION pub_{schema}")


def test_replace_of_a_partitioned_table_is_refused(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text) PARTITION BY RANGE (id)")
    sql("CREATE TABLE t1 PARTITION OF t DEFAULT")
    with pytest.raises(ProgrammingError, match="truncate"):
        db.load("t", ROWS, mode="replace")
    assert db.load("t", ROWS, mode="truncate").rows == 3


def test_replace_under_a_view_leaves_both_as_they_were_or_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    sql("CREATE VIEW looks AS SELECT id, v FROM t")
    # It is told before any row is taken.
    rows = iter(ROWS)
    with pytest.raises(ProgrammingError, match=r"losing what depends on it \(its view looks\)"):
        db.load("t", rows, mode="replace")
    assert sql("SELECT id, v FROM looks") == [(1, "old")]


def test_replace_under_a_function_is_refused(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("CREATE FUNCTION how_many() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM t; END")
    with pytest.raises(ProgrammingError, match="functions"):
        db.load("t", ROWS, mode="replace")
