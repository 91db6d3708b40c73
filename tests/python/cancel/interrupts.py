"""Interrupts writes at random moments, and checks whether each exception tells the truth.

Each shot empties a table, begins a write into it, interrupts that after a random time, and compares what the exception
tells with the rows that are there: all of them where it tells "committed", none where it tells nothing.

The tests fire a few of them. Many are fired, and counted, by

    python -m howdah.embedded -- python -m tests.python.cancel.interrupts --shots 500
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import uvloop

import howdah
from howdah import Col, Table, col

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

FEW, MANY, LOTS = 1_000, 30_000, 200_000
PACKAGE = str(Path(howdah.__file__).parent)
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
# How long an interrupt that was sent may take to be raised.
PATIENCE_S = 5.0


class Shot(Table):
    """The table that is written to."""

    __table__ = "shots"

    id: Col[int] = col(primary_key=True)
    v: Col[str] = col(default="")


def rows(count: int) -> list[dict[str, Any]]:
    """Give rows for it."""
    return [{"id": n, "v": "x" * 20} for n in range(count)]


GIVEN = {count: rows(count) for count in (FEW, MANY, LOTS)}
SELECTED = "SELECT n, 'x' FROM generate_series(1, $1::int) AS n"


def in_block(db: Any) -> Any:
    """Write by two statements in a transaction."""
    if isinstance(db, howdah.AsyncDatabase):

        async def block() -> None:
            async with db.transaction():
                await db.execute(f"INSERT INTO shots {SELECTED}", FEW - 1)
                await db.execute("INSERT INTO shots VALUES (0, 'x')")

        return block()
    with db.transaction():
        db.execute(f"INSERT INTO shots {SELECTED}", FEW - 1)
        db.execute("INSERT INTO shots VALUES (0, 'x')")
    return None


def run_in_transaction(db: Any) -> Any:
    """Write by a body that may run again."""
    return db.run_transaction(lambda: db.execute(f"INSERT INTO shots {SELECTED}", FEW))


def load(count: int, **options: Any) -> Callable[[Any], Any]:
    """Give what loads so many rows."""
    return lambda db: db.load("shots", GIVEN[count], **options)


ACTS: dict[str, tuple[int, Callable[[Any], Any]]] = {
    "load": (FEW, load(FEW)),
    "load_many": (MANY, load(MANY)),
    "load_lots": (LOTS, load(LOTS)),
    "replace": (FEW, load(FEW, mode="replace")),
    "replace_lots": (LOTS, load(LOTS, mode="replace")),
    "truncate": (FEW, load(FEW, mode="truncate")),
    "upsert": (FEW, load(FEW, mode="upsert", key="id")),
    "execute": (FEW, lambda db: db.execute(f"INSERT INTO shots {SELECTED}", FEW)),
    "script": (FEW, lambda db: db.execute(f"INSERT INTO shots {SELECTED}".replace("$1", str(FEW)))),
    "execute_many": (
        FEW,
        lambda db: db.execute_many("INSERT INTO shots VALUES ($1, $2)", [(n, "x") for n in range(FEW)]),
    ),
    "fetch": (FEW, lambda db: db.fetch(f"INSERT INTO shots {SELECTED} RETURNING id", FEW)),
    "insert_many": (FEW, lambda db: db.insert_many(Shot, GIVEN[FEW])),
    "upsert_many": (FEW, lambda db: db.upsert(Shot, GIVEN[FEW], on=[Shot.id])),
    "transaction": (FEW, in_block),
    "run_transaction": (FEW, run_in_transaction),
}


@dataclass
class Tally:
    """What the shots at one kind of write came to."""

    count: int
    told: Counter[str] = field(default_factory=Counter)
    lies: list[str] = field(default_factory=list)

    def note(self, told: str, stored: int) -> None:
        """Compare what was told with the rows that are there."""
        self.told[told] += 1
        expected = {"returned": {self.count}, "committed": {self.count}, "rolled back": {0}}
        if stored not in expected.get(told, {0, self.count}):
            self.lies.append(f"{told}, and {stored} of {self.count} rows are stored")


class Range:
    """A table that is shot at, and looked at from beside."""

    def __init__(self, url: str, seed: int) -> None:
        """Connect the one who looks."""
        self.url = url
        self.random = random.Random(seed)  # noqa: S311  (it is to be the same each time)
        self.witness = psycopg.connect(url, autocommit=True)
        self.witness.execute("DROP TABLE IF EXISTS shots")
        self.witness.execute("CREATE TABLE shots (id int8 PRIMARY KEY, v text NOT NULL)")

    def empty(self) -> None:
        """Empty the table."""
        self.witness.execute("TRUNCATE shots")

    def stored(self, told: str) -> int:
        """Count the rows; where nobody knows, when the server has ended what it was at."""
        if told == "unknown":
            time.sleep(0.5)
        return int(self.witness.execute("SELECT count(*) FROM shots").fetchall()[0][0])

    def moments(self, took_s: float, shots: int) -> list[float]:
        """Give moments from the beginning of a write to a little after its end."""
        return [self.random.uniform(0, 1.1 * took_s) for _ in range(shots)]

    def close(self) -> None:
        """Drop the table."""
        self.witness.execute("DROP TABLE shots")
        self.witness.close()


def told_by(error: BaseException) -> str:
    """Give what an interrupt tells, by its attribute and its note alike."""
    outcome = getattr(error, "howdah_outcome", None)
    notes = " ".join(getattr(error, "__notes__", []))
    assert (outcome is not None) == ("howdah: " in notes), (outcome, notes)
    assert outcome in {None, "committed", "unknown"}
    return outcome or "rolled back"


def is_howdahs(trace: TracebackType | None) -> bool:
    """Tell whether an exception came through howdah's own code."""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename.startswith(PACKAGE):
            return True
        trace = trace.tb_next
    return False


