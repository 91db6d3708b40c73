"""Reads what classes do not say of tables, so that it can be told: by its SQL, where there is such a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from howdah import _core
from howdah.inspect.catalogue import Remainder

if TYPE_CHECKING:
    from howdah.database import Database
    from howdah.inspect.catalogue import Catalogue, FoundType

# The extension of these, `howdah.ddl` makes.
VECTORS: Final = ("vector", "halfvec", "sparsevec")

# What tables, their columns, defaults, constraints, indexes, triggers and domains are made of. What PostgreSQL itself
# brings along has lower numbers: FirstNormalObjectId in
# https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/access/transam.h
NEEDED = """
WITH own(classid, objid) AS (
    SELECT 'pg_class'::regclass::oid, oid FROM pg_class WHERE oid = ANY($1::oid[])
    UNION SELECT 'pg_class'::regclass, indexrelid FROM pg_index WHERE indrelid = ANY($1::oid[])
    UNION SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE conrelid = ANY($1::oid[])
    UNION SELECT 'pg_attrdef'::regclass, oid FROM pg_attrdef WHERE adrelid = ANY($1::oid[])
    UNION SELECT 'pg_trigger'::regclass, oid FROM pg_trigger WHERE tgrelid = ANY($1::oid[]) AND NOT tgisinternal
    UNION SELECT 'pg_type'::regclass, unnest($2::oid[])
    UNION SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contypid = ANY($2::oid[])
), parts(classid, objid) AS (
    SELECT d.refclassid, coalesce(r.rngtypid, CASE WHEN t.typcategory = 'A' THEN t.typelem END, d.refobjid)
    FROM own JOIN pg_depend d USING (classid, objid)
        LEFT JOIN pg_type t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
        LEFT JOIN pg_range r ON d.refclassid = 'pg_type'::regclass AND r.rngmultitypid = d.refobjid
    WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass, 'pg_operator'::regclass,
        'pg_collation'::regclass, 'pg_ts_config'::regclass)
)
SELECT DISTINCT e.extname IS NULL AS is_own, coalesce(e.extname, pg_describe_object(p.classid, p.objid, 0)) AS name,
    concat('CREATE EXTENSION ', quote_ident(e.extname), ' SCHEMA ' || (SELECT quote_ident(n.nspname) FROM pg_namespace n
        WHERE n.oid = e.extnamespace AND n.nspname NOT IN ('pg_catalog', coalesce(current_schema(), '')))) AS extension
FROM parts p LEFT JOIN pg_depend d ON d.classid = p.classid AND d.objid = p.objid AND d.deptype = 'e'
        AND d.refclassid = 'pg_extension'::regclass
    LEFT JOIN pg_extension e ON e.oid = d.refobjid
    LEFT JOIN pg_type t ON p.classid = 'pg_type'::regclass AND t.oid = p.objid
