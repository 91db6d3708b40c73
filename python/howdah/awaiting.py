"""What the face for asyncio does in its own way; `blocking` is its twin.

The databases are written once, for asyncio. What blocks is made from that, with `blocking` in this module's place.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
from typing import TYPE_CHECKING

from howdah.errors import InterfaceError
from howdah.reader import AsyncArrowReader
from howdah.threads import caller, in_thread, running_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import CodeType

    from howdah import _core
    from howdah.async_database import AsyncDatabase
    from howdah.async_session import AsyncSession
    from howdah.reader import ArrowReader

    # What a pool calls for a connection, and what it calls for a password.
    Hook = str | Callable[[AsyncSession], Awaitable[object] | None]
    AskPassword = Callable[[], Awaitable[str] | str]

__all__ = [
    "ABANDONED",
    "call",
    "default_database",
    "finish",
    "here",
    "in_thread",
    "owner",
    "reading",
    "refuse_task_of",
    "sleep",
    "try_finish",
]

# How long a thread of the pool waits for a hook that is awaited in an event loop.
HOOK_LIMIT_S = 60.0


# With these a coroutine is left for good: it must not await any more.
ABANDONED: tuple[type[BaseException], ...] = (GeneratorExit,)

sleep = asyncio.sleep


def owner() -> object:
    """Say who runs: nested blocks are its own alone.

    Returns:
        The running task.

    Raises:
        InterfaceError: No event loop of asyncio's runs here.
    """
    return asyncio.current_task(running_loop())


def refuse_task_of(code: CodeType) -> None:
    """Refuse a task that is for a single call of a coroutine function, as `create_task(function())` makes it.

    What the call keeps in the task's context would be lost to who waits for the task.

    Args:
        code: The function's code.

    Raises:
        InterfaceError: The running task is such a one; no event loop of asyncio's runs here.
    """
    task = asyncio.current_task(running_loop())
    if task is not None and getattr(task.get_coro(), "cr_code", None) is code:
        message = (
            "the block is entered by a task of its own, and statements of the task that waits for it would run "
            "outside; use `async with` there, and asyncio.timeout() for a limit"
        )
        raise InterfaceError(message)


def here() -> asyncio.AbstractEventLoop:
    """Say where a connection is used: in the event loop that runs here.

    Returns:
        The loop.

    Raises:
        InterfaceError: No event loop of asyncio's runs here.
    """
    return running_loop()


async def call(hook: Hook, session: AsyncSession) -> None:
    """Call a hook.

    Args:
        hook: SQL, or what is called with the session and may have to be awaited.
        session: The session.
    """
    if isinstance(hook, str):
        await session.execute(hook)
        return
    outcome = hook(session)
    if inspect.isawaitable(outcome):
        await outcome


def finish(begin: Callable[[], object], place: object) -> object:
    """Call something from a thread that may wait; what has to be awaited is awaited in an event loop.

    Args:
        begin: What is called, in the loop's own thread.
        place: The loop; None for that of the task which this thread works for.

    Returns:
        The outcome.

    Raises:
        InterfaceError: The loop has ended.
    """
    working_for = caller()
    loop, context = working_for if working_for is not None else (place, None)
    if not isinstance(loop, asyncio.AbstractEventLoop) or not _runs(loop):
        message = "the event loop has ended where the pool's hook was to be awaited"
        raise InterfaceError(message)

    async def run() -> object:
        outcome = begin()
        return await outcome if inspect.isawaitable(outcome) else outcome

    coroutine = run()
    try:
        if context is None:
            future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        else:
            # In the context of the task, as a copy: the task itself may be in it now.
            future = context.copy().run(asyncio.run_coroutine_threadsafe, coroutine, loop)
    except BaseException:
        coroutine.close()
        raise
    return future.result(HOOK_LIMIT_S)


def try_finish(begin: Callable[[], object], place: object) -> bool:
    """Call something as `finish` does, unless its event loop ends before.

    Args:
        begin: What is called, in the loop's own thread.
        place: The loop.

    Returns:
        Whether it came to its end.
    """
    if not _runs(place):
        return False
    try:
        finish(begin, place)
    except concurrent.futures.CancelledError:
        return False
    return True


def _runs(place: object) -> bool:
    return isinstance(place, asyncio.AbstractEventLoop) and place.is_running()


def reading(
    begin: Callable[[_core.Cancel | None], ArrowReader], done: Callable[[BaseException, object], None] | None
) -> AsyncArrowReader:
    """Give the result of a query that begins when it is asked for rows.

    Args:
        begin: Begins the query, on a worker thread.
        done: Tells an exception of a query that was done when it came.

    Returns:
        The result.
    """
    return AsyncArrowReader(begin, done)


def default_database() -> AsyncDatabase:
    """Give the database of queries that were made on none.

    Returns:
        What `howdah.init` set.
    """
    from howdah.default import database  # noqa: PLC0415  (it is made of all this)

    return database()
