"""Features that classes cannot declare are comments in the source, with the SQL that creates them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

import howdah
from howdah.inspect.introspect import read
from tests.python.versions import extensions, wants

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

REMAINDERS = (Path(__file__).parent / "remainders.sql").read_text(encoding="utf-8")
CITEXT = "CREATE EXTENSION citext"
NEEDED = [
    'CREATE SCHEMA "other"',
    CITEXT,
    "collation plain",
    "function next_code()",
    "function touch()",
    "type floatrange",
    "type pair",
    "CREATE TYPE under AS ENUM ('u')",
    "CREATE DOMAIN above AS under",
    "CREATE DOMAIN top AS above CONSTRAINT top_check CHECK ((VALUE IS NOT NULL))",
    "table other.far",
]
OF_MAIN = [
    'ALTER TABLE main ADD CONSTRAINT "again" UNIQUE (id)',
    "ALTER TABLE main SET (fillfactor=80)",
    "ALTER TABLE main ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE main ALTER COLUMN code SET STORAGE EXTERNAL",
    "ALTER TABLE main ALTER COLUMN d SET STATISTICS 500",
    'ALTER TABLE main ALTER COLUMN co TYPE text COLLATE "C"',
    "ALTER TABLE main ALTER COLUMN co2 TYPE text COLLATE plain",
    "CONSTRAINT unproved is NOT VALID",
    "ALTER TABLE main CLUSTER ON main_w",
    "CREATE STATISTICS public.together ON v, w FROM main",
    "CREATE TRIGGER touched BEFORE UPDATE ON public.main FOR EACH ROW EXECUTE FUNCTION touch()",
    "ALTER TABLE main DISABLE TRIGGER touched",
    "CREATE RULE kept AS",
    "    ON DELETE TO public.main DO INSTEAD NOTHING;",
    "CREATE POLICY mine ON main AS PERMISSIVE FOR SELECT TO public USING ((v > 1))",
    "COMMENT ON TABLE main IS 'The main",
    "table''s'",
    "COMMENT ON COLUMN main.v IS 'A value'",
    "COMMENT ON INDEX main_w IS 'by w'",
    "COMMENT ON CONSTRAINT unproved ON main IS 'not yet'",
    "ALTER SEQUENCE main_id_seq INCREMENT BY 2 START WITH 1000 CACHE 5",
    "ALTER SEQUENCE shared INCREMENT BY 10 START WITH 100",
    "ALTER SEQUENCE main_renamed_seq OWNED BY main.new_name",
]
OTHERS = [
    "table nothing has no columns",
    "materialized view kept_rows",
    "sequence lone",
    "type lonely",
    "view seen",
]


def comments(source: str, before: str) -> list[str]:
    """Give the comments that stand before a line, or that end at the end."""
    above = source.partition(before)[0] if before else source
    lines: list[str] = []
    for line in reversed(above.rstrip().splitlines()):
        if not line.startswith("#   "):
            break
        lines.insert(0, line.removeprefix("#   "))
    return lines


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("from __future__", NEEDED),
        ("class Main(", OF_MAIN),
        ("class Heir(", ["ALTER TABLE heir INHERIT quick"]),
        ("class Quick(", ["ALTER TABLE quick SET UNLOGGED"]),
        ("class Near(", []),
        (
            "class Parted(",
            [
                "parted PARTITION BY RANGE (at)",
                "CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01')",
            ],
        ),
        ("", OTHERS),
    ],
)
def test_remainders_stand_before_what_they_belong_to(
    database: Callable[[str], str], inspect: Callable[..., str], sql: Sql, before: str, expected: list[str]
) -> None:
    there = [line for line in expected if line != CITEXT or "citext" in extensions(sql)]
    assert comments(inspect(database(REMAINDERS)), before) == there


def test_remainders_of_main_are_statements_that_the_server_takes(
    database: Callable[[str], str], inspect: Callable[..., str], create: Callable[[str, str], None]
) -> None:
    first = database(REMAINDERS)
    with howdah.Database(first) as db:
        found = read(db, (), ("main",))
    second = database(
        "CREATE TYPE pair AS (a int, b text); CREATE TYPE floatrange AS RANGE (subtype = float8); "
        "CREATE FUNCTION next_code() RETURNS text LANGUAGE sql AS $$ SELECT 'x' $$; "
        "CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; "
        'CREATE COLLATION plain FROM "C"'
    )
    source = inspect(first, (), ("main",))
    with psycopg.connect(second, autocommit=True) as connection:
        for needed in found.needed:
            if needed.startswith("CREATE"):
                connection.execute(needed.encode())
        create(source, second)
        for remainder in found.unsupported:
            if remainder.text.startswith(("ALTER", "COMMENT", "CREATE")):
                connection.execute(remainder.text.encode())
        connection.execute(b'ALTER TABLE main ADD CONSTRAINT "again" UNIQUE (id)')
    # But for the word that the constraint was never proved.
    unproved = "#   CONSTRAINT unproved is NOT VALID\n"
    assert inspect(second, (), ("main",)) == source.replace(unproved, "")


def test_extension_in_a_schema_of_its_own_is_said_to_be_there(
    database: Callable[[str], str], inspect: Callable[..., str], sql: Sql
) -> None:
    wants("citext", sql)
    url = database(
        "CREATE SCHEMA extensions; CREATE EXTENSION citext SCHEMA extensions; CREATE TABLE t (name extensions.citext)"
    )
    source = inspect(url)
    assert "#   CREATE EXTENSION citext SCHEMA extensions\n" in source
    assert 'name: Col[str | None] = col(default=None, type="extensions.citext")' in source


def test_tables_that_were_asked_for_come_without_the_rest_of_the_schema(
    database: Callable[[str], str], inspect: Callable[..., str]
) -> None:
    source = inspect(database(REMAINDERS), (), ("quick", "other.far"))
    assert comments(source, "") == []
    assert [line for line in source.splitlines() if line.startswith("class ")] == [
        "class Quick(Table):",
        "class Far(Table):",
    ]
