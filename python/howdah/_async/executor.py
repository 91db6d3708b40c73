"""The methods that run SQL and bulk statements, for asyncio; databases, sessions and transactions inherit them.

The file is long because it holds their documentation; it has little code.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from howdah import _core, bulk
from howdah._acompat import in_thread, open_reader
from howdah._async.pipeline import AsyncPipeline
from howdah.queries.query_compiler import arrow_statement
from howdah.row_factories import row_factory

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager

    from howdah._async.pinned_connection import PinnedConnection
    from howdah._core import AsyncCursor, AsyncLease, LoadReport, Progress
    from howdah.bulk import Mode, OnError, OutOfRange, Rows
    from howdah.expressions.node import Statement
    from howdah.queries.query_compiler import CompilableQuery
    from howdah.reader import AsyncArrowReader
    from howdah.tables.schema import HasSchema

T = TypeVar("T")


class AsyncExecutor:
    """Runs statements on the connection that `lease` returns, or on one of the pool's."""

    _core: _core.AsyncDatabase

    async def execute(self, sql: str, /, *params: object) -> int:
        """Run a statement.

        Args:
            sql: A statement with parameters `$1`, `$2`, …. Without parameters it may be several statements, which are
                one transaction.
            *params: The values of the parameters. The server infers their types. It may round a value when it stores
                it, such as 1.2345 in a `numeric(10,2)`; `load` and the methods for tables refuse such a value.

        Returns:
            How many rows the (last) statement touched.

        Raises:
            InterfaceError: The statement begins or ends a transaction; use `transaction`.
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ConversionError: A parameter of another type than the statement takes.
            ConnectionError: The connection is lost. If the statement may have been committed, the message says that the
                outcome is unknown.

        Example:
            >>> await db.execute("CREATE TABLE howdahs (id int, seats int)")
            0
            >>> await db.execute("INSERT INTO howdahs VALUES ($1, $2)", 1, 4)
            1
        """
        return await self._core.execute(sql, params, self.lease())

    async def execute_many(self, sql: str, rows: Iterable[Sequence[object]], /) -> int:
        """Run a statement once for each row of parameters, in one transaction, without waiting in between.

        Args:
            sql: A statement with parameters `$1`, `$2`, ….
            rows: The values of the parameters, a sequence for each run; the server may round them, see `execute`.

        Returns:
            How many rows all runs together touched.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE. Nothing is stored.
            ConversionError: A parameter of another type than the statement takes; with the row.

        Example:
            >>> await db.execute("CREATE TABLE cubes (n int, cube int)")
            0
            >>> await db.execute_many("INSERT INTO cubes VALUES ($1, $2)", ((n, n**3) for n in range(100)))
            100
        """
        return await self._core.execute_many(sql, rows, self.lease())

    @overload
    async def fetch(self, sql: str, /, *params: object, out_of_range: OutOfRange = ...) -> list[dict[str, Any]]: ...
    @overload
    async def fetch(self, sql: str, /, *params: object, into: type[T], out_of_range: OutOfRange = ...) -> list[T]: ...
    async def fetch(
        self, sql: str, /, *params: object, into: type[Any] | None = None, out_of_range: OutOfRange = "error"
    ) -> list[Any]:
        """Run a query and return all its rows.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; each field gets the column of its name,
                and a field with a default may have no column. A field annotated with an Enum class gets its member.
            out_of_range: The result for a value that Python's type cannot hold: an infinite date, timestamp or
                interval, a year before 1 or after 9999, 24:00. `error` raises; `null` gives None; `clamp` gives the
                nearest value; `string` gives the text of that value.

        Returns:
            The rows, as dicts or objects of `into`.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ProgrammingError: The columns do not match the fields of `into`.
            ConversionError: A parameter of another type than the query takes.

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
        make = None if into is None else row_factory(into)
        return await self._core.fetch(sql, params, make, self.lease(), out_of_range)

    @overload
    async def fetch_one(
        self, sql: str, /, *params: object, out_of_range: OutOfRange = ...
    ) -> dict[str, Any] | None: ...
    @overload
    async def fetch_one(
        self, sql: str, /, *params: object, into: type[T], out_of_range: OutOfRange = ...
    ) -> T | None: ...
    async def fetch_one(
        self, sql: str, /, *params: object, into: type[Any] | None = None, out_of_range: OutOfRange = "error"
    ) -> Any:
        """Run a query and return its first row.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; see `fetch`.
            out_of_range: The result for a value that Python's type cannot hold; see `fetch`.

        Returns:
            The row, as a dict or an object of `into`; None if there is none.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ProgrammingError: The columns do not match the fields of `into`.
            ConversionError: A parameter of another type than the query takes.

        Example:
            >>> await db.fetch_one("SELECT $1::text AS name, 1 AS elephants", "Airavata")
            {'name': 'Airavata', 'elephants': 1}
            >>> await db.fetch_one("SELECT 1 WHERE false")
        """
        make = None if into is None else row_factory(into)
        return await self._core.fetch_one(sql, params, make, self.lease(), out_of_range)

    async def fetch_value(self, sql: str, /, *params: object, out_of_range: OutOfRange = "error") -> Any:  # noqa: ANN401  (of the column's type)
        """Run a query and return the first value of its first row.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            out_of_range: The result for a value that Python's type cannot hold; see `fetch`.

        Returns:
            The value; None if it is NULL, or if there is no row.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ConversionError: A parameter of another type than the query takes.

        Example:
            >>> await db.fetch_value("SELECT count(*) FROM generate_series(1, 5)")
            5
        """
        return await self._core.fetch_value(sql, params, self.lease(), out_of_range)

    def pipeline(self, *, transaction: bool = True) -> AsyncPipeline:
        """Return a block whose statements are sent without waiting for the results of those before them.

        Many statements then take little more than one round trip. The block has `execute`, `fetch`, `fetch_one` and
        `fetch_value`, which return at once; see `AsyncPipeline`. It uses one connection: that of the transaction or
        session around it, if there is one.

        Args:
            transaction: Whether the statements are committed together or not at all; otherwise each is a transaction by
                itself. Inside a transaction they are part of that transaction.

        Returns:
            The pipeline, for `async with`.

        Raises:
            InterfaceError: When the block begins: `transaction=False` inside a transaction; the connection is in use.

        Example:
            >>> async with db.pipeline() as pipeline:
            ...     squares = [pipeline.fetch_value("SELECT $1::int * $1", n) for n in range(4)]
            >>> [square.result() for square in squares]
            [0, 1, 4, 9]
        """
        return AsyncPipeline(self._core, self.lease, transaction=transaction)

    @overload
    def stream(
        self, sql: str, /, *params: object, batch_rows: int = 1000, out_of_range: OutOfRange = ...
    ) -> AsyncGenerator[dict[str, Any]]: ...
    @overload
    def stream(
        self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[T], out_of_range: OutOfRange = ...
    ) -> AsyncGenerator[T]: ...
    async def stream(
        self,
        sql: str,
        /,
        *params: object,
        batch_rows: int = 1000,
        into: type[Any] | None = None,
        out_of_range: OutOfRange = "error",
    ) -> AsyncGenerator[Any]:
        """Run a query and yield its rows one by one, in constant memory; it begins with the first iteration.

        The stream uses a connection until its end, so close it (`contextlib.aclosing`) if you leave it early.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            batch_rows: How many rows are taken from the server at a time.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; see `fetch`.
            out_of_range: The result for a value that Python's type cannot hold; see `fetch`.

        Yields:
            The rows, as dicts or objects of `into`.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ProgrammingError: The columns do not match the fields of `into`.
            ConversionError: A parameter of another type than the query takes.

        Example:
            >>> async for row in db.stream("SELECT n FROM generate_series(1, 3) AS n", batch_rows=2):
            ...     print(row)
            {'n': 1}
            {'n': 2}
            {'n': 3}
        """
        make = None if into is None else row_factory(into)
        lease = self.lease()
        cursor = await self._core.stream(sql, params, batch_rows, make, lease, out_of_range)
        try:
            while rows := await cursor.rows():
                for row in rows:
                    yield row
        finally:
            cursor.close()

    async def load(
        self,
        table: str | type[HasSchema],
        data: Rows,
        /,
        *,
        mode: Mode = "append",
        key: str | Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        types: Mapping[str, str] | None = None,
        returning: str | None = None,
        workers: int = 1,
        on_error: OnError = "raise",
        progress: bool | Callable[[Progress], None] = False,
    ) -> LoadReport:
        """Load rows into a table by binary COPY, in one transaction: all of them or none.

        An interrupt before the commit leaves the table as it was. An interrupt that comes too late is raised, too; it
        has a note and the attributes `howdah_outcome` and `howdah_result` (the report), because the rows are stored.
        See `howdah.outcomes`.

        The data is consumed, and a callable for progress called, on a worker thread.

        Args:
            table: `table` or `schema.table`, used unchanged, capitals too, and quoted where SQL needs it. Write a part
                that contains a dot in double quotes. A table's class means its table, with the column names of the
                class.
            data: Arrow data (polars, pyarrow, pandas, DuckDB, …), consumed as it streams in; or an iterable of dicts,
                tuples, named tuples or dataclasses. The first row determines the columns; None is NULL. The named
                levels of a pandas index are loaded as columns. The values of a pandas column of dtype `object` are
                converted one by one, as those of dicts are; values that pandas treats as missing are NULL, and a column
                of only text is loaded as text, which json and jsonb columns parse as JSON.
            mode: `append` adds the rows; `create` creates the table; `truncate` empties it first; `upsert` updates the
                rows whose `key` exists, and the last of several rows with the same key wins. `replace` fills a new
                table, which replaces the old one at the end. If the columns match, the new one gets the grants,
                defaults, constraints, indexes, triggers, comments and statistics objects of the old one; if one of
                them cannot be copied, an error says so. Not copied are the results of ANALYZE, `NOT VALID` of a check
                and the mark that an index or a trigger depends on an extension. `replace` refuses temporary tables, and
                tables with a trigger on INSERT or TRUNCATE, which it would not fire.
            key: The column or columns that identify a row, for `upsert`; they need a unique constraint. A row with NULL
                in its key matches no other row, unless the constraint says NULLS NOT DISTINCT.
            columns: Target names by source names. For rows without names its values, in order, name the targets.
            types: PostgreSQL types by target names, such as `{"at": "date", "price": "numeric(10, 2)"}`, for a table
                that `create` or `replace` makes; the values must fit them. Other columns get the type that `read` noted
                in the metadata of the Arrow field, if it exists in this database, and else what holds the values.
            returning: Not supported in this version.
            workers: 1; more are not supported in this version.
            on_error: `raise`; `reject` is not supported in this version.
            progress: True for a tqdm bar; a callable is called at most ten times a second. An exception that it raises
                ends the load, except in the last call (`finished` is true), which comes after the commit.

        Returns:
            How many rows were stored, how many of them new, the bytes sent and the seconds taken.

        Raises:
            ProgrammingError: Unknown, missing, duplicate or incompatible columns, all of them in one message, before
                anything is sent; a table that does not exist, or for `create` exists; a column whose type was changed
                while the data was read; an `ArrowReader` of the table that `truncate` empties; a table that `replace`
                refuses.
            InterfaceError: A reader or a generator that was consumed before. Other iterators, such as a pyarrow
                RecordBatchReader, cannot show this: they have no rows left, and none are loaded.
            DataError: A value that the column cannot hold exactly; with table, column and row.
            ConversionError: A Python value of another type than the column's; with table, column and row.
            IntegrityError: A constraint; with the row where the server tells it.
            ConnectionError: The connection is lost. If that was during the commit, the message says that the
                outcome is unknown.

        Example:
            >>> report = await db.load("elephants", [{"name": "Abul-Abbas", "tons": 4.5}], mode="create")
            >>> report.rows, report.inserted
            (1, 1)
        """
        bulk.refuse_unsupported_options(returning=returning, workers=workers, on_error=on_error)
        lease = self.lease()

        def load(cancel: _core.Cancel | None) -> LoadReport:
            return bulk.load(
                self._core,
                table,
                data,
                mode=mode,
                key=key,
                columns=columns,
                types=types,
                progress=progress,
                cancel=cancel,
                lease=lease,
            )

        return await in_thread(load, done=bulk.load_outcome(lease))

    def read(
        self,
        source: str | type[HasSchema] | CompilableQuery[Any],
        /,
        *params: object,
        workers: int = 1,
        batch_rows: int = 65_536,
        types: Mapping[str, Any] | None = None,
        out_of_range: OutOfRange = "error",
        progress: bool | Callable[[Progress], None] = False,
    ) -> AsyncArrowReader:
        """Read a query or a table as Arrow; the query begins when its first rows are read.

        Args:
            source: A query with parameters `$1`, `$2`, …; the name of a table, without white space except in double
                quotes; a table's class; or a query of tables.
            *params: The values of the parameters.
            workers: 1; more are not supported in this version.
            batch_rows: The most rows a record batch has; it is also cut at 64 MiB.
            types: Arrow types by column, as objects or text such as `decimal(20,4)`. A value that the type cannot hold
                exactly is an error, such as a float with more digits than the decimal. A type of another kind is an
                error, too, such as a list for text, or a time with a zone for one without.
            out_of_range: The result for a value that Arrow cannot hold, such as an infinite date or a NaN in
                numeric(p,s). `error` raises; `null` reads NULL; `clamp` reads the nearest value; `string` reads columns
                of numeric, date, time, timestamp, timestamptz and interval as text.
            progress: True for a tqdm bar; a callable is called at most ten times a second.

        Returns:
            The result, to be iterated over or drained: its rows stream in as they are read.

        Raises:
            ProgrammingError: The server refuses the query.
            ConversionError: A parameter of another type than the query takes.
            NotSupportedError: A column of a type that howdah does not support; cast it in the query.

        Example:
            >>> table = await db.read("SELECT n FROM generate_series(1, $1::int) AS n", 3).to_arrow()
            >>> table.to_pylist()
            [{'n': 1}, {'n': 2}, {'n': 3}]
        """
        bulk.refuse_unsupported_options(workers=workers)
        sql = source if isinstance(source, str) else arrow_statement(source, params)
        read = partial(
            bulk.read,
            self._core,
            sql,
            params,
            batch_rows=batch_rows,
            types=types,
            out_of_range=out_of_range,
            progress=progress,
        )
        lease = self.lease()
        return open_reader(lambda cancel: read(cancel=cancel, lease=lease), bulk.read_outcome(sql, lease))

    # The connection
    @property
    def location(self) -> str:
        """The servers and the name of the database: rows that it stored have the same location."""
        return self._core.location

    if TYPE_CHECKING:
        # Databases, transactions and sessions define these.
        def lease(self) -> AsyncLease | None:
            """Return the connection of the transaction or session around the caller, if there is one."""
            ...

        def on_rollback(self, restores: Iterable[Callable[[], None]]) -> None:
            """Register functions to be called if the transaction around the caller is rolled back."""
            ...

        def transaction(self) -> AbstractAsyncContextManager[object]:
            """Return a transaction; inside a transaction, a savepoint."""
            ...

        def origin(self) -> AsyncExecutor:
            """Return the database; of a transaction or a session, its database."""
            ...

        async def _pin(self) -> PinnedConnection | None:
            """Return a connection on which a stream runs all its statements; None if the executor has only one."""
            ...

    # Queries as data
    async def fetch_rows(self, statement: Statement, into: Any) -> list[Any]:  # noqa: ANN401  (a row factory)
        """Run a query that is data, and return its rows."""
        return await self._core.fetch(statement, (), into, self.lease())

    async def execute_statement(self, statement: Statement) -> int:
        """Run a statement that is data, and return how many rows it touched."""
        return await self._core.execute(statement, (), self.lease())

    async def open_cursor(self, statement: Statement, into: Any, batch_rows: int) -> AsyncCursor:  # noqa: ANN401
        """Run a query that is data, and return a cursor over its rows."""
        return await self._core.stream(statement, (), batch_rows, into, self.lease())
