"""upsert before and since PostgreSQL 18: into partitions and views, with keys that may be NULL, and refusals."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import Col, Table, col
from howdah._async import bulk_insert as async_bulk_insert
from howdah._sync import bulk_insert
from tests.python.pool.faces import FACES, RUNNERS
from tests.python.versions import VERSIONS, server_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah import LoadReport, embedded

ROWS = [{"id": 1, "v": "new"}, {"id": 2, "v": "new"}, {"id": 2, "v": "last"}]


class T(Table):
    """Is whatever a test makes of `t`."""

    id: Col[int | None] = col(primary_key=True)
    v: Col[str | None] = col(default=None)


class Upsert(Protocol):
    """Upserts rows into `t` by `id`."""

    def __call__(self, rows: Any) -> LoadReport:
        """Give the report."""


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[embedded.Server]:
    """Give a server of this module's own, of either version."""
    with server_of(request.param) as started:
        yield started


@pytest.fixture
def sql(server: embedded.Server) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Give a look at the server, whose schema is empty."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public; SET client_min_messages = warning")
        yield connection


@pytest.fixture(params=FACES)
def load(request: pytest.FixtureRequest, server: embedded.Server) -> Upsert:
    """Give the upsert of `load`, of either API."""

    async def later(rows: Any) -> LoadReport:
        async with howdah.AsyncDatabase(server.url) as db:
            return await db.load("t", rows, mode="upsert", key="id")

    def upsert(rows: Any) -> LoadReport:
        if request.param == "blocking":
            with howdah.Database(server.url) as db:
                return db.load("t", rows, mode="upsert", key="id")
        report: LoadReport = RUNNERS[request.param](later(rows))
        return report

    return upsert


@pytest.fixture(params=["few", "many"])
def upsert(
    request: pytest.FixtureRequest, server: embedded.Server, load: Upsert, monkeypatch: pytest.MonkeyPatch
) -> list[Upsert]:
    """Give the upserts of `load` and of the ORM, which is by COPY where there are many rows."""
    few = 1000 if request.param == "few" else 0
    monkeypatch.setattr(async_bulk_insert, "MAX_UNNEST_ROWS", few)
    monkeypatch.setattr(bulk_insert, "MAX_UNNEST_ROWS", few)

    async def later(rows: Any) -> LoadReport:
        async with howdah.AsyncDatabase(server.url) as db:
            return await db.upsert(T, rows, on=[T.id])

    def blocking(rows: Any) -> LoadReport:
        with howdah.Database(server.url) as db:
            return db.upsert(T, rows, on=[T.id])

    return [load, lambda rows: asyncio.run(later(rows)), blocking]


BEHIND = "CREATE TABLE b (id int PRIMARY KEY, v text); "
KINDS = {
    "plain": "CREATE TABLE t (id int PRIMARY KEY, v text)",
    "partitioned": "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); "
    "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (2); CREATE TABLE t2 PARTITION OF t DEFAULT",
    "nested partitions": "CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); "
    "CREATE TABLE t1 PARTITION OF t DEFAULT PARTITION BY HASH (id); "
    "CREATE TABLE t2 PARTITION OF t1 FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    "view": BEHIND + "CREATE VIEW t AS SELECT * FROM b",
    "view of some columns": "CREATE TABLE b (k int PRIMARY KEY, v text, ok bool NOT NULL DEFAULT true); "
    "CREATE VIEW t AS SELECT k AS id, v FROM b WHERE ok WITH CHECK OPTION",
    "view of partitions": "CREATE TABLE b (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); "
    "CREATE TABLE b1 PARTITION OF b DEFAULT; CREATE VIEW t AS SELECT * FROM b",
}


