"""Connection parameters: URIs, DSNs, the environment, passwords; and what errors may show."""

from __future__ import annotations

import builtins
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pytest

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

WHO = "SELECT current_user::text AS u, current_database()::text AS d, inet_server_port() AS p"
PASSWORD = "s3cr3t p@ss:/?#'\\é"  # noqa: S105  (made for the tests)


def who(database: howdah.Database) -> dict[str, Any]:
    (row,) = database.read(WHO).to_arrow().to_pylist()
    return dict(row)


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what the environment says of a server."""
    for name in ("DATABASE_URL", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGPASSWORD", "PGSERVICE", "PGPASSFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def place(tcp_server: embedded.Server) -> dict[str, str]:
    """Give host, port and socket folder of the server that listens on TCP."""
    parts = urlsplit(tcp_server.url)
    return {"host": parts.hostname or "", "port": str(parts.port), "folder": str(tcp_server.path.parent)}


@pytest.mark.parametrize("way", ["host", "folder"])
@pytest.mark.parametrize(
    "form",
    [
        "postgresql://postgres@{quoted}:{port}/postgres",
        "postgres://postgres@{quoted}:{port}/postgres?sslmode=disable",
        "postgresql:///postgres?host={quoted}&port={port}&user=postgres",
        "host={place} port={port} user=postgres dbname=postgres",
        "host='{place}' port = {port}  user='postgres' dbname=postgres connect_timeout=5",
    ],
)
def test_url_in_every_form_connects(place: dict[str, str], form: str, way: str) -> None:
    url = form.format(place=place[way], quoted=quote(place[way], safe=""), port=place["port"])
    with howdah.Database(url) as database:
        found = who(database)
    assert (found["u"], found["d"]) == ("postgres", "postgres")
    assert (found["p"] is None) == (way == "folder")


@pytest.mark.parametrize("with_url", [False, True])
def test_environment_tells_the_place(place: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, with_url: bool) -> None:
    if with_url:
        monkeypatch.setenv("DATABASE_URL", f"postgresql://postgres@{place['host']}:{place['port']}/postgres")
        monkeypatch.setenv("PGHOST", "nowhere.invalid")
    else:
        for name, value in {
            "HOST": place["host"],
            "PORT": place["port"],
            "USER": "postgres",
            "DATABASE": "postgres",
        }.items():
            monkeypatch.setenv(f"PG{name}", value)
    with howdah.Database() as database:
        assert who(database)["u"] == "postgres"


def test_environment_fills_what_a_url_leaves_out(place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", place["port"])
    monkeypatch.setenv("PGUSER", "postgres")
    with howdah.Database(f"host={place['host']} dbname=postgres") as database:
        assert who(database)["u"] == "postgres"


def test_no_url_and_no_environment_says_what_to_do() -> None:
    with pytest.raises(howdah.InterfaceError) as caught:
        howdah.Database().execute("SELECT 1")
    for part in ("DATABASE_URL", "PG", "howdah.embedded"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    "url", ["mysql://x", "postgresql://[", "host", "host=a port=x", "postgresql://h:99999/x", "=", "host='a"]
)
def test_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(howdah.InterfaceError):
        howdah.Database(url).execute("SELECT 1")


def test_url_that_is_none_shows_no_password() -> None:
    with pytest.raises(howdah.InterfaceError) as caught:
        howdah.Database("postgresql://u:hunter2@h:x/d?nonsense=hunter2").execute("SELECT 1")
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(howdah.Database("postgresql://u:hunter2@h/d"))


def test_refused_connection_names_host_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(builtins.ConnectionError) as caught:
        howdah.Database(f"postgresql://postgres@127.0.0.1:{port}/postgres").execute("SELECT 1")
    assert isinstance(caught.value, howdah.ConnectionError)
    assert "127.0.0.1" in str(caught.value)
    assert str(port) in str(caught.value)


def test_socket_that_is_not_there_names_its_place(tmp_path: Any) -> None:
    with pytest.raises(howdah.ConnectionError) as caught:
        howdah.Database(f"host={tmp_path} user=postgres").execute("SELECT 1")
    assert str(tmp_path) in str(caught.value)


def test_host_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(howdah.ConnectionError) as caught:
            howdah.Database(f"host=127.0.0.1 port={port} user=x sslmode=disable", connect_timeout_s=0.3).execute(
                "SELECT 1"
            )
    assert str(port) in str(caught.value)


def test_host_that_does_not_resolve_is_named() -> None:
    with pytest.raises(howdah.ConnectionError, match=r"nowhere\.invalid"):
        howdah.Database("postgresql://postgres@nowhere.invalid/postgres").execute("SELECT 1")


def test_second_of_several_hosts_is_tried(place: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        shut = probe.getsockname()[1]
    url = f"postgresql://postgres@127.0.0.1:{shut},{place['host']}:{place['port']}/postgres"
    with howdah.Database(url) as database:
        assert who(database)["p"] == int(place["port"])


def test_database_that_is_not_there_is_the_server_s_error(place: dict[str, str]) -> None:
    with pytest.raises(howdah.DatabaseError, match="nowhere") as caught:
        howdah.Database(f"postgresql://postgres@{place['host']}:{place['port']}/nowhere").execute("SELECT 1")
    assert caught.value.sqlstate == "3D000"


def test_application_name_and_options_reach_the_server(place: dict[str, str]) -> None:
    url = f"postgresql://postgres@{place['host']}:{place['port']}/postgres?options=-c%20work_mem%3D7MB"
    with howdah.Database(url, application_name="it's me") as database:
        query = "SELECT current_setting('application_name') AS a, current_setting('work_mem') AS w"
        assert database.read(query).to_arrow().to_pylist() == [{"a": "it's me", "w": "7MB"}]


@pytest.fixture(scope="module")
def guarded() -> Iterator[tuple[embedded.Server, dict[str, str]]]:
    """Give a server that asks for passwords, and its place; the users are named after the way they are asked."""
    with embedded.server(tcp=True, settings={"fsync": "off"}) as started:
        with psycopg.connect(started.url, autocommit=True) as admin:
            for way, encryption in (("scram", "scram-sha-256"), ("md5", "md5"), ("plain", "scram-sha-256")):
                admin.execute(f"SET password_encryption = '{encryption}'".encode())
                admin.execute(
                    psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(psycopg.sql.Identifier(way), PASSWORD)
                )
        rules = [("postgres", "trust"), ("scram", "scram-sha-256"), ("md5", "md5"), ("plain", "password")]
        lines = [f"local all {user} {method}\nhost all {user} 127.0.0.1/32 {method}\n" for user, method in rules]
        (started.path / "pg_hba.conf").write_text("".join(lines))
        with psycopg.connect(started.url, autocommit=True) as admin:
            admin.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + 30
            while admin.execute("SELECT count(*) FROM pg_hba_file_rules WHERE auth_method = 'md5'").fetchone() != (2,):
                assert time.monotonic() < deadline
            time.sleep(0.2)
        parts = urlsplit(started.url)
        yield started, {"tcp": parts.hostname or "", "socket": str(started.path.parent), "port": str(parts.port)}


def dsn(place: dict[str, str], way: str, user: str, password: str | None) -> str:
    word = "" if password is None else " password='" + password.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"host={place[way]} port={place['port']} user={user} dbname=postgres{word}"


@pytest.mark.parametrize("way", ["tcp", "socket"])
@pytest.mark.parametrize("user", ["scram", "md5", "plain"])
def test_password_of_every_kind_is_given(guarded: tuple[Any, dict[str, str]], way: str, user: str) -> None:
    with howdah.Database(dsn(guarded[1], way, user, PASSWORD)) as database:
        assert who(database)["u"] == user


@pytest.mark.parametrize("way", ["tcp", "socket"])
def test_trust_wants_no_password(guarded: tuple[Any, dict[str, str]], way: str) -> None:
    with howdah.Database(dsn(guarded[1], way, "postgres", None)) as database:
        assert who(database)["u"] == "postgres"


@pytest.mark.parametrize("user", ["scram", "md5", "plain"])
@pytest.mark.parametrize("password", ["hunter2", "", None])
def test_wrong_password_is_refused_and_not_shown(
    guarded: tuple[Any, dict[str, str]], user: str, password: str | None
) -> None:
    with pytest.raises(howdah.OperationalError) as caught:
        howdah.Database(dsn(guarded[1], "tcp", user, password)).execute("SELECT 1")
    error: BaseException | None = caught.value
    while error is not None:
        assert "hunter2" not in repr(error)
        error = error.__cause__ or error.__context__
    assert user in str(caught.value) or "password" in str(caught.value)


def test_password_of_a_uri_is_decoded(guarded: tuple[Any, dict[str, str]]) -> None:
    place = guarded[1]
    url = f"postgresql://scram:{quote(PASSWORD, safe='')}@{place['tcp']}:{place['port']}/postgres"
    assert unquote(urlsplit(url).password or "") == PASSWORD
    with howdah.Database(url) as database:
        assert who(database)["u"] == "scram"


def test_password_of_the_environment_is_given(
    guarded: tuple[Any, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with howdah.Database(dsn(guarded[1], "tcp", "scram", None)) as database:
        assert who(database)["u"] == "scram"
