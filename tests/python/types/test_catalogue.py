"""The server's own tables: every column can be read, whatever its type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import howdah

RELATIONS = (
    "SELECT c.oid::regclass::text FROM pg_class AS c "
    "WHERE relnamespace = 'pg_catalog'::regnamespace AND relkind = 'r' ORDER BY 1"
)


def test_every_table_of_the_catalogue_comes_back(db: howdah.Database) -> None:
    relations = [row["oid"] for row in db.fetch(RELATIONS)]
    assert "pg_class" in relations
    for relation in relations:
        count = db.fetch_value(f"SELECT count(*) FROM (SELECT FROM {relation} LIMIT 20) AS few")
        assert len(db.fetch(f"SELECT * FROM {relation} LIMIT 20")) >= min(count, 1)


def test_vectors_of_the_catalogue_are_lists(db: howdah.Database) -> None:
    query = "SELECT indkey, indclass FROM pg_index WHERE indexrelid = 'pg_attribute_relid_attnam_index'::regclass"
    row = db.fetch_one(query)
    assert row is not None
    assert row["indkey"] == [1, 2]
    assert [type(oid) for oid in row["indclass"]] == [int, int]
    assert db.fetch_value("SELECT '1 2'::int2vector = $1", [1, 2]) is True
    assert db.fetch_value("SELECT $1::oidvector::text", [7]) == "7"


def test_names_of_the_catalogue_come_as_text(db: howdah.Database) -> None:
    query = "SELECT 'pg_class'::regclass AS class, 'int4'::regtype AS type, relkind AS kind, relname AS name, xmin "
    row = db.fetch_one(query + "FROM pg_class WHERE oid = 'pg_class'::regclass")
    assert row is not None
    assert [row[name] for name in ("class", "type", "kind", "name")] == ["pg_class", "integer", "r", "pg_class"]
    assert isinstance(row["xmin"], int)
    assert db.fetch_value("SELECT $1::regclass::oid", "pg_class") == db.fetch_value(
        "SELECT oid FROM pg_class WHERE relname = $1", "pg_class"
    )
