"""LISTEN and NOTIFY: notifications arrive once and in order; a lost connection is an error."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.pool.faces import eventually, pid_of, soon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

    Sql = Callable[..., Any]
    Kill = Callable[[int], None]

ODD = ["Capital", "two words", 'a"quote', "semi;colon", "select", "é", "", "x" * 63, "$1", "%s", "--", "a.b"]


async def listener_pid(database: howdah.AsyncDatabase, sessions: Any = None) -> int:
    """Tell which session listens: the one that is not idle in the pool."""
    del sessions
    query = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name = $1"
    name = await database.fetch_value("SELECT current_setting('application_name')")
    pid: int = await database.fetch_value(query, name)
    return pid


async def test_notification_comes_from_another_connection(db: howdah.AsyncDatabase, sql: Sql) -> None:
    async with db.listen("news") as notifications:
        sql("NOTIFY news, 'an elephant'")
        found = await anext(aiter(notifications))
        assert (found.channel, found.payload) == ("news", "an elephant")
        assert found.pid == sql("SELECT pg_backend_pid()")[0][0]
        await db.execute("NOTIFY news")
        found = await anext(aiter(notifications))
        assert (found.channel, found.payload) == ("news", "")
        assert found.pid == await pid_of(db)


async def test_notifications_come_in_their_order_and_with_their_payloads(db: howdah.AsyncDatabase) -> None:
    payloads = [str(n) for n in range(200)] + ["é\n\t'\"\\", "x" * 7999]
    async with db.listen("news") as notifications:
        for payload in payloads:
            await db.execute("SELECT pg_notify('news', $1::text)", payload)
        each = aiter(notifications)
        assert [(await anext(each)).payload for _ in payloads] == payloads


async def test_several_channels_are_heard_and_others_are_not(db: howdah.AsyncDatabase, sql: Sql) -> None:
    async with db.listen("a", "b", "c") as notifications:
        for channel in ("a", "x", "b", "A", "c", "a"):
            sql("SELECT pg_notify(%s, 'hello')", channel)
        each = aiter(notifications)
        assert [(await anext(each)).channel for _ in range(4)] == ["a", "b", "c", "a"]


@pytest.mark.parametrize("channel", [name for name in ODD if name])
async def test_channel_of_an_odd_name_is_heard(db: howdah.AsyncDatabase, sql: Sql, channel: str) -> None:
    async with db.listen(channel) as notifications:
        sql("SELECT pg_notify(%s, 'hello')", channel)
        found = await anext(aiter(notifications))
        assert (found.channel, found.payload) == (channel, "hello")


@pytest.mark.parametrize("channel", ["", "x" * 64, "nul\0"])
async def test_channel_that_cannot_be_is_refused(one: howdah.AsyncDatabase, channel: str) -> None:
    with pytest.raises((howdah.Error, ValueError)):
        async with one.listen(channel):
            pytest.fail("it listens")
    assert await one.fetch_value("SELECT 1") == 1


async def test_listening_without_a_channel_is_refused(db: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.InterfaceError, match="channel"):
        async with db.listen():
            pytest.fail("it listens")


async def test_notification_of_a_transaction_comes_with_its_commit(db: howdah.AsyncDatabase) -> None:
    async with db.listen("news") as notifications:
        async with db.transaction() as tx:
            await db.execute("NOTIFY news, 'never'")
            await tx.rollback()
        async with db.transaction():
            await db.execute("NOTIFY news, 'now'")
        assert (await anext(aiter(notifications))).payload == "now"


async def test_end_of_the_block_listens_no_more_and_gives_the_connection_back(
    one: howdah.AsyncDatabase, sql: Sql
) -> None:
    async with one.listen("news", "Odd one"):
        assert one.stats().busy == 1
        sql("NOTIFY news, 'left'")
    assert await one.fetch_value("SELECT count(*) FROM pg_listening_channels()") == 0
    assert one.stats().opened == 1
    # What came before is not heard by the next.
    async with one.listen("news") as notifications:
        sql("NOTIFY news, 'fresh'")
        assert (await anext(aiter(notifications))).payload == "fresh"


async def test_block_left_by_an_exception_gives_the_connection_back(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(KeyError):
        async with one.listen("news"):
            raise KeyError
    assert await one.fetch_value("SELECT count(*) FROM pg_listening_channels()") == 0


@pytest.mark.parametrize("waiting", [False, True])
async def test_lost_connection_is_told(opened: Open, kill: Kill, waiting: bool) -> None:  # noqa: FBT001
    database = opened()
    async with database.listen("news") as notifications:
        pid = await listener_pid(database)
        timer = threading.Timer(0.2 if waiting else 0.0, kill, [pid])
        timer.start()
        if not waiting:
            timer.join()
        with pytest.raises(howdah.ConnectionError):
            await anext(aiter(notifications))
        timer.join()
    async with database.listen("news") as notifications:
        await database.execute("NOTIFY news, 'again'")
        assert (await anext(aiter(notifications))).payload == "again"


async def test_notifications_before_the_loss_are_not_lost_with_it(opened: Open, kill: Kill) -> None:
    database = opened()
    async with database.listen("news") as notifications:
        for payload in ("one", "two"):
            await database.execute("SELECT pg_notify('news', $1::text)", payload)
        each = aiter(notifications)
        # With the first, the second has come, too.
        assert (await anext(each)).payload == "one"
        kill(await listener_pid(database))
        assert (await anext(each)).payload == "two"


async def test_loop_over_notifications_ends_with_the_error_of_a_lost_connection(opened_async: Open, kill: Kill) -> None:
    database = opened_async()
    heard: list[str] = []

    async def hear() -> None:
        async with database.listen("news") as notifications:
            async for notification in notifications:
                heard.append(notification.payload)  # noqa: PERF401  (it ends by an error)

    task = asyncio.create_task(hear())
    await soon(lambda: database.stats().busy == 1)
    await asyncio.sleep(0.05)
    for n in range(3):
        await database.execute("SELECT pg_notify('news', $1::text)", str(n))
    await soon(lambda: len(heard) == 3)
    kill(await listener_pid(database))
    with pytest.raises(howdah.ConnectionError):
        await task
    assert heard == ["0", "1", "2"]


async def test_cancelled_wait_loses_no_notification(opened_async: Open) -> None:
    database = opened_async()
    heard: list[int] = []
    count = 300

    async def send() -> None:
        for n in range(count):
            await database.execute("SELECT pg_notify('news', $1::text)", str(n))
            if n % 7 == 0:
                await asyncio.sleep(0.001)

    async with database.listen("news") as notifications:
        sender = asyncio.create_task(send())
        turn = 0
        while len(heard) < count:
            turn += 1
            task = asyncio.ensure_future(anext(aiter(notifications)))
            for _ in range(turn % 5):
                await asyncio.sleep(0)
            if turn % 3 == 0:
                await asyncio.wait([task], timeout=0.002)
            task.cancel()
            try:
                heard.append(int((await task).payload))
            except asyncio.CancelledError:
                assert turn < 100_000
        await sender
    assert heard == list(range(count))


async def test_timeout_of_a_wait_lets_it_go_on(opened_async: Open) -> None:
    database = opened_async()
    async with database.listen("news") as notifications:
        for n in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(aiter(notifications)), 0.05)
            await database.execute("SELECT pg_notify('news', $1::text)", str(n))
            assert (await asyncio.wait_for(anext(aiter(notifications)), 5)).payload == str(n)


async def test_two_who_wait_get_one_each(opened_async: Open) -> None:
    database = opened_async()
    async with database.listen("news") as notifications:
        tasks = [asyncio.ensure_future(anext(aiter(notifications))) for _ in range(2)]
        await asyncio.sleep(0.02)
        await database.execute("NOTIFY news, 'one'")
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=5)
        await asyncio.sleep(0.02)
        assert sum(task.done() for task in tasks) == 1
        await database.execute("NOTIFY news, 'two'")
        found = await asyncio.wait_for(asyncio.gather(*tasks), 5)
        assert {notification.payload for notification in found} == {"one", "two"}


async def test_many_listeners_all_hear(opened_async: Open, sessions: Callable[..., int]) -> None:
    database = opened_async(max_size=6)
    ready: list[int] = []

    async def hear(me: int) -> list[str]:
        async with database.listen("news", f"to_{me}") as notifications:
            ready.append(me)
            each = aiter(notifications)
            return [(await anext(each)).payload for _ in range(2)]

    tasks = [asyncio.create_task(hear(n)) for n in range(5)]
    await soon(lambda: len(ready) == 5)
    await database.execute("NOTIFY news, 'to all'")
    for n in range(5):
        await database.execute("SELECT pg_notify($1::text, 'to you')", f"to_{n}")
    assert await asyncio.gather(*tasks) == [["to all", "to you"]] * 5
    await soon(lambda: database.stats().busy == 0)
    assert sessions("query LIKE 'LISTEN%%' AND state <> 'idle'") == 0


def test_thread_that_waits_is_woken(url: str, app: str) -> None:
    with howdah.Database(url, application_name=app) as database, database.listen("news") as notifications:
        timer = threading.Timer(0.2, database.execute, ["NOTIFY news, 'from a thread'"])
        timer.start()
        assert next(iter(notifications)).payload == "from a thread"
        timer.join()


async def test_listener_outside_of_its_block_is_refused(opened_async: Open) -> None:
    database = opened_async()
    listener = database.listen("news")
    with pytest.raises(howdah.InterfaceError):
        await anext(aiter(listener))
    async with listener:
        pass
    with pytest.raises(howdah.InterfaceError):
        await anext(aiter(listener))


async def test_listening_inside_a_transaction_hears_on_a_connection_of_its_own(
    opened: Open, sql: Sql, sessions: Callable[..., int]
) -> None:
    database = opened(max_size=2)
    async with database.transaction(), database.listen("news") as notifications:
        assert database.stats().busy == 2
        sql("NOTIFY news, 'hello'")
        assert (await anext(aiter(notifications))).payload == "hello"
    eventually(lambda: sessions("state <> 'idle'") == 0)


async def test_channels_that_a_statement_of_ones_own_listens_to_are_not_heard(opened: Open, sql: Sql) -> None:
    database = opened(max_size=1)
    await database.execute("LISTEN raw")
    sql("NOTIFY raw, 'before'")
    assert await database.fetch_value("SELECT 1") == 1
    async with database.listen("mine") as notifications:
        sql("NOTIFY raw, 'meanwhile'")
        sql("NOTIFY mine, 'heard'")
        assert (await anext(notifications)).payload == "heard"
