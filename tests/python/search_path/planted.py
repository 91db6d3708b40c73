"""Plants operators, functions, types and views of PostgreSQL's own names in a schema that somebody else owns.

Each raises an error when it is run. The role that plants them has nothing but the schema: what it may do, any role may
that has CREATE on a schema of a search path, such as `public` before PostgreSQL 15.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.python.conftest import Sql

ROOT = Path(__file__).parents[3]
# Where statements are written.
SOURCES = (
    *(ROOT / "src" / "sql").rglob("*.rs"),
    *(ROOT / "python" / "howdah" / "inspect").glob("*.py"),
    *(ROOT / "python" / "howdah" / "queries").glob("*.py"),
    ROOT / "python" / "howdah" / "expressions" / "functions.py",
    ROOT / "python" / "howdah" / "expressions" / "expression.py",
)
# What is compared or converted with something else in catalogue queries and in those of tables.
CROSS = (
    *('"char"', "bool", "bpchar", "int2", "int4", "int8", "name", "numeric", "oid", "regclass", "text"),
    *("timestamptz", "varchar", "xid", "_text"),
)
# Arguments that a function may be planted for besides those of PostgreSQL's own.
ARGUMENTS = ("bpchar", "int4", "int8", "name", "oid", "regclass", "text", "varchar")
SIGNS = ("=", "<>", "<", ">", "<=", ">=", "||", "~~", "~~*", "+", "-", "&", "->>")
# Types whose names the grammar does not find by itself.
TYPES = (
    *("bool", "bytea", "date", "int2", "int4", "int8", "jsonb", "jsonpath", "oid", "regclass", "text", "timestamptz"),
    *("tsquery", "tsvector", "uuid", "int8range", "name"),
)

FIRE = """
CREATE FUNCTION {evil}.fire(what text) RETURNS boolean LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'planted: % ran as %', what, current_user; END $$
"""

# Operators with the very operands of PostgreSQL's own: they are found where the schema stands before pg_catalog.
SAME = """
DO $do$
DECLARE one record; made int := 0;
BEGIN
    FOR one IN SELECT o.oid, o.oprname, pg_catalog.format_type(nullif(o.oprleft, 0), NULL) AS l,
            pg_catalog.format_type(o.oprright, NULL) AS r, pg_catalog.format_type(o.oprresult, NULL) AS res
        FROM pg_catalog.pg_operator o WHERE o.oprnamespace = 'pg_catalog'::regnamespace
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION {evil}.same_%s(%s) RETURNS %s LANGUAGE plpgsql AS
                $f$ BEGIN PERFORM {evil}.fire(%L); END $f$', one.oid, concat_ws(', ', one.l, one.r), one.res,
                'operator ' || one.oprname || ' of ' || concat_ws(', ', one.l, one.r));
            EXECUTE format('CREATE OPERATOR {evil}.%s (%s RIGHTARG = %s, FUNCTION = {evil}.same_%s)', one.oprname,
                'LEFTARG = ' || one.l || ',', one.r, one.oid);
            made := made + 1;
        -- Some take what no function of PL/pgSQL can.
        EXCEPTION WHEN invalid_function_definition OR feature_not_supported THEN NULL;
        END;
    END LOOP;
    PERFORM set_config('planted.same', made::text, false);
