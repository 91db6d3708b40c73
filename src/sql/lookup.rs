//! The fixed questions to PostgreSQL's catalogue. `$1` is a table's name, quoted, as text.

/// The columns of a table, their types, and how they fill themselves; and whether each statement of
/// a transaction sees what others have committed before it.
pub const COLUMNS: &str = "\
SELECT a.attname::text, a.attnotnull OR t.typnotnull, a.atthasdef, a.attidentity::text, a.attgenerated::text, \
a.atttypid, a.atttypmod, pg_catalog.current_setting('transaction_isolation') LIKE 'read %' \
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
WHERE a.attrelid = pg_catalog.to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped \
ORDER BY a.attnum";

/// Whether there is such a table.
pub const IS_THERE: &str = "SELECT pg_catalog.to_regclass($1) IS NOT NULL";

/// A type (`$1` is its OID): its name, schema and kind, the type it is made of, an enum's labels in
/// their order or a composite's field names, and the types of these.
pub const TYPE: &str = "\
SELECT t.typname::text, n.nspname::text, k.kind, \
CASE k.kind WHEN 'domain' THEN t.typbasetype WHEN 'array' THEN t.typelem \
WHEN 'range' THEN r.rngsubtype WHEN 'multirange' THEN m.rngsubtype ELSE 0 END, \
CASE k.kind WHEN 'enum' THEN ARRAY(SELECT enumlabel::text FROM pg_catalog.pg_enum WHERE enumtypid = t.oid ORDER BY enumsortorder) \
ELSE ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) END, \
ARRAY(SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped ORDER BY attnum) \
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace \
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid \
LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid = t.oid, \
LATERAL (SELECT CASE WHEN t.typtype = 'e' THEN 'enum' WHEN t.typtype = 'd' THEN 'domain' \
WHEN t.typtype = 'r' THEN 'range' WHEN t.typtype = 'm' THEN 'multirange' WHEN t.typtype = 'c' THEN 'composite' \
WHEN t.typtype = 'p' THEN 'pseudo' WHEN t.typlen = -1 AND t.typelem <> 0 THEN 'array' ELSE 'simple' END) k (kind) \
WHERE t.oid = $1";

/// Whether a trigger fires before a row is inserted (`TRIGGER_TYPE_ROW | BEFORE | INSERT`).
pub const HAS_ROW_TRIGGER: &str = "\
SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger \
WHERE tgrelid = pg_catalog.to_regclass($1) AND NOT tgisinternal AND tgtype & 7 = 7)";

/// Whether a process of the server (`$2`) has a lock on a table, or on one under it.
pub const IS_HELD_BY: &str = "\
WITH RECURSIVE tree (id) AS (SELECT pg_catalog.to_regclass($1)::oid UNION \
SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent = id) \
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks JOIN tree ON relation = id \
JOIN pg_catalog.pg_database d ON d.oid = database \
WHERE pid = $2 AND granted AND d.datname = pg_catalog.current_database())";

/// What hangs on a table that a new one in its place would not have.
pub const LOST_BY_SWAP: &str = "\
SELECT what FROM (\
SELECT oid, relkind, relrowsecurity, relispartition, reloftype FROM pg_catalog.pg_class \
WHERE oid = pg_catalog.to_regclass($1)) c, LATERAL (VALUES \
('it is no plain table', c.relkind <> 'r'), \
('row-level security', c.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid = c.oid)), \
('its place in a partitioned or inherited table', c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE c.oid IN (inhrelid, inhparent))), \
('its composite type', c.reloftype <> 0), \
('rules', EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class = c.oid)), \
('a security label', EXISTS (SELECT FROM pg_catalog.pg_seclabel WHERE classoid = 'pg_catalog.pg_class'::regclass AND objoid = c.oid)), \
('a publication', EXISTS (SELECT FROM pg_catalog.pg_publication_rel WHERE prrelid = c.oid)), \
('its view ' || (SELECT pg_catalog.string_agg(DISTINCT r.ev_class::regclass::text, ', ') FROM pg_catalog.pg_depend d \
JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE refclassid = 'pg_catalog.pg_class'::regclass AND refobjid = c.oid \
AND classid = 'pg_catalog.pg_rewrite'::regclass AND ev_class <> c.oid), true), \
('functions', EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_class'::regclass AND refobjid = c.oid \
AND classid = 'pg_catalog.pg_proc'::regclass AND deptype = 'n')), \
('foreign keys of other tables', EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid = c.oid AND conrelid <> c.oid))\
) AS lost (what, is_there) WHERE is_there AND what IS NOT NULL";

/// Where a table is, whose it is, whether it is unlogged, its access method and its tablespace.
pub const PLACE: &str = "\
SELECT n.nspname::text, pg_catalog.pg_get_userbyid(c.relowner)::text, c.relpersistence = 'u', \
(SELECT amname::text FROM pg_catalog.pg_am WHERE oid = c.relam), \
(SELECT t.spcname::text FROM pg_catalog.pg_tablespace t, pg_catalog.pg_database d \
WHERE d.datname = pg_catalog.current_database() AND t.oid = CASE c.reltablespace WHEN 0 THEN d.dattablespace ELSE c.reltablespace END) \
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
WHERE c.oid = pg_catalog.to_regclass($1)";

