"""A pool whose server stops, has too many connections or is read-only; and its background work."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import uvloop

import howdah
from tests.python.pool import restarts
from tests.python.pool.faces import awaited, either_loop, eventually, in_threads, outcome, pid_of, soon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.pool.faces import Open


@either_loop
async def test_idle_connections_beyond_min_size_close_by_themselves(opened_async: Open) -> None:
    database = opened_async(min_size=1, max_size=4, max_idle_s=0.5)
    await asyncio.gather(*(database.fetch_value("SELECT 1 FROM pg_sleep(0.2)") for _ in range(4)))
    assert database.stats().size == 4
    await soon(lambda: database.stats().size == 1)
    assert database.stats().idle == 1
    assert await database.fetch_value("SELECT 1") == 1


async def test_idle_connection_of_a_pool_closes_at_the_server(opened: Open, sessions: Callable[[], int]) -> None:
    database = opened(max_size=2, max_idle_s=0.5)
    await database.fetch_value("SELECT 1")
    eventually(lambda: sessions() == 0)
    assert (database.stats().size, database.stats().closed) == (0, 1)


async def test_pool_is_filled_again_up_to_min_size(opened: Open, kill: Callable[[int], None]) -> None:
    database = opened(min_size=2, max_size=4)
    pid = await pid_of(database)
    eventually(lambda: database.stats().idle == 2)
    kill(pid)
    eventually(lambda: database.stats().opened == 3)
    eventually(lambda: database.stats().idle == 2)


@pytest.fixture
def limited(admin: psycopg.Connection[Any], url: str) -> Iterator[str]:
    """Give the URL of a user who may have two connections."""
    admin.execute("CREATE USER few CONNECTION LIMIT 2")
    yield url.replace("postgres@", "few@")
    admin.execute("DROP USER few")


@either_loop
async def test_too_many_connections_wait_and_are_opened_later(opened_async: Open, limited: str) -> None:
    database = opened_async(url=limited, max_size=6)
    found = await asyncio.gather(*(database.fetch_value("SELECT 1 FROM pg_sleep(0.1)") for _ in range(12)))
    assert found == [1] * 12
    assert database.stats().opened <= 2


async def test_too_many_connections_of_others_are_waited_for(opened: Open, limited: str) -> None:
    others = [psycopg.connect(limited) for _ in range(2)]
    timer = threading.Timer(0.5, others[0].close)
    timer.start()
    assert await opened(url=limited).fetch_value("SELECT 1") == 1
    timer.join()
    others[1].close()


async def test_too_many_connections_for_too_long_are_told(opened: Open, limited: str) -> None:
    others = [psycopg.connect(limited) for _ in range(2)]
    with pytest.raises(howdah.OperationalError) as raised:
        await opened(url=limited, acquire_timeout_s=0.3).fetch_value("SELECT 1")
    assert raised.value.sqlstate == "53300"
    for other in others:
        other.close()


@pytest.fixture
def read_only(admin: psycopg.Connection[Any]) -> Iterator[Callable[[str], None]]:
    """Give what lets the user `reader` only read, or write again."""
    admin.execute("CREATE USER reader")

    def set_to(value: str) -> None:
        admin.execute(f"ALTER USER reader SET default_transaction_read_only = {value}".encode())

    yield set_to
    admin.execute("DROP USER reader")


async def test_connection_that_has_become_read_only_is_not_used_again(opened: Open, url: str) -> None:
    database = opened(url=f"{url}&target_session_attrs=read-write", max_size=1, reset=None)
    pid = await pid_of(database)
    assert await pid_of(database) == pid
    # The server reports it as it would report its own change.
    await database.execute("SET default_transaction_read_only = on")
    assert await pid_of(database) != pid
    # Without the parameter it is used as ever.
    database = opened(max_size=1, reset=None)
    pid = await pid_of(database)
    await database.execute("SET default_transaction_read_only = on")
    assert await pid_of(database) == pid


@pytest.mark.parametrize("target", ["read-write", "primary", "any"])
async def test_connection_that_refuses_to_write_is_not_used_again(opened: Open, url: str, target: str) -> None:
    database = opened(url=f"{url}&target_session_attrs={target}", max_size=1)
    pid = await pid_of(database)
    with pytest.raises(howdah.Error) as raised:
        await database.execute("SET LOCAL transaction_read_only = on; CREATE TABLE t (n int)")
    assert raised.value.sqlstate == "25006"
    assert (await pid_of(database) == pid) is (target == "any")


async def test_servers_that_only_read_are_waited_for_until_one_writes(
    opened: Open, url: str, read_only: Callable[[str], None], admin: psycopg.Connection[Any]
) -> None:
    database = opened(
        url=f"{url.replace('postgres@', 'reader@')}&target_session_attrs=read-write",
        max_size=1,
        acquire_timeout_s=20.0,
    )
    pid = await pid_of(database)
    read_only("on")
    admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    timer = threading.Timer(0.5, read_only, ["off"])
    timer.start()
    assert await pid_of(database) != pid
    timer.join()


async def test_pool_that_has_never_connected_tells_at_once_that_there_is_no_server(opened: Open, url: str) -> None:
    dead = url.replace("?", "?port=1&", 1)
    database = opened(url=dead, acquire_timeout_s=30.0)
    begun = time.monotonic()
    with pytest.raises(howdah.ConnectionError):
        await database.fetch_value("SELECT 1")
    assert time.monotonic() - begun < 10.0


async def test_unknown_database_is_told_at_once_by_a_pool_that_was_connected(
    opened: Open, admin: psycopg.Connection[Any], url: str
) -> None:
    admin.execute("CREATE DATABASE fleeting")
    database = opened(url=url.replace("/postgres?", "/fleeting?"), max_size=1, acquire_timeout_s=30.0)
    assert await database.fetch_value("SELECT 1") == 1
    admin.execute("DROP DATABASE fleeting WITH (FORCE)")
    begun = time.monotonic()
    with pytest.raises(howdah.Error) as raised:
        await database.fetch_value("SELECT 1")
    assert raised.value.sqlstate == "3D000"
    assert time.monotonic() - begun < 10.0


@either_loop
async def test_idle_connections_to_a_lost_host_are_dropped_at_once(
    opened_async: Open, admin: psycopg.Connection[Any], app: str
) -> None:
    database = opened_async(max_size=5)
    await asyncio.gather(*(database.fetch_value("SELECT 1 FROM pg_sleep(0.2)") for _ in range(5)))
    await soon(lambda: database.stats().idle == 5)
    ended = outcome(database.fetch_value("SELECT 1 FROM pg_sleep(30)"))
    task = asyncio.create_task(ended)
    await asyncio.sleep(0.1)
    admin.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = %s", [app])
    assert isinstance(await task, howdah.ConnectionError)
    await soon(lambda: database.stats().size == 0)


def test_idle_connections_of_threads_to_a_lost_host_are_dropped_at_once(
    url: str, admin: psycopg.Connection[Any], app: str, sessions: Callable[..., int]
) -> None:
    with howdah.Database(url, max_size=5, application_name=app) as database:
        meeting = threading.Barrier(5)

        def borrow() -> None:
            with database.transaction():
                database.fetch_value("SELECT 1")
                meeting.wait(30)

        in_threads(*[borrow] * 5)
        eventually(lambda: database.stats().idle == 5)
        ends = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = %s"

        def wait() -> None:
            with pytest.raises(howdah.ConnectionError):
                database.fetch_value("SELECT 1 FROM pg_sleep(30)")

        def lose() -> None:
            eventually(lambda: sessions("state = 'active'") == 1)
            admin.execute(ends, [app])

        in_threads(wait, lose)
        eventually(lambda: database.stats().size == 0)


@pytest.mark.parametrize("face", restarts.FACES)
@pytest.mark.parametrize("change", [restarts.restarted, restarts.failed_over])
def test_callers_wait_while_servers_change(change: Callable[[Any], restarts.Counts], face: str) -> None:
    counts = change(restarts.FACES[face])
    # No more than what was under way.
    assert counts.failed <= restarts.CALLERS
    # Every call after the first that a server has answered again.
    assert counts.failed_after == 0
    assert counts.done_after > restarts.CALLERS


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_waiting_for_a_server_ends_when_its_caller_is_cancelled(
    restarting: Any, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def body() -> None:
        async with howdah.AsyncDatabase(restarting.url, max_size=1) as database:
            assert await database.fetch_value("SELECT 1") == 1
            restarting.stop()
            task = asyncio.create_task(database.fetch_value("SELECT 1"))
            await asyncio.sleep(0.3)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await soon(lambda: database.stats().size == 0)

    awaited(body(), new_loop)
    restarting.start()
