"""Servers that do not answer, a row, and what lives until the process ends."""

from __future__ import annotations

import socket
from typing import Any, NamedTuple

import howdah

# Where nothing listens.
REFUSED = "postgresql://127.0.0.1:1/app"
UNRESOLVABLE = "postgresql://nowhere.invalid/app"


class Row(NamedTuple):
    """A row of the table that is loaded."""

    a: int


def silent_peer() -> str:
    """Give the URL of a server that takes connections, and says nothing."""
    listener = socket.create_server(("127.0.0.1", 0))
    KEPT.append(listener)
    return f"postgresql://127.0.0.1:{listener.getsockname()[1]}/app"


# Lives until the process ends.
KEPT: list[Any] = []


async def error_class(db: howdah.AsyncDatabase) -> str:
    """Give the class of the error with which a query ends."""
    try:
        async with db:
            await db.fetch_value("SELECT 1")
    except howdah.Error as error:
        return type(error).__name__
    return "no error"
