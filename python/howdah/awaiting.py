"""What the face for asyncio does in its own way; `blocking` is its twin.

The databases are written once, for asyncio. What blocks is made from that, with `blocking` in this module's place.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from howdah.errors import InterfaceError
from howdah.reader import AsyncArrowReader
from howdah.threads import in_thread, running_loop

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from howdah import _core
    from howdah.async_database import AsyncDatabase
    from howdah.reader import ArrowReader

__all__ = ["ABANDONED", "default_database", "in_thread", "owner", "reading", "refuse_task_of", "sleep"]

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
