"""replace and truncate: new rows for old ones, at once, and what hangs on the table stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import DataError, ProgrammingError, UniqueViolation
from tests.python.pool.faces import awaited, loops
from tests.python.versions import since

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah import embedded
    from tests.python.conftest import Sql

ROWS = [{"id": n, "v": str(n)} for n in range(3)]


@pytest.mark.parametrize("mode", ["replace", "truncate"])
def test_new_rows_take_the_place_of_the_old(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t SELECT n, 'old' FROM generate_series(1, 100) n")
    report = db.load("t", ROWS, mode=mode)
    assert (report.rows, report.inserted, report.updated) == (3, 3, 0)
    assert sql("SELECT id, v FROM t ORDER BY id") == [(0, "0"), (1, "1"), (2, "2")]


@pytest.mark.parametrize("mode", ["replace", "truncate"])
def test_failed_load_keeps_the_old_rows(db: howdah.Database, sql: Sql, mode: Any) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    oid = sql("SELECT 't'::regclass::oid")
    with pytest.raises(DataError):
        db.load("t", [{"id": 1, "v": "x"}, {"id": 2**40, "v": "y"}], mode=mode)
    with pytest.raises(UniqueViolation):
        db.load("t", [{"id": 1, "v": "x"}, {"id": 1, "v": "y"}], mode=mode)
    assert sql("SELECT id, v FROM t") == [(1, "old")]
    assert sql("SELECT 't'::regclass::oid") == oid
    assert sql(
        "SELECT count(*) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
    ) == [(1,)]


def test_replace_shows_old_rows_until_commit(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t VALUES (99, 'old')")
    seen: list[Any] = []

    def rows() -> Iterator[dict[str, Any]]:
        for n in range(50_000):
            if n in {1, 20_000, 49_999}:
                seen.append(sql("SELECT id, v FROM t"))
            yield {"id": n, "v": "new"}

    db.load("t", rows(), mode="replace")
    assert seen == [[(99, "old")]] * 3
    assert sql("SELECT count(*), min(v) FROM t") == [(50_000, "new")]


CATALOGUE = {
    "columns": "SELECT a.attname, format_type(atttypid, atttypmod), attnotnull, attidentity::text, attgenerated::text, "
    "pg_get_expr(d.adbin, d.adrelid), attacl::text, attstattarget, attoptions, attstorage::text, attcompression::text, "
    "col_description('t'::regclass, attnum) FROM pg_attribute a "
    "LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 't'::regclass AND attnum > 0 "
    "AND NOT attisdropped ORDER BY attnum",
    "constraints": "SELECT conname, pg_get_constraintdef(oid), obj_description(oid) FROM pg_constraint "
    "WHERE conrelid = 't'::regclass ORDER BY 1",
    "indexes": "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisprimary, indisreplident, "
    "indisclustered, obj_description(indexrelid), (SELECT reloptions FROM pg_class WHERE oid = indexrelid), "
    "(SELECT reltablespace::int FROM pg_class WHERE oid = indexrelid), "
    "(SELECT array_agg(attstattarget ORDER BY attnum) FROM pg_attribute WHERE attrelid = indexrelid) "
    "FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid), tgenabled::text, obj_description(oid) FROM pg_trigger "
    "WHERE tgrelid = 't'::regclass AND NOT tgisinternal ORDER BY 1",
    "table": "SELECT relname, relowner::regrole::text, "
    "(SELECT array_agg(x::text ORDER BY x::text) FROM unnest(relacl) x), reloptions, relpersistence::text, "
    "relreplident::text, relforcerowsecurity, reltablespace::int, relam::int, "
    "(SELECT reloptions FROM pg_class toast WHERE toast.oid = c.reltoastrelid), obj_description(oid) "
    "FROM pg_class c WHERE oid = 't'::regclass",
    "statistics": "SELECT stxname, pg_get_statisticsobjdef(oid), stxowner::regrole::text, stxstattarget, "
    "obj_description(oid) FROM pg_statistic_ext WHERE stxrelid = 't'::regclass ORDER BY 1",
    "sequences": "SELECT s.relname, d.deptype::text, a.attname, s.relowner::regrole::text, obj_description(s.oid), "
    "(SELECT array_agg(x::text ORDER BY x::text) FROM unnest(s.relacl) x) FROM pg_depend d "
    "JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_attribute a ON a.attrelid = d.refobjid AND "
    "a.attnum = d.refobjsubid WHERE d.refobjid = 't'::regclass ORDER BY 1",
}


def described(sql: Sql) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sql(query) for name, query in CATALOGUE.items()}


@pytest.fixture
def roles(sql: Sql) -> Iterator[tuple[str, str]]:
    """Make two roles of this test's own."""
    (schema,) = sql("SELECT current_schema()::text")[0]
    owner, reader = f"owner_{schema}", f"Reader {schema}"
    sql(f'CREATE ROLE {owner}; CREATE ROLE "{reader}"')
    sql(f"GRANT ALL ON SCHEMA {schema} TO {owner}")
    yield owner, reader
    sql(f'DROP OWNED BY {owner}, "{reader}"')
    sql(f'DROP ROLE {owner}, "{reader}"')


