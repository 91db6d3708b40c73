"""Structs, maps and lists of Arrow in json and jsonb columns."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa
import pytest

import howdah

if TYPE_CHECKING:
    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column

INNER = pa.struct({"n": pa.int64(), "price": pa.decimal128(20, 2), "x": pa.float64(), "tags": pa.list_(pa.string())})
VALUES: list[Any] = [
    {"n": 2**63 - 1, "price": Decimal("12345678901234567.89"), "x": 0.1, "tags": ['é"\\\n', None]},
    {"n": None, "price": None, "x": -1e300, "tags": []},
    {"n": 1, "price": Decimal("0.10"), "x": None, "tags": None},
    None,
]


@pytest.mark.parametrize("declaration", ["json", "jsonb"])
def test_struct_is_an_object_with_all_digits(sql: Sql, column: Column, declaration: str) -> None:
    column.load(declaration, pa.array(VALUES, INNER))
    stored = sql(f"SELECT v::text FROM {column.table} ORDER BY n")
    got = [None if text is None else json.loads(text, parse_float=Decimal) for (text,) in stored]
    digits = {"n": 2**63 - 1, "price": Decimal("12345678901234567.89"), "x": Decimal("0.1"), "tags": ['é"\\\n', None]}
    # The last value of the load is NULL, not JSON's null.
    assert got == [digits, {**VALUES[1], "x": Decimal("-1e300")}, VALUES[2], None]


def test_maps_lists_and_dictionaries_are_objects_arrays_and_their_values(column: Column) -> None:
    maps = pa.array([[("a", 1), ("b", None)], [], None], pa.map_(pa.string(), pa.int32()))
    assert column.load("json", maps) == ['{"a":1,"b":null}', "{}", None]
    lists = pa.array([[[1, 2], None], []], pa.large_list(pa.list_(pa.int8(), 2)))
    assert column.load("json", lists) == ["[[1,2],null]", "[]"]
    letters = pa.array(["x", None, "x"]).dictionary_encode()
    assert column.load("json", pa.StructArray.from_arrays([letters], ["k"])) == ['{"k":"x"}', '{"k":null}', '{"k":"x"}']
    texts = pa.StructArray.from_arrays([pa.array(['{"raw": 1}'], pa.json_())], ["j"])
    assert column.load("json", texts) == ['{"j":{"raw": 1}}']


def test_frame_with_structs_makes_a_column_of_jsonb(db: howdah.Database, sql: Sql) -> None:
    db.load("t", pl.DataFrame({"v": [{"a": 1, "b": ["x"]}, None]}), mode="create")
    assert sql("SELECT pg_typeof(v)::text, v FROM t ORDER BY v IS NULL") == [
        ("jsonb", {"a": 1, "b": ["x"]}),
        ("jsonb", None),
    ]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (pa.array([{"x": 1.0}, {"x": float("nan")}]), "row 1: NaN, which JSON does not have"),
        (pa.array([[1.0], [float("inf")]]), "row 1: inf, which JSON does not have"),
        (pa.array([[], [("a", 1), ("a", 2)]], pa.map_(pa.string(), pa.int8())), 'row 1: a map with the key "a" twice'),
    ],
    ids=["nan", "infinity", "key"],
)
def test_value_without_json_is_an_error(db: howdah.Database, sql: Sql, values: pa.Array, says: str) -> None:
    sql("CREATE TABLE t (v jsonb)")
    with pytest.raises(howdah.DataError) as caught:
        db.load("t", pa.table({"v": values}))
    assert says in str(caught.value)
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([{"x": b"a"}]),
        pa.array([{"x": 0}], pa.struct({"x": pa.timestamp("us")})),
        pa.array([[(1, 1)]], pa.map_(pa.int8(), pa.int8())),
        pa.StructArray.from_arrays([pa.array([1]), pa.array([2])], ["a", "a"]),
        pa.array([1]),
    ],
    ids=["binary", "timestamp", "integer key", "field twice", "number"],
)
def test_type_without_one_form_of_json_is_refused(db: howdah.Database, sql: Sql, values: pa.Array) -> None:
    sql("CREATE TABLE t (v jsonb)")
    with pytest.raises(howdah.ProgrammingError, match=r'column "v": expected jsonb, got .*; cast it first'):
        db.load("t", pa.table({"v": values}))
