"""Restarts and failovers of servers under load: how many calls fail, and how long the others wait.

A restart stops the one server for a second. A failover lets the first of two servers only read, and the second write.

    python -m tests.python.pool.restarts
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import math
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import uvloop

import howdah
from howdah import embedded
from tests.python.pool.faces import Restarting

if TYPE_CHECKING:
    from collections.abc import Callable

CALLERS, CONNECTIONS = 16, 4
DOWN_S = 1.0
# How long the callers work before and after.
AROUND_S = 1.0
CALL = "INSERT INTO t VALUES ($1)"


@dataclass
class Counts:
    """What came of the calls."""

    done: int = 0
    failed: int = 0
    longest_s: float = 0.0
    # Of those that began after the first that began after the change and was answered.
    done_after: int = 0
    failed_after: int = 0
    changed_s: float = math.inf
    answered_s: float = math.inf

    def add(self, began_s: float, error: howdah.Error | None) -> None:
        """Count a call that ends now."""
        ended_s = time.monotonic()
        self.done += error is None
        self.failed += error is not None
        self.longest_s = max(self.longest_s, ended_s - began_s)
        self.done_after += error is None and began_s > self.answered_s
        self.failed_after += error is not None and began_s > self.answered_s
        if error is None and began_s > self.changed_s:
            self.answered_s = min(self.answered_s, ended_s)


def blocking(url: str, change: Callable[[], None]) -> Counts:
    """Let threads call while the servers change."""
    counts, over = Counts(), threading.Event()
    with howdah.Database(url, max_size=CONNECTIONS) as db, ThreadPoolExecutor(CALLERS) as pool:

        def work() -> None:
            while not over.is_set():
                began, failure = time.monotonic(), None
                try:
                    db.execute(CALL, 1)
                except howdah.Error as error:
                    failure = error
                counts.add(began, failure)

        workers = [pool.submit(work) for _ in range(CALLERS)]
        time.sleep(AROUND_S)
        change()
        counts.changed_s = time.monotonic()
        time.sleep(AROUND_S)
        over.set()
        for worker in workers:
            worker.result()
    return counts


def with_asyncio(
    url: str, change: Callable[[], None], new_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
) -> Counts:
    """Let tasks call while the servers change."""
    counts, over = Counts(), asyncio.Event()

    async def work(db: howdah.AsyncDatabase) -> None:
        while not over.is_set():
            began, failure = time.monotonic(), None
            try:
                await db.execute(CALL, 1)
            except howdah.Error as error:
                failure = error
            counts.add(began, failure)

    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=CONNECTIONS) as db:
            workers = [asyncio.create_task(work(db)) for _ in range(CALLERS)]
            await asyncio.sleep(AROUND_S)
            await asyncio.to_thread(change)
            counts.changed_s = time.monotonic()
            await asyncio.sleep(AROUND_S)
            over.set()
            await asyncio.gather(*workers)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    return counts


FACES: dict[str, Callable[[str, Callable[[], None]], Counts]] = {
    "blocking": blocking,
    "asyncio": with_asyncio,
    "uvloop": functools.partial(with_asyncio, new_loop=uvloop.new_event_loop),
}


def restarted(run: Callable[[str, Callable[[], None]], Counts]) -> Counts:
    """Restart a server while callers are at work."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = Restarting(Path(folder))

        def restart() -> None:
            server.stop()
            time.sleep(DOWN_S)
            server.start()

        try:
            return run(server.url, restart)
        finally:
            server.stop()


def failed_over(run: Callable[[str, Callable[[], None]], Counts]) -> Counts:
    """Let another server be the one that writes, while callers are at work."""

    def set_read_only(server: embedded.Server, value: str) -> None:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
            connection.execute("SELECT pg_reload_conf()")

    with embedded.server() as first, embedded.server() as second:
        for server in (first, second):
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute("CREATE TABLE t (a int)")
        set_read_only(second, "on")

        def fail_over() -> None:
            set_read_only(first, "on")
            time.sleep(DOWN_S)
            set_read_only(second, "off")

        places = [psycopg.conninfo.conninfo_to_dict(server.url) for server in (first, second)]
        hosts, ports = (",".join(str(place[name]) for place in places) for name in ("host", "port"))
        url = f"host={hosts} port={ports} user=postgres dbname=postgres target_session_attrs=read-write"
        return run(url, fail_over)


def main(times: int) -> None:
    """Tell what came of each change, so many times each."""
    for change in (restarted, failed_over):
        for face, run in FACES.items():
            for _ in range(times):
                counts = change(run)
                sys.stdout.write(
                    f"{change.__name__}, {face}: {counts.done} calls done, {counts.failed} failed, the longest took "
                    f"{counts.longest_s:.2f} s; {counts.failed_after} failed after the first that was answered again\n"
                )
                sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("times", nargs="?", type=int, default=5)
    main(parser.parse_args().times)
