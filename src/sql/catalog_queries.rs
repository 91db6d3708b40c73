//! The fixed queries of PostgreSQL's system catalogs. `$1` is a table's name, quoted, as text,
//! unless the query says otherwise.

/// The columns of a table, with their types, defaults and identities; and whether each statement of
/// a transaction sees what others have committed before it (READ COMMITTED).
pub const COLUMNS: &str = "\
SELECT a.attname::pg_catalog.text, a.attnotnull OR t.typnotnull, a.atthasdef, a.attidentity::pg_catalog.text, a.attgenerated::pg_catalog.text, \
a.atttypid, a.atttypmod, pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.~~) 'read %' \
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) a.atttypid \
WHERE a.attrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped \
ORDER BY a.attnum";

/// Whether the table exists.
pub const TABLE_EXISTS: &str = "SELECT pg_catalog.to_regclass($1) IS NOT NULL";

/// Whether a type exists; `$1` is its name.
pub const TYPE_EXISTS: &str = "SELECT pg_catalog.to_regtype($1) IS NOT NULL";

/// A type (`$1` is its OID): its name, schema and kind; its base, element or subtype; an enum's
/// labels in their order or a composite's field names; and the types and modifiers of these fields.
pub const TYPE: &str = "\
SELECT t.typname::pg_catalog.text, n.nspname::pg_catalog.text, k.kind, \
CASE WHEN k.kind OPERATOR(pg_catalog.=) 'domain' THEN t.typbasetype WHEN k.kind OPERATOR(pg_catalog.=) 'array' THEN t.typelem \
WHEN k.kind OPERATOR(pg_catalog.=) 'range' THEN r.rngsubtype WHEN k.kind OPERATOR(pg_catalog.=) 'multirange' THEN m.rngsubtype ELSE 0 END, \
CASE WHEN k.kind OPERATOR(pg_catalog.=) 'enum' THEN ARRAY(SELECT enumlabel::pg_catalog.text FROM pg_catalog.pg_enum WHERE enumtypid OPERATOR(pg_catalog.=) t.oid ORDER BY enumsortorder) \
ELSE ARRAY(SELECT attname::pg_catalog.text FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) t.typrelid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped ORDER BY attnum) END, \
ARRAY(SELECT atttypid FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) t.typrelid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped ORDER BY attnum), \
ARRAY(SELECT atttypmod FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) t.typrelid AND attnum OPERATOR(pg_catalog.>) 0 AND NOT attisdropped ORDER BY attnum) \
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) t.typnamespace \
LEFT JOIN pg_catalog.pg_range r ON r.rngtypid OPERATOR(pg_catalog.=) t.oid \
LEFT JOIN pg_catalog.pg_range m ON m.rngmultitypid OPERATOR(pg_catalog.=) t.oid, \
LATERAL (SELECT CASE WHEN t.typtype OPERATOR(pg_catalog.=) 'e' THEN 'enum' WHEN t.typtype OPERATOR(pg_catalog.=) 'd' THEN 'domain' \
WHEN t.typtype OPERATOR(pg_catalog.=) 'r' THEN 'range' WHEN t.typtype OPERATOR(pg_catalog.=) 'm' THEN 'multirange' WHEN t.typtype OPERATOR(pg_catalog.=) 'c' THEN 'composite' \
WHEN t.typtype OPERATOR(pg_catalog.=) 'p' THEN 'pseudo' WHEN t.typlen OPERATOR(pg_catalog.=) -1 AND t.typelem OPERATOR(pg_catalog.<>) 0 THEN 'array' ELSE 'simple' END) k (kind) \
WHERE t.oid OPERATOR(pg_catalog.=) $1";

/// Whether a server process (`$2`) has a lock on a table or on one that inherits from it.
pub const IS_LOCKED_BY: &str = "\
WITH RECURSIVE tree (id) AS (SELECT pg_catalog.to_regclass($1)::pg_catalog.oid UNION \
SELECT inhrelid FROM pg_catalog.pg_inherits JOIN tree ON inhparent OPERATOR(pg_catalog.=) id) \
SELECT EXISTS (SELECT FROM pg_catalog.pg_locks JOIN tree ON relation OPERATOR(pg_catalog.=) id \
JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) database \
WHERE pid OPERATOR(pg_catalog.=) $2 AND granted AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())";

