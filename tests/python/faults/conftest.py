"""Fixtures of the tests of faults: a server on TCP, a proxy in front of it, and databases that use the proxy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import psycopg
import pytest

from howdah import embedded
from tests.python.faults.faces import FACES, PASSWORD, Face
from tests.python.faults.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.python.conftest import Sql

USER = "mahout"


class Opened(Protocol):
    """Opens a database by way of the proxy."""

    def __call__(self, **parameters: str) -> Face:
        """Open it, with these parameters in its URL."""


@pytest.fixture(scope="session")
def tcp_server() -> Iterator[embedded.Server]:
    """Give a server on TCP, of which one user needs a password."""
    with embedded.server(tcp=True, settings={"fsync": "off"}) as started:
        with psycopg.connect(started.url, autocommit=True) as connection:
            connection.execute(f"CREATE ROLE {USER} SUPERUSER LOGIN PASSWORD '{PASSWORD}'".encode())
        rules = started.path / "pg_hba.conf"
        rules.write_text(f"host all {USER} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        with psycopg.connect(started.url, autocommit=True) as connection:
            connection.execute("SELECT pg_reload_conf()")
        yield started


@pytest.fixture
def proxy(tcp_server: embedded.Server) -> Iterator[Proxy]:
    """Give a proxy before the server; it does no harm yet."""
    with Proxy(tcp_server.url) as started:
        yield started


@pytest.fixture(scope="session")
def _witness(tcp_server: embedded.Server) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(tcp_server.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def sql(_witness: psycopg.Connection[tuple[object, ...]]) -> Sql:
    """Give a look at the server past the proxy; the table `t (id int)` is there, and empty."""

    def run(query: str, *params: object) -> list[tuple[object, ...]]:
        cursor = _witness.execute(query.encode(), params or None)
        return cursor.fetchall() if cursor.description else []

    run("SET client_min_messages = warning")
    run("DROP TABLE IF EXISTS t")
    run("CREATE TABLE t (id int, v text)")
    return run


@pytest.fixture(params=list(FACES))
def opened(request: pytest.FixtureRequest, proxy: Proxy) -> Iterator[Opened]:
    """Give what opens a database of either kind; it has one connection, and one second for each attempt to connect."""
    faces: list[Face] = []

    def open_(**parameters: str) -> Face:
        parameters = {"sslmode": "disable", **parameters}
        url = proxy.url(user=USER, password=PASSWORD, **parameters)
        face: Face = FACES[request.param](url, max_size=1, connect_timeout_s=1, acquire_timeout_s=5)
        faces.append(face)
        return face

    yield open_
    proxy.hang_up()
    for face in faces:
        face.close()


@pytest.fixture
def face(opened: Opened) -> Face:
    """Give a database of either kind behind the proxy, without TLS."""
    return opened()
