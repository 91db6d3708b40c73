"""Maps the column names of data to the columns of a table."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import InterfaceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.tables.schema import TableSchema


def is_arrow(rows: object) -> bool:
    """Return whether rows are Arrow data."""
    return hasattr(rows, "__arrow_c_stream__") or hasattr(rows, "__arrow_c_array__")


def arrow_names(rows: Any) -> list[str]:  # noqa: ANN401  (any Arrow data)
    """Return the names of the columns of Arrow data, without taking its rows."""
    from arro3.core import Schema  # noqa: PLC0415  (it takes time to import)

    schema: Any = getattr(rows, "schema", None)
    if isinstance(schema, dict):
        names: list[Any] = list(schema)
        return [str(name) for name in names]
    if hasattr(rows, "columns") and not callable(rows.columns) and schema is None:
        return [str(name) for name in rows.columns]
    return list(Schema.from_arrow(schema if schema is not None else rows).names)


def column_name(schema: TableSchema, name: str) -> str:
    """Return the name in the database of a column, given that name or the one in the class.

    Raises:
        InterfaceError: There is no such column.
    """
    column = schema.by_attribute.get(name) or schema.by_name.get(name)
    if column is None:
        known = ", ".join(one.attribute for one in schema.columns)
        message = f"{schema.table.__name__} has no column {name!r}; its columns are {known}"
        raise InterfaceError(message)
    return column.name


def quoted(name: Sequence[str]) -> str:
    """Return the parts of a name as one, each in double quotes.

    Raises:
        InterfaceError: A part is longer than the 63 bytes of an identifier.
    """
    return _core.qualified_name(list(name))


def load_name(name: Sequence[str]) -> str:
    """Return the parts of a name as `load` takes them: in double quotes only where they must be."""
    return ".".join(part if part.isidentifier() else quoted([part]) for part in name)


def targets(schema: TableSchema, data: Any) -> tuple[Any, dict[str, str] | None]:  # noqa: ANN401  (any rows)
    """Return data for `load`, and the target columns of those that have another name in the class.

    The first row of an iterable is read, and returned with the others.
    """
    renamed = {one.attribute: one.name for one in schema.columns if one.attribute != one.name}
    if not renamed:
        return data, None
    names: Iterable[Any] = ()
    if is_arrow(data):
        names = arrow_names(data)
    elif isinstance(data, Iterable):
        rows = iter(data)
        first = list(itertools.islice(rows, 1))
        data = itertools.chain(first, rows)
        names = _row_names(first[0]) if first else ()
    return data, {name: renamed[name] for name in names if name in renamed} or None


def _row_names(row: object) -> Iterable[Any]:
    if isinstance(row, Mapping):
        return row.keys()
    names: Iterable[Any] | None = getattr(row, "_fields", None)
    if names is None:
        names = getattr(row, "__dataclass_fields__", None)
    return () if names is None else names
