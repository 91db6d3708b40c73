"""A forked child uses its parent's database on new connections; those of the parent are not affected."""

from __future__ import annotations

import asyncio
import contextvars
import os
import traceback
from typing import TYPE_CHECKING

import pytest

import howdah
from tests.python.pool.faces import eventually

if TYPE_CHECKING:
    from collections.abc import Callable


def told_by_child(act: Callable[[], object]) -> str:
    """Give what a forked child says; it has nothing of pytest's to end."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = str(act())
        except BaseException:  # noqa: BLE001  (told to the parent)
            said = traceback.format_exc()
        os.write(send, said.encode()[:60_000])
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said
    return said


def blocking_pid(database: howdah.Database) -> int:
    pid: int = database.fetch_value("SELECT pg_backend_pid()")
    return pid


def test_child_opens_its_own_and_the_parent_s_is_unharmed(url: str) -> None:
    with howdah.Database(url, max_size=1) as database:
        mine = blocking_pid(database)
        said = told_by_child(lambda: [blocking_pid(database) for _ in range(2)])
        first, second = said.strip("[]").split(", ")
        assert first == second != str(mine)
        assert blocking_pid(database) == mine
        assert database.stats().opened == 1


def test_child_that_closes_the_database_does_not_end_the_parent_s_session(url: str) -> None:
    with howdah.Database(url, max_size=1) as database:
        mine = blocking_pid(database)

        def close() -> str:
            database.close()
            return "closed"

        assert told_by_child(close) == "closed"
        assert blocking_pid(database) == mine


def test_child_that_drops_the_database_does_not_end_the_parent_s_session(url: str) -> None:
    databases = [howdah.Database(url, max_size=1)]
    mine = blocking_pid(databases[0])
    # The child's own is gone with what it says.
    assert told_by_child(databases.pop).startswith("<howdah.Database")
    assert blocking_pid(databases[0]) == mine
    databases[0].close()


def test_transaction_open_across_a_fork_is_refused_in_the_child(url: str) -> None:
    with howdah.Database(url) as database:
        database.execute("CREATE TABLE t (a int)")
        with database.transaction():
            database.execute("INSERT INTO t VALUES (1)")
            said = told_by_child(lambda: database.execute("INSERT INTO t VALUES (2)"))
            assert "InterfaceError" in said
            assert "fork" in said
            database.execute("INSERT INTO t VALUES (3)")
        assert database.fetch("SELECT a FROM t ORDER BY a") == [{"a": 1}, {"a": 3}]


def test_block_left_in_the_child_does_not_end_the_parent_s_transaction(url: str) -> None:
    with howdah.Database(url, max_size=1) as database:
        database.execute("CREATE TABLE t (a int)")
        transaction = database.transaction()
        with transaction:
            database.execute("INSERT INTO t VALUES (1)")

            def leave() -> str:
                try:
                    transaction.__exit__(KeyError, KeyError("left"), None)
                except howdah.InterfaceError:
                    return "refused"
                return "left"

            assert told_by_child(leave) in {"refused", "left"}
            database.execute("INSERT INTO t VALUES (2)")
        assert database.fetch_value("SELECT count(*) FROM t") == 2


def test_stream_open_across_a_fork_goes_on_in_the_parent(url: str) -> None:
    with howdah.Database(url, max_size=1) as database:
        rows = database.stream("SELECT n FROM generate_series(1, 100) n", batch_rows=10)
        assert next(rows) == {"n": 1}
        said = told_by_child(lambda: (list(rows), blocking_pid(database)))
        assert "fork" in said or said.startswith("([{"), said
        assert [row["n"] for row in rows] == list(range(2, 101))


def test_read_open_across_a_fork_goes_on_in_the_parent(url: str) -> None:
    with howdah.Database(url, max_size=1) as database:
        batches = iter(database.read("SELECT n FROM generate_series(1, 100000) n", batch_rows=1000))
        assert next(batches).num_rows == 1000
        said = told_by_child(lambda: len(list(batches)))
        assert "howdah.InterfaceError" in said
        assert sum(batch.num_rows for batch in batches) == 99_000
        assert database.fetch_value("SELECT 1") == 1


def test_listener_open_across_a_fork_goes_on_in_the_parent(url: str) -> None:
    with howdah.Database(url) as database, database.listen("news") as notifications:
        database.execute("NOTIFY news, 'first'")
        said = told_by_child(lambda: next(iter(notifications)))
        assert "InterfaceError" in said
        database.execute("NOTIFY news, 'second'")
        each = iter(notifications)
        assert [next(each).payload, next(each).payload] == ["first", "second"]


def test_child_of_a_pool_that_is_exhausted_has_room(url: str) -> None:
    with howdah.Database(url, max_size=1, acquire_timeout_s=1) as database, database.transaction():
        mine = blocking_pid(database)
        # In a context of its own it is not inside the transaction.
        said = told_by_child(lambda: contextvars.Context().run(blocking_pid, database))
        assert said.isdigit(), said
        assert int(said) != mine
        assert blocking_pid(database) == mine


@pytest.mark.parametrize("running", [False, True])
def test_child_uses_an_async_database_in_a_loop_of_its_own(
    url: str, app: str, sessions: Callable[..., int], *, running: bool
) -> None:
    database = howdah.AsyncDatabase(url, max_size=1, application_name=app)

    async def pid() -> int:
        found: int = await database.fetch_value("SELECT pg_backend_pid()")
        return found

    def child() -> int:
        # The child has the parent's running loop in its thread, as multiprocessing's has.
        asyncio._set_running_loop(None)
        return asyncio.run(pid())

    async def fork() -> str:
        mine = await pid()
        said = told_by_child(child)
        assert await pid() == mine
        assert said != str(mine)
        return said

    if running:
        said = asyncio.run(fork())
    else:
        mine = asyncio.run(pid())
        said = told_by_child(child)
        assert asyncio.run(pid()) == mine
    assert said.isdigit(), said
    asyncio.run(database.close())
    eventually(lambda: sessions() == 0)
