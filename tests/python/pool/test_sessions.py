"""Sessions: one connection for a block, outside of a transaction."""

# ruff: noqa: PT012  (what raises is the end of a block, or the midst of it)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import either_loop

if TYPE_CHECKING:
    import psycopg

    from tests.python.pool.faces import Open


class Guest(howdah.Table):
    """A row of a table that is temporary in these tests."""

    id: howdah.Col[int] = howdah.col(primary_key=True)
    name: howdah.Col[str]


GUESTS = "CREATE TEMP TABLE guest (id bigint PRIMARY KEY, name text NOT NULL)"


async def test_session_has_one_connection_for_all_verbs(db: howdah.AsyncDatabase) -> None:
    async with db.session() as session:
        pid = session.pid
        await session.execute(GUESTS)
        await session.execute_many("INSERT INTO guest VALUES ($1, $2)", [(1, "a"), (2, "b")])
        await session.load("guest", [{"id": 3, "name": "c"}])
        await session.save(Guest(id=4, name="d"))
        await session.insert_many(Guest, [Guest(id=5, name="e")])
        assert await session.fetch_value("SELECT count(*) FROM guest") == 5
        assert (await session.fetch_one("SELECT name FROM guest WHERE id = $1", 3)) == {"name": "c"}
        assert len(await session.fetch("SELECT * FROM guest")) == 5
        assert [row["id"] async for row in session.stream("SELECT id FROM guest ORDER BY 1", batch_rows=2)] == [
            1,
            2,
            3,
            4,
            5,
        ]
        assert (await session.read("guest").to_arrow()).num_rows == 5
        assert [guest.id for guest in await session.find(Guest).order_by(Guest.id).to_list()] == [1, 2, 3, 4, 5]
        found = await session.get(Guest, 4)
        found.name = "dd"
        await session.save(found)
        assert await session.find_one(Guest, Guest.name == "dd") is not None
        assert (await session.upsert(Guest, [{"id": 4, "name": "d"}], on=[Guest.id])).updated == 1
        assert (await session.refresh(found)).name == "d"
        await session.delete(found)
        assert await session.fetch_value("SELECT count(*) FROM guest") == 4
        assert await session.fetch_value("SELECT pg_backend_pid()") == pid
        assert session.parameter("server_encoding") == "UTF8"
        assert session.parameter("no_such_setting") is None
        assert db.stats().opened == 1


async def test_statements_of_a_session_are_committed_one_by_one(db: howdah.AsyncDatabase) -> None:
    await db.execute("CREATE TABLE t (n int)")
    async with db.session() as session:
        await session.execute("INSERT INTO t VALUES (1)")
        assert await db.fetch_value("SELECT count(*) FROM t") == 1
        with pytest.raises(howdah.DataError):
            await session.execute("SELECT 1 / 0")
        await session.execute("INSERT INTO t VALUES (2)")
    assert await db.fetch_value("SELECT count(*) FROM t") == 2


async def test_session_is_clean_when_its_block_has_ended(
    one: howdah.AsyncDatabase, admin: psycopg.Connection[Any]
) -> None:
    async with one.session() as session:
        await session.execute("SELECT pg_advisory_lock(4711)")
        await session.execute("SET ROLE pg_monitor")
        pid = session.pid
    # It is so at the end of the block, not some time later.
    held = admin.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711").fetchall()
    assert held == [(0,)]
    async with one.session() as session:
        assert session.pid == pid
        assert await session.fetch_value("SELECT current_user = session_user") is True


async def test_session_of_a_role_sees_its_own_rows_alone(one: howdah.AsyncDatabase) -> None:
    await one.execute(
        "CREATE TABLE t (tenant text, n int); INSERT INTO t VALUES ('ann', 1), ('bob', 2), ('bob', 3); "
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY; "
        "CREATE POLICY own ON t USING (tenant = current_setting('app.tenant'))"
    )
    count = "SELECT count(*) FROM t"
    for tenant, rows in (("ann", 1), ("bob", 2), ("eve", 0)):
        async with one.session() as session:
            # It may read every table, and is no superuser, whom no policy holds for.
            await session.execute("SET ROLE pg_read_all_data")
            await session.fetch_value("SELECT set_config('app.tenant', $1, false)", tenant)
            assert await session.fetch_value(count) == rows
            async with session.transaction():
                assert await session.fetch_value(count) == rows
            assert (await session.read("t").to_arrow()).num_rows == rows
        assert await one.fetch_value(count) == 3
    assert one.stats().opened == 1


