"""Prepared statements after a name changes its meaning: parameters have the types of the current columns."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
import pytest

import howdah
from tests.python.versions import VERSIONS, server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from howdah import embedded

INSERT = "INSERT INTO t VALUES ($1)"
HALF = Decimal("2.5")


@pytest.fixture(scope="module", params=VERSIONS)
def other_server(request: pytest.FixtureRequest) -> Iterator[embedded.Server]:
    """Give a server of this module's own, of either version: PostgreSQL 18 reports the search path, 15 does not."""
    with server_of(request.param) as started:
        yield started


@pytest.fixture
def one(opened: Callable[..., howdah.AsyncDatabase], other_server: embedded.Server) -> howdah.AsyncDatabase:
    """Give one connection whose path leads to `b.t` of integers, but for what is set; `a.t` is of numeric."""
    with psycopg.connect(other_server.url, autocommit=True) as connection:
        connection.execute(
            "DROP SCHEMA IF EXISTS a CASCADE; DROP SCHEMA IF EXISTS b CASCADE; DROP SCHEMA IF EXISTS c CASCADE"
        )
        connection.execute("CREATE SCHEMA a CREATE TABLE t (v numeric); CREATE SCHEMA b CREATE TABLE t (v int)")
        connection.execute("CREATE SCHEMA c; CREATE PROCEDURE c.go() LANGUAGE sql AS $$ SET search_path = b $$")
        connection.execute(
            "CREATE FUNCTION c.went() RETURNS text LANGUAGE plpgsql AS $$BEGIN SET search_path = b; RETURN 'b'; END$$"
        )
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'b'").fetchall():
            connection.execute("CREATE ROLE b SUPERUSER")
    return opened(f"{other_server.url}?options={quote('-c search_path=b')}", max_size=1, reset=None)


async def refused(db: howdah.AsyncDatabase) -> None:
    """Check that no verb rounds what the column of now does not hold."""
    for verb in (db.execute, db.fetch, db.fetch_one, db.fetch_value):
        with pytest.raises(howdah.ConversionError, match=r"expected int[48]"):
            await verb(INSERT, HALF)
    with pytest.raises(howdah.ConversionError):
        await db.execute_many(INSERT, [(HALF,)])
    with pytest.raises(howdah.ConversionError):
        [row async for row in db.stream(INSERT, HALF)]
    assert await db.fetch_value("SELECT count(*) FROM b.t") == 0


async def stored(db: howdah.AsyncDatabase) -> None:
    """Store a value in a column of numeric, by a statement that is kept from then on."""
    for _ in range(2):
        assert await db.execute(INSERT, HALF) == 1


SWITCHES = [
    "SET search_path = b",
    "SET SESSION search_path TO b; SELECT 1",
    'SELECT 1; /* why */ set "search_path" = b',
    "SET SCHEMA 'b'",
    "RESET search_path",
    "RESET ALL",
    "DISCARD ALL",
    "SELECT set_config('search_path', 'b', false)",
    "DO $$BEGIN PERFORM set_config('search_path', 'b', false); END$$",
    "CALL c.go()",
    'SET search_path = "$user", a; SET ROLE b',
    "SET search_path = c, a; CREATE TABLE c.t (v int)",
    "CREATE TEMP TABLE t (v int)",
    "ALTER TABLE t RENAME TO gone; CREATE TABLE c.t (v int); ALTER TABLE c.t SET SCHEMA a",
    "ALTER TABLE t ALTER v TYPE int USING 0",
    "DROP TABLE t; CREATE TABLE t (v int)",
    "DROP TABLE t; CREATE TABLE t AS SELECT 1 AS v",
    "DROP TABLE a.t; SELECT 1 AS v INTO a.t",
    "DROP SCHEMA a CASCADE; SET search_path = a, b",
]


@pytest.mark.parametrize("switch", SWITCHES)
async def test_statement_kept_from_before_a_switch_is_prepared_anew(one: howdah.AsyncDatabase, switch: str) -> None:
    await one.execute("SET search_path = a")
    await stored(one)
    await one.execute(switch)
    await refused(one)


@pytest.mark.parametrize("params", [("search_path", "b"), ("role", "b")])
async def test_switch_by_parameters_of_set_config_is_seen(one: howdah.AsyncDatabase, params: tuple[str, str]) -> None:
    await one.execute('SET search_path = "$user", a')
    await stored(one)
    await one.fetch_value("SELECT set_config($1, $2, false)", *params)
    await refused(one)


@pytest.mark.parametrize("end", ["commit", "rollback", "error"])
@pytest.mark.parametrize("set_", ["SET LOCAL search_path = a", "SELECT set_config('search_path', 'a', true)"])
async def test_setting_of_a_transaction_ends_with_it(one: howdah.AsyncDatabase, set_: str, end: str) -> None:
    with contextlib.suppress(howdah.DataError):
        async with one.transaction() as block:
            await one.execute(set_)
            await stored(one)
            if end == "rollback":
                await block.rollback()
            elif end == "error":
                await one.execute("SELECT 1 / 0")
    await refused(one)


