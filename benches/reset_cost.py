"""What `reset="auto"` costs a lookup: instructions of the client's process, counted by valgrind.

``python -m benches.reset_cost`` wants valgrind. The clock cannot tell: two connections differ by more than the 2 % that
`reset="auto"` may cost. Each count is the difference of two runs with different numbers of lookups, so it leaves
out the start and the end of the process.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from typing import Literal

import howdah
from howdah import embedded

FEW, MANY = 1_000, 3_000
ROWS = 1_000
SELECT = "SELECT * FROM person WHERE id = $1"
APIS = ("blocking", "asyncio")
RESETS: dict[str, Literal["auto"] | None] = {"auto": "auto", "None": None}


def main() -> int:
    """Print the instructions per lookup; exit with 1 where `reset="auto"` costs more than 2 %."""
    if sys.argv[1:]:
        api, reset, lookups, url = sys.argv[1:]
        look_up(api, RESETS[reset], int(lookups), url)
        return 0
    costs = []
    with embedded.server() as server:
        with howdah.Database(server.url) as db:
            db.execute("CREATE TABLE person AS SELECT i AS id, 'Person ' || i AS name FROM generate_series(1, 1000) i")
            db.execute("ALTER TABLE person ADD PRIMARY KEY (id)")
        for api in APIS:
            auto, none = (per_lookup(api, reset, server.url) for reset in RESETS)
            costs.append(auto / none - 1)
            print(f'{api}: {auto:,.0f} instructions with reset="auto", {none:,.0f} without: {costs[-1]:+.1%}')
    return int(max(costs) > 0.02)  # noqa: PLR2004 (what is promised)


def per_lookup(api: str, reset: str, url: str) -> float:
    """Count the instructions of one lookup."""
    few, many = (counted(api, reset, lookups, url) for lookups in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def counted(api: str, reset: str, lookups: int, url: str) -> int:
    """Count the instructions of a process."""
    program = [sys.executable, "-m", "benches.reset_cost", api, reset, str(lookups), url]
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run([*valgrind, *program], capture_output=True, text=True, check=True)  # noqa: S603 (our own program)
    found = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    if found is None:
        raise RuntimeError(done.stderr)
    return int(found[1])


def look_up(api: str, reset: Literal["auto"] | None, lookups: int, url: str) -> None:
    """Look rows up, one at a time, through a pool."""
    keys = [1 + at % ROWS for at in range(lookups)]
    if api == "blocking":
        with howdah.Database(url, max_size=1, reset=reset, busy_wait_s=0) as db:
            for key in keys:
                db.fetch_one(SELECT, key)
        return

    async def run() -> None:
        async with howdah.AsyncDatabase(url, max_size=1, reset=reset, busy_wait_s=0) as db:
            for key in keys:
                await db.fetch_one(SELECT, key)

    asyncio.run(run())


if __name__ == "__main__":
    sys.exit(main())
