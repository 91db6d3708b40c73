//! The query that generates the statements which restore a replaced table's privileges,
//! constraints, indexes, triggers, comments and so on, once the new table has the old name. `$1` is
//! the table's name, quoted, as text; `$2` is whether the columns are the same.

/// The query, whose rows are statements in the order in which they must run. Parts that depend on
/// the columns are left out unless `$2`.
#[must_use]
pub fn restore_statements() -> String {
    let parts =
        [TABLE, COLUMNS_AND_TRIGGERS, INDEXES, STATISTICS, SEQUENCES, COMMENTS].join(" UNION ALL ");
    format!("{TABLES} SELECT sql FROM ({parts}) AS s ORDER BY step, oid")
}

const TABLES: &str = "\
WITH c AS (SELECT c.*, c.oid::pg_catalog.regclass AS name FROM pg_catalog.pg_class c WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1))";

/// Properties that do not depend on the columns. First, privileges are revoked that default
/// privileges gave to the new table.
const TABLE: &str = "\
SELECT 2 AS step, 0::pg_catalog.oid AS oid, pg_catalog.format('REVOKE ALL ON %s FROM %I', name, pg_catalog.pg_get_userbyid(relowner)) AS sql \
FROM c WHERE relacl IS NOT NULL \
UNION ALL SELECT DISTINCT 1, 0::pg_catalog.oid, pg_catalog.format('REVOKE ALL ON %s FROM %s', name, \
CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END) \
FROM c JOIN pg_catalog.pg_default_acl d ON d.defaclobjtype OPERATOR(pg_catalog.=) 'r' AND d.defaclnamespace OPERATOR(pg_catalog.=) ANY (ARRAY[0, c.relnamespace]) \
AND pg_catalog.pg_get_userbyid(d.defaclrole) OPERATOR(pg_catalog.=) current_user, pg_catalog.aclexplode(d.defaclacl) g WHERE g.grantee OPERATOR(pg_catalog.<>) c.relowner \
UNION ALL SELECT 3, 0, pg_catalog.format('GRANT %s ON %s TO %s%s', g.privilege_type, name, \
CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END, \
CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM c, pg_catalog.aclexplode(relacl) g \
UNION ALL SELECT 5, 0, pg_catalog.format('ALTER TABLE %s SET (%s)', name, pg_catalog.array_to_string(reloptions, ', ')) \
FROM c WHERE reloptions IS NOT NULL \
UNION ALL SELECT 5, 0, pg_catalog.format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name) FROM c WHERE relforcerowsecurity \
UNION ALL SELECT 6, 0, pg_catalog.format('COMMENT ON TABLE %s IS %L', name, pg_catalog.obj_description(oid, 'pg_class')) \
FROM c WHERE pg_catalog.obj_description(oid, 'pg_class') IS NOT NULL";