/// The dependent objects and properties that a table would lose if a new table replaced it.
pub const LOST_BY_REPLACEMENT: &str = "\
SELECT what FROM (\
SELECT oid, relkind, relrowsecurity, relispartition, reloftype FROM pg_catalog.pg_class \
WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)) c, LATERAL (VALUES \
('it is not an ordinary table', c.relkind OPERATOR(pg_catalog.<>) 'r'), \
('row-level security', c.relrowsecurity OR EXISTS (SELECT FROM pg_catalog.pg_policy WHERE polrelid OPERATOR(pg_catalog.=) c.oid)), \
('its membership in a partitioned or inherited table', c.relispartition OR EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY[inhrelid, inhparent]))), \
('its composite type', c.reloftype OPERATOR(pg_catalog.<>) 0), \
('rules', EXISTS (SELECT FROM pg_catalog.pg_rewrite WHERE ev_class OPERATOR(pg_catalog.=) c.oid)), \
('a security label', EXISTS (SELECT FROM pg_catalog.pg_seclabel WHERE classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND objoid OPERATOR(pg_catalog.=) c.oid)), \
('a publication', EXISTS (SELECT FROM pg_catalog.pg_publication_rel WHERE prrelid OPERATOR(pg_catalog.=) c.oid)), \
('its view ' OPERATOR(pg_catalog.||) (SELECT pg_catalog.string_agg(DISTINCT r.ev_class::pg_catalog.regclass::pg_catalog.text, ', ') FROM pg_catalog.pg_depend d \
JOIN pg_catalog.pg_rewrite r ON r.oid OPERATOR(pg_catalog.=) d.objid WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND refobjid OPERATOR(pg_catalog.=) c.oid \
AND classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND ev_class OPERATOR(pg_catalog.<>) c.oid), true), \
('functions', EXISTS (SELECT FROM pg_catalog.pg_depend WHERE refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND refobjid OPERATOR(pg_catalog.=) c.oid \
AND classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AND deptype OPERATOR(pg_catalog.=) 'n')), \
('foreign keys of other tables', EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE contype OPERATOR(pg_catalog.=) 'f' AND confrelid OPERATOR(pg_catalog.=) c.oid AND conrelid OPERATOR(pg_catalog.<>) c.oid))\
) AS lost (what, is_there) WHERE is_there AND what IS NOT NULL";

/// A table's schema, owner, persistence (`t` is temporary, `u` unlogged), access method and
/// tablespace.
pub const TABLE_PROPERTIES: &str = "\
SELECT n.nspname::pg_catalog.text, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text, c.relpersistence::pg_catalog.text, \
(SELECT amname::pg_catalog.text FROM pg_catalog.pg_am WHERE oid OPERATOR(pg_catalog.=) c.relam), \
(SELECT t.spcname::pg_catalog.text FROM pg_catalog.pg_tablespace t, pg_catalog.pg_database d \
WHERE d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() AND t.oid OPERATOR(pg_catalog.=) CASE WHEN c.reltablespace OPERATOR(pg_catalog.=) 0 THEN d.dattablespace ELSE c.reltablespace END) \
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace \
WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)";

/// The triggers of a table that an INSERT or a TRUNCATE would fire in this session, by name
/// (`TRIGGER_TYPE_INSERT` is 4, `TRIGGER_TYPE_TRUNCATE` 32).
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_trigger.h>
pub const FIRED_TRIGGERS: &str = "\
SELECT t.tgname::pg_catalog.text FROM pg_catalog.pg_trigger t \
WHERE t.tgrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid AND NOT t.tgisinternal \
AND (t.tgtype::pg_catalog.int4 OPERATOR(pg_catalog.&) 36) OPERATOR(pg_catalog.<>) 0 \
AND (t.tgenabled::pg_catalog.text OPERATOR(pg_catalog.=) 'A' OR t.tgenabled::pg_catalog.text OPERATOR(pg_catalog.=) \
CASE WHEN pg_catalog.current_setting('session_replication_role') OPERATOR(pg_catalog.=) 'replica' THEN 'R' ELSE 'O' END) \
ORDER BY t.tgname::pg_catalog.text COLLATE pg_catalog.\"C\"";

