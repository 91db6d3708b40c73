"""The server's functions, as expressions.

Source: https://www.postgresql.org/docs/current/functions.html; `func` calls any other.
"""

# Type checkers do not agree on the type after isinstance() with a generic class.
# mypy: disable-error-code="redundant-cast"

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# An expression that is never NULL matches the overload for one that may be NULL, too.
# pyright: reportOverlappingOverload=false

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, overload

from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr, as_expression
from howdah.expressions.node import condition, key_node, operand
from howdah.expressions.values import ELEMENTS, cast_of, kind_of, kind_of_value, sql_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.expressions.expression import Condition, Key, Of, Subquery
    from howdah.expressions.node import Bound, Frame, Node, Ordering, Selectable
    from howdah.range import Range

T = TypeVar("T")
U = TypeVar("U")

Field = Literal[
    "century", "day", "decade", "dow", "doy", "epoch", "hour", "isodow", "isoyear", "julian", "microseconds",
    "millennium", "milliseconds", "minute", "month", "quarter", "second", "timezone", "week", "year",
]  # fmt: skip

INTEGERS = ("bigint", "integer", "smallint", "int8", "int4", "int2")


class Aggregate(Expr[T]):
    """An aggregate function; `over` makes a window function of it."""

    __slots__ = ("_args", "_name", "_options", "_result")

    def __init__(
        self,
        name: str,
        args: tuple[Node, ...],
        result: str | None,
        kind: type[Any] | None = None,
        *,
        as_: str | None = None,
    ) -> None:
        """Take the function, its arguments and the type that its result is cast to.

        With `as_`, the type of the result, the function is one that the query's author names.
        """
        self._name = name
        self._args = args
        self._options: dict[str, Any] = {} if as_ is None else {"as": as_}
        self._result = result
        super().__init__(self._cast(self._call()), result, kind)

    def distinct(self) -> Aggregate[T]:
        """Use each value once."""
        return self._with(distinct=True)

    def filter(self, *conditions: Condition) -> Aggregate[T]:
        """Use only rows that meet these conditions and those of earlier filters."""
        before = self._options["filter"][1] if "filter" in self._options else ()
        return self._with(filter=("and", (*before, *(condition(one) for one in conditions))))

    def order_by(self, *keys: Key | Ordering) -> Aggregate[T]:
        """Use the values in this order."""
        return self._with(order_by=tuple(key_node(key) for key in keys))

    def within_group(self, *keys: Key | Ordering) -> Aggregate[T]:
        """Compute an ordered-set aggregate, such as `percentile_cont`, of values in this order."""
        return self._with(within=tuple(key_node(key) for key in keys))

    def over(
        self,
        *,
        partition_by: Sequence[Key] = (),
        order_by: Sequence[Key | Ordering] = (),
        frame: Frame | tuple[str, Bound, Bound | None] | None = None,
    ) -> Expr[T]:
        """Compute it over a window of rows; see `Expr.over`."""
        bare: Expr[T] = Expr(self._call(), None, self.kind)
        windowed = bare.over(partition_by=partition_by, order_by=order_by, frame=frame)
        return Expr(self._cast(windowed.node), self.type, self.kind)

    def _with(self, **options: object) -> Aggregate[T]:
        made: Aggregate[T] = Aggregate.__new__(Aggregate)
        made._name, made._args, made._result = self._name, self._args, self._result
        made._options = {**self._options, **options}
        Expr.__init__(made, made._cast(made._call()), self.type, self.kind)
        return made

    def _call(self) -> Node:
        return ("call", self._name, self._args, self._options)

    def _cast(self, node: Node) -> Node:
        return node if self._result is None else ("cast", node, self._result)


def func(name: str, *args: Any, as_: type[U]) -> Aggregate[U]:  # noqa: ANN401  (of any type)
    """Call any function of the server.

    Args:
        name: Its name, with its schema if it needs one.
        *args: Expressions and values.
        as_: The Python type of the result.

    Returns:
        The call; its methods such as `filter` and `over` are for aggregates.
    """
    of = sql_type(as_)
    made: Aggregate[U] = Aggregate(name, tuple(operand(one) for one in args), None, as_=of)
    made.type, made.kind = of, kind_of(as_)
    return made


def _call(name: str, kind: str | None, *args: object, like: Expr[Any] | None = None) -> Expr[Any]:
    return Expr(("call", name, tuple(operand(one) for one in args), {}), kind, None if like is None else like.kind)


