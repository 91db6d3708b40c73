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
            sql: A statement with parameters `$1`, `$2`, …; without parameters it may be several, which then are one
                transaction.
            *params: The values of the parameters. The server gives their types; it knows no column for them, and may
                round a value when it stores it, as 1.2345 in a `numeric(10,2)`. `load` and the verbs of tables refuse
                such a value.

        Returns:
            How many rows the (last) statement touched.

        Raises:
            InterfaceError: It begins or ends a transaction; `transaction` does.
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ConversionError: A parameter of another type than the statement wants.
            ConnectionError: The server is lost. If its answer was lost, and the statement is not inside a transaction
                nor plainly a SELECT, the message says that the outcome is unknown.

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
            How many rows the runs touched, all together.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE. Nothing is stored.
            ConversionError: A parameter of another type than the statement wants; with the row.

        Example:
            >>> await db.execute("CREATE TABLE cubes (n int, cube int)")
            0
            >>> await db.execute_many("INSERT INTO cubes VALUES ($1, $2)", ((n, n**3) for n in range(100)))
            100
        """
        return await self._core.execute_many(sql, rows, self.lease())

    @overload
    async def fetch(self, sql: str, /, *params: object) -> list[dict[str, Any]]: ...
    @overload
    async def fetch(self, sql: str, /, *params: object, into: type[T]) -> list[T]: ...
    async def fetch(self, sql: str, /, *params: object, into: type[Any] | None = None) -> list[Any]:
        """Run a query and return all its rows.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; each field gets the column of its name,
                and a field with a default may have no column. A field annotated with an Enum class gets its member.

        Returns:
            The rows, as dicts or objects of `into`.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
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
        make = None if into is None else row_factory(into)
        return await self._core.fetch(sql, params, make, self.lease())

    @overload
    async def fetch_one(self, sql: str, /, *params: object) -> dict[str, Any] | None: ...
    @overload
    async def fetch_one(self, sql: str, /, *params: object, into: type[T]) -> T | None: ...
    async def fetch_one(self, sql: str, /, *params: object, into: type[Any] | None = None) -> Any:
        """Run a query and return its first row.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; see `fetch`.

        Returns:
            The row, as a dict or an object of `into`; None if there is none.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ProgrammingError: The columns are not the fields of `into`.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> await db.fetch_one("SELECT $1::text AS name, 1 AS elephants", "Airavata")
            {'name': 'Airavata', 'elephants': 1}
            >>> await db.fetch_one("SELECT 1 WHERE false")
        """
        make = None if into is None else row_factory(into)
        return await self._core.fetch_one(sql, params, make, self.lease())

    async def fetch_value(self, sql: str, /, *params: object) -> Any:  # noqa: ANN401  (of the column's type)
        """Run a query and return the first value of its first row.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.

        Returns:
            The value; None if it is NULL, or if there is no row.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> await db.fetch_value("SELECT count(*) FROM generate_series(1, 5)")
            5
        """
        return await self._core.fetch_value(sql, params, self.lease())

    def pipeline(self, *, transaction: bool = True) -> AsyncPipeline:
        """Give a block whose statements are sent without waiting for the answers to those before them.

        Many statements then take little more than one round trip. It has `execute`, `fetch`, `fetch_one` and
        `fetch_value`, which return at once; see `AsyncPipeline`. It uses one connection, that of the transaction or the
        session around it.

        Args:
            transaction: Whether the statements are committed together or not at all; else each is a transaction of its
                own. Inside a transaction they are a part of that.

        Returns:
            The pipeline, for `async with`.

        Raises:
            InterfaceError: When the block begins: `transaction=False` inside a transaction, or something else is under
                way on the connection.

        Example:
            >>> async with db.pipeline() as pipeline:
            ...     squares = [pipeline.fetch_value("SELECT $1::int * $1", n) for n in range(4)]
            >>> [square.result() for square in squares]
            [0, 1, 4, 9]
        """
        return AsyncPipeline(self._core, self.lease, transaction=transaction)

    @overload
    def stream(self, sql: str, /, *params: object, batch_rows: int = 1000) -> AsyncGenerator[dict[str, Any]]: ...
    @overload
    def stream(self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[T]) -> AsyncGenerator[T]: ...
    async def stream(
        self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[Any] | None = None
    ) -> AsyncGenerator[Any]:
        """Run a query and yield its rows one by one, in constant memory; it begins with the first iteration.

        The stream uses a connection until its end, so close it (`contextlib.aclosing`) if you leave it early.

        Args:
            sql: A query with parameters `$1`, `$2`, ….
            *params: The values of the parameters.
            batch_rows: How many rows are taken from the server at a time.
            into: A dataclass, named tuple, pydantic model or msgspec Struct; see `fetch`.

        Yields:
            The rows, as dicts or objects of `into`.

        Raises:
            DatabaseError: An error of the server; its class depends on the SQLSTATE.
            ProgrammingError: The columns are not the fields of `into`.
            ConversionError: A parameter of another type than the query wants.

        Example:
            >>> async for row in db.stream("SELECT n FROM generate_series(1, 3) AS n", batch_rows=2):
            ...     print(row)
            {'n': 1}
            {'n': 2}
            {'n': 3}
        """
        make = None if into is None else row_factory(into)
        lease = self.lease()
        cursor = await self._core.stream(sql, params, batch_rows, make, lease)
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
        returning: str | None = None,
        workers: int = 1,
        on_error: OnError = "raise",
        progress: bool | Callable[[Progress], None] = False,
    ) -> LoadReport:
        """Load rows into a table by binary COPY, in one transaction: all of them or none.

        What interrupts the load before it commits leaves the table as it was. An interrupt that comes too late is
        raised, too, and tells by a note and by its attributes `howdah_outcome` and `howdah_result` (the report) that
        the rows are stored; see `howdah.outcomes`.

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
                trigger depends on an extension is gone). It refuses temporary tables, and tables with a trigger on
                INSERT or TRUNCATE, which it would not fire. `truncate` empties it first; `upsert` updates the rows
                whose `key` is there already, and the last of several rows with one key wins.
            key: The column or columns that tell rows apart, for `upsert`; they need a unique constraint, without which
                no row is taken. A NULL in the key makes a row one of its own, unless the constraint says NULLS NOT
                DISTINCT.
            columns: Target names by source names. For rows without names its values, in order, name the targets.
            returning: Not in this version.
            workers: 1; more are not in this version.
            on_error: `raise`; `reject` is not supported in this version.
            progress: True for a tqdm bar; a callable is called at most ten times a second. What it raises ends the
                load, but for the last call, whose `finished` is true: it comes after the commit.

        Returns:
            How many rows were stored, how many of them new, the bytes sent and the seconds taken.

        Raises:
            ProgrammingError: Unknown, missing, duplicate or incompatible columns, all of them in one message,
                before anything is sent; a table that is not there, or is; a column whose type was changed while the
                data was read; an `ArrowReader` of the very table that `truncate` empties; a table that `replace` does
                not take.
            InterfaceError: A reader or a generator that was consumed before. Other iterators, a pyarrow
                RecordBatchReader among them, do not tell: they have no rows left, and none are loaded.
            DataError: A value that the column cannot hold exactly; with table, column and row.
            ConversionError: A Python value of another type than the column's; with table, column and row.
            IntegrityError: A constraint; with the row where the server tells it.
            ConnectionError: The server is lost. If that was during the commit, the message says that the outcome is
                unknown.
            NotSupportedError: A column of a type that howdah does not know yet.

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
        bulk.refuse_unsupported_options(workers=workers)
        if not isinstance(source, str):
            source, params = arrow_statement(source, params)
        read = partial(
            bulk.read,
            self._core,
            source,
            params,
            batch_rows=batch_rows,
            types=types,
            out_of_range=out_of_range,
            progress=progress,
        )
        lease = self.lease()
        return open_reader(lambda cancel: read(cancel=cancel, lease=lease), bulk.read_outcome(source, lease))

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
        text, params = _core.render(statement)
        return await self._core.fetch(text, params, into, self.lease())

    async def execute_statement(self, statement: Statement) -> int:
        """Run a statement that is data, and return how many rows it touched."""
        text, params = _core.render(statement)
        return await self._core.execute(text, params, self.lease())

    async def open_cursor(self, statement: Statement, into: Any, batch_rows: int) -> AsyncCursor:  # noqa: ANN401
        """Run a query that is data, and return a cursor over its rows."""
        text, params = _core.render(statement)
        return await self._core.stream(text, params, batch_rows, into, self.lease())
