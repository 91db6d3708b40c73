"""Types that howdah does not know yet, and arrays that are not one-dimensional: said clearly, never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from tests.python.conftest import Sql

UNKNOWN = ["polygon", "inet", "int4range", "bit(3)", "xml", "tsvector", "money", "timetz", "pg_lsn", "pair", "inet[]"]
REFUSALS = (howdah.NotSupportedError, howdah.ProgrammingError)


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_type_is_named_on_load_and_on_read(db: howdah.Database, sql: Sql, name: str) -> None:
    sql("CREATE TYPE pair AS (a int, b text)")
    sql(f"CREATE TABLE t (id int, odd {name})")
    shown = name.removesuffix("(3)").removesuffix("[]")
    with pytest.raises(REFUSALS) as caught:
        db.load("t", pa.table({"id": [1], "odd": ["x"]}))
    assert '"odd"' in str(caught.value)
    assert shown in str(caught.value)
    with pytest.raises(REFUSALS) as caught:
        db.read("t").to_arrow()
    assert '"odd"' in str(caught.value)
    assert shown in str(caught.value)
    assert db.load("t", [{"id": 1}]).rows == 1
    assert db.read("SELECT id FROM t").to_arrow().to_pylist() == [{"id": 1}]


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
