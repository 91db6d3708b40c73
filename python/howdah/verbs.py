"""The verbs for bulk, blocking, on a database of the core: both faces call them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from howdah import _core
from howdah.errors import NotSupportedError
from howdah.outcomes import committed, is_alone, uncommitted, unknown
from howdah.progress import callable_for, shown
from howdah.reader import ArrowReader
from howdah.tables.targets import column_name, load_name, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from howdah._core import LoadReport, Progress
    from howdah.tables.table import Table

Mode = Literal["append", "create", "replace", "truncate", "upsert"]
OnError = Literal["raise", "reject"]
OutOfRange = Literal["error", "null", "clamp", "string"]

# A query longer than this is no title for a bar.
LONG_TITLE = 40


class ArrowStream(Protocol):
    """Whatever speaks the Arrow PyCapsule stream interface: polars, pyarrow, pandas, DuckDB, arro3."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Export an Arrow C stream."""
        ...


class ArrowArray(Protocol):
    """Whatever speaks the Arrow PyCapsule array interface, such as a record batch."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]:
        """Export an Arrow C array with its schema."""
        ...


Rows = ArrowStream | ArrowArray | Iterable[Any]

Lease_contra = TypeVar("Lease_contra", contravariant=True)


class Bulk(Protocol[Lease_contra]):
    """A database of the core, of either face, and the leases of its connections."""

    def load(  # noqa: PLR0917  (the core's own order)
        self,
        table: str,
        data: object,
        mode: str,
        key: list[str],
        columns: Mapping[str, str] | None,
        progress: Callable[[Progress], None] | None,
        cancel: _core.Cancel | None,
        lease: Lease_contra | None,
    ) -> LoadReport:
        """Load rows into a table."""
        ...

    def read(  # noqa: PLR0917  (the core's own order)
        self,
        source: str,
        params: tuple[object, ...],
        batch_rows: int,
        types: Mapping[str, Any] | None,
        out_of_range: str,
        progress: Callable[[Progress], None] | None,
        cancel: _core.Cancel | None,
        lease: Lease_contra | None,
    ) -> _core.Reader:
        """Begin to read a query or a table."""
        ...


def load(
    core: Bulk[Lease_contra],
    table: str | type[Table],
    data: Rows,
    *,
    mode: Mode,
    key: str | Sequence[str],
    columns: Mapping[str, str] | None,
    progress: bool | Callable[[Progress], None],
    cancel: _core.Cancel | None,
    lease: Lease_contra | None,
) -> LoadReport:
    """Load rows into a table; see `Database.load`.

    Args:
        core: The database.
        table: The table.
        data: The rows.
        mode: What becomes of the rows that are there.
        key: The columns that tell rows apart.
        columns: Target names by source names.
        progress: Whether and to whom progress is told.
        cancel: What cancels it.
        lease: The connection of the transaction in which it happens, if there is one.

    Returns:
        What was done.
    """
    keys = [key] if isinstance(key, str) else list(key)
    renames = None if columns is None else dict(columns)
    name = table if isinstance(table, str) else load_name(table.__schema__.name)
    if not isinstance(table, str):
        keys = [column_name(table.__schema__, one) for one in keys]
        if renames is None:
            data, renames = targets(table.__schema__, data)
    report = None
    try:
        with shown(progress, table if isinstance(table, str) else table.__table__) as callback:
            report = core.load(name, data, mode, keys, renames, callback, cancel, lease)
    except BaseException as error:
        if report is not None:
            # Ctrl-C, say, while the bar was closed: the rows stay.
            done(lease)(error, report)
        raise
    return report


def done_reading(source: str, lease: object) -> Callable[[BaseException, object], None] | None:
    """Give what tells an exception of a read that was done when it came.

    Args:
        source: The query, or the name of a table.
        lease: The connection of the transaction in which it happened, if there was one.

    Returns:
        What is called with the exception and a part of the result; None where nothing can have been stored.
    """
    is_table = len(source.split()) == 1
    if not is_alone(lease) or is_table or _core.surely_reads(source):
        return None
    return unknown


def done(lease: object) -> Callable[[BaseException, object], None]:
    """Give what tells an exception of a load that was done when it came.

    Args:
        lease: The connection of the transaction in which it happened, if there was one.

    Returns:
        What is called with the exception and the load's report.
    """
    return committed if is_alone(lease) else uncommitted


def read(
    core: Bulk[Lease_contra],
    source: str,
    params: tuple[object, ...],
    *,
    batch_rows: int,
    types: Mapping[str, Any] | None,
    out_of_range: OutOfRange,
    progress: bool | Callable[[Progress], None],
    cancel: _core.Cancel | None,
    lease: Lease_contra | None,
) -> ArrowReader:
    """Begin to read a query or a table; see `Database.read`.

    Args:
        core: The database.
        source: The query, or the table's name.
        params: The values of the parameters.
        batch_rows: The most rows a record batch has.
        types: Arrow types by column.
        out_of_range: What becomes of a value that Arrow cannot hold.
        progress: Whether and to whom progress is told.
        cancel: What cancels it.
        lease: The connection of the transaction in which it happens, if there is one.

    Returns:
        The result.
    """
    asked = None if types is None else dict(types)
    callback = callable_for(progress, source if len(source) < LONG_TITLE else "read")
    return ArrowReader(core.read(source, params, batch_rows, asked, out_of_range, callback, cancel, lease))


def refuse_later_features(*, returning: str | None = None, workers: int = 1, on_error: OnError = "raise") -> None:
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
