"""Several hosts, the kind of server that is wanted, and what the environment and files say."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READ_ONLY = "options='-c default_transaction_read_only=on'"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Give the port of a server on TCP."""
    with embedded.server(tcp=True, settings={"fsync": "off"}) as started:
        number = urlsplit(started.url).port
        assert number is not None
        yield number


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