/// Columns, constraints and triggers.
const COLUMNS_AND_TRIGGERS: &str = "\
SELECT 4, 0, pg_catalog.format('GRANT %s (%I) ON %s TO %s%s', g.privilege_type, a.attname, name, \
CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END, \
CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) \
FROM c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND $2, pg_catalog.aclexplode(a.attacl) g \
UNION ALL SELECT 5, 0, pg_catalog.format('ALTER TABLE %s SET (%s)', name, \
(SELECT pg_catalog.string_agg('toast.' OPERATOR(pg_catalog.||) option, ', ') FROM pg_catalog.unnest(toast.reloptions) AS option)) \
FROM c JOIN pg_catalog.pg_class toast ON toast.oid OPERATOR(pg_catalog.=) c.reltoastrelid AND $2 WHERE toast.reloptions IS NOT NULL \
UNION ALL SELECT 5, 0, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', name, a.attname, a.attstattarget) \
FROM c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND a.attstattarget OPERATOR(pg_catalog.>=) 0 \
UNION ALL SELECT 5, 0, pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I SET (%s)', name, a.attname, \
pg_catalog.array_to_string(a.attoptions, ', ')) \
FROM c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
WHERE a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped AND a.attoptions IS NOT NULL \
UNION ALL SELECT CASE WHEN k.contype OPERATOR(pg_catalog.=) 'f' THEN 9 ELSE 7 END, k.oid, \
pg_catalog.format('ALTER TABLE %s ADD CONSTRAINT %I %s', name, k.conname, pg_catalog.pg_get_constraintdef(k.oid)) \
FROM c JOIN pg_catalog.pg_constraint k ON k.conrelid OPERATOR(pg_catalog.=) c.oid AND $2 WHERE k.contype OPERATOR(pg_catalog.=) ANY ('{p,u,x,f}') \
UNION ALL SELECT 10, t.oid, pg_catalog.pg_get_triggerdef(t.oid) \
FROM c JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) c.oid AND $2 WHERE NOT t.tgisinternal \
UNION ALL SELECT 11, t.oid, pg_catalog.format('ALTER TABLE %s %s TRIGGER %I', name, \
CASE WHEN t.tgenabled OPERATOR(pg_catalog.=) 'D' THEN 'DISABLE' WHEN t.tgenabled OPERATOR(pg_catalog.=) 'R' THEN 'ENABLE REPLICA' ELSE 'ENABLE ALWAYS' END, t.tgname) \
FROM c JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) c.oid AND $2 WHERE NOT t.tgisinternal AND t.tgenabled OPERATOR(pg_catalog.<>) 'O' \
UNION ALL SELECT 12, 0, pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY %s', name, \
CASE WHEN relreplident OPERATOR(pg_catalog.=) 'f' THEN 'FULL' ELSE 'NOTHING' END) FROM c WHERE relreplident OPERATOR(pg_catalog.=) ANY ('{f,n}')";

/// Indexes, and the properties that their definitions and those of their constraints do not
/// include.
const INDEXES: &str = "\
SELECT 8, i.indexrelid, pg_catalog.pg_get_indexdef(i.indexrelid) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE k.conindid OPERATOR(pg_catalog.=) i.indexrelid AND k.conrelid OPERATOR(pg_catalog.=) c.oid) \
UNION ALL SELECT 12, x.oid, pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY USING INDEX %I', name, x.relname) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid \
WHERE c.relreplident OPERATOR(pg_catalog.=) 'i' AND i.indisreplident \
UNION ALL SELECT 13, x.oid, pg_catalog.format('ALTER TABLE %s CLUSTER ON %I', name, x.relname) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid \
WHERE i.indisclustered \
UNION ALL SELECT 14, x.oid, pg_catalog.format('ALTER INDEX %s SET (%s)', x.oid::pg_catalog.regclass, pg_catalog.array_to_string(x.reloptions, ', ')) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid \
WHERE x.reloptions IS NOT NULL \
UNION ALL SELECT 14, x.oid, pg_catalog.format('ALTER INDEX %s SET TABLESPACE %I', x.oid::pg_catalog.regclass, t.spcname) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid \
JOIN pg_catalog.pg_tablespace t ON t.oid OPERATOR(pg_catalog.=) x.reltablespace \
UNION ALL SELECT 14, x.oid, pg_catalog.format('ALTER INDEX %s ALTER COLUMN %s SET STATISTICS %s', x.oid::pg_catalog.regclass, a.attnum, a.attstattarget) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 JOIN pg_catalog.pg_class x ON x.oid OPERATOR(pg_catalog.=) i.indexrelid \
JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) x.oid WHERE a.attstattarget OPERATOR(pg_catalog.>=) 0";

/// Extended statistics; `LIKE` would name them after the new table's temporary name.
const STATISTICS: &str = "\
SELECT 15 OPERATOR(pg_catalog.+) step, s.oid, sql FROM c JOIN pg_catalog.pg_statistic_ext s ON s.stxrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) s.stxnamespace, LATERAL (VALUES \
(0, pg_catalog.pg_get_statisticsobjdef(s.oid), true), \
(1, pg_catalog.format('ALTER STATISTICS %I.%I SET STATISTICS %s', n.nspname, s.stxname, s.stxstattarget), s.stxstattarget OPERATOR(pg_catalog.>=) 0), \
(1, pg_catalog.format('COMMENT ON STATISTICS %I.%I IS %L', n.nspname, s.stxname, \
pg_catalog.obj_description(s.oid, 'pg_statistic_ext')), pg_catalog.obj_description(s.oid, 'pg_statistic_ext') IS NOT NULL), \
(2, pg_catalog.format('ALTER STATISTICS %I.%I OWNER TO %I', n.nspname, s.stxname, pg_catalog.pg_get_userbyid(s.stxowner)), \
pg_catalog.pg_get_userbyid(s.stxowner) OPERATOR(pg_catalog.<>) current_user)) AS generated (step, sql, needed) WHERE needed";