def test_replace_with_the_same_columns_keeps_what_hangs_on_the_table(
    db: howdah.Database, sql: Sql, roles: tuple[str, str]
) -> None:
    owner, reader = roles
    sql("CREATE TABLE parent (id int PRIMARY KEY)")
    sql("INSERT INTO parent VALUES (1)")
    sql(
        "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, n serial, own int GENERATED BY DEFAULT AS IDENTITY, "
        "v varchar(20) NOT NULL DEFAULT 'x' || 'y', amount numeric(9,2) CONSTRAINT positive CHECK (amount > 0), "
        "twice numeric GENERATED ALWAYS AS (amount * 2) STORED, of int REFERENCES parent DEFERRABLE, "
        'CONSTRAINT "The Key" PRIMARY KEY (id), UNIQUE (v, n)) WITH (fillfactor = 70, autovacuum_enabled = off)'
    )
    sql('CREATE INDEX "Odd Index" ON t (lower(v)) WHERE amount > 5; CREATE UNIQUE INDEX ON t (own) INCLUDE (v)')
    sql("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$")
    sql("CREATE TRIGGER note AFTER UPDATE ON t FOR EACH ROW EXECUTE FUNCTION note()")
    sql(
        "COMMENT ON TABLE t IS 'it''s a table'; COMMENT ON COLUMN t.v IS 'a column'; "
        "ALTER TABLE t ALTER v SET STORAGE EXTERNAL"
    )
    sql(
        f"ALTER TABLE t OWNER TO {owner}; GRANT SELECT ON t TO PUBLIC; "
        f'GRANT INSERT, UPDATE ON t TO "{reader}" WITH GRANT OPTION'
    )
    sql(f'GRANT REFERENCES (amount) ON t TO "{reader}"')
    sql("INSERT INTO t (v, amount, of) SELECT 'old' || n, n, 1 FROM generate_series(1, 10) n")
    before = described(sql)
    db.load("t", pa.table({"n": [7, 8], "v": ["a", "b"], "amount": [1, 2], "of": [1, None]}), mode="replace")
    after = described(sql)
    for name in CATALOGUE:
        assert after[name] == before[name], name
    assert sql("SELECT id, n, own, v, twice FROM t ORDER BY id") == [(11, 7, 11, "a", 2), (12, 8, 12, "b", 4)]
    sql("INSERT INTO t (amount) VALUES (7)")
    assert sql("SELECT id, n, own, v FROM t WHERE amount = 7") == [(13, 11, 13, "xy")]


