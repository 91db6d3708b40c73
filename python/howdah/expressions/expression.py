"""Expressions: what is computed of columns, and what rows are found by. They are data, and do nothing.

An expression has an operator for each of the server's, and all of them stand here: so the file is long.
"""

# Type checkers do not agree on what isinstance() tells of generic classes.
# mypy: disable-error-code="redundant-cast"

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# What is sure to have a value is a case of what may have none.
# pyright: reportOverlappingOverload=false

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from howdah.errors import InterfaceError
from howdah.expressions.operators import Operators
from howdah.expressions.values import ELEMENTS, NUMBERS, bare, cast_of, is_known, kind_of, number_of, sql_type

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from howdah.expressions.functions import Bound, Frame
    from howdah.expressions.operators import Condition, Key, Of, Operand, Selectable
    from howdah.queries.builder import Builder
    from howdah.vector import Vector

Node = tuple[Any, ...]
T = TypeVar("T")
O = TypeVar("O")  # noqa: E741  (the contract's own name)

# The types for which + means "and after it".
JOINED = ("text", "varchar", "character", "citext", "jsonb", "bytea", "name", "tsvector")

# The types of which arithmetic may make another, such as an interval of two dates.
UNEVEN = ("date", "time", "interval", "inet", "cidr", "money", "pg_lsn")


class Ordering:
    """A key to order rows by, and its direction."""

    __slots__ = ("expression", "node")

    def __init__(self, expression: Expr[Any], direction: str, nulls: str | None = None) -> None:
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
    """A column and what it is set to."""

    __slots__ = ("column", "name", "node")

    def __init__(self, column: Expr[Any], node: Node) -> None:
        """Take the column and the value."""
        if column.node[0] != "column":
            message = "only a column can be set"
            raise InterfaceError(message)
        self.column = column
        self.name: str = column.node[2]
        self.node = node


# The types of texts of which capitals and small letters differ.
CASE_SENSITIVE = ("text", "varchar", "character varying", "bpchar", "character", "name")

# Up to so many values are compared one by one, where they go in no array.
FEW = 1000
TEXTS = {str}


