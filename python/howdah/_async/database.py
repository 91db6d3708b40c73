"""Databases, for asyncio: a pool of connections, and the methods that need more than one statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

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
from howdah.registration import decoder

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
        """Set the database and its options; nothing is connected yet.

        Args:
            url: A URI (`postgresql://user@host/name`) or DSN (`host=… dbname=…`), as libpq reads them:
                https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. None for the environment:
                `DATABASE_URL`, then the `PG*` variables.
                The password is sent in cleartext only under TLS, or to a server on this machine; `allow_cleartext=1` in
                the URL allows it elsewhere. A lost peer is detected within a minute, by other defaults than libpq's:
                `keepalives_idle=30`, `keepalives_interval=10`, `keepalives_count=3` and `tcp_user_timeout=60000`. The
                last one applies only to requests of a few kilobytes, because a server that waits for a lock may not
                read the data of a load for longer than that.
            min_size: Connections that are opened at first use and stay open while they are idle; lost ones are opened
                again.
            max_size: The most connections that are open at a time.
            acquire_timeout_s: Seconds to wait for a connection: until one is free, until the server accepts more
                connections and, if the pool was connected before, until a server has restarted or failed over. A pool
                that was never connected raises an error at once if there is no server.
            connect_timeout_s: Seconds that one host may take to answer. All hosts together may take
                `statement_timeout_s` and one second; each has an equal part of it.
            statement_timeout_s: Seconds that a statement may run; None for no limit. BEGIN, COMMIT and ROLLBACK are
                statements, too, and so are the queries that `read`, `load` and `listen` send before the first row. If
                the server does not end a statement in time, or does not answer, howdah waits one second more.
            max_idle_s: Seconds after which an idle connection is closed, unless it is one of `min_size`.
            max_lifetime_s: Seconds after which a connection is not used again.
            statement_cache_size: The most prepared statements of each connection; the least recently used one is
                dropped. 0 prepares none, as does `?pgbouncer=true` in the URL, for PgBouncer in transaction mode. A
                prepared statement has the parameter types that its columns had. So it is dropped if the connection's
                search path, role or temporary tables change, and on all connections if a statement of this database
                changes a table. Two changes are not detected: those that a function makes to the search path, before
                PostgreSQL 18, and those of another client, until the server or a value reports them. Then all
                statements are prepared again; inside a transaction one statement fails once. Until then, values are
                rounded as by the old type.
            busy_wait_s: The most seconds to poll for a reply before the process sleeps, if earlier replies to the
                statement came that soon and nothing else is in progress; 0 always sleeps. A nearby server often replies
                before a sleeping process would wake up; other callbacks of the event loop and other threads run
                meanwhile.
            multiplex: Whether `fetch`, `fetch_one` and `fetch_value` of several tasks may share a connection outside of
                transactions: a statement is sent before those ahead of it are answered, and each is still a transaction
                of its own. This is for short reads only: a slow statement delays those behind it. None of them may
                change the session (settings, advisory locks, temporary tables) or wait for another one, as for a lock
                that another task holds. Only prepared statements share a connection.
            json_decimals: Whether rows have numbers in json and jsonb that are no integers as Decimal, with all their
                digits. Otherwise they are floats, and one that a float would change is an error.
            application_name: The name that pg_stat_activity shows.
            password: The password, instead of the URL's; or a callable that returns it, a coroutine function too,
                which is called for each new connection. A password file, a service file and certificates are read again
                for each new connection, too.
            on_connect: SQL, or a callable that takes an `AsyncSession`, a coroutine function too. It runs on each new
                connection before the first caller gets it, and again after each reset, so every caller finds the state
                that it set. If it raises an exception, the connection is closed, and the caller gets the exception; the
                same is true of the other hooks.
            on_acquire: SQL or a callable, as `on_connect`. It runs each time that a connection is acquired, in the
                context of the caller. With this hook or the next, reads share no connection. Settings that it makes are
                undone when the connection is released.
            on_release: SQL or a callable, as `on_connect`. It runs each time that a connection is released, before its
                state is undone. It runs in the background; an exception is reported to `sys.unraisablehook`.
            reset: How the state that a caller leaves in a session (settings, roles, temporary tables, advisory locks,
                LISTEN, cursors WITH HOLD, prepared statements) is undone before the next caller gets the connection.
                `auto` undoes it after statements that may leave state. Statements that leave none cost nothing: those
                that read and write rows, begin and end transactions, or define objects that are not temporary, if they
                call only built-in functions that leave no state, such as `now()`. State that such a statement leaves
                through a trigger, a view, a policy, a column's default, a domain, an operator or a function with the
                name of a built-in one is detected only if the server reports the setting. The last values of sequences,
                which `currval` returns, remain. `discard all` runs DISCARD ALL after every caller, which costs one
                round trip and all prepared statements. None leaves the state as it is, as does `?pgbouncer=true`, with
                which the pooler resets connections.

        Raises:
            InterfaceError: There is no URL, or it cannot be read.
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
        """Show the pool, but not the URL, which may contain a password."""
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
        """Close the connections; those in use close when they are released. A second call does nothing."""
        self._core.close()

    def stats(self) -> Stats:
        """Return the statistics of the pool.

        Returns:
            Connections open (`size`), `idle`, `busy`, and at most open (`max_size`); callers `waiting`; and, counted
            from the beginning, connections `opened`, `closed` and given to a caller (`acquired`), and reads that
            were sent behind those of others on one (`pipelined`; see `multiplex`).
        """
        return self._core.stats()

    def register_type(
        self,
        name: str,
        /,
        *,
        encode: Callable[[Any], Any] | None = None,
        decode: Callable[[Any], Any] | None = None,
        into: type | None = None,
    ) -> None:
        """Convert the values of a type by functions of your own, in this database.

        They are used for parameters, rows and the rows of `load`, also within arrays, ranges, composite types and
        domains; not for Arrow data. NULL is None, and passes them by. Open connections are replaced, so that statements
        that they have prepared are converted this way, too; a block that is open, such as a transaction, still converts
        as before.

        Args:
            name: The type's name, or `schema.name`.
            encode: A function of your value, which returns a value that howdah takes for the type: str for types that
                are text in Python, a dict for a composite type, and so on.
            decode: A function of the value that howdah returns for the type, which returns yours.
            into: A dataclass, a NamedTuple or a msgspec class whose objects the values of a composite type become. Such
                objects are taken as parameters and in rows without it, too.

        Raises:
            InterfaceError: A name that no type can have; none of the functions, or both `decode` and `into`.

        Example:
            >>> await db.execute("CREATE TYPE heading AS ENUM ('east', 'west')")
            0
            >>> db.register_type("heading", encode=str.lower, decode=str.upper)
            >>> await db.fetch_value("SELECT $1::heading", "EAST")
            'EAST'
        """
        self._core.register_type(name, encode, decoder(name, encode, decode, into))

    def session(self) -> AsyncSession:
        """Return a block that has one connection for itself, outside of a transaction.

        It is for state of a connection that outlasts transactions: advisory locks, temporary tables, settings, roles.
        The session has all methods for statements; those of the database itself use other connections. At the end of
        the block, the state of the session is undone.

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

        Every method of this database inside the block, that of a task begun there too, uses the transaction. Inside
        another transaction of this database it is a savepoint, which only the task of the outer one can set.

        An interrupt before COMMIT rolls back. An interrupt during COMMIT cancels it at the server; if that is too late,
        the exception has a note and the attribute `howdah_outcome`; see `howdah.outcomes`.

        A fixture or a framework may enter or leave the block in another task than the one that runs statements in it.
        Then use the methods of the transaction itself, which run in it from every task.

        Args:
            isolation: `read committed`, `repeatable read` or `serializable`; None for the session's default. Isolation,
                readonly and deferrable can be set on the outermost transaction only.
            readonly: Whether the server refuses to write.
            deferrable: Whether a serializable and readonly transaction waits for a snapshot with which it cannot fail.

        Returns:
            The transaction, for `async with`.

        Raises:
            InterfaceError: There is no such isolation level; or, when the block begins, it cannot begin there.
            ConnectionError: The server is lost. If that was during the commit, the message says that the outcome is
                unknown.
            SerializationFailure: The transaction conflicts with another one; `run_transaction` tries again.

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
        """Run a body in a transaction, and again if it conflicts with another transaction.

        It also runs again if a table was changed after a statement that reads it was prepared. A transaction cannot
        recover from that: the error's hint says "run the transaction again".

        Args:
            body: Called without arguments; its statements must be all that it does, since it may run several times.
            retries: How many times it may run again.
            isolation: `read committed`, `repeatable read` or `serializable`.

        Returns:
            What the body returns.

        Raises:
            SerializationFailure: A serialization failure or deadlock (40001, 40P01), after the last retry.
            DatabaseError: Any other error of the server; a stale statement (0A000, 26000), after the last retry.
            InterfaceError: The call is inside a transaction, of which only a part would run again.

        Example:
            >>> async def body():
            ...     return await db.fetch_value("SELECT current_setting('transaction_isolation')")
            >>> await db.run_transaction(body)
            'serializable'
        """
        if innermost(self._core) is not None:
            message = "run_transaction inside a transaction would repeat only a part of it; call it outside"
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
        """Return the notifications that NOTIFY sends on some channels, from the beginning of a block to its end.

        The block has a connection for itself. If the connection is lost, the iteration raises an error and does not
        connect again: the notifications sent in the meantime are lost, and only the caller knows what to do then.

        Args:
            *channels: The names of the channels, used unchanged, capitals too.

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
        """Return itself."""
        return self

    async def _pin(self) -> PinnedConnection | None:
        """Return a connection on which a stream runs all its statements; None if it has one already."""
        return await PinnedConnection.begin(self._core) if self.lease() is None else None
