"""Which SQL types Python's types are."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from collections.abc import Hashable, Mapping
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from howdah.errors import InterfaceError
from howdah.interval import Interval
from howdah.range import Range
from howdah.vector import Vector

TYPES: dict[object, str] = {
    bool: "boolean",
    int: "bigint",
    float: "double precision",
    str: "text",
    bytes: "bytea",
    bytearray: "bytea",
    memoryview: "bytea",
    Decimal: "numeric",
    dt.datetime: "timestamp with time zone",
    dt.date: "date",
    dt.time: "time",
    dt.timedelta: "interval",
    Interval: "interval",
    uuid.UUID: "uuid",
    dict: "jsonb",
    list: "jsonb",
    Mapping: "jsonb",
    Any: "jsonb",
    object: "jsonb",
    Vector: "vector",
    ipaddress.IPv4Address: "inet",
    ipaddress.IPv6Address: "inet",
    ipaddress.IPv4Interface: "inet",
    ipaddress.IPv6Interface: "inet",
    ipaddress.IPv4Network: "cidr",
    ipaddress.IPv6Network: "cidr",
}
# https://www.postgresql.org/docs/current/rangetypes.html
RANGES: dict[object, str] = {
    int: "int8range",
    Decimal: "numrange",
    dt.date: "daterange",
    dt.datetime: "tstzrange",
}
ELEMENTS = {
    "int4range": "integer",
    "int8range": "bigint",
    "numrange": "numeric",
    "daterange": "date",
    "tsrange": "timestamp",
    "tstzrange": "timestamptz",
}
INT4 = 1 << 31
INT8 = 1 << 63


def sql_type(annotation: object) -> str:
    """Give the SQL type of an annotation.

    Args:
        annotation: A type, or a list, range or Optional of one.

    Returns:
        Its name, as SQL writes it; an enum's is that of its class in snake case.

    Raises:
        InterfaceError: There is none.
    """
    origin, kinds = get_origin(annotation), get_args(annotation)
    if origin in {Union, UnionType}:
        some = [kind for kind in kinds if kind is not NoneType]
        # Anything may be in JSON.
        return sql_type(some[0]) if len(some) == 1 else "jsonb"
    if origin is list:
        element = sql_type(kinds[0])
        return element if element == "jsonb" else f"{element}[]"
    found = RANGES.get(kinds[0]) if origin is Range and kinds else _plain(annotation if origin is None else origin)
    if found is None:
        message = f"no SQL type is known for {annotation!r}; name one by col(type=...)"
        raise InterfaceError(message)
    return found


def _plain(kind: object) -> str | None:
    """Give the SQL type of a class, or of the nearest one that it is derived from."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return enum_name(kind)
    for base in (kind, *getattr(kind, "__mro__", ())[1:-1]):
        if isinstance(base, Hashable) and base in TYPES:
            return TYPES[base]
    return None


def enum_name(enum: type[Enum]) -> str:
    """Give the name of an Enum class's type: `__enum_name__` where the class has one, else its own in snake case."""
    return str(getattr(enum, "__enum_name__", None) or snake_case(enum.__name__))


def snake_case(name: str) -> str:
    """Give `HTTPRequest2` as `http_request2`."""
    pieces: list[str] = []
    for at, letter in enumerate(name):
        follows_small = at > 0 and not name[at - 1].isupper() and name[at - 1] != "_"
        before_small = 0 < at < len(name) - 1 and name[at + 1].islower() and name[at - 1] != "_"
        if letter.isupper() and (follows_small or before_small):
            pieces.append("_")
        pieces.append(letter.lower())
    return "".join(pieces)


def cast_of(value: object) -> str | None:  # noqa: PLR0911  (one for each kind)
    """Give the SQL type that a value is cast to where nothing beside it tells; None where it is anything."""
    if value is None:
        return None
    kind = type(value)
    if kind is int and isinstance(value, int):
        if -INT4 <= value < INT4:
            return "integer"
        return "bigint" if -INT8 <= value < INT8 else "numeric"
    if kind is dt.datetime and isinstance(value, dt.datetime):
        return "timestamp" if value.tzinfo is None else "timestamptz"
    if isinstance(value, list):
        first = next((one for one in value if one is not None), None)
        element = cast_of(first)
        if isinstance(first, int) and element == "integer":
            element = "bigint"
        return "jsonb" if element == "jsonb" else f"{element or 'text'}[]"
    if isinstance(value, Range):
        return None
    try:
        return sql_type(kind)
    except InterfaceError:
        return None