def shoot(act: Callable[[], object], delay_s: float) -> str:
    """Press Ctrl-C in the midst of a write, and give what came of it.

    The system's timer presses: a thread of ours would have to wait for the GIL. Its signal is handled as Ctrl-C is.
    """
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    has_returned = False
    # Python only prints what is raised in a callback of the garbage collection, such as hypothesis has.
    gc.disable()
    try:
        signal.setitimer(signal.ITIMER_REAL, max(delay_s, 1e-6))
        act()
        has_returned = True
        deadline = time.monotonic() + PATIENCE_S + delay_s
        while time.monotonic() < deadline:
            time.sleep(0.001)
    except KeyboardInterrupt as error:
        if has_returned or not is_howdahs(error.__traceback__):
            # Before it began, or when it had ended: raised in this function's own code.
            return "returned" if has_returned else "outside"
        return told_by(error)
    finally:
        # Where `act` failed, the signal has not come yet.
        signal.setitimer(signal.ITIMER_REAL, 0)
        gc.enable()
    return "swallowed"


def blocking(place: Range, name: str, shots: int) -> Tally:
    """Press Ctrl-C in a thread that blocks."""
    count, act = ACTS[name]
    tally = Tally(count)
    with howdah.Database(place.url, max_size=1) as db:
        for delay_s in place.moments(taken(place, lambda: act(db)), shots):
            place.empty()
            told = shoot(lambda: act(db), delay_s)
            if told == "swallowed":
                tally.lies.append("no KeyboardInterrupt came")
            tally.note(told, place.stored(told))
    return tally


def taken(place: Range, act: Callable[[], object]) -> float:
    """Give how long a write takes, once it is warm."""
    took = []
    for _ in range(3):
        place.empty()
        begun = time.perf_counter()
        act()
        took.append(time.perf_counter() - begun)
    return min(took)


async def cancelled(write: Awaitable[object], delay_s: float) -> str:
    """Cancel the task of a write."""
    task = asyncio.ensure_future(write)
    await asyncio.sleep(delay_s)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError as error:
        return told_by(error)
    return "returned"


async def timed_out(write: Awaitable[object], delay_s: float) -> str:
    """Let `asyncio.wait_for` end a write: its TimeoutError is raised from what tells."""
    try:
        await asyncio.wait_for(write, delay_s)
    except TimeoutError as error:
        cause = error.__cause__
        return told_by(error if cause is None else cause)
    return "returned"


ENDS = {"cancel": cancelled, "wait_for": timed_out}


async def awaited(place: Range, name: str, shots: int, how: str) -> Tally:
    """Cancel the task that awaits, or time it out."""
    count, act = ACTS[name]
    tally = Tally(count)
    async with howdah.AsyncDatabase(place.url, max_size=1) as db:
        took = []
        for _ in range(3):
            place.empty()
            begun = time.perf_counter()
            await act(db)
            took.append(time.perf_counter() - begun)
        for delay_s in place.moments(min(took), shots):
            place.empty()
            told = await ENDS[how](act(db), delay_s)
            tally.note(told, place.stored(told))
    return tally


def fired(url: str, how: str, name: str, shots: int, seed: int = 20261130) -> Tally:
    """Fire shots at one kind of write.

    Args:
        url: The server.
        how: `blocking`, or the loop and the end, such as `uvloop-wait_for`.
        name: The kind of write.
        shots: How many.
        seed: What the moments depend on.

    Returns:
        What came of them.
    """
    place = Range(url, seed)
    try:
        if how == "blocking":
            return blocking(place, name, shots)
        loop, _, end = how.partition("-")
        with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
            return runner.run(awaited(place, name, shots, end))
    finally:
        place.close()


HOWS = ["blocking", *(f"{loop}-{end}" for loop in LOOPS for end in ENDS)]


def main() -> None:
    """Fire many, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shots", type=int, default=200, help="for each kind of write and each way to interrupt it")
    parser.add_argument("--only", choices=ACTS, nargs="*", default=list(ACTS))
    parser.add_argument("--how", choices=HOWS, nargs="*", default=HOWS)
    parser.add_argument("--seed", type=int, default=20261130)
    given = parser.parse_args()
    sums: Counter[str] = Counter()
    for how in given.how:
        for name in given.only:
            tally = fired(os.environ["DATABASE_URL"], how, name, given.shots, given.seed)
            sums.update(tally.told)
            sums["lied"] += len(tally.lies)
            print(f"{how:17} {name:16} {dict(tally.told)} lied: {len(tally.lies)} {tally.lies[:1]}", flush=True)  # noqa: T201
    print(f"in all {sum(sums.values()) - sums['lied']}: {dict(sums)}")  # noqa: T201


if __name__ == "__main__":
    main()
