"""A delayed request to cancel, whose connection may have another caller by then."""

# ruff: noqa: PT012  (what raises is in the midst of a block)

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import uvloop

import howdah

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

CANCEL_REQUEST = 80877102
# howdah waits two seconds for the server to take notice.
DELAY_S = 3.0


class DelayingProxy:
    """Passes bytes on to a server; those of a request to cancel, and its end, late."""

    def __init__(self, target: tuple[str, int] | str) -> None:
        """Listen."""
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.cancels = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        kind = socket.AF_UNIX if isinstance(self._target, str) else socket.AF_INET
        with client, socket.socket(kind) as server:
            first = client.recv(1 << 16)
            if len(first) == 16 and struct.unpack("!II", first[:8])[1] == CANCEL_REQUEST:
                self.cancels += 1
                time.sleep(DELAY_S)
            server.connect(self._target)
            server.sendall(first)
            back = threading.Thread(target=_pass, args=(server, client), daemon=True)
            back.start()
            _pass(client, server)
            back.join()


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy(admin: psycopg.Connection[Any]) -> Iterator[DelayingProxy]:
    info = admin.info
    host = info.host
    target: Any = f"{host}/.s.PGSQL.{info.port}" if host.startswith("/") else (info.hostaddr or host, info.port)
    made = DelayingProxy(target)
    yield made
    made.close()


@pytest.mark.parametrize("face", ["blocking", "asyncio", "uvloop"])
def test_cancel_that_comes_late_does_not_hit_the_next_borrower(
    url: str, proxy: DelayingProxy, admin: psycopg.Connection[Any], face: str
) -> None:
    options = parse_qs(urlsplit(url).query)["options"][0]
    dsn = (
        f"host=127.0.0.1 port={proxy.port} user={admin.info.user} dbname={admin.info.dbname} "
        f"sslmode=disable options='{options}'"
    )
    # The statement ends by itself while the request is under way: the connection is clean then.
    slow, after = "SELECT 1 FROM pg_sleep(0.5)", "SELECT 1 FROM pg_sleep(3.5)"
    if face != "blocking":

        async def body() -> None:
            async with howdah.AsyncDatabase(dsn, max_size=1) as database:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(database.fetch_value(slow), 0.2)
                await database.fetch_value(after)

        with asyncio.Runner(loop_factory=uvloop.new_event_loop if face == "uvloop" else None) as runner:
            runner.run(body())
    else:
        with howdah.Database(dsn, max_size=1, statement_timeout_s=0.2) as short, howdah.Database(dsn) as _:
            # The server's own timeout is off, so that howdah cancels.
            with pytest.raises(howdah.OperationalError), short.session() as session:
                session.execute("SET statement_timeout = 0")
                session.fetch_value("SELECT pg_sleep(1.5)")
            with short.session() as session:
                session.execute("SET statement_timeout = 0")
                begun = time.monotonic()
                while time.monotonic() - begun < DELAY_S + 0.5:
                    assert session.fetch_value("SELECT 1 FROM pg_sleep(0.1)") is not None
    assert proxy.cancels >= 1
