"""Reads the features of tables that classes cannot declare, as the SQL that creates them where there is such SQL.

As in `introspect`, all names and operators are those of `pg_catalog`, whatever the search path is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from howdah import _core
from howdah.inspect.catalog_model import UnsupportedFeature

if TYPE_CHECKING:
    from howdah._sync.database import Database
    from howdah.inspect.catalog_model import Catalog, FoundType

# `howdah.ddl` creates the extension of these types.
VECTORS: Final = ("vector", "halfvec", "sparsevec")

# The objects that tables, their columns, defaults, constraints, indexes, triggers and domains depend on. Objects that
# PostgreSQL itself creates have lower OIDs: FirstNormalObjectId in
# https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/transam.h
NEEDED = """
WITH own(classid, objid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass::pg_catalog.oid, oid FROM pg_catalog.pg_class
        WHERE oid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    UNION SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, indexrelid FROM pg_catalog.pg_index
        WHERE indrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    UNION SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid FROM pg_catalog.pg_constraint
        WHERE conrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    UNION SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, oid FROM pg_catalog.pg_attrdef
        WHERE adrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    UNION SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, oid FROM pg_catalog.pg_trigger
        WHERE tgrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) AND NOT tgisinternal
    UNION SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, pg_catalog.unnest($2::pg_catalog.oid[])
    UNION SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, oid FROM pg_catalog.pg_constraint
        WHERE contypid OPERATOR(pg_catalog.=) ANY($2::pg_catalog.oid[])
), parts(classid, objid) AS (
    SELECT d.refclassid, coalesce(r.rngtypid, CASE WHEN t.typcategory OPERATOR(pg_catalog.=) 'A'
        THEN t.typelem END, d.refobjid)
    FROM own JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) own.classid
        AND d.objid OPERATOR(pg_catalog.=) own.objid
        LEFT JOIN pg_catalog.pg_type t ON d.refclassid OPERATOR(pg_catalog.=)
        'pg_catalog.pg_type'::pg_catalog.regclass AND t.oid OPERATOR(pg_catalog.=) d.refobjid
        LEFT JOIN pg_catalog.pg_range r ON d.refclassid OPERATOR(pg_catalog.=)
        'pg_catalog.pg_type'::pg_catalog.regclass AND r.rngmultitypid OPERATOR(pg_catalog.=) d.refobjid
    WHERE d.refclassid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.pg_proc'::pg_catalog.regclass,
        'pg_catalog.pg_type'::pg_catalog.regclass, 'pg_catalog.pg_opclass'::pg_catalog.regclass,
        'pg_catalog.pg_operator'::pg_catalog.regclass,
        'pg_catalog.pg_collation'::pg_catalog.regclass, 'pg_catalog.pg_ts_config'::pg_catalog.regclass])
)
SELECT DISTINCT e.extname IS NULL AS is_own, coalesce(e.extname, pg_catalog.pg_describe_object(p.classid, p.objid,
    0)) AS name,
    pg_catalog.concat('CREATE EXTENSION ', pg_catalog.quote_ident(e.extname), ' SCHEMA ' OPERATOR(pg_catalog.||)
        (SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_namespace n
        WHERE n.oid OPERATOR(pg_catalog.=) e.extnamespace
        AND n.nspname OPERATOR(pg_catalog.<>) ALL (ARRAY['pg_catalog', coalesce(pg_catalog.current_schema(), '')])))
        AS extension
FROM parts p LEFT JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) p.classid
    AND d.objid OPERATOR(pg_catalog.=) p.objid AND d.deptype OPERATOR(pg_catalog.=) 'e'
        AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
    LEFT JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
    LEFT JOIN pg_catalog.pg_type t ON p.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
        AND t.oid OPERATOR(pg_catalog.=) p.objid
WHERE coalesce(t.typtype, '') OPERATOR(pg_catalog.<>) ALL ('{d,e}') AND p.objid OPERATOR(pg_catalog.>=) 16384
    OR e.oid IS NOT NULL