class Expr(Operators[T]):
    """An SQL expression whose value is a T.

    Attributes:
        node: What it is, as data.
        type: The name of its SQL type, without a length or precision, where that is known.
        kind: The class of its values where rows have something else: an Enum class, or timedelta.
    """

    __slots__ = ("kind", "node", "type")

    def __init__(self, node: Node, type: str | None = None, kind: type[Any] | None = None) -> None:  # noqa: A002
        """Take what it is; `howdah.func` makes one of any function."""
        self.node = node
        self.type = type
        self.kind = kind

    def __bool__(self) -> bool:
        """Refuse: `and`, `or`, `not` and `if` cannot see what the server will find."""
        message = "an expression is neither true nor false in Python; combine expressions by &, | and ~"
        raise TypeError(message)

    def __repr__(self) -> str:
        """Show what it is made of."""
        return f"<howdah.Expr {' '.join(str(part) for part in self.node[:2] if isinstance(part, str))}>"

    # Comparisons; the operators are those of Operators
    @overload
    def is_distinct_from(self: Expr[O | None], other: Operand[O] | None) -> Expr[bool]: ...
    @overload
    def is_distinct_from(self, other: Operand[T] | None) -> Expr[bool]: ...
    def is_distinct_from(self, other: object) -> Expr[bool]:
        """Compare, NULL being a value like others."""
        return self._compare("IS DISTINCT FROM", other)

    def is_null(self) -> Expr[bool]:
        """Ask whether it is NULL."""
        return Expr(("is_null", self.node), "boolean")

    def is_not_null(self) -> Expr[bool]:
        """Ask whether it is not NULL."""
        return Expr(("is_not_null", self.node), "boolean")

    @overload
    def between(self: Expr[O | None], low: Operand[O], high: Operand[O]) -> Expr[bool]: ...
    @overload
    def between(self, low: Operand[T], high: Operand[T]) -> Expr[bool]: ...
    def between(self, low: object, high: object) -> Expr[bool]:
        """Ask whether it is within two values, both included."""
        _refuse_null("between()", low, high)
        return Expr(("between", self.node, self._like(low), self._like(high)), "boolean")

    @overload
    def in_(
        self: Expr[O | None], values: Iterable[O | None] | Builder[tuple[O]] | Builder[tuple[O | None]]
    ) -> Expr[bool]: ...
    @overload
    def in_(self, values: Iterable[T] | Builder[tuple[T]] | Builder[tuple[T | None]]) -> Expr[bool]: ...
    def in_(self, values: Any) -> Expr[bool]:
        """Ask whether it is one of some values, or of those that a query of one column gives; None asks for NULL."""
        statement = getattr(values, "statement", None)
        if statement is not None:
            return Expr(("in", self.node, statement()), "boolean")
        return self._among("any", "=", values)

    @overload
    def not_in(
        self: Expr[O | None], values: Iterable[O | None] | Builder[tuple[O]] | Builder[tuple[O | None]]
    ) -> Expr[bool]: ...
    @overload
    def not_in(self, values: Iterable[T] | Builder[tuple[T]] | Builder[tuple[T | None]]) -> Expr[bool]: ...
    def not_in(self, values: Any) -> Expr[bool]:
        """Ask whether it is none of some values, or of those that a query of one column gives.

        It is not so for NULL, whatever the values: as in SQL, nobody knows whether NULL is one of them.
        """
        statement = getattr(values, "statement", None)
        if statement is not None:
            return Expr(("not_in", self.node, statement()), "boolean")
        return self._among("all", "<>", values)

    # Logic
    def __and__(self: Of[bool], other: Condition) -> Expr[bool]:
        """Ask whether both hold."""
        return Expr(("and", (*_parts("and", self.node), condition(other))), "boolean")

    def __or__(self: Of[bool], other: Condition) -> Expr[bool]:
        """Ask whether one of them holds."""
        return Expr(("or", (*_parts("or", self.node), condition(other))), "boolean")

    def __invert__(self: Of[bool]) -> Expr[bool]:
        """Ask whether it does not hold."""
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
        """Compare with a pattern, as `like` does, capitals and small letters being the same."""
        return _text(self, "ILIKE", pattern)

    def regex(self: Of[str], pattern: str, *, ignore_case: bool = False) -> Expr[bool]:
        """Search for a POSIX regular expression."""
        return _text(self, "~*" if ignore_case else "~", pattern)

    def startswith(self: Of[str], prefix: str) -> Expr[bool]:
        """Ask whether it begins with a text, taken as it stands; by the rules of its type, so citext ignores case."""
        _refuse_null("startswith()", prefix)
        if self.type is None or self.type in CASE_SENSITIVE:
            return Expr(("call", "starts_with", (self.node, ("value", prefix, "text")), {}), "boolean")
        # starts_with() is of text alone, into which the server would turn any other type.
        escaped = prefix.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return _text(self, "LIKE", f"{escaped}%")

    def collate(self, collation: str) -> Expr[T]:
        """Compare and order it by a collation."""
        return Expr(("collate", self.node, collation), self.type, self.kind)

    # Arrays, ranges, JSON
    def contains(self, values: object) -> Expr[bool]:
        """Ask whether an array has all these elements, a range this value or range, or JSON this part."""
        return Expr(("binary", "@>", self.node, self._part(values)), "boolean")

    def contained_by(self, whole: object) -> Expr[bool]:
        """Ask whether the other has all of this."""
        return Expr(("binary", "<@", self.node, self._part(whole)), "boolean")

    def overlaps(self, other: object) -> Expr[bool]:
        """Ask whether arrays have an element, or ranges a value, in common."""
        return Expr(("binary", "&&", self.node, self._part(other)), "boolean")

    def adjacent(self, other: object) -> Expr[bool]:
        """Ask whether two ranges meet without a gap and without overlapping."""
        return Expr(("binary", "-|-", self.node, self._part(other)), "boolean")

    def before(self, other: object) -> Expr[bool]:
        """Ask whether a range ends before another begins."""
        return Expr(("binary", "<<", self.node, self._part(other)), "boolean")

    def after(self, other: object) -> Expr[bool]:
        """Ask whether a range begins after another ends."""
        return Expr(("binary", ">>", self.node, self._part(other)), "boolean")

    @overload
    def has(self: Expr[list[O]], value: Operand[O]) -> Expr[bool]: ...
    @overload
    def has(self: Expr[list[O] | None], value: Operand[O]) -> Expr[bool]: ...
    def has(self: Expr[Any], value: object) -> Expr[bool]:
        """Ask whether an array has an element.

        Raises:
            InterfaceError: The value is None: no element equals NULL; `array_position` finds one.
        """
        _refuse_null("has()", value)
        element = self.type[:-2] if self.type is not None and self.type.endswith("[]") else None
        node = value.node if isinstance(value, Expr) else ("value", plain(value), element)
        return Expr(("any", node, "=", self.node), "boolean")

    @overload
    def item(self: Expr[list[O]], position: int) -> Expr[O]: ...
    @overload
    def item(self: Expr[list[O] | None], position: int) -> Expr[O | None]: ...
    def item(self: Expr[Any], position: int) -> Expr[Any]:
        """Take an element of an array, counted from 0."""
        element = self.type[:-2] if self.type is not None and self.type.endswith("[]") else None
        return Expr(("element", self.node, ("value", position + 1, "integer")), element, self.kind)

    def path(self, *keys: str | int, as_: type[O]) -> Expr[O]:
        """Take what is at the end of a path of keys and positions in JSON, as a Python type; NULL where nothing is."""
        steps = ("value", [str(key) for key in keys], "text[]")
        target = sql_type(as_)
        if target == "jsonb" or target.endswith("[]"):
            # A list of JSON is no array to the server.
            return Expr(("binary", "#>", self.node, steps), "jsonb")
        text: Node = ("binary", "#>>", self.node, steps)
        return Expr(text if target == "text" else ("cast", text, target), target, kind_of(as_))

    def has_key(self, key: str) -> Expr[bool]:
        """Ask whether a JSON object has a key, or a JSON array this text."""
        return Expr(("binary", "?", self.node, ("value", key, "text")), "boolean")

    def has_any_key(self, *keys: str) -> Expr[bool]:
        """Ask whether a JSON object has one of these keys."""
        return Expr(("binary", "?|", self.node, ("value", list(keys), "text[]")), "boolean")

    def has_all_keys(self, *keys: str) -> Expr[bool]:
        """Ask whether a JSON object has all these keys."""
        return Expr(("binary", "?&", self.node, ("value", list(keys), "text[]")), "boolean")

    def json_path_exists(self, path: str) -> Expr[bool]:
        """Ask whether an SQL/JSON path, such as `$.a[*] ? (@ > 2)`, finds anything."""
        return Expr(("binary", "@?", self.node, ("value", path, "jsonpath")), "boolean")

    # Full text
    def matches(self, query: Expr[Any] | str) -> Expr[bool]:
        """Search a text by a query of `websearch_to_tsquery`, or one that you made."""
        _refuse_null("matches()", query)
        found: Node = (
            query.node if isinstance(query, Expr) else ("call", "websearch_to_tsquery", (("value", query, "text"),), {})
        )
        return Expr(("binary", "@@", self.node, found), "boolean")

    # Vectors
    def l2_distance(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Give the Euclidean distance of pgvector (`<->`)."""
        return _distance(self, "<->", to)

    def cosine_distance(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Give the cosine distance of pgvector (`<=>`)."""
        return _distance(self, "<=>", to)

    def inner_product(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Give the negative inner product of pgvector (`<#>`): the least is the nearest."""
        return _distance(self, "<#>", to)

    def l1_distance(self: Of[Vector], to: Sequence[float] | Expr[Any]) -> Expr[float]:
        """Give the taxicab distance of pgvector (`<+>`)."""
        return _distance(self, "<+>", to)

    # Others
    @overload
    def set(self: Expr[O | None], value: Operand[O] | None) -> Assign: ...
    @overload
    def set(self, value: Operand[T]) -> Assign: ...
    def set(self, value: object) -> Assign:
        """Set a column to a value, in an update; whether an expression is NULL, the server alone can tell.

        Raises:
            DataError: A value that the column cannot hold exactly.
        """
        self._refuse_inexact(value)
        return Assign(self, ("value", None, None) if value is None else self._like(value))

    def as_(self, name: str) -> Expr[T]:
        """Give it a name among the columns of a result."""
        return Expr(("named", self.node, name), self.type, self.kind)

    @overload
    def cast(self, to: type[O]) -> Expr[O]: ...
    @overload
    def cast(self, to: str) -> Expr[Any]: ...
    def cast(self, to: type[Any] | str) -> Expr[Any]:
        """Convert it to an SQL type, or the one of a Python type."""
        if isinstance(to, str):
            return Expr(("cast", self.node, to), bare(to))
        target = sql_type(to)
        return Expr(("cast", self.node, target), target, kind_of(to))

    def at_time_zone(self, zone: str) -> Expr[Any]:
        """Give a point in time as the clocks of a zone show it, or the other way round."""
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
            partition_by: What the rows of a window have in common.
            order_by: Their order.
            frame: Which of them count, by `howdah.rows_between` and the like.
        """
        parts = tuple(key_node(one) for one in partition_by)
        keys = tuple(key_node(one) for one in order_by)
        return Expr(("over", self.node, parts, keys, frame), self.type, self.kind)

    def _among(self, which: str, operator: str, values: Iterable[object]) -> Expr[bool]:
        """Compare with any of some values, or with all of them; None stands for NULL, as it does in `==`."""
        listed = list(values)
        given = [self._key(value) for value in listed if value is not None]
        if len(given) < len(listed):
            # `x = NULL` and `x <> NULL` are NULL whatever x is, so a NULL would hide the rows that are asked for.
            found = self._among(which, operator, given)
            return found | self.is_null() if which == "any" else found & self.is_not_null()
        array = f"{self.type}[]" if self.type is not None else None
        node: Node = ("value", given, array)
        if self.type is None or self.kind is not None or is_known(self.type) or not set(map(type, given)) <= TEXTS:
            return Expr((which, self.node, operator, node), "boolean")
        # Texts of a type that is known to the server alone go in no array of it. An explicit cast would cut those that
        # are too long for a domain, and so as many as can be go by themselves.
        if 0 < len(given) <= FEW:
            each = tuple(("binary", operator, self.node, self._like(value)) for value in given)
            return Expr(("or" if which == "any" else "and", each), "boolean")
        return Expr((which, self.node, operator, ("cast", ("value", given, "text[]"), array)), "boolean")

    def _compare(self, operator: str, other: object) -> Expr[bool]:
        if other is None and operator in {"=", "<>"}:
            return self.is_null() if operator == "=" else self.is_not_null()
        if operator != "IS DISTINCT FROM":
            _refuse_null(operator, other)
        return Expr(("binary", operator, self.node, self._like(other)), "boolean")

    def _arithmetic(self, operator: str, other: object) -> Expr[Any]:
        if operator == "+" and self._is_joined_to(other):
            return Expr(("binary", "||", self.node, self._like(other)), self.type)
        _refuse_null(operator, other)
        node: Node = ("binary", operator, self.node, operand(other))
        if self.type == "date" and _is_span(other):
            # The server makes a timestamp of it.
            return Expr(("cast", node, "date"), "date")
        if self.type == "date" and operator == "-" and _is_date(other):
            return Expr(node, "integer")
        return Expr(node, self._with_other(other), _kind(operator, self, other))

    def _arithmetic_after(self, operator: str, other: object) -> Expr[Any]:
        _refuse_null(operator, other)
        if operator == "+" and isinstance(other, (str, list)):
            return Expr(("binary", "||", ("value", other, self.type or cast_of(other)), self.node), self.type)
        node: Node = ("binary", operator, operand(other), self.node)
        if self.type == "date" and operator == "+" and _is_span(other):
            return Expr(("cast", node, "date"), "date")
        if self.type == "date" and operator == "-" and _is_date(other):
            return Expr(node, "integer")
        return Expr(node, self._with_other(other), _kind(operator, other, self))

    def _is_joined_to(self, other: object) -> bool:
        """Tell whether + puts the two together."""
        return isinstance(other, (str, list, dict)) or (
            self.type is not None and (self.type.endswith("[]") or self.type.startswith(JOINED))
        )

    def _with_other(self, other: object) -> str | None:
        """Give the type of what arithmetic with another makes of this; None where the server is to tell."""
        own = self.type
        if isinstance(other, dt.timedelta):
            return own if own is not None and own.startswith(("time", "interval")) else None
        theirs = cast("Expr[Any]", other).type if isinstance(other, Expr) else cast_of(other)
        if own is not None and own == theirs and not own.startswith(UNEVEN):
            return own
        return number_of(own, theirs)

    def _like(self, other: object) -> Node:
        """Give a value of this type as a node; the server finds its type by what it stands beside."""
        if isinstance(other, Expr):
            return cast("Expr[Any]", other).node
        statement = getattr(other, "statement", None)
        if statement is not None:
            return ("scalar", statement())
        return ("value", self._key(other), None if self.type is None or self.node[0] == "column" else self.type)

    def _refuse_inexact(self, value: object) -> None:
        """Check that a value is held as it is; a column knows what it holds."""

    def _key(self, value: object) -> object:
        """Give a row's key, and all else as it is; a column takes the rows alone that it refers to."""
        return plain(value)

    def _part(self, other: object) -> Node:
        """Give what may be a part of this."""
        _refuse_null("contains() and its like", other)
        if isinstance(other, Expr):
            return cast("Expr[Any]", other).node
        element = ELEMENTS.get(self.type or "")
        if element is not None and type(other).__name__ != "Range":
            return ("value", other, element)
        value: object = other
        if isinstance(other, (tuple, set, frozenset)) and type(other).__name__ != "Vector":
            value = list(cast("Iterable[object]", other))
        return ("value", self._key(value), self.type)


def _is_span(value: object) -> bool:
    return cast("Expr[Any]", value).kind is dt.timedelta if isinstance(value, Expr) else isinstance(value, dt.timedelta)


def _is_date(value: object) -> bool:
    return (cast("Expr[Any]", value).type if isinstance(value, Expr) else cast_of(value)) == "date"


def _parts(kind: str, node: Node) -> tuple[Node, ...]:
    """Give what an AND or OR is made of; many in a row are one, however many there are."""
    parts: tuple[Node, ...] = node[1] if node[0] == kind else (node,)
    return parts


def _kind(operator: str, left: object, right: object) -> type[Any] | None:
    """Give the class of what arithmetic makes, where rows have something else: timedelta, for spans of time.

    They are between two points in time, or made of spans that are added, or multiplied by a number. Where one is an
    interval of a column that is no timedelta, so is the result: it may have months.
    """
    types: list[str | None] = []
    spans = 0
    for side in (left, right):
        if isinstance(side, Expr):
            of = cast("Expr[Any]", side)
            is_span, name = of.kind is dt.timedelta, of.type
        else:
            is_span, name = isinstance(side, dt.timedelta), cast_of(side)
        spans += is_span
        if not is_span:
            types.append(name)
    if operator == "-" and len(types) == 2 and all(name is not None and name.startswith("timestamp") for name in types):  # noqa: PLR2004
        return dt.timedelta
    return dt.timedelta if spans and all(name in NUMBERS for name in types) else None


def _refuse_null(operation: str, *values: object) -> None:
    """Refuse None where the server would make NULL of the whole, which as a condition finds nothing.

    Raises:
        InterfaceError: A value is None.
    """
    if any(value is None for value in values):
        message = f"{operation} with None is always NULL, which finds no row; ask for NULL by == None or is_null()"
        raise InterfaceError(message)


def _text(expression: Expr[Any], operator: str, pattern: object) -> Expr[bool]:
    _refuse_null(operator, pattern)
    node = cast("Expr[Any]", pattern).node if isinstance(pattern, Expr) else ("value", pattern, "text")
    return Expr(("binary", operator, expression.node, node), "boolean")


def _distance(expression: Expr[Any], operator: str, to: object) -> Expr[float]:
    _refuse_null(operator, to)
    node = cast("Expr[Any]", to).node if isinstance(to, Expr) else ("value", to, "vector")
    return Expr(("binary", operator, expression.node, node), "double precision")


def plain(value: object) -> object:
    """Give what stands for an object in a statement: a row's key, and all else as it is."""
    schema = getattr(type(value), "__schema__", None)
    if schema is None:
        return value
    key = schema.single_key
    return getattr(value, key.attribute)


def operand(value: object) -> Node:
    """Give a value, or an expression, as a node whose type is plain by itself."""
    if isinstance(value, Expr):
        return cast("Expr[Any]", value).node
    statement = getattr(value, "statement", None)
    if statement is not None:
        return ("scalar", statement())
    value = plain(value)
    return ("value", value, cast_of(value))


def of_key(given: Selectable[T]) -> Expr[T]:
    """Give what is selected or computed with as an expression; a reference is its key.

    Raises:
        InterfaceError: It is neither.
    """
    key = getattr(type(given), "__key__", None)
    found = given if key is None else key(given)
    if isinstance(found, Expr):
        return cast("Expr[T]", found)
    message = f"expected an expression, such as User.name; got {given!r}"
    raise InterfaceError(message)


def key_node(key: object) -> Node:
    """Give what rows are ordered, grouped or told apart by as a node; a reference is its key.

    Raises:
        InterfaceError: It is none of these.
    """
    given = getattr(type(key), "__key__", None)
    found = key if given is None else given(key)
    if isinstance(found, (Expr, Ordering)):
        return cast("Expr[Any]", found).node
    message = f"a key is an expression, such as User.name or -User.age, not {key!r}"
    raise InterfaceError(message)


def condition(given: object) -> Node:
    """Give a condition as a node.

    Raises:
        InterfaceError: It is none, such as what `==` gives of two Python values.
    """
    if isinstance(given, Expr):
        return cast("Expr[Any]", given).node
    message = f"a condition is an expression, such as User.age > 25; got {given!r}"
    raise InterfaceError(message)
