"""Part "rows-gil": for how long a blocking lookup keeps the other threads of its process from running."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .bars import EXTRACTION, HANDOVER, HELD_HOWDAH, HELD_PSYCOPG, LOST_HOWDAH, LOST_PSYCOPG
from .measure import say
from .rows import PEOPLE_ROWS, people
from .rows_cores import APART, placed
from .rows_lock import held_share

if TYPE_CHECKING:
    from .measure import Bench

ROOT = Path(__file__).parents[2]
# Less than `rows_thread.ALONE_S`, so that the calls are under way at the beginning and at the end.
SAMPLED_S = 0.5
MICROSECONDS = 1e6
NOTES = [
    (
        "held: a process makes blocking calls by one thread, and another process looks at its GIL some half a million "
        "times a second; the share of looks at which it was taken, times the seconds, by the calls"
    ),
    (
        "counting lost: a second thread of that process counts, on a core of its own, by itself and beside the calls "
        "in turns of 60 ms; what it counted less, in seconds of counting by itself, by the calls. Much of it is the "
        "hand-over of the GIL from thread to thread, which is Python's and the kernel's: the same is measured with a "
        "thread that, in place of a lookup, sleeps as long, and taken off"
    ),
    (
        f"held per row: while {PEOPLE_ROWS:,} rows are fetched as dicts, and so what it takes to make a dict of a "
        "row's bytes, with hardly anything of the call"
    ),
]


@dataclass(frozen=True)
class GilPart:
    """Microseconds of a call, median by round: those of a bar by its name, and the hand-over."""

    microseconds: dict[str, float]
    rounds: dict[str, list[float]]
    notes: list[str]


def run(bench: Bench) -> GilPart | None:
    """Measure each contestant in a process of its own, in turns; None where a GIL cannot be watched."""
    if not Path("/proc/self/mem").exists() or sysconfig.get_config_var("Py_GIL_DISABLED"):
        say("rows-gil: left out, for it takes Linux, and a GIL")
        return None
    rounds: dict[str, list[float]] = {}
    with people(bench.admin), placed(bench.admin, APART) as servers:
        for number in range(1, bench.rounds + 1):
            for name, figure in _round(bench, servers).items():
                rounds.setdefault(name, []).append(figure * MICROSECONDS)
            say(f"rows-gil: round {number} of {bench.rounds}")
    return GilPart({name: statistics.median(figures) for name, figures in rounds.items()}, rounds, NOTES)


def _round(bench: Bench, cores: list[int]) -> dict[str, float]:
    howdah, howdah_lost = _watch("howdah", bench, cores)
    psycopg, psycopg_lost = _watch("psycopg", bench, cores)
    fetch, _ = _watch("fetch", bench, cores)
    _, handover = _watch("sleep", bench, cores)
    return {
        HELD_HOWDAH: howdah,
        HELD_PSYCOPG: psycopg,
        LOST_HOWDAH: howdah_lost - handover,
        LOST_PSYCOPG: psycopg_lost - handover,
        HANDOVER: handover,
        EXTRACTION: fetch / PEOPLE_ROWS,
    }


def _watch(work: str, bench: Bench, cores: list[int]) -> tuple[float, float]:
    """Return the seconds for which a call holds the GIL, and those of counting it costs another thread."""
    command = [sys.executable, "-m", "benches.peers.rows_thread", work, bench.url, *map(str, cores)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (our own)
        lines = iter(process.stdout or ())
        share = held_share(process.pid, int(next(lines)), SAMPLED_S)
        figures = json.loads(next(lines))
    return share * figures["seconds"] / figures["calls"], figures["lost_s"]
