"""Transactions, for asyncio: blocks whose statements are committed together or not at all.

The innermost open block is in a context variable. A task begun inside the block inherits it, so the statements of
`asyncio.gather` run in the transaction around it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal, Protocol, Self, get_args

from howdah._acompat import ABANDONED_BY, current_owner, refuse_wrapper_task
from howdah._async.table_executor import AsyncTableExecutor
from howdah.errors import InterfaceError
from howdah.outcomes import committed, outcome_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from howdah import _core

Isolation = Literal["read committed", "repeatable read", "serializable"]

CURRENT: ContextVar[AsyncTransaction | None] = ContextVar("howdah.async_transaction", default=None)

# The innermost block, of any database. Every method of a database reads it.
current = CURRENT.get

# Why a transaction refuses statements.
NOT_BEGUN = "the transaction has not begun; statements go inside `async with`"
BEGINNING = "a transaction is entered once; call transaction() again"
ROLLED_BACK = "the transaction was rolled back; leave its block before the next statement"
ROLLBACK_FAILED = "the transaction can only be rolled back: a block inside it was left and could not be undone"
SESSION_ROLLBACK_FAILED = (
    "the session takes no more statements: a transaction of it could not be ended; leave its block"
)
ENDED = (
    "the transaction around this task has ended; wait for the task inside the block, or begin the task outside "
    "(or with context=contextvars.Context())"
)

LEFT_ELSEWHERE = (
    "the block is left in another task than it was entered in: statements run by the database's own methods were not "
    "part of the transaction and are committed, and the transaction was rolled back; "
    "enter and leave the block in one task, or run statements by the transaction's own methods (tx.execute, tx.fetch)"
)
OWNED_BY_OTHER = (
    "another task has a block open inside the transaction; until it ends, only that task can open one there"
)


class SessionTransactions(Protocol):
    """A session, as its transactions use it."""

    def lease(self) -> _core.AsyncLease:
        """Return its connection."""
        ...

    def open_transaction(self) -> AsyncTransaction | None:
        """Return the outermost open transaction of the session."""
        ...

    def set_transaction(self, transaction: AsyncTransaction | None) -> None:
        """Set the outermost open transaction."""
        ...

    def refuse_statements(self, reason: str) -> None:
        """Refuse all further statements."""
        ...


def innermost(core: _core.AsyncDatabase) -> AsyncTransaction | None:
    """Return the innermost transaction of a database in the current context.

    Args:
        core: The database.

    Returns:
        The transaction, which may have ended by now, or None.
    """
    transaction = current()
    while transaction is not None and (transaction._core is not core or _ended_in_this_context(transaction)):
        transaction = transaction._previous
    return transaction


def _ended_in_this_context(transaction: AsyncTransaction) -> bool:
    """Return whether a block of this context has ended in another one.

    A block in an asynchronous generator that was not iterated to its end does: asyncio closes it in another task.
    """
    return transaction._refusal is ENDED and transaction._owner == current_owner()


def current_lease(core: _core.AsyncDatabase) -> _core.AsyncLease | None:
    """Return the connection that statements of a database use in the current context.

    Args:
        core: The database.

    Returns:
        That of the innermost transaction; None outside of transactions.

    Raises:
        InterfaceError: The transaction takes no more statements.
    """
    transaction = innermost(core)
    return None if transaction is None else transaction._open_lease()


class AsyncTransaction(AsyncTableExecutor):
    """A block whose statements are committed together or not at all; `AsyncDatabase.transaction` makes it.

    Leaving the block commits. Leaving it by an exception, a cancellation among them, rolls back. Inside another block
    of the same database it is a savepoint: a rollback undoes only the changes since then. A generator that yields rows
    from inside a block keeps it open, and the statements of its caller run in the block, too.

    It has the methods of the database, which run in it from whichever task or thread. While a block inside it is open,
    they run in the inner one. The methods of the database itself run in the transaction only in the task that has
    entered the block, and in tasks begun there. If another task leaves the block, it is rolled back and raises an
    error, unless only the transaction's own methods were used.

    Example:
        >>> await db.execute("CREATE TABLE stock (item text PRIMARY KEY, left_over int CHECK (left_over >= 0))")
        0
        >>> async with db.transaction() as tx:
        ...     await db.execute("INSERT INTO stock VALUES ('ankus', 3)")
        ...     try:
        ...         async with db.transaction():
        ...             await db.execute("UPDATE stock SET left_over = left_over - 4")
        ...     except howdah.CheckViolation:
        ...         await db.execute("UPDATE stock SET left_over = 0")
        1
        1
        >>> await db.fetch("SELECT * FROM stock")
        [{'item': 'ankus', 'left_over': 0}]
        >>> async with db.transaction() as tx:
        ...     await tx.execute("DELETE FROM stock")
        1
    """

    # Set when the block begins.
    _lease: _core.AsyncLease

    def __init__(
        self,
        origin: AsyncTableExecutor,
        core: _core.AsyncDatabase,
        *,
        isolation: Isolation | None = None,
        readonly: bool = False,
        deferrable: bool = False,
        within: AsyncTransaction | None = None,
        session: SessionTransactions | None = None,
    ) -> None:
        """Prepare a transaction; it begins with its block.

        Args:
            origin: The database.
            core: The database in the core.
            isolation: The isolation level.
            readonly: Whether it only reads.
            deferrable: Whether it may wait for a snapshot.
            within: The transaction that it nests in; None for the innermost one in the context where the block begins.
            session: The session whose connection it uses; inside of an open transaction of it, it is a savepoint.

        Raises:
            InterfaceError: There is no such isolation level.
        """
        if isolation is not None and isolation not in get_args(Isolation):
            levels = ", ".join(map(repr, get_args(Isolation)))
            message = f"isolation={isolation!r}: expected one of {levels}"
            raise InterfaceError(message)
        self._origin = origin
        self._core = core
        self._within = within
        self._session = session
        self._settings = (isolation, readonly, deferrable)
        # Why it refuses statements; None while it accepts them.
        self._refusal: str | None = NOT_BEGUN
        self._rolled_back = False
        # The block before it in the context, which may be of another database; and the next outer and inner blocks of
        # the same transaction.
        self._previous: AsyncTransaction | None = None
        self._outer: AsyncTransaction | None = None
        self._inner: AsyncTransaction | None = None
        self._depth = 0
        self._owner: object = None
        # Whether its own methods were called, rather than those of the database.
        self._used_directly = False
        self._restores: list[Callable[[], None]] = []

    async def rollback(self) -> None:
        """Roll back now. The rest of the block can run no statements. A second call does nothing.

        Raises:
            InterfaceError: The block has not begun, or has ended.
            ConnectionError: The connection is lost, which rolls back the transaction.

        Example:
            >>> async with db.transaction() as tx:
            ...     await db.execute("CREATE TABLE never (n int)")
            ...     await tx.rollback()
            0
            >>> await db.fetch_value("SELECT to_regclass('never')") is None
            True
        """
        if self._refusal in (NOT_BEGUN, BEGINNING, ENDED):
            raise InterfaceError(self._refusal)
        if self._rolled_back:
            return
        transaction: AsyncTransaction | None = self
        while transaction is not None:
            transaction._refusal, transaction._rolled_back = ROLLED_BACK, True
            transaction = transaction._inner
        await self._roll_back(None)

    def transaction(self) -> AsyncTransaction:
        """Return a block inside this one, from whichever task: a savepoint.

        Returns:
            The transaction, for `async with`.

        Raises:
            InterfaceError: When the block begins: another task has one open inside this one.

        Example:
            >>> async with db.transaction() as tx, tx.transaction() as savepoint:
            ...     await savepoint.fetch_value("SELECT 1")
            1
        """
        return AsyncTransaction(self._origin, self._core, within=self)

    # The connection
    def lease(self) -> _core.AsyncLease:
        """Return its connection, for a statement."""
        self._used_directly = True
        return self._open_lease()

    def on_rollback(self, restores: Iterable[Callable[[], None]]) -> None:
        """Register functions to be called if the block is rolled back: they restore the objects of tables."""
        self._innermost()._restores.extend(restores)

    def origin(self) -> AsyncTableExecutor:
        """Return the database that it is a transaction of."""
        return self._origin

    async def _pin(self) -> None:
        """Return None: a stream runs all its statements on this connection."""

    async def __aenter__(self) -> Self:
        """Begin the transaction, or set the savepoint."""
        if self._refusal is not NOT_BEGUN:
            raise InterfaceError(BEGINNING)
        refuse_wrapper_task(AsyncTransaction.__aenter__.__code__)
        self._refusal = BEGINNING
        self._owner = current_owner()
        session = self._session
        within = self._within if session is None else session.open_transaction()
        outer = None if within is None else within._innermost()
        if within is None and session is None:
            outer = innermost(self._core)
        if within not in (None, outer) and outer is not None and outer._owner != self._owner:
            raise InterfaceError(OWNED_BY_OTHER)
        if outer is None:
            self._lease = await self._begin()
        else:
            self._lease = outer._open_lease()
            await self._nest(outer)
        self._refusal = None
        self._previous = current()
        CURRENT.set(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Commit or release; after an exception, roll back."""
        refusal, self._refusal = self._refusal, ENDED
        # A block that ended together with the one around it was reported there.
        elsewhere = refusal is not ENDED and not self._used_directly and not self._is_in_context()
        if self._inner is not None:
            refusal = "a transaction inside this one is still open; both were rolled back"
        elif elsewhere:
            refusal = LEFT_ELSEWHERE
        self._leave()
        if kind is not None and issubclass(kind, ABANDONED_BY):
            if not self._rolled_back:
                self._abandon()
            return
        if kind is None and refusal is None:
            await self._commit()
            return
        if not self._rolled_back:
            await self._roll_back(error)
        if elsewhere and (kind is None or issubclass(kind, Exception)):
            raise InterfaceError(LEFT_ELSEWHERE) from error
        if kind is None and not self._rolled_back:
            raise InterfaceError(refusal)

    def _open_lease(self) -> _core.AsyncLease:
        """Return the connection, for a statement.

        Raises:
            InterfaceError: The transaction takes no statements.
        """
        if self._refusal is not None:
            raise InterfaceError(self._refusal)
        return self._lease

    async def _begin(self) -> _core.AsyncLease:
        if self._session is not None:
            return await self._begin_in(self._session)
        lease = await self._core.lease()
        try:
            await lease.begin(*self._settings)
        except BaseException:
            lease.close()
            raise
        return lease

    async def _begin_in(self, session: SessionTransactions) -> _core.AsyncLease:
        lease = session.lease()
        # Set before it has begun, because another task may begin one meanwhile.
        session.set_transaction(self)
        try:
            await lease.begin(*self._settings)
        except BaseException:
            session.set_transaction(None)
            raise
        return lease

    def _release(self) -> None:
        """Release the connection, or leave it to the session."""
        if self._session is None:
            self._lease.close()
        else:
            self._session.set_transaction(None)

    async def _nest(self, outer: AsyncTransaction) -> None:
        if self._within is None and outer._owner != current_owner():
            message = (
                "another task opened this transaction, and only that task can open a block inside it; "
                "open the block there, or run only statements here"
            )
            raise InterfaceError(message)
        if self._settings != (None, False, False):
            message = "a nested transaction is a savepoint: set isolation, readonly and deferrable on the outer one"
            raise InterfaceError(message)
        self._depth = outer._depth + 1
        # Set before the savepoint is, because another task may nest one meanwhile.
        self._outer, outer._inner = outer, self
        try:
            await self._lease.savepoint(self._depth)
        except BaseException:
            self._outer = outer._inner = None
            raise
        if self._rolled_back:
            self._outer = outer._inner = None
            raise InterfaceError(ROLLED_BACK)

    def _innermost(self) -> AsyncTransaction:
        """Return the innermost open block of this transaction: this one, or one inside."""
        transaction = self
        while transaction._inner is not None:
            transaction = transaction._inner
        return transaction

    def _is_in_context(self) -> bool:
        """Return whether the block is open in the current context."""
        transaction = current()
        while transaction is not None and transaction is not self:
            transaction = transaction._previous
        return transaction is self

    def _leave(self) -> None:
        inner = self._inner
        while inner is not None:
            inner._refusal, inner._rolled_back = ENDED, True
            inner = inner._inner
        if self._outer is not None:
            self._outer._inner = None
        # Blocks may be left in another order than that of nesting, if they are of two databases.
        top = current()
        while top is not None and top._refusal is ENDED and top._owner == self._owner:
            top = top._previous
        CURRENT.set(top)

    async def _commit(self) -> None:
        lease = self._lease
        if self._outer is not None:
            try:
                await lease.release_savepoint(self._depth)
            except BaseException as error:
                # A statement may have failed before, whose error the block has ignored.
                await self._roll_back(error)
                raise
            self._outer._restores.extend(self._restores)
            return
        is_committed = False
        try:
            try:
                await lease.commit()
                is_committed = True
            finally:
                self._release()
        except BaseException as error:
            if is_committed:
                # The exception came after the commit, such as Ctrl-C while the connection was released.
                committed(error)
            elif outcome_of(error) != "committed":
                self._restore()
            raise

    async def _roll_back(self, error: BaseException | None) -> None:
        """Roll back. If that fails, the connection is released, or the block around it takes no more statements."""
        lease = self._lease
        self._restore()
        interrupted = error is not None and not isinstance(error, Exception)
        try:
            if self._outer is None:
                await lease.rollback(interrupted)
            else:
                await lease.rollback_savepoint(self._depth, interrupted)
        except BaseException as failure:
            self._refuse_statements()
            # The exception that ended the block says more than that of the rollback.
            if error is None or not isinstance(failure, Exception):
                raise
            error.add_note(f"the rollback failed, too: {failure}")
        finally:
            if self._outer is None:
                self._release()

    def _restore(self) -> None:
        if self._inner is not None:
            self._inner._restore()
        while self._restores:
            self._restores.pop()()

    def _abandon(self) -> None:
        self._restore()
        self._refuse_statements()
        if self._outer is None:
            self._release()

    def _refuse_statements(self) -> None:
        if self._outer is not None and self._outer._refusal is None:
            self._outer._refusal = ROLLBACK_FAILED
        elif self._outer is None and self._session is not None:
            self._session.refuse_statements(SESSION_ROLLBACK_FAILED)
