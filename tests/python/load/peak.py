"""A process that does one thing with a database, and prints by how many MB its memory grew at most, and what stayed.

Usage: python peak.py URL CASE. The high-water mark is a process's own, so that each case has one.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import pathlib
import sys
from typing import TYPE_CHECKING, Any

import howdah

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

MB = 1 << 20
SAY = "DO $$ BEGIN FOR n IN 1..{} LOOP RAISE NOTICE '%', repeat('x', {}); END LOOP; END $$"


def memory(name: str) -> int:
    """Give a figure of /proc/self/status in MB."""
    for line in pathlib.Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) // 1024
    raise LookupError(name)


def rows(count: int, length: int, make: Any) -> Iterator[dict[str, Any]]:
    """Give rows with a long text each."""
    return ({"n": n, "v": make(f"{n:09}" + "x" * length)} for n in range(count))


def short_then_long() -> Iterator[dict[str, Any]]:
    """Give short rows, and then long ones."""
    yield from rows(20_000, 1, str)
    yield from rows(300, MB, str)


def frame() -> Any:
    """Give a table of Arrow whose last rows are long, all in one batch."""
    import pyarrow as pa  # noqa: PLC0415  (for this case alone)

    texts = ["x"] * 20_000 + ["y" * MB] * 300
    return pa.table({"n": range(len(texts)), "v": texts})


def read_say(db: howdah.Database) -> None:
    """Read a query that says much."""
    db.execute(
        "CREATE FUNCTION say() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN FOR n IN 1..20000 LOOP "
        "RAISE NOTICE '%', repeat('x', 10000); END LOOP; RETURN 1; END $f$"
    )
    assert db.read("SELECT say()").to_arrow().num_rows == 1


def fetch_long(db: howdah.Database) -> None:
    """Fetch a long value."""
    assert len(db.fetch_value("SELECT v FROM b")) == 256 * MB


CASES: dict[str, Callable[[howdah.Database], object]] = {
    "texts": lambda db: db.load("t", rows(300, MB, str)),
    "json": lambda db: db.load("j", rows(300, MB, lambda text: {"k": text})),
    "lists": lambda db: db.load("a", ({"n": n, "v": list(range(n, n + 100_000))} for n in range(300))),
    "create": lambda db: db.load("made", rows(300, MB, str), mode="create"),
    "short then long": lambda db: db.load("t", short_then_long()),
    "bytea in": lambda db: db.load("b", [{"n": 1, "v": bytes(256 * MB)}]),
    "bytea out": fetch_long,
    "bytea read": lambda db: db.read("SELECT v FROM b").to_arrow(),
    "notices": lambda db: db.execute(SAY.format(20_000, 10_000)),
    "notices of a read": read_say,
    "notices of a load": lambda db: db.load("loud", [{"n": 1}]),
}


AWAITED: dict[str, Callable[[howdah.AsyncDatabase], Awaitable[object]]] = {
    "notices of asyncio": lambda db: db.execute(SAY.format(20_000, 10_000)),
    "texts of asyncio": lambda db: db.load("t", rows(300, MB, str)),
    "bytea in of asyncio": lambda db: db.load("b", [{"n": 1, "v": bytes(256 * MB)}]),
}


async def awaited(url: str, case: str) -> None:
    """Do it under asyncio."""
    async with howdah.AsyncDatabase(url, max_size=1) as db:
        await AWAITED[case](db)


class Counter(logging.Handler):
    """Counts what the server says."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record."""
        Counter.count += len(record.getMessage()) > 10_000


def main(url: str, case: str) -> None:
    """Measure a case."""
    logging.getLogger("howdah").addHandler(Counter())
    logging.getLogger("howdah").setLevel(logging.INFO)
    given = frame() if case == "frame" else None
    with howdah.Database(url, max_size=1) as db:
        # What is imported for the first time is no part of it.
        db.read("SELECT 1").to_arrow()
        gc.collect()
        pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before = memory("VmRSS")
        if case in AWAITED:
            asyncio.run(awaited(url, case))
        elif given is not None:
            db.load("t", given)
        else:
            CASES[case](db)
        gc.collect()
        peak, after = memory("VmHWM"), memory("VmRSS")
    sys.stdout.write(f"{peak - before} {after - before} {Counter.count}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