/// The sequences that a table's columns own: the sequence, the column, whether it is an identity's,
/// and the sequence's name without schema.
pub const SEQUENCES: &str = "\
SELECT d.objid::pg_catalog.regclass::pg_catalog.text, a.attname::pg_catalog.text, d.deptype OPERATOR(pg_catalog.=) 'i', s.relname::pg_catalog.text \
FROM pg_catalog.pg_depend d \
JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) d.objid AND s.relkind OPERATOR(pg_catalog.=) 'S' \
JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) d.refobjid AND a.attnum OPERATOR(pg_catalog.=) d.refobjsubid \
WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass \
AND d.refobjid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) AND d.deptype OPERATOR(pg_catalog.=) ANY ('{a,i}')";

/// The type modifier of a domain (`$1`), or of the domain that it is based on.
pub const DOMAIN_MODIFIER: &str = "\
WITH RECURSIVE d AS (\
SELECT typbasetype, typtypmod FROM pg_catalog.pg_type WHERE oid OPERATOR(pg_catalog.=) $1 AND typtype OPERATOR(pg_catalog.=) 'd' \
UNION ALL SELECT t.typbasetype, t.typtypmod FROM d JOIN pg_catalog.pg_type t ON t.oid OPERATOR(pg_catalog.=) d.typbasetype AND t.typtype OPERATOR(pg_catalog.=) 'd') \
SELECT typtypmod FROM d WHERE typtypmod OPERATOR(pg_catalog.<>) -1 LIMIT 1";

/// Sets the identity sequence of a column (`$2`, in the table `$1`) to the state of `sequence`;
/// returns the identity sequence.
#[must_use]
pub fn continue_identity(sequence: &str) -> String {
    format!(
        "SELECT h.new_sequence FROM {sequence} AS s, LATERAL pg_catalog.pg_get_serial_sequence($1, $2) AS h (new_sequence), \
         LATERAL pg_catalog.setval(h.new_sequence::pg_catalog.regclass, s.last_value, s.is_called)"
    )
}

/// Begins a query of the tables that store a table's rows: itself and its partitions.
macro_rules! from_partitions {
    ($($rest:literal),+) => {
        concat!(
            "WITH named AS (SELECT pg_catalog.to_regclass($1) AS oid), ",
            "parts AS (SELECT c.oid, c.relkind FROM pg_catalog.pg_class c ",
            "WHERE c.oid OPERATOR(pg_catalog.=) (SELECT oid FROM named) ",
            "OR c.oid OPERATOR(pg_catalog.=) ANY (SELECT relid FROM named, pg_catalog.pg_partition_tree(named.oid))), ",
            // Rows of a view or a foreign table may be changed too, where they are stored.
            "storage AS (SELECT (SELECT pg_catalog.bool_and(relkind OPERATOR(pg_catalog.=) ANY ('{r,p}')) FROM parts) AND NOT EXISTS (",
            "SELECT FROM pg_catalog.pg_trigger ",
            "WHERE tgrelid OPERATOR(pg_catalog.=) ANY (SELECT oid FROM parts) AND (tgtype OPERATOR(pg_catalog.&) 7) OPERATOR(pg_catalog.=) 7 AND tgenabled OPERATOR(pg_catalog.<>) 'D') AS untouched) ",
            $($rest),+
        )
    };
}

/// Whether a table stores rows as they are sent, because no trigger changes them (`TRIGGER_TYPE_ROW
/// | BEFORE | INSERT`); and the types of its columns `$2`.
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_trigger.h>
pub const KEYS_STORED_AS_SENT: &str = from_partitions!(
    "SELECT untouched, ARRAY(SELECT pg_catalog.format_type(atttypid, atttypmod) ",
    "FROM pg_catalog.unnest($2::pg_catalog.text[]) WITH ORDINALITY AS expected ",
    "JOIN pg_catalog.pg_attribute ON attrelid OPERATOR(pg_catalog.=) (SELECT oid FROM named) AND attname OPERATOR(pg_catalog.=) expected.expected ",
    "ORDER BY ordinality) AS types FROM storage"
);

