"""For how long a process holds its GIL, read off the GIL itself by another process: nothing is slowed down by it.

CPython keeps the GIL in its one ``_PyRuntime``, and in it, after the switch interval and the last holder, whether it
is taken: https://github.com/python/cpython/blob/3.13/Include/internal/pycore_gil.h. The switch interval can be set to
a number that stands nowhere else, and so the GIL is found. Linux shows a process's memory to its
parent (proc_pid_mem(5)).
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import time
from pathlib import Path

# Two intervals that tell the GIL from whatever else is the same number by chance.
MARKS_S = (0.004321, 0.003217)
INTERVAL = struct.Struct("@L")
LOCKED_OFFSET = struct.calcsize("@LP")
LOCKED_BYTES = struct.calcsize("@i")
RUNTIME_BYTES_AT_MOST = 4 << 20
SAMPLES_BETWEEN_LOOKS_AT_THE_CLOCK = 50


class LockError(Exception):
    """The GIL was not where this module looks for it."""


def lock_address() -> int:
    """Return where this process's memory says whether the GIL is taken.

    Raises:
        LockError: the memory of this Python is laid out in another way.
    """
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    before = sys.getswitchinterval()
    try:
        first, second = (_places(mark, runtime) for mark in MARKS_S)
    finally:
        sys.setswitchinterval(before)
    found = first & second
    if len(found) != 1:
        message = f"expected the GIL at one place of _PyRuntime, got {len(found)}; this Python has another layout"
        raise LockError(message)
    return found.pop() + LOCKED_OFFSET


def _places(interval_s: float, runtime: int) -> set[int]:
    sys.setswitchinterval(interval_s)
    mark = INTERVAL.pack(round(sys.getswitchinterval() * 1e6))
    memory = os.open("/proc/self/mem", os.O_RDONLY)
    try:
        held = os.pread(memory, RUNTIME_BYTES_AT_MOST, runtime)
    finally:
        os.close(memory)
    return {runtime + at for at in range(0, len(held) - len(mark), len(mark)) if held[at : at + len(mark)] == mark}


def held_share(process: int, address: int, seconds: float) -> float:
    """Return for which share of the time a child of this process has held its GIL, from now for so many seconds."""
    memory = os.open(Path("/proc") / str(process) / "mem", os.O_RDONLY)
    free = bytes(LOCKED_BYTES)
    taken = samples = 0
    end = time.perf_counter() + seconds
    try:
        while time.perf_counter() < end:
            for _ in range(SAMPLES_BETWEEN_LOOKS_AT_THE_CLOCK):
                taken += os.pread(memory, LOCKED_BYTES, address) != free
            samples += SAMPLES_BETWEEN_LOOKS_AT_THE_CLOCK
    finally:
        os.close(memory)
    return taken / samples