# Aggregates
def count(expr: Expr[Any] | None = None) -> Aggregate[int]:
    """Count rows, or those where an expression is not NULL."""
    made: Aggregate[int] = Aggregate("count", (("star",) if expr is None else expr.node,), None)
    made.type = "bigint"
    return made


def sum(expr: Selectable[T]) -> Aggregate[T | None]:  # noqa: A001  (SQL's name)
    """Return the sum; of no rows, NULL."""
    of = as_expression(expr)
    if of.type in INTEGERS:
        # The server's own sum of bigints is a numeric.
        return Aggregate("sum", (of.node,), "bigint")
    return _same("sum", of)


@overload
def avg(expr: Selectable[dt.timedelta | None]) -> Aggregate[dt.timedelta | None]: ...
@overload
def avg(expr: Expr[Any]) -> Aggregate[float | None]: ...
def avg(expr: Any) -> Aggregate[Any]:
    """Return the mean; of no rows, NULL. The mean of intervals is a timedelta."""
    if expr.kind is dt.timedelta:
        return _same("avg", expr)
    return Aggregate("avg", (expr.node,), "double precision")


def min(expr: Selectable[T]) -> Aggregate[T | None]:  # noqa: A001  (SQL's name)
    """Return the least; of no rows, NULL."""
    return _same("min", expr)


def max(expr: Selectable[T]) -> Aggregate[T | None]:  # noqa: A001  (SQL's name)
    """Return the greatest; of no rows, NULL."""
    return _same("max", expr)


def _same(name: str, expr: Selectable[Any]) -> Aggregate[Any]:
    of = as_expression(expr)
    made: Aggregate[Any] = Aggregate(name, (of.node,), None, of.kind)
    made.type = of.type
    return made


def array_agg(expr: Selectable[T]) -> Aggregate[list[T] | None]:
    """Collect all values in an array; of no rows, NULL."""
    of = as_expression(expr)
    made: Aggregate[list[T] | None] = Aggregate("array_agg", (of.node,), None, of.kind)
    made.type = None if of.type is None else f"{of.type}[]"
    return made


def string_agg(expr: Of[str], separator: str) -> Aggregate[str | None]:
    """Concatenate all texts, with a separator; of no rows, NULL."""
    return Aggregate("string_agg", (expr.node, ("value", separator, "text")), None)


def json_agg(expr: Expr[Any]) -> Aggregate[list[Any] | None]:
    """Collect all values in a JSON array; of no rows, NULL."""
    return Aggregate("jsonb_agg", (expr.node,), None)


def bool_and(expr: Condition) -> Aggregate[bool | None]:
    """Return whether it holds for all rows; of no rows, NULL."""
    return Aggregate("bool_and", (condition(expr),), None)


def bool_or(expr: Condition) -> Aggregate[bool | None]:
    """Return whether it holds for at least one row; of no rows, NULL."""
    return Aggregate("bool_or", (condition(expr),), None)


# Windows
def row_number() -> Aggregate[int]:
    """Number the rows of a window."""
    return Aggregate("row_number", (), None)


def rank() -> Aggregate[int]:
    """Rank the rows of a window, with gaps after equals."""
    return Aggregate("rank", (), None)


def dense_rank() -> Aggregate[int]:
    """Rank the rows of a window, without gaps."""
    return Aggregate("dense_rank", (), None)


def percent_rank() -> Aggregate[float]:
    """Rank the rows of a window from 0 to 1."""
    return Aggregate("percent_rank", (), None)


def ntile(buckets: int) -> Aggregate[int]:
    """Divide the rows of a window into a number of parts."""
    return Aggregate("ntile", (("value", buckets, "integer"),), None)


def lag(expr: Selectable[T], offset: int = 1) -> Aggregate[T | None]:
    """Return the value a number of rows before; NULL if there is no such row."""
    of = as_expression(expr)
    return Aggregate("lag", (of.node, ("value", offset, "integer")), None, of.kind)


def lead(expr: Selectable[T], offset: int = 1) -> Aggregate[T | None]:
    """Return the value a number of rows after; NULL if there is no such row."""
    of = as_expression(expr)
    return Aggregate("lead", (of.node, ("value", offset, "integer")), None, of.kind)


def first_value(expr: Selectable[T]) -> Aggregate[T]:
    """Return the value of a window's first row."""
    of = as_expression(expr)
    return Aggregate("first_value", (of.node,), None, of.kind)


def last_value(expr: Selectable[T]) -> Aggregate[T]:
    """Return the value of a window's last row."""
    of = as_expression(expr)
    return Aggregate("last_value", (of.node,), None, of.kind)


