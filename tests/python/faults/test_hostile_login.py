"""A server that sends malformed messages during a login: an error in time, never a hang and never a panic."""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING

import pytest

import howdah
from tests.python.faults.faces import FACES, PASSWORD, Face, in_time
from tests.python.faults.hostile import (
    AUTHENTICATED,
    IN_TRANSACTION,
    KEY,
    LOGIN,
    READY,
    SETTING,
    Hostile,
    Script,
    complete,
    error,
    message,
    text,
)

if TYPE_CHECKING:
    from tests.python.faults.proxy import Frontend

LIMIT_S = 2.0


def asks_for(kind: int, body: bytes = b"") -> bytes:
    """An authentication request."""
    return message(b"R", struct.pack("!i", kind) + body)


SASL = asks_for(10, text("SCRAM-SHA-256") + b"\0")
FIRST = b"r=%s,s=c2FsdA==,i=4096"

LOGINS: dict[str, bytes] = {
    "empty frame": b"R\0\0\0\0",
    "short frame": b"R\0\0\0\3",
    "negative frame": b"R\xff\xff\xff\xff",
    "longest frame": b"R\x7f\xff\xff\xff",
    "not PostgreSQL": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
    "zeros": b"\0" * 1000,
    "authentication without a kind": message(b"R"),
    "authentication with half a kind": message(b"R", b"\0\0"),
    "Kerberos": asks_for(2),
    "GSS": asks_for(7),
    "GSS continued": asks_for(8, b"xyz"),
    "SSPI": asks_for(9),
    "unknown kind": asks_for(99),
    "negative kind": asks_for(-1),
    "MD5 without salt": asks_for(5),
    "MD5 with a short salt": asks_for(5, b"ab"),
    "SASL without mechanisms": asks_for(10),
    "SASL with an empty list": asks_for(10, b"\0"),
    "SASL with unknown mechanisms": asks_for(10, text("PLAIN") + text("OAUTHBEARER") + b"\0"),
    "SASL with an unfinished mechanism": asks_for(10, b"SCRAM-SHA-2"),
    "SASL with a mechanism of no text": asks_for(10, b"\xff\xfe\0\0"),
    "PLUS without TLS": asks_for(10, text("SCRAM-SHA-256-PLUS") + b"\0"),
    "SASL continued before it began": asks_for(11, FIRST),
    "SASL finished before it began": asks_for(12, b"v=abc"),
    "SASL continued with nothing": SASL + asks_for(11),
    "SASL continued with garbage": SASL + asks_for(11, b"\xff\0garbage"),
    "SASL continued with another nonce": SASL + asks_for(11, FIRST % b"other"),
    "SASL continued without iterations": SASL + asks_for(11, b"r=x,s=c2FsdA==,i="),
    "SASL continued with iterations of no number": SASL + asks_for(11, b"r=x,s=c2FsdA==,i=many"),
    "SASL continued with a salt of no base64": SASL + asks_for(11, b"r=x,s=!!!!,i=4096"),
    "SASL finished at once": SASL + asks_for(12, b"v=abc"),
    "SASL failed": SASL + asks_for(12, b"e=other-error"),
    "ready before authenticated": READY,
    "key before authenticated, then ready": KEY + READY,
    "settings before authenticated, then ready": SETTING + READY,
    "key without a body": AUTHENTICATED + message(b"K") + READY,
    "setting without an end": AUTHENTICATED + message(b"S", b"server_version") + READY,
    "setting without a value": AUTHENTICATED + message(b"S", text("server_version")) + READY,
    "setting without a body": AUTHENTICATED + message(b"S") + READY,
    "ready without a status": AUTHENTICATED + KEY + message(b"Z"),
    "ready with an unknown status": AUTHENTICATED + KEY + message(b"Z", b"?"),
    "unknown tag": AUTHENTICATED + message(b"\xfe", b"???") + READY,
    "a row": AUTHENTICATED + message(b"D", b"\0\0") + READY,
    "error without fields": message(b"E"),
    "error with an end only": message(b"E", b"\0"),
    "error without an end": message(b"E", b"SFATAL\0C28000\0Mno"),
    "error of no text": message(b"E", b"SFATAL\0C\xff\xff\0M\xff\0\0"),
    "error in the old form": b"EFATAL: unsupported frontend protocol\n\0",
    "error after authenticated": AUTHENTICATED + error(S="FATAL", C="28000", M="not you"),
    "another protocol, without a body": message(b"v"),
}


