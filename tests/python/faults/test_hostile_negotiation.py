"""A server that answers wrongly, or not at all, before and during the login: an error within the time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import howdah
from tests.python.faults.faces import FACES, PASSWORD, Face, in_time
from tests.python.faults.hostile import AUTHENTICATED, KEY, READY, Hostile, Script, message, text
from tests.python.faults.test_hostile_login import SASL, asks_for

if TYPE_CHECKING:
    from tests.python.faults.proxy import Frontend

# Waits are for a second; a busy machine may take some more, and less than what they once took.
LIMIT_S = 6.0
# What no wait here is meant to last.
LONG_S = 60


class Listening(Hostile):
    """Keeps what it hears of a login."""

    def __init__(self, script: Script, *, tls: bytes = b"N") -> None:
        """Begin to listen."""
        self.heard: list[Frontend] = []
        super().__init__(script, tls=tls)

    def _login(self, frontend: Frontend) -> bytes | None:
        self.heard.append(frontend)
        return super()._login(frontend)


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("mode", ["prefer", "require"])
@pytest.mark.parametrize(
    "answer",
    [b"E", b"E\0\0\0\x0bSFATAL\0\0", b"X", b"\0", b"s", b"n", b"R\0\0\0\x08\0\0\0\0", b"H", b"G", b"\xff"],
    ids=repr,
)
def test_tls_answer_that_is_neither_yes_nor_no_is_refused(kind: str, mode: str, answer: bytes) -> None:
    """To go on in the clear would let whoever garbles an answer turn TLS off."""
    with Listening(Script(asks_for(3), Q=READY), tls=answer) as hostile:
        url = hostile.url(PASSWORD, sslmode=mode)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=5)
        hostile.heard.clear()
        face: Face = FACES[kind](url, connect_timeout_s=5, max_size=1)
        with pytest.raises(howdah.ConnectionError, match="the request for TLS") as caught:
            in_time(LIMIT_S * 2, lambda: face.execute("SELECT 1"), hostile.close)
        face.close()
        assert hostile.place in str(caught.value)
        # Neither a startup message in the clear, nor a second try.
        assert len(hostile.heard) == 1


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize(
    "early",
    [
        message(b"S", text("server_version") + text("18.0")),
        message(b"N", b"SWARNING\0Mhello\0\0"),
        message(b"A", b"\0\0\0\1" + text("channel") + text("payload")),
        KEY,
        asks_for(10, text("SCRAM-SHA-256") * 4000 + b"\0"),
        b"E\0\1\0\0" + b"x" * 100,
        asks_for(3) + asks_for(3) + AUTHENTICATED,
        asks_for(5, b"salt") + SASL,
        AUTHENTICATED + AUTHENTICATED,
    ],
    ids=["setting", "notice", "notification", "key", "long list", "long error", "twice", "MD5 then SASL", "OK twice"],
)
def test_message_out_of_turn_in_a_login_is_refused(kind: str, early: bytes) -> None:
    with Listening(Script(early + AUTHENTICATED + KEY + READY, Q=READY)) as hostile:
        face: Face = FACES[kind](hostile.url(PASSWORD), connect_timeout_s=5, max_size=1)
        with pytest.raises(howdah.ConnectionError) as caught:
            in_time(LIMIT_S * 2, lambda: face.execute("SELECT 1"), hostile.close)
        face.close()
        assert hostile.place in str(caught.value)
        assert not re.search("timed out", str(caught.value))


class Silent:
    """Accepts, answers so many messages of a login, and then nothing."""

    def __init__(self, answers: bytes) -> None:
        """Begin to listen; the answers are one byte each to the request for TLS."""
        self._answers = answers
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._kept: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._kept.append(client)
                client.sendall(self._answers)

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for one in (*self._kept, self._listener):
            one.close()


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("answers", [b"", b"N", b"S", AUTHENTICATED], ids=["nothing", "N", "S", "half a login"])
@pytest.mark.parametrize("mode", ["prefer", "disable", "allow", "require"])
def test_silent_server_is_waited_for_as_long_as_a_statement_may_take(kind: str, answers: bytes, mode: str) -> None:
    silent = Silent(answers)
    try:
        url = f"postgresql://u:{PASSWORD}@127.0.0.1:{silent.port},127.0.0.1:{silent.port}/d?sslmode={mode}"
        face: Face = FACES[kind](url, connect_timeout_s=LONG_S, statement_timeout_s=0.5, max_size=1)
        with pytest.raises(howdah.ConnectionError):
            in_time(LIMIT_S, lambda: face.fetch_value("SELECT 1"), silent.close)
        face.close()
    finally:
        silent.close()


def test_dead_host_leaves_time_for_the_next() -> None:
    silent = Silent(b"")
    with Hostile(Script(AUTHENTICATED + message(b"S", text("server_version") + text("18.0")) + KEY + READY)) as hostile:
        url = f"postgresql://u@127.0.0.1:{silent.port},127.0.0.1:{hostile.port}/d?sslmode=disable"
        db = howdah.Database(url, connect_timeout_s=LONG_S, statement_timeout_s=1)
        # It hangs up on the statement: it was reached in time.
        with pytest.raises(howdah.ConnectionError, match=f"lost the connection to 127.0.0.1:{hostile.port}"):
            in_time(LIMIT_S * 2, lambda: db.execute("SELECT 1"), silent.close)
        db.close()
    silent.close()


class Slow(Hostile):
    """Asks for more rounds of SCRAM than anybody has time for."""

    def __init__(self, iterations: int = 2**31 - 1) -> None:
        """Begin to listen."""
        self.asked = threading.Event()
        self._iterations = iterations
        super().__init__(Script(login=SASL))

    def _login(self, frontend: Frontend) -> bytes | None:
        if frontend.tag == b"p":
            nonce = frontend.body.rpartition(b"r=")[2]
            self.asked.set()
            return asks_for(11, b"r=%smore,s=c2FsdA==,i=%d" % (nonce, self._iterations))
        return super()._login(frontend)


@pytest.mark.parametrize("kind", FACES)
def test_endless_iterations_end_with_the_timeout_and_name_themselves(kind: str) -> None:
    with Slow() as slow:
        face: Face = FACES[kind](slow.url(PASSWORD), connect_timeout_s=1, max_size=1)
        with pytest.raises(howdah.ConnectionError, match="of the 2147483647 SCRAM iterations") as caught:
            in_time(LIMIT_S, lambda: face.execute("SELECT 1"), slow.close)
        face.close()
        assert "connect_timeout" in str(caught.value)
        assert PASSWORD not in str(caught.value)


def test_ctrl_c_ends_endless_iterations() -> None:
    with Slow() as slow, howdah.Database(slow.url(PASSWORD), connect_timeout_s=LONG_S) as db:

        def interrupt() -> None:
            assert slow.asked.wait(30)
            time.sleep(0.2)
            os.kill(os.getpid(), signal.SIGINT)

        thread = threading.Thread(target=interrupt)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            db.execute("SELECT 1")
        assert time.monotonic() - begun < LONG_S / 2
        thread.join()


def test_cancellation_ends_endless_iterations() -> None:
    async def body() -> float:
        async with howdah.AsyncDatabase(slow.url(PASSWORD), connect_timeout_s=LONG_S) as db:
            begun = time.monotonic()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(db.execute("SELECT 1"), 0.5)
            return time.monotonic() - begun

    with Slow() as slow:
        assert asyncio.run(body()) < LIMIT_S
        # The thread that computed stops, too: two of its ticks later it is not there.
        deadline = time.monotonic() + LIMIT_S
        while any(name.startswith("howdah connect") for name in thread_names()):
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.02)


def thread_names() -> list[str]:
    """Give the names of this process's threads, Rust's too."""
    names = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            names.append((task / "comm").read_text())
    return names


def own_address() -> str | None:
    """Give an address of this machine that is not a loopback's, if it has one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, contextlib.suppress(OSError):
        # Nothing is sent.
        probe.connect(("192.0.2.1", 9))
        address: str = probe.getsockname()[0]
        return None if address.startswith("127.") else address
    return None


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("mode", ["disable", "prefer", "allow"])
def test_cleartext_password_to_another_machine_is_sent_on_request_alone(kind: str, mode: str) -> None:
    address = own_address()
    if address is None:
        pytest.skip("this machine has no address but its loopback's")
    with socket.create_server((address, 0)) as listener:
        heard: list[bytes] = []
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    client, _ = listener.accept()
                    with client:
                        client.settimeout(10)
                        startup = client.recv(1 << 12)
                        if startup.startswith(b"\0\0\0\x08\x04\xd2"):
                            client.sendall(b"N")
                            client.recv(1 << 12)
                        client.sendall(asks_for(3))
                        heard.append(client.recv(1 << 12))

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"postgresql://u:{PASSWORD}@{address}:{listener.getsockname()[1]}/d?sslmode={mode}"
        try:
            refusing: Face = FACES[kind](url, connect_timeout_s=5)
            with pytest.raises(howdah.ConnectionError, match="allow_cleartext=1") as caught:
                in_time(LIMIT_S * 2, lambda: refusing.execute("SELECT 1"), listener.close)
            refusing.close()
            assert "sslmode=require" in str(caught.value)
            assert not any(heard), heard
            allowing: Face = FACES[kind](url + "&allow_cleartext=1", connect_timeout_s=5)
            with pytest.raises(howdah.ConnectionError):
                in_time(LIMIT_S * 2, lambda: allowing.execute("SELECT 1"), listener.close)
            allowing.close()
            assert heard[-1] == message(b"p", text(PASSWORD))
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
