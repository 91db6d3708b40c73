"""Blocking work for asyncio: on a worker thread, and cancelled with the task that awaits it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from howdah import _core
from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def running_loop() -> asyncio.AbstractEventLoop:
    """Give the event loop that runs in this thread.

    Returns:
        The loop.

    Raises:
        InterfaceError: There is none; trio's is none of asyncio's.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise InterfaceError(_core.NO_EVENT_LOOP) from None


async def in_thread(work: Callable[[_core.Cancel | None], T], cancel: _core.Cancel | None = None) -> T:
    """Run blocking work on a worker thread.

    When the awaiting task is cancelled, the work is cancelled at the server and waited for, so that its connection
    is clean before the task goes on.

    Args:
        work: Called with what cancels it.
        cancel: What cancels it, if there is one already.

    Returns:
        What the work returns.

    Raises:
        InterfaceError: No event loop of asyncio's runs here.
    """
    token = _core.Cancel() if cancel is None else cancel
    future = running_loop().run_in_executor(None, work, token)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        token.cancel()
        await asyncio.wait([future])
        if not future.cancelled():
            future.exception()
        raise