def login(kind: str, hostile: Hostile, limit_s: float = LIMIT_S) -> object:
    """Log in, and hear what comes of it."""
    face: Face = FACES[kind](hostile.url(PASSWORD), connect_timeout_s=1, max_size=1)
    try:
        return in_time(limit_s, lambda: face.execute("SELECT 1"), hostile.close)
    finally:
        face.close()


def is_refused(kind: str, hostile: Hostile) -> None:
    with pytest.raises(howdah.Error) as caught:
        login(kind, hostile)
    assert PASSWORD not in str(caught.value)
    assert hostile.place in str(caught.value), str(caught.value)


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("case", LOGINS)
def test_login_with_nonsense_is_an_error_that_names_the_server(kind: str, case: str) -> None:
    # Whoever gets in gets an answer, and so this fails.
    with Hostile(Script(LOGINS[case], Q=complete() + READY)) as hostile:
        is_refused(kind, hostile)


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("iterations", [0, 2**31 - 1, 2**32 - 1, 2**64, -1])
def test_login_with_absurd_iterations_is_an_error_in_time(kind: str, iterations: int) -> None:
    """The nonce must be our own, and so the server has to listen."""

    class Listens(Script):
        def answer(self, tags: str, sql: bytes) -> bytes | None:
            del sql
            first = asks_for(11, b"r=%s,s=c2FsdA==,i=%d" % (nonces[0], iterations))
            return first if tags == "p" and len(nonces) == 1 else None

    class Hears(Hostile):
        def _login(self, frontend: Frontend) -> bytes | None:
            if frontend.tag == b"p":
                nonces.append(frontend.body.rpartition(b"r=")[2] + b"more")
            return super()._login(frontend)

    nonces: list[bytes] = []
    with Hears(Listens(login=SASL)) as hostile:
        is_refused(kind, hostile)
    assert nonces


@pytest.mark.parametrize("kind", FACES)
def test_login_with_endless_settings_ends_with_the_timeout(kind: str) -> None:
    flood = AUTHENTICATED + b"".join(message(b"S", text(f"s{n}") + text("x" * 1000)) for n in range(50_000))
    with Hostile(Script(login=flood)) as hostile:
        is_refused(kind, hostile)


@pytest.mark.parametrize("kind", FACES)
def test_login_into_a_transaction_is_not_given_out(kind: str) -> None:
    """A session that says it is in a transaction from the beginning is not taken for a clean one."""
    answer = complete() + IN_TRANSACTION
    with Hostile(Script(AUTHENTICATED + KEY + IN_TRANSACTION, Q=answer)) as hostile:
        face: Face = FACES[kind](hostile.url(), connect_timeout_s=1, max_size=1)
        for _ in range(3):
            try:
                in_time(LIMIT_S * 4, lambda: face.execute("SELECT 1"), hostile.close)
            except howdah.Error:
                continue
        face.close()


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize(
    "answer",
    [b"S", b"S" + b"\0" * 100, b"S" + LOGIN, b"X", b"E\0\0\0\x04", b"\0", b"H", b"G", b"N" + LOGIN, b"SS"],
    ids=["S", "S and zeros", "S and a login", "X", "E", "zero", "H", "G", "N and a login", "SS"],
)
def test_tls_answer_of_nonsense_is_an_error_in_time(kind: str, answer: bytes) -> None:
    """Nothing that comes in the clear behind the answer may be taken for the server's word under TLS."""
    with Hostile(Script(login=b""), tls=answer) as hostile:
        face: Face = FACES[kind](hostile.url(PASSWORD, sslmode="require"), connect_timeout_s=1, max_size=1)
        begun = time.monotonic()
        with pytest.raises(howdah.ConnectionError) as caught:
            in_time(LIMIT_S * 2, lambda: face.execute("SELECT 1"), hostile.close)
        assert time.monotonic() - begun < LIMIT_S * 2
        assert hostile.place in str(caught.value)
        assert PASSWORD not in str(caught.value)
        face.close()
