"""pgvector's vector and halfvec: lists of float32 in Arrow, `howdah.Vector` in rows."""

from __future__ import annotations

import array
import copy
import pickle
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

import howdah
from howdah import Vector
from tests.python.versions import wants

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql
    from tests.python.types.conftest import Column


@pytest.fixture(autouse=True)
def extension(sql: Sql) -> None:
    """Make the types known."""
    wants("vector", sql)
    sql("CREATE EXTENSION vector")


WAYS: list[Callable[[list[float]], Any]] = [
    list,
    tuple,
    Vector,
    np.array,
    lambda numbers: np.array(numbers, np.float32),
    lambda numbers: np.array(numbers, np.float16),
    lambda numbers: np.array(numbers, ">f8"),
    lambda numbers: array.array("f", numbers),
]
GIVEN = [1.0, -2.5, 0.0]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("declaration", ["vector", "vector(3)", "halfvec", "halfvec(3)"])
def test_vector_goes_in_as_every_sequence_and_comes_back(
    db: howdah.Database, column: Column, declaration: str, way: Callable[[list[float]], Any]
) -> None:
    assert column.load(declaration, [way(GIVEN), None], "rows") == ["[1,-2.5,0]", None]
    item = pa.float32()
    assert column.read().type == (pa.list_(item, 3) if "3" in declaration else pa.list_(item))
    assert column.read().to_pylist() == [GIVEN, None]
    back = db.fetch_value(f"SELECT $1::{declaration}", way(GIVEN))
    assert type(back) is Vector
    assert back == Vector(GIVEN)
    assert db.fetch_value(f"SELECT $1::{declaration}[]", [GIVEN, None]) == [Vector(GIVEN), None]


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.large_list(pa.float32()), pa.list_(pa.float32(), 3), pa.list_(pa.float16())]
)
def test_vector_takes_every_list_of_floats(column: Column, kind: pa.DataType) -> None:
    given = pa.array([[np.float16(number) for number in GIVEN], None], kind)
    assert column.load("vector(3)", given) == ["[1,-2.5,0]", None]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([1.0, 2.0], "expected 3 dimensions|2 numbers, where 3"),
        ([], "at least 1|no numbers|0 numbers|dimension"),
        ([1.0, float("nan"), 1.0], "NaN|not a finite"),
        ([1.0, None, 1.0], "element 1"),
        ("[1,2,3]", "expected vector, got str"),
        (7, "expected vector, got int"),
    ],
    ids=str,
)
def test_vector_that_is_none_is_refused(db: howdah.Database, sql: Sql, value: object, says: str) -> None:
    sql("CREATE TABLE t (v vector(3))")
    with pytest.raises((howdah.ConversionError, howdah.DataError), match=says):
        db.load("t", [{"v": GIVEN}, {"v": value}])
    with pytest.raises((howdah.ConversionError, howdah.DataError)):
        db.execute("INSERT INTO t VALUES ($1)", value)
    assert sql("SELECT count(*) FROM t") == [(0,)]


def test_vector_is_copied_and_pickled() -> None:
    vector = Vector([1, 2.5])
    assert repr(vector) == "Vector([1.0, 2.5])"
    assert copy.deepcopy(vector) == pickle.loads(pickle.dumps(vector)) == vector  # noqa: S301  (our own)
    assert type(copy.copy(vector)) is Vector
