"""Reads the system catalogs.

Its queries use the names, operators and collations of `pg_catalog` only, whatever the search path is: another role may
have created objects of the same names in a schema of the path. `IN`, `IS DISTINCT FROM`, `USING` and `CASE ... WHEN`
are not used, because they look up an operator whose schema cannot be given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from howdah.errors import InterfaceError
from howdah.inspect.catalog_model import Catalog, FoundColumn, FoundConstraint, FoundIndex, FoundTable, FoundType
from howdah.inspect.unsupported import read_needed, read_unsupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from howdah._sync.database import Database

# Objects of extensions are left out.
OF_EXTENSION = """
    SELECT FROM pg_catalog.pg_depend e
    WHERE e.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND e.objid OPERATOR(pg_catalog.=) c.oid AND e.deptype OPERATOR(pg_catalog.=) 'e'
"""
TABLES = f"""
SELECT c.oid, n.nspname AS schema, c.relname AS name,
    coalesce(n.nspname OPERATOR(pg_catalog.=) pg_catalog.current_schema(), false) AS is_current,
    c.oid::pg_catalog.regclass::pg_catalog.text AS written
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE n.nspname OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[])
    AND c.relkind OPERATOR(pg_catalog.=) ANY ('{{r,p}}') AND NOT c.relispartition AND NOT EXISTS ({OF_EXTENSION})
ORDER BY n.nspname OPERATOR(pg_catalog.<>) pg_catalog.current_schema(), n.nspname COLLATE pg_catalog."C", c.relname
    COLLATE pg_catalog."C"
"""  # noqa: S608  (no data of a caller)
OTHERS = """
SELECT n.nspname AS schema, c.relname AS name, CASE WHEN c.relispartition THEN 'a partition'
    WHEN c.relkind OPERATOR(pg_catalog.=) 'v'
    THEN 'a view' WHEN c.relkind OPERATOR(pg_catalog.=) 'm' THEN 'a materialized view'
        ELSE 'a foreign table' END AS what
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
WHERE n.nspname OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[])
    AND (c.relkind OPERATOR(pg_catalog.=) ANY ('{v,m,f}') OR c.relispartition)
"""
COLUMNS = """
SELECT a.attrelid AS table, a.attnum AS number, a.attname AS name, pg_catalog.quote_ident(a.attname) AS written,
    a.atttypid AS type, a.atttypmod AS modifier, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type_sql,
    a.attndims AS dimensions, a.attnotnull AS required, a.attidentity::pg_catalog.text AS identity,
    a.attgenerated::pg_catalog.text AS generated, pg_catalog.pg_get_expr(d.adbin, d.adrelid) AS default
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid OPERATOR(pg_catalog.=) a.attrelid
    AND d.adnum OPERATOR(pg_catalog.=) a.attnum
WHERE a.attrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) AND a.attnum OPERATOR(pg_catalog.>) 0
    AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum
"""
TYPES = """
WITH RECURSIVE used(oid) AS (
    SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
        AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
    UNION
    SELECT part FROM used JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) used.oid
        LEFT JOIN pg_catalog.pg_range r ON t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[r.rngtypid, r.rngmultitypid])
        CROSS JOIN LATERAL (VALUES (t.typelem), (t.typbasetype), (r.rngsubtype)) AS parts(part)
    WHERE part OPERATOR(pg_catalog.<>) 0
)
SELECT t.oid, n.nspname AS schema, t.typname AS name, pg_catalog.format_type(t.oid, NULL) AS written,
    t.typtype::pg_catalog.text AS kind,
    CASE WHEN t.typcategory OPERATOR(pg_catalog.=) 'A' AND t.typlen OPERATOR(pg_catalog.=) -1 THEN t.typelem
        ELSE 0::pg_catalog.oid END AS element,
    t.typbasetype AS base, coalesce(r.rngsubtype, 0::pg_catalog.oid) AS subtype,
    ARRAY(SELECT enumlabel::pg_catalog.text FROM pg_catalog.pg_enum
        WHERE enumtypid OPERATOR(pg_catalog.=) t.oid ORDER BY enumsortorder) AS labels,
    CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'd'
        THEN pg_catalog.concat('CREATE DOMAIN ', pg_catalog.format_type(t.oid, NULL), ' AS ',
        pg_catalog.format_type(t.typbasetype, t.typtypmod),
        (SELECT ' COLLATE ' OPERATOR(pg_catalog.||) c.oid::pg_catalog.regcollation FROM pg_catalog.pg_collation c
        JOIN pg_catalog.pg_type b ON b.oid OPERATOR(pg_catalog.=) t.typbasetype
            WHERE c.oid OPERATOR(pg_catalog.=) t.typcollation
            AND t.typcollation OPERATOR(pg_catalog.<>) b.typcollation),
        ' DEFAULT ' OPERATOR(pg_catalog.||) t.typdefault, CASE WHEN t.typnotnull THEN ' NOT NULL' END,
        (SELECT pg_catalog.string_agg(pg_catalog.format(' CONSTRAINT %I %s', conname,
        pg_catalog.pg_get_constraintdef(oid)), '' ORDER BY conname)
            FROM pg_catalog.pg_constraint WHERE contypid OPERATOR(pg_catalog.=) t.oid
            AND contype OPERATOR(pg_catalog.=) 'c')) END AS definition
