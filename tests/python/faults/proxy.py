"""A TCP proxy before a server, which does harm at a chosen moment of a session.

The moment is told by the frontend's messages that go by:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from types import TracebackType

Phase = Literal["connect", "ssl", "startup", "parse", "query", "copy", "copy_done", "commit"]
Kind = Literal["cut", "reset", "truncate", "silent", "delay", "watch"]

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 1 << 16
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102
NO_STARTUPS = {SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST}
# The messages that begin a phase.
TAGS: dict[str, bytes] = {"parse": b"P", "query": b"EQ", "copy": b"d", "copy_done": b"c"}
# How often those who wait look up.
TICK_S = 0.004


class Frontend(NamedTuple):
    """A message of the client's; those before the login have no tag."""

    tag: bytes
    body: bytes

    def begins(self, phase: Phase) -> bool:
        """Tell whether this is the message that begins a phase."""
        if phase in {"ssl", "startup"}:
            return not self.tag and (self.code == SSL_REQUEST if phase == "ssl" else self.code not in NO_STARTUPS)
        if phase == "commit":
            return self.tag == b"Q" and self.body == b"COMMIT\0"
        return bool(self.tag) and self.tag in TAGS.get(phase, b"")

    @property
    def code(self) -> int:
        """What a message without a tag asks for."""
        return int.from_bytes(self.body[:4])


@dataclass
class Fault:
    """What is done, and when."""

    phase: Phase
    kind: Kind
    after: int = 0
    """How many bytes of the answer come through; in a COPY, how many of the client's messages do; of connections, how
    many go unharmed."""
    lost: Literal["answer", "request"] = "answer"
    """Whether the server has had the message at which it strikes."""
    delay_s: float = 0.3


class Inbound:
    """Cuts what a client sends into messages."""

    def __init__(self) -> None:
        """Begin before the login."""
        self._bytes = bytearray()
        self._logged_in = False

    def feed(self, data: bytes) -> list[tuple[Frontend, bytes]]:
        """Give the messages that are whole now, each with its bytes."""
        self._bytes += data
        found = []
        while (message := self._next()) is not None:
            found.append(message)
        return found

    def _next(self) -> tuple[Frontend, bytes] | None:
        tagged = int(self._logged_in)
        if len(self._bytes) < tagged + 4:
            return None
        length = tagged + int.from_bytes(self._bytes[tagged : tagged + 4])
        if len(self._bytes) < length:
            return None
        whole = bytes(self._bytes[:length])
        del self._bytes[:length]
        message = Frontend(whole[:tagged], whole[tagged + 4 :])
        self._logged_in = self._logged_in or message.begins("startup")
        return message, whole


