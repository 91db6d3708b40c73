"""Callers are served in the order in which they asked, and each gets its own results."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import howdah
from tests.python.pool.faces import eventually, in_threads, soon

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.pool.faces import Open

WAITERS = 12


def test_threads_are_served_in_the_order_of_their_coming(url: str) -> None:
    served: list[int] = []
    with howdah.Database(url, max_size=1) as database:

        def work(number: int) -> None:
            with database.transaction():
                served.append(number)

        with database.transaction():
            threads = []
            for number in range(WAITERS):
                threads.append(threading.Thread(target=work, args=(number,)))
                threads[-1].start()
                eventually(lambda: database.stats().waiting == len(threads))
        for thread in threads:
            thread.join()
    assert served == list(range(WAITERS))


async def test_tasks_are_served_in_the_order_of_their_coming(opened_async: Open) -> None:
    database = opened_async(max_size=1)
    served: list[int] = []

    async def work(number: int) -> None:
        async with database.transaction():
            served.append(number)

    async def hold() -> None:
        async with database.transaction():
            held.set()
            await free.wait()

    held, free = asyncio.Event(), asyncio.Event()
    holder = asyncio.create_task(hold())
    await held.wait()
    tasks = [asyncio.create_task(work(number)) for number in range(WAITERS)]
    await soon(lambda: database.stats().waiting == WAITERS)
    free.set()
    await asyncio.gather(holder, *tasks)
    assert served == list(range(WAITERS))


async def test_newcomer_does_not_overtake_those_who_wait(opened_async: Open) -> None:
    database = opened_async(max_size=2)
    served: list[str] = []

    async def greedy() -> None:
        for _ in range(200):
            await database.execute("SELECT 1")
            served.append("greedy")

    async def late() -> None:
        await database.execute("SELECT 1")
        served.append("late")

    tasks = [asyncio.create_task(greedy()) for _ in range(4)]
    await soon(lambda: len(served) >= 20)
    before = len(served)
    await asyncio.create_task(late())
    # Those before it in the queue and in the connections, and not many more.
    assert served.index("late") - before <= 12
    await asyncio.gather(*tasks)


def test_threads_under_contention_all_get_their_share(url: str) -> None:
    done = [0] * 6
    until = threading.Event()
    with howdah.Database(url, max_size=2) as database:

        def work(me: int) -> Callable[[], None]:
            def body() -> None:
                while not until.is_set():
                    assert database.fetch_value("SELECT $1::int", me) == me
                    done[me] += 1

            return body

        timer = threading.Timer(1.0, until.set)
        timer.start()
        in_threads(*map(work, range(6)))
        timer.join()
        assert database.stats().opened == 2
    assert min(done) > max(done) / 4, done


def test_eight_threads_share_a_database_and_get_their_own_answers(url: str) -> None:
    with howdah.Database(url, max_size=3) as database:

        def work(me: int) -> Callable[[], None]:
            def body() -> None:
                for n in range(me * 1_000_000, me * 1_000_000 + 150):
                    assert database.fetch_value("SELECT $1::int8", n) == n
                    assert database.fetch("SELECT $1::int8 + i AS v FROM generate_series(0, 2) i", n) == [
                        {"v": n},
                        {"v": n + 1},
                        {"v": n + 2},
                    ]
                    if n % 10 == 0:
                        with database.transaction():
                            database.execute("SELECT set_config('howdah.me', $1, true)", str(n))
                            assert database.fetch_value("SELECT current_setting('howdah.me')") == str(n)

            return body

        in_threads(*map(work, range(8)))
        stats = database.stats()
        assert (stats.busy, stats.waiting, stats.opened) == (0, 0, 3)


async def test_hundred_tasks_share_a_pool_and_get_their_own_answers(opened_async: Open) -> None:
    database = opened_async(max_size=4)

    async def work(me: int) -> None:
        for n in range(me * 1_000_000, me * 1_000_000 + 20):
            assert await database.fetch_value("SELECT $1::int8", n) == n
            assert await database.fetch_one("SELECT $1::int8 AS v", n) == {"v": n}

    await asyncio.gather(*map(work, range(100)))
    stats = database.stats()
    assert (stats.busy, stats.waiting) == (0, 0)
    assert stats.opened <= 4
