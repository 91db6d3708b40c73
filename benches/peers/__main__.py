"""Run the parts, print the reports, and write them down.

``python -m benches.peers [--only bulk|rows|orm|PART] [--rounds 5] [--rows 1000000] [--tcp]``
``[--cores apart|together|free]``
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from . import (
    chart,
    dicts,
    load,
    machine,
    memory,
    orm,
    read,
    rows_fetch,
    rows_gil,
    rows_lookups,
    rows_many,
    rows_pipeline,
    small,
)
from .measure import Bench, say
from .report import Report
from .rows_cores import APART, PLACES, placed
from .server import server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benches" / "results"
TRIALS = ROOT / "target" / "peers"
BULK_PARTS = {"load": load.run, "dicts": dicts.run, "small": small.run, "read": read.run}
ROWS_PARTS = {
    "rows-blocking": rows_lookups.blocking,
    "rows-held": rows_lookups.held,
    "rows-pool": rows_lookups.pooled,
    "rows-10": rows_lookups.callers_10,
    "rows-100": rows_lookups.callers_100,
    "rows-pipeline": rows_pipeline.run,
    "rows-fetch": rows_fetch.run,
    "rows-insert": rows_many.insert,
    "rows-update": rows_many.update,
}
GROUPS = {"bulk": [*BULK_PARTS, "memory"], "rows": [*ROWS_PARTS, "rows-gil"], "orm": [*orm.PARTS]}
ROUNDS = 5
ROWS = 1_000_000
MEMORY_ROWS_PER_ROW = 6


def main() -> int:
    """Run what the arguments ask for; an unequal result ends the run with its error."""
    options = arguments()
    for group, run in (("bulk", bulk), ("rows", rows), ("orm", objects)):
        if parts := [part for part in GROUPS[group] if options.only in (None, group, part)]:
            run(options, parts)
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benches.peers", description="howdah beside its peers")
    names = [name for group, parts in GROUPS.items() for name in (group, *parts)]
    parser.add_argument("--only", choices=names, help="run one group of parts, or one part")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="counted rounds (default: %(default)s)")
    parser.add_argument(
        "--rows",
        type=int,
        default=ROWS,
        help=f"rows of lineitem (default: %(default)s); memory streams {MEMORY_ROWS_PER_ROW} times as many",
    )
    parser.add_argument(
        "--tcp", action="store_true", help="bulk over TCP loopback, not the Unix socket; the rest always is"
    )
    parser.add_argument("--cores", choices=PLACES, default=APART, help="where rows and orm run (default: %(default)s)")
    return parser.parse_args()


def bulk(options: argparse.Namespace, parts: list[str]) -> None:
    """Run parts that move whole tables."""
    with started(options, tcp=options.tcp) as (bench, report):
        report.title = "Bulk loads and reads beside the peers"
        report.about = "TPC-H lineitem, scale 1, its first rows."
        report.parts += [run(bench) for name, run in BULK_PARTS.items() if name in parts]
        report.memory = memory.run(bench) if "memory" in parts else None
    whole = parts == GROUPS["bulk"] and options.rounds >= ROUNDS and options.rows >= ROWS
    finish(report, RESULTS if whole else TRIALS, "bulk-tcp" if options.tcp else "bulk")


def rows(options: argparse.Namespace, parts: list[str]) -> None:
    """Run parts that move rows one by one."""
    with started(options, tcp=True) as (bench, report):
        report.title = "Rows one by one beside the peers"
        report.about = f"Rows of 8 columns, looked up by primary key among 10,000; {PLACES[options.cores]}."
        report.chart_unit = ("thousands", 1e3)
        with placed(bench.admin, options.cores):
            report.parts += [run(bench) for name, run in ROWS_PARTS.items() if name in parts]
        report.gil = rows_gil.run(bench) if "rows-gil" in parts else None
    whole = parts == GROUPS["rows"] and options.rounds >= ROUNDS
    finish(report, RESULTS if whole else TRIALS, "rows" if options.cores == APART else f"rows-{options.cores}")


def objects(options: argparse.Namespace, parts: list[str]) -> None:
    """Run parts that ORMs do."""
    with started(options, tcp=True) as (bench, report):
        report.title = "Objects beside other ORMs"
        report.about = (
            "A table of 8 columns (bigint identity, text, unique text, integer, double precision, boolean, "
            f"timestamptz, jsonb), of 10,000 rows where nothing else is said; {PLACES[options.cores]}. Each ORM has "
            "asyncio's own loop and a pool of 10 connections, all of them used before the clock."
        )
        report.chart_unit = ("thousands", 1e3)
        with placed(bench.admin, options.cores):
            report.parts += orm.run(bench, parts)
    whole = parts == GROUPS["orm"] and options.rounds >= ROUNDS
    finish(report, RESULTS if whole else TRIALS, "orm" if options.cores == APART else f"orm-{options.cores}")


@contextmanager
def started(options: argparse.Namespace, *, tcp: bool) -> Iterator[tuple[Bench, Report]]:
    """Start a server, and yield what its parts share and an empty report; stop it at the end."""
    with server(tcp=tcp) as there, psycopg.connect(there.url, autocommit=True) as admin:
        bench = Bench(there.url, admin, options.rows, options.rounds, options.rows * MEMORY_ROWS_PER_ROW)
        yield bench, Report(machine.describe(admin), machine.versions(), there.transport, options.rounds)


def finish(report: Report, target: Path, name: str) -> None:
    """Print the report, and write it as Markdown, JSON and PNG."""
    print(report.markdown())
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{name}.md").write_text(report.markdown())
    (target / f"{name}.json").write_text(json.dumps(report.json(), indent=2) + "\n")
    chart.draw(report, target / f"{name}.png")
    say(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
