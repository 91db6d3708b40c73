"""Expressions: values that the server computes from columns, and conditions. They are data and run nothing.

An expression has a method for each operator of the server. Each method has the overloads that type checkers need, and
each returns `Expr`, so all of them are in this file: files with parts of the class would have to import each other.

A type checker takes the first overload that fits. If one operand may be NULL, the result may be NULL. The result of
arithmetic with two types of numbers has the type that the server gives it: a decimal for an integer and a decimal.
"""

# Type checkers do not agree on the type after isinstance() with a generic class. Overloads for int and for float
# overlap, because an int is a float to type checkers.
# mypy: disable-error-code="redundant-cast, overload-overlap"

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# An expression that is never NULL matches the overload for one that may be NULL, too.
# pyright: reportOverlappingOverload=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeAlias, TypeVar, cast, overload

from howdah.errors import InterfaceError
from howdah.expressions.node import (
    Assign,
    Expression,
    HasKey,
    Node,
    Ordering,
    Selectable,
    condition,
    flattened,
    key_node,
    key_value,
    refuse_null,
)
from howdah.expressions.operators import Operators
from howdah.expressions.values import bare, kind_of, sql_type

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from howdah.expressions.node import Bound, Frame
    from howdah.vector import Vector

T = TypeVar("T")
U = TypeVar("U")
R_co = TypeVar("R_co", covariant=True)

# The text types that are case-sensitive.
CASE_SENSITIVE = ("text", "varchar", "character varying", "bpchar", "character", "name")


class Subquery(Protocol[R_co]):
    """A query as a part of an expression."""

    def statement(self) -> dict[str, Any]:
        """Return the query as data."""
        ...

    def exists_(self) -> Expr[bool]:
        """Return the condition that it has a row."""
        ...

    def __row_type__(self) -> R_co:
        """Declare the type of its rows for type checkers; nothing calls it."""
        ...


