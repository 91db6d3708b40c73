"""A write without an answer: after an interruption or a lost connection, the exception says what is known."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Col, Table, _core, col
from tests.python.faults.conftest import USER
from tests.python.faults.faces import PASSWORD, Face, in_time, is_lost, settle
from tests.python.faults.proxy import Fault, Kind, Phase, Proxy
from tests.python.pool.faces import eventually, soon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

LIMIT_S = 10.0
ROWS = 10
# An answer is held back so long, and an interrupt comes so soon after that has begun.
DELAY_S, PRESSED_S = 0.2, 0.05
LATE_S = 0.1


class Item(Table):
    """The table of these tests."""

    __table__ = "t"

    id: Col[int] = col(primary_key=True)
    v: Col[str] = col(default="")


def given() -> list[dict[str, Any]]:
    return [{"id": n, "v": "x"} for n in range(ROWS)]


INSERT = "INSERT INTO t SELECT n, 'x' FROM generate_series(1, $1::int) AS n"
# By each verb the phase of the protocol in which it commits.
WRITES: dict[str, tuple[Phase, Callable[[Any], Any]]] = {
    "execute": ("query", lambda db: db.execute(INSERT, ROWS)),
    "script": ("query", lambda db: db.execute(INSERT.replace("$1", str(ROWS)))),
    "execute_many": ("query", lambda db: db.execute_many("INSERT INTO t VALUES ($1)", [(n,) for n in range(ROWS)])),
    "fetch": ("query", lambda db: db.fetch(f"{INSERT} RETURNING id", ROWS)),
    "fetch_one": ("query", lambda db: db.fetch_one(f"{INSERT} RETURNING id", ROWS)),
    "fetch_value": ("query", lambda db: db.fetch_value(f"{INSERT} RETURNING id", ROWS)),
    "insert_many": ("query", lambda db: db.insert_many(Item, given())),
    "load": ("copy_done", lambda db: db.load("t", given())),
    "truncate": ("commit", lambda db: db.load("t", given(), mode="truncate")),
    "replace": ("commit", lambda db: db.load("t", given(), mode="replace")),
    "run_transaction": ("commit", lambda db: db.run_transaction(lambda: db.execute(INSERT, ROWS))),
}
ENDED: list[Kind] = ["cut", "reset", "truncate"]


def url_of(proxy: Proxy) -> str:
    return proxy.url(user=USER, password=PASSWORD, sslmode="disable")


@pytest.fixture
def url(proxy: Proxy) -> str:
    return url_of(proxy)


def pressed(proxy: Proxy, act: Callable[[], object]) -> BaseException:
    """Press Ctrl-C when the answer to a write is held back, and give the KeyboardInterrupt that it raises."""
    here = threading.get_ident()

    def press() -> None:
        eventually(lambda: proxy.strikes)
        time.sleep(PRESSED_S)
        signal.pthread_kill(here, signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt) as caught:
            act()
    finally:
        thread.join()
    return caught.value


async def struck(proxy: Proxy) -> None:
    await soon(lambda: proxy.strikes)
    await asyncio.sleep(PRESSED_S)


async def cancelled(proxy: Proxy, awaitable: Any) -> BaseException:
    """Cancel the task of a write whose answer is held back, and give the CancelledError."""
    task = asyncio.ensure_future(awaitable)
    await struck(proxy)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    return caught.value


async def timed_out(proxy: Proxy, awaitable: Any) -> BaseException:
    """Time a write out whose answer is held back, and give what the TimeoutError is raised from."""

    async def expire(limit: asyncio.Timeout) -> None:
        await struck(proxy)
        limit.reschedule(asyncio.get_running_loop().time())

    with pytest.raises(TimeoutError) as caught:  # noqa: PT012  (the block's end raises)
        async with asyncio.timeout(None) as timeout:
            expiry = asyncio.ensure_future(expire(timeout))
            await awaitable
    await expiry
    assert not isinstance(caught.value, howdah.Error)
    assert caught.value.__cause__ is not None
    return caught.value.__cause__


ENDS = {"cancel": cancelled, "timeout": timed_out}


def interrupted(proxy: Proxy, sql: Sql, verb: str, how: str, fault: Fault) -> BaseException:
    """Interrupt a write whose answer is held back, and give what is raised."""
    act = WRITES[verb][1]
    if how == "ctrl_c":
        with howdah.Database(url_of(proxy), max_size=1) as db:
            act(db)
            sql("TRUNCATE t")
            proxy.fault = fault
            return pressed(proxy, lambda: act(db))

    async def body() -> BaseException:
        async with howdah.AsyncDatabase(url_of(proxy), max_size=1) as db:
            await act(db)
            sql("TRUNCATE t")
            proxy.fault = fault
            return await ENDS[how](proxy, act(db))

    return asyncio.run(body())


HOWS = ["ctrl_c", *ENDS]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("verb", WRITES)
def test_write_that_is_interrupted_when_it_is_committed_says_so(proxy: Proxy, sql: Sql, verb: str, how: str) -> None:
    error: Any = interrupted(proxy, sql, verb, how, Fault(WRITES[verb][0], "delay", delay_s=DELAY_S))
    assert proxy.strikes == 1
    assert error.howdah_outcome == "committed"
    assert any("committed" in note for note in error.__notes__)
    assert sql("SELECT count(*) FROM t") == [(ROWS,)]
    if WRITES[verb][0] == "copy_done" or verb in {"truncate", "replace"}:
        assert error.howdah_result.rows == ROWS
    if verb in {"execute", "script", "execute_many"}:
        assert error.howdah_result == ROWS


@pytest.mark.parametrize("kind", [howdah.Database, howdah.AsyncDatabase])
@pytest.mark.parametrize("verb", ["execute", "script", "execute_many", "fetch"])
def test_write_that_is_timed_out_when_it_is_committed_says_so(proxy: Proxy, sql: Sql, verb: str, kind: Any) -> None:
    # Where there is a pooler, the server is not told of the limit.
    url = proxy.url(user=USER, password=PASSWORD, sslmode="disable", pgbouncer="true")
    db = kind(url, max_size=1, statement_timeout_s=LATE_S)

    async def body() -> None:
        given = WRITES[verb][1](db)
        if kind is howdah.AsyncDatabase:
            await given

    asyncio.run(body())
    sql("TRUNCATE t")
    proxy.fault = Fault("query", "delay", delay_s=LATE_S + DELAY_S)
    with pytest.raises(howdah.QueryTimeout) as caught:
        asyncio.run(body())
    assert caught.value.howdah_outcome == "committed"
    assert sql("SELECT count(*) FROM t") == [(ROWS,)]
    closed = db.close()
    if closed is not None:
        asyncio.run(closed)


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("verb", WRITES)
def test_write_that_is_interrupted_and_not_answered_says_that_the_outcome_is_unknown(
    proxy: Proxy, sql: Sql, verb: str, how: str
) -> None:
    error: Any = interrupted(proxy, sql, verb, how, Fault(WRITES[verb][0], "silent"))
    assert error.howdah_outcome == "unknown"
    assert error.howdah_result is None
    assert any("unknown" in note for note in error.__notes__)
    assert sql("SELECT count(*) FROM t") in ([(ROWS,)], [(0,)])


# The constraint is looked at by COMMIT, and that takes long.
SLOW_COMMIT = """
    CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_sleep(CASE WHEN new.id = 3 THEN 60 ELSE 0 END); RETURN new; END $$;
    CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION slow()
