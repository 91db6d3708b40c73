"""One connection in the place of a pool: whatever is done on it is rolled back at the end. Tests stand on it.

The database around it is used like any other, and behaves like it. A statement outside of a transaction stands between
savepoints, so that one that fails undoes itself alone; a transaction is a savepoint; one who comes while another has a
transaction open waits, as for a connection.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from howdah.async_database import AsyncDatabase
from howdah.async_transaction import leased
from howdah.errors import DatabaseError, InterfaceError, OperationalError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from howdah import _core

O = TypeVar("O")  # noqa: E741  (the contract's own name)

# The depth of the savepoint that stands for a transaction; those inside it are deeper.
OUTERMOST = 0
TURN_TIMEOUT_S = 30.0
OCCUPIED = (
    f"the test's one connection was not free within {TURN_TIMEOUT_S:g} s: another task keeps a transaction open on it"
)


class HeldDatabase(AsyncDatabase):
    """A database of one connection, whose every change is undone by `roll_back`."""

    def __init__(self, pool: AsyncDatabase, lease: _core.AsyncLease) -> None:
        """Take a connection on which a transaction has begun; see `begin`."""
        self._held = Held(pool._core, lease)  # noqa: SLF001  (the same class's)
        self._core = cast("_core.AsyncDatabase", self._held)

    @classmethod
    async def begin(cls, pool: AsyncDatabase) -> HeldDatabase:
        """Take a connection from a pool, and begin.

        Args:
            pool: Where the connection comes from, and goes back to.

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
        """Close nothing: the connection goes back when the test ends, and until then others may need it."""

    async def _keep(self) -> None:
        """Keep nothing: there is but one connection, and others go on with it beside a stream."""

    async def roll_back(self) -> None:
        """Undo all that was done, and give the connection back."""
        await self._held.end()


class Turns:
    """Lets one after another use the connection, whichever event loops and threads they come from."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a turn.

        Raises:
            OperationalError: Another one does not come to an end.
        """
        turn = self._asked()
        try:
            await asyncio.wait_for(asyncio.wrap_future(turn), TURN_TIMEOUT_S)
        except BaseException as error:
            # It may have been given just now.
            if not turn.cancel():
                self.give_back()
            if isinstance(error, TimeoutError):
                raise OperationalError(OCCUPIED) from None
            raise

    def give_back(self) -> None:
        """Let the next one go on."""
        with self._lock:
            while self._waiting:
                turn = self._waiting.popleft()
                if turn.set_running_or_notify_cancel():
                    turn.set_result(None)
                    return
            self._taken = False

    def _asked(self) -> Future[None]:
        turn: Future[None] = Future()
        with self._lock:
            if self._taken:
                self._waiting.append(turn)
            else:
                self._taken = True
                turn.set_result(None)
        return turn


class Held:
    """What a HeldDatabase has for a core: the verbs of the one that it stands before, on one connection."""

    def __init__(self, core: _core.AsyncDatabase, lease: _core.AsyncLease) -> None:
        """Take the core, and the connection."""
        self.core = core
        self.connection = lease
        self._turns = Turns()
        # A savepoint that was left open: whether what was done since is to be undone.
        self._undone: bool | None = None
        self._ended = False

    @asynccontextmanager
    async def statement(self, given: object) -> AsyncGenerator[_core.AsyncLease]:
        """Give the connection for a statement; one outside of a transaction gets savepoints around."""
        if isinstance(given, HeldLease) and given.in_transaction:
            yield given.real
            return
        await self.open()
        try:
            yield self.connection
        except BaseException:
            self.leave(undone=True)
            raise
        self.leave(undone=False)

    async def open(self) -> None:
        """Wait for a turn, and set a savepoint."""
        if self._ended:
            message = "the test that this database was for has ended, and what it did is rolled back"
            raise InterfaceError(message)
        await self._turns.take()
        try:
            await self._settle()
            await self.connection.savepoint(OUTERMOST)
        except BaseException:
            self._turns.give_back()
            raise

    def leave(self, *, undone: bool | None) -> None:
        """End a turn, and let who comes next settle the savepoint; None where that is done."""
        self._undone = undone
        self._turns.give_back()

    async def _settle(self) -> None:
        if self._undone is False:
            try:
                await self.connection.release_savepoint(OUTERMOST)
            except DatabaseError:
                # What was read, or streamed, failed after the verb that began it.
                self._undone = True
        if self._undone:
            await self.connection.rollback_savepoint(OUTERMOST)
        self._undone = None

    async def end(self) -> None:
        """Roll back."""
        self._ended = True
        try:
            await self.connection.rollback()
        finally:
            self.connection.close()

    # The verbs of a core
    def close(self) -> None:
        """Close nothing."""

    @property
    def location(self) -> str:
        """The servers and the database of the pool that the connection is from."""
        return self.core.location

    def stats(self) -> _core.Stats:
        """Tell what the pool does that the connection is from."""
        return self.core.stats()

    async def execute(self, sql: str, params: tuple[object, ...], lease: object) -> int:
        """Run a statement."""
        async with self.statement(lease) as real:
            return await self.core.execute(sql, params, real)

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]], lease: object) -> int:
        """Run a statement once for each row of parameters."""
        async with self.statement(lease) as real:
            return await self.core.execute_many(sql, rows, real)

    async def fetch(self, sql: str, params: tuple[object, ...], into: Any, lease: object) -> list[Any]:  # noqa: ANN401
        """Run a query and give all its rows."""
        async with self.statement(lease) as real:
            return await self.core.fetch(sql, params, into, real)

    async def fetch_one(self, sql: str, params: tuple[object, ...], into: Any, lease: object) -> Any:  # noqa: ANN401
        """Run a query and give its first row."""
        async with self.statement(lease) as real:
            return await self.core.fetch_one(sql, params, into, real)

    async def fetch_value(self, sql: str, params: tuple[object, ...], lease: object) -> Any:  # noqa: ANN401
        """Run a query and give the first value of its first row."""
        async with self.statement(lease) as real:
            return await self.core.fetch_value(sql, params, real)

    async def stream(
        self,
        sql: str,
        params: tuple[object, ...],
        batch_rows: int,
        into: Any,  # noqa: ANN401
        lease: object,
    ) -> HeldCursor:
        """Run a query whose rows are given some at a time."""
        async with self.statement(lease) as real:
            return HeldCursor(self, await self.core.stream(sql, params, batch_rows, into, real), lease)

    def load(self, *arguments: Any) -> _core.LoadReport:  # noqa: ANN401
        """Load rows, on a worker thread."""
        return self._blocking(self.core.load, arguments)

    def read(self, *arguments: Any) -> _core.Reader:  # noqa: ANN401
        """Begin to read, on a worker thread."""
        return self._blocking(self.core.read, arguments)

    def _blocking(self, verb: Callable[..., O], arguments: tuple[Any, ...]) -> O:
        *others, given = arguments
        if isinstance(given, HeldLease) and given.in_transaction:
            return verb(*others, given.real)
        asyncio.run(self.open())
        try:
            result = verb(*others, self.connection)
        except BaseException:
            self.leave(undone=True)
            raise
        self.leave(undone=False)
        return result

    async def lease(self) -> HeldLease:
        """Give what a transaction, or a listener, takes for a connection of its own."""
        return HeldLease(self)


