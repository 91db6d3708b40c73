"""One AsyncDatabase in many event loops: one after another, two at once, of two kinds, and closed ones."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

import howdah
from tests.python.pool.faces import awaited, eventually, in_threads, pid_of, soon

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import FileDescriptorLike

    NewLoop = Callable[[], asyncio.AbstractEventLoop]

LOOPS: dict[str, NewLoop] = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
def shared(url: str, app: str, sessions: Callable[..., int]) -> Iterator[howdah.AsyncDatabase]:
    """Give a database of no loop at all."""
    database = howdah.AsyncDatabase(url, max_size=4, application_name=app)
    yield database
    asyncio.run(database.close())
    assert database.stats().size == 0
    eventually(lambda: sessions() == 0)


async def work(database: howdah.AsyncDatabase, base: int) -> None:
    answers = await asyncio.gather(*(database.fetch_value("SELECT $1::int", base + n) for n in range(20)))
    assert answers == list(range(base, base + 20))
    async with database.transaction():
        assert await database.fetch_value("SELECT $1::int", base) == base
    async for row in database.stream("SELECT n FROM generate_series(1, 5) n", batch_rows=2):
        assert row["n"] in range(1, 6)


@pytest.mark.parametrize("loop", LOOPS)
def test_runs_one_after_another_use_the_same_connections(shared: howdah.AsyncDatabase, loop: str) -> None:
    pids = {awaited(pid_of(shared), LOOPS[loop]) for _ in range(5)}
    assert len(pids) == 1
    for base in range(0, 500, 100):
        awaited(work(shared, base), LOOPS[loop])
    assert shared.stats().opened <= 4


def test_kinds_of_loop_take_turns(shared: howdah.AsyncDatabase) -> None:
    for base, loop in enumerate(["asyncio", "uvloop", "uvloop", "asyncio", "uvloop", "asyncio"]):
        awaited(work(shared, 100 * base), LOOPS[loop])
    assert shared.stats().opened <= 4


@pytest.mark.parametrize("kinds", [("asyncio", "asyncio"), ("asyncio", "uvloop"), ("uvloop", "uvloop")])
def test_loops_in_threads_use_it_at_once(shared: howdah.AsyncDatabase, kinds: tuple[str, str]) -> None:
    async def much(base: int) -> None:
        for n in range(20):
            await work(shared, base + 100 * n)

    in_threads(*(lambda me=me, kind=kind: awaited(much(me * 10_000), LOOPS[kind]) for me, kind in enumerate(kinds)))
    stats = shared.stats()
    assert (stats.busy, stats.waiting) == (0, 0)
    assert stats.opened <= 4


@pytest.mark.parametrize("kinds", [("asyncio", "asyncio"), ("uvloop", "asyncio")])
def test_loop_that_waits_is_woken_by_the_other_that_gives_back(
    url: str, app: str, sessions: Callable[..., int], kinds: tuple[str, str]
) -> None:
    database = howdah.AsyncDatabase(url, max_size=1, application_name=app)

    async def hold() -> None:
        async with database.transaction():
            held.set()
            await soon(lambda: database.stats().waiting == 3)

    async def wait() -> None:
        assert await asyncio.gather(*(database.fetch_value("SELECT $1::int", n) for n in range(3))) == [0, 1, 2]

    def waits() -> None:
        held.wait(10)
        awaited(wait(), LOOPS[kinds[1]])

    held = threading.Event()
    in_threads(lambda: awaited(hold(), LOOPS[kinds[0]]), waits)
    asyncio.run(database.close())
    assert database.stats().opened == 1
    eventually(lambda: sessions() == 0)


@pytest.mark.parametrize("loop", LOOPS)
def test_run_that_ends_with_statements_in_flight_leaves_nothing_behind(
    shared: howdah.AsyncDatabase, sessions: Callable[..., int], loop: str
) -> None:
    kept: list[asyncio.Task[object]] = []

    async def in_block() -> None:
        async with shared.transaction():
            await shared.execute("SELECT pg_sleep(60)")

    async def main() -> None:
        kept.extend(asyncio.create_task(shared.execute("SELECT pg_sleep(60)")) for _ in range(2))
        kept.append(asyncio.create_task(in_block()))
        kept.append(asyncio.create_task(shared.execute("SELECT pg_sleep(60)")))
        await soon(lambda: sessions("state = 'active'") == 4)
        kept.extend(asyncio.create_task(shared.execute("SELECT 1")) for _ in range(3))
        await asyncio.sleep(0)

    awaited(main(), LOOPS[loop])
    assert all(task.cancelled() for task in kept)
    kept.clear()
    gc.collect()
    eventually(lambda: sessions("state <> 'idle'") == 0, within_s=2)
    awaited(work(shared, 0), LOOPS[loop])
    stats = shared.stats()
    assert (stats.busy, stats.waiting) == (0, 0)
    assert stats.size == sessions() <= 4


def test_loop_closed_without_cancelling_its_tasks_leaves_a_usable_database(
    url: str, app: str, sessions: Callable[..., int]
) -> None:
    database = howdah.AsyncDatabase(url, max_size=2, acquire_timeout_s=5, application_name=app)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)

    async def begin() -> asyncio.Task[int]:
        task = asyncio.create_task(database.execute("SELECT pg_sleep(1)"))
        await soon(lambda: sessions("state = 'active'") == 1)
        return task

    task = loop.run_until_complete(begin())
    loop.close()
    assert awaited(database.fetch_value("SELECT 1")) == 1
    del task
    gc.collect()
    assert awaited(work_of_two(database)) == [1, 2]
    asyncio.run(database.close())
    eventually(lambda: sessions() == 0)


async def work_of_two(database: howdah.AsyncDatabase) -> list[int]:
    async def one(n: int) -> int:
        async with database.transaction():
            found: int = await database.fetch_value("SELECT $1::int FROM pg_sleep(0.05)", n)
            return found

    return list(await asyncio.gather(one(1), one(2)))


def test_verb_outside_of_a_loop_says_so(shared: howdah.AsyncDatabase) -> None:
    coroutine = shared.execute("SELECT 1")
    with pytest.raises(howdah.InterfaceError, match="loop"):
        coroutine.send(None)
    assert awaited(shared.fetch_value("SELECT 1")) == 1


class Noting(asyncio.SelectorEventLoop):
    """A loop that notes what it was to call when there is something to read."""

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()
        self.readers: list[Callable[[], object]] = []

    def add_reader(self, fd: FileDescriptorLike, callback: Callable[..., Any], *args: object) -> None:
        """Note it."""
        self.readers.append(callback)
        super().add_reader(fd, callback, *args)


def test_call_that_comes_too_late_leaves_the_new_reader_alone(url: str) -> None:
    database = howdah.AsyncDatabase(url, max_size=1)
    loop = Noting()
    for used in (loop, asyncio.new_event_loop(), loop):
        assert used.run_until_complete(database.fetch_value("SELECT 1")) == 1
        if used is not loop:
            used.close()
    # Another one is of the pipe by which threads wake the loop.
    first, _ = [reader for reader in loop.readers if type(reader).__name__ == "ReadableCallback"]

    async def ask() -> object:
        # As one that was about to be called when Python collected its garbage, and with it what had
        # kept the connection elsewhere.
        asyncio.get_running_loop().call_soon(first)
        async with asyncio.timeout(5.0):
            return await database.fetch_value("SELECT count(*) FROM pg_sleep(0.05)")

    assert loop.run_until_complete(ask()) == 1
    loop.run_until_complete(database.close())
    loop.close()


class Crowd:
    """Callers in a thread with event loops of its own, one after another, some of which end in the middle."""

    def __init__(self, database: howdah.AsyncDatabase, seed: int, until: float) -> None:
        """Begin with nothing."""
        self.database = database
        self.dice = random.Random(seed)  # noqa: S311  (it is to be the same each time)
        self.until = until
        self.wrong: list[object] = []

    def run(self) -> None:
        """Run one loop after another."""
        while time.monotonic() < self.until:
            asyncio.run(self.loop())

    async def loop(self) -> None:
        """Let some callers go for a while; the loop may end before they do."""
        until = time.monotonic() + self.dice.random() * 0.5
        callers = [asyncio.create_task(self.caller(until)) for _ in range(8)]
        if self.dice.random() < 0.5:
            await asyncio.sleep(self.dice.random() * 0.3)
        else:
            await asyncio.gather(*callers)

    async def caller(self, until: float) -> None:
        """Ask one thing after another, some of which nobody waits for."""
        while time.monotonic() < until:
            number = self.dice.randrange(1_000_000)
            task = asyncio.create_task(self.ask(number))
            if self.dice.random() < 0.2:
                await asyncio.sleep(self.dice.random() * 0.002)
                task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and task.result() != number:
                self.wrong.append((task.result(), number))

    async def ask(self, number: int) -> object:
        """Ask in one of several ways."""
        match self.dice.randrange(8):
            case 0:
                async with self.database.transaction():
                    return await self.database.fetch_value("SELECT $1::int8", number)
            case 1:
                rows = await self.database.fetch("SELECT $1::int8 + i AS n FROM generate_series(0, 500) i", number)
                return rows[0]["n"]
            case _:
                return await self.database.fetch_value("SELECT $1::int8", number)


def test_loops_of_several_threads_share_a_database(url: str) -> None:
    database = howdah.AsyncDatabase(url, max_size=3)
    crowds = [Crowd(database, seed, time.monotonic() + 5.0) for seed in range(3)]
    threads = [threading.Thread(target=crowd.run, daemon=True) for crowd in crowds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30.0)
    assert not any(thread.is_alive() for thread in threads), database.stats()
    assert [crowd.wrong for crowd in crowds] == [[], [], []]

    async def end() -> None:
        assert await database.fetch_value("SELECT 1") == 1
        await database.close()

    asyncio.run(end())