@pytest.mark.parametrize("kind", KINDS)
def test_upsert_into_any_kind_of_table_counts_what_was_there(
    sql: psycopg.Connection[tuple[Any, ...]], upsert: list[Upsert], kind: str
) -> None:
    for one in upsert:
        sql.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        sql.execute(KINDS[kind].encode())
        sql.execute("INSERT INTO t VALUES (1, 'old'), (7, 'old')")
        report = one(ROWS)
        assert (report.inserted, report.updated) == (1, 1)
        report = one(pa.table({"id": [1, 2, 3], "v": ["x", "y", "z"]}))
        assert (report.inserted, report.updated) == (1, 2)
        assert sql.execute("SELECT id, v FROM t ORDER BY id").fetchall() == [(1, "x"), (2, "y"), (3, "z"), (7, "old")]


def test_upsert_into_partitions_named_like_our_own_words_counts(
    sql: psycopg.Connection[tuple[Any, ...]], server: embedded.Server
) -> None:
    with howdah.Database(server.url) as db:
        for name in ("merged", "there", "told", "target", "old", "k0"):
            sql.execute(f'CREATE TABLE "{name}" (k0 int PRIMARY KEY, "is_new" text) PARTITION BY RANGE (k0)'.encode())
            sql.execute(f'CREATE TABLE "{name}_1" PARTITION OF "{name}" DEFAULT'.encode())
            sql.execute(f"INSERT INTO \"{name}\" VALUES (1, 'old')".encode())
            report = db.load(name, [(1, "x"), (2, "y")], mode="upsert", key="k0")
            assert (name, report.inserted, report.updated) == (name, 1, 1)


def test_upsert_into_partitions_by_a_key_of_any_type_counts(
    sql: psycopg.Connection[tuple[Any, ...]], server: embedded.Server
) -> None:
    sql.execute("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN code AS varchar(5)")
    sql.execute("CREATE TABLE t (m mood, c code, a int[], PRIMARY KEY (m, c, a)) PARTITION BY LIST (m)")
    sql.execute(
        "CREATE TABLE t1 PARTITION OF t DEFAULT; ALTER TABLE t ADD v int; INSERT INTO t VALUES ('ok', 'x', '{1}', 1)"
    )
    rows = [{"m": "ok", "c": "x", "a": [1], "v": 2}, {"m": "ok", "c": "x", "a": [2], "v": 2}]
    with howdah.Database(server.url) as db:
        report = db.load("t", rows, mode="upsert", key=["m", "c", "a"])
        assert (report.inserted, report.updated) == (1, 1)


NULLS = [{"id": None, "v": "a"}, {"id": 1, "v": "b"}, {"id": None, "v": "c"}, {"id": 1, "v": "d"}]
BY = "CREATE TABLE t (id int, v text, UNIQUE {} (id)){}"
PARTS = " PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT"


@pytest.mark.parametrize("parts", ["", PARTS], ids=["plain", "partitioned"])
def test_upsert_of_null_keys_stores_each_as_the_constraint_says(
    sql: psycopg.Connection[tuple[Any, ...]], upsert: list[Upsert], parts: str
) -> None:
    for one in upsert:
        sql.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        sql.execute(BY.format("", parts).encode())
        assert [(report.inserted, report.updated) for report in (one(NULLS), one(NULLS))] == [(3, 0), (2, 1)]
        stored = sql.execute("SELECT id, v FROM t ORDER BY id, v").fetchall()
        assert stored == [(1, "d"), (None, "a"), (None, "a"), (None, "c"), (None, "c")]


@pytest.mark.parametrize("parts", ["", PARTS], ids=["plain", "partitioned"])
def test_upsert_of_null_keys_that_are_the_same_keeps_the_last(
    sql: psycopg.Connection[tuple[Any, ...]], upsert: list[Upsert], parts: str
) -> None:
    for one in upsert:
        sql.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        sql.execute(BY.format("NULLS NOT DISTINCT", parts).encode())
        assert [(report.inserted, report.updated) for report in (one(NULLS), one(NULLS))] == [(2, 0), (0, 2)]
        assert sql.execute("SELECT id, v FROM t ORDER BY id").fetchall() == [(1, "d"), (None, "c")]