def rows_between(start: int | None, end: int | None) -> Frame:
    """Return a frame from a number of rows before (negative) or after this one; None is the end of the window."""
    return ("rows", _bound(start, "preceding"), _bound(end, "following"))


def range_between(start: Any, end: Any) -> Frame:  # noqa: ANN401  (of the key's type)
    """Return a frame of rows whose key is less (negative) or more by an amount; None is the end of the window."""
    return ("range", _bound(start, "preceding"), _bound(end, "following"))


def _bound(offset: Any, side: str) -> Bound:  # noqa: ANN401
    if offset is None:
        return (f"unbounded_{side}",)
    zero: Any = dt.timedelta() if isinstance(offset, dt.timedelta) else 0
    if offset == zero:
        return ("current",)
    return ("preceding", operand(-offset)) if offset < zero else ("following", operand(offset))


# Conditions
def and_(*conditions: Condition) -> Expr[bool]:
    """Test whether all hold; of none, true."""
    return Expr(("and", tuple(condition(one) for one in conditions)), "boolean")


def or_(*conditions: Condition) -> Expr[bool]:
    """Test whether one holds; of none, false."""
    return Expr(("or", tuple(condition(one) for one in conditions)), "boolean")


def exists(query: Subquery[Any]) -> Expr[bool]:
    """Test whether a query has a row; it may use columns of the outer query."""
    return query.exists_()


def case(*branches: tuple[Condition, Any], otherwise: Any = None, as_: type[U] | None = None) -> Expr[Any]:  # noqa: ANN401
    """Return the value of the first condition that holds.

    Args:
        *branches: Conditions, each with its value.
        otherwise: The value if none holds.
        as_: The Python type of the values, if it cannot be inferred.
    """
    values = [value for _, value in branches]
    first = next((one for one in (*values, otherwise) if isinstance(one, Expr)), None)
    kind = sql_type(as_) if as_ is not None else None
    pairs = tuple((condition(when), operand(value)) for when, value in branches)
    node: Node = ("case", pairs, None if otherwise is None else operand(otherwise))
    if kind is not None:
        node = ("cast", node, kind)
    known = kind or (first.type if first is not None else cast_of(values[0]) if values else None)
    of = kind_of(as_) if as_ is not None else first.kind if first is not None else kind_of_value(*values, otherwise)
    return Expr(node, known, of)


def coalesce(first: Expr[Any], *others: T | Expr[T]) -> Expr[T]:
    """Return the first value that is not NULL."""
    return cast("Expr[T]", Expr(("call", "coalesce", (first.node, *_like(first, others)), {}), first.type, first.kind))


def nullif(expr: Selectable[T | None], value: T | Of[T]) -> Expr[T | None]:
    """Return NULL if two values are equal, else the first."""
    first = as_expression(expr)
    node: Node = ("call", "nullif", (first.node, *_like(first, (value,))), {})
    return Expr(node, first.type, first.kind)


def greatest(first: Expr[T], *others: T | Expr[T]) -> Expr[T]:
    """Return the greatest value that is not NULL."""
    return Expr(("call", "greatest", (first.node, *_like(first, others)), {}), first.type, first.kind)


def least(first: Expr[T], *others: T | Expr[T]) -> Expr[T]:
    """Return the least value that is not NULL."""
    return Expr(("call", "least", (first.node, *_like(first, others)), {}), first.type, first.kind)


def _like(first: Expr[Any], others: tuple[object, ...]) -> list[Node]:
    nodes: list[Node] = []
    for one in others:
        if isinstance(one, Expr):
            nodes.append(cast("Expr[Any]", one).node)
        else:
            value = first._parameter(one)  # noqa: SLF001  (of the same kind)
            nodes.append(("value", value, first.type or cast_of(value)))
    return nodes


# Values
def value(of: U, as_: type[Any] | str | None = None) -> Expr[U]:
    """Make an expression of a value, which is sent as a parameter."""
    kind = as_ if isinstance(as_, str) else sql_type(as_) if as_ is not None else cast_of(of)
    return Expr(("value", of, kind), kind, kind_of_value(of) if as_ is None else kind_of(as_))


def array(*elements: Expr[U] | U) -> Expr[list[U]]:
    """Make an array of expressions."""
    return Expr(("array", tuple(operand(one) for one in elements), None))