/// Properties of identity sequences, which are new; the new table has taken over all other
/// sequences.
const SEQUENCES: &str = "\
SELECT 18 OPERATOR(pg_catalog.+) step, s.oid, sql FROM c JOIN pg_catalog.pg_depend d ON d.refobjid OPERATOR(pg_catalog.=) c.oid AND $2 \
AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype OPERATOR(pg_catalog.=) 'i' \
JOIN pg_catalog.pg_class s ON s.oid OPERATOR(pg_catalog.=) d.objid AND s.relkind OPERATOR(pg_catalog.=) 'S', LATERAL (\
SELECT 0, pg_catalog.format('COMMENT ON SEQUENCE %s IS %L', s.oid::pg_catalog.regclass, pg_catalog.obj_description(s.oid, 'pg_class')) \
WHERE pg_catalog.obj_description(s.oid, 'pg_class') IS NOT NULL \
UNION ALL SELECT 0, pg_catalog.format('REVOKE ALL ON SEQUENCE %s FROM %I', s.oid::pg_catalog.regclass, pg_catalog.pg_get_userbyid(s.relowner)) \
WHERE s.relacl IS NOT NULL \
UNION ALL SELECT 0, pg_catalog.format('REVOKE ALL ON SEQUENCE %s FROM %s', s.oid::pg_catalog.regclass, \
CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END) \
FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) g WHERE d.defaclobjtype OPERATOR(pg_catalog.=) 'S' \
AND d.defaclnamespace OPERATOR(pg_catalog.=) ANY (ARRAY[0, c.relnamespace]) AND pg_catalog.pg_get_userbyid(d.defaclrole) OPERATOR(pg_catalog.=) current_user AND g.grantee OPERATOR(pg_catalog.<>) s.relowner \
UNION ALL SELECT 1, pg_catalog.format('GRANT %s ON SEQUENCE %s TO %s%s', g.privilege_type, s.oid::pg_catalog.regclass, \
CASE WHEN g.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END, \
CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM pg_catalog.aclexplode(s.relacl) g) AS generated (step, sql)";

/// Comments on indexes, constraints and triggers.
const COMMENTS: &str = "\
SELECT 20, d.objoid, pg_catalog.format('COMMENT ON INDEX %s IS %L', d.objoid::pg_catalog.regclass, d.description) \
FROM c JOIN pg_catalog.pg_index i ON i.indrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
JOIN pg_catalog.pg_description d ON d.objoid OPERATOR(pg_catalog.=) i.indexrelid AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objsubid OPERATOR(pg_catalog.=) 0 \
UNION ALL SELECT 20, d.objoid, pg_catalog.format('COMMENT ON CONSTRAINT %I ON %s IS %L', k.conname, name, d.description) \
FROM c JOIN pg_catalog.pg_constraint k ON k.conrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
JOIN pg_catalog.pg_description d ON d.objoid OPERATOR(pg_catalog.=) k.oid AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_constraint'::pg_catalog.regclass \
UNION ALL SELECT 20, d.objoid, pg_catalog.format('COMMENT ON TRIGGER %I ON %s IS %L', t.tgname, name, d.description) \
FROM c JOIN pg_catalog.pg_trigger t ON t.tgrelid OPERATOR(pg_catalog.=) c.oid AND $2 \
JOIN pg_catalog.pg_description d ON d.objoid OPERATOR(pg_catalog.=) t.oid AND d.classoid OPERATOR(pg_catalog.=) 'pg_catalog.pg_trigger'::pg_catalog.regclass \
WHERE NOT t.tgisinternal";
