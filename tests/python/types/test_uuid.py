"""uuid: as arrow.uuid, as 16 bytes and as text."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

UUIDS = [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")]
TEXTS = [str(value) for value in UUIDS]


@pytest.mark.parametrize("road", ["rows", "tuples"])
def test_uuid_values_come_back_the_same(column: Column, road: Any) -> None:
    assert column.load("uuid", [*UUIDS, None], road) == [*TEXTS, None]
    back = column.read()
    assert back.type == pa.uuid()
    assert back.to_pylist() == [*UUIDS, None]


def test_uuid_arrays_come_back_the_same(column: Column) -> None:
    column.load("uuid[]", [[*UUIDS, None], [], None], "rows")
    back = column.read()
    assert back.type.value_type == pa.uuid()
    assert back.to_pylist() == [[*UUIDS, None], [], None]
    assert column.sql(f"SELECT v::text[] FROM {column.table} WHERE n = 0") == [([*TEXTS, None],)]


@pytest.mark.parametrize("arrow", [pa.uuid(), pa.binary(16)], ids=str)
def test_uuid_takes_sixteen_bytes(column: Column, arrow: pa.DataType) -> None:
    given = pa.array([*(value.bytes for value in UUIDS), None], arrow)
    assert column.load("uuid", given) == [*TEXTS, None]


@pytest.mark.parametrize("road", ["rows", "arrow"])
def test_uuid_takes_text(column: Column, road: Any) -> None:
    texts = [TEXTS[2], TEXTS[2].upper(), TEXTS[2].replace("-", ""), "{" + TEXTS[2] + "}"]
    given = pa.array(texts) if road == "arrow" else texts
    assert column.load("uuid", given, road) == [TEXTS[2]] * 4
