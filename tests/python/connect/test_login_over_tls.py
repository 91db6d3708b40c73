"""Logins over TLS: client certificates, and passwords bound to the server's certificate, compared with libpq."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.connect.conftest import ANY, USER, by_libpq, connected, refusal
from tests.python.pool.faces import FACES, RUNNERS, Blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.python.connect.authority import Identity, Kind
    from tests.python.connect.conftest import Guarded, Outcome

BY_CERTIFICATE = "hostssl all all 127.0.0.1/32 cert"
BY_BOTH = "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full"
WITHOUT_ASKING = "host all all 127.0.0.1/32 trust"
IN_CLEAR = "host all all 127.0.0.1/32 password"

PATIENCE_S = 30.0

# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-SSLREQUEST
SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def showing(identity: Identity) -> dict[str, object]:
    return {"sslmode": "require", "sslcert": identity.certificate, "sslkey": identity.key}


def test_client_certificate_logs_its_user_in(guarded: Guarded) -> None:
    guarded.guard("good", BY_CERTIFICATE)
    url = guarded.url(showing(guarded.authorities.alice), password=None)
    assert by_libpq(url) == "TLS"
    with howdah.Database(url) as db:
        assert db.fetch_value("SELECT session_user::text") == USER
        found = db.fetch_value("SELECT client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert f"CN={USER}" in found


@pytest.mark.parametrize("kind", ["good", "wrong name"])
def test_client_certificate_and_password_are_asked_for_together(guarded: Guarded, kind: Kind) -> None:
    guarded.guard(kind, BY_BOTH)
    url = guarded.url(showing(guarded.authorities.alice))
    assert by_libpq(url) == connected(url) == "TLS"
    without = guarded.url(sslmode="require")
    assert by_libpq(without) == "refused"
    assert "client certificate" in refusal(without)


def test_client_certificate_that_is_missing_is_asked_for(guarded: Guarded) -> None:
    guarded.guard("good", BY_CERTIFICATE)
    url = guarded.url(sslmode="require")
    assert by_libpq(url) == "refused"
    assert "client certificate" in refusal(url)


def test_client_certificate_of_another_user_is_refused(guarded: Guarded) -> None:
    guarded.guard("good", BY_CERTIFICATE)
    url = guarded.url(showing(guarded.authorities.alice), user="postgres", password=None)
    assert by_libpq(url) == "refused"
    refusal(url)


def test_client_certificate_of_unknown_authority_is_refused_by_the_server(guarded: Guarded) -> None:
    url = guarded.url(showing(guarded.authorities.stranger))
    assert by_libpq(url) == "refused"
    told = refusal(url)
    assert "client certificate" in told
    assert "sslcert" in told


def place(identity: Identity, certificate: Path, key: Path) -> None:
    certificate.write_bytes(identity.certificate.read_bytes())
    key.touch(0o600)
    key.write_bytes(identity.key.read_bytes())


def connecting_anew(face: str, url: str, steps: list[tuple[Callable[[], object], str | None]]) -> None:
    """Take steps, each before a new connection of one database, which works or fails with what the step says."""

    async def main() -> None:
        kind: Any = Blocking if face == "blocking" else howdah.AsyncDatabase
        database = kind(url, max_size=1, max_lifetime_s=0.0)
        for step, failure in steps:
            step()
            if failure is None:
                assert await database.fetch_value("SELECT session_user::text") == USER
                continue
            with pytest.raises(howdah.OperationalError, match=failure):
                await database.fetch_value("SELECT 1")
        await database.close()

    RUNNERS[face](main())


@pytest.mark.parametrize("face", FACES)
def test_client_certificate_is_read_again_for_each_new_connection(guarded: Guarded, tmp_path: Path, face: str) -> None:
    guarded.guard("good", BY_CERTIFICATE)
    certificate, key = tmp_path / "client.crt", tmp_path / "client.key"
    alice, stranger = guarded.authorities.alice, guarded.authorities.stranger
    connecting_anew(
        face,
        guarded.url(sslmode="require", sslcert=certificate, sslkey=key, password=None),
        [
            (lambda: place(alice, certificate, key), None),
            (lambda: place(stranger, certificate, key), "client certificate"),
            (lambda: place(alice, certificate, key), None),
        ],
    )


@pytest.mark.parametrize("face", FACES)
def test_root_certificate_is_read_again_for_each_new_connection(guarded: Guarded, tmp_path: Path, face: str) -> None:
    roots = tmp_path / "roots.crt"
    root, other_root = guarded.authorities.root, guarded.authorities.other_root
    connecting_anew(
        face,
        guarded.url(sslmode="verify-full", sslrootcert=roots),
        [
            (lambda: roots.write_bytes(root.read_bytes()), None),
            (lambda: guarded.guard("unknown authority"), "authority"),
            (lambda: roots.write_bytes(other_root.read_bytes()), None),
        ],
    )


def test_key_that_others_can_read_is_refused_with_its_mode(guarded: Guarded) -> None:
    identity = guarded.authorities.alice
    url = guarded.url(showing(identity))
    identity.key.chmod(0o644)
    try:
        assert by_libpq(url) == "refused"
        told = refusal(url, howdah.InterfaceError)
    finally:
        identity.key.chmod(0o600)
    assert str(identity.key) in told
    assert "0644" in told


def test_key_of_another_certificate_is_refused_by_name(guarded: Guarded) -> None:
    alice, stranger = guarded.authorities.alice, guarded.authorities.stranger
    url = guarded.url(sslmode="require", sslcert=alice.certificate, sslkey=stranger.key)
    assert by_libpq(url) == "refused"
    told = refusal(url, howdah.InterfaceError)
    assert str(alice.certificate) in told
    assert str(stranger.key) in told


@pytest.mark.parametrize("kind", ["good", "wrong name"])
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_channel_binding_over_tls_logs_in(guarded: Guarded, kind: Kind, version: str) -> None:
    # One certificate's key is RSA's, the other's elliptic.
    guarded.guard(kind)
    bounds = {"ssl_min_protocol_version": version, "ssl_max_protocol_version": version}
    for wish in ("require", "prefer", "disable"):
        url = guarded.url(bounds, sslmode="require", channel_binding=wish)
        assert by_libpq(url) == connected(url) == "TLS"


def test_channel_binding_required_without_tls_is_refused(guarded: Guarded) -> None:
    for certificate, mode in (("good", "disable"), (None, "prefer")):
        guarded.guard("good" if certificate else None, ANY)
        url = guarded.url(sslmode=mode, channel_binding="require")
        assert by_libpq(url) == "refused"
        assert "channel" in refusal(url, howdah.Error)


@pytest.mark.parametrize("rules", [WITHOUT_ASKING, IN_CLEAR])
def test_channel_binding_required_of_another_way_to_log_in_is_refused(guarded: Guarded, rules: str) -> None:
    guarded.guard("good", rules)
    url = guarded.url(sslmode="require", channel_binding="require")
    assert by_libpq(url) == "refused"
    assert "channel" in refusal(url, howdah.Error)


@pytest.mark.parametrize(("wish", "outcome"), [("disable", "TLS"), ("prefer", "refused"), ("require", "refused")])
def test_channel_binding_tells_a_server_from_one_in_between(guarded: Guarded, wish: str, outcome: Outcome) -> None:
    with in_between(guarded, guarded.authorities.servers["unknown authority"]) as port:
        url = guarded.url(port=port, host="127.0.0.1", sslmode="require", channel_binding=wish)
        assert by_libpq(url) == outcome
        if outcome == "TLS":
            assert connected(url) == "TLS"
        else:
            assert "channel binding" in refusal(url)


@contextlib.contextmanager
def in_between(guarded: Guarded, identity: Identity) -> Iterator[int]:
    """Stand between client and server: TLS with either, by a certificate of one's own, passing on all that is said."""
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(identity.certificate, identity.key)
    seen = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    seen.check_hostname = False
    seen.verify_mode = ssl.CERT_NONE

    def serve(client: socket.socket) -> None:
        client.settimeout(PATIENCE_S)
        assert client.recv(len(SSL_REQUEST)) == SSL_REQUEST
        client.sendall(b"S")
        with (
            shown.wrap_socket(client, server_side=True) as ours,
            socket.create_connection((guarded.host, guarded.port), PATIENCE_S) as plain,
        ):
            plain.sendall(SSL_REQUEST)
            assert plain.recv(1) == b"S"
            with seen.wrap_socket(plain) as theirs:
                pass_on(ours, theirs)

    def accept() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                serve(client)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        port: int = listener.getsockname()[1]
        try:
            yield port
        finally:
            # An accept that waits does not hear of a close.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def pass_on(ours: ssl.SSLSocket, theirs: ssl.SSLSocket) -> None:
    """Pass on what either side says, until one has nothing more to say."""
    other = {ours: theirs, theirs: ours}
    while ready := select.select(list(other), [], [], PATIENCE_S)[0]:
        for side in ready:
            while True:
                said = side.recv(65_536)
                if not said:
                    return
                other[side].sendall(said)
                if not side.pending():
                    break