ORDER BY 1, 2
"""

OF_TABLES: Final = (
    # Properties of the table.
    """SELECT oid AS table, pg_catalog.concat(CASE WHEN place OPERATOR(pg_catalog.>) 2
        THEN 'ALTER TABLE ' END, o.oid::pg_catalog.regclass, part) AS text
    FROM pg_catalog.pg_class AS o
    CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN relkind OPERATOR(pg_catalog.=) 'p'
        THEN ' PARTITION BY ' OPERATOR(pg_catalog.||) pg_catalog.pg_get_partkeydef(oid) END),
        (2, CASE WHEN reloftype OPERATOR(pg_catalog.<>) 0
        THEN ' OF ' OPERATOR(pg_catalog.||) reloftype::pg_catalog.regtype END),
        (3, CASE WHEN relpersistence OPERATOR(pg_catalog.=) 'u' THEN ' SET UNLOGGED' END),
        (4, ' SET ACCESS METHOD ' OPERATOR(pg_catalog.||) (SELECT pg_catalog.quote_ident(amname)
        FROM pg_catalog.pg_am WHERE oid OPERATOR(pg_catalog.=) relam AND amname OPERATOR(pg_catalog.<>) 'heap')),
        (5, ' SET TABLESPACE ' OPERATOR(pg_catalog.||) (SELECT pg_catalog.quote_ident(spcname)
        FROM pg_catalog.pg_tablespace s WHERE s.oid OPERATOR(pg_catalog.=) reltablespace)),
        (6, ' SET (' OPERATOR(pg_catalog.||) pg_catalog.array_to_string(reloptions, ', ') OPERATOR(pg_catalog.||)
        ')'),
        (7, CASE WHEN relreplident OPERATOR(pg_catalog.=) 'f' THEN ' REPLICA IDENTITY FULL'
        WHEN relreplident OPERATOR(pg_catalog.=) 'n' THEN ' REPLICA IDENTITY NOTHING' END),
        (8, CASE WHEN relrowsecurity THEN ' ENABLE ROW LEVEL SECURITY' END),
        (9, CASE WHEN relforcerowsecurity THEN ' FORCE ROW LEVEL SECURITY' END)) AS declared(place, part)
    WHERE part IS NOT NULL AND oid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY oid, place""",
    """SELECT inhparent AS table, pg_catalog.format('CREATE TABLE %s PARTITION OF %s %s',
        inhrelid::pg_catalog.regclass, inhparent::pg_catalog.regclass,
        pg_catalog.pg_get_expr(relpartbound, inhrelid)) AS text
    FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) inhrelid
    WHERE relispartition AND inhparent OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
        ORDER BY c.relname COLLATE pg_catalog."C\"""",
    """SELECT inhrelid AS table, pg_catalog.format('ALTER TABLE %s INHERIT %s', inhrelid::pg_catalog.regclass,
        inhparent::pg_catalog.regclass) AS text
    FROM pg_catalog.pg_inherits JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) inhrelid
    WHERE NOT relispartition AND inhrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY inhseqno""",
    # Properties of its columns besides their types.
    """SELECT attrelid AS table, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I %s',
        attrelid::pg_catalog.regclass, attname, part) AS text
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) atttypid CROSS
        JOIN LATERAL (VALUES
        (1, CASE WHEN attcollation OPERATOR(pg_catalog.<>) ALL (ARRAY[0, typcollation])
        THEN pg_catalog.format('TYPE %s COLLATE %s',
            pg_catalog.format_type(atttypid, atttypmod), attcollation::pg_catalog.regcollation) END),
        (2, CASE WHEN attstorage OPERATOR(pg_catalog.<>) typstorage
        THEN 'SET STORAGE ' OPERATOR(pg_catalog.||) CASE WHEN attstorage OPERATOR(pg_catalog.=) 'p' THEN 'PLAIN'
            WHEN attstorage OPERATOR(pg_catalog.=) 'e' THEN 'EXTERNAL' WHEN attstorage OPERATOR(pg_catalog.=) 'x'
            THEN 'EXTENDED' ELSE 'MAIN' END END),
        (3, CASE WHEN (pg_catalog.to_jsonb(a) OPERATOR(pg_catalog.->>) 'attcompression') OPERATOR(pg_catalog.=) 'p'
        THEN 'SET COMPRESSION pglz'
            WHEN (pg_catalog.to_jsonb(a) OPERATOR(pg_catalog.->>) 'attcompression') OPERATOR(pg_catalog.=) 'l'
            THEN 'SET COMPRESSION lz4' END),
        (4, CASE WHEN attstattarget OPERATOR(pg_catalog.>=) 0
        THEN 'SET STATISTICS ' OPERATOR(pg_catalog.||) attstattarget END),
        (5, 'SET (' OPERATOR(pg_catalog.||) pg_catalog.array_to_string(attoptions, ', ') OPERATOR(pg_catalog.||)
        ')')) AS declared(place, part)
    WHERE part IS NOT NULL AND attrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
        AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped
    ORDER BY attrelid, attnum, place""",
    """SELECT conrelid AS table, pg_catalog.format('CONSTRAINT %I is NOT VALID', conname) AS text
        FROM pg_catalog.pg_constraint
    WHERE NOT convalidated AND coalesce((pg_catalog.to_jsonb(pg_constraint) OPERATOR(pg_catalog.->>)
        'conenforced')::pg_catalog.bool, true)
        AND conrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY conname COLLATE pg_catalog."C\"""",
    # Properties of its indexes besides their keys.
    """SELECT indrelid AS table, pg_catalog.format('%s %s', CASE WHEN place OPERATOR(pg_catalog.=) 1
        THEN 'ALTER INDEX ' OPERATOR(pg_catalog.||) indexrelid::pg_catalog.regclass
        WHEN place OPERATOR(pg_catalog.<) 4
        THEN 'ALTER TABLE ' OPERATOR(pg_catalog.||) indrelid::pg_catalog.regclass ELSE '' END, part) AS text
    FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) indexrelid CROSS
        JOIN LATERAL (VALUES
        (1, CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_constraint
        WHERE conindid OPERATOR(pg_catalog.=) indexrelid AND contype OPERATOR(pg_catalog.=) ANY ('{p,u,x}'))
            THEN 'SET (' OPERATOR(pg_catalog.||) pg_catalog.array_to_string(reloptions, ', ') OPERATOR(pg_catalog.||)
            ')' END),
        (1, 'SET TABLESPACE ' OPERATOR(pg_catalog.||) (SELECT pg_catalog.quote_ident(spcname)
        FROM pg_catalog.pg_tablespace t WHERE t.oid OPERATOR(pg_catalog.=) reltablespace)),
        (2, CASE WHEN indisclustered THEN pg_catalog.format('CLUSTER ON %I', relname) END),
        (3, CASE WHEN indisreplident THEN pg_catalog.format('REPLICA IDENTITY USING INDEX %I', relname) END)) AS
        declared(place, part)
    WHERE part IS NOT NULL AND indrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
        ORDER BY relname COLLATE pg_catalog."C", place""",
    """SELECT indrelid AS table, pg_catalog.pg_get_indexdef(indexrelid) OPERATOR(pg_catalog.||) ' is not valid' AS
        text FROM pg_catalog.pg_index
    WHERE NOT indisvalid AND indrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY 2""",
    """SELECT stxrelid AS table, pg_catalog.pg_get_statisticsobjdef(oid) AS text FROM pg_catalog.pg_statistic_ext
    WHERE stxrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY stxname COLLATE pg_catalog."C\"""",
    # What happens when rows are written or read.
    """SELECT tgrelid AS table, text FROM pg_catalog.pg_trigger CROSS
        JOIN LATERAL (VALUES (1, pg_catalog.pg_get_triggerdef(oid)),
        (2, CASE WHEN tgenabled OPERATOR(pg_catalog.=) 'D'
        THEN pg_catalog.format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::pg_catalog.regclass, tgname)
            WHEN tgenabled OPERATOR(pg_catalog.=) 'A'
            THEN pg_catalog.format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::pg_catalog.regclass, tgname)
            WHEN tgenabled OPERATOR(pg_catalog.=) 'R'
            THEN pg_catalog.format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', tgrelid::pg_catalog.regclass, tgname)
            END))
        AS declared(place, text)
    WHERE NOT tgisinternal AND tgparentid OPERATOR(pg_catalog.=) 0 AND text IS NOT NULL
        AND tgrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
    ORDER BY tgname COLLATE pg_catalog."C", place""",
    """SELECT ev_class AS table, pg_catalog.pg_get_ruledef(oid) AS text FROM pg_catalog.pg_rewrite
    WHERE ev_class OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY rulename COLLATE pg_catalog."C\"""",
    """SELECT polrelid AS table, pg_catalog.concat(pg_catalog.format('CREATE POLICY %I ON %s AS ', policyname,
        polrelid::pg_catalog.regclass),
        permissive, ' FOR ', v.cmd, ' TO ', (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(role), ', ')
        FROM pg_catalog.unnest(roles) AS role),
        ' USING (' OPERATOR(pg_catalog.||) qual OPERATOR(pg_catalog.||) ')', ' WITH CHECK (' OPERATOR(pg_catalog.||)
        with_check OPERATOR(pg_catalog.||) ')') AS text
    FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) polrelid
        JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) relnamespace
        JOIN pg_catalog.pg_policies v ON v.schemaname OPERATOR(pg_catalog.=) nspname
        AND v.tablename OPERATOR(pg_catalog.=) relname AND v.policyname OPERATOR(pg_catalog.=) polname
    WHERE polrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY polname COLLATE pg_catalog."C\"""",
    # What is declared of them to people.
    """SELECT objoid AS table, pg_catalog.format('COMMENT ON %s IS %L', CASE
        WHEN objsubid OPERATOR(pg_catalog.=) 0 THEN 'TABLE ' OPERATOR(pg_catalog.||) objoid::pg_catalog.regclass
        ELSE pg_catalog.format('COLUMN %s.%I', objoid::pg_catalog.regclass, attname) END, description) AS text
    FROM pg_catalog.pg_description LEFT JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) objoid
        AND attnum OPERATOR(pg_catalog.=) objsubid
    WHERE classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND objoid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY objsubid""",
    """SELECT indrelid AS table, pg_catalog.format('COMMENT ON INDEX %s IS %L', indexrelid::pg_catalog.regclass,
        description) AS text
    FROM pg_catalog.pg_description JOIN pg_catalog.pg_index ON indexrelid OPERATOR(pg_catalog.=) objoid
    WHERE classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND indrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY 2""",
    """SELECT conrelid AS table,
        pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, conrelid::pg_catalog.regclass,
        description) AS text
    FROM pg_catalog.pg_description JOIN pg_catalog.pg_constraint ON oid OPERATOR(pg_catalog.=) objoid
    WHERE classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass
        AND conrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[]) ORDER BY conname COLLATE pg_catalog."C\"""",
)

