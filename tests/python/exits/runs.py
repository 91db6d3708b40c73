"""Runs the programs that end while howdah is at work, each many times.

python -m tests.python.exits.runs            # each kind 200 times, every second time on one core
python -m tests.python.exits.runs 20 daemon  # those with `daemon` in their name, 20 times
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from howdah import Database, embedded
from tests.python.exits.programs import EXPECTED

ROOT = Path(__file__).parents[3]
# How long a program may take on a busy machine.
LIMIT_S = 60


def failures(kind: str, url: str, runs: int) -> list[str]:
    """Run a program so many times.

    Args:
        kind: Which one.
        url: Of a server with a table `ends`.
        runs: How many times.

    Returns:
        What was wrong with how it ended, for each time that something was.
    """
    # CPython 3.12 and later warn of forks beside the threads of libraries.
    forks = ("-W", "ignore:This process:DeprecationWarning")
    command = [sys.executable, *forks, "-m", "tests.python.exits.programs", kind, url, str(runs)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S * runs, check=False)
    if ended.returncode or ended.stderr:
        return [f"the programs did not run: {ended.stderr}"]
    problems: list[str] = json.loads(ended.stdout)
    return problems


def make_table(url: str) -> None:
    """Make what the programs load into."""
    with Database(url) as db:
        db.execute("CREATE TABLE ends (a int)")


def main(runs: int, part: str) -> int:
    """Run all programs, and tell how many ended wrongly."""
    wrong = 0
    with embedded.server() as server:
        make_table(server.url)
        for kind in EXPECTED:
            if part in kind:
                began = time.monotonic()
                problems = failures(kind, server.url, runs)
                took_s = (time.monotonic() - began) / runs
                sys.stdout.write(f"{kind}: {len(problems)} of {runs} ended wrongly, {took_s:.2f} s each\n")
                sys.stdout.writelines(f"    {problem}\n" for problem in problems[:1])
                sys.stdout.flush()
                wrong += len(problems)
    sys.stdout.write(f"{wrong} ended wrongly, on CPython {sys.version.split()[0]}\n")
    return wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("runs", nargs="?", type=int, default=200)
    parser.add_argument("part", nargs="?", default="")
    arguments = parser.parse_args()
    sys.exit(main(arguments.runs, arguments.part) > 0)