class HeldLease:
    """What a transaction or a session takes for a connection of its own: a transaction begins with a savepoint."""

    def __init__(self, held: Held) -> None:
        """Take the connection."""
        self._held = held
        self._begun = False
        self._listening: _core.AsyncLease | None = None

    @property
    def real(self) -> _core.AsyncLease:
        """The connection."""
        return self._held.connection

    @property
    def in_transaction(self) -> bool:
        """Whether it has begun, and not ended."""
        return self._begun

    @property
    def pid(self) -> int | None:
        """The server's process."""
        return self.real.pid

    def parameter(self, name: str) -> str | None:
        """Give a setting that the server reports."""
        return self.real.parameter(name)

    async def reset(self) -> None:
        """Undo nothing: the end of the test does."""

    async def begin(self, isolation: str | None, readonly: bool, deferrable: bool) -> None:  # noqa: FBT001
        """Set the savepoint. The isolation level is that of the transaction which the test is in."""
        del isolation, deferrable
        await self._held.open()
        self._begun = True
        if readonly:
            # It ends with the savepoint.
            await self._held.core.execute("SET TRANSACTION READ ONLY", (), self.real)

    async def commit(self) -> None:
        """Release the savepoint."""
        await self.real.release_savepoint(OUTERMOST)
        self._leave(undone=None)

    async def rollback(self, interrupted: bool = False) -> None:  # noqa: FBT001, FBT002  (the core's own order)
        """Go back to the savepoint."""
        await self.real.rollback_savepoint(OUTERMOST, interrupted)
        self._leave(undone=None)

    async def savepoint(self, depth: int) -> None:
        """Set a savepoint inside."""
        await self.real.savepoint(depth)

    async def release_savepoint(self, depth: int) -> None:
        """Release a savepoint inside."""
        await self.real.release_savepoint(depth)

    async def rollback_savepoint(self, depth: int, interrupted: bool = False) -> None:  # noqa: FBT001, FBT002
        """Go back to a savepoint inside."""
        await self.real.rollback_savepoint(depth, interrupted)

    async def listen(self, channels: list[str]) -> None:
        """Listen, on another connection of the pool: who listens is in no transaction."""
        self._listening = await self._held.core.lease()
        await self._listening.listen(channels)

    async def notification(self) -> _core.Notification | None:
        """Wait for a notification."""
        return None if self._listening is None else await self._listening.notification()

    def close(self) -> None:
        """End it; what was neither committed nor rolled back is undone."""
        if self._listening is not None:
            self._listening.close()
        self._leave(undone=True)

    def _leave(self, *, undone: bool | None) -> None:
        if self._begun:
            self._begun = False
            self._held.leave(undone=undone)


class HeldCursor:
    """A query's rows, some at a time."""

    def __init__(self, held: Held, cursor: _core.AsyncCursor, given: object) -> None:
        """Take the rows, where they come from, and the transaction that they are read in, if there is one."""
        self._held = held
        self._given = given
        self._cursor = cursor

    async def rows(self) -> list[Any]:
        """Give the next rows."""
        around = self._given or leased(cast("_core.AsyncDatabase", self._held))
        async with self._held.statement(around):
            return await self._cursor.rows()

    def close(self) -> None:
        """Close it."""
        self._cursor.close()