FROM used JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) used.oid
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace
    LEFT JOIN pg_catalog.pg_range r ON t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[r.rngtypid, r.rngmultitypid])
ORDER BY n.nspname OPERATOR(pg_catalog.<>) pg_catalog.current_schema(), n.nspname COLLATE pg_catalog."C", t.typname
    COLLATE pg_catalog."C"
"""
CONSTRAINTS = """
SELECT c.conrelid AS table, c.conname AS name, c.contype::pg_catalog.text AS kind,
    ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.unnest(c.conkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.conrelid
        AND a.attnum OPERATOR(pg_catalog.=) k.number ORDER BY place) AS columns,
    pg_catalog.pg_get_constraintdef(c.oid) AS definition, pg_catalog.pg_get_expr(c.conbin, c.conrelid) AS condition,
    c.confrelid AS target, ARRAY[coalesce(n.nspname, ''), coalesce(t.relname, '')]::pg_catalog.text[] AS target_name,
    coalesce(n.nspname OPERATOR(pg_catalog.=) pg_catalog.current_schema(), false) AS target_is_current,
    ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.unnest(c.confkey) WITH ORDINALITY AS k(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.confrelid
        AND a.attnum OPERATOR(pg_catalog.=) k.number ORDER BY place) AS target_columns,
    EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid OPERATOR(pg_catalog.=) c.conindid
        AND o.contype OPERATOR(pg_catalog.=) ANY ('{p,u}')
        AND o.conrelid OPERATOR(pg_catalog.=) c.confrelid) AS target_has_constraint,
    c.confdeltype::pg_catalog.text AS on_delete,
    c.contype OPERATOR(pg_catalog.=) 'f' AND c.confupdtype OPERATOR(pg_catalog.=) 'a'
        AND c.confmatchtype OPERATOR(pg_catalog.=) 's'
        AND coalesce(pg_catalog.jsonb_typeof(pg_catalog.to_jsonb(c) OPERATOR(pg_catalog.->) 'confdelsetcols'), '')
        OPERATOR(pg_catalog.<>) 'array' AS is_simple,
    c.condeferrable AS is_deferrable, c.convalidated AS is_validated,
    NOT (c.connoinherit AND c.contype OPERATOR(pg_catalog.=) ANY ('{c,n}'))
        AND coalesce((pg_catalog.to_jsonb(c) OPERATOR(pg_catalog.->>) 'conenforced')::pg_catalog.bool, true)
        AND NOT coalesce((pg_catalog.to_jsonb(c) OPERATOR(pg_catalog.->>) 'conperiod')::pg_catalog.bool, false)
        AND (c.contype OPERATOR(pg_catalog.<>) ALL ('{p,u}') OR (i.indnkeyatts OPERATOR(pg_catalog.=) i.indnatts
        AND NOT coalesce((pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct')::pg_catalog.bool,
        false))) AS is_plain
FROM pg_catalog.pg_constraint c LEFT JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) c.confrelid LEFT
    JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.relnamespace
    LEFT JOIN pg_catalog.pg_index i ON i.indexrelid OPERATOR(pg_catalog.=) c.conindid