WHERE coalesce(t.typtype, '') NOT IN ('d', 'e') AND p.objid >= 16384 OR e.oid IS NOT NULL
ORDER BY 1, 2
"""

OF_TABLES: Final = (
    # What the table is.
    """SELECT oid AS table, concat(CASE WHEN place > 2 THEN 'ALTER TABLE ' END, o.oid::regclass, part) AS text
    FROM pg_class AS o
    CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN relkind = 'p' THEN ' PARTITION BY ' || pg_get_partkeydef(oid) END),
        (2, CASE WHEN reloftype <> 0 THEN ' OF ' || reloftype::regtype END),
        (3, CASE WHEN relpersistence = 'u' THEN ' SET UNLOGGED' END),
        (4, ' SET ACCESS METHOD ' || (SELECT quote_ident(amname) FROM pg_am WHERE oid = relam AND amname <> 'heap')),
        (5, ' SET TABLESPACE ' || (SELECT quote_ident(spcname) FROM pg_tablespace s WHERE s.oid = reltablespace)),
        (6, ' SET (' || array_to_string(reloptions, ', ') || ')'),
        (7, CASE relreplident WHEN 'f' THEN ' REPLICA IDENTITY FULL' WHEN 'n' THEN ' REPLICA IDENTITY NOTHING' END),
        (8, CASE WHEN relrowsecurity THEN ' ENABLE ROW LEVEL SECURITY' END),
        (9, CASE WHEN relforcerowsecurity THEN ' FORCE ROW LEVEL SECURITY' END)) AS said(place, part)
    WHERE part IS NOT NULL AND oid = ANY($1::oid[]) ORDER BY oid, place""",
    """SELECT inhparent AS table, format('CREATE TABLE %s PARTITION OF %s %s', inhrelid::regclass, inhparent::regclass,
        pg_get_expr(relpartbound, inhrelid)) AS text
    FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE relispartition AND inhparent = ANY($1::oid[]) ORDER BY c.relname COLLATE "C\"""",
    """SELECT inhrelid AS table, format('ALTER TABLE %s INHERIT %s', inhrelid::regclass, inhparent::regclass) AS text
    FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid
    WHERE NOT relispartition AND inhrelid = ANY($1::oid[]) ORDER BY inhseqno""",
    # What its columns are, beyond their types.
    """SELECT attrelid AS table, format('ALTER TABLE %s ALTER COLUMN %I %s', attrelid::regclass, attname, part) AS text
    FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN attcollation NOT IN (0, typcollation) THEN format('TYPE %s COLLATE %s',
            format_type(atttypid, atttypmod), attcollation::regcollation) END),
        (2, CASE WHEN attstorage <> typstorage THEN 'SET STORAGE ' || CASE attstorage WHEN 'p' THEN 'PLAIN'
            WHEN 'e' THEN 'EXTERNAL' WHEN 'x' THEN 'EXTENDED' ELSE 'MAIN' END END),
        (3, CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'SET COMPRESSION pglz'
            WHEN 'l' THEN 'SET COMPRESSION lz4' END),
        (4, CASE WHEN attstattarget >= 0 THEN 'SET STATISTICS ' || attstattarget END),
        (5, 'SET (' || array_to_string(attoptions, ', ') || ')')) AS said(place, part)
    WHERE part IS NOT NULL AND attrelid = ANY($1::oid[]) AND attnum > 0 AND NOT attisdropped
    ORDER BY attrelid, attnum, place""",
    """SELECT conrelid AS table, format('CONSTRAINT %I is NOT VALID', conname) AS text FROM pg_constraint
    WHERE NOT convalidated AND coalesce((to_jsonb(pg_constraint) ->> 'conenforced')::boolean, true)
        AND conrelid = ANY($1::oid[]) ORDER BY conname COLLATE "C\"""",
    # Its indexes, beyond what they index.
    """SELECT indrelid AS table, format('%s %s', CASE WHEN place = 1 THEN 'ALTER INDEX ' || indexrelid::regclass
        WHEN place < 4 THEN 'ALTER TABLE ' || indrelid::regclass ELSE '' END, part) AS text
    FROM pg_index i JOIN pg_class c ON c.oid = indexrelid CROSS JOIN LATERAL (VALUES
        (1, CASE WHEN EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u', 'x'))
            THEN 'SET (' || array_to_string(reloptions, ', ') || ')' END),
        (1, 'SET TABLESPACE ' || (SELECT quote_ident(spcname) FROM pg_tablespace t WHERE t.oid = reltablespace)),
        (2, CASE WHEN indisclustered THEN format('CLUSTER ON %I', relname) END),
        (3, CASE WHEN indisreplident THEN format('REPLICA IDENTITY USING INDEX %I', relname) END)) AS said(place, part)
    WHERE part IS NOT NULL AND indrelid = ANY($1::oid[]) ORDER BY relname COLLATE "C", place""",
    """SELECT indrelid AS table, pg_get_indexdef(indexrelid) || ' is not valid' AS text FROM pg_index
    WHERE NOT indisvalid AND indrelid = ANY($1::oid[]) ORDER BY 2""",
    """SELECT stxrelid AS table, pg_get_statisticsobjdef(oid) AS text FROM pg_statistic_ext
    WHERE stxrelid = ANY($1::oid[]) ORDER BY stxname COLLATE "C\"""",
    # What happens when rows are written or read.
    """SELECT tgrelid AS table, text FROM pg_trigger CROSS JOIN LATERAL (VALUES (1, pg_get_triggerdef(oid)),
        (2, CASE tgenabled WHEN 'D' THEN format('ALTER TABLE %s DISABLE TRIGGER %I', tgrelid::regclass, tgname)
            WHEN 'A' THEN format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', tgrelid::regclass, tgname)
            WHEN 'R' THEN format('ALTER TABLE %s ENABLE REPLICA TRIGGER %I', tgrelid::regclass, tgname) END))
        AS said(place, text)
    WHERE NOT tgisinternal AND tgparentid = 0 AND text IS NOT NULL AND tgrelid = ANY($1::oid[])
    ORDER BY tgname COLLATE "C", place""",
    """SELECT ev_class AS table, pg_get_ruledef(oid) AS text FROM pg_rewrite
    WHERE ev_class = ANY($1::oid[]) ORDER BY rulename COLLATE "C\"""",
    """SELECT polrelid AS table, concat(format('CREATE POLICY %I ON %s AS ', policyname, polrelid::regclass),
        permissive, ' FOR ', v.cmd, ' TO ', (SELECT string_agg(quote_ident(role), ', ') FROM unnest(roles) AS role),
        ' USING (' || qual || ')', ' WITH CHECK (' || with_check || ')') AS text
    FROM pg_policy p JOIN pg_class c ON c.oid = polrelid JOIN pg_namespace n ON n.oid = relnamespace
        JOIN pg_policies v ON v.schemaname = nspname AND v.tablename = relname AND v.policyname = polname
    WHERE polrelid = ANY($1::oid[]) ORDER BY polname COLLATE "C\"""",
    # What is said of them to people.
    """SELECT objoid AS table, format('COMMENT ON %s IS %L', CASE WHEN objsubid = 0 THEN 'TABLE ' || objoid::regclass
        ELSE format('COLUMN %s.%I', objoid::regclass, attname) END, description) AS text
    FROM pg_description LEFT JOIN pg_attribute ON attrelid = objoid AND attnum = objsubid
    WHERE classoid = 'pg_class'::regclass AND objoid = ANY($1::oid[]) ORDER BY objsubid""",
    """SELECT indrelid AS table, format('COMMENT ON INDEX %s IS %L', indexrelid::regclass, description) AS text
    FROM pg_description JOIN pg_index ON indexrelid = objoid
    WHERE classoid = 'pg_class'::regclass AND indrelid = ANY($1::oid[]) ORDER BY 2""",
    """SELECT conrelid AS table,
        format('COMMENT ON CONSTRAINT %I ON %s IS %L', conname, conrelid::regclass, description) AS text
    FROM pg_description JOIN pg_constraint ON oid = objoid
    WHERE classoid = 'pg_constraint'::regclass AND conrelid = ANY($1::oid[]) ORDER BY conname COLLATE "C\"""",
)

