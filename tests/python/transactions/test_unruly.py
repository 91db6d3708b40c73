"""Statements that begin and end transactions themselves: the next caller still gets a clean connection."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import eventually, outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Sql = Callable[..., Any]

IDLE = "SELECT pg_current_xact_id_if_assigned() IS NULL"
UNRULY = [
    "BEGIN",
    "START TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "BEGIN; INSERT INTO t VALUES (1)",
    "BEGIN; INSERT INTO t VALUES (1); SAVEPOINT s",
    "BEGIN; SELECT nonsense",
    "INSERT INTO t VALUES (1); BEGIN; SELECT 1 / 0",
    "COMMIT",
    "ROLLBACK",
    "COMMIT AND CHAIN",
    "BEGIN; INSERT INTO t VALUES (1); ROLLBACK AND CHAIN",
    "BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE",
    "BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 1000); FETCH 5 FROM c",
]


@pytest.fixture
def table(one: howdah.AsyncDatabase, sql: Sql) -> howdah.AsyncDatabase:
    """Give a database of one connection with an empty table `t`."""
    sql("CREATE TABLE t (a int)")
    return one


@pytest.mark.parametrize("statement", UNRULY)
@pytest.mark.parametrize("verb", ["execute", "fetch", "fetch_one", "fetch_value"])
async def test_connection_is_clean_for_the_next_caller(
    table: howdah.AsyncDatabase, sql: Sql, sessions: Callable[..., int], statement: str, verb: str
) -> None:
    verbs: dict[str, Any] = {name: getattr(table, name) for name in ("execute", "fetch", "fetch_one", "fetch_value")}
    await outcome(verbs[verb](statement))
    # Nobody uses it now, and it is in no transaction all the same.
    eventually(lambda: sessions("starts_with(state, 'idle in transaction')") == 0, within_s=2)
    assert await table.execute("INSERT INTO t VALUES (2)") == 1
    assert (2,) in sql("SELECT a FROM t")
    assert await table.fetch_value(IDLE) is True
    async with table.transaction(isolation="repeatable read"):
        assert await table.fetch_value("SELECT current_setting('transaction_isolation')") == "repeatable read"
    stats = table.stats()
    assert (stats.size, stats.busy) == (1, 0)


async def test_transaction_begun_by_a_statement_is_rolled_back(table: howdah.AsyncDatabase, sql: Sql) -> None:
    with pytest.raises(howdah.InterfaceError, match="so it was rolled back"):
        await table.execute("BEGIN; INSERT INTO t VALUES (1)")
    assert await table.fetch_value("SELECT count(*) FROM t") == 0
    await table.execute("BEGIN; INSERT INTO t VALUES (2); COMMIT")
    assert sql("SELECT a FROM t") == [(2,)]


@pytest.mark.parametrize(
    "statement",
    [
        "BEGIN",
        "-- now\nSTART /* x */ TRANSACTION READ ONLY",
        "COMMIT",
        "end;",
        "ABORT",
        "ROLLBACK",
        "ROLLBACK AND CHAIN",
    ],
)
@pytest.mark.parametrize("verb", ["execute", "fetch", "fetch_one", "fetch_value", "execute_many", "stream", "read"])
@pytest.mark.parametrize("inside", [False, True])
async def test_statement_that_begins_or_ends_a_transaction_is_refused(
    table: howdah.AsyncDatabase, sql: Sql, statement: str, verb: str, *, inside: bool
) -> None:
    async def run() -> None:
        if verb == "stream":
            [row async for row in table.stream(statement)]
        elif verb == "execute_many":
            await table.execute_many(statement, [()])
        elif verb == "read":
            # A name without white space is that of a table.
            await table.read(f" {statement}").to_arrow()
        else:
            await getattr(table, verb)(statement)

    if inside:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(howdah.InterfaceError, match=r"savepoint|leave the block"):
                await run()
            # Nothing was sent: the block goes on.
            await table.execute("INSERT INTO t VALUES (2)")
            assert sql("SELECT a FROM t") == []
        assert sql("SELECT a FROM t ORDER BY a") == [(1,), (2,)]
    else:
        with pytest.raises(howdah.InterfaceError, match=r"use db\.transaction\(\)"):
            await run()


@pytest.mark.parametrize(
    "script",
    [
        "INSERT INTO t VALUES (3); COMMIT",
        "SELECT 'a;b', $$;$$ /* ; */; COMMIT; INSERT INTO t VALUES (3)",
        "COMMIT; BEGIN",
        "PREPARE TRANSACTION 'x'",
    ],
)
async def test_script_that_ends_the_transaction_of_a_block_is_refused_before_it_is_sent(
    table: howdah.AsyncDatabase, sql: Sql, script: str
) -> None:
    async with table.transaction() as block:
        await table.execute("INSERT INTO t VALUES (1)")
        with pytest.raises(howdah.InterfaceError, match="would end the transaction of the block"):
            await table.execute(script)
        await block.rollback()
    assert sql("SELECT a FROM t") == []


async def test_savepoints_and_words_of_the_caller_are_no_ends_of_a_transaction(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (1); SAVEPOINT mine; INSERT INTO t VALUES (2)")
        await table.execute("ROLLBACK TO mine; RELEASE SAVEPOINT mine; SELECT 1 AS commit, 'x; COMMIT'")
        await table.execute(
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 5 END; END; SELECT 1"
        )
        await table.execute("DO $$ BEGIN PERFORM 1; END $$; DO 'BEGIN NULL; END'")
    assert await table.fetch_value("SELECT f()") == 5
    assert sql("SELECT a FROM t") == [(1,)]


@pytest.mark.parametrize("statement", ["COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"])
async def test_block_whose_statement_ends_it_leaves_a_clean_connection(
    table: howdah.AsyncDatabase, sessions: Callable[..., int], statement: str
) -> None:
    async def block() -> None:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            await table.execute(statement)

    # Whether the end of the block then has something to say is its own affair.
    await outcome(block())
    eventually(lambda: sessions("starts_with(state, 'idle in transaction')") == 0, within_s=2)
    assert await table.fetch_value("SELECT 3") == 3
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES (2)")
    assert await table.fetch_value("SELECT count(*) FROM t WHERE a = 2") == 1


async def test_inner_block_whose_statement_ends_the_outer_is_an_error(
    table: howdah.AsyncDatabase, sessions: Callable[..., int]
) -> None:
    async def blocks() -> None:
        async with table.transaction(), table.transaction():
            await table.execute("COMMIT")

    assert isinstance(await outcome(blocks()), howdah.Error)
    eventually(lambda: sessions("starts_with(state, 'idle in transaction')") == 0, within_s=2)
    assert await table.fetch_value("SELECT 3") == 3


async def test_settings_of_a_transaction_end_with_it(table: howdah.AsyncDatabase) -> None:
    async with table.transaction():
        await table.execute("SET LOCAL work_mem = '1MB'")
        assert await table.fetch_value("SHOW work_mem") == "1MB"
    assert await table.fetch_value("SHOW work_mem") != "1MB"


async def test_many_tasks_after_unruly_ones_get_their_own_answers(opened_async: Open, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    database = opened_async(max_size=3)

    async def unruly(n: int) -> None:
        await outcome(database.execute(UNRULY[n % len(UNRULY)]))

    async def ruly(n: int) -> None:
        assert await database.fetch_value("SELECT $1::int", n) == n
        assert await database.execute("INSERT INTO t VALUES ($1)", 1000 + n) == 1

    await asyncio.gather(*(act(n) for n in range(100) for act in (unruly, ruly)))
    assert sql("SELECT count(*) FROM t WHERE a >= 1000") == [(100,)]
    eventually(lambda: database.stats().busy == 0)
