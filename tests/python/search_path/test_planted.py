"""Nothing that another role has made in a schema of the search path is run by statements of howdah's own.

A superuser runs every verb with a schema of that role in the search path: behind `pg_catalog`, where what fits better
than PostgreSQL's own is found, and before it, where everything is.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import Col, Database, Table, col
from howdah._sync import bulk_insert
from howdah.inspect.codegen import generate
from howdah.inspect.introspect import read
from howdah.inspect.planner import plan
from tests.python.orm.catalogue import CONDITIONS, QUERIES, WITH_VECTORS, WRITES
from tests.python.orm.schema import Company, Person, Post, fill, has_vectors
from tests.python.search_path.planted import plant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah import embedded
    from tests.python.conftest import Sql

_serial = itertools.count(1)

# `func` and `table_function` call what the author of the query names.
NAMED = {"function", "aggregates", "table function"}


class Thing(Table):
    """Has a column of each type whose name is looked up, and keys, an index and an enum of its own."""

    id: Col[int] = howdah.identity()
    name: Col[str] = col(unique=True, index="btree")
    code: Col[str] = col(default="", type="varchar(20)")
    data: Col[dict[str, Any]] = col(default_factory=dict)
    flag: Col[bool] = col(default=False, type="bool")
    raw: Col[bytes] = col(default=b"")
    tags: Col[list[str]] = col(default_factory=list)


class Planted:
    """Schemas: one of the test's own, and one that somebody else has planted."""

    def __init__(self, server: embedded.Server, own: str, evil: str) -> None:
        """Take the server and their names."""
        self.server = server
        self.own = own
        self.evil = evil

    def url(self, *, first: bool) -> str:
        """Give a URL whose search path has the planted schema behind `pg_catalog`, or before it."""
        path = f"{self.own},{self.evil}" + (",pg_catalog" if first else "")
        return f"{self.server.url}?options={quote(f'-c search_path={path}')}"