# What else is in the schemas, but for what extensions brought.
OF_SCHEMAS = """
WITH own(oid) AS (SELECT oid FROM pg_namespace WHERE nspname = ANY($1::text[]))
SELECT pg_describe_object(classid, objid, 0) AS text FROM (
    SELECT 'pg_class'::regclass AS classid, c.oid AS objid FROM pg_class c
    WHERE relnamespace IN (SELECT oid FROM own) AND NOT relispartition AND (relkind IN ('v', 'm', 'f')
        OR relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('a', 'i')
            OR refclassid = 'pg_class'::regclass AND refobjid = c.oid AND classid = 'pg_attrdef'::regclass))
    UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace IN (SELECT oid FROM own)
    UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t
    WHERE typnamespace IN (SELECT oid FROM own) AND NOT t.oid = ANY($2::oid[]) AND (typtype IN ('d', 'e', 'r')
        OR EXISTS (SELECT FROM pg_class WHERE oid = typrelid AND relkind = 'c'))
) AS others
WHERE NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = others.classid AND e.objid = others.objid
    AND e.deptype IN ('e', 'i'))
ORDER BY 1
"""

# The sequences that number rows, and how they differ from those that a plain column would get.
SEQUENCES = """
SELECT a.attrelid AS table, t.relname AS table_name, a.attname AS column, quote_ident(s.relname) AS name,
    s.relname AS plain, s.oid::regclass::text AS sequence, format('%s.%I', t.oid::regclass, a.attname) AS owner,
    d.deptype::text AS kind,
    CASE WHEN d.deptype <> 'i' AND q.seqtypid <> CASE WHEN a.atttypid IN ('int2'::regtype, 'int4'::regtype)
        THEN a.atttypid ELSE 'int8'::regtype END THEN ' AS ' || q.seqtypid::regtype ELSE '' END AS kept,
    concat(CASE WHEN seqincrement <> 1 THEN ' INCREMENT BY ' || seqincrement END,
        CASE WHEN seqmin <> 1 THEN ' MINVALUE ' || seqmin END,
        CASE WHEN seqmax <> CASE q.seqtypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647
            ELSE 9223372036854775807 END THEN ' MAXVALUE ' || seqmax END,
        CASE WHEN seqstart <> 1 THEN ' START WITH ' || seqstart END,
        CASE WHEN seqcache <> 1 THEN ' CACHE ' || seqcache END, CASE WHEN seqcycle THEN ' CYCLE' END) AS options
FROM (SELECT objid, refobjid, refobjsubid, deptype FROM pg_depend WHERE deptype IN ('a', 'i')
        AND classid = 'pg_class'::regclass AND refclassid = 'pg_class'::regclass
    UNION SELECT p.refobjid, f.adrelid, f.adnum, 'n' FROM pg_depend p JOIN pg_attrdef f ON f.oid = p.objid
    WHERE p.classid = 'pg_attrdef'::regclass AND p.refclassid = 'pg_class'::regclass AND p.deptype = 'n'
        AND NOT EXISTS (SELECT FROM pg_depend o WHERE o.classid = 'pg_class'::regclass AND o.objid = p.refobjid
            AND o.deptype = 'a')) AS d
    JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_sequence q ON q.seqrelid = s.oid
    JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
WHERE a.attrelid = ANY($1::oid[])
ORDER BY a.attrelid, a.attnum, s.relname COLLATE "C"
"""


