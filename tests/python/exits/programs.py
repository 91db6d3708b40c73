"""Programs that end while howdah is at work, which `runs` runs: `-m tests.python.exits.programs KIND URL RUNS`.

Each says what it saw, and then ends as a script does: it returns, and the interpreter finalises while connections are
being opened, statements run, and daemon threads are inside of verbs. It does so in forked children, which have
imported everything, each with its own output; every second one has all its threads on one core, where a thread that
is late runs while the interpreter finalises.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import tempfile
import threading
import time
from typing import IO, TYPE_CHECKING

import howdah
from tests.python.exits.asyncio_programs import AWAITED
from tests.python.exits.daemon_programs import (
    Worker,
    awaits_cancelled,
    awaits_connections,
    awaits_fetches,
    connects,
    daemon,
    daemon_loop,
    executes_many,
    fetches,
    fetches_objects,
    listens,
    loads_frames,
    loads_with_progress,
    logs,
    reads,
    streams,
    waits,
    waits_shortly,
    with_gc,
)
from tests.python.exits.peers import KEPT, REFUSED

if TYPE_CHECKING:
    from collections.abc import Callable


def blocking_refused(_: str) -> str:
    try:
        howdah.Database(REFUSED).fetch_value("SELECT 1")
    except howdah.ConnectionError:
        return "ConnectionError"
    return "connected"


def blocking_open_pool(url: str) -> str:
    db = howdah.Database(url, min_size=3)
    KEPT.append(db)
    return str(db.fetch_value("SELECT 1"))


def blocking_open_listener(url: str) -> str:
    db = howdah.Database(url)
    listener = db.listen("news")
    listener.__enter__()
    KEPT.append((db, listener))
    return "listens"


def blocking_open_results(url: str) -> str:
    db = howdah.Database(url)
    reader = db.read("SELECT n FROM generate_series(1, 100000) AS n", batch_rows=10)
    stream = db.stream("SELECT n FROM generate_series(1, 100000) AS n", batch_rows=10)
    next(iter(reader))
    next(stream)
    KEPT.append((db, reader, stream))
    return "reads"


def slow_release(url: str) -> str:
    """End while a hook runs on the thread of a connection that comes back."""
    running = threading.Event()

    def release(session: howdah.Session) -> None:
        running.set()
        time.sleep(0.6)
        session.execute("SELECT 1")

    db = howdah.Database(url, on_release=release)
    KEPT.append(db)
    db.fetch_value("SELECT 1")
    running.wait(30)
    return "releases"


def slow_acquire(url: str) -> str:
    """End while a hook runs on a daemon thread that takes a connection."""

    def work(worker: Worker) -> None:
        def acquire(session: howdah.Session) -> None:
            worker.step()
            time.sleep(0.6)
            session.execute("SELECT 1")

        howdah.Database(url, on_acquire=acquire).fetch_value("SELECT 1")

    Worker(work)
    return "at work"


def slow_password(url: str) -> str:
    """End while a thread that opens spare connections asks for the password."""
    asked = itertools.count()
    running = threading.Event()

    def password() -> str:
        if next(asked):
            running.set()
            time.sleep(0.6)
        return "unused"

    db = howdah.Database(url, min_size=3, password=password)
    KEPT.append(db)
    db.fetch_value("SELECT 1")
    running.wait(30)
    return "asks"


BLOCKING: dict[str, tuple[Callable[[str], str], str]] = {
    "blocking: refused": (blocking_refused, "ConnectionError"),
    "blocking: open pool": (blocking_open_pool, "1"),
    "blocking: open listener": (blocking_open_listener, "listens"),
    "blocking: open results": (blocking_open_results, "reads"),
    "daemon: load": (daemon(lambda db, worker: db.load("ends", worker.rows())), "at work"),
    "daemon: slow load": (daemon(lambda db, worker: db.load("ends", worker.rows(0.0005))), "at work"),
    "daemon: load with progress": (daemon(loads_with_progress), "at work"),
    "daemon: load of frames": (daemon(loads_frames), "at work"),
    "daemon: execute_many": (daemon(executes_many), "at work"),
    "daemon: fetch": (daemon(fetches), "at work"),
    "daemon: fetch into": (daemon(fetches_objects), "at work"),
    "daemon: long fetch": (daemon(waits), "at work"),
    "daemon: short waits": (daemon(waits_shortly), "at work"),
    "daemon: read": (daemon(reads), "at work"),
    "daemon: stream": (daemon(streams), "at work"),
    "daemon: listen": (daemon(listens), "at work"),
    "daemon: logging": (daemon(logs), "at work"),
    "daemon: connect": (daemon(connects), "at work"),
    "daemon: garbage": (daemon(with_gc), "at work"),
    "hook: release": (slow_release, "releases"),
    "hook: acquire": (slow_acquire, "at work"),
    "hook: password": (slow_password, "asks"),
    "daemon loop: fetch": (daemon_loop(awaits_fetches), "at work"),
    "daemon loop: refused": (daemon_loop(awaits_connections), "at work"),
    "daemon loop: cancelled": (daemon_loop(awaits_cancelled), "at work"),
}


EXPECTED = {kind: told for kind, (_, told) in [*AWAITED.items(), *BLOCKING.items()]}


def run(kind: str, url: str) -> str:
    """Run the program of a kind."""
    if kind in AWAITED:
        return asyncio.run(AWAITED[kind][0](url))
    return BLOCKING[kind][0](url)


def problem(kind: str, status: int, out: IO[bytes], err: IO[bytes]) -> str | None:
    """Tell what is wrong with how a child ended; None if nothing is."""
    for file in (out, err):
        file.seek(0)
    seen = (os.waitstatus_to_exitcode(status), out.read().decode(), err.read().decode())
    expected = (0, EXPECTED[kind], "")
    return None if seen == expected else f"expected {expected}, got {seen}"


def main(kind: str, url: str, runs: int) -> None:
    """Run the program of a kind so many times, and print what was wrong; or return as one that is to end."""
    problems: list[str] = []
    for at in range(runs):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = os.fork()
            if child == 0:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                if at % 2 == 0 and hasattr(os, "sched_setaffinity"):
                    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
                sys.stdout.write(run(kind, url))
                sys.stdout.flush()
                return
            _, status = os.waitpid(child, 0)
            wrong = problem(kind, status, out, err)
        if wrong is not None:
            problems.append(wrong)
    json.dump(problems, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
