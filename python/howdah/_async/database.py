"""Databases, for asyncio: a pool of connections, and the methods that need more than one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self, TypeVar

from howdah import _core
from howdah._acompat import sleep
from howdah._async.hooks import hooks_of
from howdah._async.listener import AsyncListener
from howdah._async.pinned_connection import PinnedConnection
from howdah._async.session import AsyncSession
from howdah._async.table_executor import AsyncTableExecutor
from howdah._async.transaction import AsyncTransaction, current, current_lease, innermost
from howdah.errors import DatabaseError, InterfaceError
from howdah.outcomes import may_run_again

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from types import TracebackType

    from howdah._acompat import AskPassword
    from howdah._async.hooks import Hook
    from howdah._async.transaction import Isolation
    from howdah._core import AsyncLease, Stats

Reset = Literal["auto", "discard all"]

T = TypeVar("T")

# How long run_transaction waits at most before its first retry; the limit doubles with each retry.
BACKOFF_S = 0.01
LONGEST_BACKOFF_S = 1.0


class AsyncDatabase(AsyncTableExecutor):
    """A pool of connections to one PostgreSQL database. Connects when first used.

    It is Database's twin for asyncio: the same verbs and parameters, awaited. The running event loop, uvloop too,
    drives the connections; a database belongs to no loop, and the next `asyncio.run` may use it again. When an
    awaiting task is cancelled, so is its statement at the server. Tasks may share a database.

    Example:
        >>> async with howdah.AsyncDatabase(url) as db:
        ...     await db.execute("CREATE TABLE squares (n int, square int)")
        ...     await db.execute_many("INSERT INTO squares VALUES ($1, $2)", [(1, 1), (2, 4), (3, 9)])
        ...     await db.fetch("SELECT * FROM squares WHERE n > $1", 1)
        0
        3
        [{'n': 2, 'square': 4}, {'n': 3, 'square': 9}]
    """

    def __init__(
        self,
        url: str | None = None,
        /,
        *,
        min_size: int = 0,
        max_size: int = 10,
        acquire_timeout_s: float = 30.0,
        connect_timeout_s: float = 10.0,
        statement_timeout_s: float | None = None,
        max_idle_s: float = 600.0,
        max_lifetime_s: float = 3600.0,
        statement_cache_size: int = 256,
        busy_wait_s: float = 50e-6,
        multiplex: bool = False,  # async only
        json_decimals: bool = False,
        application_name: str = "howdah",
        password: str | AskPassword | None = None,
        on_connect: Hook | None = None,
        on_acquire: Hook | None = None,
        on_release: Hook | None = None,
        reset: Reset | None = "auto",
    ) -> None:
        """Say where the database is; nothing is connected yet.

        Args:
            url: A URI (`postgresql://user@host/name`) or DSN (`host=… dbname=…`), as libpq reads them:
                https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Without one, `DATABASE_URL`
                is taken, then the `PG*` variables.
                A server that asks for the password in cleartext gets it under TLS, or on this machine; elsewhere
                only if the URL says `allow_cleartext=1`. A peer that is gone is noticed within a minute, other than by
                libpq: `keepalives_idle=30`, `keepalives_interval=10`, `keepalives_count=3` and `tcp_user_timeout=60000`
                are the defaults, the last of them only for requests of a few kilobytes, because a server that waits for
                a lock does not read a load for as long.
            min_size: Connections that are opened at first use, kept however long they are idle, and opened again when
                they are lost.
            max_size: The most connections that are open at a time.
            acquire_timeout_s: Seconds to wait for a connection: for one of them to be free, for a server that has too
                many connections and, once the pool has been connected, for one that is restarted or fails over. A pool
                that was never connected says at once that there is no server.
            connect_timeout_s: Seconds that one host may take to answer. All hosts together may take
                `statement_timeout_s` and one second, of which each has an equal part.
            statement_timeout_s: Seconds that a statement may run; None for as long as it takes. What begins and ends
                transactions, and what `read`, `load` and `listen` ask before the first row, are statements, too. A
                server that does not end one in time, or does not answer at all, is waited for a second longer at most.
            max_idle_s: Seconds after which an idle connection is closed, unless it is one of `min_size`.
            max_lifetime_s: Seconds after which no connection is used again.
            statement_cache_size: Prepared statements that each connection keeps, those used last; 0 prepares none, as
                `?pgbouncer=true` in the URL does, for PgBouncer in transaction mode. A kept one takes its parameters
                as the types that their columns had, so it is forgotten when the connection's search path, role or
                temporary tables change, and on all connections when a statement of this database changes a table. Two
                changes are not seen: those that a function makes to the search path, before PostgreSQL 18; and those
                of another client, until the server or a value tells. Then all are prepared anew; inside a transaction
                one fails once. What the old type rounds is rounded until then.
            busy_wait_s: Seconds, at most, that a wait for a reply stays awake, where replies to the statement came so
                soon before and nothing else is under way; 0 always sleeps. To be woken takes longer than many a reply
                of a server nearby; other callbacks of the event loop and other threads go on meanwhile.
            multiplex: Whether `fetch`, `fetch_one` and `fetch_value` of several tasks may share a connection outside of
                transactions: a statement is sent before those ahead of it are answered, and each is still a transaction
                of its own. This is for short reads only: a slow statement delays those behind it. None of them may
                change the session (settings, advisory locks, temporary tables) or wait for another one, as for a lock
                that another task holds. Only prepared statements share a connection.
            json_decimals: Whether rows have numbers in json and jsonb that are no integers as Decimal, with all their
                digits. Otherwise they are floats, and one that a float would change is an error.
            application_name: What the server shows in pg_stat_activity.
            password: The password, whatever the URL says; or a callable that gives it, a coroutine function too, which
                is asked for each new connection. A password file, a service file and certificates are read again for
                each new connection, too.
            on_connect: SQL, or a callable that is given an `AsyncSession`, a coroutine function too. It runs on a new
                connection before its first borrower has it. The state that it leaves is what every borrower finds:
                it runs again after each reset. What it raises, the borrower gets, and the connection is closed; so
                with the other hooks.
            on_acquire: SQL or a callable, as `on_connect`. It runs each time that a connection is acquired, in the
                context of the caller. With this hook or the next, reads share no connection. Settings that it makes are
                undone when the connection is released.
            on_release: SQL or a callable, as `on_connect`. It runs each time that a connection is released, before its
                state is undone. It runs in the background; what it raises is reported to `sys.unraisablehook`.
            reset: How the state that a caller leaves in a session (settings, roles, temporary tables, advisory locks,
                LISTEN, cursors WITH HOLD, prepared statements) is undone before the next one has the connection.
                `auto` undoes it after statements that may leave some: all but those that read and write rows, begin and
                end transactions, or define objects that are not temporary, as long as they call no functions but those
                of PostgreSQL's own that leave nothing, such as `now()`. After those it costs nothing; what they leave
                by a trigger, a view, a policy, a column's default, a domain, an operator or a function that shares its
                name with one of PostgreSQL's is seen only where the server reports the setting. The last
                values of sequences, which `currval` gives, stay. `discard all` runs DISCARD ALL after every caller, one
                round trip each time, and statements are prepared anew. None leaves all as it is, as does
                `?pgbouncer=true`, where the pooler sees to that.

        Raises:
            InterfaceError: There is no URL to go by, or it cannot be read.
        """
        hooks = hooks_of(self, on_connect=on_connect, on_acquire=on_acquire, on_release=on_release, password=password)
        self._core = _core.AsyncDatabase(
            url,
            min_size=min_size,
            max_size=max_size,
            acquire_timeout_s=acquire_timeout_s,
            connect_timeout_s=connect_timeout_s,
            statement_timeout_s=statement_timeout_s,
            max_idle_s=max_idle_s,
            max_lifetime_s=max_lifetime_s,
            statement_cache_size=statement_cache_size,
            busy_wait_s=busy_wait_s,
            multiplex=multiplex,  # async only
            json_decimals=json_decimals,
            application_name=application_name,
            password=password if isinstance(password, str) else None,
            hooks=hooks,
            reset=reset,
        )

    def __repr__(self) -> str:
        """Show the pool, and nothing of the URL: a password may stand in it."""
        stats = self._core.stats()
        return f"<howdah.AsyncDatabase: {stats.size} of {stats.max_size} connections open, {stats.busy} busy>"

    async def __aenter__(self) -> Self:
        """Use the database until the end of a block."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        await self.close()

    async def close(self) -> None:
        """Close the connections; those in use close when they are done. Again does nothing."""
        self._core.close()

    def stats(self) -> Stats:
        """Return what the pool does now, and has done so far.

        Returns:
            Connections open (`size`), `idle`, `busy`, and at most open (`max_size`); callers `waiting`; and, counted
            from the beginning, connections `opened`, `closed` and given to a caller (`acquired`), and reads that
            were sent behind those of others on one (`pipelined`; see `multiplex`).
        """
        return self._core.stats()

    def session(self) -> AsyncSession:
        """Return a block that has one connection for itself, outside of a transaction.

        It is for what a connection keeps beyond a transaction: advisory locks, temporary tables, settings, roles. The
        session has all verbs; those of the database itself use other connections. At the end of the block, what the
        session has kept is undone.

        Returns:
            The session, for `async with`.

        Raises:
            ConnectionError: When the block begins: there is no connection.

        Example:
            >>> async with db.session() as session:
            ...     await session.execute("SET ROLE pg_monitor")
            ...     await session.fetch_value("SELECT current_user = 'pg_monitor'")
            0
            True
        """
        return AsyncSession(self, self._core)

    def transaction(
        self, *, isolation: Isolation | None = None, readonly: bool = False, deferrable: bool = False
    ) -> AsyncTransaction:
        """Return a block whose statements are committed together or not at all.

        Every verb of this database inside the block, that of a task begun there too, uses the transaction. Inside
        another transaction of this database it is a savepoint, which only the task of the outer one can set.

        An interrupt before COMMIT rolls back. One that comes during COMMIT cancels it at the server; if that was too
        late, the interrupt tells so by a note and by its attribute `howdah_outcome`; see `howdah.outcomes`.

        Where a block is entered or left by another task than the one that runs statements in it, as by a fixture or a
        dependency of a framework, use the verbs of the transaction itself: they run in it from anywhere.

        Args:
            isolation: `read committed`, `repeatable read` or `serializable`; None for the session's default. Isolation,
                readonly and deferrable are the outermost transaction's alone.
            readonly: Whether the server refuses to write.
            deferrable: Whether a serializable and readonly transaction waits for a snapshot with which it cannot fail.

        Returns:
            The transaction, for `async with`.

        Raises:
            InterfaceError: There is no such isolation level; or, when the block begins, it cannot begin there.
            ConnectionError: The server is lost. If that was during the commit, the message says that the outcome is
                unknown.
            SerializationFailure: Another transaction was in the way; `run_transaction` tries again.

        Example:
            >>> await db.execute("CREATE TABLE riders (name text)")
            0
            >>> async with db.transaction(isolation="repeatable read"):
            ...     await db.execute("INSERT INTO riders VALUES ('Hannibal')")
            1
        """
        return AsyncTransaction(self, self._core, isolation=isolation, readonly=readonly, deferrable=deferrable)

    async def run_transaction(
        self, body: Callable[[], Awaitable[T]], /, *, retries: int = 3, isolation: Isolation = "serializable"
    ) -> T:
        """Run a body in a transaction, and again when another transaction was in its way.

        It runs again, too, when a statement was prepared before a table was changed that it reads, which a transaction
        cannot mend: the error's hint says "run the transaction again".

        Args:
            body: Called without arguments; its statements must be all that it does, since it may run several times.
            retries: How many times it may run again.
            isolation: `read committed`, `repeatable read` or `serializable`.

        Returns:
            What the body returns.

        Raises:
            SerializationFailure: A serialization failure or deadlock (40001, 40P01), after the last retry.
            DatabaseError: Whatever else the server says; a stale statement (0A000, 26000), after the last retry.
            InterfaceError: There is a transaction around it already, of which only a part would run again.

        Example:
            >>> async def body():
            ...     return await db.fetch_value("SELECT current_setting('transaction_isolation')")
            >>> await db.run_transaction(body)
            'serializable'
        """
        if innermost(self._core) is not None:
            message = "inside a transaction only a part of it would run again; call run_transaction outside"
            raise InterfaceError(message)
        backoff_s = BACKOFF_S
        while True:
            try:
                async with self.transaction(isolation=isolation):
                    return await body()
            except DatabaseError as error:
                if retries < 1 or not may_run_again(error):
                    raise
            import random  # noqa: PLC0415  (importing it takes time)

            # At random, so that two transactions in conflict do not retry at the same time.
            await sleep(random.uniform(0, backoff_s))  # noqa: S311  (no secret)
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)
            retries -= 1

    def listen(self, *channels: str) -> AsyncListener:
        """Return what NOTIFY sends on some channels, from the beginning of a block to its end.

        It keeps a connection of its own. A lost one is reported, and not opened again: what was sent meanwhile is lost,
        and what to do about it is the caller's to say.

        Args:
            *channels: The channels, by their names as they stand, capitals too.

        Returns:
            The notifications, for `async with` and then `async for`.

        Raises:
            InterfaceError: There is no channel; the URL says pgbouncer=true, and the block begins.

        Example:
            >>> async with db.listen("news") as notifications:
            ...     await db.execute("NOTIFY news, 'an elephant'")
            ...     notification = await anext(notifications)
            ...     print(notification.payload)
            0
            an elephant
        """
        return AsyncListener(self._core, channels)

    # The connection
    def lease(self) -> AsyncLease | None:
        """Return the connection of the transaction around the caller, if there is one."""
        return None if current() is None else current_lease(self._core)

    def on_rollback(self, restores: Iterable[Callable[[], None]]) -> None:
        """Register functions to be called if the transaction around the caller is rolled back."""
        transaction = innermost(self._core)
        if transaction is not None:
            transaction.on_rollback(restores)

    def origin(self) -> AsyncDatabase:
        """Return the database: itself."""
        return self

    async def _pin(self) -> PinnedConnection | None:
        """Return a connection on which a stream runs all its statements; None if it has one already."""
        return await PinnedConnection.begin(self._core) if self.lease() is None else None