WHERE c.conrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    AND c.contype OPERATOR(pg_catalog.=) ANY ('{p,u,c,f,x,n}') AND c.conparentid OPERATOR(pg_catalog.=) 0
ORDER BY c.conrelid, c.conkey[1] NULLS LAST, c.conname COLLATE pg_catalog."C"
"""
INDEXES = """
SELECT i.indrelid AS table, c.relname AS name, m.amname AS method, pg_catalog.quote_ident(m.amname) AS method_sql,
    pg_catalog.pg_get_indexdef(c.oid) AS definition,
    ARRAY(SELECT a.attname::pg_catalog.text
        FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(number, place)
        LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
        AND a.attnum OPERATOR(pg_catalog.=) k.number AND k.number OPERATOR(pg_catalog.<>) 0
        WHERE place OPERATOR(pg_catalog.<=) i.indnkeyatts ORDER BY place) AS keys,
    ARRAY(SELECT a.attname::pg_catalog.text
        FROM pg_catalog.unnest(i.indkey::pg_catalog.int2[]) WITH ORDINALITY AS k(number, place)
        JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) i.indrelid
        AND a.attnum OPERATOR(pg_catalog.=) k.number
        WHERE place OPERATOR(pg_catalog.>) i.indnkeyatts ORDER BY place) AS included,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) AS condition, coalesce(c.reloptions, '{}') AS options,
    i.indisunique AS unique, coalesce((pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>)
        'indnullsnotdistinct')::pg_catalog.bool, false) AS nulls_same,
    i.indisvalid AS is_valid
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) i.indexrelid
    JOIN pg_catalog.pg_am m ON m.oid OPERATOR(pg_catalog.=) c.relam
WHERE i.indrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint o WHERE o.conindid OPERATOR(pg_catalog.=) c.oid
        AND o.conrelid OPERATOR(pg_catalog.=) i.indrelid
        AND o.contype OPERATOR(pg_catalog.=) ANY ('{p,u,x}'))
ORDER BY i.indrelid, c.relname COLLATE pg_catalog."C"
"""


class _OfTable(Protocol):
    @property
    def table(self) -> int: ...


F = TypeVar("F", bound=_OfTable)


def read(db: Database, schemas: Sequence[str] = (), tables: Sequence[str] = ()) -> Catalog:
    """Read the definitions of tables, in one snapshot.

    Args:
        db: The database.
        schemas: The schemas to read; none for the current one.
        tables: The tables, as `name` or `schema.name`; none for all.

    Returns:
        The definitions.

    Raises:
        InterfaceError: There is no such schema or table.
    """
    with db.transaction(isolation="repeatable read", readonly=True):
        found = Catalog(_schemas(db, schemas, tables))
        every = db.fetch(TABLES, found.schemas, into=FoundTable)
        found.tables = _chosen(db, found.schemas, every, tables) if tables else every
        numbers = [table.oid for table in found.tables]
        found.columns = _by_table(db.fetch(COLUMNS, numbers, into=FoundColumn))
        found.types = {one.oid: one for one in db.fetch(TYPES, numbers, into=FoundType)}
        found.constraints = _by_table(db.fetch(CONSTRAINTS, numbers, into=FoundConstraint))
        found.indexes = _by_table(db.fetch(INDEXES, numbers, into=FoundIndex))
        found.needed = read_needed(db, found)
        found.unsupported = read_unsupported(db, found, everything=not tables)
    return found


def _schemas(db: Database, given: Sequence[str], tables: Sequence[str]) -> list[str]:
    there = {row["name"] for row in db.fetch("SELECT nspname AS name FROM pg_catalog.pg_namespace")}
    missing = [schema for schema in given if schema not in there]
    if missing:
        message = f"there is no schema {', '.join(missing)}"
        raise InterfaceError(message)
    found = list(dict.fromkeys(given))
    current = db.fetch_value("SELECT pg_catalog.current_schema()")
    if not found and current is not None:
        found = [current]
    # `schema.name` adds its schema to the schemas to read.
    named = (table.split(".", 1)[0] for table in tables if "." in table)
    found += [schema for schema in dict.fromkeys(named) if schema in there and schema not in found]
    if not found:
        message = "no schema of the search path exists; name one by --schema"
        raise InterfaceError(message)
    return found


def _chosen(db: Database, schemas: list[str], every: list[FoundTable], names: Sequence[str]) -> list[FoundTable]:
    known = {f"{table.schema}.{table.name}" for table in every} | {table.name for table in every}
    unknown = [name for name in dict.fromkeys(names) if name not in known]
    if unknown:
        others = {row[key]: row["what"] for row in _others(db, schemas) for key in ("name", "full")}
        declared = [f"{name} is {others[name]}" if name in others else f"there is no table {name}" for name in unknown]
        message = f"{'; '.join(declared)} (searched in {', '.join(schemas)})"
        raise InterfaceError(message)
    return [table for table in every if table.name in names or f"{table.schema}.{table.name}" in names]


def _others(db: Database, schemas: list[str]) -> list[dict[str, str]]:
    return [row | {"full": f"{row['schema']}.{row['name']}"} for row in db.fetch(OTHERS, schemas)]


def _by_table(rows: Iterable[F]) -> dict[int, list[F]]:
    found: dict[int, list[F]] = {}
    for row in rows:
        found.setdefault(row.table, []).append(row)
    return found
