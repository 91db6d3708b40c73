"""What the blocking face does in its own way; `awaiting` is its twin."""

from __future__ import annotations

import time
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar

from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from howdah import _core
    from howdah.database import Database
    from howdah.reader import ArrowReader
    from howdah.session import Session

    # What a pool calls for a connection, and what it calls for a password.
    Hook = str | Callable[[Session], object]
    AskPassword = Callable[[], str]

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

T = TypeVar("T")

# A block can wait for the server however it is left.
ABANDONED: tuple[type[BaseException], ...] = ()

sleep = time.sleep


def in_thread(work: Callable[[_core.Cancel | None], T], *, done: Callable[[BaseException, T], None] | None = None) -> T:
    """Do the work in the caller's own thread; Ctrl-C cancels it.

    Args:
        work: Called with nothing that cancels it.
        done: Not called: an exception that ends the work tells itself what became of it.

    Returns:
        What the work returns.
    """
    del done
    return work(None)


def owner() -> object:
    """Say who runs: nested blocks are its own alone.

    Returns:
        The running thread.
    """
    return get_ident()


def refuse_task_of(code: CodeType) -> None:
    """Refuse nothing: whether a thread is for a single call of a function cannot be told.

    Args:
        code: The function's code.
    """
    del code


def here() -> object:
    """Say where a connection is used.

    Returns:
        Nothing: it is the same everywhere.
    """
    return None


def call(hook: Hook, session: Session) -> None:
    """Call a hook.

    Args:
        hook: SQL, or what is called with the session.
        session: The session.
    """
    if isinstance(hook, str):
        session.execute(hook)
    else:
        hook(session)


def finish(begin: Callable[[], object], place: object) -> object:
    """Call something.

    Args:
        begin: What is called.
        place: Not used: it is called here.

    Returns:
        The outcome.
    """
    del place
    return begin()


def try_finish(begin: Callable[[], object], place: object) -> bool:
    """Call something.

    Args:
        begin: What is called.
        place: Not used: it is called here.

    Returns:
        Yes, it came to its end.
    """
    del place
    begin()
    return True


def reading(
    begin: Callable[[_core.Cancel | None], ArrowReader], done: Callable[[BaseException, object], None] | None
) -> ArrowReader:
    """Give the result of a query that begins now.

    Args:
        begin: Begins the query.
        done: Not called: an exception that ends the query tells itself what became of it.

    Returns:
        The result.
    """
    del done
    return begin(None)


def default_database() -> Database:
    """Give the database of queries that were made on none.

    Raises:
        InterfaceError: There is none that blocks.
    """
    message = "howdah.init sets a database that is awaited; ask a Database: db.find(...)"
    raise InterfaceError(message)
