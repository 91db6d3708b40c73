"""A database of one connection and one transaction, which is rolled back at the end of a test.

It has the methods of `AsyncDatabase`. A statement outside of a transaction runs between savepoints, so that a failed
one rolls back nothing else; a transaction is a savepoint; a caller waits while another one has a transaction open, as
it would wait for a connection.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from howdah._async.database import AsyncDatabase
from howdah._async.transaction import current_lease
from howdah.errors import DatabaseError, InterfaceError, OperationalError
from howdah.outcomes import committed

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence

    from howdah import _core
    from howdah.expressions.node import Statement

    Sql = str | Statement

T = TypeVar("T")

# The depth of the savepoint that replaces a transaction; those inside it are deeper.
OUTERMOST = 0
ACQUIRE_TIMEOUT_S = 30.0
OCCUPIED = (
    f"the test's one connection was not free within {ACQUIRE_TIMEOUT_S:g} s: another task has a transaction open on it"
)


class RollbackDatabase(AsyncDatabase):
    """A database with one connection; `roll_back` undoes all changes."""

    def __init__(self, pool: AsyncDatabase, lease: _core.AsyncLease) -> None:
        """Take a connection on which a transaction has begun; see `begin`."""
        self._rollback_core = RollbackCore(pool._core, lease)  # noqa: SLF001  (the same class's)
        self._core = cast("_core.AsyncDatabase", self._rollback_core)

    @classmethod
    async def begin(cls, pool: AsyncDatabase) -> RollbackDatabase:
        """Acquire a connection of a pool, and begin the transaction.

        Args:
            pool: The pool.

        Returns:
            The database.
        """
        lease = await pool._core.lease()  # noqa: SLF001
        try:
            await lease.begin(None, False, False)  # noqa: FBT003  (the core's own order)
        except BaseException:
            lease.close()
            raise
        return cls(pool, lease)

    async def close(self) -> None:
        """Close nothing: the connection is released when the test ends, and others may use it until then."""

    async def _pin(self) -> None:
        """Return None: there is one connection, which others use at the same time as a stream."""

    async def roll_back(self) -> None:
        """Roll back, and release the connection."""
        await self._rollback_core.end()


async def finish(work: Awaitable[None]) -> BaseException | None:
    """Run a savepoint statement to its end, and return the cancellation that arrived meanwhile, to be raised then.

    After an interruption it would be unknown whether the savepoint exists.
    """
    task = asyncio.ensure_future(work)
    cancellation: BaseException | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancellation = cancellation or error
    task.result()
    return cancellation


class FairLock:
    """A lock for callers in any event loop and thread, who get it in the order in which they asked."""

    def __init__(self) -> None:
        """Make the lock; it is free."""
        self._lock = threading.Lock()
        self._locked = False
        self._waiting: deque[Future[None]] = deque()

    async def acquire(self) -> None:
        """Wait for the lock.

        Raises:
            OperationalError: Another caller did not release it in time.
        """
        ticket = self._enqueue()
        try:
            await asyncio.wait_for(asyncio.wrap_future(ticket), ACQUIRE_TIMEOUT_S)
        except BaseException as error:
            # The lock may have been granted meanwhile.
            if not ticket.cancel():
                self.release()
            if isinstance(error, TimeoutError):
                raise OperationalError(OCCUPIED) from None
            raise

    def release(self) -> None:
        """Return the lock to the next caller in the queue."""
        with self._lock:
            while self._waiting:
                ticket = self._waiting.popleft()
                if ticket.set_running_or_notify_cancel():
                    ticket.set_result(None)
                    return
            self._locked = False

    def _enqueue(self) -> Future[None]:
        ticket: Future[None] = Future()
        with self._lock:
            if self._locked:
                self._waiting.append(ticket)
            else:
                self._locked = True
                ticket.set_result(None)
        return ticket


class RollbackCore:
    """The methods of a `_core.AsyncDatabase`, on the one connection; `RollbackDatabase` has it as its core."""

    def __init__(self, core: _core.AsyncDatabase, lease: _core.AsyncLease) -> None:
        """Take the core, and the connection."""
        self.core = core
        self.connection = lease
        self._lock = FairLock()
        # Whether the statement after the last savepoint failed; None if no savepoint is open.
        self._savepoint_failed: bool | None = None
        self._ended = False

    @asynccontextmanager
    async def statement(self, given: object) -> AsyncGenerator[_core.AsyncLease]:
        """Run a block with the connection; outside of a transaction, between savepoints."""
        if isinstance(given, SavepointLease) and given.in_transaction:
            yield given.real
            return
        await self.open()
        try:
            yield self.connection
        except BaseException:
            self.release(failed=True)
            raise
        self.release(failed=False)

    async def open(self) -> None:
        """Acquire the lock, and set a savepoint."""
        if self._ended:
            message = "the test of this database has ended, and its changes are rolled back"
            raise InterfaceError(message)
        await self._lock.acquire()
        try:
            cancellation = await finish(self._next_savepoint())
        except BaseException:
            self._lock.release()
            raise
        if cancellation is not None:
            self.release(failed=True)
            raise cancellation

    async def _next_savepoint(self) -> None:
        await self._end_savepoint()
        await self.connection.savepoint(OUTERMOST)

    def release(self, *, failed: bool | None) -> None:
        """Release the lock. The next caller ends the savepoint, unless `failed` is None: then it has ended."""
        self._savepoint_failed = failed
        self._lock.release()

    async def _end_savepoint(self) -> None:
        if self._savepoint_failed is False:
            try:
                await self.connection.release_savepoint(OUTERMOST)
            except DatabaseError:
                # A reader or a stream failed after the method that began it had returned.
                self._savepoint_failed = True
        if self._savepoint_failed:
            await self.connection.rollback_savepoint(OUTERMOST)
        self._savepoint_failed = None

    async def end(self) -> None:
        """Roll back."""
        self._ended = True
        try:
            await self.connection.rollback()
        finally:
            self.connection.close()

    # The methods of a core
    def close(self) -> None:
        """Close nothing."""

    @property
    def location(self) -> str:
        """The servers and the database of the pool that the connection is from."""
        return self.core.location

    def stats(self) -> _core.Stats:
        """Return the statistics of the pool that the connection is from."""
        return self.core.stats()

    async def execute(self, sql: Sql, params: tuple[object, ...], lease: object) -> int:
        """Run a statement."""
        async with self.statement(lease) as real:
            return await self.core.execute(sql, params, real)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]], lease: object) -> int:
        """Run a statement once for each row of parameters."""
        async with self.statement(lease) as real:
            return await self.core.execute_many(sql, rows, real)

    async def fetch(
        self,
        sql: Sql,
        params: tuple[object, ...],
        into: Any,  # noqa: ANN401
        lease: object,
        out_of_range: str = "error",
    ) -> list[Any]:
        """Run a query and return all its rows."""
        async with self.statement(lease) as real:
            return await self.core.fetch(sql, params, into, real, out_of_range)

    async def fetch_one(
        self,
        sql: Sql,
        params: tuple[object, ...],
        into: Any,  # noqa: ANN401
        lease: object,
        out_of_range: str = "error",
    ) -> Any:  # noqa: ANN401
        """Run a query and return its first row."""
        async with self.statement(lease) as real:
            return await self.core.fetch_one(sql, params, into, real, out_of_range)

    async def fetch_value(
        self, sql: Sql, params: tuple[object, ...], lease: object, out_of_range: str = "error"
    ) -> Any:  # noqa: ANN401
        """Run a query and return the first value of its first row."""
        async with self.statement(lease) as real:
            return await self.core.fetch_value(sql, params, real, out_of_range)

    async def stream(  # noqa: PLR0917  (the arguments of the class that it stands in for)
        self,
        sql: Sql,
        params: tuple[object, ...],
        batch_rows: int,
        into: Any,  # noqa: ANN401
        lease: object,
        out_of_range: str = "error",
    ) -> SavepointCursor:
        """Run a query, and return a cursor over its rows."""
        async with self.statement(lease) as real:
            return SavepointCursor(
                self, await self.core.stream(sql, params, batch_rows, into, real, out_of_range), lease
            )

    def load(self, *arguments: Any) -> _core.LoadReport:  # noqa: ANN401
        """Load rows, on a worker thread."""
        return self._blocking(self.core.load, arguments)

    def read(self, *arguments: Any) -> _core.Reader:  # noqa: ANN401
        """Begin to read, on a worker thread."""
        return self._blocking(self.core.read, arguments)

    def _blocking(self, verb: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        *others, given = arguments
        if isinstance(given, SavepointLease) and given.in_transaction:
            return verb(*others, given.real)
        asyncio.run(self.open())
        try:
            result = verb(*others, self.connection)
        except BaseException:
            self.release(failed=True)
            raise
        self.release(failed=False)
        return result

    async def lease(self) -> SavepointLease:
        """Return a lease for a transaction, a session or a listener."""
        return SavepointLease(self)


class SavepointLease:
    """A lease of the one connection, on which a transaction is a savepoint."""

    def __init__(self, rollback_core: RollbackCore) -> None:
        """Take the connection."""
        self._rollback_core = rollback_core
        self._begun = False
        self._listening: _core.AsyncLease | None = None

    @property
    def real(self) -> _core.AsyncLease:
        """The connection."""
        return self._rollback_core.connection

    @property
    def in_transaction(self) -> bool:
        """Whether it has begun, and not ended."""
        return self._begun

    @property
    def pid(self) -> int | None:
        """The server's process."""
        return self.real.pid

    def parameter(self, name: str) -> str | None:
        """Return a setting that the server reports."""
        return self.real.parameter(name)

    async def reset(self) -> None:
        """Reset nothing: the rollback at the end of the test does it."""

    async def begin(self, isolation: str | None, readonly: bool, deferrable: bool) -> None:  # noqa: FBT001
        """Set the savepoint. The isolation level is that of the transaction which the test is in."""
        del isolation, deferrable
        await self._rollback_core.open()
        self._begun = True
        if readonly:
            # The setting ends with the savepoint.
            await self._rollback_core.core.execute("SET TRANSACTION READ ONLY", (), self.real)

    async def pipeline(self, each: bool) -> _core.AsyncPipeline:  # noqa: FBT001
        """Begin a pipeline, between savepoints; each statement cannot be a transaction here.

        Raises:
            InterfaceError: Each statement is to be a transaction.
        """
        if each:
            message = (
                "pipeline(transaction=False) needs a transaction for each statement, but everything a test does on the "
                "fixture's database is one transaction; remove transaction=False, or use another database"
            )
            raise InterfaceError(message)
        if not self._begun:
            await self.begin(None, readonly=False, deferrable=False)
        return await self.real.pipeline(each)

    async def commit(self) -> None:
        """Release the savepoint."""
        cancellation = await finish(self.real.release_savepoint(OUTERMOST))
        self._leave(failed=None)
        if cancellation is not None:
            committed(cancellation)
            raise cancellation

    async def rollback(self, interrupted: bool = False) -> None:  # noqa: FBT001, FBT002  (the core's own order)
        """Roll back to the savepoint."""
        cancellation = await finish(self.real.rollback_savepoint(OUTERMOST, interrupted))
        self._leave(failed=None)
        if cancellation is not None:
            raise cancellation

    async def savepoint(self, depth: int) -> None:
        """Set an inner savepoint."""
        await self.real.savepoint(depth)

    async def release_savepoint(self, depth: int) -> None:
        """Release an inner savepoint."""
        await self.real.release_savepoint(depth)

    async def rollback_savepoint(self, depth: int, interrupted: bool = False) -> None:  # noqa: FBT001, FBT002
        """Roll back to an inner savepoint."""
        await self.real.rollback_savepoint(depth, interrupted)

    async def listen(self, channels: list[str]) -> None:
        """Listen on another connection of the pool: a listener is in no transaction."""
        self._listening = await self._rollback_core.core.lease()
        await self._listening.listen(channels)

    async def notification(self) -> _core.Notification | None:
        """Wait for a notification."""
        return None if self._listening is None else await self._listening.notification()

    def close(self) -> None:
        """End it; a transaction that is still open is rolled back."""
        if self._listening is not None:
            self._listening.close()
        self._leave(failed=True)

    def _leave(self, *, failed: bool | None) -> None:
        if self._begun:
            self._begun = False
            self._rollback_core.release(failed=failed)


class SavepointCursor:
    """A cursor over a query's rows."""

    def __init__(self, rollback_core: RollbackCore, cursor: _core.AsyncCursor, given: object) -> None:
        """Take the core, its cursor, and the lease of the transaction that the rows are read in, if there is one."""
        self._rollback_core = rollback_core
        self._given = given
        self._cursor = cursor

    async def rows(self) -> list[Any]:
        """Return the next rows."""
        around = self._given or current_lease(cast("_core.AsyncDatabase", self._rollback_core))
        async with self._rollback_core.statement(around):
            return await self._cursor.rows()

    def close(self) -> None:
        """Close it."""
        self._cursor.close()
