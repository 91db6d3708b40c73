"""upsert: rows with an existing key are updated, the others inserted, and both are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from howdah import CheckViolation, NotNullViolation, ProgrammingError

if TYPE_CHECKING:
    import howdah
    from tests.python.conftest import Sql
    from tests.python.load.conftest import Refused


def counts(report: howdah.LoadReport) -> tuple[int, int, int]:
    return report.rows, report.inserted, report.updated


@pytest.fixture
def words(sql: Sql) -> None:
    """Make a table of two rows."""
    sql("CREATE TABLE t (id int PRIMARY KEY, v text DEFAULT 'none', n int DEFAULT 7)")
    sql("INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)")


@pytest.mark.usefixtures("words")
@pytest.mark.parametrize("form", [list, pa.Table.from_pylist])
@pytest.mark.parametrize("key", ["id", ["id"], ("id",)])
def test_upsert_counts_inserted_and_updated(db: howdah.Database, sql: Sql, form: Any, key: Any) -> None:
    rows = [{"id": 2, "v": "B", "n": 20}, {"id": 3, "v": "C", "n": 30}, {"id": 4, "v": None, "n": 40}]
    assert counts(db.load("t", form(rows), mode="upsert", key=key)) == (3, 2, 1)
    assert sql("SELECT id, v, n FROM t ORDER BY id") == [(1, "a", 1), (2, "B", 20), (3, "C", 30), (4, None, 40)]


@pytest.mark.usefixtures("words")
def test_upsert_of_duplicates_keeps_the_last(db: howdah.Database, sql: Sql) -> None:
    rows = [{"id": 5, "v": f"{n}"} for n in range(20_000)] + [{"id": 1, "v": "x"}, {"id": 1, "v": "y"}]
    assert counts(db.load("t", rows, mode="upsert", key="id")) == (2, 1, 1)
    assert sql("SELECT id, v FROM t ORDER BY id") == [(1, "y"), (2, "b"), (5, "19999")]


@pytest.mark.usefixtures("words")
def test_upsert_of_duplicates_with_null_last_keeps_the_null(db: howdah.Database, sql: Sql) -> None:
    db.load("t", [{"id": 1, "v": "x"}, {"id": 1, "v": None}], mode="upsert", key="id")
    assert sql("SELECT v FROM t WHERE id = 1") == [(None,)]


@pytest.mark.usefixtures("words")
def test_upsert_of_some_columns_keeps_the_others(db: howdah.Database, sql: Sql) -> None:
    assert counts(db.load("t", [{"id": 1, "v": "A"}, {"id": 9, "v": "I"}], mode="upsert", key="id")) == (2, 1, 1)
    assert sql("SELECT id, v, n FROM t ORDER BY id") == [(1, "A", 1), (2, "b", 2), (9, "I", 7)]


@pytest.mark.usefixtures("words")
def test_upsert_of_key_alone_inserts_what_is_new(db: howdah.Database, sql: Sql) -> None:
    report = db.load("t", [{"id": 1}, {"id": 8}, {"id": 8}], mode="upsert", key="id")
    assert report.inserted == 1
    assert sql("SELECT id, v FROM t ORDER BY id") == [(1, "a"), (2, "b"), (8, "none")]


def test_upsert_of_a_table_that_is_all_key_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b int, PRIMARY KEY (a, b))")
    sql("INSERT INTO t VALUES (1, 1)")
    assert db.load("t", [(1, 1), (1, 2), (1, 2)], mode="upsert", key=["a", "b"]).inserted == 1
    assert sql("SELECT a, b FROM t ORDER BY b") == [(1, 1), (1, 2)]


def test_upsert_with_a_composite_key_in_another_order_works(db: howdah.Database, sql: Sql) -> None:
    sql('CREATE TABLE t ("A b" text, "SELECT" int, v text, UNIQUE ("A b", "SELECT"))')
    sql("INSERT INTO t VALUES ('x', 1, 'old'), ('x', 2, 'old')")
    rows = [{"v": "new", "SELECT": 2, "A b": "x"}, {"v": "new", "SELECT": 2, "A b": "y"}]
    assert counts(db.load("t", rows, mode="upsert", key=["SELECT", "A b"])) == (2, 1, 1)
    assert sql("SELECT * FROM t ORDER BY 1, 2") == [("x", 1, "old"), ("x", 2, "new"), ("y", 2, "new")]


def test_upsert_into_a_partitioned_table_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)")
    sql("CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); CREATE TABLE t2 PARTITION OF t DEFAULT")
    sql("INSERT INTO t VALUES (1, 'old'), (50, 'old')")
    rows = [{"id": n, "v": "new"} for n in (1, 2, 50, 51)]
    assert counts(db.load("t", rows, mode="upsert", key="id")) == (4, 2, 2)
    assert sql("SELECT tableoid::regclass::text, id, v FROM t ORDER BY id") == [
        ("t1", 1, "new"),
        ("t1", 2, "new"),
        ("t2", 50, "new"),
        ("t2", 51, "new"),
    ]


@pytest.mark.parametrize("kind", ["ALWAYS", "BY DEFAULT"])
def test_upsert_by_identity_keeps_it(db: howdah.Database, sql: Sql, kind: str) -> None:
    sql(f"CREATE TABLE t (id int GENERATED {kind} AS IDENTITY PRIMARY KEY, v text)")
    sql("INSERT INTO t (v) VALUES ('old')")
    assert counts(db.load("t", [{"id": 1, "v": "new"}, {"id": 70, "v": "x"}], mode="upsert", key="id")) == (2, 1, 1)
    assert sql("SELECT id, v FROM t ORDER BY id") == [(1, "new"), (70, "x")]


def test_upsert_by_another_key_lets_columns_fill_themselves(db: howdah.Database, sql: Sql) -> None:
    sql(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text UNIQUE, v int, "
        "twice int GENERATED ALWAYS AS (v * 2) STORED, note text NOT NULL DEFAULT 'x')"
    )
    sql("INSERT INTO t (code, v) VALUES ('a', 1)")
    assert counts(db.load("t", [{"code": "a", "v": 5}, {"code": "b", "v": 6}], mode="upsert", key="code")) == (2, 1, 1)
    assert sql("SELECT code, v, twice, note FROM t ORDER BY code") == [("a", 5, 10, "x"), ("b", 6, 12, "x")]
    assert sql("SELECT id FROM t WHERE code = 'a'") == [(1,)]


def test_upsert_on_a_unique_index_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("CREATE UNIQUE INDEX ON t (id)")
    sql("INSERT INTO t VALUES (1, 'old')")
    assert counts(db.load("t", [(1, "new"), (2, "x")], mode="upsert", key="id")) == (2, 1, 1)


@pytest.mark.parametrize("rows", [[(1, 1), (2, -1)], [(5, 1), (6, 2), (1, -1)]], ids=["inserted", "updated"])
def test_upsert_check_violation_names_the_row(sql: Sql, refused: Refused, rows: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v int CONSTRAINT positive CHECK (v > 0))")
    sql("INSERT INTO t VALUES (1, 1)")
    error = refused(CheckViolation, rows, mode="upsert", key="id", row=len(rows) - 1)
    assert getattr(error, "constraint", None) == "positive"


def test_upsert_null_key_names_the_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v int)")
    sql("INSERT INTO t VALUES (1, 1)")
    rows = [{"id": 2, "v": 2}, {"id": None, "v": 3}, {"id": 4, "v": 4}]
    error = refused(NotNullViolation, rows, mode="upsert", key="id", column="id", row=1)
    assert "howdah" not in str(error)
    assert 'relation "t"' in str(error)


def test_upsert_null_in_a_required_column_names_the_row(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL)")
    sql("INSERT INTO t VALUES (1, 1)")
    rows = [{"id": 1, "v": 2}, {"id": 3, "v": None}]
    refused(NotNullViolation, rows, mode="upsert", key="id", column="v", row=1)


def test_upsert_on_a_key_that_is_not_unique_is_the_server_s_error(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int, v int)")
    sql("INSERT INTO t VALUES (1, 1)")
    error = refused(ProgrammingError, [(1, 2)], mode="upsert", key="id")
    assert error.sqlstate == "42P10"


@pytest.mark.parametrize("key", [(), [], "nowhere", ["id", "nowhere"]])
def test_upsert_with_a_key_that_is_not_there_is_refused(sql: Sql, refused: Refused, key: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v int)")
    sql("INSERT INTO t VALUES (1, 1)")
    refused(ProgrammingError, [(1, 2)], mode="upsert", key=key, says=("key",))


def test_upsert_with_a_key_that_the_data_lacks_is_refused(sql: Sql, refused: Refused) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY DEFAULT 5, v int)")
    refused(ProgrammingError, [{"v": 2}], mode="upsert", key="id", says=('"id"',))


def test_upsert_runs_triggers_that_change_rows(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text, touched text)")
    sql("INSERT INTO t VALUES (1, 'old', NULL)")
    sql(
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN NEW.touched := TG_OP; NEW.v := upper(NEW.v); RETURN NEW; END$$"
    )
    sql("CREATE TRIGGER touch BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()")
    assert counts(db.load("t", [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}], mode="upsert", key="id")) == (2, 1, 1)
    assert sql("SELECT id, v, touched FROM t ORDER BY id") == [(1, "A", "UPDATE"), (2, "B", "INSERT")]


def test_upsert_with_a_trigger_that_fills_a_required_column_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL)")
    sql(
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN NEW.v := coalesce(NEW.v, 'filled'); RETURN NEW; END$$"
    )
    sql("CREATE TRIGGER fill BEFORE INSERT OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION fill()")
    db.load("t", [{"id": 1, "v": None}], mode="upsert", key="id")
    assert sql("SELECT id, v FROM t") == [(1, "filled")]


def test_upsert_leaves_nothing_behind_and_can_be_repeated(url: str, sql: Sql) -> None:
    import howdah  # noqa: PLC0415

    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    with howdah.Database(url, max_size=1) as db:
        for number in range(3):
            assert counts(db.load("t", [(1, str(number)), (number + 10, "x")], mode="upsert", key="id"))[0] == 2
        left = db.read(
            "SELECT relname FROM pg_class WHERE relpersistence = 't' AND pg_table_is_visible(oid)"
        ).to_arrow()
    assert left.num_rows == 0
    assert sql("SELECT v FROM t WHERE id = 1") == [("2",)]
    assert sql("SELECT count(*) FROM t") == [(4,)]


def test_upsert_with_columns_renamed_goes_by_target_names(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    db.load("t", [{"number": 1, "word": "new"}], mode="upsert", key="id", columns={"number": "id", "word": "v"})
    assert sql("SELECT id, v FROM t") == [(1, "new")]


def test_upsert_of_arrays_enums_and_domains_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN few AS numeric(5,2)")
    sql("CREATE TABLE t (id mood PRIMARY KEY, a int[], d few, j jsonb)")
    sql("INSERT INTO t VALUES ('ok', NULL, NULL, NULL)")
    from decimal import Decimal  # noqa: PLC0415

    rows = [{"id": "ok", "a": [1, None], "d": Decimal("1.5"), "j": {"a": 1}}]
    assert counts(db.load("t", rows, mode="upsert", key="id")) == (1, 0, 1)
    assert sql("SELECT id::text, a, d, j FROM t") == [("ok", [1, None], Decimal("1.50"), {"a": 1})]
