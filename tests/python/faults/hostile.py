"""A server that lets everybody in, and then answers with what a test made up.

Messages as in https://www.postgresql.org/docs/current/protocol-message-formats.html.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING, NamedTuple, Self

from tests.python.faults.proxy import GSS_REQUEST, LOOPBACK, SSL_REQUEST, TICK_S, Inbound

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from tests.python.faults.proxy import Frontend

INT4, INT8, TEXT, BOOL, FLOAT8 = 23, 20, 25, 16, 701
BINARY, AS_TEXT = 1, 0


def message(tag: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    """A message; with a length that may not be its own."""
    return tag + struct.pack("!i", len(body) + 4 if length is None else length) + body


def text(value: str | bytes) -> bytes:
    """A text with its zero byte."""
    return (value.encode() if isinstance(value, str) else value) + b"\0"


class Column(NamedTuple):
    """A column of a RowDescription."""

    name: str | bytes
    oid: int
    form: int = BINARY


def columns(*described: Column, count: int | None = None) -> bytes:
    """A RowDescription; with a count that may not be its own."""
    parts = [text(name) + struct.pack("!IhIhih", 0, 0, oid & 0xFFFFFFFF, -1, -1, form) for name, oid, form in described]
    return message(b"T", struct.pack("!H", len(described) if count is None else count) + b"".join(parts))


def row(*cells: bytes | None, count: int | None = None) -> bytes:
    """A DataRow; with a count that may not be its own."""
    parts = [b"\xff\xff\xff\xff" if cell is None else struct.pack("!i", len(cell)) + cell for cell in cells]
    return message(b"D", struct.pack("!H", len(cells) if count is None else count) + b"".join(parts))


def parameters(*oids: int) -> bytes:
    """A ParameterDescription."""
    return message(b"t", struct.pack(f"!H{len(oids)}I", len(oids), *oids))


def complete(tag: str = "SELECT 1") -> bytes:
    """A CommandComplete."""
    return message(b"C", text(tag))


def error(**fields: str) -> bytes:
    """An ErrorResponse, its fields by their letters."""
    return message(b"E", b"".join(letter.encode() + text(value) for letter, value in fields.items()) + b"\0")


def copy_in(count: int = 1) -> bytes:
    """A CopyInResponse."""
    return message(b"G", b"\1" + struct.pack(f"!H{count}h", count, *[1] * count))


AUTHENTICATED = message(b"R", struct.pack("!i", 0))
SETTING = message(b"S", text("server_version") + text("18.0"))
KEY = message(b"K", struct.pack("!ii", 4711, 815))
READY = message(b"Z", b"I")
IN_TRANSACTION = message(b"Z", b"T")
PARSED, BOUND, NO_DATA, COPY_OUT = message(b"1"), message(b"2"), message(b"n"), message(b"H", b"\1\0\1\0\1")
LOGIN = AUTHENTICATED + SETTING + KEY + READY


def described(*wanted: Column, takes: Sequence[int] = ()) -> bytes:
    """The answer to Parse, Describe and Sync."""
    return PARSED + parameters(*takes) + (columns(*wanted) if wanted else NO_DATA) + READY


def result(*rows: bytes) -> bytes:
    """The answer to Bind, Execute and Sync."""
    return BOUND + b"".join(rows) + complete(f"SELECT {len(rows)}") + READY


class Script:
    """What the server answers: to the login, and by the kind of what it is asked.

    A question is known by the messages that it begins with: `P` prepares, `B` runs what is prepared, `PB` does both,
    `E` runs on, `Q` is a script, `c` and `f` end a COPY. Transactions and COPY are answered as they should be, unless
    the answers say otherwise.
    """

    def __init__(self, login: bytes = LOGIN, **answers: bytes) -> None:
        """Take the answers; what has none is the end of the conversation."""
        self.login = login
        self._answers = answers
        self._open = False

    def answer(self, tags: str, sql: bytes) -> bytes | None:
        """The answer to messages of these tags; None to hang up."""
        kind = tags.translate({ord(tag): None for tag in "CDSHEd"}) or tags.strip("CDSHd")
        verb = b"COPY" if b"; COPY " in sql else sql.partition(b" ")[0].strip(b"\0").upper()
        if kind == "Q" and verb in {b"BEGIN", b"COMMIT", b"ROLLBACK", b"COPY"} and verb.decode() not in self._answers:
            self._open = verb == b"BEGIN" or (self._open and verb == b"COPY")
            answer: bytes | None = copy_in() if verb == b"COPY" else complete(verb.decode()) + READY
        elif verb.decode() in self._answers:
            answer = self._answers[verb.decode()]
        elif not kind:
            answer = READY
        else:
            answer = self._answers.get(kind[:2] if kind.startswith("PB") else kind[:1])
        return answer.replace(READY, IN_TRANSACTION) if answer is not None and self._open else answer


def asks(frontend: Frontend) -> bool:
    """Tell whether the client waits for an answer after this message."""
    return frontend.tag in {b"S", b"Q", b"H", b"c", b"f", b"p"}


class Hostile:
    """Listens on a port of its own, and answers by a script."""

    def __init__(self, script: Script, *, tls: bytes = b"N") -> None:
        """Begin to listen."""
        self.script = script
        self._tls = tls
        self._listener = socket.create_server((LOOPBACK, 0))
        self._threads: list[threading.Thread] = []
        self._closed = False
        self.port: int = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def __enter__(self) -> Self:
        """Use it until the end of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening, and hang up on everybody."""
        self.close()

    def close(self) -> None:
        """Stop listening, and hang up on everybody."""
        self._closed = True
        self._accepting.join()
        self._listener.close()
        for thread in self._threads:
            thread.join()

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    def url(self, password: str = "", sslmode: str = "disable") -> str:
        """Give the URL of the server."""
        return f"postgresql://u:{password}@{self.place}/d?sslmode={sslmode}"

    def _accept(self) -> None:
        self._listener.settimeout(TICK_S)
        while not self._closed:
            with contextlib.suppress(TimeoutError):
                client, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(client,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def _serve(self, client: socket.socket) -> None:
        # A client that hangs up early is what most tests are about.
        with client, contextlib.suppress(OSError):
            client.settimeout(TICK_S)
            inbound, tags = Inbound(), ""
            while not self._closed:
                with contextlib.suppress(TimeoutError):
                    data = client.recv(1 << 16)
                    if not data:
                        return
                    for frontend, _ in inbound.feed(data):
                        answer = self._login(frontend)
                        tags += frontend.tag.decode()
                        if answer is None and asks(frontend):
                            answer = self.script.answer(tags, frontend.body if frontend.tag == b"Q" else b"")
                            tags = ""
                            if answer is None:
                                return
                        client.settimeout(None)
                        client.sendall(answer or b"")
                        client.settimeout(TICK_S)

    def _login(self, frontend: Frontend) -> bytes | None:
        if frontend.tag:
            return None
        if frontend.code in {SSL_REQUEST, GSS_REQUEST}:
            return self._tls
        return self.script.login
