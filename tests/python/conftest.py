"""One private server for the whole run, one schema of it for each test, and psycopg to check results without howdah."""

from __future__ import annotations

import itertools
import signal
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

import psycopg
import pytest

import howdah
from howdah import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nothing that the tests store outlives them, so nothing has to reach the disk.
SETTINGS: dict[str, str | float] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_prepared_transactions": 10,
}

_serial = itertools.count(1)

# What a shell starts in its background ignores Ctrl-C, and some tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


class Sql(Protocol):
    """Runs SQL through psycopg: what the server holds, told by somebody else."""

    def __call__(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        """Run a query with parameters `%s`, and give its rows; none for a statement without a result."""


@pytest.fixture(scope="session")
def server() -> Iterator[embedded.Server]:
    """Give the server that all tests share; one that stops or kills its server starts its own."""
    with embedded.server(settings=SETTINGS) as started:
        yield started


@pytest.fixture(scope="session")
def admin(server: embedded.Server) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Give the connection that makes and drops the schemas."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def url(server: embedded.Server, admin: psycopg.Connection[tuple[Any, ...]]) -> Iterator[str]:
    """Give a URL whose sessions see an empty schema of this test's own.

    A schema is made and dropped in a few milliseconds; a database takes more than a hundred.
    """
    schema = f"test_{next(_serial)}"
    admin.execute(f"CREATE SCHEMA {schema}".encode())
    yield f"{server.url}?options={quote(f'-c search_path={schema}')}"
    # A session that a failed test left open would keep its locks, and the drop waiting.
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_class ON pg_class.oid = relation "
        "WHERE relnamespace = %s::regnamespace AND pid <> pg_backend_pid()",
        [schema],
    )
    admin.execute("SET client_min_messages = warning")
    admin.execute(f"DROP SCHEMA {schema} CASCADE".encode())


@pytest.fixture
def db(url: str) -> Iterator[howdah.Database]:
    """Give a database whose unqualified names are this test's own."""
    with howdah.Database(url) as database:
        yield database


@pytest.fixture
def sql(url: str) -> Iterator[Sql]:
    """Give an independent look at what the server holds, in the schema of `db`."""
    with psycopg.connect(url, autocommit=True) as connection:

        def run(query: str, *params: object) -> list[tuple[Any, ...]]:
            # Without parameters a % is a %.
            cursor = connection.execute(query.encode(), params or None)
            return cursor.fetchall() if cursor.description else []

        yield run
