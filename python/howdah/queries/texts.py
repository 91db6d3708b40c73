"""Values that go to the server as text and are cast there: what neither an array of them nor COPY can carry."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from howdah.expressions.values import is_known

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.tables.schema import Column

# What elements of an array must be, that its text is beyond doubt.
PLAIN: dict[str, type] = {
    "text": str,
    "varchar": str,
    "bigint": int,
    "integer": int,
    "smallint": int,
    "boolean": bool,
    "double precision": float,
}
# The same of an array of arrays, which goes in no other way.
NESTED: dict[str, tuple[type, ...]] = {
    **{name: (kind,) for name, kind in PLAIN.items()},
    "numeric": (Decimal, int),
    "uuid": (uuid.UUID,),
    "date": (dt.date,),
}


def unknown_texts(column: Column, values: Sequence[Any]) -> bool:
    """Tell whether all values are texts, or NULL, of a type that is none of those that are known by name.

    Args:
        column: The column.
        values: Its values.
    """
    if column.type.kind is not None or is_known(column.type.bare):
        return False
    return set(map(type, values)) <= {str, type(None)}


def array_texts(column: Column, values: Sequence[Any]) -> list[str | None] | None:
    """Give arrays as the server reads them; None if one has an element that is not plain.

    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
    """
    if is_nested(column):
        return _nested_texts(column, values)
    of = column.type.bare[:-2]
    plain_type = str if column.type.kind is not None else PLAIN.get(of)
    if plain_type is None:
        return None
    texts: list[str | None] = []
    for value in values:
        if value is None:
            texts.append(None)
            continue
        if type(value) is not list or any(type(one) is not plain_type and one is not None for one in value):
            return None
        texts.append("{" + ",".join([_element(one) for one in value]) + "}")
    return texts


def is_nested(column: Column) -> bool:
    """Tell whether a column has arrays of arrays."""
    return column.type.name.endswith("[][]")


def _nested_texts(column: Column, values: Sequence[Any]) -> list[str | None] | None:
    plain_types = NESTED.get(column.type.bare.rstrip("[]"), (str,))
    texts = [None if value is None else _nested_text(value, plain_types) for value in values]
    return None if any(text is None and value is not None for text, value in zip(texts, values, strict=True)) else texts


def _nested_text(value: object, plain_types: tuple[type, ...]) -> str | None:
    """Give an array, or an element of one; None if that is not plain."""
    if isinstance(value, list):
        parts = [_nested_text(one, plain_types) for one in value]
        return None if None in parts else "{" + ",".join(map(str, parts)) + "}"
    if isinstance(value, Enum):
        value = value.value
    return _element(value) if value is None or type(value) in plain_types else None


def _element(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
