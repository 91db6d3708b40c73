"""Waiting: its CPU time, and other work meanwhile. Seconds here are CPU seconds."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

PARTS_THEN_SLEEP = "SELECT repeat('x', 10000) AS x FROM generate_series(1, 100) UNION ALL SELECT pg_sleep(1)::text"
ROWS = 101
HEAD = """
import time
import howdah

def tell(work):
    before = time.process_time()
    work()
    print(time.process_time() - before)
"""


def processor_seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def test_wait_for_the_rest_of_a_fetch_costs_nothing(url: str) -> None:
    with howdah.Database(url) as db:
        db.execute("SELECT 1")
        assert processor_seconds(lambda: db.fetch(PARTS_THEN_SLEEP)) < 0.5


def test_wait_for_the_rest_of_a_read_costs_nothing(url: str) -> None:
    with howdah.Database(url) as db:
        assert len(db.read(PARTS_THEN_SLEEP).to_arrow()) == ROWS
        assert processor_seconds(lambda: db.read(PARTS_THEN_SLEEP).to_arrow()) < 0.5


def test_wait_of_an_event_loop_costs_nothing(url: str) -> None:
    async def fetch() -> float:
        async with howdah.AsyncDatabase(url) as db:
            await db.execute("SELECT 1")
            before = time.process_time()
            assert len(await db.fetch(PARTS_THEN_SLEEP)) == ROWS
            return time.process_time() - before

    assert asyncio.run(fetch()) < 0.5


def test_wait_for_a_server_that_takes_rows_slowly_costs_nothing(url: str, sql: Sql) -> None:
    sql(
        "CREATE TABLE t (a text);"
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS"
        "  'BEGIN PERFORM pg_sleep(0.02); RETURN new; END';"
        "CREATE TRIGGER slow BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION slow()"
    )
    rows = [("x" * 100_000,) for _ in range(60)]
    with howdah.Database(url) as db:
        db.execute("SELECT 1")
        assert processor_seconds(lambda: db.load("t", rows)) < 0.6
        assert db.fetch_value("SELECT count(*) FROM t") == len(rows)


def test_wait_after_a_load_that_was_given_up_costs_nothing(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (a text)")
    with howdah.Database(url, max_size=1) as db:

        def rows() -> object:
            for _ in range(20_000):
                yield ("x" * 1000,)
            raise LookupError

        with pytest.raises(LookupError):
            db.load("t", rows())  # type: ignore[arg-type]
        assert processor_seconds(lambda: db.execute("SELECT pg_sleep(1)")) < 0.5


def awake(url: str, program: str) -> list[float]:
    """Give the processor seconds that a program tells, of which the last are those of a wait that is awake.

    A process of its own: a connection of an earlier test that still waits makes the waits of others sleep. A wait that
    is awake gives its core to whoever wants it, so that on a busy machine it cannot be told from one that sleeps.
    """
    call = [sys.executable, "-c", f"{HEAD}\nwith howdah.Database({url!r}, busy_wait_s=0.05) as db:\n    {program}"]
    seconds = [0.0]
    for _ in range(5):
        told = subprocess.run(call, check=True, capture_output=True, text=True, timeout=60)
        seconds = [float(line) for line in told.stdout.split()]
        if seconds[-1] > 0.01:
            return seconds
    if os.getloadavg()[0] > 1:
        pytest.skip("others want the cores that a wait would be awake on")
    return seconds


VAIN = "lambda: db.fetch('SELECT pg_sleep(0.06)')"


def test_wait_that_was_in_vain_is_seldom_made_awake_again(url: str) -> None:
    # A statement that was not run before is waited for awake.
    many = f"tell(lambda: [({VAIN})() for _ in range(13)])"
    seldom, first = awake(url, f"{many}; tell(lambda: db.fetch('SELECT pg_sleep(0.04)'))")
    assert first > 0.01
    assert seldom < 0.3


def test_first_wait_is_awake(url: str) -> None:
    (first,) = awake(url, f"tell({VAIN})")
    assert first > 0.01


def test_wait_sleeps_where_it_is_told_to(url: str) -> None:
    with howdah.Database(url, busy_wait_s=0) as db:
        assert processor_seconds(lambda: [db.execute("SELECT pg_sleep(0.1)") for _ in range(5)]) < 0.2


def test_wait_sleeps_while_another_connection_waits(url: str) -> None:
    with howdah.Database(url, busy_wait_s=0.5) as db, howdah.Database(url, busy_wait_s=0) as other:
        other.execute("SELECT 1")
        db.execute("SELECT 1")
        thread = threading.Thread(target=other.execute, args=("SELECT pg_sleep(1.5)",))
        thread.start()
        while other.stats().busy == 0:
            time.sleep(0.01)
        assert processor_seconds(lambda: db.execute("SELECT pg_sleep(0.4)")) < 0.2
        thread.join()


def test_event_loop_goes_on_while_a_wait_is_awake(url: str) -> None:
    async def ticks() -> int:
        count, ended = 0, False

        async def tick() -> None:
            nonlocal count
            while not ended:
                count += 1
                await asyncio.sleep(0.001)

        async with howdah.AsyncDatabase(url, busy_wait_s=1.0) as db:
            await db.execute("SELECT 1")
            ticking = asyncio.create_task(tick())
            await db.execute("SELECT pg_sleep(0.3)")
            ended = True
            await ticking
        return count

    assert asyncio.run(ticks()) > 20


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf")])
def test_busy_wait_that_is_no_time_is_named(url: str, seconds: float) -> None:
    for face in (howdah.Database, howdah.AsyncDatabase):
        with pytest.raises(howdah.InterfaceError, match="busy_wait_s: expected seconds, 0 or more"):
            face(url, busy_wait_s=seconds)
