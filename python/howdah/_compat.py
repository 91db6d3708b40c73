"""The blocking API's counterparts of the names in `_acompat`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from types import CodeType

    from howdah import _core
    from howdah.reader import ArrowReader


class RunsSql(Protocol):
    """A session, as far as it is needed here."""

    def execute(self, sql: str, /) -> object:
        """Run a statement."""
        ...


S = TypeVar("S", bound=RunsSql)
T = TypeVar("T")

# A pool's hook, by the class of the sessions that it is called with; and a function that returns the password.
Hook: TypeAlias = str | Callable[[S], object]
AskPassword: TypeAlias = Callable[[], str]

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

# A block can wait for the server however it is left.
ABANDONED_BY: tuple[type[BaseException], ...] = ()

sleep = time.sleep

new_lock = threading.Lock


def in_thread(work: Callable[[_core.Cancel | None], T], *, done: Callable[[BaseException, T], None] | None = None) -> T:
    """Do the work in the caller's own thread; Ctrl-C cancels it.

    Args:
        work: Called with None: the core itself checks for signals.
        done: Not called: an exception that ends the work has its outcome already.

    Returns:
        What the work returns.
    """
    del done
    return work(None)


def current_owner() -> object:
    """Return the running thread: only the thread that opened a block can open another one inside it."""
    return threading.get_ident()


def refuse_wrapper_task(code: CodeType) -> None:
    """Refuse nothing: nothing shows whether a thread was made for a single call of a function.

    Args:
        code: The function's code.
    """
    del code


def current_loop() -> object:
    """Return None: there is no event loop."""
    return None


def call_hook(hook: Hook[S], session: S) -> None:
    """Run the SQL of a hook, or call it.

    Args:
        hook: The hook.
        session: The session of the connection.
    """
    if isinstance(hook, str):
        session.execute(hook)
    else:
        hook(session)


def run_from_thread(function: Callable[[], object], loop: object) -> object:
    """Call a function.

    Args:
        function: Called in this thread.
        loop: Not used.

    Returns:
        The outcome.
    """
    del loop
    return function()


def try_run_from_thread(function: Callable[[], object], loop: object) -> bool:
    """Call a function.

    Args:
        function: Called in this thread.
        loop: Not used.

    Returns:
        True: the function was called and returned.
    """
    del loop
    function()
    return True


def open_reader(
    begin: Callable[[_core.Cancel | None], ArrowReader], done: Callable[[BaseException, object], None] | None
) -> ArrowReader:
    """Return the result of a query that begins now.

    Args:
        begin: Begins the query.
        done: Not called: an exception that ends the query has its outcome already.
    """
    del done
    return begin(None)
