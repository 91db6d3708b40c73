"""Ctrl-C in a separate process: the statement ends at the server, and the process can continue."""

from __future__ import annotations

import asyncio
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest

import howdah
from tests.python.pool.faces import eventually

if TYPE_CHECKING:
    from collections.abc import Callable

    Count = Callable[..., int]

ACTS = {
    "execute": "db.execute('SELECT pg_sleep(60)')",
    "script": "db.execute('SELECT 1; SELECT pg_sleep(60); SELECT 2')",
    "execute_many": "db.execute_many('SELECT pg_sleep($1)', [(0.0,), (60.0,)])",
    "fetch": "db.fetch('SELECT pg_sleep(60)')",
    "fetch_one": "db.fetch_one('SELECT pg_sleep(60)')",
    "fetch_value": "db.fetch_value('SELECT $1::int FROM pg_sleep(60)', 1)",
    "stream": "list(db.stream('SELECT pg_sleep(CASE n WHEN 9 THEN 60 ELSE 0 END) FROM generate_series(1, 9) n'))",
    "read": "db.read('SELECT pg_sleep(60) IS NULL AS slept').to_arrow()",
    "transaction": "in_block('SELECT pg_sleep(60)')",
    "run_transaction": "db.run_transaction(lambda: db.execute('SELECT pg_sleep(60)'))",
    "asyncio": "asyncio.run(awaited())",
}
SCRIPT = """
    import asyncio, howdah
    db = howdah.Database({url!r}, max_size=1, acquire_timeout_s=5, application_name={app!r})

    def in_block(statement):
        with db.transaction():
            db.execute("CREATE TABLE never (a int)")
            db.execute(statement)

    async def awaited():
        async with howdah.AsyncDatabase({url!r}, application_name={app!r}) as adb, adb.transaction():
            await adb.execute("SELECT pg_sleep(60)")

    try:
        {act}
    except KeyboardInterrupt:
        print("interrupted", db.fetch_value("SELECT $1::int", 7), db.fetch_value("SELECT to_regclass('never')::text"))
        print(db.stats().busy, db.stats().size, flush=True)
        input()
"""


@pytest.mark.parametrize("verb", ACTS)
def test_ctrl_c_ends_the_statement_and_the_next_one_works(url: str, app: str, sessions: Count, verb: str) -> None:
    script = textwrap.dedent(SCRIPT).format(url=url, app=app, act=ACTS[verb])
    with subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            eventually(lambda: sessions("wait_event = 'PgSleep'") == 1)
            child.send_signal(signal.SIGINT)
            eventually(lambda: sessions("wait_event = 'PgSleep'") == 0, within_s=2)
            assert child.stdout is not None
            assert child.stdout.readline() == "interrupted 7 None\n"
            assert child.stdout.readline() == "0 1\n"
            assert sessions("state <> 'idle'") == 0
            said, complaints = child.communicate("\n", timeout=30)
        finally:
            child.kill()
    assert (child.returncode, said, complaints) == (0, "", "")
    eventually(lambda: sessions() == 0)


def pressed(act: Callable[[], object], when: Callable[[], object]) -> None:
    """Press Ctrl-C in this thread once the time has come."""
    here, begun = threading.get_ident(), threading.Event()

    def press() -> None:
        begun.wait()
        eventually(when)
        # What was true before the act began gives it no time to.
        time.sleep(0.05)
        # To this thread, as the terminal's goes: a loop that sleeps in it is to wake.
        signal.pthread_kill(here, signal.SIGINT)

    def begin() -> None:
        begun.set()
        act()

    thread = threading.Thread(target=press)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            begin()
    finally:
        thread.join()


def test_ctrl_c_ends_a_wait_for_a_connection(url: str) -> None:
    with howdah.Database(url, max_size=1) as database:
        busy, free = threading.Event(), threading.Event()

        def hold() -> None:
            with database.transaction():
                busy.set()
                free.wait(30)

        holder = threading.Thread(target=hold)
        holder.start()
        busy.wait(10)
        pressed(lambda: database.execute("SELECT 1"), lambda: database.stats().waiting == 1)
        assert database.stats().waiting == 0
        free.set()
        holder.join()
        assert database.fetch_value("SELECT 1") == 1


def test_ctrl_c_ends_a_wait_for_a_notification(url: str, app: str, sessions: Count) -> None:
    with howdah.Database(url, max_size=1, application_name=app) as database:
        with database.listen("c") as notifications:
            pressed(lambda: next(iter(notifications)), lambda: sessions("query LIKE 'LISTEN%%'") == 1)
            with howdah.Database(url) as other:
                other.execute("NOTIFY c, 'still there'")
            assert next(iter(notifications)).payload == "still there"
        assert database.fetch_value("SELECT 1") == 1


def test_ctrl_c_in_one_thread_spares_the_others(url: str, app: str, sessions: Count) -> None:
    with howdah.Database(url, max_size=2, application_name=app) as database:
        answers: queue.Queue[object] = queue.Queue()
        thread = threading.Thread(
            target=lambda: answers.put(database.fetch_value("SELECT $1::int FROM pg_sleep(1)", 7))
        )
        thread.start()
        pressed(lambda: database.execute("SELECT pg_sleep(60)"), lambda: sessions("wait_event = 'PgSleep'") == 2)
        eventually(lambda: sessions("query LIKE '%%pg_sleep(60)%%' AND state = 'active'") == 0, within_s=2)
        thread.join()
        assert answers.get() == 7
        assert database.stats().busy == 0


def test_ctrl_c_under_asyncio_cancels_every_statement(url: str, app: str, sessions: Count) -> None:
    database = howdah.AsyncDatabase(url, max_size=3, application_name=app)

    async def main() -> None:
        await asyncio.gather(*(database.execute("SELECT pg_sleep(60)") for _ in range(5)))

    pressed(lambda: asyncio.run(main()), lambda: sessions("wait_event = 'PgSleep'") == 3)
    eventually(lambda: sessions("state <> 'idle'") == 0, within_s=2)
    assert asyncio.run(database.fetch_value("SELECT $1::int", 7)) == 7
    asyncio.run(database.close())
    eventually(lambda: sessions() == 0)


def test_ctrl_c_ends_a_long_fetch_that_never_waits_long(url: str, app: str, sessions: Count) -> None:
    query = "SELECT n, n::text FROM generate_series(1, 20000000) AS n"
    with howdah.Database(url, max_size=1, application_name=app) as database:
        pressed(lambda: database.fetch(query), lambda: sessions("state = 'active'") == 1)
        assert database.fetch_value("SELECT 1") == 1