# What else is in the schemas, but for what extensions brought.
OF_SCHEMAS = """
WITH own(oid) AS (SELECT oid FROM pg_catalog.pg_namespace
    WHERE nspname OPERATOR(pg_catalog.=) ANY($1::pg_catalog.text[]))
SELECT pg_catalog.pg_describe_object(classid, objid, 0) AS text FROM (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, c.oid AS objid FROM pg_catalog.pg_class c
    WHERE relnamespace OPERATOR(pg_catalog.=) ANY (SELECT oid FROM own) AND NOT relispartition
        AND (relkind OPERATOR(pg_catalog.=) ANY ('{v,m,f}')
        OR relkind OPERATOR(pg_catalog.=) 'S' AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend
        WHERE objid OPERATOR(pg_catalog.=) c.oid AND deptype OPERATOR(pg_catalog.=) ANY ('{a,i}')
            OR refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
            AND refobjid OPERATOR(pg_catalog.=) c.oid
            AND classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass))
    UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid FROM pg_catalog.pg_proc
        WHERE pronamespace OPERATOR(pg_catalog.=) ANY (SELECT oid FROM own)
    UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid FROM pg_catalog.pg_type t
    WHERE typnamespace OPERATOR(pg_catalog.=) ANY (SELECT oid FROM own)
        AND NOT t.oid OPERATOR(pg_catalog.=) ANY($2::pg_catalog.oid[])
        AND (typtype OPERATOR(pg_catalog.=) ANY ('{d,e,r}')
        OR EXISTS (SELECT FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) typrelid
        AND relkind OPERATOR(pg_catalog.=) 'c'))
) AS others
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend e WHERE e.classid OPERATOR(pg_catalog.=) others.classid
    AND e.objid OPERATOR(pg_catalog.=) others.objid
    AND e.deptype OPERATOR(pg_catalog.=) ANY ('{e,i}'))
ORDER BY 1
"""

