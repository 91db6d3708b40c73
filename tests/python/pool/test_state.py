"""State that a caller leaves in a session is undone before the next caller."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import psycopg

    from tests.python.pool.faces import Open

# Each kind of state: how it is left, and a question that tells whether it is there.
KINDS = {
    "SET": ("SET work_mem = '1MB'", "SELECT current_setting('work_mem') = '1MB'"),
    "SET of a setting of one's own": (
        "SET app.tenant = 'a'",
        "SELECT coalesce(current_setting('app.tenant', true), '') <> ''",
    ),
    "set_config": (
        "SELECT set_config('statement_timeout', '77s', false)",
        "SELECT current_setting('statement_timeout') = '77s'",
    ),
    "search_path": ("SET search_path = pg_catalog", "SELECT current_schemas(false) = '{pg_catalog}'"),
    "SET ROLE": ("SET ROLE pg_monitor", "SELECT current_user = 'pg_monitor'"),
    "SET SESSION AUTHORIZATION": (
        "SET SESSION AUTHORIZATION pg_monitor",
        "SELECT session_user = 'pg_monitor'",
    ),
    "SET SESSION CHARACTERISTICS": (
        "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SELECT current_setting('transaction_isolation') = 'serializable'",
    ),
    "a temporary table": ("CREATE TEMP TABLE leaked (n int)", "SELECT to_regclass('pg_temp.leaked') IS NOT NULL"),
    "SELECT INTO TEMP": ("SELECT 1 AS n INTO TEMP leaked", "SELECT to_regclass('pg_temp.leaked') IS NOT NULL"),
    "an advisory lock": (
        "SELECT pg_advisory_lock(77)",
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 77)",
    ),
    "an advisory lock by a function of the user's": (
        "SELECT lock_it()",
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 78)",
    ),
    "an advisory lock by DO": (
        "DO $$ BEGIN PERFORM pg_advisory_lock(79); END $$",
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = 79)",
    ),
    "LISTEN": ("LISTEN leaks", "SELECT EXISTS (SELECT FROM pg_listening_channels())"),
    "PREPARE": (
        "PREPARE leaked AS SELECT 1",
        "SELECT EXISTS (SELECT FROM pg_prepared_statements WHERE name = 'leaked')",
    ),
    "a cursor WITH HOLD": (
        "DECLARE leaked CURSOR WITH HOLD FOR SELECT 1",
        "SELECT EXISTS (SELECT FROM pg_cursors WHERE name = 'leaked')",
    ),
    "a setting that a trigger has changed and the server reports": (
        "INSERT INTO watched VALUES (1)",
        "SELECT current_setting('TimeZone') = 'Asia/Tokyo'",
    ),
}

SCHEMA = """
    CREATE FUNCTION lock_it() RETURNS void LANGUAGE sql AS 'SELECT pg_advisory_lock(78)';
    CREATE TABLE watched (n int);
    CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM set_config('TimeZone', 'Asia/Tokyo', false); RETURN NEW; END $$;
    CREATE TRIGGER noted BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION noted()
