"""A task resumes in the callback that receives its response, without another iteration of the loop."""

from __future__ import annotations

import asyncio
import contextvars
import time
from typing import TYPE_CHECKING, TypeVarTuple

import pytest
import uvloop

import howdah
from tests.python.pool.faces import awaited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    NewLoop = Callable[[], asyncio.AbstractEventLoop]

Ts = TypeVarTuple("Ts")

ONE = "SELECT $1::int"


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def loop(request: pytest.FixtureRequest) -> NewLoop:
    new: NewLoop = request.param
    return new


@pytest.fixture
def database(url: str) -> Iterator[howdah.AsyncDatabase]:
    database = howdah.AsyncDatabase(url, max_size=2)
    yield database
    asyncio.run(database.close())
    assert database.stats().size == 0


class Counting(asyncio.SelectorEventLoop):
    """A loop that counts the tasks which it is asked to let go on."""

    woken = 0

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Count it."""
        if isinstance(getattr(callback, "__self__", None), asyncio.Task):
            self.woken += 1
        return super().call_soon(callback, *args, context=context)


def test_loop_is_not_asked_to_wake_the_task(database: howdah.AsyncDatabase) -> None:
    counting = Counting()

    async def main() -> None:
        await database.fetch_value(ONE, 0)
        # A task that waits for anything else is woken by the loop.
        before = counting.woken
        await asyncio.sleep(0.001)
        assert counting.woken == before + 1
        for n in range(50):
            assert await database.fetch_value(ONE, n) == n
        assert counting.woken == before + 1

    counting.run_until_complete(main())
    counting.close()


async def both_come_at_once() -> None:
    """Let other tasks send what they ask for, and come back when all answers are there."""
    await asyncio.sleep(0)
    time.sleep(0.05)  # noqa: ASYNC251  (nothing is to be read meanwhile)


def test_task_that_is_woken_may_cancel_another_of_the_same_moment(
    database: howdah.AsyncDatabase, loop: NewLoop
) -> None:
    async def main() -> None:
        async with database.transaction():
            await asyncio.gather(*(database.fetch_value(ONE, n) for n in range(2)))
            seen: list[object] = []

            async def first() -> None:
                seen.append(await database.fetch_value(ONE, 1))
                second.cancel()

            async def other() -> None:
                seen.append(await database.fetch_value(ONE, 2))

            tasks = [asyncio.create_task(first()), second := asyncio.create_task(other())]
            await both_come_at_once()
            await asyncio.wait(tasks)
            assert seen == [1]
            assert second.cancelled()
            assert await database.fetch_value(ONE, 3) == 3

    awaited(main(), loop)
    assert database.stats().busy == 0


def test_task_that_is_woken_asks_again_at_once(database: howdah.AsyncDatabase, loop: NewLoop) -> None:
    async def many(base: int) -> list[object]:
        return [await database.fetch_value(ONE, base + n) for n in range(200)]

    async def main() -> None:
        found = await asyncio.gather(*(many(1000 * n) for n in range(10)))
        assert found == [list(range(1000 * n, 1000 * n + 200)) for n in range(10)]

    awaited(main(), loop)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_ends_the_loop_leaves_no_other_task_asleep(
    database: howdah.AsyncDatabase, loop: NewLoop, error: type[BaseException]
) -> None:
    running = loop()
    answers: list[object] = []

    async def end() -> None:
        await database.fetch_value(ONE, 1)
        raise error

    async def go_on() -> None:
        answers.append(await database.fetch_value(ONE, 2))

    async def main() -> list[asyncio.Task[None]]:
        async with database.transaction():
            tasks = [asyncio.create_task(end()), asyncio.create_task(go_on())]
            await both_come_at_once()
            await asyncio.wait(tasks)
            return tasks

    task = running.create_task(main())
    with pytest.raises(error):
        running.run_until_complete(task)
    ended, other = running.run_until_complete(task)
    assert isinstance(ended.exception(), error)
    assert other.done()
    assert answers == [2]
    running.close()


def test_task_goes_on_in_its_own_context(database: howdah.AsyncDatabase, loop: NewLoop) -> None:
    whose: contextvars.ContextVar[int] = contextvars.ContextVar("whose")

    async def one(n: int) -> None:
        whose.set(n)
        for _ in range(20):
            assert await database.fetch_value(ONE, n) == n
            assert whose.get() == n
            current = asyncio.current_task()
            assert current is not None
            assert current.get_name() == f"reader {n}"

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            for n in range(20):
                group.create_task(one(n), name=f"reader {n}")
        assert whose.get(None) is None

    awaited(main(), loop)


def test_message_of_a_cancellation_is_told(database: howdah.AsyncDatabase, loop: NewLoop) -> None:
    async def main() -> None:
        task = asyncio.create_task(database.execute("SELECT pg_sleep(10)"))
        await asyncio.sleep(0.05)
        task.cancel("enough")
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await database.execute("SELECT pg_sleep(10)")
        assert await database.fetch_value(ONE, 1) == 1

    awaited(main(), loop)