async def test_session_that_an_error_ends_is_clean(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(ZeroDivisionError):
        async with one.session() as session:
            await session.execute(GUESTS)
            raise ZeroDivisionError
    assert await one.fetch_value("SELECT to_regclass('pg_temp.guest')") is None


async def test_transactions_of_a_session_use_its_connection(db: howdah.AsyncDatabase) -> None:
    async with db.session() as session:
        await session.execute(GUESTS)
        async with session.transaction(isolation="serializable") as outer:
            await session.execute("INSERT INTO guest VALUES (1, 'a')")
            # The database's own verbs are in the transaction, as they are in one of the database.
            assert await db.fetch_value("SELECT pg_backend_pid()") == session.pid
            with pytest.raises(ZeroDivisionError):
                async with session.transaction():
                    await session.execute("INSERT INTO guest VALUES (2, 'b')")
                    raise ZeroDivisionError
            async with session.transaction():
                await outer.execute("INSERT INTO guest VALUES (3, 'c')")
        with pytest.raises(ZeroDivisionError):
            async with session.transaction():
                await session.execute("INSERT INTO guest VALUES (4, 'd')")
                raise ZeroDivisionError
        async with session.transaction() as undone:
            await session.execute("INSERT INTO guest VALUES (5, 'e')")
            await undone.rollback()
        assert await session.fetch_value("SELECT array_agg(id ORDER BY id) FROM guest") == [1, 3]


async def test_session_inside_of_a_transaction_is_outside_of_it(db: howdah.AsyncDatabase) -> None:
    await db.execute("CREATE TABLE t (n int)")
    async with db.transaction() as around:
        await db.execute("INSERT INTO t VALUES (1)")
        async with db.session() as session:
            assert await session.fetch_value("SELECT count(*) FROM t") == 0
            async with session.transaction():
                assert await db.fetch_value("SELECT count(*) FROM t") == 0
            assert await db.fetch_value("SELECT count(*) FROM t") == 1
        await around.rollback()


async def test_script_that_leaves_a_transaction_open_is_rolled_back(db: howdah.AsyncDatabase) -> None:
    await db.execute("CREATE TABLE t (n int)")
    async with db.session() as session:
        with pytest.raises(howdah.InterfaceError, match="did not end it"):
            await session.execute("BEGIN; INSERT INTO t VALUES (1)")
        assert await session.fetch_value("SELECT count(*) FROM t") == 0
        async with session.transaction():
            await session.execute("INSERT INTO t VALUES (2)")
    assert await db.fetch_value("SELECT n FROM t") == 2


async def test_transaction_is_refused_while_a_stream_of_the_session_is_open(db: howdah.AsyncDatabase) -> None:
    async with db.session() as session:
        rows = session.stream("SELECT generate_series(1, 3)", batch_rows=1)
        await anext(rows)
        with pytest.raises(howdah.InterfaceError, match="as that of a stream"):
            async with session.transaction():
                pytest.fail("it has begun")
        await rows.aclose()
        async with session.transaction():
            assert await session.fetch_value("SELECT 1") == 1


async def test_session_takes_no_statement_outside_of_its_block(db: howdah.AsyncDatabase) -> None:
    session = db.session()
    with pytest.raises(howdah.InterfaceError, match="has not begun"):
        await session.fetch_value("SELECT 1")
    async with session:
        with pytest.raises(howdah.InterfaceError, match="entered once"):
            await session.__aenter__()
    with pytest.raises(howdah.InterfaceError, match="has ended"):
        await session.fetch_value("SELECT 1")
    assert db.stats().busy == 0


@either_loop
async def test_cancelled_session_is_clean_for_the_next(opened_async: Open) -> None:
    one = opened_async(max_size=1)
    begun = asyncio.Event()

    async def body() -> None:
        async with one.session() as session:
            await session.execute("SET ROLE pg_monitor")
            begun.set()
            await session.execute("SELECT pg_sleep(60)")

    task = asyncio.create_task(body())
    await begun.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await one.fetch_value("SELECT current_user = session_user") is True


async def test_session_of_a_lost_server_says_so(db: howdah.AsyncDatabase, kill: Any) -> None:
    with pytest.raises(howdah.OperationalError):
        async with db.session() as session:
            kill(session.pid)
            await session.fetch_value("SELECT 1")
    assert await db.fetch_value("SELECT 1") == 1
