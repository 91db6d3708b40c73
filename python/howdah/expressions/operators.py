"""The nodes of operators: comparisons, arithmetic and containment, with the types of their operands and results."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, cast

from howdah.expressions.node import (
    Class,
    Expression,
    Node,
    arithmetic_kind,
    flattened,
    is_date,
    is_span,
    key_value,
    operand,
    refuse_null,
)
from howdah.expressions.values import ELEMENTS, cast_of, is_known, number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

# The types for which + concatenates.
CONCATENATED = ("text", "varchar", "character", "citext", "jsonb", "bytea", "name", "tsvector")

# Types for which the result of arithmetic may have another type: the difference of two dates is an integer.
WITH_OTHER_RESULTS = ("date", "time", "interval", "inet", "cidr", "money", "pg_lsn")

# The most values that are compared one by one if they cannot be sent as an array.
MAX_COMPARISONS = 1000

# A node, the SQL type of its value, and the class of the value.
Typed = tuple[Node, str | None, Class | None]


class Operators(Expression):
    """An expression's operators, as nodes; `Expr` makes expressions of them."""

    __slots__ = ()

    def _comparison(self, operator: str, other: object) -> Node:
        """Return a comparison; `=` and `<>` with None test for NULL."""
        if other is None and operator in {"=", "<>"}:
            return ("is_null" if operator == "=" else "is_not_null", self.node)
        if operator != "IS DISTINCT FROM":
            refuse_null(operator, other)
        return ("binary", operator, self.node, self._typed(other))

    def _any_or_all(self, which: str, operator: str, values: Iterable[object]) -> Node:
        """Return a comparison with any of some values, or with all of them; None means NULL, as in `==`."""
        listed = list(values)
        given = [self._parameter(value) for value in listed if value is not None]
        if len(given) < len(listed):
            # `x = NULL` and `x <> NULL` are NULL for every x, so NULL in the array would match no row.
            found = self._any_or_all(which, operator, given)
            if which == "any":
                return ("or", (*flattened("or", found), ("is_null", self.node)))
            return ("and", (*flattened("and", found), ("is_not_null", self.node)))
        array = f"{self.type}[]" if self.type is not None else None
        node: Node = ("value", given, array)
        if self.type is None or self.kind is not None or is_known(self.type) or not set(map(type, given)) <= {str}:
            return (which, self.node, operator, node)
        # Strings of a type that only the server knows cannot be sent as an array. A cast would cut values that are too
        # long for a domain, so up to MAX_COMPARISONS values are compared one by one.
        if 0 < len(given) <= MAX_COMPARISONS:
            each = tuple(("binary", operator, self.node, self._typed(value)) for value in given)
            return ("or" if which == "any" else "and", each)
        return (which, self.node, operator, ("cast", ("value", given, "text[]"), array))

    def _arithmetic(self, operator: str, other: object) -> Typed:
        """Return the arithmetic of this and another operand."""
        if operator == "+" and self._is_concatenated_with(other):
            return ("binary", "||", self.node, self._typed(other)), self.type, None
        refuse_null(operator, other)
        node: Node = ("binary", operator, self.node, operand(other))
        if self.type == "date" and is_span(other):
            # The server returns a timestamp.
            return ("cast", node, "date"), "date", None
        if self.type == "date" and operator == "-" and is_date(other):
            return node, "integer", None
        return node, self._result_type(other), arithmetic_kind(operator, self, other)

    def _arithmetic_after(self, operator: str, other: object) -> Typed:
        """Return the arithmetic of another operand and this."""
        refuse_null(operator, other)
        if operator == "+" and isinstance(other, (str, list)):
            return ("binary", "||", ("value", other, self.type or cast_of(other)), self.node), self.type, None
        node: Node = ("binary", operator, operand(other), self.node)
        if self.type == "date" and operator == "+" and is_span(other):
            return ("cast", node, "date"), "date", None
        if self.type == "date" and operator == "-" and is_date(other):
            return node, "integer", None
        return node, self._result_type(other), arithmetic_kind(operator, other, self)

    def _is_concatenated_with(self, other: object) -> bool:
        """Return whether + concatenates the two."""
        return isinstance(other, (str, list, dict)) or (
            self.type is not None and (self.type.endswith("[]") or self.type.startswith(CONCATENATED))
        )

    def _result_type(self, other: object) -> str | None:
        """Return the type of the result of arithmetic; None if only the server knows it."""
        own = self.type
        if isinstance(other, dt.timedelta):
            return own if own is not None and own.startswith(("time", "interval")) else None
        theirs = other.type if isinstance(other, Expression) else cast_of(other)
        if own is not None and own == theirs and not own.startswith(WITH_OTHER_RESULTS):
            return own
        return number_of(own, theirs)

    def _typed(self, other: object) -> Node:
        """Return the node of a value to compare with this; the server infers its type from this expression."""
        if isinstance(other, Expression):
            return other.node
        statement = getattr(other, "statement", None)
        if statement is not None:
            return ("scalar", statement())
        return ("value", self._parameter(other), None if self.type is None or self.node[0] == "column" else self.type)

    def _contained(self, other: object) -> Node:
        """Return the node of a value that this may contain."""
        refuse_null("contains() and similar methods", other)
        if isinstance(other, Expression):
            return other.node
        element = ELEMENTS.get(self.type or "")
        if element is not None and type(other).__name__ != "Range":
            return ("value", other, element)
        value: object = other
        if isinstance(other, (tuple, set, frozenset)) and type(other).__name__ != "Vector":
            value = list(cast("Iterable[object]", other))
        return ("value", self._parameter(value), self.type)

    def _check_exact(self, value: object) -> None:
        """Check that a column can hold a value exactly; other expressions check nothing."""

    def _parameter(self, value: object) -> Any:  # noqa: ANN401  (a value of any type)
        """Return the key of a row, and other values unchanged; a column accepts only rows of the table it refers to."""
        return key_value(value)