"""

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# The first is what a database does unasked.
RESETS: dict[str, dict[str, Any]] = {"auto": {}, "discard all": {"reset": "discard all"}}


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("kind", KINDS)
async def test_state_of_every_kind_is_undone_for_the_next_caller(opened: Open, kind: str, reset: str) -> None:
    one = opened(max_size=1, acquire_timeout_s=5.0, **RESETS[reset])
    leave, is_there = KINDS[kind]
    await one.execute(SCHEMA)
    pid = await one.fetch_value("SELECT pg_backend_pid()")
    await one.execute(leave)
    assert await one.fetch_value(is_there) is False
    await one.fetch(leave) if leave.startswith("SELECT") else await one.execute(leave)
    assert await one.fetch_value(is_there) is False
    async with one.transaction():
        await one.execute(leave)
    assert await one.fetch_value(is_there) is False
    assert await one.fetch_value("SELECT pg_backend_pid()") == pid
    assert one.stats().opened == 1


LEAVING = "SELECT set_config('app.tenant', 'a', false)"
LEFT = "SELECT coalesce(current_setting('app.tenant', true), '')"


async def streamed(db: howdah.AsyncDatabase) -> None:
    async for _ in db.stream(LEAVING):
        pass


async def ran(db: howdah.AsyncDatabase) -> None:
    async def body() -> None:
        await db.fetch(LEAVING)

    await db.run_transaction(body)


async def in_session(db: howdah.AsyncDatabase) -> None:
    async with db.session() as session:
        await session.fetch(LEAVING)


async def failed(db: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.DataError):
        await db.execute("DO $$ BEGIN PERFORM set_config('app.tenant', 'a', false); COMMIT; PERFORM 1 / 0; END $$")


VERBS: dict[str, Callable[[howdah.AsyncDatabase], Awaitable[Any]]] = {
    "execute": lambda db: db.execute(LEAVING),
    "script": lambda db: db.execute(f"SELECT 1; {LEAVING}; SELECT 1"),
    "a block that fails after its COMMIT": failed,
    "execute_many": lambda db: db.execute_many("SELECT set_config('app.tenant', $1, false)", [("a",), ("b",)]),
    "fetch": lambda db: db.fetch(LEAVING),
    "fetch_one": lambda db: db.fetch_one(LEAVING),
    "fetch_value": lambda db: db.fetch_value(LEAVING),
    "stream": streamed,
    "read": lambda db: db.read(f"{LEAVING} AS t").to_arrow(),
    "run_transaction": ran,
    "session": in_session,
}


@pytest.mark.parametrize("verb", VERBS)
async def test_state_that_any_verb_leaves_is_undone_for_the_next_caller(one: howdah.AsyncDatabase, verb: str) -> None:
    pid = await one.fetch_value("SELECT pg_backend_pid()")
    await VERBS[verb](one)
    assert await one.fetch_value(LEFT) == ""
    assert await one.fetch_value("SELECT pg_backend_pid()") == pid
    assert one.stats().opened == 1


async def test_state_that_a_load_leaves_is_undone_for_the_next_caller(one: howdah.AsyncDatabase) -> None:
    await one.execute(SCHEMA)
    for rows in ([(1,)], [(n,) for n in range(5000)]):
        await one.load("watched", rows)
        assert await one.fetch_value("SELECT current_setting('TimeZone') = 'Asia/Tokyo'") is False
    assert one.stats().opened == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_state_of_every_kind_stays_without_a_reset(opened: Open, kind: str) -> None:
    leave, is_there = KINDS[kind]
    database = opened(max_size=1, reset=None)
    await database.execute(SCHEMA)
    await database.execute(leave)
    assert await database.fetch_value(is_there) is True


async def test_discard_all_undoes_what_nothing_tells(opened: Open) -> None:
    database = opened(max_size=1, reset="discard all")
    await database.execute("CREATE TABLE numbered (n int GENERATED ALWAYS AS IDENTITY)")
    for _ in range(2):
        await database.execute("INSERT INTO numbered DEFAULT VALUES")
        with pytest.raises(howdah.OperationalError, match="lastval"):
            await database.fetch_value("SELECT lastval()")
    assert database.stats().opened == 1


ORDINARY = [
    "SELECT n, count(*), now() FROM t WHERE n = ANY ($1::int[]) GROUP BY n",
    "INSERT INTO t (n) SELECT unnest($1::int[]) ON CONFLICT (n) DO NOTHING",
    "UPDATE t SET n = n WHERE n = ANY ($1::int[]) AND coalesce(n, 0) > 0",
    "DELETE FROM t WHERE n = ANY ($1::int[]) RETURNING n",
]


async def test_ordinary_statements_are_not_followed_by_a_reset(opened: Open, admin: psycopg.Connection[Any]) -> None:
    database = opened(max_size=1)
    await database.execute("CREATE TABLE t (n int PRIMARY KEY)")
    pid = await database.fetch_value("SELECT pg_backend_pid()")

    def last() -> str:
        return str(admin.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall()[0][0])

    for statement in ORDINARY:
        await database.execute(statement, [1, 2])
        assert last() == statement
        async with database.transaction():
            await database.execute("SELECT set_config('app.tenant', $1, true)", "a")
            await database.execute(statement, [1, 2])
        assert last() == "COMMIT"
    await database.load("t", [(n,) for n in range(10)], mode="upsert", key="n", columns={"n": "n"})
    assert "DISCARD" not in last()
    await database.fetch("SELECT pg_advisory_lock(1)")
    await database.fetch("SELECT 1")
    assert last() == "SELECT 1"


async def test_statements_stay_prepared_over_a_reset_of_settings(one: howdah.AsyncDatabase) -> None:
    count = "SELECT count(*) FROM pg_prepared_statements WHERE statement = 'SELECT 17'"
    await one.fetch("SELECT 17")
    await one.execute("SET work_mem = '1MB'")
    assert await one.fetch_value(count) == 1
    await one.execute("PREPARE p AS SELECT 1")
    assert await one.fetch_value(count) == 0
    assert await one.fetch("SELECT 17") == [{"?column?": 17}]


async def test_statement_means_the_old_table_again_after_a_reset_of_the_path(one: howdah.AsyncDatabase) -> None:
    await one.execute("CREATE TABLE t AS SELECT 1.25::numeric AS n")
    await one.execute("CREATE SCHEMA IF NOT EXISTS other_place")
    try:
        await one.execute("CREATE TABLE other_place.t AS SELECT 2::int AS n")
        async with one.session() as session:
            await session.execute("SET search_path = other_place")
            assert await session.fetch_value("SELECT n FROM t WHERE n <= $1", 2) == 2
        assert await one.fetch_value("SELECT n FROM t WHERE n <= $1", 1.5) is not None
    finally:
        await one.execute("DROP SCHEMA other_place CASCADE")


async def test_pool_does_not_grow_while_a_session_is_reset(opened: Open) -> None:
    database = opened(max_size=5)
    for _ in range(20):
        await database.fetch_value("SELECT setseed(0.5)")
    assert database.stats().opened == 1


async def test_session_whose_state_cannot_be_undone_is_not_used_again(
    one: howdah.AsyncDatabase, sessions: Callable[[], int]
) -> None:
    pid = await one.fetch_value("SELECT pg_backend_pid()")
    # The server gives up whatever takes a millisecond, the reset too where it waits.
    await one.execute("SET client_min_messages = 'debug5'; SET log_min_messages = 'panic'; SET statement_timeout = 77")
    assert await one.fetch_value("SHOW statement_timeout") == "0"
    assert await one.fetch_value("SHOW client_min_messages") != "debug5"
    assert await one.fetch_value("SELECT pg_backend_pid()") == pid
    assert sessions() == 1


@pytest.mark.parametrize("word", ["Auto", "discard", ""])
def test_unknown_reset_is_refused(url: str, word: Any) -> None:
    with pytest.raises(howdah.InterfaceError, match='expected "auto", "discard all" or None'):
        howdah.Database(url, reset=word)