@pytest.mark.parametrize("set_", ["SET search_path = a", "CREATE TEMP TABLE t (v numeric)"])
async def test_setting_that_a_savepoint_undoes_is_gone(one: howdah.AsyncDatabase, set_: str) -> None:
    async with one.transaction():
        with contextlib.suppress(howdah.DataError):
            async with one.transaction():
                await one.execute(set_)
                await stored(one)
                await one.execute("SELECT 1 / 0")
        with pytest.raises(howdah.ConversionError):
            await one.execute(INSERT, HALF)
        assert await one.fetch_value("SELECT count(*) FROM b.t") == 0


async def test_setting_of_a_script_that_fails_is_undone(one: howdah.AsyncDatabase) -> None:
    await one.execute("SET search_path = a")
    await stored(one)
    with pytest.raises(howdah.DataError):
        await one.execute("SET search_path = b; SELECT 1 / 0")
    await stored(one)


async def test_definition_that_is_rolled_back_is_that_of_before(one: howdah.AsyncDatabase) -> None:
    async with one.transaction() as block:
        await one.execute("ALTER TABLE t ALTER v TYPE numeric")
        await stored(one)
        await block.rollback()
    await refused(one)


async def test_table_that_a_load_replaces_has_its_new_types(one: howdah.AsyncDatabase) -> None:
    await one.execute("SET search_path = a")
    await stored(one)
    await one.load("t", [{"v": 1, "w": 2}], mode="replace")
    await refused(one)


async def test_function_that_switches_is_seen_where_the_server_reports_it(one: howdah.AsyncDatabase) -> None:
    if await one.fetch_value("SELECT current_setting('server_version_num')::int") < 180000:
        pytest.skip("before PostgreSQL 18 nothing tells")
    await one.execute("SET search_path = a")
    await stored(one)
    assert await one.fetch_value("SELECT c.went()") == "b"
    await refused(one)


ORDINARY = [
    "SET statement_timeout = '50s'",
    "SET LOCAL app.role = 'x'",
    "SELECT set_config('app.user', 'x', false)",
    "INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING",
    "UPDATE t SET v = 2; DELETE FROM t",
    "TRUNCATE t",
    "ANALYZE t",
]


async def test_statement_is_kept_through_what_changes_no_names(one: howdah.AsyncDatabase) -> None:
    query = "SELECT count(*) FROM t WHERE v > $1"
    name = "SELECT name FROM pg_prepared_statements WHERE statement = $1"
    await one.execute("ALTER TABLE t ADD UNIQUE (v)")
    await one.fetch_value(query, 5)
    before = await one.fetch_value(name, query)
    for statement in ORDINARY:
        await one.execute(statement)
        async with one.transaction():
            await one.execute(statement)
            await one.fetch_value(query, 5)
        with contextlib.suppress(howdah.DataError):
            async with one.transaction():
                await one.execute("SELECT 1 / 0")
    await one.fetch_value("SELECT set_config('app.user', $1, true)", "x")
    await one.execute_many("INSERT INTO t VALUES ($1)", [(7,), (8,)])
    modes: list[Any] = ["upsert", "append", "truncate"]
    for number, mode in enumerate(modes):
        await one.load("t", [{"v": 20 + number}], mode=mode, key="v" if mode == "upsert" else ())
    await one.fetch_value(query, 5)
    assert await one.fetch_value(name, query) == before


@pytest.mark.parametrize("within", [False, True])
def test_definition_changed_on_one_connection_is_known_to_all(
    other_server: embedded.Server, one: Any, *, within: bool
) -> None:
    del one

    async def both(db: howdah.AsyncDatabase) -> list[object]:
        there = asyncio.Barrier(2)

        async def use() -> int:
            async with db.transaction():
                await there.wait()
                return await db.execute(INSERT, HALF)

        return list(await asyncio.gather(use(), use(), return_exceptions=True))

    async def main() -> None:
        async with howdah.AsyncDatabase(f"{other_server.url}?options={quote('-c search_path=a')}", max_size=2) as db:
            assert await both(db) == [1, 1]
            if within:
                async with db.transaction():
                    await db.execute("ALTER TABLE t ALTER v TYPE int USING 0")
                    # Not committed, it concerns this connection alone.
                    with pytest.raises(howdah.ConversionError):
                        await db.execute(INSERT, HALF)
            else:
                await db.execute("ALTER TABLE t ALTER v TYPE int USING 0")
            assert [type(error) for error in await both(db)] == [howdah.ConversionError] * 2

    asyncio.run(main())
