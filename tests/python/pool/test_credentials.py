"""The credentials of each new connection: a password callable, and files that are read again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.python.pool.faces import Open


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """Give the URL of a server that asks the user `guest` for a password."""
    with embedded.server() as server:
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("CREATE USER guest PASSWORD 'first'")
            found: Any = connection.execute("SHOW hba_file").fetchone()
            from pathlib import Path  # noqa: PLC0415  (a fixture's own)

            hba = Path(found[0])
            hba.write_text("local all guest scram-sha-256\n" + hba.read_text())
            connection.execute("SELECT pg_reload_conf()")
        yield server.url


def set_password(url: str, password: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"ALTER USER guest PASSWORD '{password}'".encode())


def as_guest(url: str) -> str:
    return url.replace("postgres@", "guest@")


def giving(face: str, passwords: list[Any], asked: list[str]) -> Callable[[], Any]:
    def give() -> Any:
        asked.append(passwords[0])
        if isinstance(passwords[0], Exception):
            raise passwords[0]
        return passwords[0]

    async def give_later() -> Any:
        await asyncio.sleep(0)
        return give()

    return give if face == "blocking" else give_later


async def test_password_is_asked_for_each_new_connection(opened: Open, guarded: str, face: str) -> None:
    set_password(guarded, "first")
    passwords: list[Any] = ["first"]
    asked: list[str] = []
    database = opened(url=as_guest(guarded), max_size=1, max_lifetime_s=0.0, password=giving(face, passwords, asked))
    assert await database.fetch_value("SELECT current_user") == "guest"
    set_password(guarded, "second")
    passwords[0] = "second"
    assert await database.fetch_value("SELECT current_user") == "guest"
    assert asked == ["first", "second"]
    # A wrong one is told at once.
    passwords[0] = "third"
    with pytest.raises(howdah.OperationalError) as raised:
        await database.fetch_value("SELECT 1")
    assert raised.value.sqlstate == "28P01"


async def test_password_may_be_given_by_a_plain_function_of_either_api(opened: Open, guarded: str) -> None:
    set_password(guarded, "first")
    database = opened(url=as_guest(guarded), password=lambda: "first")
    assert await database.fetch_value("SELECT current_user") == "guest"
    assert (await database.read("SELECT 1 AS n").to_arrow()).to_pylist() == [{"n": 1}]


async def test_password_is_asked_for_loads_and_reads(opened: Open, guarded: str, face: str) -> None:
    set_password(guarded, "first")
    asked: list[str] = []
    database = opened(url=as_guest(guarded), max_size=1, password=giving(face, ["first"], asked))
    assert (await database.read("SELECT 1 AS n").to_arrow()).to_pylist() == [{"n": 1}]
    assert asked == ["first"]


async def test_failure_to_give_a_password_is_the_borrowers(opened: Open, guarded: str, face: str) -> None:
    database = opened(url=as_guest(guarded), password=giving(face, [LookupError("no such secret")], []))
    with pytest.raises(LookupError, match="no such secret"):
        await database.fetch_value("SELECT 1")


async def test_password_that_is_no_text_is_refused(opened: Open, guarded: str, face: str) -> None:
    database = opened(url=as_guest(guarded), password=giving(face, [17], []))
    with pytest.raises(howdah.InterfaceError, match="expected a callable that gives a str, got int"):
        await database.fetch_value("SELECT 1")


async def test_password_option_comes_before_that_of_the_url(opened: Open, guarded: str) -> None:
    set_password(guarded, "first")
    url = as_guest(guarded).replace("guest@", "guest:wrong@")
    database = opened(url=url, password="first")  # noqa: S106  (a test's own server)
    assert await database.fetch_value("SELECT current_user") == "guest"


async def test_passfile_is_read_again_for_each_new_connection(opened: Open, guarded: str, tmp_path: Path) -> None:
    passfile = tmp_path / "passfile"

    def write(password: str) -> None:
        passfile.write_text(f"*:*:*:guest:{password}\n")
        passfile.chmod(0o600)

    set_password(guarded, "first")
    write("first")
    join = "&" if "?" in guarded else "?"
    database = opened(url=f"{as_guest(guarded)}{join}passfile={passfile}", max_size=1, max_lifetime_s=0.0)
    assert await database.fetch_value("SELECT current_user") == "guest"
    set_password(guarded, "second")
    with pytest.raises(howdah.OperationalError):
        await database.fetch_value("SELECT 1")
    write("second")
    assert await database.fetch_value("SELECT current_user") == "guest"


async def test_service_file_is_read_again_for_each_new_connection(opened: Open, guarded: str, tmp_path: Path) -> None:
    set_password(guarded, "first")
    services = tmp_path / "services"
    info = psycopg.conninfo.conninfo_to_dict(guarded)

    def write(password: str) -> None:
        services.write_text(
            f"[place]\nhost={info['host']}\nport={info.get('port', 5432)}\ndbname={info.get('dbname', 'postgres')}\n"
            f"user=guest\npassword={password}\n"
        )

    write("first")
    database = opened(url=f"service=place servicefile={services}", max_size=1, max_lifetime_s=0.0)
    assert await database.fetch_value("SELECT current_user") == "guest"
    set_password(guarded, "second")
    write("second")
    assert await database.fetch_value("SELECT current_user") == "guest"
