"""What follows from what the server's catalogue says of a table that many rows are written to."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from howdah.tables.targets import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.queries.columnar import Columns
    from howdah.tables.schema import TableSchema

# Types of which each value is stored as it is given, and the Python types of those values.
EXACT: dict[str, type] = {
    "bigint": int,
    "integer": int,
    "smallint": int,
    "text": str,
    "character varying": str,
    "uuid": uuid.UUID,
    "date": dt.date,
}


def asked(schema: TableSchema) -> tuple[str, list[str]]:
    """Give the parameters of `_core.KEPT` for a table's keys."""
    return quoted(schema.name), [column.name for column in schema.primary_key]


def keeps_keys(found: dict[str, Any] | None, schema: TableSchema, columns: Columns) -> bool:
    """Tell whether the keys of rows are the same when they are stored.

    Args:
        found: What `_core.KEPT` gives.
        schema: The table.
        columns: The rows; those of the key's columns that they lack are numbered by the server.
    """
    if found is None or not found["untouched"]:
        return False
    types: Sequence[str] = found["types"]
    if len(types) != len(schema.primary_key):
        return False
    for column, name in zip(schema.primary_key, types, strict=True):
        if column not in columns.columns:
            continue
        values = columns.values[columns.columns.index(column)]
        if set(map(type, values)) != {EXACT.get(name)}:
            return False
    return True
