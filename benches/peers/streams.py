"""A process of its own that streams rows and says what memory it took.

Started as ``python -m benches.peers.streams source PATH``, ``in PATH URL TABLE`` or ``out URL TABLE``; prints
one line of JSON: rows, and resident bytes after the imports (``base``) and at the peak (``peak``).
"""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

import howdah as pg

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE_BATCH_ROWS = 16_384


def source(path: str) -> pa.RecordBatchReader:
    """Return a Parquet file as a stream that holds no more than a row group."""
    file = pq.ParquetFile(path, pre_buffer=False)
    return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(SOURCE_BATCH_ROWS, use_threads=False))


def drain(path: str) -> int:
    """Read the source and do nothing with it, to know what of the peak is its own."""
    return sum(batch.num_rows for batch in source(path))


def stream_in(path: str, url: str, table: str) -> int:
    """Load the source into a table."""
    with pg.Database(url) as database:
        return database.load(table, source(path)).rows


def stream_out(url: str, table: str) -> int:
    """Read a table batch by batch and keep none."""
    with pg.Database(url) as database:
        return sum(batch.num_rows for batch in database.read(table))


def resident_bytes() -> tuple[int, int]:
    """Return the resident memory of this process: now, and at its peak.

    Linux carries ``ru_maxrss`` over from the process that started this one (getrusage(2), execve(2)), so the
    kernel's own record of this program's peak is read where there is one (proc_pid_status(5)).
    """
    status = Path("/proc/self/status")
    if status.exists():
        sizes = dict(re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", status.read_text(), re.MULTILINE))
        return int(sizes["VmRSS"]) * 1024, int(sizes["VmHWM"]) * 1024
    # Elsewhere only the peak is known; right after the imports it is what they took. macOS counts in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak, peak


VERBS: dict[str, Callable[..., int]] = {"source": drain, "in": stream_in, "out": stream_out}


def main() -> None:
    """Do what the arguments say and print the figures."""
    verb, *arguments = sys.argv[1:]
    base, _ = resident_bytes()
    rows = VERBS[verb](*arguments)
    _, peak = resident_bytes()
    print(json.dumps({"rows": rows, "base": base, "peak": peak}))


if __name__ == "__main__":
    main()
