"""A connection that is cut, reset, delayed or stalled while it is set up: an error in time; the next one works."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

import howdah
from tests.python.faults.faces import FACES, PASSWORD, Face, in_time, is_lost
from tests.python.faults.proxy import LOOPBACK, Fault, Kind, Phase, Proxy

if TYPE_CHECKING:
    from tests.python.faults.conftest import Opened

# The timeout of one attempt is a second, and there may be one with TLS and one without.
LIMIT_S = 5.0


def fails(proxy: Proxy, face: Face) -> None:
    with pytest.raises(howdah.Error) as caught:
        in_time(LIMIT_S, lambda: face.fetch_value("SELECT 1"), proxy.hang_up)
    is_lost(caught.value, proxy.place)
    assert "check that the server runs" in str(caught.value), str(caught.value)


def recovers(proxy: Proxy, face: Face) -> None:
    proxy.heal()
    assert in_time(LIMIT_S, lambda: face.fetch_value("SELECT 2"), proxy.hang_up) == 2
    stats = face.stats()
    assert (stats.size, stats.idle, stats.busy, stats.opened) == (1, 1, 0, 1)


@pytest.mark.parametrize("kind", ["cut", "reset", "silent"])
@pytest.mark.parametrize("phase", ["connect", "startup"])
def test_connection_that_ends_while_set_up_is_a_connection_error(
    proxy: Proxy, face: Face, phase: Phase, kind: Kind
) -> None:
    proxy.fault = Fault(phase, kind)
    for _ in range(2):
        fails(proxy, face)
    recovers(proxy, face)
    assert proxy.strikes >= 2


@pytest.mark.parametrize("kind", ["cut", "reset", "truncate", "silent"])
@pytest.mark.parametrize("after", [1, 5, 24, 90, 130, 200])
def test_login_that_ends_after_some_bytes_is_a_connection_error(
    proxy: Proxy, face: Face, kind: Kind, after: int
) -> None:
    proxy.fault = Fault("startup", kind, after=after)
    fails(proxy, face)
    assert proxy.strikes == 1
    recovers(proxy, face)


def test_login_at_every_cut_is_a_connection_error(proxy: Proxy) -> None:
    url = proxy.url(user="mahout", password=PASSWORD, sslmode="disable")
    with howdah.Database(url, connect_timeout_s=1) as database:
        for after in range(120):
            proxy.fault = Fault("startup", "cut", after=after)
            with pytest.raises(howdah.ConnectionError, match=proxy.place):
                database.execute("SELECT 1")
        proxy.heal()
        assert database.fetch_value("SELECT 1") == 1


@pytest.mark.parametrize("kind", ["cut", "reset", "silent"])
def test_tls_request_that_is_not_answered_is_a_connection_error(proxy: Proxy, opened: Opened, kind: Kind) -> None:
    face = opened(sslmode="require")
    proxy.fault = Fault("ssl", kind)
    fails(proxy, face)
    assert proxy.strikes == 1


def test_tls_request_that_is_delayed_is_waited_for(proxy: Proxy, opened: Opened) -> None:
    face = opened(sslmode="prefer")
    proxy.fault = Fault("ssl", "delay")
    recovers_delayed(proxy, face)


@pytest.mark.parametrize("phase", ["connect", "startup"])
def test_login_that_is_delayed_is_waited_for(proxy: Proxy, face: Face, phase: Phase) -> None:
    proxy.fault = Fault(phase, "delay")
    recovers_delayed(proxy, face)


def recovers_delayed(proxy: Proxy, face: Face) -> None:
    assert in_time(LIMIT_S, lambda: face.fetch_value("SELECT 1"), proxy.hang_up) == 1
    assert proxy.strikes == 1


@pytest.mark.parametrize("kind", list(FACES))
def test_connection_that_is_refused_tells_where(kind: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as nobody:
        port = nobody.getsockname()[1]
    face: Face = FACES[kind](f"postgresql://u:{PASSWORD}@{LOOPBACK}:{port}/d", connect_timeout_s=1)
    with pytest.raises(howdah.ConnectionError) as caught:
        in_time(LIMIT_S, lambda: face.fetch("SELECT 1"), int)
    is_lost(caught.value, f"{LOOPBACK}:{port}")
    face.close()


@pytest.mark.parametrize("kind", list(FACES))
def test_connection_that_nobody_accepts_ends_with_the_timeout(kind: str) -> None:
    # The kernel accepts for the first, and lets the others wait.
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)  # noqa: FBT003
            one.connect_ex((LOOPBACK, port))
        face: Face = FACES[kind](f"postgresql://u:{PASSWORD}@{LOOPBACK}:{port}/d", connect_timeout_s=0.5)
        with pytest.raises(howdah.ConnectionError) as caught:
            in_time(LIMIT_S, lambda: face.fetch("SELECT 1"), listener.close)
        is_lost(caught.value, f"{LOOPBACK}:{port}")
        for one in waiting:
            one.close()
        face.close()


def test_wrong_password_is_told_without_it(proxy: Proxy) -> None:
    wrong = "wrong-horse-battery"
    with (
        howdah.Database(proxy.url(user="mahout", password=wrong, sslmode="disable")) as database,
        pytest.raises(howdah.Error) as caught,
    ):
        database.execute("SELECT 1")
    assert wrong not in str(caught.value)
    assert "mahout" in str(caught.value)
    assert proxy.place in str(caught.value)


@pytest.mark.parametrize("name", FACES)
def test_spare_connections_that_hang_keep_nobody_waiting(proxy: Proxy, name: str) -> None:
    proxy.fault = Fault("connect", "silent", after=1)
    url = proxy.url(user="mahout", password=PASSWORD, sslmode="disable", connect_timeout="5")
    face = FACES[name](url, min_size=3, max_size=3)
    # One that waited for the first of them would take five seconds.
    assert in_time(LIMIT_S / 2, lambda: face.fetch_value("SELECT 1"), proxy.hang_up) == 1
    assert face.stats().opened == 1
    face.close()


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize(("mode", "tries"), [("prefer", 1), ("disable", 1), ("allow", 2)])
def test_login_in_the_clear_that_is_refused_is_not_tried_in_the_clear_again(
    proxy: Proxy, name: str, mode: str, tries: int
) -> None:
    face = FACES[name](proxy.url(user="mahout", password="wrong", sslmode=mode))  # noqa: S106
    with pytest.raises(howdah.Error):
        face.fetch_value("SELECT 1")
    assert proxy.accepted == tries
    face.close()
