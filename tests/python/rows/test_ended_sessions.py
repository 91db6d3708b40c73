"""A session that the server ends by a timeout: the error of every method has the server's SQLSTATE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

import howdah
from howdah.outcomes import outcome_of
from tests.python.pool.faces import eventually
from tests.python.versions import VERSIONS, server_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from howdah import embedded

TIMEOUTS = {"idle_in_transaction_session_timeout": "25P03", "transaction_timeout": "25P04"}


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest) -> Iterator[embedded.Server]:
    """Give a server of this module's own, of either version."""
    with server_of(request.param) as started:
        yield started


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def face(request: pytest.FixtureRequest) -> str:
    """Tell which face is tested, and under which loop."""
    return cast("str", request.param)


def gone(server: embedded.Server, pid: int) -> None:
    """Wait until a session has ended."""
    with psycopg.connect(server.url, autocommit=True) as other:
        eventually(lambda: not other.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall())


async def stream(db: howdah.AsyncDatabase) -> None:
    async for _ in db.stream("SELECT 1"):
        pass


async def savepoint(db: howdah.AsyncDatabase) -> None:
    async with db.transaction():
        pass


async def nothing(_: howdah.AsyncDatabase) -> None:
    """Let the COMMIT meet it."""


VERBS: dict[str, Callable[[howdah.AsyncDatabase], Awaitable[Any]]] = {
    "execute": lambda db: db.execute("SELECT 1 WHERE $1 = 1", 1),
    "script": lambda db: db.execute("SELECT 1; SELECT 2"),
    "fetch": lambda db: db.fetch("SELECT 1"),
    "fetch_one": lambda db: db.fetch_one("SELECT 1"),
    "fetch_value": lambda db: db.fetch_value("SELECT $1::int", 1),
    "execute_many": lambda db: db.execute_many("SELECT $1::int", [(1,), (2,)]),
    "load": lambda db: db.load("t", [(1,)]),
    "upsert": lambda db: db.load("t", [(1,)], mode="upsert", key="id"),
    "large": lambda db: db.fetch_value("SELECT length($1)", "x" * 20_000_000),
    "stream": stream,
    "savepoint": savepoint,
    "commit": nothing,
}


@pytest.mark.parametrize("setting", TIMEOUTS)
@pytest.mark.parametrize("verb", VERBS)
async def test_timeout_that_ends_a_transaction_keeps_its_sqlstate(
    opened: Callable[..., howdah.AsyncDatabase], server: embedded.Server, setting: str, verb: str
) -> None:
    db = opened(server.url, max_size=1)
    if setting == "transaction_timeout" and await db.fetch_value("SHOW server_version_num") < "170000":
        pytest.skip("before PostgreSQL 17 there is no such timeout")
    await db.execute("CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY)")

    async def ended() -> None:
        async with db.transaction():
            pid = await db.fetch_value("SELECT pg_backend_pid()")
            await db.execute(f"SET LOCAL {setting} = '20ms'")
            gone(server, pid)
            await VERBS[verb](db)

    with pytest.raises(howdah.QueryTimeout, match="terminating connection due to") as caught:
        await ended()
    assert caught.value.sqlstate == TIMEOUTS[setting]
    if setting == "idle_in_transaction_session_timeout":
        # The server waited for the next statement, and has read none: not even a COMMIT may have been done.
        assert outcome_of(caught.value) is None
    assert await db.fetch_value("SELECT 1") == 1


async def test_timeout_of_an_idle_session_is_not_met_by_the_next_borrower(
    opened: Callable[..., howdah.AsyncDatabase], server: embedded.Server
) -> None:
    db = opened(server.url, max_size=1, reset=None)
    pid = await db.fetch_value("SELECT pg_backend_pid()")
    await db.execute("SET idle_session_timeout = '20ms'")
    gone(server, pid)
    assert await db.fetch_value("SELECT 1") == 1