class Expr(Operators, Generic[T]):
    """An SQL expression whose value is a T.

    Attributes:
        node: The expression as data.
        type: The name of its SQL type, without a length or precision, if it is known.
        kind: The class of its values where rows have something else: an Enum class, or timedelta.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    def __init__(self, node: Node, type: str | None = None, kind: type[Any] | None = None) -> None:  # noqa: A002
        """Take the node, and the type of the value if it is known; see `howdah.func`."""
        self.node = node
        self.type = type
        self.kind = kind

    if TYPE_CHECKING:

        def __value_type__(self) -> T:
            """Declare the type of the values."""
            ...

    def __bool__(self) -> bool:
        """Refuse: Python cannot evaluate `and`, `or`, `not` and `if` for the server."""
        message = "an expression is neither true nor false in Python; combine expressions by &, | and ~"
        raise TypeError(message)

    def __repr__(self) -> str:
        """Return the kind and the name of the node."""
        return f"<howdah.Expr {' '.join(str(part) for part in self.node[:2] if isinstance(part, str))}>"

    # Comparisons
    @overload  # type: ignore[override]
    def __eq__(self: Expr[U | None], other: Operand[U] | None) -> Expr[bool]: ...
    @overload
    def __eq__(self, other: Operand[T] | None) -> Expr[bool]: ...
    @overload
    def __eq__(self: Fixed, other: int) -> Expr[bool]: ...
    @overload
    def __eq__(self: Numeric, other: Number) -> Expr[bool]: ...
    def __eq__(self, other: object) -> Expr[bool]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare; with None, test for NULL."""
        return Expr(self._comparison("=", other), "boolean")

    @overload  # type: ignore[override]
    def __ne__(self: Expr[U | None], other: Operand[U] | None) -> Expr[bool]: ...
    @overload
    def __ne__(self, other: Operand[T] | None) -> Expr[bool]: ...
    @overload
    def __ne__(self: Fixed, other: int) -> Expr[bool]: ...
    @overload
    def __ne__(self: Numeric, other: Number) -> Expr[bool]: ...
    def __ne__(self, other: object) -> Expr[bool]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare; with None, test for values that are not NULL."""
        return Expr(self._comparison("<>", other), "boolean")

    @overload
    def __gt__(self: Expr[U | None], other: Operand[U]) -> Expr[bool]: ...
    @overload
    def __gt__(self, other: Operand[T]) -> Expr[bool]: ...
    @overload
    def __gt__(self: Fixed, other: int) -> Expr[bool]: ...
    @overload
    def __gt__(self: Numeric, other: Number) -> Expr[bool]: ...
    def __gt__(self, other: object) -> Expr[bool]:
        """Compare."""
        return Expr(self._comparison(">", other), "boolean")

    @overload
    def __ge__(self: Expr[U | None], other: Operand[U]) -> Expr[bool]: ...
    @overload
    def __ge__(self, other: Operand[T]) -> Expr[bool]: ...
    @overload
    def __ge__(self: Fixed, other: int) -> Expr[bool]: ...
    @overload
    def __ge__(self: Numeric, other: Number) -> Expr[bool]: ...
    def __ge__(self, other: object) -> Expr[bool]:
        """Compare."""
        return Expr(self._comparison(">=", other), "boolean")

    @overload
    def __lt__(self: Expr[U | None], other: Operand[U]) -> Expr[bool]: ...
    @overload
    def __lt__(self, other: Operand[T]) -> Expr[bool]: ...
    @overload
    def __lt__(self: Fixed, other: int) -> Expr[bool]: ...
    @overload
    def __lt__(self: Numeric, other: Number) -> Expr[bool]: ...
    def __lt__(self, other: object) -> Expr[bool]:
        """Compare."""
        return Expr(self._comparison("<", other), "boolean")

    @overload
    def __le__(self: Expr[U | None], other: Operand[U]) -> Expr[bool]: ...
    @overload
    def __le__(self, other: Operand[T]) -> Expr[bool]: ...
    @overload
    def __le__(self: Fixed, other: int) -> Expr[bool]: ...
    @overload
    def __le__(self: Numeric, other: Number) -> Expr[bool]: ...
    def __le__(self, other: object) -> Expr[bool]:
        """Compare."""
        return Expr(self._comparison("<=", other), "boolean")

    # Arithmetic
    @overload
    def __add__(self: Expr[dt.datetime], other: Span) -> Expr[dt.datetime]: ...
    @overload
    def __add__(self: Expr[dt.date], other: Span) -> Expr[dt.date]: ...
    @overload
    def __add__(self: Expr[dt.time], other: Span) -> Expr[dt.time]: ...
    @overload
    def __add__(
        self: Expr[dt.datetime] | Expr[dt.datetime | None], other: Span | Maybe[dt.timedelta]
    ) -> Expr[dt.datetime | None]: ...
    @overload
    def __add__(
        self: Expr[dt.date] | Expr[dt.date | None], other: Span | Maybe[dt.timedelta]
    ) -> Expr[dt.date | None]: ...
    @overload
    def __add__(
        self: Expr[dt.time] | Expr[dt.time | None], other: Span | Maybe[dt.timedelta]
    ) -> Expr[dt.time | None]: ...
    @overload
    def __add__(self: Expr[U | None], other: Operand[U]) -> Expr[U | None]: ...
    @overload
    def __add__(self, other: T | Expr[T]) -> Expr[T]: ...
    @overload
    def __add__(self, other: Maybe[T]) -> Expr[T | None]: ...
    @overload
    def __add__(self: Expr[Decimal], other: Whole) -> Expr[Decimal]: ...
    @overload
    def __add__(self: Fixed, other: Whole | Maybe[int]) -> Expr[Decimal | None]: ...
    @overload
    def __add__(self: Expr[int], other: Exact) -> Expr[Decimal]: ...
    @overload
    def __add__(self: Integral, other: Exact | Maybe[Decimal]) -> Expr[Decimal | None]: ...
    @overload
    def __add__(self: Expr[float], other: Whole) -> Expr[float]: ...
    @overload
    def __add__(self: Floating, other: Whole | Maybe[int]) -> Expr[float | None]: ...
    @overload
    def __add__(self: Expr[int], other: Inexact) -> Expr[float]: ...
    @overload
    def __add__(self: Integral, other: Inexact | Maybe[float]) -> Expr[float | None]: ...
    def __add__(self, other: object) -> Expr[Any]:
        """Add; concatenate text, arrays and JSON. The sum of a date and an interval is a date."""
        return Expr(*self._arithmetic("+", other))

    @overload
    def __sub__(self: Expr[dt.datetime], other: Span) -> Expr[dt.datetime]: ...
    @overload
    def __sub__(self: Expr[dt.date], other: Span) -> Expr[dt.date]: ...
    @overload
    def __sub__(self: Expr[dt.time], other: Span) -> Expr[dt.time]: ...
    @overload
    def __sub__(
        self: Expr[dt.datetime] | Expr[dt.datetime | None], other: Span | Maybe[dt.timedelta]
    ) -> Expr[dt.datetime | None]: ...
    @overload
    def __sub__(
        self: Expr[dt.date] | Expr[dt.date | None], other: Span | Maybe[dt.timedelta]
    ) -> Expr[dt.date | None]: ...
    @overload
    def __sub__(
        self: Expr[dt.time] | Expr[dt.time | None], other: Span | Maybe[dt.timedelta]
    ) -> Expr[dt.time | None]: ...
    @overload
    def __sub__(self: Expr[dt.datetime], other: dt.datetime | Expr[dt.datetime]) -> Expr[dt.timedelta]: ...
    @overload
    def __sub__(
        self: Expr[dt.datetime] | Expr[dt.datetime | None], other: Operand[dt.datetime]
    ) -> Expr[dt.timedelta | None]: ...
    @overload
    def __sub__(self: Expr[dt.date], other: dt.date | Expr[dt.date]) -> Expr[int]: ...
    @overload
    def __sub__(self: Expr[dt.date] | Expr[dt.date | None], other: Operand[dt.date]) -> Expr[int | None]: ...
    @overload
    def __sub__(self: Expr[U | None], other: Operand[U]) -> Expr[U | None]: ...
    @overload
    def __sub__(self, other: T | Expr[T]) -> Expr[T]: ...
    @overload
    def __sub__(self, other: Maybe[T]) -> Expr[T | None]: ...
    @overload
    def __sub__(self: Expr[Decimal], other: Whole) -> Expr[Decimal]: ...
    @overload
    def __sub__(self: Fixed, other: Whole | Maybe[int]) -> Expr[Decimal | None]: ...
    @overload
    def __sub__(self: Expr[int], other: Exact) -> Expr[Decimal]: ...
    @overload
    def __sub__(self: Integral, other: Exact | Maybe[Decimal]) -> Expr[Decimal | None]: ...
    @overload
    def __sub__(self: Expr[float], other: Whole) -> Expr[float]: ...
    @overload
    def __sub__(self: Floating, other: Whole | Maybe[int]) -> Expr[float | None]: ...
    @overload
    def __sub__(self: Expr[int], other: Inexact) -> Expr[float]: ...
    @overload
    def __sub__(self: Integral, other: Inexact | Maybe[float]) -> Expr[float | None]: ...
    def __sub__(self, other: object) -> Expr[Any]:
        """Subtract; the difference of two dates is a number of days."""
        return Expr(*self._arithmetic("-", other))

    @overload
    def __mul__(self: Expr[U | None], other: Operand[U]) -> Expr[U | None]: ...
    @overload
    def __mul__(self, other: T | Expr[T]) -> Expr[T]: ...
    @overload
    def __mul__(self, other: Maybe[T]) -> Expr[T | None]: ...
    @overload
    def __mul__(self: Expr[Decimal], other: Whole) -> Expr[Decimal]: ...
    @overload
    def __mul__(self: Fixed, other: Whole | Maybe[int]) -> Expr[Decimal | None]: ...
    @overload
    def __mul__(self: Expr[int], other: Exact) -> Expr[Decimal]: ...
    @overload
    def __mul__(self: Integral, other: Exact | Maybe[Decimal]) -> Expr[Decimal | None]: ...
    @overload
    def __mul__(self: Expr[float], other: Whole) -> Expr[float]: ...
    @overload
    def __mul__(self: Floating, other: Whole | Maybe[int]) -> Expr[float | None]: ...
    @overload
    def __mul__(self: Expr[int], other: Inexact) -> Expr[float]: ...
    @overload
    def __mul__(self: Integral, other: Inexact | Maybe[float]) -> Expr[float | None]: ...
    def __mul__(self, other: object) -> Expr[Any]:
        """Multiply."""
        return Expr(*self._arithmetic("*", other))

    @overload
    def __truediv__(self: Expr[U | None], other: Operand[U]) -> Expr[U | None]: ...
    @overload
    def __truediv__(self, other: T | Expr[T]) -> Expr[T]: ...
    @overload
    def __truediv__(self, other: Maybe[T]) -> Expr[T | None]: ...
    @overload
    def __truediv__(self: Expr[Decimal], other: Whole) -> Expr[Decimal]: ...
    @overload
    def __truediv__(self: Fixed, other: Whole | Maybe[int]) -> Expr[Decimal | None]: ...
    @overload
    def __truediv__(self: Expr[int], other: Exact) -> Expr[Decimal]: ...
    @overload
    def __truediv__(self: Integral, other: Exact | Maybe[Decimal]) -> Expr[Decimal | None]: ...
    @overload
    def __truediv__(self: Expr[float], other: Whole) -> Expr[float]: ...
    @overload
    def __truediv__(self: Floating, other: Whole | Maybe[int]) -> Expr[float | None]: ...
    @overload
    def __truediv__(self: Expr[int], other: Inexact) -> Expr[float]: ...
    @overload
    def __truediv__(self: Integral, other: Inexact | Maybe[float]) -> Expr[float | None]: ...
    def __truediv__(self, other: object) -> Expr[Any]:
        """Divide as the server does: the quotient of integers is an integer, rounded toward zero."""
        return Expr(*self._arithmetic("/", other))

    @overload
    def __mod__(self: Expr[U | None], other: Operand[U]) -> Expr[U | None]: ...
    @overload
    def __mod__(self, other: T | Expr[T]) -> Expr[T]: ...
    @overload
    def __mod__(self, other: Maybe[T]) -> Expr[T | None]: ...
    @overload
    def __mod__(self: Expr[Decimal], other: Whole) -> Expr[Decimal]: ...
    @overload
    def __mod__(self: Fixed, other: Whole | Maybe[int]) -> Expr[Decimal | None]: ...
    @overload
    def __mod__(self: Expr[int], other: Exact) -> Expr[Decimal]: ...
    @overload
    def __mod__(self: Integral, other: Exact | Maybe[Decimal]) -> Expr[Decimal | None]: ...
    @overload
    def __mod__(self: Expr[float], other: Whole) -> Expr[float]: ...
    @overload
    def __mod__(self: Floating, other: Whole | Maybe[int]) -> Expr[float | None]: ...
    @overload
    def __mod__(self: Expr[int], other: Inexact) -> Expr[float]: ...
    @overload
    def __mod__(self: Integral, other: Inexact | Maybe[float]) -> Expr[float | None]: ...
    def __mod__(self, other: object) -> Expr[Any]:
        """Return the remainder."""
        return Expr(*self._arithmetic("%", other))

    @overload
    def __radd__(self: Expr[dt.datetime], other: dt.timedelta) -> Expr[dt.datetime]: ...
    @overload
    def __radd__(self: Expr[dt.datetime | None], other: dt.timedelta) -> Expr[dt.datetime | None]: ...
    @overload
    def __radd__(self: Expr[dt.date], other: dt.timedelta) -> Expr[dt.date]: ...
    @overload
    def __radd__(self: Expr[dt.date | None], other: dt.timedelta) -> Expr[dt.date | None]: ...
    @overload
    def __radd__(self: Expr[dt.time], other: dt.timedelta) -> Expr[dt.time]: ...
    @overload
    def __radd__(self: Expr[dt.time | None], other: dt.timedelta) -> Expr[dt.time | None]: ...
    @overload
    def __radd__(self: Expr[U | None], other: U) -> Expr[U | None]: ...
    @overload
    def __radd__(self, other: T) -> Expr[T]: ...
    @overload
    def __radd__(self: Expr[Decimal], other: int) -> Expr[Decimal]: ...
    @overload
    def __radd__(self: Fixed, other: int) -> Expr[Decimal | None]: ...
    @overload
    def __radd__(self: Expr[int], other: Decimal) -> Expr[Decimal]: ...
    @overload
    def __radd__(self: Expr[int | None], other: Decimal) -> Expr[Decimal | None]: ...
    @overload
    def __radd__(self: Expr[int], other: float) -> Expr[float]: ...
    @overload
    def __radd__(self: Expr[int | None], other: float) -> Expr[float | None]: ...
    def __radd__(self, other: object) -> Expr[Any]:
        """Add to a value."""
        return Expr(*self._arithmetic_after("+", other))

    @overload
    def __rsub__(self: Expr[dt.datetime], other: dt.datetime) -> Expr[dt.timedelta]: ...
    @overload
    def __rsub__(self: Expr[dt.datetime | None], other: dt.datetime) -> Expr[dt.timedelta | None]: ...
    @overload
    def __rsub__(self: Expr[dt.date], other: dt.date) -> Expr[int]: ...
    @overload
    def __rsub__(self: Expr[dt.date | None], other: dt.date) -> Expr[int | None]: ...
    @overload
    def __rsub__(self: Expr[U | None], other: U) -> Expr[U | None]: ...
    @overload
    def __rsub__(self, other: T) -> Expr[T]: ...
    @overload
    def __rsub__(self: Expr[Decimal], other: int) -> Expr[Decimal]: ...
    @overload
    def __rsub__(self: Fixed, other: int) -> Expr[Decimal | None]: ...
    @overload
    def __rsub__(self: Expr[int], other: Decimal) -> Expr[Decimal]: ...
    @overload
    def __rsub__(self: Expr[int | None], other: Decimal) -> Expr[Decimal | None]: ...
    @overload
    def __rsub__(self: Expr[int], other: float) -> Expr[float]: ...
    @overload
    def __rsub__(self: Expr[int | None], other: float) -> Expr[float | None]: ...
    def __rsub__(self, other: object) -> Expr[Any]:
        """Subtract from a value."""
        return Expr(*self._arithmetic_after("-", other))

    @overload
    def __rmul__(self: Expr[U | None], other: U) -> Expr[U | None]: ...
    @overload
    def __rmul__(self, other: T) -> Expr[T]: ...
    @overload
    def __rmul__(self: Expr[Decimal], other: int) -> Expr[Decimal]: ...
    @overload
    def __rmul__(self: Fixed, other: int) -> Expr[Decimal | None]: ...
    @overload
    def __rmul__(self: Expr[int], other: Decimal) -> Expr[Decimal]: ...
    @overload
    def __rmul__(self: Expr[int | None], other: Decimal) -> Expr[Decimal | None]: ...
    @overload
    def __rmul__(self: Expr[int], other: float) -> Expr[float]: ...
    @overload
    def __rmul__(self: Expr[int | None], other: float) -> Expr[float | None]: ...
    def __rmul__(self, other: object) -> Expr[Any]:
        """Multiply a value."""
        return Expr(*self._arithmetic_after("*", other))

    @overload
    def is_distinct_from(self: Expr[U | None], other: Operand[U] | None) -> Expr[bool]: ...
    @overload
    def is_distinct_from(self, other: Operand[T] | None) -> Expr[bool]: ...
    def is_distinct_from(self, other: object) -> Expr[bool]:
        """Compare, with NULL as a value like others."""
        return Expr(self._comparison("IS DISTINCT FROM", other), "boolean")

    def is_null(self) -> Expr[bool]:
        """Test whether it is NULL."""
        return Expr(("is_null", self.node), "boolean")

    def is_not_null(self) -> Expr[bool]:
        """Test whether it is not NULL."""
        return Expr(("is_not_null", self.node), "boolean")

    @overload
    def between(self: Expr[U | None], low: Operand[U], high: Operand[U]) -> Expr[bool]: ...
    @overload
    def between(self, low: Operand[T], high: Operand[T]) -> Expr[bool]: ...
    def between(self, low: object, high: object) -> Expr[bool]:
        """Test whether it is within two values, both included."""
        refuse_null("between()", low, high)
        return Expr(("between", self.node, self._typed(low), self._typed(high)), "boolean")

    @overload
    def in_(
        self: Expr[U | None], values: Iterable[U | None] | Subquery[tuple[U]] | Subquery[tuple[U | None]]
    ) -> Expr[bool]: ...
    @overload
    def in_(self, values: Iterable[T] | Subquery[tuple[T]] | Subquery[tuple[T | None]]) -> Expr[bool]: ...
    def in_(self, values: Any) -> Expr[bool]:
        """Test whether it is one of some values, or in the result of a query of one column; None matches NULL."""
        statement = getattr(values, "statement", None)
        if statement is not None:
            return Expr(("in", self.node, statement()), "boolean")
        return Expr(self._any_or_all("any", "=", values), "boolean")

    @overload
    def not_in(
        self: Expr[U | None], values: Iterable[U | None] | Subquery[tuple[U]] | Subquery[tuple[U | None]]
    ) -> Expr[bool]: ...
    @overload
    def not_in(self, values: Iterable[T] | Subquery[tuple[T]] | Subquery[tuple[T | None]]) -> Expr[bool]: ...
    def not_in(self, values: Any) -> Expr[bool]:
        """Test whether it is none of some values, and not in the result of a query of one column.

        The test never succeeds for NULL, as in SQL.
        """
        statement = getattr(values, "statement", None)
        if statement is not None:
            return Expr(("not_in", self.node, statement()), "boolean")
        return Expr(self._any_or_all("all", "<>", values), "boolean")

    # Logic
    def __and__(self: Of[bool], other: Condition) -> Expr[bool]:
        """Test whether both hold."""
        return Expr(("and", (*flattened("and", self.node), condition(other))), "boolean")

    def __or__(self: Of[bool], other: Condition) -> Expr[bool]:
        """Test whether one of them holds."""
        return Expr(("or", (*flattened("or", self.node), condition(other))), "boolean")

    def __invert__(self: Of[bool]) -> Expr[bool]:
        """Test whether it does not hold."""
        return Expr(("not", self.node), "boolean")

    # Order
    def __neg__(self) -> Ordering:
        """Order by it, the greatest first."""
        return Ordering(self, "desc")

    def asc(self) -> Ordering:
        """Order by it, the least first."""
        return Ordering(self, "asc")

    def desc(self) -> Ordering:
        """Order by it, the greatest first."""
        return Ordering(self, "desc")

    # Text
    def like(self: Of[str], pattern: str) -> Expr[bool]:
        """Compare with a pattern: `%` stands for any text, `_` for any character."""
        return _text(self, "LIKE", pattern)

    def ilike(self: Of[str], pattern: str) -> Expr[bool]:
        """Compare with a pattern, as `like` does, but ignore case."""
        return _text(self, "ILIKE", pattern)

    def regex(self: Of[str], pattern: str, *, ignore_case: bool = False) -> Expr[bool]:
        """Search for a POSIX regular expression."""
        return _text(self, "~*" if ignore_case else "~", pattern)

    def startswith(self: Of[str], prefix: str) -> Expr[bool]:
        """Test whether it begins with a text, without wildcards; by the rules of its type, so citext ignores case."""
        refuse_null("startswith()", prefix)
        if self.type is None or self.type in CASE_SENSITIVE:
            return Expr(("call", "starts_with", (self.node, ("value", prefix, "text")), {}), "boolean")
        # starts_with() takes only text, and the server would cast any other type to it.
        escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return _text(self, "LIKE", f"{escaped}%")

    def collate(self, collation: str) -> Expr[T]:
        """Compare and order it by a collation."""
        return Expr(("collate", self.node, collation), self.type, self.kind)

    # Arrays, ranges, JSON
    def contains(self, values: object) -> Expr[bool]:
        """Test whether an array has all these elements, a range this value or range, or JSON this part."""
        return Expr(("binary", "@>", self.node, self._contained(values)), "boolean")

    def contained_by(self, whole: object) -> Expr[bool]:
        """Test whether the other value contains this one."""
        return Expr(("binary", "<@", self.node, self._contained(whole)), "boolean")

    def overlaps(self, other: object) -> Expr[bool]:
        """Test whether arrays have an element, or ranges a value, in common."""
        return Expr(("binary", "&&", self.node, self._contained(other)), "boolean")

    def adjacent(self, other: object) -> Expr[bool]:
        """Test whether two ranges meet without a gap and without overlapping."""
        return Expr(("binary", "-|-", self.node, self._contained(other)), "boolean")

    def before(self, other: object) -> Expr[bool]:
        """Test whether a range ends before another begins."""
        return Expr(("binary", "<<", self.node, self._contained(other)), "boolean")

    def after(self, other: object) -> Expr[bool]:
        """Test whether a range begins after another ends."""
        return Expr(("binary", ">>", self.node, self._contained(other)), "boolean")

    @overload
    def has(self: Expr[list[U]], value: Operand[U]) -> Expr[bool]: ...
    @overload
    def has(self: Expr[list[U] | None], value: Operand[U]) -> Expr[bool]: ...
    def has(self: Expr[Any], value: object) -> Expr[bool]:
        """Test whether an array has an element.

        Raises:
            InterfaceError: The value is None: no element equals NULL; `array_position` finds one.
        """
        refuse_null("has()", value)
        element = self.type[:-2] if self.type is not None and self.type.endswith("[]") else None
        node = value.node if isinstance(value, Expr) else ("value", key_value(value), element)
        return Expr(("any", node, "=", self.node), "boolean")

    @overload
    def item(self: Expr[list[U]], position: int) -> Expr[U]: ...
    @overload
    def item(self: Expr[list[U] | None], position: int) -> Expr[U | None]: ...
    def item(self: Expr[Any], position: int) -> Expr[Any]:
        """Return an element of an array, counted from 0."""
        element = self.type[:-2] if self.type is not None and self.type.endswith("[]") else None
        return Expr(("element", self.node, ("value", position + 1, "integer")), element, self.kind)

    def path(self, *keys: str | int, as_: type[U]) -> Expr[U]:
        """Return the value at a path of keys and positions in JSON, as a Python type; NULL if there is none."""
        steps = ("value", [str(key) for key in keys], "text[]")
        target = sql_type(as_)
        if target == "jsonb" or target.endswith("[]"):
            # A JSON list is not an array of the server.
            return Expr(("binary", "#>", self.node, steps), "jsonb")
        text: Node = ("binary", "#>>", self.node, steps)
        return Expr(text if target == "text" else ("cast", text, target), target, kind_of(as_))

    def has_key(self, key: str) -> Expr[bool]:
        """Test whether a JSON object has a key, or a JSON array this text."""
        return Expr(("binary", "?", self.node, ("value", key, "text")), "boolean")

    def has_any_key(self, *keys: str) -> Expr[bool]:
        """Test whether a JSON object has one of these keys."""
        return Expr(("binary", "?|", self.node, ("value", list(keys), "text[]")), "boolean")

    def has_all_keys(self, *keys: str) -> Expr[bool]:
        """Test whether a JSON object has all these keys."""
        return Expr(("binary", "?&", self.node, ("value", list(keys), "text[]")), "boolean")

    def json_path_exists(self, path: str) -> Expr[bool]:
        """Test whether an SQL/JSON path, such as `$.a[*] ? (@ > 2)`, finds anything."""
        return Expr(("binary", "@?", self.node, ("value", path, "jsonpath")), "boolean")

    # Full text
    def matches(self, query: Expr[Any] | str) -> Expr[bool]:
        """Search a text by a query of `websearch_to_tsquery`, or one that you made."""
        refuse_null("matches()", query)
        found: Node = (
            query.node if isinstance(query, Expr) else ("call", "websearch_to_tsquery", (("value", query, "text"),), {})
        )
        return Expr(("binary", "@@", self.node, found), "boolean")

    # Vectors
    def l2_distance(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Return the Euclidean distance of pgvector (`<->`)."""
        return _distance(self, "<->", to)

    def cosine_distance(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Return the cosine distance of pgvector (`<=>`)."""
        return _distance(self, "<=>", to)

    def inner_product(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Return the negative inner product of pgvector (`<#>`): the least is the nearest."""
        return _distance(self, "<#>", to)

    def l1_distance(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Return the taxicab distance of pgvector (`<+>`)."""
        return _distance(self, "<+>", to)

    # Others
    @overload
    def set(self: Expr[U | None], value: Operand[U] | None) -> Assign: ...
    @overload
    def set(self, value: Operand[T]) -> Assign: ...
    def set(self, value: object) -> Assign:
        """Set a column to a value, in an update; only the server can check whether an expression is NULL.

        Raises:
            DataError: A value that the column cannot hold exactly.
        """
        self._check_exact(value)
        return Assign(self, ("value", None, None) if value is None else self._typed(value))

    def as_(self, name: str) -> Expr[T]:
        """Return it under a name among the columns of a result."""
        return Expr(("named", self.node, name), self.type, self.kind)

    @overload
    def cast(self, to: type[U]) -> Expr[U]: ...
    @overload
    def cast(self, to: str) -> Expr[Any]: ...
    def cast(self, to: type[Any] | str) -> Expr[Any]:
        """Convert it to an SQL type, or the one of a Python type."""
        if isinstance(to, str):
            return Expr(("cast", self.node, to), bare(to))
        target = sql_type(to)
        return Expr(("cast", self.node, target), target, kind_of(to))

    def at_time_zone(self, zone: str) -> Expr[Any]:
        """Convert a timestamp with time zone to the local time of a zone, or a local time to one with time zone."""
        return Expr(("binary", "AT TIME ZONE", self.node, ("value", zone, "text")))

    def over(
        self,
        *,
        partition_by: Sequence[Key] = (),
        order_by: Sequence[Key | Ordering] = (),
        frame: Frame | tuple[str, Bound, Bound | None] | None = None,
    ) -> Expr[T]:
        """Compute it over a window of rows.

        Args:
            partition_by: Keys that all rows of a window have in common.
            order_by: Their order.
            frame: The rows of the window that count, by `howdah.rows_between` or `howdah.range_between`.
        """
        parts = tuple(key_node(one) for one in partition_by)
        keys = tuple(key_node(one) for one in order_by)
        return Expr(("over", self.node, parts, keys, frame), self.type, self.kind)


def _text(expression: Expression, operator: str, pattern: object) -> Expr[bool]:
    refuse_null(operator, pattern)
    node = pattern.node if isinstance(pattern, Expression) else ("value", pattern, "text")
    return Expr(("binary", operator, expression.node, node), "boolean")


def _distance(expression: Expression, operator: str, to: object) -> Expr[float]:
    refuse_null(operator, to)
    node = to.node if isinstance(to, Expression) else ("value", to, "vector")
    return Expr(("binary", operator, expression.node, node), "double precision")


def as_expression(given: Selectable[T]) -> Expr[T]:
    """Return an expression; a reference or a table is its key.

    Raises:
        InterfaceError: The argument is none of these.
    """
    key = getattr(type(given), "__key__", None)
    found = given if key is None else key(given)
    if isinstance(found, Expr):
        return cast("Expr[T]", found)
    message = f"expected an expression, such as User.name; got {given!r}"
    raise InterfaceError(message)


if TYPE_CHECKING:
    # A column of a reference that is None has the type Expr[None].
    Of: TypeAlias = Expr[U] | Expr[U | None] | Expr[None]
    Operand: TypeAlias = U | Expr[U] | Expr[U | None] | Expr[None]
    Maybe: TypeAlias = Expr[U | None] | Expr[None]
    Whole: TypeAlias = int | Expr[int]
    Exact: TypeAlias = Decimal | Expr[Decimal]
    Inexact: TypeAlias = float | Expr[float]
    Number: TypeAlias = Of[int] | Of[Decimal] | Of[float]
    Integral: TypeAlias = Expr[int] | Expr[int | None]
    Fixed: TypeAlias = Expr[Decimal] | Expr[Decimal | None]
    Floating: TypeAlias = Expr[float] | Expr[float | None]
    Numeric: TypeAlias = Integral | Fixed | Floating
    Span: TypeAlias = dt.timedelta | Expr[dt.timedelta]
    # SQL's third truth value counts as false.
    Condition: TypeAlias = Selectable[bool | None]
    # A table, or a reference to one, is its key.
    Key: TypeAlias = Expr[Any] | HasKey
