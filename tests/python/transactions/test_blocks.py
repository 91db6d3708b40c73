"""Transaction blocks: statements are committed together, or not at all."""

# ruff: noqa: PT012  (what raises may be the end of a block, or the midst of it)
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

SETTINGS = (
    "SELECT current_setting('transaction_isolation') AS isolation,"
    " current_setting('transaction_read_only') AS readonly, current_setting('transaction_deferrable') AS deferrable"
)
COUNT = "SELECT count(*) FROM t"


@pytest.fixture
def table(db: howdah.AsyncDatabase, sql: Callable[..., Any]) -> howdah.AsyncDatabase:
    """Give the database with an empty table `t`."""
    sql("CREATE TABLE t (a int)")
    return db


@pytest.mark.parametrize("isolation", [None, "read committed", "repeatable read", "serializable"])
@pytest.mark.parametrize("readonly", [False, True])
@pytest.mark.parametrize("deferrable", [False, True])
async def test_settings_are_as_the_server_sees_them(
    one: howdah.AsyncDatabase, *, isolation: Any, readonly: bool, deferrable: bool
) -> None:
    words = {False: "off", True: "on"}
    async with one.transaction(isolation=isolation, readonly=readonly, deferrable=deferrable):
        assert await one.fetch_one(SETTINGS) == {
            "isolation": isolation or "read committed",
            "readonly": words[readonly],
            "deferrable": words[deferrable],
        }
    assert await one.fetch_one(SETTINGS) == {"isolation": "read committed", "readonly": "off", "deferrable": "off"}


async def test_settings_of_the_session_hold_where_nothing_is_said(opened: Open, url: str) -> None:
    options = "%20-c%20default_transaction_isolation=serializable%20-c%20default_transaction_read_only=on"
    database = opened(url=f"{url}{options}")
    async with database.transaction():
        assert await database.fetch_one(SETTINGS) == {
            "isolation": "serializable",
            "readonly": "on",
            "deferrable": "off",
        }


async def test_readonly_refuses_to_write(table: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.Error, match="read-only transaction"):
        async with table.transaction(readonly=True):
            await table.execute("INSERT INTO t VALUES (1)")
    assert await table.fetch_value(COUNT) == 0


def test_isolation_that_does_not_exist_is_refused(db: howdah.AsyncDatabase) -> None:
    actual: Any = getattr(db, "database", db)
    with pytest.raises(howdah.InterfaceError, match="read committed"):
        actual.transaction(isolation="chaos")


async def test_end_of_the_block_commits(table: howdah.AsyncDatabase, sql: Callable[..., Any]) -> None:
    async with table.transaction():
        assert await table.execute("INSERT INTO t VALUES (1)") == 1
        assert await table.execute_many("INSERT INTO t VALUES ($1)", [(2,), (3,)]) == 2
        assert await table.fetch_value(COUNT) == 3
        assert sql(COUNT) == [(0,)]
    assert sql(COUNT) == [(3,)]


async def test_exception_rolls_back_and_is_the_one_that_was_raised(
    table: howdah.AsyncDatabase, sql: Callable[..., Any]
) -> None:
    boom = KeyError("mine")
    with pytest.raises(KeyError) as caught:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            raise boom
    assert caught.value is boom
    assert not getattr(boom, "__notes__", [])
    assert sql(COUNT) == [(0,)]


async def test_server_error_rolls_back(table: howdah.AsyncDatabase, sql: Callable[..., Any]) -> None:
    with pytest.raises(howdah.DataError, match="division by zero"):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            await table.execute("SELECT 1 / 0")
    assert sql(COUNT) == [(0,)]