HUNG: dict[str, str] = {
    "comment on an index": "CREATE INDEX i ON t (v); COMMENT ON INDEX i IS 'why'",
    "comment on the index of a constraint": "COMMENT ON INDEX t_pkey IS 'why'",
    "comment on a key": "COMMENT ON CONSTRAINT t_pkey ON t IS 'the table''s key'",
    "comment on a unique constraint": "ALTER TABLE t ADD CONSTRAINT u UNIQUE (v); "
    "COMMENT ON CONSTRAINT u ON t IS 'why'",
    "comment on an exclusion": "ALTER TABLE t ADD CONSTRAINT x EXCLUDE USING btree (v WITH =); "
    "COMMENT ON CONSTRAINT x ON t IS 'why'",
    "comment on a foreign key": "CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (0), (1), (2); "
    "ALTER TABLE t ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES parent NOT VALID; "
    "COMMENT ON CONSTRAINT f ON t IS 'why'",
    "comment on a check": "ALTER TABLE t ADD CONSTRAINT c CHECK (v > ''); COMMENT ON CONSTRAINT c ON t IS 'why'",
    "comment on a not-null": "ALTER TABLE t ADD CONSTRAINT n NOT NULL v; COMMENT ON CONSTRAINT n ON t IS 'why'",
    "comment on a trigger": "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
    'CREATE TRIGGER "The Trigger" BEFORE DELETE OR UPDATE ON t FOR EACH ROW EXECUTE FUNCTION no(); '
    "COMMENT ON TRIGGER \"The Trigger\" ON t IS 'why'",
    "statistics target": "ALTER TABLE t ALTER v SET STATISTICS 500, ALTER id SET STATISTICS 0",
    "options of a column": "ALTER TABLE t ALTER v SET (n_distinct = -0.5, n_distinct_inherited = 7)",
    "statistics target of an index": "CREATE INDEX i ON t (id, (v || 'x')); "
    "ALTER INDEX i ALTER COLUMN 2 SET STATISTICS 33",
    "extended statistics": "CREATE STATISTICS s (ndistinct, mcv) ON id, v FROM t; "
    """CREATE STATISTICS "On It" ON (v || 'x') FROM t""",
    "extended statistics with more": "CREATE STATISTICS s ON id, v FROM t; ALTER STATISTICS s SET STATISTICS 77; "
    "COMMENT ON STATISTICS s IS 'why'",
    "forced row-level security": "ALTER TABLE t FORCE ROW LEVEL SECURITY",
    "options of a key": "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id) WITH (fillfactor = 55)",
    "options of an index": "CREATE INDEX i ON t (v) WITH (fillfactor = 55, deduplicate_items = off)",
    "options of the TOAST table": "ALTER TABLE t SET (toast.autovacuum_enabled = off, fillfactor = 80)",
    "comment on an identity's sequence": "ALTER TABLE t ADD n int GENERATED ALWAYS AS IDENTITY; "
    "COMMENT ON SEQUENCE t_n_seq IS 'why'; GRANT USAGE, SELECT ON SEQUENCE t_n_seq TO PUBLIC",
}


# The version that brought it.
SINCE = {"comment on a not-null": 18}


@pytest.mark.parametrize("what", HUNG)
def test_replace_keeps_it(db: howdah.Database, sql: Sql, server: embedded.Server, what: str) -> None:
    since(SINCE.get(what, 0), server)
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    bare = described(sql)
    sql(HUNG[what])
    before = described(sql)
    assert before != bare
    for _ in range(2):
        db.load("t", ROWS, mode="replace")
        assert described(sql) == before


def test_replace_with_other_columns_keeps_row_level_security_forced(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, gone text); ALTER TABLE t FORCE ROW LEVEL SECURITY")
    db.load("t", [{"id": 1, "new": 2}], mode="replace")
    assert sql("SELECT relforcerowsecurity FROM pg_class WHERE oid = 't'::regclass") == [(True,)]


def test_replace_keeps_the_owner_of_statistics(db: howdah.Database, sql: Sql, roles: tuple[str, str]) -> None:
    owner, _ = roles
    sql("CREATE TABLE t (id int, v text); CREATE STATISTICS s ON id, v FROM t")
    sql(f"ALTER TABLE t OWNER TO {owner}; ALTER STATISTICS s OWNER TO {owner}")
    before = described(sql)
    db.load("t", ROWS, mode="replace")
    assert described(sql) == before


