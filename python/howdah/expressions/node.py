"""Expressions as data: nodes, and the base class of everything that has one.

A node is a tuple whose first item names its kind; `src/python/queries/` reads it and writes SQL. The functions of
this file need only the node of an expression, so they use `Expression` and not its subclass `Expr`.
"""

# Type checkers do not agree on the type after isinstance() with a generic class.
# mypy: disable-error-code="redundant-cast"

from __future__ import annotations

import datetime as dt
from typing import Any, Literal, Protocol, TypeVar

from howdah.errors import InterfaceError
from howdah.expressions.values import NUMBERS, cast_of

Node = tuple[Any, ...]
# A statement as data: its kind and its clauses.
Statement = dict[str, Any]
# One end of a window's frame, and the frame.
Bound = tuple[Any, ...]
Frame = tuple[Literal["rows", "range", "groups"], Bound, "Bound | None"]

# The class of a value; `type` is an attribute of expressions.
Class = type[Any]

V_co = TypeVar("V_co", covariant=True)


class Selectable(Protocol[V_co]):
    """An expression whose value in each row has this type, or a narrower one."""

    def __value_type__(self) -> V_co:
        """Declare the type for type checkers; nothing calls it."""
        ...


class HasKey(Protocol):
    """A table's class or a reference to a table: as a key to order or group by it is its primary key."""

    def __key__(self) -> Expression:
        """Return the primary key, or the foreign key of a reference."""
        ...


class Expression:
    """The base of `Expr`: a node, with what is known of its value.

    Attributes:
        node: The expression as data.
        type: The name of its SQL type, without a length or precision, where that is known.
        kind: The class of its values where rows have something else: an Enum class, or timedelta.
    """

    __slots__ = ("kind", "node", "type")

    node: Node
    type: str | None
    kind: Class | None


class Ordering:
    """A key to order rows by, and its direction."""

    __slots__ = ("expression", "node")

    def __init__(self, expression: Expression, direction: str, nulls: str | None = None) -> None:
        """Take the key, `asc` or `desc`, and whether NULLs come `first` or `last`."""
        self.expression = expression
        self.node: Node = ("ordering", expression.node, direction, nulls)

    def nulls_first(self) -> Ordering:
        """Put NULLs before all else."""
        return Ordering(self.expression, self.node[2], "first")

    def nulls_last(self) -> Ordering:
        """Put NULLs after all else."""
        return Ordering(self.expression, self.node[2], "last")


class Assign:
    """A column and the value that it is set to."""

    __slots__ = ("column", "name", "node")

    def __init__(self, column: Expression, node: Node) -> None:
        """Take the column and the value."""
        if column.node[0] != "column":
            message = "only a column can be set"
            raise InterfaceError(message)
        self.column = column
        self.name: str = column.node[2]
        self.node = node


def key_value(value: object) -> object:
    """Return a row's primary key if the value is a row, and any other value unchanged."""
    schema = getattr(type(value), "__schema__", None)
    if schema is None:
        return value
    key = schema.single_key
    return getattr(value, key.attribute)


def operand(value: object) -> Node:
    """Return the node of a value or an expression; the type of a value is written out as a cast."""
    if isinstance(value, Expression):
        return value.node
    statement = getattr(value, "statement", None)
    if statement is not None:
        return ("scalar", statement())
    value = key_value(value)
    return ("value", value, cast_of(value))


def key_node(key: object) -> Node:
    """Return the node of a key that rows are ordered, grouped or partitioned by.

    Raises:
        InterfaceError: It is no key.
    """
    given = getattr(type(key), "__key__", None)
    found = key if given is None else given(key)
    if isinstance(found, (Expression, Ordering)):
        return found.node
    message = f"a key is an expression, such as User.name or -User.age, not {key!r}"
    raise InterfaceError(message)


def condition(given: object) -> Node:
    """Return the node of a condition.

    Raises:
        InterfaceError: It is none, such as the result of `==` between two Python values.
    """
    if isinstance(given, Expression):
        return given.node
    message = f"a condition is an expression, such as User.age > 25; got {given!r}"
    raise InterfaceError(message)


def flattened(kind: str, node: Node) -> tuple[Node, ...]:
    """Return the parts of an AND or OR, so that a chain of them is one node, however long."""
    parts: tuple[Node, ...] = node[1] if node[0] == kind else (node,)
    return parts


def refuse_null(operation: str, *values: object) -> None:
    """Refuse None where the server would return NULL, which as a condition matches no row.

    Raises:
        InterfaceError: A value is None.
    """
    if any(value is None for value in values):
        message = f"{operation} with None is always NULL, which matches no row; test for NULL by == None or is_null()"
        raise InterfaceError(message)


def is_span(value: object) -> bool:
    """Return whether a value or an expression is a timedelta."""
    return value.kind is dt.timedelta if isinstance(value, Expression) else isinstance(value, dt.timedelta)


def is_date(value: object) -> bool:
    """Return whether a value or an expression is a date."""
    return (value.type if isinstance(value, Expression) else cast_of(value)) == "date"


def arithmetic_kind(operator: str, left: object, right: object) -> type[Any] | None:
    """Return the class of the result of arithmetic where rows have something else: timedelta, for spans of time.

    The difference of two points in time is a timedelta, and so is a sum of timedeltas or one that is multiplied by a
    number. Where one operand is an interval column that is no timedelta, the result is none either: it may have months.
    """
    types: list[str | None] = []
    spans = 0
    for side in (left, right):
        span = is_span(side)
        spans += span
        if not span:
            types.append(side.type if isinstance(side, Expression) else cast_of(side))
    if operator == "-" and len(types) == 2 and all(name is not None and name.startswith("timestamp") for name in types):  # noqa: PLR2004
        return dt.timedelta
    return dt.timedelta if spans and all(name in NUMBERS for name in types) else None