@dataclass(eq=False)
class Link:
    """One client's connection, and ours to the server for it."""

    proxy: Proxy
    client: socket.socket
    server: socket.socket
    number: int
    """Which of the proxy's connections it is, from 1."""
    inbound: Inbound = field(default_factory=Inbound)
    struck: Fault | None = None
    """The fault that awaits the server's answer."""
    passed: int = 0
    silent: bool = False
    broken: bool = False
    order: Kind | None = None
    """How to hang up at the next tick."""
    encrypted: bool = False
    """What follows is TLS, which is passed on unread."""

    def run(self) -> None:
        """Pass on what comes from both sides, until one hangs up."""
        fault = self.proxy.fault
        with contextlib.suppress(OSError):
            if fault is not None and fault.phase == "connect" and self.number > fault.after:
                self.strike(fault, b"")
            while not self.broken:
                if self.order is not None:
                    self.hang_up(reset=self.order == "reset")
                    break
                ready, _, _ = select.select([self.client, self.server], [], [], TICK_S)
                for side in ready:
                    data = side.recv(CHUNK_BYTES)
                    if not data:
                        return self.end()
                    self.silent |= self.proxy.silent
                    if not self.silent:
                        (self.outward if side is self.client else self.inward)(data)
                    if self.broken:
                        break
        return self.end()

    def end(self) -> None:
        """Hang up on both sides."""
        self.client.close()
        self.server.close()

    def outward(self, data: bytes) -> None:
        """Pass the client's messages on, and look for the moment to strike."""
        if self.encrypted:
            self.server.sendall(data)
            return
        for message, whole in self.inbound.feed(data):
            self.proxy.seen.append(message)
            fault = self.proxy.fault
            if fault is not None and self.struck is None and message.begins(fault.phase):
                self.passed += 1
                if fault.kind == "watch":
                    # It is only noted that the moment has come.
                    self.proxy.strikes += 1
                elif fault.phase == "copy" and self.passed <= fault.after:
                    pass
                elif fault.lost == "request" or fault.phase == "copy":
                    self.strike(fault, b"")
                    if self.broken or self.silent:
                        return
                else:
                    self.struck, self.passed = fault, 0
            self.server.sendall(whole)

    def inward(self, data: bytes) -> None:
        """Pass the server's answer on, as far as it is to come."""
        if self.proxy.seen and self.proxy.seen[-1].begins("ssl"):
            self.encrypted |= data[:1] == b"S"
        fault = self.struck
        if fault is None or self.passed + len(data) <= fault.after:
            self.passed += len(data)
            self.proxy.record(data)
            self.client.sendall(data)
            return
        through = fault.after - self.passed
        self.client.sendall(data[:through])
        self.strike(fault, data[through:])

    def strike(self, fault: Fault, rest: bytes) -> None:
        """Do what is to be done; `rest` would have gone to the client next."""
        self.proxy.strikes += 1
        self.struck = None
        if fault.kind == "delay":
            self.proxy.heal()
            time.sleep(fault.delay_s)
            self.client.sendall(rest)
        elif fault.kind == "silent":
            self.silent = True
        else:
            if fault.kind == "truncate":
                # A tag, and a part of a length.
                self.client.sendall(rest[:3])
            self.hang_up(reset=fault.kind == "reset")

    def hang_up(self, *, reset: bool) -> None:
        """End the client's connection: by FIN, or by RST."""
        if reset:
            self.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            # Unread bytes would make an RST of it.
            with contextlib.suppress(OSError):
                self.client.shutdown(socket.SHUT_RDWR)
        self.client.close()
        self.broken = True


class Proxy:
    """Listens on a port of its own, before the server that a URL names."""

    def __init__(self, url: str) -> None:
        """Begin to listen."""
        self._parts = urlsplit(url)
        self._listener = socket.create_server((LOOPBACK, 0))
        self._links: list[tuple[Link, threading.Thread]] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._closed = False
        self.port: int = self._listener.getsockname()[1]
        self.fault: Fault | None = None
        self.strikes = 0
        self.silent = False
        self.accepted = 0
        self.seen: deque[Frontend] = deque(maxlen=1000)
        self.turns: list[bytearray] | None = None
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
        self.hang_up()

    def url(self, user: str | None = None, password: str | None = None, **parameters: str) -> str:
        """Give the server's URL, by way of the proxy."""
        user = user or self._parts.username or ""
        login = user if password is None else f"{user}:{password}"
        query = "&".join([self._parts.query, *(f"{name}={value}" for name, value in parameters.items())])
        return urlunsplit((self._parts.scheme, f"{login}@{self.place}", self._parts.path, query.strip("&"), ""))

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{LOOPBACK}:{self.port}"

    def fall_silent(self) -> None:
        """Pass nothing on any more, in no direction and for nobody; those who come now are accepted, too."""
        self.silent = True

    def heal(self) -> None:
        """Do no more harm to those who come now."""
        self.fault = None
        self.silent = False

    def hang_up(self, *, reset: bool = False) -> None:
        """End every connection, whatever it is at."""
        links, self._links = self._links, []
        for link, _ in links:
            link.order = "reset" if reset else "cut"
        for _, thread in links:
            thread.join()

    def record(self, data: bytes) -> None:
        """Keep what a server answers, if somebody wants it: one entry for each time that it was asked."""
        if self.turns is None:
            return
        if self.seen or not self.turns:
            self.seen.clear()
            self.turns.append(bytearray())
        self.turns[-1] += data

    def _accept(self) -> None:
        self._listener.settimeout(TICK_S)
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except TimeoutError:
                continue
            client.setblocking(True)  # noqa: FBT003
            server = socket.create_connection((self._parts.hostname or LOOPBACK, self._parts.port or 5432))
            for side in (client, server):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted += 1
            link = Link(self, client, server, self.accepted)
            thread = threading.Thread(target=link.run, daemon=True)
            # Before it passes anything on: a caller that was answered may end it.
            self._links.append((link, thread))
            thread.start()
