"""One private PostgreSQL for a whole run, with its default settings."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator


class Server(NamedTuple):
    """Where every contestant connects to, and by which transport."""

    url: str
    transport: str


@contextmanager
def server(*, tcp: bool) -> Iterator[Server]:
    """Start howdah's embedded server; stop it at the end.

    Args:
        tcp: Let all contestants connect over TCP loopback, not the Unix socket.

    Yields:
        The server.
    """
    with embedded.server(tcp=tcp) as started:
        yield Server(started.url, "TCP loopback" if tcp else "Unix socket")
