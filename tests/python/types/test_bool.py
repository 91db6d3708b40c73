"""bool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
def test_bool_values_come_back_the_same(column: Column, road: Any) -> None:
    column.round_trip("bool", pa.bool_(), [(True, "true"), (False, "false")], road)


def test_bool_takes_bool8(column: Column) -> None:
    storage = pa.array([1, 0, None, 5, -1], pa.int8())
    given = pa.ExtensionArray.from_storage(pa.bool8(), storage)
    assert column.load("bool", given) == ["true", "false", None, "true", "true"]


def test_bool_takes_numpy_values(column: Column) -> None:
    assert column.load("bool", [np.True_, np.False_], "rows") == ["true", "false"]