"""


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("verb", [verb for verb in WRITES if verb != "replace"])
def test_write_that_is_interrupted_in_its_commit_is_rolled_back(
    proxy: Proxy, url: str, sql: Sql, verb: str, how: str
) -> None:
    act = WRITES[verb][1]

    def make_slow() -> None:
        # All that the verb looks up first is known by now.
        sql("TRUNCATE t")
        sql(SLOW_COMMIT)
        proxy.fault = Fault(WRITES[verb][0], "watch")

    if how == "ctrl_c":
        with howdah.Database(url, max_size=1) as db:
            act(db)
            make_slow()
            error = pressed(proxy, lambda: act(db))
            assert db.fetch_value("SELECT 7") == 7
    else:

        async def body() -> BaseException:
            async with howdah.AsyncDatabase(url, max_size=1) as db:
                await act(db)
                make_slow()
                caught = await ENDS[how](proxy, act(db))
                assert await db.fetch_value("SELECT 7") == 7
                return caught

        error = asyncio.run(body())
    assert getattr(error, "howdah_outcome", None) is None
    assert not getattr(error, "__notes__", [])
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("how", HOWS)
@pytest.mark.parametrize("kind", ["delay", "silent"])
def test_write_that_is_interrupted_while_it_looks_up_its_table_says_nothing(
    proxy: Proxy, url: str, sql: Sql, kind: Kind, how: str
) -> None:
    # The first statement of the first call is a lookup of the catalogue, which commits nothing.
    proxy.fault = Fault("query", kind, delay_s=DELAY_S)
    if how == "ctrl_c":
        with howdah.Database(url, max_size=1) as db:
            error = pressed(proxy, lambda: db.insert_many(Item, given()))
    else:

        async def body() -> BaseException:
            async with howdah.AsyncDatabase(url, max_size=1) as db:
                return await ENDS[how](proxy, db.insert_many(Item, given()))

        error = asyncio.run(body())
    assert getattr(error, "howdah_outcome", None) is None
    assert not getattr(error, "__notes__", [])
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_lookups_of_the_catalogue_are_known_to_read_only() -> None:
    lookups = {
        name: value
        for name, value in vars(_core).items()
        if name.isupper() and isinstance(value, str) and value.startswith(("SELECT ", "WITH "))
    }
    assert len(lookups) >= 6
    assert [name for name, lookup in lookups.items() if not _core.is_read_only(lookup)] == []


def lose(proxy: Proxy, call: Callable[[], Any], sql: Sql) -> howdah.ConnectionError:
    with pytest.raises(howdah.Error) as caught:
        in_time(LIMIT_S, call, proxy.hang_up)
    is_lost(caught.value, proxy.place)
    settle(sql, USER)
    assert isinstance(caught.value, howdah.ConnectionError)
    return caught.value


LOST: dict[str, Callable[[Face], Any]] = {
    "execute": lambda face: face.execute(INSERT, ROWS),
    "script": lambda face: face.execute(INSERT.replace("$1", str(ROWS))),
    "execute_many": lambda face: face.execute_many("INSERT INTO t VALUES ($1)", [(n,) for n in range(ROWS)]),
    "fetch": lambda face: face.fetch(f"{INSERT} RETURNING id", ROWS),
    "fetch_one": lambda face: face.fetch_one(f"{INSERT} RETURNING id", ROWS),
    "fetch_value": lambda face: face.fetch_value(f"{INSERT} RETURNING id", ROWS),
    "read": lambda face: face.read(INSERT.replace("$1", str(ROWS)) + " RETURNING id"),
    "insert_many": lambda face: face._given(face.db.insert_many(Item, given())),
    "load": lambda face: face.load("t", given()),
}


@pytest.mark.parametrize("kind", ENDED)
@pytest.mark.parametrize("verb", LOST)
def test_write_whose_answer_is_lost_says_that_the_outcome_is_unknown(
    proxy: Proxy, face: Face, sql: Sql, verb: str, kind: Kind
) -> None:
    LOST[verb](face)
    sql("TRUNCATE t")
    proxy.fault = Fault("copy_done" if verb == "load" else "query", kind)
    error = lose(proxy, lambda: LOST[verb](face), sql)
    assert proxy.strikes == 1
    assert "outcome is unknown" in str(error)
    assert error.howdah_outcome == "unknown"
    assert sql("SELECT count(*) FROM t") in ([(ROWS,)], [(0,)])


@pytest.mark.parametrize("verb", ["execute", "execute_many", "fetch", "fetch_one", "fetch_value", "read"])
def test_write_that_is_lost_before_it_is_run_does_not_say_unknown(
    proxy: Proxy, face: Face, sql: Sql, verb: str
) -> None:
    proxy.fault = Fault("parse", "cut")
    error = lose(proxy, lambda: LOST[verb](face), sql)
    assert "unknown" not in str(error)
    assert error.howdah_outcome is None
    assert sql("SELECT count(*) FROM t") == [(0,)]


READS: dict[str, Callable[[Face], Any]] = {
    "fetch": lambda face: face.fetch("SELECT id FROM t WHERE id > $1", 0),
    "fetch_one": lambda face: face.fetch_one("SELECT max(id) FROM t"),
    "fetch_value": lambda face: face.fetch_value("SELECT count(*) FROM t"),
    "script": lambda face: face.execute("TABLE t"),
    "read": lambda face: face.read("SELECT * FROM t"),
    "stream": lambda face: face.stream("SELECT * FROM t"),
}


@pytest.mark.parametrize("verb", READS)
def test_read_whose_answer_is_lost_does_not_say_unknown(proxy: Proxy, face: Face, sql: Sql, verb: str) -> None:
    READS[verb](face)
    proxy.fault = Fault("query", "cut", after=3)
    error = lose(proxy, lambda: READS[verb](face), sql)
    assert "unknown" not in str(error)
    assert error.howdah_outcome is None


def test_statement_of_a_transaction_whose_answer_is_lost_does_not_say_unknown(
    proxy: Proxy, face: Face, sql: Sql
) -> None:
    def write() -> None:
        proxy.fault = Fault("query", "cut", after=20)
        face.in_transaction("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)")

    error = lose(proxy, write, sql)
    assert "unknown" not in str(error)
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_object_whose_save_is_lost_says_that_the_outcome_is_unknown(proxy: Proxy, url: str, sql: Sql) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    with howdah.Database(url, max_size=1) as db:
        item = db.save(Item(id=1, v="a"))
        item.v = "b"
        proxy.fault = Fault("query", "cut")
        error = lose(proxy, lambda: db.save(item), sql)
    assert "outcome is unknown" in str(error)
    assert sql("SELECT v FROM t") in ([("a",)], [("b",)])


def test_load_in_a_transaction_that_is_interrupted_too_late_says_that_it_is_not_committed_yet(
    url: str, sql: Sql
) -> None:
    def last(progress: howdah.Progress) -> None:
        if progress.finished:
            raise KeyboardInterrupt

    with howdah.Database(url, max_size=1) as db:
        with db.transaction():
            with pytest.raises(KeyboardInterrupt) as caught:
                db.load("t", given(), progress=last)
            error: Any = caught.value
            assert error.howdah_outcome == "uncommitted"
            assert error.howdah_result.rows == ROWS
            assert sql("SELECT count(*) FROM t") == [(0,)]
        assert sql("SELECT count(*) FROM t") == [(ROWS,)]


def test_cancelled_write_gives_its_connection_back(url: str, proxy: Proxy, sql: Sql) -> None:
    async def body() -> None:
        async with howdah.AsyncDatabase(url, max_size=1) as db:
            await db.execute(INSERT, ROWS)
            proxy.fault = Fault("query", "delay", delay_s=DELAY_S)
            await cancelled(proxy, db.execute(INSERT, ROWS))
            assert await db.fetch_value("SELECT 7") == 7
            stats = db.stats()
            assert (stats.size, stats.busy) == (1, 0)

    asyncio.run(body())
    eventually(lambda: sql("SELECT count(*) FROM t") == [(2 * ROWS,)])
