"""Client CPU time and latency of short statements, with several limits of the busy wait and with psycopg.

    python -m benches.busy_wait

Each statement is busy on the server for a given time. One caller sends it again and again; the contestants take turns.
"""

from __future__ import annotations

import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

import psycopg

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Callable

# How long the server is busy, in microseconds. The round trip comes on top.
SERVER_US = (0, 20, 50, 100, 150, 200, 300, 500)
# Limits of the busy wait, in microseconds.
LIMITS_US = (0, 30, 50, 75, 100, 250)
CALLS = 500
ROUNDS = 7
BUSY = "SELECT count(*) FROM generate_series(1, $1::int)"

Measure = tuple[float, float]
"""CPU time and median latency of a call, in microseconds."""


def measured(call: Callable[[], object]) -> Measure:
    """Time calls one after another."""
    latencies: list[float] = []
    for _ in range(20):
        call()
    cpu = time.process_time()
    for _ in range(CALLS):
        began = time.perf_counter()
        call()
        latencies.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    return cpu / CALLS * 1e6, statistics.median(latencies) * 1e6


def calibrated(url: str) -> dict[int, int]:
    """Find how many rows of a series keep the server busy for each time."""
    with psycopg.connect(url, autocommit=True) as connection:

        def took(rows: int) -> float:
            query = BUSY.replace("$1", "%s")
            return statistics.median(
                time_of(lambda: connection.execute(query, (rows,), prepare=True).fetchone()) for _ in range(300)
            )

        base = took(1)
        per_row = (took(2000) - base) / 2000
    return {us: max(1, round(us * 1e-6 / per_row)) for us in SERVER_US}


def time_of(call: Callable[[], object]) -> float:
    """Time one call, in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def main() -> None:
    """Measure, and print a table in Markdown."""
    with embedded.server() as server:
        url = server.url
        rows = calibrated(url)
        databases = {f"busy_wait_s={us}e-6": howdah.Database(url, busy_wait_s=us * 1e-6) for us in LIMITS_US}
        connection = psycopg.connect(url, autocommit=True)

        def ask_psycopg(count: int) -> object:
            return connection.execute(BUSY.replace("$1", "%s"), (count,), prepare=True).fetchone()

        found: dict[tuple[str, int], list[Measure]] = {}
        for _ in range(ROUNDS):
            for us, count in rows.items():
                calls: dict[str, Callable[[], object]] = {
                    name: partial(database.fetch_value, BUSY, count) for name, database in databases.items()
                }
                calls["psycopg"] = partial(ask_psycopg, count)
                for name, call in calls.items():
                    found.setdefault((name, us), []).append(measured(call))
        connection.close()
        for database in databases.values():
            database.close()
    names = [*databases, "psycopg"]
    print("CPU time of the client / median latency, in microseconds, medians of", ROUNDS, "rounds\n")
    print("| server busy |", " | ".join(names), "|")
    print("|---" * (len(names) + 1) + "|")
    for us in rows:
        cells = []
        for name in names:
            measures = found[name, us]
            cpu, latency = (statistics.median(one[at] for one in measures) for at in (0, 1))
            cells.append(f"{cpu:.0f} / {latency:.0f}")
        print(f"| {us} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
