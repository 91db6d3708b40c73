"""The two databases: one blocks, the other is awaited; the verbs are the same."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from howdah import _core
from howdah.errors import NotSupportedError
from howdah.progress import callable_for, shown
from howdah.reader import ArrowReader, AsyncArrowReader
from howdah.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from howdah._core import LoadReport, Progress

    Rows = ArrowStream | ArrowArray | Iterable[Any]

Mode = Literal["append", "create", "replace", "truncate", "upsert"]
OnError = Literal["raise", "reject"]
OutOfRange = Literal["error", "null", "clamp", "string"]


class ArrowStream(Protocol):
    """Whatever speaks the Arrow PyCapsule stream interface: polars, pyarrow, pandas, DuckDB, arro3."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export an Arrow C stream."""


class ArrowArray(Protocol):
    """Whatever speaks the Arrow PyCapsule array interface, such as a record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Export an Arrow C array with its schema."""


class Database:
    """A pool of connections to one PostgreSQL database. Connects when first used.

    Example:
        >>> with howdah.Database(url) as db:
        ...     report = db.load("squares", [{"n": 1, "square": 1}, {"n": 2, "square": 4}], mode="create")
        ...     report.rows, db.read("SELECT * FROM squares WHERE n > $1", 1).to_arrow().to_pylist()
        (2, [{'n': 2, 'square': 4}])
    """

    def __init__(
        self,
        url: str | None = None,
        /,
        *,
        max_size: int = 10,
        acquire_timeout_s: float = 30.0,
        connect_timeout_s: float = 10.0,
        statement_timeout_s: float | None = None,
        max_idle_s: float = 600.0,
        max_lifetime_s: float = 3600.0,
        application_name: str = "howdah",
    ) -> None:
        """Say where the database is; nothing is connected yet.

        Args:
            url: A URI (`postgresql://user@host/name`) or DSN (`host=… dbname=…`), as libpq reads them:
                https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING. Without one, `DATABASE_URL`
                is taken, then the `PG*` variables.
            max_size: The most connections that are open at a time.
            acquire_timeout_s: Seconds to wait for one of them to be free.
            connect_timeout_s: Seconds that one host may take to answer.
            statement_timeout_s: Seconds that a statement may run; None for as long as it takes.
            max_idle_s: Seconds after which an idle connection is not used again.
            max_lifetime_s: Seconds after which no connection is used again.
            application_name: What the server shows in pg_stat_activity.

        Raises:
            InterfaceError: There is no URL to go by, or it cannot be read.
        """
        self._core = _core.Database(
            url,
            max_size=max_size,
            acquire_timeout_s=acquire_timeout_s,
            connect_timeout_s=connect_timeout_s,
            statement_timeout_s=statement_timeout_s,
            max_idle_s=max_idle_s,
            max_lifetime_s=max_lifetime_s,
            application_name=application_name,
        )

    def __enter__(self) -> Self:
        """Use the database until the end of a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Close the connections; those in use close when they are done. Again does nothing."""
        self._core.close()

    def execute(self, sql: str, /, *params: object) -> int:
        """Run a statement.

        Args:
            sql: A statement with parameters `$1`, `$2`, …; without parameters it may be several, which then are one
                transaction.
            *params: The values of the parameters.

        Returns:
            How many rows the (last) statement touched.

        Raises:
            DatabaseError: What the server says.
            ConversionError: A parameter of another type than the statement wants.
        """
        return self._core.execute(sql, params)

    def load(
        self,
        table: str,
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

        Args:
            table: `table` or `schema.table`; parts are taken as they stand, capitals too, and quoted where they
                must be. A part with a dot in it goes in double quotes.
            data: Arrow data (polars, pyarrow, pandas, DuckDB, …), consumed as it streams in; or an iterable of dicts,
                tuples, named tuples or dataclasses. The first row fixes the columns; None is NULL.
            mode: `append` adds the rows; `create` makes the table, `replace` makes it anew and swaps it in at the
                end, with the old one's grants, defaults, constraints and indexes if the columns match; `truncate`
                empties it first; `upsert` updates the rows whose `key` is there already, and the last of several
                rows with one key wins.
            key: The column or columns that tell rows apart, for `upsert`; they need a unique constraint.
            columns: Target names by source names. For rows without names its values, in order, name the targets.
            returning: Not in this version.
            workers: 1; more are not in this version.
            on_error: `raise`; `reject` is not in this version.
            progress: True for a tqdm bar; a callable is called at most ten times a second.

        Returns:
            How many rows were stored, how many of them new, the bytes sent and the seconds taken.

        Raises:
            ProgrammingError: Unknown, missing, duplicate or incompatible columns, all of them in one message,
                before anything is sent; a table that is not there, or is.
            DataError: A value that the column cannot hold exactly; with table, column and row.
            ConversionError: A Python value of another type than the column's; with table, column and row.
            IntegrityError: A constraint; with the row where the server tells it.
            ConnectionError: The server is lost. If that was during the commit, the message says so.
            NotSupportedError: A column of a type that howdah does not know yet.
        """
        refuse_later_features(returning=returning, workers=workers, on_error=on_error)
        with shown(progress, table) as callback:
            return self._load(table, data, mode, key, columns, callback, None)

    def _load(  # noqa: PLR0913  (the parameters of the verb)
        self,
        table: str,
        data: Rows,
        mode: Mode,
        key: str | Sequence[str],
        columns: Mapping[str, str] | None,
        callback: Callable[[Progress], None] | None,
        cancel: _core.Cancel | None,
    ) -> LoadReport:
        keys = [key] if isinstance(key, str) else list(key)
        renames = None if columns is None else dict(columns)
        return self._core.load(table, data, mode, keys, renames, callback, cancel)

    def read(
        self,
        source: str,
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
            source: A query with parameters `$1`, `$2`, …, or, without white space, the name of a table.
            *params: The values of the parameters.
            workers: 1; more are not in this version.
            batch_rows: The most rows a record batch has; it is also cut at 64 MiB.
            types: Arrow types by column, as objects or text such as `decimal(20,4)`; a value that would change is
                an error.
            out_of_range: What becomes of a value that Arrow cannot hold, such as an infinite date or a NaN in
                numeric(p,s): `error`; `null`; `clamp`, the nearest value; `string`, where columns of numeric,
                date, time, timestamp, timestamptz and interval are read as text.
            progress: True for a tqdm bar; a callable is called at most ten times a second.

        Returns:
            The result; its schema is known, and its rows stream in as they are asked for.

        Raises:
            ProgrammingError: The server does not take the query.
            ConversionError: A parameter of another type than the query wants.
            NotSupportedError: A column of a type that howdah does not know yet; cast it in the query.
        """
        refuse_later_features(workers=workers)
        return self._read(source, params, batch_rows, types, out_of_range, progress, None)

    def _read(  # noqa: PLR0913  (the parameters of the verb)
        self,
        source: str,
        params: tuple[object, ...],
        batch_rows: int,
        types: Mapping[str, Any] | None,
        out_of_range: OutOfRange,
        progress: bool | Callable[[Progress], None],  # noqa: FBT001  (the verb's own)
        cancel: _core.Cancel | None,
    ) -> ArrowReader:
        asked = None if types is None else dict(types)
        callback = callable_for(progress, source if len(source) < LONG_TITLE else "read")
        core = self._core.read(source, params, batch_rows, asked, out_of_range, callback, cancel)
        return ArrowReader(core)


LONG_TITLE = 40


def refuse_later_features(
    *, returning: str | None = None, workers: int = 1, on_error: OnError = "raise"
) -> None:
    """Say clearly what this version does not do yet.

    Args:
        returning: A column whose values are wanted.
        workers: How many connections.
        on_error: What becomes of rows that do not fit.

    Raises:
        NotSupportedError: One of them is not the only value that works now.
    """
    if returning is not None:
        message = "returning= is not in this version of howdah; load without it, and read the keys back"
        raise NotSupportedError(message)
    if workers != 1:
        message = f"workers={workers} is not in this version of howdah; workers=1 is"
        raise NotSupportedError(message)
    if on_error != "raise":
        message = f"on_error={on_error!r} is not in this version of howdah; on_error='raise' is"
        raise NotSupportedError(message)


class AsyncDatabase:
    """Database's twin for asyncio: the same verbs and parameters, awaited.

    Bulk work runs on a worker thread; when the awaiting task is cancelled, so is the statement at the server.

    Example:
        >>> async def copy(url):
        ...     async with howdah.AsyncDatabase(url) as db:
        ...         await db.load("t", [{"n": 1}], mode="create")
        ...         return await db.read("t").to_arrow()
    """

    def __init__(self, url: str | None = None, /, **options: Any) -> None:
        """Say where the database is; see `Database`.

        Args:
            url: A URI or DSN; without one, the environment is asked.
            **options: The options of `Database`.
        """
        self._database = Database(url, **options)

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
        self._database.close()

    async def execute(self, sql: str, /, *params: object) -> int:
        """Run a statement; see `Database.execute`.

        Args:
            sql: A statement with parameters `$1`, `$2`, ….
            *params: The values of the parameters.

        Returns:
            How many rows the (last) statement touched.
        """
        core = self._database._core  # noqa: SLF001  (twins)
        return await in_thread(lambda cancel: core.execute(sql, params, cancel))

    async def load(
        self,
        table: str,
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
        """Load rows into a table by binary COPY; see `Database.load`.

        The data is consumed, and a callable for progress called, on a worker thread.

        Args:
            table: `table` or `schema.table`.
            data: Arrow data or an iterable of rows.
            mode: What becomes of the rows that are there.
            key: The column or columns that tell rows apart, for `upsert`.
            columns: Target names by source names.
            returning: Not in this version.
            workers: 1; more are not in this version.
            on_error: `raise`; `reject` is not in this version.
            progress: True for a tqdm bar, or a callable.

        Returns:
            How many rows were stored, how many of them new, the bytes sent and the seconds taken.
        """
        refuse_later_features(returning=returning, workers=workers, on_error=on_error)
        with shown(progress, table) as callback:
            work = partial(self._database._load, table, data, mode, key, columns, callback)  # noqa: SLF001
            return await in_thread(work)

    def read(
        self,
        source: str,
        /,
        *params: object,
        workers: int = 1,
        batch_rows: int = 65_536,
        types: Mapping[str, Any] | None = None,
        out_of_range: OutOfRange = "error",
        progress: bool | Callable[[Progress], None] = False,
    ) -> AsyncArrowReader:
        """Read a query or a table as Arrow; see `Database.read`. The query begins when rows are asked for.

        Args:
            source: A query with parameters `$1`, `$2`, …, or the name of a table.
            *params: The values of the parameters.
            workers: 1; more are not in this version.
            batch_rows: The most rows a record batch has.
            types: Arrow types by column.
            out_of_range: What becomes of a value that Arrow cannot hold.
            progress: True for a tqdm bar, or a callable.

        Returns:
            The result, to be iterated over or drained.
        """
        refuse_later_features(workers=workers)
        read = self._database._read  # noqa: SLF001  (twins)
        return AsyncArrowReader(partial(read, source, params, batch_rows, types, out_of_range, progress))
