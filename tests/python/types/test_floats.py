"""float4 and float8: NaN, infinities, both zeros and the least of each."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

COMMON = [(0.0, "0"), (-0.0, "-0"), (1.5, "1.5"), (math.inf, "Infinity"), (-math.inf, "-Infinity")]
FLOAT4 = [*COMMON, (3.4028234663852886e38, "3.4028235e+38"), (1.401298464324817e-45, "1e-45")]
FLOAT8 = [
    *COMMON,
    (0.1, "0.1"),
    (sys.float_info.max, "1.7976931348623157e+308"),
    (-sys.float_info.max, "-1.7976931348623157e+308"),
    (sys.float_info.min, "2.2250738585072014e-308"),
    (5e-324, "5e-324"),
]


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
def test_float4_values_come_back_the_same(column: Column, road: Any) -> None:
    column.round_trip("float4", pa.float32(), FLOAT4, road)


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
def test_float8_values_come_back_the_same(column: Column, road: Any) -> None:
    column.round_trip("float8", pa.float64(), FLOAT8, road)


@pytest.mark.parametrize("road", ["rows", "arrow"])
@pytest.mark.parametrize("name", ["float4", "float8"])
def test_float_nan_survives(column: Column, name: str, road: Any) -> None:
    values = [math.nan, -math.nan, None, 1.0]
    given = pa.array(values, pa.float64(), from_pandas=False) if road == "arrow" else values
    assert column.load(name, given, road) == ["NaN", "NaN", None, "1"]
    back = column.read().to_pylist()
    assert math.isnan(back[0])
    assert math.isnan(back[1])
    assert back[2:] == [None, 1.0]


@pytest.mark.parametrize("arrow", [pa.float16(), pa.float32(), pa.float64()], ids=str)
@pytest.mark.parametrize("name", ["float4", "float8"])
def test_float_takes_every_width(column: Column, name: str, arrow: pa.DataType) -> None:
    given = pa.array([np.float16(1.5), np.float16(-0.25), None, np.float16(65504)]).cast(arrow)
    assert column.load(name, given) == ["1.5", "-0.25", None, "65504"]


@pytest.mark.parametrize("road", ["rows", "arrow"])
@pytest.mark.parametrize(("name", "limit"), [("float4", 2**24), ("float8", 2**53)])
def test_float_takes_integers_that_stay_exact(column: Column, name: str, limit: int, road: Any) -> None:
    values = [0, -7, limit, -limit]
    given = pa.array(values) if road == "arrow" else values
    column.load(name, given, road)
    assert column.read().to_pylist() == values


def test_float_takes_numpy_values(column: Column) -> None:
    assert column.load("float8", [np.float64(0.5), np.float32(0.25), np.int8(3)], "rows") == ["0.5", "0.25", "3"]
