"""Programs that end while howdah is at work, which `runs` runs: `-m tests.python.exits.programs KIND URL RUNS`.

Each says what it saw, and then ends as a script does: it returns, and the interpreter finalises while connections are
being opened, statements run, and daemon threads are inside of verbs. It does so in forked children, which have
imported everything, each with its own output; every second one has all its threads on one core, where a thread that
is late runs while the interpreter finalises.
"""

from __future__ import annotations

import asyncio
import atexit
import itertools
import json
import logging
import os
import socket
import sys
import tempfile
import threading
import time
from contextlib import closing, suppress
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
from pydantic import BaseModel, field_validator

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

# Where nothing listens.
REFUSED = "postgresql://127.0.0.1:1/app"
UNRESOLVABLE = "postgresql://nowhere.invalid/app"


class Row(NamedTuple):
    """A row of the table that is loaded."""

    a: int


def silent_peer() -> str:
    """Give the URL of a server that takes connections, and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    KEPT.append(listener)
    return f"postgresql://127.0.0.1:{listener.getsockname()[1]}/app"


# Lives until the process ends.
KEPT: list[Any] = []


async def told(db: howdah.AsyncDatabase) -> str:
    """Give the class of the error with which a query ends."""
    try:
        async with db:
            await db.fetch_value("SELECT 1")
    except howdah.Error as error:
        return type(error).__name__
    return "no error"


async def refused(_: str) -> str:
    return await told(howdah.AsyncDatabase(REFUSED))


async def unresolvable(_: str) -> str:
    return await told(howdah.AsyncDatabase(UNRESOLVABLE))


async def timeout(_: str) -> str:
    return await told(howdah.AsyncDatabase(silent_peer(), connect_timeout_s=0.05))


async def tls_failure(_: str) -> str:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"S" + b"no TLS at all" * 8)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await told(howdah.AsyncDatabase(f"postgresql://127.0.0.1:{port}/app?sslmode=require"))


async def cancelled_connect(_: str) -> str:
    db = howdah.AsyncDatabase(silent_peer())
    try:
        await asyncio.wait_for(db.fetch_value("SELECT 1"), 0.01)
    except TimeoutError:
        return "cancelled"
    return "connected"


async def cancelled_statement(url: str) -> str:
    db = howdah.AsyncDatabase(url)
    await db.fetch_value("SELECT 1")
    try:
        await asyncio.wait_for(db.fetch_value("SELECT pg_sleep(60)"), 0.01)
    except TimeoutError:
        return "cancelled"
    return "slept"


async def open_pool(url: str) -> str:
    # Others are opened in the background.
    db = howdah.AsyncDatabase(url, min_size=3)
    KEPT.append(db)
    return str(await db.fetch_value("SELECT 1"))


async def open_listener(url: str) -> str:
    db = howdah.AsyncDatabase(url)
    listener = db.listen("news")
    await listener.__aenter__()
    KEPT.append((db, listener))
    return "listens"


async def load_under_way(url: str) -> str:
    db = howdah.AsyncDatabase(url)
    seen = asyncio.Event()
    loop = asyncio.get_running_loop()

    def rows() -> Iterator[Row]:
        for number in itertools.count():
            if number == 1000:
                loop.call_soon_threadsafe(seen.set)
            yield Row(number)

    load = asyncio.create_task(db.load("ends", rows()))
    await seen.wait()
    KEPT.append(load)
    return "loads"


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


class Worker:
    """A daemon thread, which tells when it is at work."""

    def __init__(self, work: Callable[[Worker], object]) -> None:
        """Start it."""
        self._at_work = threading.Event()
        threading.Thread(target=work, args=(self,), daemon=True).start()
        self._at_work.wait(30)

    def step(self) -> None:
        """Say that it is at work."""
        if not self._at_work.is_set():
            self._at_work.set()

    def rows(self, pause_s: float | None = None) -> Iterator[Row]:
        """Give rows without an end."""
        for number in itertools.count():
            if number == 2000 or (pause_s is not None and number == 3):
                self.step()
            if pause_s is not None:
                time.sleep(pause_s)
            yield Row(number)


def daemon(work: Callable[[howdah.Database, Worker], object]) -> Callable[[str], str]:
    """Make the program that ends while a daemon thread does this with a database."""

    def program(url: str) -> str:
        def run(worker: Worker) -> None:
            with howdah.Database(url) as db:
                work(db, worker)

        Worker(run)
        return "at work"

    return program


def fetches(db: howdah.Database, worker: Worker) -> None:
    while True:
        db.fetch_value("SELECT 1")
        worker.step()


class Model(BaseModel):
    """A row, which takes Python's code to make."""

    n: int

    @field_validator("n")
    @classmethod
    def check(cls, n: int) -> int:
        """Take some time."""
        return sum(range(20)) + n


def fetches_objects(db: howdah.Database, worker: Worker) -> None:
    while True:
        db.fetch("SELECT n FROM generate_series(1, 500) AS n", into=Model)
        worker.step()


def waits(db: howdah.Database, worker: Worker) -> None:
    worker.step()
    db.fetch_value("SELECT pg_sleep(60)")


