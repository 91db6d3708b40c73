"""A process of its own whose GIL is watched while one thread of it makes blocking calls.

Started as ``python -m benches.peers.rows_thread WORK URL CORE...``; the calls are made on those cores, and another
thread counts on those that the process was started on. Prints a line with where its GIL is, makes calls alone, and
prints a line of JSON: how many calls in how many seconds, and how many seconds of counting a call costs the other
thread.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import sys
import threading
import time
from typing import TYPE_CHECKING

from .rows import LOOKUPS, keys
from .rows_blocking import BlockingLookups, HowdahLookups, PsycopgLookups
from .rows_fetch import HowdahFetch
from .rows_lock import lock_address

if TYPE_CHECKING:
    from collections.abc import Callable

    from .measure import Contestant

WARM_CALLS = 50
ALONE_S = 0.7
SLICES = 10
SLICE_S = 0.06
CHUNK = range(200)
# By default a thread that waits for the GIL asks for it after 5 ms, and there would be no more than 200 calls a second.
SWITCH_INTERVAL_S = 20e-6
# About what a call waits for the server.
SLEEP_S = 30e-6


def call_of(work: str, url: str) -> tuple[Callable[[], object], Contestant | None]:
    """Return a call, and whom to close in the end."""
    if work == "sleep":
        return lambda: time.sleep(SLEEP_S), None
    if work == "fetch":
        fetch = HowdahFetch(url)
        return fetch.work, fetch
    wanted = keys(LOOKUPS)
    lookups: BlockingLookups = (
        HowdahLookups(url, wanted) if work == "howdah" else PsycopgLookups(url, wanted, binary=True)
    )
    turns, lookup = itertools.cycle(wanted), lookups.lookup
    return lambda: lookup(next(turns)), lookups


def alone(call: Callable[[], object]) -> tuple[int, float]:
    """Make calls, and return how many in how many seconds."""
    calls, start = 0, time.perf_counter()
    while time.perf_counter() - start < ALONE_S:
        call()
        calls += 1
    return calls, time.perf_counter() - start


class Caller(threading.Thread):
    """Makes calls between ``resume`` and ``pause``."""

    def __init__(self, call: Callable[[], object]) -> None:
        """Take the call."""
        super().__init__(daemon=True)
        self.calls = 0
        self._call = call
        self._going = threading.Event()
        self._idle = threading.Event()

    def run(self) -> None:
        """Make calls, until the process ends."""
        while True:
            self._idle.set()
            self._going.wait()
            self._idle.clear()
            while self._going.is_set():
                self._call()
                self.calls += 1

    def resume(self) -> None:
        """Let calls be made."""
        self._going.set()

    def pause(self) -> None:
        """Let no more calls be made, and wait for the last one."""
        self._going.clear()
        self._idle.wait()


def lost_seconds(call: Callable[[], object], cores: set[int]) -> float:
    """Return how many seconds of its counting a thread loses for each call that another one makes meanwhile.

    It counts by itself, then beside the calls, in slices so short that both see the same machine.
    """
    caller = Caller(call)
    caller.start()
    os.sched_setaffinity(caller.native_id or 0, cores)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    lost = []
    for _ in range(SLICES):
        counted, seconds = _count()
        alone_rate = counted / seconds
        before = caller.calls
        caller.resume()
        counted, seconds = _count()
        calls = caller.calls - before
        caller.pause()
        lost.append((seconds - counted / alone_rate) / max(calls, 1))
    return statistics.median(lost)


def _count() -> tuple[int, float]:
    clock, counted, start = time.perf_counter, 0, time.perf_counter()
    while clock() - start < SLICE_S:
        for _ in CHUNK:
            counted += 1
    return counted, clock() - start


def main() -> None:
    """Do what the arguments say and print the figures."""
    work, url, *cores = sys.argv[1:]
    counting, calling = os.sched_getaffinity(0), {int(core) for core in cores}
    call, contestant = call_of(work, url)
    for _ in range(WARM_CALLS):
        call()
    os.sched_setaffinity(0, calling)
    print(lock_address(), flush=True)
    calls, seconds = alone(call)
    os.sched_setaffinity(0, counting)
    print(json.dumps({"calls": calls, "seconds": seconds, "lost_s": lost_seconds(call, calling)}), flush=True)
    if contestant is not None:
        contestant.close()


if __name__ == "__main__":
    main()