async def test_deferred_constraint_that_fails_at_the_commit_is_told(
    one: howdah.AsyncDatabase, sql: Callable[..., Any]
) -> None:
    sql("CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(howdah.UniqueViolation):
        async with one.transaction():
            await one.execute("INSERT INTO t VALUES (1), (1)")
    assert await one.fetch_value(COUNT) == 0
    assert one.stats().opened == 1


async def test_rollback_is_now_and_the_block_goes_on_without_statements(
    table: howdah.AsyncDatabase, sql: Callable[..., Any]
) -> None:
    reached = False
    async with table.transaction() as tx:
        await table.execute("INSERT INTO t VALUES (1)")
        # Its lock is gone at once.
        await tx.rollback()
        assert sql("SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass") == [(0,)]
        await tx.rollback()
        acts: list[Callable[[], Any]] = [
            lambda: table.execute("INSERT INTO t VALUES (2)"),
            lambda: table.fetch(COUNT),
            lambda: table.fetch_one(COUNT),
            lambda: table.fetch_value(COUNT),
            lambda: table.execute_many("INSERT INTO t VALUES ($1)", [(1,)]),
            lambda: table.load("t", [{"a": 1}]),
            lambda: table.read("t").to_arrow(),
            lambda: anext(table.stream(COUNT)),
            lambda: table.transaction().__aenter__(),
        ]
        for act in acts:
            with pytest.raises(howdah.InterfaceError, match="rolled back"):
                await act()
        reached = True
    assert reached
    assert sql(COUNT) == [(0,)]
    assert await table.fetch_value(COUNT) == 0


async def test_rollback_before_and_after_the_block_is_refused(db: howdah.AsyncDatabase) -> None:
    tx = db.transaction()
    with pytest.raises(howdah.InterfaceError):
        await tx.rollback()
    async with tx:
        pass
    with pytest.raises(howdah.InterfaceError, match="ended"):
        await tx.rollback()


async def test_transaction_is_entered_once(db: howdah.AsyncDatabase) -> None:
    tx = db.transaction()
    async with tx:
        assert await db.fetch_value("SELECT 1") == 1
    with pytest.raises(howdah.InterfaceError, match="once"):
        await tx.__aenter__()
    assert await db.fetch_value("SELECT 1") == 1


async def test_failed_statement_that_is_swallowed_is_not_a_commit(
    table: howdah.AsyncDatabase, sql: Callable[..., Any]
) -> None:
    with pytest.raises(howdah.ProgrammingError, match="rolled back, not committed"):
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(howdah.DataError):
                await table.execute("SELECT 1 / 0")
    assert sql(COUNT) == [(0,)]
    assert await table.fetch_value(COUNT) == 0


@pytest.mark.parametrize("verb", ["execute_many", "fetch", "stream", "load", "read"])
async def test_failure_of_any_verb_that_is_swallowed_is_not_a_commit(
    table: howdah.AsyncDatabase, sql: Callable[..., Any], verb: str
) -> None:
    sql("ALTER TABLE t ADD CHECK (a < 100)")
    acts: dict[str, Callable[[], Any]] = {
        "execute_many": lambda: table.execute_many("INSERT INTO t VALUES ($1)", [(5,), (500,)]),
        "fetch": lambda: table.fetch("INSERT INTO t SELECT * FROM generate_series(98, 101) RETURNING a"),
        "stream": lambda: anext(table.stream("SELECT 1 / 0")),
        # A load has a savepoint of its own, so that it may fail and the rest goes on.
        "load": lambda: table.load("t", [{"a": 5}, {"a": 500}]),
        "read": lambda: table.read("SELECT 1 / 0 AS a").to_arrow(),
    }

    async def block() -> None:
        async with table.transaction():
            await table.execute("INSERT INTO t VALUES (1)")
            with pytest.raises(howdah.DatabaseError):
                await acts[verb]()

    if verb == "load":
        await block()
        assert sql("SELECT a FROM t") == [(1,)]
    else:
        with pytest.raises(howdah.ProgrammingError, match="rolled back, not committed"):
            await block()
        assert sql(COUNT) == [(0,)]


async def test_statement_that_fails_before_it_is_sent_spoils_nothing(
    table: howdah.AsyncDatabase, sql: Callable[..., Any]
) -> None:
    async with table.transaction():
        await table.execute("INSERT INTO t VALUES ($1)", 1)
        with pytest.raises(howdah.ConversionError):
            await table.execute("INSERT INTO t VALUES ($1)", "two")
        await table.execute("INSERT INTO t VALUES ($1)", 3)
    assert sql("SELECT a FROM t ORDER BY a") == [(1,), (3,)]


async def test_two_databases_have_blocks_of_their_own(opened: Open, sql: Callable[..., Any]) -> None:
    sql("CREATE TABLE t (a int)")
    first, second = opened(), opened()
    with pytest.raises(KeyError):
        async with first.transaction():
            await first.execute("INSERT INTO t VALUES (1)")
            async with second.transaction():
                await second.execute("INSERT INTO t VALUES (2)")
                await first.execute("INSERT INTO t VALUES (3)")
            assert await second.fetch_value(COUNT) == 1
            raise KeyError
    assert sql("SELECT a FROM t") == [(2,)]


async def test_statement_without_a_transaction_is_committed_at_once(
    table: howdah.AsyncDatabase, sql: Callable[..., Any]
) -> None:
    await table.execute("INSERT INTO t VALUES (1)")
    assert sql(COUNT) == [(1,)]