def test_upsert_of_a_null_key_that_must_not_be_names_the_table_of_the_caller(
    sql: psycopg.Connection[tuple[Any, ...]], upsert: list[Upsert]
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    for one in upsert:
        with pytest.raises(howdah.NotNullViolation, match='null value in column "id" of relation "t"') as caught:
            one([{"id": 1, "v": "x"}, {"id": None, "v": "y"}])
        assert (caught.value.table, caught.value.column) == ("t", "id")
        assert "howdah" not in f"{caught.value} {vars(caught.value)}"


def test_upsert_of_a_null_key_that_a_trigger_fills_stores_the_row(
    sql: psycopg.Connection[tuple[Any, ...]], upsert: list[Upsert]
) -> None:
    sql.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql.execute(
        "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN NEW.id := coalesce(NEW.id, length(NEW.v)); RETURN NEW; END$$"
    )
    sql.execute("CREATE TRIGGER fill BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fill()")
    for one in upsert:
        sql.execute("TRUNCATE t")
        report = one([{"id": None, "v": "x"}, {"id": None, "v": "xy"}, {"id": 7, "v": "y"}])
        assert (report.inserted, report.updated) == (3, 0)
        assert sql.execute("SELECT id, v FROM t ORDER BY id").fetchall() == [(1, "x"), (2, "xy"), (7, "y")]


UNFIT = {
    "none": "CREATE TABLE t (id int, v text)",
    "of some rows": "CREATE TABLE t (id int, v text); CREATE UNIQUE INDEX ON t (id) WHERE id > 0",
    "of more columns": "CREATE TABLE t (id int, v text, UNIQUE (id, v))",
    "not unique": "CREATE TABLE t (id int, v text); CREATE INDEX ON t (id)",
    "deferrable": "CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, v text)",
    "none behind a view": "CREATE TABLE b (id int, v text); CREATE VIEW t AS SELECT * FROM b",
}


@pytest.mark.parametrize("kind", UNFIT)
def test_upsert_without_a_fitting_constraint_is_refused_before_the_rows_are_taken(
    sql: psycopg.Connection[tuple[Any, ...]], upsert: list[Upsert], kind: str
) -> None:
    sql.execute(UNFIT[kind].encode())
    taken = 0

    def rows() -> Iterator[dict[str, object]]:
        nonlocal taken
        for number in range(400_000):
            taken += 1
            yield {"id": number, "v": "x"}

    says = r't"? ?.*unique constraint.* "id"'
    with pytest.raises(howdah.ProgrammingError, match=says) as caught:
        upsert[0](rows())
    # What is gathered before the first rows are sent.
    assert taken <= 100_000
    assert caught.value.sqlstate in {"42P10", None}
    assert "howdah" not in str(caught.value)
    assert sql.execute("SELECT count(*) FROM t").fetchall() == [(0,)]
    for one in upsert[1:]:
        with pytest.raises(howdah.DatabaseError, match=says) as told:
            one(ROWS)
        assert "howdah" not in str(told.value)


VIEWS = {
    "joined": "CREATE VIEW t AS SELECT b.id, b.v FROM b JOIN b AS c USING (id)",
    "materialized": "CREATE MATERIALIZED VIEW t AS SELECT * FROM b",
    "ruled": "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE RULE r AS ON INSERT TO t DO ALSO DELETE FROM b",
}


@pytest.mark.parametrize("kind", VIEWS)
def test_upsert_into_what_takes_none_is_refused_before_the_rows_are_taken(
    sql: psycopg.Connection[tuple[Any, ...]], load: Upsert, kind: str
) -> None:
    sql.execute((BEHIND + VIEWS[kind]).encode())
    taken = 0

    def rows() -> Iterator[dict[str, object]]:
        nonlocal taken
        for number in range(400_000):
            taken += 1
            yield {"id": number, "v": "x"}

    with pytest.raises(howdah.DatabaseError) as caught:
        load(rows())
    assert taken <= 100_000
    assert "howdah" not in str(caught.value)
