"""Sessions, for asyncio: one connection for as long as a block lasts, outside of a transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from howdah._async.table_executor import AsyncTableExecutor
from howdah._async.transaction import AsyncTransaction
from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from howdah import _core
    from howdah._async.transaction import Isolation

# Why a session refuses statements.
NOT_BEGUN = "the session has not begun; statements go inside `async with`"
ENTERED = "a session is entered once; call session() again"
ENDED = "the session has ended; statements go inside its block"


class AsyncSession(AsyncTableExecutor):
    """One connection for as long as a block lasts, outside of a transaction; `AsyncDatabase.session` makes it.

    It is for state of a connection that outlasts transactions: advisory locks, temporary tables, settings, roles. It
    has the methods of the database, each of which is a transaction of its own unless it is in a block of the session's
    own `transaction`. The methods of the database itself use other connections.

    At the end of the block the state of the session is undone, and then the connection goes back to the pool; with
    `reset=None` the state stays.

    Example:
        >>> async with db.session() as session:
        ...     await session.execute("CREATE TEMPORARY TABLE guests (name text)")
        ...     await session.execute("INSERT INTO guests VALUES ('Hannibal')")
        ...     async with session.transaction():
        ...         await session.fetch_value("SELECT count(*) FROM guests")
        0
        1
        1
    """

    def __init__(self, origin: AsyncTableExecutor, core: _core.AsyncDatabase) -> None:
        """Prepare a session; it begins with its block.

        Args:
            origin: The database.
            core: The database in the core.
        """
        self._origin = origin
        self._core = core
        self._refusal: str | None = NOT_BEGUN
        self._lease: _core.AsyncLease | None = None
        # The outermost open transaction.
        self._transaction: AsyncTransaction | None = None

    @property
    def pid(self) -> int:
        """The process ID of the server process, as `pg_backend_pid()` returns it."""
        return self.lease().pid or 0

    def parameter(self, name: str, /) -> str | None:
        """Return a setting that the server reports to its clients, without a round trip.

        Args:
            name: Its name, such as `TimeZone`, `server_version` or `in_hot_standby`:
                https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-ASYNC.

        Returns:
            Its value now; None if the server does not report it.

        Raises:
            InterfaceError: The block has not begun, or has ended.

        Example:
            >>> async with db.session() as session:
            ...     session.parameter("server_encoding")
            'UTF8'
        """
        return self.lease().parameter(name)

    def transaction(
        self, *, isolation: Isolation | None = None, readonly: bool = False, deferrable: bool = False
    ) -> AsyncTransaction:
        """Return a block on this connection whose statements are committed together or not at all.

        As in a transaction of the database, the database's own methods inside the block use the transaction, too.
        Inside another transaction of the session it is a savepoint.

        Args:
            isolation: `read committed`, `repeatable read` or `serializable`; None for the session's default.
            readonly: Whether the server refuses to write.
            deferrable: Whether a serializable and readonly transaction waits for a snapshot with which it cannot fail.

        Returns:
            The transaction, for `async with`.

        Raises:
            InterfaceError: There is no such isolation level; or, when the block begins, it cannot begin there.

        Example:
            >>> async with db.session() as session, session.transaction(readonly=True):
            ...     await session.fetch_value("SHOW transaction_read_only")
            'on'
        """
        return AsyncTransaction(
            self._origin, self._core, isolation=isolation, readonly=readonly, deferrable=deferrable, session=self
        )

    # The connection
    def lease(self) -> _core.AsyncLease:
        """Return its connection, for a statement.

        Raises:
            InterfaceError: The block has not begun, or has ended.
        """
        if self._lease is None or self._refusal is not None:
            raise InterfaceError(self._refusal or NOT_BEGUN)
        return self._lease

    def on_rollback(self, restores: Iterable[Callable[[], None]]) -> None:
        """Register functions to be called if the open transaction of the session is rolled back."""
        if self._transaction is not None:
            self._transaction.on_rollback(restores)

    def origin(self) -> AsyncTableExecutor:
        """Return the database that it is a session of."""
        return self._origin

    async def _pin(self) -> None:
        """Return None: a stream runs all its statements on this connection."""

    async def __aenter__(self) -> Self:
        """Acquire a connection."""
        if self._refusal is not NOT_BEGUN:
            raise InterfaceError(ENTERED)
        self._refusal = ENTERED
        self._lease = await self._core.lease()
        self._refusal = None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Reset the state of the session, and release the connection."""
        self._refusal = ENDED
        lease, self._lease = self._lease, None
        if lease is None:
            return
        try:
            # After an interrupt the caller does not wait: the pool resets the state.
            if kind is None or issubclass(kind, Exception):
                await lease.reset()
        finally:
            lease.close()

    # For hooks of the pool
    @classmethod
    def of_hook(cls, origin: AsyncTableExecutor, core: _core.AsyncDatabase, lease: _core.AsyncLease) -> Self:
        """Return a session on a connection that a hook is called for; `end` ends it."""
        session = cls(origin, core)
        session._lease, session._refusal = lease, None
        return session

    def end(self) -> None:
        """Refuse all further statements."""
        self._refusal, self._lease = ENDED, None

    # For its transactions
    def open_transaction(self) -> AsyncTransaction | None:
        """Return the outermost open transaction of the session."""
        return self._transaction

    def set_transaction(self, transaction: AsyncTransaction | None) -> None:
        """Set the outermost open transaction."""
        self._transaction = transaction

    def refuse_statements(self, reason: str) -> None:
        """Refuse all further statements: a transaction could not be ended."""
        self._refusal = self._refusal or reason
