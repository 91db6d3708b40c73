"""Maps Python types to SQL types."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import uuid
from collections.abc import Hashable, Mapping
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from howdah import _core
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
# Without a length, a cast to these names cuts values to the length 1.
UNBOUNDED = {"char": "bpchar", "character": "bpchar", "bit": "varbit"}
# The types of numbers by each of their names, ordered by range: smaller ones first.
NUMBERS = {
    "smallint": "smallint",
    "int2": "smallint",
    "integer": "integer",
    "int": "integer",
    "int4": "integer",
    "bigint": "bigint",
    "int8": "bigint",
    "numeric": "numeric",
    "decimal": "numeric",
    "real": "real",
    "float4": "real",
    "double precision": "double precision",
    "float8": "double precision",
    "float": "double precision",
}
WIDER = tuple(dict.fromkeys(NUMBERS.values()))
INT4 = 1 << 31
INT8 = 1 << 63


def sql_type(annotation: object) -> str:
    """Return the SQL type of an annotation.

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
        # JSON can hold values of all of them.
        return sql_type(some[0]) if len(some) == 1 else "jsonb"
    if origin is list:
        element = sql_type(kinds[0])
        return element if element == "jsonb" else f"{element}[]"
    found = RANGES.get(kinds[0]) if origin is Range and kinds else _plain(annotation if origin is None else origin)
    if found is None:
        message = f"no SQL type is known for {annotation!r}; name one by col(type=...)"
        raise InterfaceError(message)
    return found


def bare(name: str) -> str:
    """Return a type without its length or precision: a cast to `varchar(5)` would silently cut longer values."""
    if '"' in name:
        return name
    element = name.removesuffix("[]")
    short = re.sub(r"\s*\([^)]*\)", "", element)
    return UNBOUNDED.get(short.lower(), short) + name[len(element) :]


def number_of(one: str | None, other: str | None) -> str | None:
    """Return the result type of arithmetic with two numbers; None if one is no number, or its type is not known.

    Source: https://www.postgresql.org/docs/current/typeconv-oper.html
    """
    left, right = NUMBERS.get(one or ""), NUMBERS.get(other or "")
    if left is None or right is None or left == right:
        return left if right is not None else None
    wider = max(left, right, key=WIDER.index)
    # The server converts a real and a number of another type to double precision.
    return "double precision" if wider == "real" else wider


def _plain(kind: object) -> str | None:
    """Return the SQL type of a class, or of the nearest one that it is derived from."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        for one in kind:
            if not isinstance(one.value, str):
                message = (
                    f"{kind.__name__}.{one.name} is {type(one.value).__name__}, and the labels of an enum are text; "
                    "make it a StrEnum, or name the type of its values, such as col(type='integer')"
                )
                raise InterfaceError(message)
        name = enum_name(kind)
        if _core.is_builtin_type(name):
            message = (
                f"{kind.__name__}: the enum's type would be named {name}, which is a built-in type of PostgreSQL; "
                f"set another name by __enum_name__, or store the values by col(type='text')"
            )
            raise InterfaceError(message)
        return name
    for base in (kind, *getattr(kind, "__mro__", ())[1:-1]):
        if isinstance(base, Hashable) and base in TYPES:
            return TYPES[base]
    return None


def kind_of(annotation: object) -> type[Any] | None:
    """Return the class of an annotation's values, or of the elements of its lists, if rows have another class.

    This is an Enum class or timedelta: rows have strings and intervals.
    """
    if get_origin(annotation) in {list, Union, UnionType}:
        some = [kind for kind in get_args(annotation) if kind is not NoneType]
        return kind_of(some[0]) if len(some) == 1 else None
    if isinstance(annotation, type) and (issubclass(annotation, Enum) or annotation is dt.timedelta):
        return annotation
    return None


def kind_of_value(*values: object) -> type[Any] | None:
    """Return the class that `kind_of` returns, for the first of some values, or elements of it, that is not None."""
    first = next((one for one in values if one is not None), None)
    if isinstance(first, list):
        return kind_of_value(*first)
    # If the server infers the type, the value may come back as another one.
    return None if cast_of(first) is None else kind_of(type(first))


class Timedeltas:
    """A mapping from intervals to timedeltas."""

    def __getitem__(self, interval: Interval) -> dt.timedelta:
        """Return an interval as a timedelta; a day has 24 hours.

        Raises:
            ValueError: It has months, whose length is not fixed.
        """
        if interval.months:
            message = f"{interval} has months, which a timedelta cannot hold; use howdah.Interval"
            raise ValueError(message)
        return dt.timedelta(days=interval.days, microseconds=interval.microseconds)


TIMEDELTAS = Timedeltas()


_lookups: dict[type[Any], Any] = {}


def lookup(kind: type[Any]) -> Any:  # noqa: ANN401  (what can be asked by [])
    """Return the mapping from values in rows to values of a class, such as from labels to members of an Enum."""
    found = _lookups.get(kind)
    if found is None:
        found = _lookups[kind] = {member.value: member for member in kind} if issubclass(kind, Enum) else TIMEDELTAS
    return found


def enum_name(enum: type[Enum]) -> str:
    """Return the name of an Enum class's type, as SQL writes it.

    Args:
        enum: The class.

    Returns:
        Its `__enum_name__`, which is the author's SQL; else its own name in snake case, quoted where that is a word of
        SQL.
    """
    return str(getattr(enum, "__enum_name__", None) or _core.identifier(snake_case(enum.__name__)))


def is_own(name: str | None, kind: type[Any] | None = None) -> bool:
    """Return whether a type is one of PostgreSQL's own, an array of such, or an enum: then its operators are, too.

    Args:
        name: The type, as SQL writes it; None where it is not known.
        kind: The class of its values where rows have something else.
    """
    return (kind is not None and issubclass(kind, Enum)) or (name is not None and _core.is_builtin_type(name))


def snake_case(name: str) -> str:
    """Return `HTTPRequest2` as `http_request2`."""
    pieces: list[str] = []
    for at, letter in enumerate(name):
        follows_small = at > 0 and not name[at - 1].isupper() and name[at - 1] != "_"
        before_small = 0 < at < len(name) - 1 and name[at + 1].islower() and name[at - 1] != "_"
        if letter.isupper() and (follows_small or before_small):
            pieces.append("_")
        pieces.append(letter.lower())
    return "".join(pieces)


def cast_of(value: object) -> str | None:  # noqa: PLR0911  (one for each kind)
    """Return the SQL type that a value is cast to if the server cannot infer one; None for any type."""
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


# Types with a binary format in howdah, by the names that they have in declarations.
KNOWN = frozenset({
    *NUMBERS,
    *ELEMENTS,
    *(name.replace("range", "multirange") for name in ELEMENTS),
    *("boolean", "bool", "oid", "dec", "uuid", "bytea", "json", "jsonb", "inet", "cidr", "vector", "halfvec"),
    *("text", "varchar", "character varying", "bpchar", "character", "name"),
    *("date", "time", "time without time zone", "interval"),
    *("timestamp", "timestamp without time zone", "timestamptz", "timestamp with time zone"),
})  # fmt: skip


def is_known(name: str) -> bool:
    """Return whether values of a type, and arrays of them, have a binary format in howdah; others are sent as text.

    Args:
        name: The type, as declarations have it, without a length.
    """
    plain = name.rstrip("[]").lower().removeprefix("pg_catalog.")
    return plain in KNOWN or plain.startswith("interval ")