# Text
@overload
def lower(expr: Expr[str]) -> Expr[str]: ...
@overload
def lower(expr: Of[str]) -> Expr[str | None]: ...
@overload
def lower(expr: Of[Range[U]]) -> Expr[U | None]: ...
def lower(expr: Expr[Any]) -> Expr[Any]:
    """Convert to lower case. Of a range, return the lower bound."""
    return _call("lower", _end_of(expr), expr)


@overload
def upper(expr: Expr[str]) -> Expr[str]: ...
@overload
def upper(expr: Of[str]) -> Expr[str | None]: ...
@overload
def upper(expr: Of[Range[U]]) -> Expr[U | None]: ...
def upper(expr: Expr[Any]) -> Expr[Any]:
    """Convert to upper case. Of a range, return the upper bound."""
    return _call("upper", _end_of(expr), expr)


def _end_of(expr: Expr[Any]) -> str:
    """Return the result type of lower() and upper(): that of a range's bounds, else text."""
    return ELEMENTS.get((expr.type or "").replace("multirange", "range"), "text")


@overload
def length(expr: Expr[str]) -> Expr[int]: ...
@overload
def length(expr: Of[str]) -> Expr[int | None]: ...
def length(expr: Expr[Any]) -> Expr[Any]:
    """Count the characters."""
    return _call("length", "integer", expr)


def concat(*parts: Expr[Any] | str) -> Expr[str]:
    """Concatenate texts; NULL counts as empty."""
    return _call("concat", "text", *parts)


# Time
def now() -> Expr[dt.datetime]:
    """Return the time at which the transaction began."""
    return _call("now", "timestamptz")


def extract(field: Field, of: Expr[Any]) -> Expr[float]:
    """Return a field of a date or time, such as its `year`."""
    return Expr(("cast", ("extract", field, of.node), "double precision"), "double precision")


def date_trunc(field: Field, of: Selectable[T]) -> Expr[T]:
    """Truncate a date or time to a whole `month`, `day` or other unit."""
    given = as_expression(of)
    node: Node = ("call", "date_trunc", (("literal", str(field)), given.node), {})
    # The server returns a timestamp for a date.
    return Expr(("cast", node, "date") if given.type == "date" else node, given.type, given.kind)


# Full text
def to_tsvector(document: Expr[Any], *, config: str | None = None) -> Expr[Any]:
    """Convert a text to a tsvector; `config` is a text search configuration, such as `english`."""
    return Expr(("call", "to_tsvector", (*_config(config), document.node), {}), "tsvector")


def websearch_to_tsquery(query: str, *, config: str | None = None) -> Expr[Any]:
    """Convert the text of a search box to a tsquery."""
    return Expr(("call", "websearch_to_tsquery", (*_config(config), ("value", query, "text")), {}), "tsquery")


def to_tsquery(query: str, *, config: str | None = None) -> Expr[Any]:
    """Convert words with `&`, `|`, `!` and `<->` between them to a tsquery."""
    return Expr(("call", "to_tsquery", (*_config(config), ("value", query, "text")), {}), "tsquery")


def plainto_tsquery(query: str, *, config: str | None = None) -> Expr[Any]:
    """Convert a text to a tsquery for all its words."""
    return Expr(("call", "plainto_tsquery", (*_config(config), ("value", query, "text")), {}), "tsquery")


def ts_rank(document: Expr[Any], query: Expr[Any]) -> Expr[float]:
    """Return how well a document matches a query."""
    return Expr(("call", "ts_rank", (document.node, query.node), {}), "real")


def _config(config: str | None) -> tuple[Node, ...]:
    return () if config is None else (("cast", ("value", config, "text"), "regconfig"),)


# Groups
def rollup(*keys: Key) -> Expr[Any]:
    """Group by all keys, by all but the last, and so on, down to no key."""
    return Expr(("grouping", "rollup", tuple(key_node(key) for key in keys)))


def cube(*keys: Key) -> Expr[Any]:
    """Group by every subset of the keys."""
    return Expr(("grouping", "cube", tuple(key_node(key) for key in keys)))


def grouping_sets(*sets: Sequence[Key]) -> Expr[Any]:
    """Group by each of these sets of keys."""
    if not sets:
        message = "grouping_sets() needs a set of keys"
        raise InterfaceError(message)
    return Expr(("grouping", "sets", tuple(("row", tuple(key_node(key) for key in keys)) for keys in sets)))


def excluded(column: Expr[T]) -> Expr[T]:
    """Return the value that an upsert wanted to insert, in its `update`."""
    if column.node[0] != "column":
        message = "excluded() takes a column"
        raise InterfaceError(message)
    return Expr(("excluded", column.node[2]), column.type, column.kind)