@pytest.fixture(scope="module")
def planted(server: embedded.Server, admin: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Planted]:
    """Give the two schemas; the first has the tables of the ORM's tests, and rows."""
    at = next(_serial)
    own, evil, role = f"own_{at}", f"evil_{at}", f"planter_{at}"
    admin.execute(f"CREATE SCHEMA {own}; CREATE ROLE {role}; CREATE SCHEMA {evil} AUTHORIZATION {role}".encode())
    clean = f"{server.url}?options={quote(f'-c search_path={own}')}"
    with Database(clean) as db:
        fill(db)
    with psycopg.connect(server.url, autocommit=True) as connection:

        def sql(query: str, *params: object) -> list[tuple[Any, ...]]:
            cursor = connection.execute(query.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

        sql(f"SET ROLE {role}")
        made = plant(sql, evil)
    assert made["same"] > 700
    assert made["better"] > 2000
    assert made["functions"] > 300
    yield Planted(server, own, evil)
    admin.execute("SET client_min_messages = warning")
    admin.execute(f"DROP SCHEMA {evil} CASCADE".encode())
    admin.execute(f"DROP SCHEMA {own} CASCADE; DROP ROLE {role}".encode())


@pytest.fixture(params=[False, True], ids=["behind pg_catalog", "before pg_catalog"])
def path(request: pytest.FixtureRequest, planted: Planted) -> str:
    """Give the URL with each search path."""
    return planted.url(first=request.param)


@pytest.fixture
def db(path: str) -> Iterator[Database]:
    """Give a superuser's database."""
    with Database(path) as database:
        yield database


@pytest.fixture
def own(planted: Planted, admin: psycopg.Connection[tuple[Any, ...]]) -> Iterator[Sql]:
    """Run SQL in the test's own schema, where nothing is planted."""

    def run(query: str, *params: object) -> list[tuple[Any, ...]]:
        cursor = admin.execute(query.encode(), params or None)
        return cursor.fetchall() if cursor.description else []

    run(f"SET search_path = {planted.own}")
    yield run
    run("RESET search_path")


def test_planted_operators_functions_and_types_are_run_by_statements_that_do_not_name_a_schema(path: str) -> None:
    with Database(path) as db:
        for statement in (
            "SELECT 'a'::varchar = 'b'::varchar",
            "SELECT 1::oid = 'pg_catalog.pg_class'::pg_catalog.regclass",
            "SELECT lower('a'::varchar)",
            "SELECT 'a'::varchar IN ('b'::varchar)",
            "SELECT 'a'::varchar LIKE 'b'::varchar",
        ):
            with pytest.raises(howdah.Error, match=r"planted: .* ran as postgres"):
                db.fetch(statement)


def test_cast_cannot_be_planted_between_types_of_postgresql(
    planted: Planted, admin: psycopg.Connection[tuple[Any, ...]]
) -> None:
    role = planted.evil.replace("evil", "planter")
    with admin.transaction(force_rollback=True):
        admin.execute(f"SET ROLE {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner of type"):
            admin.execute(
                f"CREATE FUNCTION {planted.evil}.cast_it(oid) RETURNS text LANGUAGE sql AS 'SELECT 1';"
                f"CREATE CAST (oid AS text) WITH FUNCTION {planted.evil}.cast_it(oid)".encode()
            )


ROWS: list[dict[str, Any]] = [{"id": at, "name": f"n{at}", "amount": at} for at in range(3)]


@pytest.mark.parametrize("mode", ["append", "create", "replace", "truncate", "upsert"])
@pytest.mark.parametrize("block", ["alone", "in a transaction"])
def test_load_runs_nothing_that_is_planted(db: Database, own: Sql, mode: Any, block: str) -> None:
    own("DROP TABLE IF EXISTS loaded CASCADE")
    own("CREATE ROLE grantee")
    try:
        if mode != "create":
            own(
                "CREATE TABLE loaded (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name varchar(20) UNIQUE, "
                "amount numeric(10, 2) CHECK (amount >= 0), n serial)"
            )
            own("INSERT INTO loaded (id, name, amount) VALUES (1, 'old', 1)")
            own("GRANT SELECT, UPDATE ON loaded TO grantee WITH GRANT OPTION; GRANT INSERT (id) ON loaded TO grantee")
            own("COMMENT ON TABLE loaded IS 'said'; CREATE INDEX ON loaded (amount) WITH (fillfactor = 90)")
            own("COMMENT ON INDEX loaded_amount_idx IS 'said'; ALTER TABLE loaded ALTER name SET STATISTICS 7")
            own("CREATE STATISTICS loaded_ext ON name, amount FROM loaded; ALTER TABLE loaded SET (fillfactor = 90)")
            own("GRANT SELECT ON SEQUENCE loaded_id_seq TO grantee; ALTER TABLE loaded REPLICA IDENTITY FULL")
        key = "id" if mode == "upsert" else ()
        rows = [{**row, "id": row["id"] + 10} for row in ROWS] if mode == "append" else ROWS
        with db.transaction() if block != "alone" else contextlib.nullcontext():
            db.load("loaded", rows, mode=mode, key=key)
        assert own("SELECT count(*) FROM loaded WHERE name LIKE 'n%'") == [(3,)]
    finally:
        own("DROP TABLE IF EXISTS loaded CASCADE")
        own("DROP OWNED BY grantee; DROP ROLE grantee")


def test_load_of_other_columns_and_with_a_trigger_runs_nothing_that_is_planted(db: Database, own: Sql) -> None:
    own("DROP TABLE IF EXISTS loaded; CREATE TABLE loaded (old int)")
    table = pa.table({"a": [1], "b": ["x"], "c": [b"x"], "d": [["x"]], "e": [True]})
    db.load("loaded", table, mode="replace")
    assert own("SELECT * FROM loaded") == [(1, "x", b"x", ["x"], True)]
    own("ALTER TABLE loaded ADD UNIQUE (a)")
    own("CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$")
    own("CREATE TRIGGER same BEFORE INSERT ON loaded FOR EACH ROW EXECUTE FUNCTION same()")
    report = db.load("loaded", table, mode="upsert", key="a")
    assert (report.inserted, report.updated) == (0, 1)
    own("DROP TABLE loaded; DROP FUNCTION same")


def test_long_load_that_checks_its_columns_runs_nothing_that_is_planted(db: Database, own: Sql) -> None:
    own("DROP TABLE IF EXISTS loaded; CREATE TABLE loaded (id bigint, name varchar)")
    table = pa.table({"id": range(200_000), "name": ["some text"] * 200_000})
    assert db.load("loaded", table).rows == 200_000
    own("DROP TABLE loaded")


def test_read_of_every_kind_of_type_runs_nothing_that_is_planted(db: Database, own: Sql) -> None:
    own("CREATE TYPE kind AS ENUM ('a', 'b'); CREATE DOMAIN amount AS numeric(10, 2)")
    own("CREATE TYPE pair AS (x int, y kind); CREATE TYPE span AS RANGE (subtype = float8)")
    own("CREATE TABLE kinds (a kind, b amount, c pair, d span, e kind[], f amount[], g money, h tsvector)")
    own("INSERT INTO kinds VALUES ('a', 1, (1, 'b'), '[1,2]', '{a}', '{1}', 1, 'a')")
    assert db.read("kinds").to_arrow().num_rows == 1
    assert len(db.fetch("SELECT * FROM kinds")) == 1
    db.load("kinds", db.read("SELECT a, b, d, e, f FROM kinds").to_arrow())
    own("DROP TABLE kinds; DROP TYPE span, pair, kind; DROP DOMAIN amount")


def test_created_tables_have_types_of_postgresql(db: Database, own: Sql, planted: Planted) -> None:
    db.create_tables(Thing)
    db.create_tables(Thing)
    assert own(
        "SELECT DISTINCT typnamespace::regnamespace::text FROM pg_attribute JOIN pg_type t ON t.oid = atttypid "
        "WHERE attrelid = 'thing'::regclass"
    ) == [("pg_catalog",)]
    # Constants are sent with their types, too.
    assert db.insert_many(Thing, [{"name": "a"}, {"name": "b", "tags": ["x"]}]) == [1, 2]
    assert db.upsert(Thing, [{"name": "b", "code": "B"}, {"name": "c", "code": "C"}], on=[Thing.name]).rows == 2
    assert db.find(Thing, Thing.code.in_(["B", "C"])).count() == 2
    assert planted.own
    own("DROP TABLE thing")


def left_out(db: Database) -> set[str]:
    """Name what runs functions of somebody else by its nature, and what this server has not."""
    return NAMED if has_vectors(db) else NAMED.union(WITH_VECTORS)


def test_conditions_run_nothing_that_is_planted(db: Database) -> None:
    for name in CONDITIONS.keys() - left_out(db):
        found = db.find(Person, CONDITIONS[name]()).order_by(Person.id).to_list()
        others = db.find(Person, ~CONDITIONS[name]()).count()
        assert len(found) + others <= 4, name


def test_queries_run_nothing_that_is_planted(db: Database) -> None:
    for name in QUERIES.keys() - left_out(db):
        query: Any = QUERIES[name](db)
        assert query.to_list(), name


def test_writes_run_nothing_that_is_planted(db: Database) -> None:
    for name, make in WRITES.items():
        with db.transaction() as transaction:
            assert make(db), name
            transaction.rollback()


@pytest.mark.parametrize("few", [2, None])
def test_rows_in_bulk_run_nothing_that_is_planted(
    db: Database, monkeypatch: pytest.MonkeyPatch, few: int | None
) -> None:
    if few is not None:
        # COPY begins with as many rows.
        monkeypatch.setattr(bulk_insert, "MAX_UNNEST_ROWS", few)
    people = [{"name": f"p{at}", "email": f"p{at}@y", "company_id": 1, "boss_id": None} for at in range(5)]
    with db.transaction() as transaction:
        assert len(db.insert_many(Company, [{"name": f"c{at}"} for at in range(5)])) == 5
        assert len(db.insert_many(Person, people)) == 5
        report = db.upsert(Person, [row | {"age": 3} for row in people], on=[Person.email])
        assert (report.inserted, report.updated) == (0, 5)
        assert db.insert_many(Company, pa.table({"name": ["arrow", "data"]})) is not None
        transaction.rollback()


def test_objects_run_nothing_that_is_planted(db: Database) -> None:
    with db.transaction() as transaction:
        company = Company(name="new")
        db.save(company)
        company.name = "newer"
        db.save(company)
        db.refresh(company)
        assert db.get(Company, company.id).name == "newer"
        db.delete(company)
        found = db.find(Person).load(Person.posts, Person.reports, Person.profile).order_by(Person.id).to_list()
        assert [len(one.posts) for one in found] == [2, 1, 1, 0]
        posts = db.find(Post).load(Post.labels, Post.author.company).order_by(Post.id).to_list()
        assert len(posts[0].labels) == 2
        page = db.find(Post).order_by(-Post.views, Post.title).page(2)
        assert len(db.find(Post).order_by(-Post.views, Post.title).page(2, after=page.next).items) == 2
        by_age = db.find(Person).order_by(Person.age)
        assert len(by_age.page(3, after=by_age.page(1).next).items) == 3
        transaction.rollback()


def test_inspection_runs_nothing_that_is_planted(db: Database, planted: Planted) -> None:
    found = read(db, (planted.own,))
    assert {table.name for table in found.tables} >= {"person", "post"}
    assert "class Person" in generate(plan(found))


def test_notifications_and_asyncio_run_nothing_that_is_planted(path: str) -> None:
    async def run() -> None:
        async with howdah.AsyncDatabase(path) as db:
            async with db.listen("news") as news:
                await db.execute("NOTIFY news, 'x'")
                async for notification in news:
                    assert notification.payload == "x"
                    break
            async with db.transaction(), db.transaction():
                assert await db.find(Person, Person.name == "Ada").count() == 1

    asyncio.run(run())
