"""The database whose verbs are awaited.

All of them stand here, with all that there is to say of each, and so the file is long; its code is little.
"""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from howdah import _core, verbs
from howdah.async_listener import AsyncListener
from howdah.async_transaction import AsyncTransaction, current, innermost, leased
from howdah.awaiting import in_thread, reading, sleep
from howdah.errors import InterfaceError, SerializationFailure
from howdah.queries.async_relations import Kept
from howdah.queries.async_tables import AsyncTables
from howdah.queries.builder import framed
from howdah.shapes import binder

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from howdah._core import LoadReport, Progress, Stats
    from howdah.async_transaction import Isolation
    from howdah.queries.async_query import AsyncQuery
    from howdah.reader import AsyncArrowReader
    from howdah.tables.table import Table
    from howdah.verbs import Mode, OnError, OutOfRange, Rows

O = TypeVar("O")  # noqa: E741  (the contract's own name)

# How long run_transaction waits before it tries again: up to this at first, and up to twice as long each time.
BACKOFF_S = 0.01
LONGEST_BACKOFF_S = 1.0


class AsyncDatabase(AsyncTables):
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
        busy_wait_s: float = 250e-6,
        pipeline_reads: bool = True,
        json_decimals: bool = False,
        application_name: str = "howdah",
    ) -> None:
        """Say where the database is; nothing is connected yet.

        Args:
            url: A URI (`postgresql://user@host/name`) or DSN (`host=… dbname=…`), as libpq reads them:
                https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Without one, `DATABASE_URL`
                is taken, then the `PG*` variables.
                A server that asks for the password in cleartext gets it under TLS, or on this machine; elsewhere
                only if the URL says `allow_cleartext=1`.
            min_size: Connections that are opened at first use, and kept however long they lie idle.
            max_size: The most connections that are open at a time.
            acquire_timeout_s: Seconds to wait for one of them to be free.
            connect_timeout_s: Seconds that one host may take to answer. All hosts together may take
                `statement_timeout_s` and one second, of which each has an equal part.
            statement_timeout_s: Seconds that a statement may run; None for as long as it takes.
            max_idle_s: Seconds after which an idle connection is not used again.
            max_lifetime_s: Seconds after which no connection is used again.
            statement_cache_size: Prepared statements that each connection keeps, those used last; 0 prepares none, as
                `?pgbouncer=true` in the URL does, for PgBouncer in transaction mode. A kept one takes its parameters
                as the types that their columns had. Where those have changed, it is prepared anew as soon as the server
                or a value tells, and so are those of all connections; inside a transaction it fails once. What the old
                type rounds is rounded until then.
            busy_wait_s: Seconds, at most, that a wait for a reply stays awake, where replies to the statement came so
                soon before and nothing else is under way; 0 always sleeps. To be woken takes longer than many a reply
                of a server nearby; other callbacks of the event loop and other threads go on meanwhile.
            pipeline_reads: Whether `fetch`, `fetch_one` and `fetch_value` of several tasks may share a connection where
                they are answered sooner so: one is sent before the one ahead of it is answered, each still a
                transaction of its own. That is for plain SELECTs which are answered at once, and call no functions
                but some of PostgreSQL's own; where a view or an operator hides one that waits, turn it off. A
                blocking database has no use for it.
            json_decimals: Whether rows have numbers in json and jsonb that are no integers as Decimal, with all their
                digits. Otherwise they are floats, and one that a float would change is an error.
            application_name: What the server shows in pg_stat_activity.

        Raises:
            InterfaceError: There is no URL to go by, or it cannot be read.
        """
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
            pipeline_reads=pipeline_reads,
            json_decimals=json_decimals,
            application_name=application_name,
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
        """Tell what the pool does now, and has done so far.

        Returns:
            Connections open (`size`), `idle`, `busy`, and at most open (`max_size`); callers `waiting`; and, counted
            from the beginning, connections `opened`, `closed` and given to a caller (`acquired`), and reads that
            shared one with others (`pipelined`).
        """
        return self._core.stats()

    async def execute(self, sql: str, /, *params: object) -> int:
        """Run a statement.

        Args:
            sql: A statement with parameters `$1`, `$2`, …; without parameters it may be several, which then are one
                transaction.
            *params: The values of the parameters.

        Returns:
            How many rows the (last) statement touched.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE.
            ConversionError: A parameter of another type than the statement wants.

        Example:
            >>> await db.execute("CREATE TABLE howdahs (id int, seats int)")
            0
            >>> await db.execute("INSERT INTO howdahs VALUES ($1, $2)", 1, 4)
            1
        """
        return await self._core.execute(sql, params, None if current() is None else leased(self._core))

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]], /) -> int:
        """Run a statement once for each row of parameters, in one transaction, without waiting in between.

        Args:
            sql: A statement with parameters `$1`, `$2`, ….
            rows: The values of the parameters, a sequence for each run.

        Returns:
            How many rows the runs touched, all together.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE; nothing of it all is stored.
            ConversionError: A parameter of another type than the statement wants; with the row.

        Example:
            >>> await db.execute("CREATE TABLE cubes (n int, cube int)")
            0
            >>> await db.execute_many("INSERT INTO cubes VALUES ($1, $2)", ((n, n**3) for n in range(100)))
            100
        """
        return await self._core.execute_many(sql, rows, None if current() is None else leased(self._core))

    @overload
    async def fetch(self, sql: str, /, *params: object) -> list[dict[str, Any]]: ...
    @overload
    async def fetch(self, sql: str, /, *params: object, into: type[O]) -> list[O]: ...
    async def fetch(self, sql: str, /, *params: object, into: type[Any] | None = None) -> list[Any]:
        """Run a query and give all its rows.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; each field takes the column of its name,
                and one with a default may be without. A field annotated with an Enum class takes its member.

        Returns:
            The rows, as dicts or objects of `into`.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE.
            ProgrammingError: The columns are not the fields of `into`.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> await db.fetch("SELECT n, n * n AS square FROM generate_series(1, $1::int) AS n", 2)
            [{'n': 1, 'square': 1}, {'n': 2, 'square': 4}]
            >>> from typing import NamedTuple
            >>> class Square(NamedTuple):
            ...     n: int
            ...     square: int
            >>> await db.fetch("SELECT 3 AS n, 9 AS square", into=Square)
            [Square(n=3, square=9)]
        """
        make = None if into is None else binder(into)
        return await self._core.fetch(sql, params, make, None if current() is None else leased(self._core))

    @overload
    async def fetch_one(self, sql: str, /, *params: object) -> dict[str, Any] | None: ...
    @overload
    async def fetch_one(self, sql: str, /, *params: object, into: type[O]) -> O | None: ...
    async def fetch_one(self, sql: str, /, *params: object, into: type[Any] | None = None) -> Any:
        """Run a query and give its first row.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; see `fetch`.

        Returns:
            The row, as a dict or an object of `into`; None if there is none.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE.
            ProgrammingError: The columns are not the fields of `into`.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> await db.fetch_one("SELECT $1::text AS name, 1 AS elephants", "Airavata")
            {'name': 'Airavata', 'elephants': 1}
            >>> await db.fetch_one("SELECT 1 WHERE false")
        """
        make = None if into is None else binder(into)
        return await self._core.fetch_one(sql, params, make, None if current() is None else leased(self._core))

    async def fetch_value(self, sql: str, /, *params: object) -> Any:  # noqa: ANN401  (of the column's type)
        """Run a query and give the first value of its first row.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.

        Returns:
            The value; None if it is NULL, or if there is no row.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> await db.fetch_value("SELECT count(*) FROM generate_series(1, 5)")
            5
        """
        return await self._core.fetch_value(sql, params, None if current() is None else leased(self._core))

    @overload
    def stream(self, sql: str, /, *params: object, batch_rows: int = 1000) -> AsyncGenerator[dict[str, Any]]: ...
    @overload
    def stream(self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[O]) -> AsyncGenerator[O]: ...
    async def stream(
        self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[Any] | None = None
    ) -> AsyncGenerator[Any]:
        """Run a query and give its rows one by one, in constant memory; it begins when the first is asked for.

        The server keeps the rows, and the stream keeps a connection until its end; so close it (`contextlib.aclosing`)
        if you leave it early.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            batch_rows: How many rows are taken from the server at a time.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; see `fetch`.

        Yields:
            The rows, as dicts or objects of `into`.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE.
            ProgrammingError: The columns are not the fields of `into`.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> async for row in db.stream("SELECT n FROM generate_series(1, 3) AS n", batch_rows=2):
            ...     print(row)
            {'n': 1}
            {'n': 2}
            {'n': 3}
        """
        make = None if into is None else binder(into)
        lease = None if current() is None else leased(self._core)
        cursor = await self._core.stream(sql, params, batch_rows, make, lease)
        try:
            while rows := await cursor.rows():
                for row in rows:
                    yield row
        finally:
            cursor.close()

    async def load(
        self,
        table: str | type[Table],
        data: Rows,
        /,
        *,
        mode: Mode = "append",
        key: str | Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        returning: str | None = None,
        workers: int = 1,
        on_error: OnError = "raise",
        progress: bool | Callable[[Progress], None] = False,
    ) -> LoadReport:
        """Load rows into a table by binary COPY, in one transaction: all of them or none.

        The data is consumed, and a callable for progress called, on a worker thread.

        Args:
            table: `table` or `schema.table`; parts are taken as they stand, capitals too, and quoted where they
                must be. A part with a dot in it goes in double quotes. A table's class stands for its table, and its
                names for the columns.
            data: Arrow data (polars, pyarrow, pandas, DuckDB, …), consumed as it streams in; or an iterable of dicts,
                tuples, named tuples or dataclasses. The first row fixes the columns; None is NULL. Of a pandas index
                the levels that have a name go in as columns. The values of a pandas column of dtype `object` are
                taken one by one, as those of dicts are; what pandas takes for missing is NULL, and a column of
                nothing but text is one of text, which is JSON text to json and jsonb.
            mode: `append` adds the rows; `create` makes the table, `replace` makes it anew and swaps it in at the
                end, with the old one's grants, defaults, constraints, indexes, triggers, comments and statistics
                objects if the columns match, or an error where something of it cannot be kept (ANALYZE has to
                gather anew, a `NOT VALID` check is validated by the new rows, and a mark that an index or a
                trigger depends on an extension is gone); `truncate` empties it first; `upsert` updates the rows
                whose `key` is there already, and the last of several rows with one key wins.
            key: The column or columns that tell rows apart, for `upsert`; they need a unique constraint.
            columns: Target names by source names. For rows without names its values, in order, name the targets.
            returning: Not in this version.
            workers: 1; more are not in this version.
            on_error: `raise`; `reject` is not in this version.
            progress: True for a tqdm bar; a callable is called at most ten times a second. What it raises ends the
                load, but for the last call, whose `finished` is true: it comes after the commit.

        Returns:
            How many rows were stored, how many of them new, the bytes sent and the seconds taken.

        Raises:
            ProgrammingError: Unknown, missing, duplicate or incompatible columns, all of them in one message,
                before anything is sent; a table that is not there, or is; a column whose type was changed while the
                data was read; an `ArrowReader` of the very table that `truncate` empties.
            DataError: A value that the column cannot hold exactly; with table, column and row.
            ConversionError: A Python value of another type than the column's; with table, column and row.
            IntegrityError: A constraint; with the row where the server tells it.
            ConnectionError: The server is lost. If that was during the commit, the message says so.
            NotSupportedError: A column of a type that howdah does not know yet.

        Example:
            >>> report = await db.load("elephants", [{"name": "Abul-Abbas", "tons": 4.5}], mode="create")
            >>> report.rows, report.inserted
            (1, 1)
        """
        verbs.refuse_later_features(returning=returning, workers=workers, on_error=on_error)
        load = partial(verbs.load, self._core, table, data, mode=mode, key=key, columns=columns, progress=progress)
        lease = None if current() is None else leased(self._core)
        return await in_thread(lambda cancel: load(cancel=cancel, lease=lease))

    def read(
        self,
        source: str | type[Table] | AsyncQuery[Any],
        /,
        *params: object,
        workers: int = 1,
        batch_rows: int = 65_536,
        types: Mapping[str, Any] | None = None,
        out_of_range: OutOfRange = "error",
        progress: bool | Callable[[Progress], None] = False,
    ) -> AsyncArrowReader:
        """Read a query or a table as Arrow; the query begins when its rows are asked for.

        Args:
            source: A query with parameters `$1`, `$2`, …, or, without white space but in double quotes, the name of a
                table; or a table's class, or a query of tables.
            *params: The values of the parameters.
            workers: 1; more are not in this version.
            batch_rows: The most rows a record batch has; it is also cut at 64 MiB.
            types: Arrow types by column, as objects or text such as `decimal(20,4)`. A value that would change is
                an error, as a float is whose shortest digits the decimal does not hold; so is a type of another
                kind: a list for a text, a time with a zone for one without.
            out_of_range: What becomes of a value that Arrow cannot hold, such as an infinite date or a NaN in
                numeric(p,s): `error`; `null`; `clamp`, the nearest value; `string`, where columns of numeric,
                date, time, timestamp, timestamptz and interval are read as text.
            progress: True for a tqdm bar; a callable is called at most ten times a second.

        Returns:
            The result, to be iterated over or drained: its rows stream in as they are asked for.

        Raises:
            ProgrammingError: The server does not take the query.
            ConversionError: A parameter of another type than the query wants.
            NotSupportedError: A column of a type that howdah does not know yet; cast it in the query.

        Example:
            >>> table = await db.read("SELECT n FROM generate_series(1, $1::int) AS n", 3).to_arrow()
            >>> table.to_pylist()
            [{'n': 1}, {'n': 2}, {'n': 3}]
        """
        verbs.refuse_later_features(workers=workers)
        if not isinstance(source, str):
            source, params = framed(source, params)
        read = partial(
            verbs.read,
            self._core,
            source,
            params,
            batch_rows=batch_rows,
            types=types,
            out_of_range=out_of_range,
            progress=progress,
        )
        lease = None if current() is None else leased(self._core)
        return reading(lambda cancel: read(cancel=cancel, lease=lease))

    def transaction(
        self, *, isolation: Isolation | None = None, readonly: bool = False, deferrable: bool = False
    ) -> AsyncTransaction:
        """Give a block whose statements are committed together or not at all.

        Every verb of this database inside the block, that of a task begun there too, uses the transaction. Inside
        another transaction of this database it is a savepoint, which only the task of the outer one can set.

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
        return AsyncTransaction(self._core, isolation=isolation, readonly=readonly, deferrable=deferrable)

    async def run_transaction(
        self, body: Callable[[], Awaitable[O]], /, *, retries: int = 3, isolation: Isolation = "serializable"
    ) -> O:
        """Run a body in a transaction, and again when another transaction was in its way.

        Args:
            body: Called without arguments; its statements must be all that it does, since it may run several times.
            retries: How many times it may run again.
            isolation: `read committed`, `repeatable read` or `serializable`.

        Returns:
            What the body returns.

        Raises:
            SerializationFailure: A serialization failure or deadlock (40001, 40P01), after the last retry.
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
            except SerializationFailure:
                if retries < 1:
                    raise
            # At random, so that those who met do not meet again.
            await sleep(random.uniform(0, backoff_s))  # noqa: S311  (no secret)
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)
            retries -= 1

    def listen(self, *channels: str) -> AsyncListener:
        """Give what NOTIFY sends on some channels, from the beginning of a block to its end.

        It keeps a connection of its own. A lost one is reported, and not opened again: what was sent meanwhile is lost,
        and what to do about it is the caller's to say.

        Args:
            *channels: The channels, by their names as they stand, capitals too.

        Returns:
            The notifications, for `async with` and then `async for`.

        Raises:
            InterfaceError: There is no channel.

        Example:
            >>> async with db.listen("news") as notifications:
            ...     await db.execute("NOTIFY news, 'an elephant'")
            ...     notification = await anext(notifications)
            ...     print(notification.payload)
            0
            an elephant
        """
        return AsyncListener(self._core, channels)

    # For queries
    async def _keep(self) -> Kept | None:
        """Give a stream a connection for all that it asks; None where it has one already."""
        return await Kept.begun(self._core) if self.lease() is None else None
