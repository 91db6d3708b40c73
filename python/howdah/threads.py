"""Blocking work for asyncio: it runs on a worker thread, and is cancelled with the task that awaits it."""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from howdah import _core
from howdah.errors import InterfaceError
from howdah.outcomes import copy_outcome, unknown

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from contextvars import Context

T = TypeVar("T")

# The loop and the context of the task that a worker thread works for.
_caller = threading.local()


def caller() -> tuple[asyncio.AbstractEventLoop, Context] | None:
    """Return the event loop and the context of the task that this worker thread works for; None in other threads."""
    found: tuple[asyncio.AbstractEventLoop, Context] | None = getattr(_caller, "found", None)
    return found


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the event loop that runs in this thread.

    Raises:
        InterfaceError: No asyncio event loop runs in this thread.
    """
    import asyncio

    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise InterfaceError(_core.NO_EVENT_LOOP) from None


def running_task() -> asyncio.Task[Any] | None:
    """Return the task that runs in this thread; None in a callback of the event loop.

    Raises:
        InterfaceError: No asyncio event loop runs in this thread.
    """
    import asyncio

    try:
        return asyncio.current_task()
    except RuntimeError:
        raise InterfaceError(_core.NO_EVENT_LOOP) from None


async def in_thread(
    work: Callable[[_core.Cancel | None], T],
    cancel: _core.Cancel | None = None,
    *,
    done: Callable[[BaseException, T], None] | None = None,
) -> T:
    """Run blocking work on a worker thread.

    When the awaiting task is cancelled, the work is cancelled at the server and waited for, so that its connection
    is clean before the task continues. The exception says what became of the work.

    Args:
        work: Called with the object that cancels it.
        cancel: That object; None for a new one.
        done: Adds the outcome to an exception if the work had finished when it was cancelled; false if the work cannot
            have stored anything.

    Returns:
        What the work returns.

    Raises:
        InterfaceError: No asyncio event loop runs in this thread.
    """
    import asyncio

    token = _core.Cancel() if cancel is None else cancel
    begun = False

    loop, context = running_loop(), copy_context()

    def run() -> T:
        nonlocal begun
        begun = True
        _caller.found = (loop, context)
        try:
            return work(token)
        finally:
            del _caller.found

    future = loop.run_in_executor(None, run)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError as error:
        token.cancel()
        # The work may still wait for a free worker thread; then it never begins.
        if not begun and future.cancel():
            raise
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError as again:
            future.add_done_callback(_ignore)
            if done:
                unknown(again)
            raise
        failure = None if future.cancelled() else future.exception()
        if failure is not None:
            copy_outcome(error, failure)
        elif done and not future.cancelled():
            done(error, future.result())
        raise


def _ignore(future: asyncio.Future[T]) -> None:
    """Retrieve the exception of a future that is no longer awaited: otherwise asyncio logs it as never retrieved."""
    if not future.cancelled():
        future.exception()
