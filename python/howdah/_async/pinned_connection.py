"""The connection on which a stream of rows with collections runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from howdah import _core
    from howdah._core import AsyncCursor, AsyncLease
    from howdah.expressions.node import Statement


# A transaction with the default isolation level, which may write and is not deferrable.
NO_SETTINGS = (None, False, False)


class PinnedConnection:
    """A connection with an open transaction, on which a stream and the collections of its rows are read.

    The collections are loaded between two batches of the stream. They need the same connection, because the pool may
    have no other one before the stream ends.
    """

    def __init__(self, core: _core.AsyncDatabase, lease: AsyncLease) -> None:
        """Take a connection that has begun its transaction; see `begin`."""
        self._core = core
        self._lease = lease

    @classmethod
    async def begin(cls, core: _core.AsyncDatabase) -> Self:
        """Acquire a connection, and begin a transaction on it."""
        lease = await core.lease()
        try:
            await lease.begin(*NO_SETTINGS)
        except BaseException:
            lease.close()
            raise
        return cls(core, lease)

    async def fetch_rows(self, statement: Statement, into: Any) -> list[Any]:  # noqa: ANN401  (a row factory)
        """Run a query that is data, and return its rows."""
        return await self._core.fetch(statement, (), into, self._lease)

    async def open_cursor(self, statement: Statement, into: Any, batch_rows: int) -> AsyncCursor:  # noqa: ANN401
        """Run a query that is data, and return a cursor over its rows."""
        return await self._core.stream(statement, (), batch_rows, into, self._lease)

    async def end(self, *, commit: bool) -> None:
        """End the transaction, and release the connection."""
        try:
            await (self._lease.commit() if commit else self._lease.rollback())
        finally:
            self._lease.close()
