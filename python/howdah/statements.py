# Made from async_statements.py by tools/generate_sync.py: change that, then `make generate`.
"""The verbs for SQL and for bulk; `Database` and `Transaction` have them.

Each stands here with all that there is to say of it, and so the file is long; its code is little.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from howdah import verbs
from howdah.blocking import in_thread, reading
from howdah.queries.builder import framed
from howdah.queries.tables import Tables
from howdah.shapes import binder

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    from howdah import _core
    from howdah._core import LoadReport, Progress
    from howdah.queries.query import Query
    from howdah.reader import ArrowReader
    from howdah.tables.table import Table
    from howdah.verbs import Mode, OnError, OutOfRange, Rows

O = TypeVar("O")  # noqa: E741  (the contract's own name)


class Statements(Tables):
    """What runs on a connection that `lease` gives, or on one of the pool's."""

    def execute(self, sql: str, /, *params: object) -> int:
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
            DatabaseError: What the server says, by its SQLSTATE.
            ConversionError: A parameter of another type than the statement wants.
            ConnectionError: The server is lost. If its answer was lost, and the statement is not inside a transaction
                nor plainly a SELECT, the message says that the outcome is unknown.

        Example:
            >>> db.execute("CREATE TABLE howdahs (id int, seats int)")
            0
            >>> db.execute("INSERT INTO howdahs VALUES ($1, $2)", 1, 4)
            1
        """
        return self._core.execute(sql, params, self.lease())

    def execute_many(self, sql: str, rows: Iterable[Sequence[object]], /) -> int:
        """Run a statement once for each row of parameters, in one transaction, without waiting in between.

        Args:
            sql: A statement with parameters `$1`, `$2`, ….
            rows: The values of the parameters, a sequence for each run; the server may round them, see `execute`.

        Returns:
            How many rows the runs touched, all together.

        Raises:
            DatabaseError: What the server says, by its SQLSTATE; nothing of it all is stored.
            ConversionError: A parameter of another type than the statement wants; with the row.

        Example:
            >>> db.execute("CREATE TABLE cubes (n int, cube int)")
            0
            >>> db.execute_many("INSERT INTO cubes VALUES ($1, $2)", ((n, n**3) for n in range(100)))
            100
        """
        return self._core.execute_many(sql, rows, self.lease())

    @overload
    def fetch(self, sql: str, /, *params: object) -> list[dict[str, Any]]: ...
    @overload
    def fetch(self, sql: str, /, *params: object, into: type[O]) -> list[O]: ...
    def fetch(self, sql: str, /, *params: object, into: type[Any] | None = None) -> list[Any]:
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
            >>> db.fetch("SELECT n, n * n AS square FROM generate_series(1, $1::int) AS n", 2)
            [{'n': 1, 'square': 1}, {'n': 2, 'square': 4}]
            >>> from typing import NamedTuple
            >>> class Square(NamedTuple):
            ...     n: int
            ...     square: int
            >>> db.fetch("SELECT 3 AS n, 9 AS square", into=Square)
            [Square(n=3, square=9)]
        """
        make = None if into is None else binder(into)
        return self._core.fetch(sql, params, make, self.lease())

    @overload
    def fetch_one(self, sql: str, /, *params: object) -> dict[str, Any] | None: ...
    @overload
    def fetch_one(self, sql: str, /, *params: object, into: type[O]) -> O | None: ...
    def fetch_one(self, sql: str, /, *params: object, into: type[Any] | None = None) -> Any:
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
            >>> db.fetch_one("SELECT $1::text AS name, 1 AS elephants", "Airavata")
            {'name': 'Airavata', 'elephants': 1}
            >>> db.fetch_one("SELECT 1 WHERE false")
        """
        make = None if into is None else binder(into)
        return self._core.fetch_one(sql, params, make, self.lease())

    def fetch_value(self, sql: str, /, *params: object) -> Any:  # noqa: ANN401  (of the column's type)
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
            >>> db.fetch_value("SELECT count(*) FROM generate_series(1, 5)")
            5
        """
        return self._core.fetch_value(sql, params, self.lease())

    @overload
    def stream(self, sql: str, /, *params: object, batch_rows: int = 1000) -> Generator[dict[str, Any]]: ...
    @overload
    def stream(self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[O]) -> Generator[O]: ...
    def stream(
        self, sql: str, /, *params: object, batch_rows: int = 1000, into: type[Any] | None = None
    ) -> Generator[Any]:
        """Run a query and give its rows one by one, in constant memory; it begins when the first is asked for.

        The server keeps the rows, and the stream keeps a connection until its end; so close it (`contextlib.closing`)
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
            >>> for row in db.stream("SELECT n FROM generate_series(1, 3) AS n", batch_rows=2):
            ...     print(row)
            {'n': 1}
            {'n': 2}
            {'n': 3}
        """
        make = None if into is None else binder(into)
        lease = self.lease()
        cursor = self._core.stream(sql, params, batch_rows, make, lease)
        try:
            while rows := cursor.rows():
                yield from rows
        finally:
            cursor.close()

    def load(
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

        What interrupts the load before it commits leaves the table as it was. An interrupt that comes too late is
        raised, too, and tells by a note and by its attributes `howdah_outcome` and `howdah_result` (the report) that
        the rows are stored; see `howdah.outcomes`.

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
            on_error: `raise`; `reject` is not in this version.
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
            >>> report = db.load("elephants", [{"name": "Abul-Abbas", "tons": 4.5}], mode="create")
            >>> report.rows, report.inserted
            (1, 1)
        """
        verbs.refuse_later_features(returning=returning, workers=workers, on_error=on_error)
        lease = self.lease()

        def load(cancel: _core.Cancel | None) -> LoadReport:
            return verbs.load(
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

        return in_thread(load, done=verbs.done(lease))

    def read(
        self,
        source: str | type[Table] | Query[Any],
        /,
        *params: object,
        workers: int = 1,
        batch_rows: int = 65_536,
        types: Mapping[str, Any] | None = None,
        out_of_range: OutOfRange = "error",
        progress: bool | Callable[[Progress], None] = False,
    ) -> ArrowReader:
        """Read a query or a table as Arrow.

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
            The result, to be iterated over or drained: its schema is there, its rows stream in as they are asked for.

        Raises:
            ProgrammingError: The server does not take the query.
            ConversionError: A parameter of another type than the query wants.
            NotSupportedError: A column of a type that howdah does not know yet; cast it in the query.

        Example:
            >>> table = db.read("SELECT n FROM generate_series(1, $1::int) AS n", 3).to_arrow()
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
        lease = self.lease()
        return reading(lambda cancel: read(cancel=cancel, lease=lease), verbs.done_reading(source, lease))