/// Whether an INSERT stores every row, because neither a trigger nor a rule (`ev_type` 3) can drop
/// one.
/// <https://github.com/postgres/postgres/blob/REL_18_STABLE/src/include/catalog/pg_rewrite.h>
pub const NO_ROW_FILTERS: &str = from_partitions!(
    "SELECT untouched AND NOT EXISTS (SELECT FROM pg_catalog.pg_rewrite ",
    "WHERE ev_class OPERATOR(pg_catalog.=) (SELECT oid FROM named) AND ev_type OPERATOR(pg_catalog.=) '3' AND ev_enabled OPERATOR(pg_catalog.<>) 'D') FROM storage"
);

/// Whether a table is an ordinary table, whose rows have xmax.
pub const IS_ORDINARY_TABLE: &str = "SELECT relkind OPERATOR(pg_catalog.=) 'r' FROM pg_catalog.pg_class WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)";

/// Whether `$what` is true for any of the unique indexes that ON CONFLICT would infer: those on
/// exactly the columns `$2` (sorted, without duplicates).
macro_rules! any_arbiter {
    ($what:literal) => {
        concat!(
            "(SELECT pg_catalog.bool_or(", $what, ") FROM pg_catalog.pg_index i ",
            "WHERE indrelid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1) AND indisunique AND indpred IS NULL AND indexprs IS NULL ",
            "AND $2::pg_catalog.text[] OPERATOR(pg_catalog.=) ARRAY(SELECT attname::pg_catalog.text FROM pg_catalog.pg_attribute ",
            "WHERE attrelid OPERATOR(pg_catalog.=) indrelid AND attnum OPERATOR(pg_catalog.=) ANY (indkey[0:indnkeyatts OPERATOR(pg_catalog.-) 1]) ",
            "ORDER BY attname::pg_catalog.text COLLATE pg_catalog.\"C\"))"
        )
    };
}

/// Whether a unique index of the columns `$2` is NULLS NOT DISTINCT; before PostgreSQL 15 none is.
pub const NULLS_NOT_DISTINCT: &str = concat!(
    "SELECT ",
    any_arbiter!(
        "(pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct')::pg_catalog.bool"
    )
);

/// Whether a unique index of the columns `$2` is deferrable, so that ON CONFLICT refuses it.
pub const IS_DEFERRABLE: &str = concat!("SELECT ", any_arbiter!("NOT indimmediate"));

/// For an upsert by the columns `$2`: whether a trigger fires before a row is inserted
/// (`TRIGGER_TYPE_ROW | BEFORE | INSERT`), whether the table's rows have xmax, whether one of the
/// columns may be NULL, and the two queries above.
pub const UPSERT: &str = concat!(
    "SELECT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid OPERATOR(pg_catalog.=) c.oid AND NOT tgisinternal ",
    "AND (tgtype OPERATOR(pg_catalog.&) 7) OPERATOR(pg_catalog.=) 7), c.relkind OPERATOR(pg_catalog.=) 'r', ",
    "EXISTS (SELECT FROM pg_catalog.pg_attribute WHERE attrelid OPERATOR(pg_catalog.=) c.oid ",
    "AND attname::pg_catalog.text OPERATOR(pg_catalog.=) ANY ($2) AND NOT attnotnull), ",
    "COALESCE(",
    any_arbiter!(
        "(pg_catalog.to_jsonb(i) OPERATOR(pg_catalog.->>) 'indnullsnotdistinct')::pg_catalog.bool"
    ),
    ", false), COALESCE(",
    any_arbiter!("NOT indimmediate"),
    ", false) FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)"
);

/// Whether a type (`$1` is its name) is a base or composite type, to which text can be cast.
/// Domains are excluded: an explicit cast silently cuts text to the length of the base type.
pub const TRAVELS_AS_TEXT: &str = "SELECT typtype OPERATOR(pg_catalog.=) ANY ('{b,c}') FROM pg_catalog.pg_type WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regtype($1)";
