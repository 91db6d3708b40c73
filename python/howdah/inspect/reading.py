"""Reads the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from howdah.errors import InterfaceError
from howdah.inspect.catalogue import Catalogue, FoundColumn, FoundConstraint, FoundIndex, FoundTable, FoundType
from howdah.inspect.remainders import read_needed, read_remainders

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from howdah.database import Database

# What extensions bring along is theirs.
OF_EXTENSION = "SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e'"
TABLES = f"""
SELECT c.oid, n.nspname AS schema, c.relname AS name, coalesce(n.nspname = current_schema(), false) AS is_current,
    c.oid::regclass::text AS written
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1::text[]) AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND NOT EXISTS ({OF_EXTENSION})
ORDER BY n.nspname <> current_schema(), n.nspname COLLATE "C", c.relname COLLATE "C"
"""  # noqa: S608  (nobody's data)
OTHERS = """
SELECT n.nspname AS schema, c.relname AS name, CASE WHEN c.relispartition THEN 'a partition' WHEN c.relkind = 'v'
    THEN 'a view' WHEN c.relkind = 'm' THEN 'a materialized view' ELSE 'a foreign table' END AS what
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY($1::text[]) AND (c.relkind IN ('v', 'm', 'f') OR c.relispartition)
"""
COLUMNS = """
SELECT a.attrelid AS table, a.attnum AS number, a.attname AS name, quote_ident(a.attname) AS written,
    a.atttypid AS type, a.atttypmod AS modifier, format_type(a.atttypid, a.atttypmod) AS type_sql,
    a.attndims AS dimensions, a.attnotnull AS required, a.attidentity::text AS identity,
    a.attgenerated::text AS generated, pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
TYPES = """
WITH RECURSIVE used(oid) AS (
    SELECT atttypid FROM pg_attribute WHERE attrelid = ANY($1::oid[]) AND attnum > 0 AND NOT attisdropped
    UNION
    SELECT part FROM used JOIN pg_type t ON t.oid = used.oid
        LEFT JOIN pg_range r ON t.oid IN (r.rngtypid, r.rngmultitypid)
        CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype), (r.rngsubtype)) AS parts(part)
    WHERE part <> 0
)
SELECT t.oid, n.nspname AS schema, t.typname AS name, format_type(t.oid, NULL) AS written, t.typtype::text AS kind,
    CASE WHEN t.typcategory = 'A' AND t.typlen = -1 THEN t.typelem ELSE 0::oid END AS element,
    t.typbasetype AS base, coalesce(r.rngsubtype, 0::oid) AS subtype,
    ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) AS labels,
    CASE WHEN t.typtype = 'd' THEN concat('CREATE DOMAIN ', format_type(t.oid, NULL), ' AS ',
        format_type(t.typbasetype, t.typtypmod),
        (SELECT ' COLLATE ' || c.oid::regcollation FROM pg_collation c JOIN pg_type b ON b.oid = t.typbasetype
            WHERE c.oid = t.typcollation AND t.typcollation <> b.typcollation),
        ' DEFAULT ' || t.typdefault, CASE WHEN t.typnotnull THEN ' NOT NULL' END,
        (SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)), '' ORDER BY conname)
            FROM pg_constraint WHERE contypid = t.oid AND contype = 'c')) END AS definition
FROM used JOIN pg_type t ON t.oid = used.oid JOIN pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_range r ON t.oid IN (r.rngtypid, r.rngmultitypid)
ORDER BY n.nspname <> current_schema(), n.nspname COLLATE "C", t.typname COLLATE "C"
"""
CONSTRAINTS = """
SELECT c.conrelid AS table, c.conname AS name, c.contype::text AS kind,
    ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number ORDER BY place) AS columns,
    pg_get_constraintdef(c.oid) AS definition, pg_get_expr(c.conbin, c.conrelid) AS condition,
    c.confrelid AS target, ARRAY[coalesce(n.nspname, ''), coalesce(t.relname, '')]::text[] AS target_name,
    coalesce(n.nspname = current_schema(), false) AS target_is_current,
    ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number ORDER BY place) AS target_columns,
    EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = c.conindid AND o.contype IN ('p', 'u')
        AND o.conrelid = c.confrelid) AS target_has_constraint,
    c.confdeltype::text AS on_delete,
    c.contype = 'f' AND c.confupdtype = 'a' AND c.confmatchtype = 's'
        AND jsonb_typeof(to_jsonb(c) -> 'confdelsetcols') IS DISTINCT FROM 'array' AS is_simple,
    c.condeferrable AS is_deferrable, c.convalidated AS is_validated,
    NOT (c.connoinherit AND c.contype IN ('c', 'n')) AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
        AND NOT coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false)
        AND (c.contype NOT IN ('p', 'u') OR (i.indnkeyatts = i.indnatts
        AND NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false))) AS is_plain
FROM pg_constraint c LEFT JOIN pg_class t ON t.oid = c.confrelid LEFT JOIN pg_namespace n ON n.oid = t.relnamespace
    LEFT JOIN pg_index i ON i.indexrelid = c.conindid
WHERE c.conrelid = ANY($1::oid[]) AND c.contype IN ('p', 'u', 'c', 'f', 'x', 'n') AND c.conparentid = 0
ORDER BY c.conrelid, c.conkey[1] NULLS LAST, c.conname COLLATE "C"
"""
INDEXES = """
SELECT i.indrelid AS table, c.relname AS name, m.amname AS method, quote_ident(m.amname) AS method_sql,
    pg_get_indexdef(c.oid) AS definition,
    ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
        LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
        WHERE place <= i.indnkeyatts ORDER BY place) AS keys,
    ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
        JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
        WHERE place > i.indnkeyatts ORDER BY place) AS included,
    pg_get_expr(i.indpred, i.indrelid) AS condition, coalesce(c.reloptions, '{}') AS options,
    i.indisunique AS unique, coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_same,
    i.indisvalid AS is_valid
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = ANY($1::oid[])
    AND NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = c.oid AND o.conrelid = i.indrelid
        AND o.contype IN ('p', 'u', 'x'))
ORDER BY i.indrelid, c.relname COLLATE "C"
"""