/// The sequences that belong to a table's columns: the sequence, the column, whether it is an
/// identity's, and the sequence's bare name.
pub const SEQUENCES: &str = "\
SELECT d.objid::regclass::text, a.attname::text, d.deptype = 'i', s.relname::text \
FROM pg_catalog.pg_depend d \
JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S' \
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.refclassid = 'pg_catalog.pg_class'::regclass \
AND d.refobjid = pg_catalog.to_regclass($1) AND d.deptype IN ('a', 'i')";

/// The modifier of a domain (`$1`), or of the domain that it stands on.
pub const DOMAIN_MODIFIER: &str = "\
WITH RECURSIVE d AS (\
SELECT typbasetype, typtypmod FROM pg_catalog.pg_type WHERE oid = $1 AND typtype = 'd' \
UNION ALL SELECT t.typbasetype, t.typtypmod FROM d JOIN pg_catalog.pg_type t ON t.oid = d.typbasetype AND t.typtype = 'd') \
SELECT typtypmod FROM d WHERE typtypmod <> -1 LIMIT 1";

/// Lets the identity of a column (`$2`, in the table `$1`) go on from where a sequence (`$3`) stands.
#[must_use]
pub fn continue_identity(sequence: &str) -> String {
    format!(
        "SELECT heir FROM {sequence}, LATERAL pg_catalog.pg_get_serial_sequence($1, $2) AS heir, \
         LATERAL pg_catalog.setval(heir::regclass, last_value, is_called)"
    )
}

/// Begins a question to the tables that rows of a table go into: itself and its partitions.
macro_rules! of_parts {
    ($($rest:literal),+) => {
        concat!(
            "WITH named AS (SELECT pg_catalog.to_regclass($1) AS oid), ",
            "parts AS (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c ",
            "WHERE c.oid = (SELECT oid FROM named) ",
            "OR c.oid IN (SELECT relid FROM named, pg_catalog.pg_partition_tree(named.oid))), ",
            // What stands behind a view or a foreign table may change a row, too.
            "way AS (SELECT (SELECT pg_catalog.bool_and(relkind IN ('r', 'p')) FROM parts) AND NOT EXISTS (",
            "SELECT FROM pg_catalog.pg_trigger ",
            "WHERE tgrelid IN (SELECT oid FROM parts) AND tgtype & 7 = 7 AND tgenabled <> 'D') AS untouched) ",
            $($rest),+
        )
    };
}

/// Whether rows reach a table as they are sent, where no trigger may change one
/// (`TRIGGER_TYPE_ROW | BEFORE | INSERT`), and the types of its columns `$2`.
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_trigger.h>
pub const KEPT: &str = of_parts!(
    "SELECT untouched, ARRAY(SELECT pg_catalog.format_type(atttypid, atttypmod) ",
    "FROM pg_catalog.unnest($2::text[]) WITH ORDINALITY AS wanted(name, at) ",
    "JOIN pg_catalog.pg_attribute ON attrelid = (SELECT oid FROM named) AND attname = wanted.name ",
    "ORDER BY at) AS types FROM way"
);

/// Whether an INSERT stores every row, where neither a trigger nor a rule may drop one (`ev_type` 3).
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_rewrite.h>
pub const STORES_ALL: &str = of_parts!(
    "SELECT untouched AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite ",
    "WHERE ev_class = (SELECT oid FROM named) AND ev_type = '3' AND ev_enabled <> 'D') FROM way"
);

/// Whether a table is one in whose rows xmax can be seen.
pub const IS_PLAIN: &str =
    "SELECT relkind = 'r' FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass($1)";

/// Whether a unique index of the columns `$2`, as ON CONFLICT finds it, takes NULLs for the same;
/// before PostgreSQL 15 none does.
pub const NULLS_SAME: &str = "\
SELECT pg_catalog.bool_or((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean) \
FROM pg_catalog.pg_index i \
WHERE indrelid = pg_catalog.to_regclass($1) AND indisunique AND indpred IS NULL AND indexprs IS NULL \
AND $2::text[] = ARRAY(SELECT attname::text FROM pg_catalog.pg_attribute \
WHERE attrelid = indrelid AND attnum = ANY (indkey[0:indnkeyatts - 1]) ORDER BY attname::text COLLATE \"C\")";

/// Whether a type (`$1` is its name) is one of its own, or a composite one: text can be cast to it. To
/// a domain it cannot, for an explicit cast cuts what is longer than the length of its base.
pub const IS_PRINTED: &str =
    "SELECT typtype IN ('b', 'c') FROM pg_catalog.pg_type WHERE oid = pg_catalog.to_regtype($1)";
