"""`load` and `read` on a database of the core. They block; the asyncio API calls them on a worker thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Protocol

from howdah import _core
from howdah.errors import NotSupportedError
from howdah.outcomes import committed, is_alone, uncommitted, unknown
from howdah.progress import callable_for, progress_callback
from howdah.reader import ArrowReader
from howdah.tables.column_mapping import column_name, load_name, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from howdah._core import LoadReport, Progress
    from howdah.expressions.node import Statement
    from howdah.tables.schema import HasSchema

Mode = Literal["append", "create", "replace", "truncate", "upsert"]
OnError = Literal["raise", "reject"]
OutOfRange = Literal["error", "null", "clamp", "string"]

# A progress bar shows queries up to this length as its title.
LONG_TITLE = 40


class ArrowStream(Protocol):
    """An object with the Arrow PyCapsule stream interface: of polars, pyarrow, pandas, DuckDB, arro3."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export an Arrow C stream."""
        ...


class ArrowArray(Protocol):
    """An object with the Arrow PyCapsule array interface, such as a record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Export an Arrow C array with its schema."""
        ...


Rows = ArrowStream | ArrowArray | Iterable[Any]

# `load` and `read` of both block.
Core = _core.Database | _core.AsyncDatabase


def load(
    core: Core,
    table: str | type[HasSchema],
    data: Rows,
    *,
    mode: Mode,
    key: str | Sequence[str],
    columns: Mapping[str, str] | None,
    types: Mapping[str, str] | None,
    progress: bool | Callable[[Progress], None],
    cancel: _core.Cancel | None,
    lease: Any,  # noqa: ANN401  (a lease of the same database)
) -> LoadReport:
    """Load rows into a table; see `Database.load`.

    Args:
        core: The database.
        table: The table.
        data: The rows.
        mode: What happens to existing rows.
        key: The columns that identify a row.
        columns: Target names by source names.
        types: PostgreSQL types by target names, for a table that the load creates.
        progress: Whether to show progress, or a callable that takes it.
        cancel: Cancels it.
        lease: The connection of the transaction in which it happens, if there is one.

    Returns:
        The report.
    """
    keys = [key] if isinstance(key, str) else list(key)
    renames = None if columns is None else dict(columns)
    declared = None if types is None else dict(types)
    name = table if isinstance(table, str) else load_name(table.__schema__.name)
    if not isinstance(table, str):
        keys = [column_name(table.__schema__, one) for one in keys]
        if renames is None:
            data, renames = targets(table.__schema__, data)
    report = None
    try:
        with progress_callback(
            progress, table if isinstance(table, str) else ".".join(table.__schema__.name)
        ) as callback:
            report = core.load(name, data, mode, keys, renames, declared, callback, cancel, lease)
    except BaseException as error:
        if report is not None:
            # For example Ctrl-C while the bar was closed: the rows are stored.
            load_outcome(lease)(error, report)
        raise
    return report


class ReadOutcome:
    """Adds the outcome of a finished read to an exception; false if the read cannot have stored anything."""

    def __init__(self, source: str | Statement) -> None:
        """Take the query."""
        self._source = source

    def __bool__(self) -> bool:
        """Return whether the query may write. Only an interrupted read asks, because this scans the SQL."""
        return not _core.is_read_only(self._source)

    def __call__(self, error: BaseException, result: object) -> None:
        """Add to the exception that the outcome is unknown, if the query may write."""
        if self:
            unknown(error, result)


def read_outcome(source: str | Statement, lease: object) -> ReadOutcome | None:
    """Return what adds the outcome of a finished read to an exception.

    Args:
        source: The query, or the name of a table.
        lease: The connection of the transaction in which it happened, if there was one.

    Returns:
        The callable; it takes the exception and a part of the result. None for a table, and in a transaction.
    """
    is_table = isinstance(source, str) and len(source.split()) == 1
    return None if is_table or not is_alone(lease) else ReadOutcome(source)


def load_outcome(lease: object) -> Callable[[BaseException, object], None]:
    """Return a function that adds the outcome of a finished load to an exception.

    Args:
        lease: The connection of the transaction in which it happened, if there was one.

    Returns:
        The function; it takes the exception and the load's report.
    """
    return committed if is_alone(lease) else uncommitted


def read(
    core: Core,
    source: str | Statement,
    params: tuple[object, ...],
    *,
    batch_rows: int,
    types: Mapping[str, Any] | None,
    out_of_range: OutOfRange,
    progress: bool | Callable[[Progress], None],
    cancel: _core.Cancel | None,
    lease: Any,  # noqa: ANN401  (a lease of the same database)
) -> ArrowReader:
    """Begin to read a query or a table; see `Database.read`.

    Args:
        core: The database.
        source: The query as text or nodes, or the table's name.
        params: The values of the parameters of text; nodes have their own.
        batch_rows: The most rows a record batch has.
        types: Arrow types by column.
        out_of_range: What happens to a value that Arrow cannot hold.
        progress: Whether to show progress, or a callable that takes it.
        cancel: Cancels it.
        lease: The connection of the transaction in which it happens, if there is one.

    Returns:
        The result.
    """
    asked = None if types is None else dict(types)
    title = source if isinstance(source, str) and len(source) < LONG_TITLE else "read"
    callback = callable_for(progress, title)
    return ArrowReader(core.read(source, params, batch_rows, asked, out_of_range, callback, cancel, lease))


def refuse_unsupported_options(*, returning: str | None = None, workers: int = 1, on_error: OnError = "raise") -> None:
    """Refuse options that this version does not support.

    Args:
        returning: A column whose values to return.
        workers: The number of connections.
        on_error: What happens to rows that cannot be stored.

    Raises:
        NotSupportedError: One of them has another value than the only supported one.
    """
    if returning is not None:
        message = "returning= is not supported in this version of howdah; load without it, and read the keys back"
        raise NotSupportedError(message)
    if workers != 1:
        message = f"workers={workers} is not supported in this version of howdah; use workers=1"
        raise NotSupportedError(message)
    if on_error != "raise":
        message = f"on_error={on_error!r} is not supported in this version of howdah; use on_error='raise'"
        raise NotSupportedError(message)
