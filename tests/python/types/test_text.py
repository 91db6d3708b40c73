"""text, varchar, bpchar and name: any text that PostgreSQL accepts, in every Arrow form."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

TEXTS = [
    "",
    "x",
    "NULL",
    "\\N",
    'quo"te',
    "it's",
    "tab\tnew\nline",
    "é",
    "日本",
    "🐘",
    "{}",
    "a,b",
    "\x01\x7f",
    "\u202e",
    "e\u0301",
]
DECLARATIONS = ["text", "varchar", "varchar(60)", "bpchar", "name"]


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_text_values_come_back_the_same(column: Column, declaration: str, road: Any) -> None:
    column.round_trip(declaration, pa.string(), [(text, text) for text in TEXTS], road)


def test_text_of_great_length_comes_back_the_same(column: Column) -> None:
    long = "é" * 3_000_000
    column.round_trip("text", pa.string(), [(long, long)], "arrow")


def test_bpchar_with_a_length_is_padded_by_the_server(column: Column) -> None:
    column.load("char(4)", ["ab", "abcd"], "rows")
    assert column.read().to_pylist() == ["ab  ", "abcd"]


def test_name_of_63_bytes_fits(column: Column) -> None:
    long = "n" * 63
    assert column.load("name", [long], "rows") == [long]


@pytest.mark.parametrize("arrow", [pa.large_string(), pa.string_view()], ids=str)
@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_text_takes_every_string(column: Column, declaration: str, arrow: pa.DataType) -> None:
    values = [*TEXTS, None, "longer than twelve bytes"]
    assert column.load(declaration, pa.array(values, arrow)) == values


@pytest.mark.parametrize("declaration", DECLARATIONS)
def test_text_takes_dictionaries(column: Column, declaration: str) -> None:
    values = ["x", None, "", "x", "é"]
    assert column.load(declaration, pa.array(values).dictionary_encode()) == values


def test_text_takes_str_subclasses_and_enums(column: Column) -> None:
    class Colour(enum.Enum):
        RED = "red"

    class Shade(enum.StrEnum):
        DARK = "dark"

    class Own(str):
        __slots__ = ()

    assert column.load("text", [Colour.RED, Shade.DARK, Own("own")], "rows") == ["red", "dark", "own"]
