"""The default database, which the methods of tables use."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from howdah._async.database import AsyncDatabase
from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from typing import Unpack

    from howdah._acompat import AskPassword
    from howdah._async.database import Reset
    from howdah._async.hooks import Hook
    from howdah._async.transaction import AsyncTransaction, Isolation


class Options(TypedDict, total=False):
    """The options of a database; `AsyncDatabase` documents them and their defaults."""

    min_size: int
    max_size: int
    acquire_timeout_s: float
    connect_timeout_s: float
    statement_timeout_s: float | None
    max_idle_s: float
    max_lifetime_s: float
    statement_cache_size: int
    busy_wait_s: float
    multiplex: bool
    json_decimals: bool
    application_name: str
    password: str | AskPassword | None
    on_connect: Hook | None
    on_acquire: Hook | None
    on_release: Hook | None
    reset: Reset | None


_chosen: AsyncDatabase | None = None
# The database that `howdah.testing` sets as the default while a test runs; `init` returns it.
_pinned: AsyncDatabase | None = None


def init(url: str | None = None, /, **options: Unpack[Options]) -> AsyncDatabase:
    """Set the default database. Nothing is connected yet; close a default that was set before yourself.

    Args:
        url: A URI or DSN; without one, the environment is used. See `AsyncDatabase`.
        **options: The options of `AsyncDatabase`.

    Returns:
        The database.

    Raises:
        InterfaceError: There is no URL, or it cannot be read.

    Example:
        >>> db = howdah.init(url, max_size=4)
        >>> async with howdah.pg_transaction():
        ...     await db.fetch_value("SELECT 1")
        1
        >>> await db.close()
    """
    global _chosen  # noqa: PLW0603  (a default is one for all)
    if _pinned is not None:
        return _pinned
    _chosen = AsyncDatabase(url, **options)
    return _chosen


def database() -> AsyncDatabase:
    """Return the default database.

    Returns:
        The database that `init` set.

    Raises:
        InterfaceError: `init` was not called.
    """
    if _chosen is None:
        message = "there is no default database; set one by howdah.init(url)"
        raise InterfaceError(message)
    return _chosen


def pg_transaction(
    *, isolation: Isolation | None = None, readonly: bool = False, deferrable: bool = False
) -> AsyncTransaction:
    """Return a transaction on the default database; inside another one, a savepoint. See `AsyncDatabase.transaction`.

    Args:
        isolation: `read committed`, `repeatable read` or `serializable`; None for the session's default.
        readonly: Whether the server refuses to write.
        deferrable: Whether a serializable and readonly transaction waits for a snapshot with which it cannot fail.

    Returns:
        The transaction, for `async with`.

    Raises:
        InterfaceError: There is no default database, or no such isolation level.
    """
    return database().transaction(isolation=isolation, readonly=readonly, deferrable=deferrable)
