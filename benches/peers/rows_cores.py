"""Which cores the server and the clients run on.

A lookup is so short that waking the other side up is most of it, and that depends on where the two sides run: on one
core a wake-up is a switch, on two it may have to rouse an idle core, which on a virtual machine takes many times as
long as the lookup itself. Left alone, the system's scheduler goes from the one to the other in the middle of a
run, and whoever's turn it is gains or loses by a factor. So the run says which it is.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .data import Connection

APART = "apart"
TOGETHER = "together"
FREE = "free"
PLACES = {
    APART: "the clients have one half of the cores, the server the other",
    TOGETHER: "the clients and the server share one core",
    FREE: "the system's scheduler places clients and server",
}


@contextmanager
def placed(admin: Connection, place: str) -> Iterator[list[int]]:
    """Keep the server's sessions to come, and this process, to their cores; this process is set free at the end.

    Only Linux can: elsewhere, and on a single core, everyone stays where the scheduler puts them.

    Yields:
        The cores of the server.
    """
    cores = _cores()
    if place == FREE or len(cores) < 2:  # noqa: PLR2004 (two sides)
        yield cores
        return
    half = len(cores) // 2
    clients, servers = (cores[:1], cores[:1]) if place == TOGETHER else (cores[:half], cores[half:])
    os.sched_setaffinity(_postmaster(admin), servers)
    os.sched_setaffinity(0, clients)
    try:
        yield servers
    finally:
        os.sched_setaffinity(0, cores)


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def _postmaster(admin: Connection) -> int:
    """Return the process that starts a session for each connection, which runs where it does."""
    row = admin.execute("SHOW data_directory").fetchone()
    return int((Path(row[0] if row else "") / "postmaster.pid").read_text().split()[0])