@pytest.mark.parametrize("columns", ["v text", "other text"])
def test_replace_gives_no_privileges_that_the_old_table_did_not_give(
    db: howdah.Database, sql: Sql, roles: tuple[str, str], columns: str
) -> None:
    _, reader = roles
    (schema,) = sql("SELECT current_schema()::text")[0]
    sql(f"CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, {columns}); CREATE TABLE granted (id int)")
    sql("GRANT INSERT ON t TO PUBLIC")
    defaults = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT"
    sql(f'{defaults} SELECT ON TABLES TO "{reader}", PUBLIC; {defaults} USAGE ON SEQUENCES TO "{reader}"')
    db.load("t", [{"v": "x"}], mode="replace")
    can = "SELECT has_table_privilege(%s, 't', 'SELECT'), has_table_privilege(%s, 't', 'INSERT')"
    assert sql(can, reader, reader) == [(False, True)]
    if columns == "v text":
        assert sql("SELECT has_sequence_privilege(%s, 't_id_seq', 'USAGE')", reader) == [(False,)]


def test_replace_keeps_tablespaces(db: howdah.Database, sql: Sql) -> None:
    (schema,) = sql("SELECT current_schema()::text")[0]
    space = f"space_{schema}"
    sql("SET allow_in_place_tablespaces = on")
    sql(f"CREATE TABLESPACE {space} LOCATION ''")
    try:
        sql(f"CREATE TABLE t (id int PRIMARY KEY USING INDEX TABLESPACE {space}, v text) TABLESPACE {space}")
        sql(f"CREATE INDEX i ON t (v) TABLESPACE {space}; CREATE INDEX j ON t (v)")
        before = described(sql)
        db.load("t", ROWS, mode="replace")
        assert described(sql) == before
        assert before["table"][0][-4] > 0
        # A default that came later is for new tables.
        sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text)")
        before = described(sql)
        with db.transaction():
            db.execute(f"SET LOCAL default_tablespace = '{space}'")
            db.load("t", ROWS, mode="replace")
        assert described(sql)["table"] == before["table"]
    finally:
        sql("DROP TABLE IF EXISTS t")
        sql(f"DROP TABLESPACE {space}")


def test_replace_keeps_what_a_second_replace_needs(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)")
    for number in range(3):
        db.load("t", [{"v": str(number)}], mode="replace")
    assert sql("SELECT id, v FROM t") == [(3, "2")]


def test_replace_then_insert_continues_the_identity(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, v text)")
    sql("INSERT INTO t (v) VALUES ('old')")
    db.load("t", [{"v": str(number)} for number in range(10)], mode="replace")
    sql("INSERT INTO t (v) VALUES ('new')")
    assert sql("SELECT count(*), count(DISTINCT id), max(id) FROM t") == [(11, 11, 12)]