END $do$
"""

# Operators whose operands fit better than any of PostgreSQL's own: they are found behind it, too.
BETTER = """
DO $do$
DECLARE l text; r text; sign text; made int := 0;
BEGIN
    FOREACH l IN ARRAY {cross}::text[] LOOP FOREACH r IN ARRAY {cross}::text[] LOOP
        EXECUTE format('CREATE FUNCTION {evil}.better(pg_catalog.%s, pg_catalog.%s) RETURNS bool LANGUAGE plpgsql AS
            $f$ BEGIN RETURN {evil}.fire(%L); END $f$', l, r, 'operator of ' || l || ' and ' || r);
        FOREACH sign IN ARRAY {signs}::text[] LOOP
            IF NOT EXISTS (SELECT FROM pg_operator WHERE oprname = sign AND oprleft = ('pg_catalog.' || l)::regtype
                    AND oprright = ('pg_catalog.' || r)::regtype AND oprnamespace = '{evil}'::regnamespace) THEN
                EXECUTE format('CREATE OPERATOR {evil}.%s (LEFTARG = pg_catalog.%s, RIGHTARG = pg_catalog.%s,
                    FUNCTION = {evil}.better)', sign, l, r);
                made := made + 1;
            END IF;
        END LOOP;
    END LOOP; END LOOP;
    PERFORM set_config('planted.better', made::text, false);
END $do$
"""

# Functions of the same arguments, and those of one argument of a type that PostgreSQL has no function of its own for.
FUNCTIONS = """
DO $do$
DECLARE one record; made int := 0;
BEGIN
    FOR one IN SELECT p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid) AS args, p.proretset AS is_set,
            pg_catalog.format_type(p.prorettype, NULL) AS res
        FROM pg_catalog.pg_proc p WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ({names})
        UNION ALL SELECT DISTINCT proname, type, false, 'text' FROM pg_catalog.pg_proc, unnest({arguments}) AS type
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = ANY ({names})
    LOOP
        BEGIN
            EXECUTE format('CREATE FUNCTION {evil}.%I(%s) RETURNS %s%s LANGUAGE plpgsql AS
                $f$ BEGIN PERFORM {evil}.fire(%L); END $f$', one.proname, one.args,
                CASE WHEN one.is_set THEN 'SETOF ' END, one.res, 'function ' || one.proname);
            made := made + 1;
        EXCEPTION WHEN invalid_function_definition OR duplicate_function OR syntax_error OR feature_not_supported
            OR undefined_object OR invalid_parameter_value OR datatype_mismatch THEN NULL;
        END;
    END LOOP;
    PERFORM set_config('planted.functions', made::text, false);
END $do$
"""
COUNT = """
CREATE FUNCTION {evil}.next_state(state int8) RETURNS int8 LANGUAGE plpgsql AS
    $$ BEGIN PERFORM {evil}.fire('aggregate count'); END $$;
DROP FUNCTION IF EXISTS {evil}.count();
CREATE AGGREGATE {evil}.count(*) (SFUNC = {evil}.next_state, STYPE = int8, INITCOND = '0')
"""
VIEWS = """
DO $do$
DECLARE name text;
BEGIN
    FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind IN ('r', 'v')
            AND relname = ANY ({relations}) LOOP
        EXECUTE format('CREATE VIEW {evil}.%I AS SELECT %s FROM pg_catalog.%I WHERE {evil}.fire(%L)', name,
            (SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attnum > 0 AND atttypid <> 2277
                AND attrelid = ('pg_catalog.' || quote_ident(name))::regclass), name, 'view ' || name);
    END LOOP;
END $do$
"""


def _array(names: tuple[str, ...]) -> str:
    return "ARRAY['" + "', '".join(names) + "']"


def _words() -> tuple[str, ...]:
    """Give every name that is followed by a parenthesis or in quotes where statements are written: functions, say."""
    found: set[str] = set()
    for path in SOURCES:
        text = path.read_text("utf-8")
        found.update(re.findall(r"\b([a-z_][a-z0-9_]*)\(", text))
        found.update(re.findall(r'"(?:call", ")?([a-z_]+)"', text))
    return tuple(sorted(found))


def _relations() -> tuple[str, ...]:
    texts = [path.read_text("utf-8") for path in SOURCES]
    return tuple(sorted({name for text in texts for name in re.findall(r"\bpg_[a-z_]+", text)}))


def plant(sql: Sql, evil: str) -> dict[str, int]:
    """Plant them in a schema, as the role of this session.

    Args:
        sql: Runs SQL; the role may create in the schema.
        evil: The schema.

    Returns:
        How many operators and functions were planted.
    """
    given = {
        "evil": evil,
        "cross": _array(CROSS),
        "arguments": _array(ARGUMENTS),
        "signs": _array(SIGNS),
        "names": _array(_words()),
        "relations": _array(_relations()),
    }
    # Functions that are not looked at when they are made are made in a third of the time.
    sql("SET check_function_bodies = off")
    sql("SET client_min_messages = warning")
    for script in (FIRE, SAME, BETTER, FUNCTIONS, COUNT, VIEWS):
        text = script
        for name, value in given.items():
            text = text.replace(f"{{{name}}}", value)
        sql(text)
    for name in TYPES:
        sql(f"CREATE DOMAIN {evil}.{name} AS pg_catalog.{name} CHECK ({evil}.fire('type {name}'))")
    kinds = ("same", "better", "functions")
    return {kind: int(sql(f"SELECT current_setting('planted.{kind}')")[0][0]) for kind in kinds}
