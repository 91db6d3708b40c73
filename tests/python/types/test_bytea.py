"""bytea: any bytes, in every Arrow form and every bytes-like Python one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

PAIRS = [
    (b"", "\\x"),
    (b"\0", "\\x00"),
    (b"\xff\\x", "\\xff5c78"),
    (bytes(range(256)), "\\x" + bytes(range(256)).hex()),
]


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
def test_bytea_values_come_back_the_same(column: Column, road: Any) -> None:
    column.round_trip("bytea", pa.binary(), PAIRS, road)


@pytest.mark.parametrize("arrow", [pa.large_binary(), pa.binary_view()], ids=str)
def test_bytea_takes_every_binary(column: Column, arrow: pa.DataType) -> None:
    values = [value for value, _ in PAIRS]
    assert column.load("bytea", pa.array([*values, None], arrow)) == [*(text for _, text in PAIRS), None]


def test_bytea_takes_fixed_size_binary(column: Column) -> None:
    assert column.load("bytea", pa.array([b"abc", None, b"\0\1\2"], pa.binary(3))) == ["\\x616263", None, "\\x000102"]


def test_bytea_takes_what_is_like_bytes(column: Column) -> None:
    given = [b"ab", bytearray(b"cd"), memoryview(b"efgh")[1:3], memoryview(b"abcd")[::2]]
    assert column.load("bytea", given, "rows") == ["\\x6162", "\\x6364", "\\x6667", "\\x6163"]
