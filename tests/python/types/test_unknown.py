"""Types without a codec, and arrays that are not one-dimensional."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from tests.python.conftest import Sql

UNKNOWN = {
    "tsvector": "'elephant':2 'grey':1",
    "tsquery": "'grey' & 'elephant'",
    "money": "$1.50",
    "pg_snapshot": "10:20:10,14",
    "regclass": "pg_class",
    "pair": "(1,'x')",
    "tsvector[]": "{'a':1}",
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_type_without_codec_is_loaded_and_read_as_its_text(db: howdah.Database, sql: Sql, name: str) -> None:
    sql("CREATE TYPE pair AS (a int, b tsquery)")
    sql(f"CREATE TABLE t (id int, odd {name})")
    assert db.load("t", [{"id": 1}]).rows == 1
    assert db.execute("INSERT INTO t VALUES (2, $1)", UNKNOWN[name]) == 1
    read = db.read("SELECT id, odd FROM t ORDER BY id").to_arrow()
    assert read.to_pylist() == [{"id": 1, "odd": None}, {"id": 2, "odd": UNKNOWN[name]}]
    assert read.schema.field("odd").type == pa.opaque(pa.string(), name, "PostgreSQL")
    assert db.fetch_value("SELECT odd FROM t WHERE id = 2") == UNKNOWN[name]
    db.load("t", read, mode="truncate")
    assert db.read("SELECT id, odd FROM t ORDER BY id").to_arrow().equals(read)


@pytest.mark.parametrize(
    ("text", "says"),
    [("{{1,2},{3,4}}", "dimension"), ("[0:1]={1,2}", "begins at 1"), ("[2:2][3:3]={{1}}", "dimension")],
)
def test_array_of_another_shape_is_an_error_with_its_place(db: howdah.Database, sql: Sql, text: str, says: str) -> None:
    sql("CREATE TABLE t (id int, v int[])")
    sql("INSERT INTO t VALUES (1, '{1}'), (2, %s::text::int[])", text)
    with pytest.raises(howdah.DataError) as caught:
        db.read("t").to_arrow()
    assert (caught.value.column, caught.value.row) == ("v", 1)
    assert says in str(caught.value)
