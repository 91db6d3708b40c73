"""What the server's catalogue says of a table that matters for writing many rows to it."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any

from howdah.tables.targets import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.queries.columnar import Columns
    from howdah.tables.schema import TableSchema

# Whether rows reach the table as they are sent, and the types of some of its columns. A trigger may change a row if it
# is one BEFORE INSERT FOR EACH ROW, which are the bits 2, 4 and 1, of the table or of a partition; so may what stands
# behind a view or a foreign table.
# https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_trigger.h
KEPT = """
WITH named AS (SELECT pg_catalog.to_regclass($1) AS oid),
parts AS (
    SELECT c.oid, c.relkind FROM pg_catalog.pg_class c
    WHERE c.oid = (SELECT oid FROM named)
        OR c.oid IN (SELECT relid FROM named, pg_catalog.pg_partition_tree(named.oid))
)
SELECT
    (SELECT pg_catalog.bool_and(relkind IN ('r', 'p')) FROM parts) AND NOT EXISTS (
        SELECT FROM pg_catalog.pg_trigger
        WHERE tgrelid IN (SELECT oid FROM parts) AND tgtype & 7 = 7 AND tgenabled <> 'D'
    ) AS untouched,
    ARRAY(
        SELECT pg_catalog.format_type(atttypid, atttypmod)
        FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS wanted(name, at)
        JOIN pg_catalog.pg_attribute ON attrelid = (SELECT oid FROM named) AND attname = wanted.name
        ORDER BY at
    ) AS types
"""

# Whether a table is one in whose rows xmax can be seen.
IS_PLAIN = "SELECT relkind = 'r' FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)"

# Whether a unique index of some columns, as ON CONFLICT finds it, takes NULLs for the same; before PostgreSQL 15 none
# does.
NULLS_SAME = """
SELECT pg_catalog.bool_or((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean)
FROM pg_catalog.pg_index i
WHERE indrelid = pg_catalog.to_regclass($1) AND indisunique AND indpred IS NULL AND indexprs IS NULL
    AND $2::text[] = ARRAY(
        SELECT attname::text FROM pg_catalog.pg_attribute
        WHERE attrelid = indrelid AND attnum = ANY (indkey[0:indnkeyatts - 1])
        ORDER BY attname::text COLLATE "C"
    )
"""

# Whether a type is one of its own, or a composite one: text can be cast to it. To a domain it cannot, for an explicit
# cast cuts what is longer than the length of its base.
IS_PRINTED = "SELECT typtype IN ('b', 'c') FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype($1)"

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
    """Give the parameters of KEPT for a table's keys."""
    return quoted(schema.name), [column.name for column in schema.primary_key]


def keeps_keys(found: dict[str, Any] | None, schema: TableSchema, columns: Columns) -> bool:
    """Tell whether the keys of rows are the same when they are stored.

    Args:
        found: What KEPT gives.
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
