"""Prepared statements: cached, dropped, invalidated by DDL or deallocated, without effects for the caller."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
from typing import TYPE_CHECKING

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

PREPARED = "SELECT count(*) FROM pg_prepared_statements"
SIZES = [0, 1, 2, 256]
sizes = pytest.mark.parametrize("size", SIZES)


@pytest.fixture
def sized(opened: Callable[..., howdah.AsyncDatabase], url: str, size: int) -> howdah.AsyncDatabase:
    """Give a database with one connection that keeps so many statements."""
    return opened(url, max_size=1, statement_cache_size=size)


@pytest.fixture(autouse=True)
def table(sql: Sql) -> None:
    """Make a table of one row."""
    sql("CREATE TABLE t (a int4, b text); INSERT INTO t VALUES (1, 'x')")


@sizes
async def test_more_statements_than_are_kept_all_work(sized: howdah.AsyncDatabase, size: int) -> None:
    for turn in range(3):
        for n in range(300):
            assert await sized.fetch_value(f"SELECT $1::int4 + {n}", turn) == turn + n
    kept = await sized.fetch_value(PREPARED)
    assert kept <= max(size, 1)
    assert kept >= size - 1


@sizes
async def test_statements_that_take_turns_give_their_own_answers(sized: howdah.AsyncDatabase, size: int) -> None:
    assert size in SIZES
    for n in range(50):
        assert await sized.fetch("SELECT $1::int4 AS a", n) == [{"a": n}]
        assert await sized.fetch("SELECT $1::text AS a", str(n)) == [{"a": str(n)}]
        assert await sized.fetch("SELECT $1::int4 AS b, $2::bool AS c", n, None) == [{"b": n, "c": None}]
        assert [row async for row in sized.stream("SELECT a FROM t")] == [{"a": 1}]


async def test_statement_is_prepared_once(one: howdah.AsyncDatabase) -> None:
    for n in range(20):
        await one.fetch_value("SELECT $1::int4 * 2", n)
    query = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT $1::int4 * 2'"
    assert await one.fetch_value(query) == 1
    used = "SELECT generic_plans + custom_plans FROM pg_prepared_statements WHERE statement = 'SELECT $1::int4 * 2'"
    assert await one.fetch_value(used) == 20


async def test_no_statement_is_kept_where_none_is_wanted(opened: Callable[..., howdah.AsyncDatabase], url: str) -> None:
    db = opened(url, max_size=1, statement_cache_size=0)
    await db.fetch("SELECT $1::int4", 1)
    await db.execute_many("INSERT INTO t VALUES ($1, $2)", [(2, "y"), (3, "z")])
    await db.execute_many("UPDATE t SET b = $2 WHERE a = $1", [(2, "y"), (3, "z")])
    async with db.transaction():
        await db.fetch("SELECT $1::int4", 1)
        assert [row async for row in db.stream("SELECT $1::int4 AS a", 1)] == [{"a": 1}]
    assert await db.fetch_value(PREPARED) == 0


@sizes
async def test_column_added_under_a_star_is_in_the_next_row(sized: howdah.AsyncDatabase, sql: Sql, size: int) -> None:
    assert size in SIZES
    query = "SELECT * FROM t WHERE a = $1"
    for n in range(5):
        row = {"a": 1, "b": "x", **{f"c{k}": k for k in range(n)}}
        assert await sized.fetch(query, 1) == [row]
        assert await sized.fetch_one(query, 1) == row
        assert [found async for found in sized.stream(query, 1)] == [row]
        assert await sized.fetch_value(query, 1) == 1
        assert await sized.execute(query, 1) == 1
        sql(f"ALTER TABLE t ADD COLUMN c{n} int4 DEFAULT {n}")


@pytest.mark.parametrize("verb", ["fetch", "fetch_one", "stream"])
async def test_stale_plan_is_not_seen_by_each_verb(one: howdah.AsyncDatabase, sql: Sql, verb: str) -> None:
    async def row() -> object:
        if verb == "stream":
            (found,) = [found async for found in one.stream("SELECT * FROM t")]
            return found
        return (
            await one.fetch_one("SELECT * FROM t") if verb == "fetch_one" else (await one.fetch("SELECT * FROM t"))[0]
        )

    assert await row() == {"a": 1, "b": "x"}
    sql("ALTER TABLE t DROP COLUMN b, ADD COLUMN c float8 DEFAULT 1.5")
    assert await row() == {"a": 1, "c": 1.5}
    sql("ALTER TABLE t ALTER COLUMN a TYPE text USING 'text ' || a")
    assert await row() == {"a": "text 1", "c": 1.5}
    sql("ALTER TABLE t RENAME COLUMN a TO z")
    assert await row() == {"z": "text 1", "c": 1.5}


@sizes
async def test_type_of_a_parameters_column_may_change(sized: howdah.AsyncDatabase, sql: Sql, size: int) -> None:
    assert size in SIZES
    query, insert = "SELECT b FROM t WHERE a = $1", "INSERT INTO t VALUES ($1, $2)"
    assert await sized.fetch_value(query, 1) == "x"
    assert await sized.execute(insert, 2, "y") == 1
    assert await sized.execute_many(insert, [(3, "y")]) == 1
    sql("ALTER TABLE t ALTER COLUMN a TYPE int8")
    assert await sized.execute(insert, 2**40, "big") == 1
    assert await sized.execute_many(insert, [(2**41, "bigger")]) == 1
    assert await sized.fetch_value(query, 2**40) == "big"
    sql("ALTER TABLE t ALTER COLUMN a TYPE text")
    assert await sized.fetch_value(query, "1") == "x"
    assert await sized.execute(insert, "four", "z") == 1
    assert await sized.execute_many(insert, [("five", "z")]) == 1
    assert await sized.fetch_value(query, "four") == "z"
    with pytest.raises(howdah.ConversionError):
        await sized.fetch_value(query, 1)


U = "00000000-0000-0000-0000-000000000005"


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("text", U, "uuid"),
        ("text", '{"k": 1}', "jsonb"),
        ("text", "1.2.3.4", "inet"),
        ("json", "1", "text"),
        ("macaddr", "08:00:2b:01:02:03", "text"),
        ("name", "x" * 63, "text"),
    ],
)
async def test_column_of_a_type_with_another_form_is_written_and_found(
    one: howdah.AsyncDatabase, sql: Sql, before: str, value: str, after: str
) -> None:
    sql(f"CREATE TABLE u (x {before})")
    insert, query = "INSERT INTO u VALUES ($1)", "SELECT 1 FROM u WHERE x::text = $1::text"
    compared = f"SELECT 1 AS found FROM u WHERE x = $1::{before}" if before in {"text", "macaddr", "name"} else query
    assert await one.execute(insert, value) == 1
    assert await one.execute_many(insert, [(value,)]) == 1
    stored = json.dumps(value) if before == "json" else value
    assert len(await one.fetch(compared, stored)) == 2
    sql(f"ALTER TABLE u ALTER x TYPE {after} USING x::text::{after}")
    # What the text type takes and macaddr did not: a value of the new type alone.
    new = value if after != "text" else "é" * 70
    for n in range(2):
        assert await one.execute(insert, new) == 1
        assert await one.execute_many(insert, [(new,)]) == 1
        assert sql("SELECT count(*) FROM u") == [(4 + 2 * n,)]


@pytest.mark.parametrize("verb", ["fetch", "fetch_value", "execute", "stream"])
async def test_comparison_with_a_column_of_another_type_is_made_anew_by_each_verb(
    one: howdah.AsyncDatabase, sql: Sql, verb: str
) -> None:
    sql(f"CREATE TABLE u (x text); INSERT INTO u VALUES ('{U}')")
    query = "SELECT 1 AS found FROM u WHERE x = $1"

    async def found() -> object:
        if verb == "stream":
            return len([row async for row in one.stream(query, U)])
        given = await getattr(one, verb)(query, U)
        return len(given) if verb == "fetch" else given

    assert await found() == 1
    sql("ALTER TABLE u ALTER x TYPE uuid USING x::uuid")
    assert [await found(), await found()] == [1, 1]


@pytest.mark.parametrize("verb", ["fetch", "stream"])
async def test_collation_of_a_column_may_change(one: howdah.AsyncDatabase, sql: Sql, verb: str) -> None:
    """The server takes it for another result, which it describes by the same words."""
    query = "SELECT b FROM t"
    for collation in ("C", "POSIX", "C"):
        for _ in range(2):
            rows = await one.fetch(query) if verb == "fetch" else [row async for row in one.stream(query)]
            assert rows == [{"b": "x"}]
        sql(f'ALTER TABLE t ALTER b TYPE text COLLATE "{collation}"')


async def test_value_of_a_changed_type_goes_into_a_transaction(one: howdah.AsyncDatabase, sql: Sql) -> None:
    query = "SELECT b FROM t WHERE a = $1"
    assert await one.fetch_value(query, 1) == "x"
    sql("ALTER TABLE t ALTER a TYPE text")
    async with one.transaction():
        assert await one.fetch_value(query, "1") == "x"
    # In one that has failed nothing is prepared, and the value's own error is told.
    with contextlib.suppress(howdah.ProgrammingError):
        async with one.transaction():
            with contextlib.suppress(howdah.DataError):
                await one.fetch("SELECT 1 / $1::int", 0)
            with pytest.raises(howdah.ConversionError):
                await one.fetch_value(query, 1)


async def test_error_of_a_value_stays_itself_when_nothing_was_changed(one: howdah.AsyncDatabase) -> None:
    for _ in range(3):
        with pytest.raises(howdah.DataError, match="invalid input syntax for type integer"):
            await one.fetch("SELECT $1::text::int", "x")
    with pytest.raises(howdah.DataError) as caught:
        async with one.transaction():
            await one.fetch("SELECT $1::text::int", "x")
    assert "run the transaction again" not in str(caught.value)


def test_change_that_one_statement_meets_is_known_to_all_sessions(url: str, sql: Sql) -> None:
    """A real takes any float, and rounds it: nothing fails by what the statement still believes."""
    sql("CREATE TABLE u (x real)")
    insert = "INSERT INTO u VALUES ($1) RETURNING pg_backend_pid()"

    async def twice(db: howdah.AsyncDatabase) -> set[int]:
        async with db.transaction():
            one = await db.fetch_value(insert, 0.1)
            other = db.fetch_value(insert, 0.1)
            return {one, await asyncio.create_task(other, context=contextvars.Context())}

    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=2) as db:
            pids = await twice(db)
            assert len(pids) == 2
            await db.fetch("SELECT * FROM t")
            sql("TRUNCATE u; ALTER TABLE u ALTER x TYPE double precision; ALTER TABLE t ADD c int")
            # Either session kept it.
            for _ in range(2):
                async with db.transaction():
                    await db.fetch_value("SELECT 1")
                    with contextlib.suppress(howdah.NotSupportedError):
                        await asyncio.create_task(db.fetch("SELECT * FROM t"), context=contextvars.Context())
                await db.fetch("SELECT * FROM t")
            assert await twice(db) == pids

    asyncio.run(main())
    assert sql("SELECT DISTINCT x FROM u") == [(0.1,)]


@sizes
async def test_table_that_is_dropped_and_made_anew_is_the_new_one(
    sized: howdah.AsyncDatabase, sql: Sql, size: int
) -> None:
    assert size in SIZES
    insert = "INSERT INTO t (a) VALUES ($1)"
    assert await sized.fetch("SELECT * FROM t") == [{"a": 1, "b": "x"}]
    await sized.execute(insert, 2)
    await sized.execute_many(insert, [(3,)])
    sql("DROP TABLE t")
    for verb in (sized.fetch, sized.execute):
        with pytest.raises(howdah.ProgrammingError) as caught:
            await verb("SELECT * FROM t")
        assert caught.value.sqlstate == "42P01"
    sql("CREATE TABLE t (b bool, a text)")
    assert await sized.fetch("SELECT * FROM t") == []
    await sized.execute(insert, "now text")
    await sized.execute_many(insert, [("and more",)])
    assert await sized.fetch("SELECT * FROM t") == [{"b": None, "a": "now text"}, {"b": None, "a": "and more"}]


async def test_enum_that_is_dropped_and_made_anew_is_the_new_one(one: howdah.AsyncDatabase, sql: Sql) -> None:
    for labels in (["a", "b"], ["c", "d"]):
        sql(f"CREATE TYPE mood AS ENUM ('{labels[0]}', '{labels[1]}'); CREATE TABLE u (m mood)")
        assert await one.execute("INSERT INTO u VALUES ($1)", labels[0]) == 1
        assert await one.fetch("SELECT m, ARRAY[m] AS l FROM u") == [{"m": labels[0], "l": [labels[0]]}]
        sql("DROP TABLE u; DROP TYPE mood")


@pytest.mark.parametrize("query", ["SELECT * FROM t", "SELECT * FROM t WHERE a = $1"])
async def test_stale_plan_in_a_transaction_is_a_clear_error_and_the_next_one_works(
    one: howdah.AsyncDatabase, sql: Sql, query: str
) -> None:
    params = [1] if "$" in query else []

    async def twice() -> list[dict[str, object]]:
        async with one.transaction():
            assert await one.fetch_value("SELECT 1") == 1
            return await one.fetch(query, *params)

    assert await twice() == [{"a": 1, "b": "x"}]
    sql("ALTER TABLE t ADD COLUMN c int4")
    row = {"a": 1, "b": "x", "c": None}
    try:
        # It may do without an error, if it can.
        assert await twice() == [row]
    except howdah.NotSupportedError as error:
        assert error.sqlstate == "0A000"  # noqa: PT017  (an error is allowed, not wanted)
        assert "again" in str(error)  # noqa: PT017
    assert await twice() == [row]
    assert await one.fetch(query, *params) == [row]


@pytest.mark.parametrize("forget", ["DISCARD ALL", "DEALLOCATE ALL", "DISCARD PLANS"])
async def test_statements_forgotten_behind_our_back_are_prepared_again(
    one: howdah.AsyncDatabase, url: str, forget: str
) -> None:
    assert "search_path" in url
    query, insert = "SELECT b FROM t WHERE a = $1", "INSERT INTO t VALUES ($1, $2)"
    for n in range(3):
        assert await one.fetch(query, 1) == [{"b": "x"}]
        assert await one.fetch_one(query, 1) == {"b": "x"}
        assert await one.fetch_value(query, 1) == "x"
        assert [row async for row in one.stream(query, 1)] == [{"b": "x"}]
        assert await one.execute(insert, 10 + n, "y") == 1
        assert await one.execute_many(insert, [(20 + n, "y")]) == 1
        assert await one.execute_many("UPDATE t SET b = b WHERE a = $1", [(1,)]) == 1
        assert await one.execute(forget) == 0
    assert await one.fetch_value("SELECT count(*) FROM t") == 7


@pytest.mark.parametrize("verb", ["execute", "fetch", "stream", "execute_many", "many_others"])
async def test_statement_forgotten_behind_our_back_is_prepared_again_by_each_verb(
    one: howdah.AsyncDatabase, verb: str
) -> None:
    insert = "INSERT INTO t VALUES ($1, 'new')"

    async def run(n: int) -> None:
        if verb == "stream":
            [row async for row in one.stream(insert, n)]
        elif verb == "execute_many":
            await one.execute_many(insert, [(n,)])
        elif verb == "many_others":
            await one.execute_many("INSERT INTO t SELECT $1, 'new'", [(n,)])
        else:
            await (one.execute if verb == "execute" else one.fetch)(insert, n)

    await run(1)
    await one.execute("DEALLOCATE ALL")
    await run(2)
    assert await one.fetch("SELECT a FROM t WHERE b = 'new' ORDER BY a") == [{"a": 1}, {"a": 2}]


async def test_statement_forgotten_in_a_transaction_is_an_error_and_the_next_one_works(
    one: howdah.AsyncDatabase,
) -> None:
    async def forget() -> object:
        async with one.transaction():
            await one.execute("DEALLOCATE ALL")
            return await one.fetch_value("SELECT $1::int4", 5)

    assert await one.fetch_value("SELECT $1::int4", 4) == 4
    try:
        assert await forget() == 5
    except howdah.DatabaseError as error:
        assert error.sqlstate == "26000"  # noqa: PT017  (an error is allowed, not wanted)
    assert await one.fetch_value("SELECT $1::int4", 6) == 6


async def test_search_path_that_changes_finds_the_other_table(one: howdah.AsyncDatabase, sql: Sql) -> None:
    schema = f"{sql('SELECT current_schema()')[0][0]}_other"
    sql(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (z text); INSERT INTO {schema}.t VALUES ('other')")
    try:
        assert await one.fetch("SELECT * FROM t") == [{"a": 1, "b": "x"}]
        await one.execute(f"SET search_path = {schema}")
        assert await one.fetch("SELECT * FROM t") == [{"z": "other"}]
    finally:
        sql(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("size", [-1, "many"])
def test_cache_of_no_size_is_refused(url: str, size: int) -> None:
    for kind in (howdah.Database, howdah.AsyncDatabase):
        with pytest.raises((howdah.InterfaceError, OverflowError, TypeError)):
            kind(url, statement_cache_size=size)


@pytest.mark.parametrize("size", [0, 1])
def test_bulk_work_needs_no_statement_kept(url: str, sql: Sql, size: int) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (a)")
    with howdah.Database(url, statement_cache_size=size) as db:
        for n in range(3):
            rows = [{"a": 10 * n + k, "b": "y"} for k in range(5)]
            assert db.load("t", rows, mode="upsert", key="a").rows == 5
            assert db.load("made", rows, mode="replace").rows == 5
            assert db.load("t", [{"a": 100 + n, "b": "z"}]).rows == 1
            assert db.read("SELECT a FROM t WHERE a < $1", 10 * n + 5).to_arrow().num_rows == 5 * n + 5
        assert db.load("t", [{"a": 1, "b": "x"}], mode="truncate").rows == 1
        assert db.fetch("SELECT * FROM t") == [{"a": 1, "b": "x"}]