def waits_shortly(db: howdah.Database, worker: Worker) -> None:
    while True:
        db.fetch_value("SELECT pg_sleep(0.001)")
        worker.step()


def reads(db: howdah.Database, worker: Worker) -> None:
    while True:
        for _ in db.read("SELECT n FROM generate_series(1, 1000) AS n", batch_rows=50, progress=lambda _: None):
            worker.step()


def streams(db: howdah.Database, worker: Worker) -> None:
    while True:
        for _ in db.stream("SELECT n FROM generate_series(1, 1000) AS n", batch_rows=50):
            worker.step()


def listens(db: howdah.Database, worker: Worker) -> None:
    with db.listen("news") as notifications:
        worker.step()
        for _ in notifications:
            pass


def loads_with_progress(db: howdah.Database, worker: Worker) -> None:
    def progress(_: object) -> None:
        time.sleep(0.001)

    db.load("ends", worker.rows(), progress=progress)


def loads_frames(db: howdah.Database, worker: Worker) -> None:
    schema = pa.schema([("a", pa.int32())])

    def batches() -> Iterator[pa.RecordBatch]:
        for number in itertools.count():
            if number > 3:
                worker.step()
            yield pa.record_batch({"a": pa.array([number] * 1000, pa.int32())}, schema)

    db.load("ends", pa.RecordBatchReader.from_batches(schema, batches()))


def executes_many(db: howdah.Database, worker: Worker) -> None:
    db.execute_many("INSERT INTO ends VALUES ($1)", worker.rows())


def connects(_: howdah.Database, worker: Worker) -> None:
    peer = silent_peer()
    while True:
        worker.step()
        with suppress(howdah.ConnectionError):
            howdah.Database(peer, connect_timeout_s=0.001).fetch_value("SELECT 1")


class Stored(logging.Handler):
    """Stores what is logged, with the handler's lock held, for which `logging.shutdown` waits at the end."""

    def __init__(self, db: howdah.Database, worker: Worker) -> None:
        """Store it there."""
        super().__init__()
        self._db, self._worker = db, worker

    def emit(self, record: logging.LogRecord) -> None:
        """Store a record."""
        self._worker.step()
        self._db.fetch_value("SELECT $1::text FROM pg_sleep(0.1)", record.getMessage())


def logs(db: howdah.Database, worker: Worker) -> None:
    logger = logging.getLogger("ends")
    logger.addHandler(Stored(db, worker))
    while True:
        logger.warning("at work")


def daemon_loop(work: Callable[[howdah.AsyncDatabase, Worker], Coroutine[Any, Any, None]]) -> Callable[[str], str]:
    """Make the program that ends while a daemon thread's event loop does this with a database."""

    def program(url: str) -> str:
        async def run(worker: Worker) -> None:
            async with howdah.AsyncDatabase(url) as db:
                await work(db, worker)

        Worker(lambda worker: asyncio.run(run(worker)))
        return "at work"

    return program


async def awaits_fetches(db: howdah.AsyncDatabase, worker: Worker) -> None:
    async def one() -> None:
        while True:
            await db.fetch("SELECT n FROM generate_series(1, 100) AS n")
            worker.step()

    await asyncio.gather(*[one() for _ in range(4)])


async def awaits_connections(_: howdah.AsyncDatabase, worker: Worker) -> None:
    while True:
        await told(howdah.AsyncDatabase(REFUSED))
        worker.step()


async def awaits_cancelled(db: howdah.AsyncDatabase, worker: Worker) -> None:
    while True:
        try:
            await asyncio.wait_for(db.fetch_value("SELECT pg_sleep(60)"), 0.002)
        except TimeoutError:
            worker.step()


def with_gc(db: howdah.Database, worker: Worker) -> None:
    # Garbage with connections in it is collected wherever the thread is.
    def cycle() -> None:
        kept: list[object] = [db.stream("SELECT 1 AS a"), db.read("SELECT 1 AS a")]
        kept.append(kept)
        iterator: Any = kept[0]
        next(iterator)

    while True:
        cycle()
        db.fetch("SELECT n FROM generate_series(1, 50) AS n")
        worker.step()


async def at_atexit(url: str) -> str:
    def late() -> None:
        # Other threads have stopped; the one that ends the interpreter goes on as ever.
        with closing(howdah.Database(url)) as db:
            assert db.fetch_value("SELECT 1") == 1
        assert asyncio.run(told(howdah.AsyncDatabase(REFUSED))) == "ConnectionError"

    atexit.register(late)
    return await told(howdah.AsyncDatabase(REFUSED))


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


AWAITED: dict[str, tuple[Callable[[str], Coroutine[Any, Any, str]], str]] = {
    "refused": (refused, "ConnectionError"),
    "unresolvable": (unresolvable, "ConnectionError"),
    "timeout": (timeout, "ConnectionError"),
    "tls failure": (tls_failure, "ConnectionError"),
    "cancelled connect": (cancelled_connect, "cancelled"),
    "cancelled statement": (cancelled_statement, "cancelled"),
    "open pool": (open_pool, "1"),
    "open listener": (open_listener, "listens"),
    "load under way": (load_under_way, "loads"),
    "atexit": (at_atexit, "ConnectionError"),
}

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
