"""Ctrl-C and cancelled tasks: the statement ends at the server, the table is unchanged, the connection is clean."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

    Until = Callable[[Callable[[], object]], None]

BUSY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND state <> 'idle'"


@pytest.fixture
def name(sql: Sql) -> str:
    """Give the name by which the server knows this test's sessions; and a table `t` with a row."""
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("INSERT INTO t VALUES (-1, 'old')")
    schema: str = sql("SELECT current_schema()::text")[0][0]
    return schema


@pytest.fixture
def one(url: str, name: str) -> Iterator[howdah.Database]:
    """Give a database of one connection with that name."""
    with howdah.Database(url, max_size=1, application_name=name) as database:
        yield database


def busy(sql: Sql, name: str) -> bool:
    return sql(BUSY, name) != [(0,)]


def interrupted(act: Callable[[], object], when: Callable[[], object], until: Until) -> None:
    """Run something on this thread, and press Ctrl-C once the time has come."""

    def press() -> None:
        until(when)
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            act()
    finally:
        thread.join()


def endless() -> Iterator[dict[str, Any]]:
    n = 0
    while True:
        yield {"id": n, "v": "x"}
        n += 1


def test_ctrl_c_stops_a_load(one: howdah.Database, sql: Sql, name: str, until: Until) -> None:
    interrupted(lambda: one.load("t", endless()), lambda: busy(sql, name), until)
    until(lambda: not busy(sql, name))
    assert sql("SELECT id FROM t") == [(-1,)]
    assert one.load("t", [{"id": 1, "v": "x"}]).rows == 1


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_ctrl_c_stops_a_load_that_waits_for_a_lock(  # noqa: PLR0917  (the parameters are pytest's)
    one: howdah.Database, sql: Sql, name: str, url: str, until: Until, mode: Any
) -> None:
    waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'"
    key = "id" if mode == "upsert" else ()
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        interrupted(
            lambda: one.load("t", [{"id": 1, "v": "x"}], mode=mode, key=key), lambda: sql(waits, name) == [(1,)], until
        )
        until(lambda: not busy(sql, name))
    assert sql("SELECT id FROM t") == [(-1,)]
    assert one.load("t", [{"id": 1, "v": "x"}]).rows == 1


@pytest.mark.parametrize("verb", ["execute", "read", "iterate"])
def test_ctrl_c_stops_a_statement(one: howdah.Database, sql: Sql, name: str, until: Until, verb: str) -> None:
    acts: dict[str, Callable[[], object]] = {
        "execute": lambda: one.execute("SELECT pg_sleep(600)"),
        "read": lambda: one.read("SELECT 1 AS one, pg_sleep(600) IS NULL AS slept").to_arrow(),
        "iterate": lambda: list(one.read("SELECT pg_sleep(600) IS NULL AS slept")),
    }
    interrupted(acts[verb], lambda: busy(sql, name), until)
    until(lambda: not busy(sql, name))
    assert one.execute("SELECT 1") == 1


def test_ctrl_c_in_a_process_of_its_own_ends_it(sql: Sql, name: str, url: str, until: Until) -> None:
    script = f"""
        import howdah
        def rows():
            n = 0
            while True:
                yield {{"id": n, "v": "x"}}
                n += 1
        howdah.Database({url!r}, application_name={name!r}).load("t", rows())
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: busy(sql, name))
        child.send_signal(signal.SIGINT)
        _, errors = child.communicate(timeout=30)
    finally:
        child.kill()
    assert child.returncode in {-signal.SIGINT, 1, 130}
    assert "KeyboardInterrupt" in errors
    until(lambda: sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", name) == [(0,)])
    assert sql("SELECT id FROM t") == [(-1,)]


def test_signal_handler_that_raises_its_own_error_is_heard(
    one: howdah.Database, sql: Sql, name: str, until: Until
) -> None:
    class Alarm(Exception):  # noqa: N818
        """Raised by the handler."""

    def handler(number: int, frame: object) -> None:
        del number, frame
        raise Alarm

    before = signal.signal(signal.SIGUSR1, handler)

    def press() -> None:
        until(lambda: busy(sql, name))
        signal.raise_signal(signal.SIGUSR1)

    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(Alarm):
            one.execute("SELECT pg_sleep(600)")
    finally:
        thread.join()
        signal.signal(signal.SIGUSR1, before)
    until(lambda: not busy(sql, name))


def test_cancelled_task_stops_its_load(url: str, sql: Sql, name: str, until: Until) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=1, application_name=name) as database:
            task = asyncio.create_task(database.load("t", endless()))
            await asyncio.to_thread(until, lambda: busy(sql, name))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.to_thread(until, lambda: not busy(sql, name))
            assert (await database.load("t", [{"id": 1, "v": "x"}])).rows == 1

    asyncio.run(main())
    assert sql("SELECT id FROM t ORDER BY id") == [(-1,), (1,)]


@pytest.mark.parametrize("verb", ["execute", "read"])
def test_cancelled_task_stops_its_statement(url: str, sql: Sql, name: str, until: Until, verb: str) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=1, application_name=name) as database:
            if verb == "execute":
                task: asyncio.Task[Any] = asyncio.create_task(database.execute("SELECT pg_sleep(600)"))
            else:
                task = asyncio.create_task(database.read("SELECT pg_sleep(600) IS NULL AS x").to_arrow())
            await asyncio.to_thread(until, lambda: busy(sql, name))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            until(lambda: not busy(sql, name))
            assert await database.execute("SELECT 1") == 1

    asyncio.run(main())


def test_timeout_around_a_load_stops_it(url: str, sql: Sql, name: str, until: Until) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, application_name=name) as database:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(database.load("t", endless()), 0.3)

    asyncio.run(main())
    until(lambda: not busy(sql, name))
    assert sql("SELECT id FROM t") == [(-1,)]
