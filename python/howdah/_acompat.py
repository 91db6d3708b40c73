"""The parts of asyncio that the blocking API has no counterpart of; `_compat` has the same names for it.

`_async` is the source of the blocking API. The generated code imports `_compat` where the source imports this module.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

from howdah.errors import InterfaceError
from howdah.reader import AsyncArrowReader
from howdah.threads import caller, in_thread, running_loop, running_task

if TYPE_CHECKING:
    import asyncio
    from types import CodeType

    from howdah import _core
    from howdah.reader import ArrowReader


class RunsSql(Protocol):
    """A session, as far as it is needed here."""

    def execute(self, sql: str, /) -> Awaitable[object]:
        """Run a statement."""
        ...


S = TypeVar("S", bound=RunsSql)

# A pool's hook, by the class of the sessions that it is called with; and a function that returns the password.
Hook: TypeAlias = str | Callable[[S], Awaitable[object] | None]
AskPassword: TypeAlias = Callable[[], Awaitable[str] | str]

__all__ = [
    "ABANDONED_BY",
    "AskPassword",
    "Hook",
    "call_hook",
    "current_loop",
    "current_owner",
    "in_thread",
    "new_lock",
    "open_reader",
    "refuse_wrapper_task",
    "run_from_thread",
    "sleep",
    "try_run_from_thread",
]

# How long a thread of the pool waits for a hook that runs in an event loop.
HOOK_LIMIT_S = 60.0

# Exceptions that close a coroutine or generator for good: it must not await any more.
ABANDONED_BY: tuple[type[BaseException], ...] = (GeneratorExit,)

# The running task: only the task that opened a block can open another one inside it.
current_owner: Callable[[], object] = running_task

# The running event loop.
current_loop: Callable[[], object] = running_loop


async def sleep(delay_s: float) -> None:
    """Let other tasks run for a time.

    Args:
        delay_s: Seconds.
    """
    import asyncio

    await asyncio.sleep(delay_s)


def new_lock() -> asyncio.Lock:
    """Return a lock for tasks."""
    import asyncio

    return asyncio.Lock()


def refuse_wrapper_task(code: CodeType) -> None:
    """Refuse to run in a task that was made for a single call of a coroutine function, by `create_task(function())`.

    A context variable that the call sets would be lost to the task that waits for the result.

    Args:
        code: The function's code.

    Raises:
        InterfaceError: The running task is such a task; no asyncio event loop runs in this thread.
    """
    task = running_task()
    if task is not None and getattr(task.get_coro(), "cr_code", None) is code:
        message = (
            "the block is entered in a task that was created for __aenter__ alone, so the statements of the task that "
            "waits for it would run outside the block; use `async with`, and asyncio.timeout() for a time limit"
        )
        raise InterfaceError(message)


async def call_hook(hook: Hook[S], session: S) -> None:
    """Run the SQL of a hook, or call it; it may be a coroutine function.

    Args:
        hook: The hook.
        session: The session of the connection.
    """
    if isinstance(hook, str):
        await session.execute(hook)
        return
    import inspect

    outcome = hook(session)
    if inspect.isawaitable(outcome):
        await outcome


def run_from_thread(function: Callable[[], object], loop: object) -> object:
    """Call a function in an event loop, from a thread that may wait; a coroutine is awaited there.

    Args:
        function: Called in the loop's own thread.
        loop: The loop; a worker thread uses the one of the task that it works for instead.

    Returns:
        The outcome.

    Raises:
        InterfaceError: The loop has ended.
    """
    import asyncio
    import inspect

    working_for = caller()
    running, context = working_for if working_for is not None else (loop, None)
    if not isinstance(running, asyncio.AbstractEventLoop) or not _runs(running):
        message = "the pool's hook cannot be awaited: its event loop has ended"
        raise InterfaceError(message)

    async def run() -> object:
        outcome = function()
        return await outcome if inspect.isawaitable(outcome) else outcome

    coroutine = run()
    try:
        if context is None:
            future = asyncio.run_coroutine_threadsafe(coroutine, running)
        else:
            # In a copy of the task's context, because the task itself may run in it now.
            future = context.copy().run(asyncio.run_coroutine_threadsafe, coroutine, running)
    except BaseException:
        coroutine.close()
        raise
    return future.result(HOOK_LIMIT_S)


def try_run_from_thread(function: Callable[[], object], loop: object) -> bool:
    """Call a function as `run_from_thread` does, unless its event loop has ended or ends meanwhile.

    Args:
        function: Called in the loop's own thread.
        loop: The loop.

    Returns:
        Whether the function was called and returned.
    """
    import concurrent.futures

    if not _runs(loop):
        return False
    try:
        run_from_thread(function, loop)
    except concurrent.futures.CancelledError:
        return False
    return True


def _runs(loop: object) -> bool:
    import asyncio

    return isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running()


def open_reader(
    begin: Callable[[_core.Cancel | None], ArrowReader], done: Callable[[BaseException, object], None] | None
) -> AsyncArrowReader:
    """Return the result of a query that begins when its first batch is asked for.

    Args:
        begin: Begins the query, on a worker thread.
        done: Adds to an exception that the query had finished before it.
    """
    return AsyncArrowReader(begin, done)
