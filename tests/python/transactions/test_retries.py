"""run_transaction: it repeats the body after a conflict, and only then."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import in_threads

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Sql = Callable[..., Any]

RAISE = "DO $$ BEGIN RAISE EXCEPTION 'made up' USING ERRCODE = '{}'; END $$"


@pytest.fixture
def table(one: howdah.AsyncDatabase, sql: Sql) -> howdah.AsyncDatabase:
    """Give a database of one connection with a table `t` of two accounts."""
    sql("CREATE TABLE t (id int PRIMARY KEY, a int)")
    sql("INSERT INTO t VALUES (1, 0), (2, 0)")
    return one


def failing(table: howdah.AsyncDatabase, sqlstate: str, times: int) -> tuple[Callable[[], Any], list[int]]:
    """Give a body that fails at first, and the numbers of its runs."""
    runs: list[int] = []

    async def body() -> str:
        runs.append(len(runs))
        await table.execute("UPDATE t SET a = a + 1 WHERE id = 1")
        if len(runs) <= times:
            await table.execute(RAISE.format(sqlstate))
        return "done"

    return body, runs


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
@pytest.mark.parametrize("times", [0, 1, 3])
async def test_body_runs_again_and_its_result_is_given(
    table: howdah.AsyncDatabase, sql: Sql, sqlstate: str, times: int
) -> None:
    body, runs = failing(table, sqlstate, times)
    assert await table.run_transaction(body) == "done"
    assert len(runs) == times + 1
    assert sql("SELECT a FROM t WHERE id = 1") == [(1,)]


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_body_runs_no_more_than_it_may(table: howdah.AsyncDatabase, sql: Sql, retries: int) -> None:
    body, runs = failing(table, "40001", 100)
    with pytest.raises(howdah.SerializationFailure, match="made up") as caught:
        await table.run_transaction(body, retries=retries)
    assert caught.value.sqlstate == "40001"
    assert len(runs) == retries + 1
    assert sql("SELECT a FROM t WHERE id = 1") == [(0,)]


@pytest.mark.parametrize("sqlstate", ["23505", "22012", "57014", "P0001"])
async def test_other_errors_are_not_tried_again(table: howdah.AsyncDatabase, sql: Sql, sqlstate: str) -> None:
    body, runs = failing(table, sqlstate, 100)
    with pytest.raises(howdah.Error, match="made up") as caught:
        await table.run_transaction(body)
    assert caught.value.sqlstate == sqlstate
    assert len(runs) == 1
    assert sql("SELECT a FROM t WHERE id = 1") == [(0,)]


async def test_exception_of_the_body_s_own_is_not_tried_again(table: howdah.AsyncDatabase, sql: Sql) -> None:
    boom = KeyError("mine")

    async def body() -> None:
        await table.execute("UPDATE t SET a = 5")
        raise boom

    with pytest.raises(KeyError) as caught:
        await table.run_transaction(body)
    assert caught.value is boom
    assert sql("SELECT a FROM t") == [(0,), (0,)]


async def test_isolation_is_serializable_unless_said_otherwise(table: howdah.AsyncDatabase) -> None:
    async def body() -> Any:
        return await table.fetch_value("SELECT current_setting('transaction_isolation')")

    assert await table.run_transaction(body) == "serializable"
    assert await table.run_transaction(body, isolation="repeatable read") == "repeatable read"
    assert await table.run_transaction(body, isolation="read committed") == "read committed"


async def test_run_transaction_inside_a_transaction_is_refused(table: howdah.AsyncDatabase, sql: Sql) -> None:
    body, runs = failing(table, "40001", 0)
    async with table.transaction():
        await table.execute("UPDATE t SET a = 7 WHERE id = 2")
        with pytest.raises(howdah.InterfaceError, match="inside a transaction"):
            await table.run_transaction(body)
    with pytest.raises(howdah.InterfaceError, match="inside a transaction"):
        await table.run_transaction(lambda: table.run_transaction(body))
    assert runs == []
    assert sql("SELECT a FROM t ORDER BY id") == [(0,), (7,)]


async def test_body_may_nest_blocks(table: howdah.AsyncDatabase, sql: Sql) -> None:
    runs = 0

    async def body() -> None:
        nonlocal runs
        runs += 1
        async with table.transaction():
            await table.execute("UPDATE t SET a = a + 1 WHERE id = 1")
            if runs < 3:
                await table.execute(RAISE.format("40001"))

    await table.run_transaction(body)
    assert runs == 3
    assert sql("SELECT a FROM t WHERE id = 1") == [(1,)]


async def test_failure_at_the_commit_is_tried_again(table: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE SEQUENCE attempts")
    sql(
        "CREATE FUNCTION fail_twice() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF nextval('attempts') < 3 THEN "
        "RAISE EXCEPTION 'at commit' USING ERRCODE = '40001'; END IF; RETURN NULL; END $$"
    )
    sql(
        "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON t DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION fail_twice()"
    )
    body, runs = failing(table, "40001", 0)
    assert await table.run_transaction(body) == "done"
    assert len(runs) == 3
    assert sql("SELECT a FROM t WHERE id = 1") == [(1,)]


async def test_retries_back_off_and_do_not_take_long(table: howdah.AsyncDatabase) -> None:
    body, _ = failing(table, "40001", 3)
    begun = time.monotonic()
    await table.run_transaction(body)
    assert time.monotonic() - begun < 2


def test_threads_that_conflict_all_get_through(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, a int)")
    sql("INSERT INTO t VALUES (1, 0)")
    runs = []
    with howdah.Database(url) as database:

        def body() -> None:
            runs.append(1)
            found = database.fetch_value("SELECT a FROM t, pg_sleep(0.005)")
            database.execute("UPDATE t SET a = $1", found + 1)

        def work() -> None:
            for _ in range(10):
                database.run_transaction(body, retries=1000)

        in_threads(*[work] * 4)
    assert sql("SELECT a FROM t") == [(40,)]
    assert len(runs) > 40


async def test_tasks_that_conflict_all_get_through(opened_async: Open, sql: Sql) -> None:
    sql("CREATE TABLE t (id int, a int)")
    sql("INSERT INTO t VALUES (1, 0)")
    database = opened_async(max_size=5)
    runs = []

    async def body() -> None:
        runs.append(1)
        found = await database.fetch_value("SELECT a FROM t, pg_sleep(0.005)")
        await database.execute("UPDATE t SET a = $1", found + 1)

    await asyncio.gather(*(database.run_transaction(body, retries=1000) for _ in range(30)))
    assert sql("SELECT a FROM t") == [(30,)]
    assert len(runs) > 30


def crossing(url: str) -> str:
    return url + "%20-c%20deadlock_timeout=50ms"


async def test_deadlock_of_tasks_is_tried_again(opened_async: Open, url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, a int)")
    sql("INSERT INTO t VALUES (1, 0), (2, 0)")
    database = opened_async(url=crossing(url), max_size=2)
    met = asyncio.Barrier(2)
    runs: list[int] = []

    async def transfer(first: int, second: int) -> None:
        async def body() -> None:
            runs.append(first)
            await database.execute("UPDATE t SET a = a + 1 WHERE id = $1", first)
            if len(runs) <= 2:
                await met.wait()
            await database.execute("UPDATE t SET a = a + 1 WHERE id = $1", second)

        await database.run_transaction(body, isolation="read committed", retries=20)

    await asyncio.wait_for(asyncio.gather(transfer(1, 2), transfer(2, 1)), 20)
    # Who begins again at once may cross the other's way once more.
    assert len(runs) >= 3
    assert sql("SELECT a FROM t") == [(2,), (2,)]


def test_deadlock_of_threads_is_tried_again_and_without_retries_is_told(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int PRIMARY KEY, a int)")
    sql("INSERT INTO t VALUES (1, 0), (2, 0)")
    with howdah.Database(crossing(url), max_size=2) as database:
        for retries in (20, 0):
            met = threading.Barrier(2)
            runs: list[int] = []
            told: list[howdah.SerializationFailure] = []

            def transfer(first: int, second: int) -> None:
                def body() -> None:
                    runs.append(first)  # noqa: B023  (called in this turn)
                    database.execute("UPDATE t SET a = a + 1 WHERE id = $1", first)
                    if len(runs) <= 2:  # noqa: B023
                        met.wait(10)  # noqa: B023
                    database.execute("UPDATE t SET a = a + 1 WHERE id = $1", second)

                try:
                    database.run_transaction(body, isolation="read committed", retries=retries)  # noqa: B023
                except howdah.SerializationFailure as error:
                    told.append(error)  # noqa: B023

            in_threads(lambda: transfer(1, 2), lambda: transfer(2, 1))
            assert [error.sqlstate for error in told] == ([] if retries else ["40P01"])
            assert len(runs) >= 3 if retries else len(runs) == 2
    assert sql("SELECT a FROM t") == [(3,), (3,)]


@pytest.mark.parametrize("verb", ["fetch", "execute_many", "stream"])
async def test_body_that_meets_a_stale_statement_runs_again(table: howdah.AsyncDatabase, sql: Sql, verb: str) -> None:
    runs: list[int] = []
    query = "SELECT * FROM t WHERE id = $1"

    async def body() -> int:
        runs.append(len(runs))
        if verb == "fetch":
            return len((await table.fetch(query, 1))[0])
        if verb == "stream":
            rows = [row async for row in table.stream(query, 1)]
            return len(rows[0])
        await table.execute_many(query, [(1,), (2,)])
        return len((await table.fetch(query, 1))[0])

    assert await table.run_transaction(body) == 2
    sql("ALTER TABLE t ADD b int")
    assert await table.run_transaction(body) == 3
    assert runs == [0, 1, 2]


async def test_body_that_meets_a_stale_statement_runs_no_more_than_it_may(
    table: howdah.AsyncDatabase, sql: Sql
) -> None:
    query = "SELECT * FROM t"

    async def body() -> object:
        return await table.fetch(query)

    await table.run_transaction(body)
    sql("ALTER TABLE t ADD b int")
    with pytest.raises(howdah.NotSupportedError, match="run the transaction again") as caught:
        await table.run_transaction(body, retries=0)
    assert caught.value.sqlstate == "0A000"


async def test_body_whose_statement_the_server_has_forgotten_runs_again(opened: Open, sql: Sql) -> None:
    # Not by DO, after which statements are prepared anew before PostgreSQL 18.
    sql("CREATE FUNCTION forget() RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
    table = opened(max_size=1, reset=None)
    runs: list[int] = []

    async def body() -> object:
        runs.append(len(runs))
        return await table.fetch_value("SELECT $1::int", 5)

    assert await table.run_transaction(body) == 5
    await table.execute("SELECT forget()")
    assert await table.run_transaction(body) == 5
    assert runs == [0, 1, 2]


async def test_feature_that_the_server_lacks_is_not_tried_again(table: howdah.AsyncDatabase) -> None:
    runs: list[int] = []

    async def body() -> None:
        runs.append(len(runs))
        await table.execute(RAISE.format("0A000"))

    with pytest.raises(howdah.NotSupportedError, match="made up"):
        await table.run_transaction(body)
    assert runs == [0]
