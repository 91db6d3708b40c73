"""The database whose verbs block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from howdah import _core, verbs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from howdah._core import LoadReport, Progress
    from howdah.reader import ArrowReader
    from howdah.verbs import Mode, OnError, OutOfRange, Rows


def connect(
    url: str | None,
    *,
    min_size: int = 0,
    max_size: int = 10,
    acquire_timeout_s: float = 30.0,
    connect_timeout_s: float = 10.0,
    statement_timeout_s: float | None = None,
    max_idle_s: float = 600.0,
    max_lifetime_s: float = 3600.0,
    application_name: str = "howdah",
) -> _core.Database:
    """Make a database of the core; the options are those of `Database`.

    Args:
        url: A URI or DSN; without one, the environment is asked.
        min_size: Connections that are opened at first use, and kept however long they lie idle.
        max_size: The most connections that are open at a time.
        acquire_timeout_s: Seconds to wait for one of them to be free.
        connect_timeout_s: Seconds that one host may take to answer.
        statement_timeout_s: Seconds that a statement may run.
        max_idle_s: Seconds after which an idle connection is not used again.
        max_lifetime_s: Seconds after which no connection is used again.
        application_name: What the server shows in pg_stat_activity.

    Returns:
        A database that has not connected yet.
    """
    return _core.Database(
        url,
        min_size=min_size,
        max_size=max_size,
        acquire_timeout_s=acquire_timeout_s,
        connect_timeout_s=connect_timeout_s,
        statement_timeout_s=statement_timeout_s,
        max_idle_s=max_idle_s,
        max_lifetime_s=max_lifetime_s,
        application_name=application_name,
    )


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
        min_size: int = 0,
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
            min_size: Connections that are opened at first use, and kept however long they lie idle.
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
        self._core = connect(
            url,
            min_size=min_size,
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
            progress: True for a tqdm bar; a callable is called at most ten times a second. What it raises ends the
                load, but for the last call, whose `finished` is true: it comes after the commit.

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
        verbs.refuse_later_features(returning=returning, workers=workers, on_error=on_error)
        return verbs.load(self._core, table, data, mode=mode, key=key, columns=columns, progress=progress)

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
        verbs.refuse_later_features(workers=workers)
        return verbs.read(
            self._core,
            source,
            params,
            batch_rows=batch_rows,
            types=types,
            out_of_range=out_of_range,
            progress=progress,
        )
