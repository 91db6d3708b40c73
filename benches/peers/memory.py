"""Part "memory": the peak of a process of its own while rows stream in from Parquet and out batch by batch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from psycopg import sql

from datasets.lineitem import lineitem

from .bars import SOURCE_ALONE, STREAM_IN, STREAM_OUT
from .data import LINEITEM_COLUMNS, SCALE, Target, UnequalError, table
from .measure import Bench, say

ROOT = Path(__file__).parents[2]
TARGET = Target("bench_memory", LINEITEM_COLUMNS)
MIB = 1024 * 1024


@dataclass(frozen=True)
class Peak:
    """What one process took, in MiB: after its imports, and above that at its peak."""

    imports_mib: float
    above_mib: float


@dataclass(frozen=True)
class MemoryPart:
    """The peaks of streaming, and how many rows streamed."""

    rows: int
    peaks: dict[str, Peak]


def run(bench: Bench) -> MemoryPart:
    """Measure the source alone, then the same source into a table, then that table out.

    Raises:
        UnequalError: another number of rows went in or came out than the source has.
    """
    path = str(lineitem(SCALE, bench.memory_rows))
    with table(bench.admin, TARGET.name, TARGET):
        peaks = {
            SOURCE_ALONE: _peak(bench, SOURCE_ALONE, "source", path),
            STREAM_IN: _peak(bench, STREAM_IN, "in", path, bench.url, TARGET.name),
        }
        count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(TARGET.name))
        stored = bench.admin.execute(count).fetchone()
        _expect(STREAM_IN, bench.memory_rows, stored[0] if stored else 0)
        bench.admin.execute("CHECKPOINT")
        peaks[STREAM_OUT] = _peak(bench, STREAM_OUT, "out", bench.url, TARGET.name)
    return MemoryPart(bench.memory_rows, peaks)


def _peak(bench: Bench, what: str, *arguments: str) -> Peak:
    """Run one stream in a process of its own and return what it took.

    The source is pyarrow's, and so are its buffers: by default its pool keeps much of what it has freed, which
    would be counted as the stream's. The system's allocator gives it back.
    """
    command = [sys.executable, "-m", "benches.peers.streams", *arguments]
    environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603
    figures = json.loads(done.stdout)
    _expect(what, bench.memory_rows, figures["rows"])
    peak = Peak(figures["base"] / MIB, (figures["peak"] - figures["base"]) / MIB)
    say(f"memory: {what}: {peak.above_mib:.0f} MiB above {peak.imports_mib:.0f} MiB of imports")
    return peak


def _expect(what: str, expected: int, got: int) -> None:
    if got != expected:
        message = f"memory: {what}: expected {expected} rows, got {got}"
        raise UnequalError(message)