# The sequences that number rows, and how they differ from those that a plain column would get.
SEQUENCES = """
SELECT a.attrelid AS table, t.relname AS table_name, a.attname AS column, pg_catalog.quote_ident(s.relname) AS name,
    s.relname AS plain, s.oid::pg_catalog.regclass::pg_catalog.text AS sequence, pg_catalog.format('%s.%I',
        t.oid::pg_catalog.regclass, a.attname) AS owner,
    d.deptype::pg_catalog.text AS kind,
    CASE WHEN d.deptype OPERATOR(pg_catalog.<>) 'i' AND q.seqtypid OPERATOR(pg_catalog.<>) CASE
        WHEN a.atttypid OPERATOR(pg_catalog.=) ANY (ARRAY['pg_catalog.int2'::pg_catalog.regtype,
        'pg_catalog.int4'::pg_catalog.regtype])
        THEN a.atttypid ELSE 'pg_catalog.int8'::pg_catalog.regtype END
        THEN ' AS ' OPERATOR(pg_catalog.||) q.seqtypid::pg_catalog.regtype ELSE '' END AS data_type,
    pg_catalog.concat(CASE WHEN seqincrement OPERATOR(pg_catalog.<>) 1
        THEN ' INCREMENT BY ' OPERATOR(pg_catalog.||) seqincrement END,
        CASE WHEN seqmin OPERATOR(pg_catalog.<>) 1 THEN ' MINVALUE ' OPERATOR(pg_catalog.||) seqmin END,
        CASE WHEN seqmax OPERATOR(pg_catalog.<>) CASE
        WHEN q.seqtypid OPERATOR(pg_catalog.=) 'pg_catalog.int2'::pg_catalog.regtype THEN 32767
        WHEN q.seqtypid OPERATOR(pg_catalog.=) 'pg_catalog.int4'::pg_catalog.regtype THEN 2147483647
            ELSE 9223372036854775807 END THEN ' MAXVALUE ' OPERATOR(pg_catalog.||) seqmax END,
        CASE WHEN seqstart OPERATOR(pg_catalog.<>) 1 THEN ' START WITH ' OPERATOR(pg_catalog.||) seqstart END,
        CASE WHEN seqcache OPERATOR(pg_catalog.<>) 1 THEN ' CACHE ' OPERATOR(pg_catalog.||) seqcache END, CASE
        WHEN seqcycle THEN ' CYCLE' END) AS options
FROM (SELECT objid, refobjid, refobjsubid, deptype FROM pg_catalog.pg_depend
    WHERE deptype OPERATOR(pg_catalog.=) ANY ('{a,i}')
        AND classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
    UNION SELECT p.refobjid, f.adrelid, f.adnum, 'n' FROM pg_catalog.pg_depend p
        JOIN pg_catalog.pg_attrdef f ON f.oid OPERATOR(pg_catalog.=) p.objid
    WHERE p.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_attrdef'::pg_catalog.regclass
        AND p.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND p.deptype OPERATOR(pg_catalog.=) 'n'
        AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend o
        WHERE o.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass
        AND o.objid OPERATOR(pg_catalog.=) p.refobjid
            AND o.deptype OPERATOR(pg_catalog.=) 'a')) AS d
    JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) d.objid AND s.relkind OPERATOR(pg_catalog.=) 'S'
        JOIN pg_catalog.pg_sequence q ON q.seqrelid OPERATOR(pg_catalog.=) s.oid
    JOIN pg_catalog.pg_class t ON t.oid OPERATOR(pg_catalog.=) d.refobjid
        JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) t.oid
        AND a.attnum OPERATOR(pg_catalog.=) d.refobjsubid
WHERE a.attrelid OPERATOR(pg_catalog.=) ANY($1::pg_catalog.oid[])
ORDER BY a.attrelid, a.attnum, s.relname COLLATE pg_catalog."C"
"""


