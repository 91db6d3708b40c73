"""Enums and domains: an enum's labels in the server's order, a domain as its base type."""

from __future__ import annotations

import decimal
import enum
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

if TYPE_CHECKING:
    from tests.python.types.conftest import Column

LABELS = ["ok", "sad", "", "é x", 'quo"te']
ARROW = pa.dictionary(pa.int32(), pa.string())


@pytest.fixture(autouse=True)
def types(column: Column) -> None:
    """Make the types."""
    column.sql("CREATE TYPE mood AS ENUM ('sad', '', 'é x', 'quo\"te')")
    column.sql("ALTER TYPE mood ADD VALUE 'ok' BEFORE 'sad'")
    column.sql("CREATE TYPE \"Odd Type\" AS ENUM ('a')")
    column.sql("CREATE DOMAIN amount AS numeric(9,2) CHECK (VALUE > 0)")
    column.sql("CREATE DOMAIN price AS amount NOT NULL")
    column.sql("CREATE DOMAIN feeling AS mood; CREATE DOMAIN many AS int4[]; CREATE DOMAIN short AS varchar(3)")


@pytest.mark.parametrize("road", ["rows", "tuples", "arrow"])
@pytest.mark.parametrize("declaration", ["mood", "feeling"])
def test_enum_values_come_back_the_same(column: Column, declaration: str, road: Any) -> None:
    values = [*reversed(LABELS), None, "ok"]
    given = pa.array(values) if road == "arrow" else values
    assert column.load(declaration, given, road) == values
    back = column.read()
    assert back.type == ARROW
    assert back.to_pylist() == values
    assert back.dictionary.to_pylist() == LABELS


@pytest.mark.parametrize("index", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint32()], ids=str)
def test_enum_takes_dictionaries_with_unused_labels(column: Column, index: pa.DataType) -> None:
    given = pa.DictionaryArray.from_arrays(pa.array([1, None, 2, 1], index), pa.array(["no label", "sad", None]))
    assert column.load("mood", given) == ["sad", None, None, "sad"]


def test_enum_takes_python_enums(column: Column) -> None:
    class Mood(enum.Enum):
        SAD = "sad"

    class Text(enum.StrEnum):
        OK = "ok"

    assert column.load("mood", [Mood.SAD, Text.OK], "rows") == ["sad", "ok"]


def test_enum_arrays_come_back_the_same(column: Column) -> None:
    lists = [["sad", None, "ok"], [], None]
    column.load("mood[]", lists, "rows")
    assert column.read().to_pylist() == lists
    column.load("mood[]", pa.array(lists))
    assert column.read().to_pylist() == lists


def test_enum_of_an_odd_name_works(column: Column) -> None:
    assert column.load('"Odd Type"', ["a"], "rows") == ["a"]
    assert column.read().to_pylist() == ["a"]


def test_enum_label_added_later_is_known(column: Column) -> None:
    column.load("mood", ["ok"], "rows")
    column.sql("ALTER TYPE mood ADD VALUE 'new'")
    assert column.load("mood", ["new"], "rows") == ["new"]
    assert column.read().to_pylist() == ["new"]


@pytest.mark.parametrize("road", ["rows", "arrow"])
@pytest.mark.parametrize("declaration", ["amount", "price"])
def test_domain_over_numeric_keeps_its_digits(column: Column, declaration: str, road: Any) -> None:
    values = [decimal.Decimal("1.50"), decimal.Decimal("9999999.99")]
    given = pa.array(values) if road == "arrow" else values
    assert column.load(declaration, given, road) == ["1.50", "9999999.99"]
    back = column.read()
    assert back.type == pa.decimal128(9, 2)
    assert back.to_pylist() == values


def test_domain_over_array_is_an_array(column: Column) -> None:
    assert column.load("many", [[1, None], [], None], "rows") == ["{1,NULL}", "{}", None]
    assert column.read().to_pylist() == [[1, None], [], None]


def test_array_of_domains_is_as_one_of_what_they_stand_for(column: Column) -> None:
    assert column.load("amount[]", [[decimal.Decimal("1.5")], []], "rows") == ["{1.50}", "{}"]
    assert column.read().to_pylist() == [[decimal.Decimal("1.50")], []]


def test_domain_over_varchar_is_text(column: Column) -> None:
    assert column.load("short", ["abc", None], "rows") == ["abc", None]
    assert column.read().to_pylist() == ["abc", None]