def test_replace_keeps_a_disabled_trigger_disabled(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'no'; END$$")
    sql("CREATE TRIGGER no BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no()")
    sql("ALTER TABLE t DISABLE TRIGGER no")
    before = described(sql)["triggers"]
    db.load("t", ROWS, mode="replace")
    assert described(sql)["triggers"] == before


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


def test_replace_of_unlogged_table_keeps_it_unlogged(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE UNLOGGED TABLE t (id int, v text)")
    db.load("t", ROWS, mode="replace")
    assert sql("SELECT relpersistence::text FROM pg_class WHERE oid = 't'::regclass") == [("u",)]


def test_replace_keeps_replica_identity_and_clustering(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int NOT NULL, v text)")
    sql("CREATE UNIQUE INDEX by_id ON t (id)")
    sql("ALTER TABLE t REPLICA IDENTITY USING INDEX by_id, CLUSTER ON by_id")
    before = described(sql)
    db.load("t", ROWS, mode="replace")
    assert described(sql) == before


def test_replace_with_other_columns_makes_them(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, gone text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    sql("GRANT SELECT ON t TO PUBLIC; COMMENT ON TABLE t IS 'kept'")
    report = db.load("t", pa.table({"id": [5], "new": [True]}), mode="replace")
    assert report.rows == 1
    assert sql("SELECT id, new FROM t") == [(5, True)]
    table = described(sql)["table"][0]
    assert any(grant.startswith("=r/") for grant in table[2])
    assert table[-1] == "kept"


def test_replace_of_no_table_creates_it(db: howdah.Database, sql: Sql) -> None:
    assert db.load("t", ROWS, mode="replace").rows == 3
    assert sql("SELECT count(*) FROM t") == [(3,)]


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


def test_truncate_with_a_foreign_key_pointing_here_is_the_server_s_error(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("CREATE TABLE child (of int REFERENCES t)")
    sql("INSERT INTO t VALUES (1, 'old')")
    with pytest.raises(howdah.DatabaseError, match="child"):
        db.load("t", ROWS, mode="truncate")
    assert sql("SELECT id, v FROM t") == [(1, "old")]


def test_truncate_is_undone_when_rows_fail_and_seen_by_none(db: howdah.Database, sql: Sql, url: str) -> None:
    sql("CREATE TABLE t (id int, v text)")
    sql("INSERT INTO t VALUES (1, 'old')")
    stopped: list[str] = []

    def rows() -> Iterator[dict[str, Any]]:
        yield {"id": 1, "v": "new"}
        with psycopg.connect(url) as other, pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("LOCK TABLE t IN ACCESS SHARE MODE NOWAIT")
        stopped.append("here")
        raise KeyError

    with pytest.raises(KeyError):
        db.load("t", rows(), mode="truncate")
    assert stopped == ["here"]
    assert sql("SELECT id, v FROM t") == [(1, "old")]


def test_replace_and_truncate_of_nothing_empty_the_table(db: howdah.Database, sql: Sql) -> None:
    for mode in ("truncate", "replace"):
        sql("DROP TABLE IF EXISTS t; CREATE TABLE t (id int4, v text)")
        sql("INSERT INTO t VALUES (1, 'old')")
        empty = pa.table({"id": pa.array([], pa.int32()), "v": pa.array([], pa.string())})
        assert db.load("t", empty, mode=mode).rows == 0
        assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("rows", [0, 1_000, 300_000])
def test_a_table_is_replaced_by_what_is_read_from_it(db: howdah.Database, sql: Sql, rows: int) -> None:
    sql(f"CREATE TABLE t AS SELECT n AS id, 'a text of some length ' || n AS v FROM generate_series(1, {rows}) n")
    before = sql("SELECT count(*), sum(hashtext(t::text)) FROM t")
    with db.read("SELECT * FROM t", batch_rows=10_000) as reader:
        assert db.load("t", reader, mode="replace").rows == rows
    assert sql("SELECT count(*), sum(hashtext(t::text)) FROM t") == before


@pytest.mark.parametrize("source", ["t", "t_1"])
def test_a_table_is_not_emptied_while_it_is_read(db: howdah.Database, sql: Sql, source: str) -> None:
    sql("CREATE TABLE t (id int4, v text) PARTITION BY RANGE (id); CREATE TABLE t_1 PARTITION OF t DEFAULT")
    sql("INSERT INTO t SELECT n, 'a text of some length ' || n FROM generate_series(1, 300000) n")
    before = sql("SELECT count(*), sum(hashtext(t::text)) FROM t")
    with (
        db.read(source, batch_rows=10_000) as reader,
        pytest.raises(ProgrammingError, match='table "t" cannot be emptied while the data is read from it'),
    ):
        db.load("t", reader, mode="truncate")
    assert sql("SELECT count(*), sum(hashtext(t::text)) FROM t") == before


def test_a_table_is_emptied_for_what_is_read_from_another_or_was_read_whole(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int4, v text); CREATE TABLE other (id int4, v text)")
    sql("INSERT INTO other SELECT n, 'a text of some length ' || n FROM generate_series(1, 300000) n")
    with db.read("other", batch_rows=10_000) as reader:
        assert db.load("t", reader, mode="truncate").rows == 300_000
    sql("DELETE FROM t WHERE id > 1000")
    with db.read("t") as reader:
        assert db.load("t", reader, mode="truncate").rows == 1_000
    assert sql("SELECT count(*), min(id), max(id) FROM t") == [(1_000, 1, 1_000)]
