"""Tables created from generated classes equal the tables that the classes were generated from."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.python.versions import extensions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

HERE = Path(__file__).parent
FEATURES = (HERE / "every_feature.sql").read_text(encoding="utf-8")
# What classes do not make.
DOMAIN = "CREATE DOMAIN tonnage AS numeric(6,2) DEFAULT 1 NOT NULL CHECK (VALUE > 0)"
WHOLE_DOMAIN = DOMAIN.replace("CHECK (VALUE > 0)", "CONSTRAINT tonnage_check CHECK ((VALUE > (0)::numeric))")
EXTENSIONS = ["CREATE EXTENSION btree_gist", "CREATE EXTENSION pg_trgm"]
NEEDED = f"{EXTENSIONS[0]}; -- of btree_gist\n{EXTENSIONS[1]}; -- of pg_trgm\n{DOMAIN}"

OWN = "NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)"
CATALOGUE = {
    "tables": f"SELECT oid::regclass::text, relkind::text, relpersistence::text, reloptions FROM pg_class "
    f"WHERE relnamespace {OWN} AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')",
    "columns": f"""
        SELECT attrelid::regclass::text, attnum, attname::text, format_type(atttypid, atttypmod), attndims, attnotnull,
            attidentity::text, attgenerated::text, pg_get_expr(adbin, adrelid), attcollation::regcollation::text
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace {OWN} AND relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped""",
    "constraints": f"""
        SELECT conrelid::regclass::text, contypid::regtype::text, conname::text, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace {OWN}""",
    "indexes": f"""
        SELECT pg_get_indexdef(indexrelid), indisprimary, indisunique, indisvalid, indnullsnotdistinct
        FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace {OWN}""",
    "enums": "SELECT enumtypid::regtype::text, enumlabel::text, enumsortorder FROM pg_enum",
    "sequences": f"""
        SELECT s.oid::regclass::text, seqtypid::regtype::text, seqstart, seqincrement, seqmin, seqmax, seqcache,
            seqcycle, refobjid::regclass::text, refobjsubid, deptype::text
        FROM pg_class s JOIN pg_sequence ON seqrelid = s.oid
            LEFT JOIN pg_depend ON objid = s.oid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
        WHERE relnamespace {OWN}""",
    "extensions": "SELECT extname::text FROM pg_extension",
    "schemas": "SELECT nspname::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%'",
}


def catalogue(url: str) -> dict[str, set[str]]:
    """Read everything that a catalogue says of tables."""
    with psycopg.connect(url) as connection:
        return {what: {repr(row) for row in connection.execute(query.encode())} for what, query in CATALOGUE.items()}


@pytest.mark.parametrize("what", list(CATALOGUE))
def test_catalogue_of_the_script_has_something_of_everything(database: Callable[..., str], what: str) -> None:
    assert catalogue(database(FEATURES))[what]


def test_every_feature_created_again_leaves_no_difference(
    database: Callable[..., str], inspect: Callable[..., str], create: Callable[[str, str], None]
) -> None:
    first, second = database(FEATURES), database(NEEDED)
    source = inspect(first, ("public", "stable"))
    create(source, second)
    expected, found = catalogue(first), catalogue(second)
    for what, rows in expected.items():
        assert (what, rows - found[what], found[what] - rows) == (what, set(), set())
    # What is the same is written the same.
    assert inspect(second, ("public", "stable")) == source
    create(source, second)
    assert catalogue(second) == expected


def test_source_of_the_tables_of_every_feature_leaves_nothing_out(
    database: Callable[..., str], inspect: Callable[..., str], sql: Sql
) -> None:
    source = inspect(database(FEATURES), ("public", "stable"))
    comments = [line for line in source.splitlines() if line.startswith("#")]
    assert comments == [
        "# Create these objects before the tables:",
        *(f"#   {line}" for line in EXTENSIONS if line.split()[-1] in extensions(sql)),
        f"#   {WHOLE_DOMAIN}",
    ]


NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=15)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    named=st.tuples(NAMES, NAMES).filter(lambda two: two[0] != two[1]),  # a table is a type, too
    columns=st.lists(NAMES, min_size=2, max_size=5, unique=True),
    labels=st.sets(NAMES),
)
def test_hostile_names_come_back(
    scratch: Scratch, named: tuple[str, str], columns: list[str], labels: set[str]
) -> None:
    table, enum = (quoted(name) for name in named)
    key, value, *others = (quoted(name) for name in columns)
    lines = [
        f"{key} int PRIMARY KEY",
        f"{value} {enum} UNIQUE",
        *(f"{name} int REFERENCES {table} CHECK ({name} > 0)" for name in others),
    ]
    listed = ", ".join("'" + label.replace("'", "''") + "'" for label in sorted(labels))
    with scratch.emptied() as sql:
        # Without its schema such a name is the server's own type's.
        assume(sql("SELECT to_regtype('pg_catalog.' || %s) IS NULL", enum) == [(True,)])
        sql(f"CREATE TYPE {enum} AS ENUM ({listed})")
        sql(f"CREATE TABLE {table} ({', '.join(lines)})")
        sql(f"CREATE INDEX ON {table} ({value} DESC)")
        expected, source = described(sql, table), scratch.inspect(scratch.url)
        sql(f"DROP TABLE {table}")
        sql(f"DROP TYPE {enum}")
        scratch.create(source, scratch.url)
        assert described(sql, table) == expected
        assert scratch.inspect(scratch.url) == source


@dataclass(frozen=True, slots=True)
class Scratch:
    """A schema for many tables, one after another."""

    url: str
    sql: Sql
    inspect: Callable[..., str]
    create: Callable[[str, str], None]

    @contextlib.contextmanager
    def emptied(self) -> Iterator[Sql]:
        """Give what runs SQL in the schema, and empty that in the end."""
        ((schema,),) = self.sql("SELECT current_schema()::text")
        try:
            yield self.sql
        finally:
            self.sql("SET client_min_messages = warning")
            self.sql(f"DROP SCHEMA {schema} CASCADE")
            self.sql(f"CREATE SCHEMA {schema}")


@pytest.fixture
def scratch(url: str, sql: Sql, inspect: Callable[..., str], create: Callable[[str, str], None]) -> Scratch:
    """Give a schema for many tables, one after another."""
    return Scratch(url, sql, inspect, create)


def quoted(name: str) -> str:
    """Give a name as SQL."""
    return '"' + name.replace('"', '""') + '"'


DESCRIPTIONS = (
    """SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum""",
    """SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = %s::regclass ORDER BY 1""",
    "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass ORDER BY 1",
    """SELECT enumlabel::text FROM pg_enum JOIN pg_attribute ON atttypid = enumtypid
    WHERE attrelid = %s::regclass ORDER BY enumsortorder""",
)


def described(sql: Sql, table: str) -> list[list[tuple[Any, ...]]]:
    """Read what a catalogue says of one table, whose name is given as SQL."""
    return [sql(query, table) for query in DESCRIPTIONS]