class _OfTable(Protocol):
    @property
    def table(self) -> int: ...


F = TypeVar("F", bound=_OfTable)


def read(db: Database, schemas: Sequence[str] = (), tables: Sequence[str] = ()) -> Catalogue:
    """Read what the catalogue says of tables, as it stands at one moment.

    Args:
        db: The database.
        schemas: The schemas to look into; none for the one of names that say none.
        tables: The tables, as `name` or `schema.name`; none for all.

    Returns:
        What was found.

    Raises:
        InterfaceError: There is no such schema or table, or it is no table.
    """
    with db.transaction(isolation="repeatable read", readonly=True):
        found = Catalogue(_schemas(db, schemas, tables))
        every = db.fetch(TABLES, found.schemas, into=FoundTable)
        found.tables = _chosen(db, found.schemas, every, tables) if tables else every
        numbers = [table.oid for table in found.tables]
        found.columns = _by_table(db.fetch(COLUMNS, numbers, into=FoundColumn))
        found.types = {one.oid: one for one in db.fetch(TYPES, numbers, into=FoundType)}
        found.constraints = _by_table(db.fetch(CONSTRAINTS, numbers, into=FoundConstraint))
        found.indexes = _by_table(db.fetch(INDEXES, numbers, into=FoundIndex))
        found.needed = read_needed(db, found)
        found.remainders = read_remainders(db, found, everything=not tables)
    return found


def _schemas(db: Database, given: Sequence[str], tables: Sequence[str]) -> list[str]:
    there = {row["name"] for row in db.fetch("SELECT nspname AS name FROM pg_namespace")}
    missing = [schema for schema in given if schema not in there]
    if missing:
        message = f"there is no schema {', '.join(missing)}"
        raise InterfaceError(message)
    found = list(dict.fromkeys(given))
    current = db.fetch_value("SELECT current_schema()")
    if not found and current is not None:
        found = [current]
    # A table's own schema need not be given twice.
    named = (table.split(".", 1)[0] for table in tables if "." in table)
    found += [schema for schema in dict.fromkeys(named) if schema in there and schema not in found]
    if not found:
        message = "the search path leads to no schema; name one by --schema"
        raise InterfaceError(message)
    return found


def _chosen(db: Database, schemas: list[str], every: list[FoundTable], names: Sequence[str]) -> list[FoundTable]:
    known = {f"{table.schema}.{table.name}" for table in every} | {table.name for table in every}
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        others = {row[key]: row["what"] for row in _others(db, schemas) for key in ("name", "full")}
        said = [f"{name} is {others[name]}" if name in others else f"there is no table {name}" for name in unknown]
        message = f"{'; '.join(said)} (looked into {', '.join(schemas)})"
        raise InterfaceError(message)
    return [table for table in every if table.name in names or f"{table.schema}.{table.name}" in names]


def _others(db: Database, schemas: list[str]) -> list[dict[str, str]]:
    return [row | {"full": f"{row['schema']}.{row['name']}"} for row in db.fetch(OTHERS, schemas)]


def _by_table(rows: Iterable[F]) -> dict[int, list[F]]:
    found: dict[int, list[F]] = {}
    for row in rows:
        found.setdefault(row.table, []).append(row)
    return found
