"""int2, int4, int8 and oid: every Arrow integer that fits, and none that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from howdah import DataError

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

RANGES = {
    "int2": (pa.int16(), -(2**15), 2**15 - 1),
    "int4": (pa.int32(), -(2**31), 2**31 - 1),
    "int8": (pa.int64(), -(2**63), 2**63 - 1),
    "oid": (pa.uint32(), 0, 2**32 - 1),
}
WIDTHS = {
    pa.int8(): (-(2**7), 2**7 - 1),
    pa.int16(): (-(2**15), 2**15 - 1),
    pa.int32(): (-(2**31), 2**31 - 1),
    pa.int64(): (-(2**63), 2**63 - 1),
    pa.uint8(): (0, 2**8 - 1),
    pa.uint16(): (0, 2**16 - 1),
    pa.uint32(): (0, 2**32 - 1),
    pa.uint64(): (0, 2**64 - 1),
}


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
@pytest.mark.parametrize("name", RANGES)
def test_integer_values_come_back_the_same(column: Column, name: str, road: Any) -> None:
    arrow, least, greatest = RANGES[name]
    pairs = [(value, str(value)) for value in (0, 1, 77, least, greatest)]
    column.round_trip(name, arrow, pairs, road)


@pytest.mark.parametrize("width", WIDTHS, ids=str)
@pytest.mark.parametrize("name", RANGES)
def test_integer_takes_every_width_up_to_its_edges(column: Column, name: str, width: pa.DataType) -> None:
    _, least, greatest = RANGES[name]
    low, high = WIDTHS[width]
    edges = [max(least, low), None, min(greatest, high)]
    assert column.load(name, pa.array(edges, width)) == [None if edge is None else str(edge) for edge in edges]
    for beyond, fits in ((least - 1, low <= least - 1), (greatest + 1, high >= greatest + 1)):
        if fits:
            with pytest.raises(DataError) as caught:
                column.load(name, pa.array([None, edges[0], beyond], width))
            assert (caught.value.column, caught.value.row) == ("v", 2)
            assert str(beyond) in str(caught.value)


@pytest.mark.parametrize("name", ["int2", "int4", "int8", "oid"])
def test_integer_takes_numpy_values(column: Column, name: str) -> None:
    assert column.load(name, [np.int64(5), np.uint8(6), np.int16(7)], "rows") == ["5", "6", "7"]