def read_needed(db: Database, found: Catalog) -> list[str]:
    """Read the objects to create before the tables: extensions, functions and types that the classes do not create."""
    numbers = [table.oid for table in found.tables]
    domains = [one.oid for one in found.types.values() if one.kind == "d"]
    rows = db.fetch(NEEDED, numbers, domains)
    columns = [column.type_sql for columns in found.columns.values() for column in columns]
    makes_vectors = any(sql.split("(", 1)[0].removesuffix("[]") in VECTORS for sql in columns)
    rows_of_tables = {f"type {table.written}" for table in found.tables}
    declared = [row["extension"] for row in rows if not row["is_own"]]
    if makes_vectors and "CREATE EXTENSION vector" in declared:
        declared.remove("CREATE EXTENSION vector")
    declared += [row["name"] for row in rows if row["is_own"] and row["name"] not in rows_of_tables]
    return _schemas(found) + declared + _types(found)


def _schemas(found: Catalog) -> list[str]:
    """Return the statements that make the schemas of types alone; those of tables come with these."""
    there = {table.schema for table in found.tables} | {"public", "pg_catalog", *found.schemas[:1]}
    own = {one.schema for one in found.types.values() if one.kind in {"d", "e"}} - there
    return [f'CREATE SCHEMA "{schema}"' for schema in sorted(own)]


