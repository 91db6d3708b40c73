"""json and jsonb: Arrow strings are sent unchanged; Python values are written as JSON, a str as a string."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from howdah import Json, JsonText

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

ODD = '{"b" : 1.0,  "a": "\\u00e9", "b": 1e400, "c": 12345678901234567890.123456789012345678}'
TEXTS = ["{}", "[]", "null", "1", '"x"', "true", '{"a": [1, {"b": null}]}']


@pytest.mark.parametrize("form", [pa.string(), pa.large_string(), pa.string_view(), pa.json_()], ids=str)
def test_json_text_is_not_written_anew(column: Column, form: pa.DataType) -> None:
    assert column.load("json", pa.array([ODD, None, *TEXTS], form)) == [ODD, None, *TEXTS]
    back = column.read()
    assert back.type == pa.json_()
    assert back.storage.to_pylist() == [ODD, None, *TEXTS]


def test_json_null_is_not_none(column: Column) -> None:
    assert column.load("jsonb", [Json(None), None], "rows") == ["null", None]


@pytest.mark.parametrize("name", ["json", "jsonb"])
@pytest.mark.parametrize("road", ["rows", "arrow"])
def test_json_values_come_back_the_same(column: Column, name: str, road: Any) -> None:
    given = pa.array([*TEXTS, None], pa.json_()) if road == "arrow" else [*map(JsonText, TEXTS), None]
    assert column.load(name, given, road) == [*TEXTS, None]
    assert column.read().storage.to_pylist() == [*TEXTS, None]


@pytest.mark.parametrize("name", ["json", "jsonb"])
def test_json_arrays_come_back_the_same(column: Column, name: str) -> None:
    column.load(f"{name}[]", [[JsonText('{"a": 1}'), None], [], None, [{"b": 2}]], "rows")
    back = column.read()
    assert back.type.value_type == pa.json_()
    assert back.to_pylist() == [['{"a": 1}', None], [], None, ['{"b": 2}']]


@pytest.mark.parametrize(
    "value", [{}, {"a": [1, None, "é🐘"]}, [], [1, 2.5, None], (1, 2), 5, 2.5, True, 10**30, "1", "null", ""], ids=str
)
def test_json_takes_python_s_own_shapes(column: Column, value: object) -> None:
    (text,) = column.load("jsonb", [value], "rows")
    assert text is not None
    assert json.loads(text) == json.loads(json.dumps(value))


def test_jsonb_shows_what_the_server_made_of_it(column: Column) -> None:
    column.load("jsonb", [JsonText('{"b": 1, "a": 1.50}')], "rows")
    assert column.read().storage.to_pylist() == ['{"a": 1.50, "b": 1}']
