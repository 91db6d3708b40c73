"""Programs that end while daemon threads are inside calls of howdah."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import BaseModel, field_validator

import howdah
from tests.python.exits.peers import REFUSED, Row, error_class, silent_peer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


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
        await error_class(howdah.AsyncDatabase(REFUSED))
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
