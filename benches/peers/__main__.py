"""Run the parts, print the report, and write it down.

``python -m benches.peers [--only load|dicts|small|read|memory] [--rounds 5] [--rows 1000000] [--tcp]``
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import psycopg

from . import chart, dicts, load, machine, memory, read, small
from .measure import Bench, say
from .report import Report
from .server import server

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benches" / "results"
TRIALS = ROOT / "target" / "peers"
SPEED_PARTS = {"load": load.run, "dicts": dicts.run, "small": small.run, "read": read.run}
ROUNDS = 5
ROWS = 1_000_000
MEMORY_ROWS_PER_ROW = 6


def main() -> int:
    """Run what the arguments ask for; an unequal result ends the run with its error."""
    options = arguments()
    with server(tcp=options.tcp) as started, psycopg.connect(started.url, autocommit=True) as admin:
        bench = Bench(started.url, admin, options.rows, options.rounds, options.rows * MEMORY_ROWS_PER_ROW)
        report = Report(machine.describe(admin), machine.versions(), started.transport, options.rounds)
        for name, run in SPEED_PARTS.items():
            if options.only in (None, name):
                report.parts.append(run(bench))
        if options.only in (None, "memory"):
            report.memory = memory.run(bench)
    print(report.markdown())
    write(report, folder(options), "bulk-tcp" if options.tcp else "bulk")
    return 0


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benches.peers", description="howdah beside its peers")
    parser.add_argument("--only", choices=[*SPEED_PARTS, "memory"], help="run one part")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="counted rounds (default: %(default)s)")
    parser.add_argument(
        "--rows",
        type=int,
        default=ROWS,
        help=f"rows of lineitem (default: %(default)s); memory streams {MEMORY_ROWS_PER_ROW} times as many",
    )
    parser.add_argument("--tcp", action="store_true", help="connect over TCP loopback, not the Unix socket")
    return parser.parse_args()


def folder(options: argparse.Namespace) -> Path:
    """Return where the report goes: a whole run to the results, a shorter one to where trials are kept."""
    whole = options.only is None and options.rounds >= ROUNDS and options.rows >= ROWS
    return RESULTS if whole else TRIALS


def write(report: Report, target: Path, name: str) -> None:
    """Write the report as Markdown, JSON and PNG."""
    target.mkdir(parents=True, exist_ok=True)
    (target / f"{name}.md").write_text(report.markdown())
    (target / f"{name}.json").write_text(json.dumps(report.json(), indent=2) + "\n")
    chart.draw(report, target / f"{name}.png")
    say(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
