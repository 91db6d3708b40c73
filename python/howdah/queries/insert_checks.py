"""Checks of a table before a bulk insert, by what the catalogue says of it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from howdah.tables.column_mapping import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.queries.column_batch import ColumnBatch
    from howdah.tables.schema import TableSchema

# Types that the server stores exactly as sent, and the Python types of their values.
EXACT: dict[str, type] = {
    "bigint": int,
    "integer": int,
    "smallint": int,
    "text": str,
    "character varying": str,
    "uuid": uuid.UUID,
    "date": dt.date,
}


def key_parameters(schema: TableSchema) -> tuple[str, list[str]]:
    """Return the parameters of `_core.KEYS_STORED_AS_SENT` for a table's keys."""
    return quoted(schema.name), [column.name for column in schema.primary_key]


def stores_keys_unchanged(found: dict[str, Any] | None, schema: TableSchema, columns: ColumnBatch) -> bool:
    """Return whether the server stores the keys of rows exactly as they are sent.

    Args:
        found: The row of `_core.KEYS_STORED_AS_SENT`.
        schema: The table.
        columns: The rows; the server numbers the columns of the key that they lack.
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
