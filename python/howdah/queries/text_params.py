"""Values that are sent as text and cast by the server, because neither an array nor COPY can carry them."""

# The types of values in rows are known at run time only.
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

# Element types of which an array's text is unambiguous, and the Python type of the elements.
ELEMENT_TYPES: dict[str, type] = {
    "text": str,
    "varchar": str,
    "bigint": int,
    "integer": int,
    "smallint": int,
    "boolean": bool,
    "double precision": float,
}
# The same for arrays of arrays, which are always sent as text.
NESTED_ELEMENT_TYPES: dict[str, tuple[type, ...]] = {
    **{name: (kind,) for name, kind in ELEMENT_TYPES.items()},
    "numeric": (Decimal, int),
    "uuid": (uuid.UUID,),
    "date": (dt.date,),
}


def unknown_texts(column: Column, values: Sequence[Any]) -> bool:
    """Return whether all values are strings, or NULL, of a type that howdah does not know by its name.

    Args:
        column: The column.
        values: Its values.
    """
    if column.type.kind is not None or is_known(column.type.bare):
        return False
    return set(map(type, values)) <= {str, type(None)}


def may_be_composite(column: Column, values: Sequence[Any]) -> bool:
    """Return whether values may be of a composite type, by the type's name: `unnest` would expand an array of them.

    Args:
        column: The column.
        values: Its values.
    """
    if column.type.kind is not None or is_known(column.type.bare):
        return False
    return not unknown_texts(column, values)


def array_texts(column: Column, values: Sequence[Any]) -> list[str | None] | None:
    """Return arrays in the server's text format; None if one has an element of another type.

    Source: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO.
    """
    if is_nested(column):
        return _nested_texts(column, values)
    of = column.type.bare[:-2]
    plain_type = str if column.type.kind is not None else ELEMENT_TYPES.get(of)
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
    """Return whether a column has arrays of arrays."""
    return column.type.name.endswith("[][]")


def _nested_texts(column: Column, values: Sequence[Any]) -> list[str | None] | None:
    plain_types = NESTED_ELEMENT_TYPES.get(column.type.bare.rstrip("[]"), (str,))
    texts = [None if value is None else _nested_text(value, plain_types) for value in values]
    return None if any(text is None and value is not None for text, value in zip(texts, values, strict=True)) else texts


def _nested_text(value: object, plain_types: tuple[type, ...]) -> str | None:
    """Return the text of an array or an element; None if its type is another."""
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
