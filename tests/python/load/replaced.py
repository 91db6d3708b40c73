"""Rows that the tests of `replace` load, and the catalogue entries of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.python.conftest import Sql

ROWS = [{"id": n, "v": str(n)} for n in range(3)]


CATALOGUE = {
    "columns": "SELECT a.attname, format_type(atttypid, atttypmod), attnotnull, attidentity::text, attgenerated::text, "
    "pg_get_expr(d.adbin, d.adrelid), attacl::text, attstattarget, attoptions, attstorage::text, attcompression::text, "
    "col_description('t'::regclass, attnum) FROM pg_attribute a "
    "LEFT JOIN pg_attrdef d ON adrelid = attrelid AND adnum = attnum WHERE attrelid = 't'::regclass AND attnum > 0 "
    "AND NOT attisdropped ORDER BY attnum",
    "constraints": "SELECT conname, pg_get_constraintdef(oid), obj_description(oid) FROM pg_constraint "
    "WHERE conrelid = 't'::regclass ORDER BY 1",
    "indexes": "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisprimary, indisreplident, "
    "indisclustered, obj_description(indexrelid), (SELECT reloptions FROM pg_class WHERE oid = indexrelid), "
    "(SELECT reltablespace::int FROM pg_class WHERE oid = indexrelid), "
    "(SELECT array_agg(attstattarget ORDER BY attnum) FROM pg_attribute WHERE attrelid = indexrelid) "
    "FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1",
    "triggers": "SELECT tgname, pg_get_triggerdef(oid), tgenabled::text, obj_description(oid) FROM pg_trigger "
    "WHERE tgrelid = 't'::regclass AND NOT tgisinternal ORDER BY 1",
    "table": "SELECT relname, relowner::regrole::text, "
    "(SELECT array_agg(x::text ORDER BY x::text) FROM unnest(relacl) x), reloptions, relpersistence::text, "
    "relreplident::text, relforcerowsecurity, reltablespace::int, relam::int, "
    "(SELECT reloptions FROM pg_class toast WHERE toast.oid = c.reltoastrelid), obj_description(oid) "
    "FROM pg_class c WHERE oid = 't'::regclass",
    "statistics": "SELECT stxname, pg_get_statisticsobjdef(oid), stxowner::regrole::text, stxstattarget, "
    "obj_description(oid) FROM pg_statistic_ext WHERE stxrelid = 't'::regclass ORDER BY 1",
    "sequences": "SELECT s.relname, d.deptype::text, a.attname, s.relowner::regrole::text, obj_description(s.oid), "
    "(SELECT array_agg(x::text ORDER BY x::text) FROM unnest(s.relacl) x) FROM pg_depend d "
    "JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_attribute a ON a.attrelid = d.refobjid AND "
    "a.attnum = d.refobjsubid WHERE d.refobjid = 't'::regclass ORDER BY 1",
}


def described(sql: Sql) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sql(query) for name, query in CATALOGUE.items()}