def _types(found: Catalog) -> list[str]:
    """Return the statements that make domains, and enums that are theirs alone: first those that others are made of."""
    own = {column.type for columns in found.columns.values() for column in columns}
    own |= {found.types[number].element for number in own}
    done: dict[str, None] = {}

    def visit(one: FoundType, *, is_column: bool) -> None:
        for number in (one.base, one.element):
            part = found.types.get(number)
            if part is not None:
                visit(part, is_column=False)
        if one.kind == "d" and one.definition is not None:
            done[one.definition] = None
        elif one.kind == "e" and not is_column and one.oid not in own:
            labels = ", ".join("'" + label.replace("'", "''") + "'" for label in one.labels)
            done[f"CREATE TYPE {one.written} AS ENUM ({labels})"] = None

    for one in found.types.values():
        visit(one, is_column=one.oid in own)
    return list(done)


def read_unsupported(db: Database, found: Catalog, *, everything: bool) -> list[UnsupportedFeature]:
    """Read the features that classes cannot declare.

    Args:
        db: The database.
        found: The tables.
        everything: Whether to include objects of the schemas that belong to no table.

    Returns:
        The features, table by table.
    """
    numbers = [table.oid for table in found.tables]
    unsupported = [one for query in OF_TABLES for one in db.fetch(query, numbers, into=UnsupportedFeature)]
    for row in db.fetch(SEQUENCES, numbers):
        unsupported += [UnsupportedFeature(row["table"], text) for text in _sequence(row)]
    if everything:
        others = db.fetch(OF_SCHEMAS, found.schemas, list(found.types))
        unsupported += [UnsupportedFeature(0, row["text"]) for row in others if row["text"] not in found.needed]
    return unsupported


def _sequence(row: dict[str, str]) -> list[str]:
    """Return the statements that change a sequence from its default properties to its own."""
    expected = _core.object_name(row["table_name"], row["column"], "seq")
    altered = f"ALTER SEQUENCE {row['sequence']}"
    declared: list[str] = []
    if row["kind"] == "i" and row["plain"] != expected:
        declared.append(f"the sequence of {row['owner']} is named {row['name']}")
    if row["data_type"] or row["options"]:
        declared.append(f"{altered}{row['data_type']}{row['options']}")
    if row["kind"] == "a" and row["plain"] != expected:
        declared.append(f"{altered} OWNED BY {row['owner']}")
    if row["kind"] == "n" and row["plain"] == expected:
        declared.append(f"{altered} OWNED BY NONE")
    return declared
