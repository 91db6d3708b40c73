"""A TLS handshake that is cut, reset or stalled: a clear error in time; the next attempt works."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import howdah
from tests.python.faults.faces import FACES, in_time, is_lost
from tests.python.faults.proxy import Fault, Kind, Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.connect.conftest import Guarded

LIMIT_S = 5.0
KINDS: tuple[Kind, ...] = ("cut", "reset", "truncate", "silent")
# The server's consent alone, a part of its hello, and a part of its certificate.
PARTS = (1, 40, 700)


@pytest.fixture
def proxy(guarded: Guarded) -> Iterator[Proxy]:
    """Give a proxy before a server that speaks TLS."""
    with Proxy(f"postgresql://{guarded.host}:{guarded.port}/postgres") as started:
        yield started


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", PARTS)
def test_handshake_that_ends_is_a_connection_error(
    guarded: Guarded, proxy: Proxy, name: str, kind: Kind, after: int
) -> None:
    url = guarded.url(host="127.0.0.1", port=proxy.port, sslmode="require", connect_timeout=1)
    face = FACES[name](url)
    proxy.fault = Fault("ssl", kind, after=after)
    with pytest.raises(howdah.Error) as caught:
        in_time(LIMIT_S, lambda: face.fetch_value("SELECT 1"), proxy.hang_up)
    is_lost(caught.value, proxy.place)
    assert "TLS" in str(caught.value)
    assert proxy.strikes == 1
    proxy.heal()
    assert in_time(LIMIT_S, lambda: face.fetch_value("SELECT 2"), proxy.hang_up) == 2
    face.close()


def test_handshake_that_is_late_is_waited_for(guarded: Guarded, proxy: Proxy) -> None:
    proxy.fault = Fault("ssl", "delay", after=1)
    with howdah.Database(guarded.url(host="127.0.0.1", port=proxy.port, sslmode="require")) as db:
        assert db.fetch_value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
    assert proxy.strikes == 1