def read_needed(db: Database, found: Catalogue) -> list[str]:
    """Read what has to be there before the tables: extensions, functions and types that classes do not make."""
    numbers = [table.oid for table in found.tables]
    domains = [one.oid for one in found.types.values() if one.kind == "d"]
    rows = db.fetch(NEEDED, numbers, domains)
    columns = [column.type_sql for columns in found.columns.values() for column in columns]
    makes_vectors = any(sql.split("(", 1)[0].removesuffix("[]") in VECTORS for sql in columns)
    rows_of_tables = {f"type {table.written}" for table in found.tables}
    said = [row["extension"] for row in rows if not row["is_own"]]
    if makes_vectors and "CREATE EXTENSION vector" in said:
        said.remove("CREATE EXTENSION vector")
    said += [row["name"] for row in rows if row["is_own"] and row["name"] not in rows_of_tables]
    return _schemas(found) + said + _types(found)


def _schemas(found: Catalogue) -> list[str]:
    """Give the statements that make the schemas of types alone; those of tables come with these."""
    there = {table.schema for table in found.tables} | {"public", "pg_catalog", *found.schemas[:1]}
    own = {one.schema for one in found.types.values() if one.kind in {"d", "e"}} - there
    return [f'CREATE SCHEMA "{schema}"' for schema in sorted(own)]


def _types(found: Catalogue) -> list[str]:
    """Give the statements that make domains, and enums that are theirs alone: first those that others are made of."""
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


def read_remainders(db: Database, found: Catalogue, *, everything: bool) -> list[Remainder]:
    """Read what classes do not say.

    Args:
        db: The database.
        found: The tables.
        everything: Whether what else is in the schemas belongs to it.

    Returns:
        It, table by table.
    """
    numbers = [table.oid for table in found.tables]
    remainders = [one for query in OF_TABLES for one in db.fetch(query, numbers, into=Remainder)]
    for row in db.fetch(SEQUENCES, numbers):
        remainders += [Remainder(row["table"], text) for text in _sequence(row)]
    if everything:
        others = db.fetch(OF_SCHEMAS, found.schemas, list(found.types))
        remainders += [Remainder(0, row["text"]) for row in others if row["text"] not in found.needed]
    return remainders


def _sequence(row: dict[str, str]) -> list[str]:
    """Give the statements that make a sequence what it is, of what it would be."""
    expected = _core.object_name(row["table_name"], row["column"], "seq")
    altered = f"ALTER SEQUENCE {row['sequence']}"
    said: list[str] = []
    if row["kind"] == "i" and row["plain"] != expected:
        said.append(f"the sequence of {row['owner']} is named {row['name']}")
    if row["kept"] or row["options"]:
        said.append(f"{altered}{row['kept']}{row['options']}")
    if row["kind"] == "a" and row["plain"] != expected:
        said.append(f"{altered} OWNED BY {row['owner']}")
    if row["kind"] == "n" and row["plain"] == expected:
        said.append(f"{altered} OWNED BY NONE")
    return said
