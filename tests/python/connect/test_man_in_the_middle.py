"""A man in the middle with a certificate of its own, who asks for weaker logins, compared with libpq."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from typing import TYPE_CHECKING, Any, Self

import pytest

import howdah
from tests.python.connect.conftest import ANY, PASSWORD, by_libpq, connected, refusal
from tests.python.connect.test_login_over_tls import PATIENCE_S, SSL_REQUEST
from tests.python.pool.faces import awaited, loops

if TYPE_CHECKING:
    from types import TracebackType

    from tests.python.connect.authority import Identity
    from tests.python.connect.conftest import Guarded

PLAIN, PLUS = b"SCRAM-SHA-256\0", b"SCRAM-SHA-256-PLUS\0"


def asks(kind: int, body: bytes = b"") -> bytes:
    """An authentication request."""
    return b"R" + struct.pack("!ii", len(body) + 8, kind) + body


# Each is answered by the client, before the server's own request is passed on.
FIRST = {
    "SASL with channel binding": asks(10, PLUS + PLAIN + b"\0"),
    "cleartext": asks(3),
    "MD5": asks(5, b"salt"),
}


def relay(ours: socket.socket, theirs: socket.socket) -> None:
    """Pass on what either side says, until one has nothing more to say."""
    other = {ours: theirs, theirs: ours}
    while ready := select.select(list(other), [], [], PATIENCE_S)[0]:
        for side in ready:
            # What TLS holds back, select does not see: no message of a login is longer.
            said = side.recv(1 << 16)
            if not said:
                return
            other[side].sendall(said)


RULES = ("channel_binding=require", "require_auth=scram-sha-256", "require_auth=!password,!md5")


class Between:
    """Asks for a login of its own first, and then passes on what the real server and the client say."""

    def __init__(self, guarded: Guarded, identity: Identity, first: bytes) -> None:
        """Begin to listen."""
        self.heard: list[bytes] = []
        self._guarded = guarded
        self._first = first
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(identity.certificate, identity.key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)

    def __enter__(self) -> Self:
        """Serve until the end of a block."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        # An accept that waits does not hear of a close.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.settimeout(PATIENCE_S)
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        hello = client.recv(8)
        if hello != SSL_REQUEST:
            # In the clear: there is nothing to gain by a certificate.
            hello += client.recv(1 << 16)
            self._play(client, hello)
            return
        client.sendall(b"S")
        with self._context.wrap_socket(client, server_side=True) as ours:
            self._play(ours, ours.recv(1 << 16))

    def _play(self, ours: socket.socket, startup: bytes) -> None:
        ours.sendall(self._first)
        self.heard.append(answer := ours.recv(1 << 16))
        if not answer:
            return
        # Without TLS, so that the server offers no channel binding.
        with socket.create_connection((self._guarded.host, self._guarded.port), PATIENCE_S) as theirs:
            theirs.sendall(startup)
            relay(ours, theirs)


@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("binding", ["require", "prefer"])
def test_login_that_is_asked_for_twice_is_refused(guarded: Guarded, first: str, binding: str) -> None:
    guarded.guard("good", ANY)
    with Between(guarded, guarded.authorities.servers["unknown authority"], FIRST[first]) as between:
        url = guarded.url(port=between.port, host="127.0.0.1", sslmode="require", channel_binding=binding)
        if binding == "require" or first.startswith("SASL"):
            assert by_libpq(url) == "refused"
        told = refusal(url)
    # After the block: only now the server has heard all.
    if binding == "require" and not first.startswith("SASL"):
        assert "channel_binding=require" in told
        assert between.heard == [b"", b""]
    else:
        assert "out of turn" in told


@pytest.mark.parametrize("mode", ["disable", "prefer", "require"])
@pytest.mark.parametrize("first", ["cleartext", "MD5"])
@pytest.mark.parametrize(
    "rule", ["channel_binding=require", "require_auth=scram-sha-256", "require_auth=!password,!md5"]
)
def test_password_is_not_sent_where_the_parameters_forbid_it(
    guarded: Guarded, mode: str, first: str, rule: str
) -> None:
    guarded.guard("good", ANY)
    name, _, value = rule.partition("=")
    with Between(guarded, guarded.authorities.servers["unknown authority"], FIRST[first]) as between:
        url = guarded.url({name: value}, port=between.port, host="127.0.0.1", sslmode=mode)
        assert by_libpq(url) == "refused"
        assert rule in refusal(url)
    assert not any(between.heard), between.heard
    assert PASSWORD.encode() not in b"".join(between.heard)


@loops
@pytest.mark.parametrize("first", FIRST)
def test_awaited_login_that_is_asked_for_twice_is_refused(guarded: Guarded, first: str, new_loop: Any) -> None:
    guarded.guard("good", ANY)

    async def main(url: str) -> str:
        async with howdah.AsyncDatabase(url) as db:
            with pytest.raises(howdah.OperationalError) as caught:
                await db.fetch_value("SELECT 1")
        return str(caught.value)

    with Between(guarded, guarded.authorities.servers["unknown authority"], FIRST[first]) as between:
        url = guarded.url(port=between.port, host="127.0.0.1", sslmode="require", channel_binding="require")
        told = awaited(main(url), new_loop)
    assert PASSWORD not in told
    if first.startswith("SASL"):
        assert "out of turn" in told
    else:
        assert "channel_binding=require" in told
        assert between.heard == [b""]


def test_certificate_that_is_checked_keeps_those_between_away(guarded: Guarded) -> None:
    guarded.guard("good", ANY)
    with Between(guarded, guarded.authorities.servers["unknown authority"], FIRST["cleartext"]) as between:
        url = guarded.url(port=between.port, sslmode="verify-full", sslrootcert=guarded.authorities.root)
        assert by_libpq(url) == "refused"
        refusal(url)
    assert between.heard == []
    assert connected(guarded.url(sslmode="verify-full", sslrootcert=guarded.authorities.root)) == "TLS"
