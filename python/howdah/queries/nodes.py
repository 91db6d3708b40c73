"""Looks into the data that queries are, and puts parts of it together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.sources import Source
from howdah.expressions.values import lookup
from howdah.queries.derived import Derived, names_of
from howdah.queries.loading import Plan
from howdah.shapes import binder, fields_of
from howdah.tables.attributes import Col

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from howdah.expressions.expression import Expr
    from howdah.tables.schema import TableSchema

    Statement = dict[str, Any]
    StatementOf = Callable[[tuple["Node", ...]], Statement]

Node = tuple[Any, ...]

# What is not the same twice to the server: parameters, and subqueries, whose tables have names of their own.
UNLIKE = frozenset({"value", "in", "not_in", "exists", "scalar", "array_of"})


def walk(node: object) -> Iterator[Node]:
    """Give a node and all that are in it, but those of subqueries."""
    if isinstance(node, tuple):
        found: Node = node  # pyright: ignore[reportUnknownVariableType]
        if found and isinstance(found[0], str):
            yield found
            if found[0] == "value":
                return
        for part in found:
            yield from walk(part)


def uses_reference(conditions: tuple[Node, ...]) -> bool:
    """Tell whether conditions are about columns of tables that are referred to."""
    return any(node[0] == "column" and node[1].parent is not None for node in walk(conditions))


def ordered(keys: tuple[Node, ...], columns: tuple[Node, ...], *, always: bool) -> tuple[Node, ...]:
    """Give keys, those that are columns of the result by their number.

    The server cannot see that two expressions with parameters or subqueries are the same one.

    Args:
        keys: What rows are ordered or grouped by.
        columns: The columns of the result.
        always: Whether plain columns are given by number, too.
    """
    bare = [column[1] if column[0] == "named" else column for column in columns]

    def number(key: Node) -> Node:
        if key[0] == "ordering":
            return ("ordering", number(key[1]), *key[2:])
        if not always and not any(node[0] in UNLIKE for node in walk(key)):
            return key
        at = next((at for at, column in enumerate(bare, 1) if column is key or _same(column, key)), None)
        return key if at is None else ("ordinal", at)

    return tuple(number(key) for key in keys)


def _same(one: Node, other: Node) -> bool:
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        # Values whose comparison is no bool, such as arrays, are the same as objects or not at all.
        return False


def with_clause(ctes: tuple[Derived, ...]) -> tuple[tuple[Source, bool, Statement], ...]:
    """Give the WITH clause."""
    return tuple((cte.source, cte.recursive, cast("Statement", cte.source.statement)) for cte in ctes)


def derived_source(statement: Statement) -> Source:
    """Give a statement as a row of FROM."""
    return Source("query", ("rows",), statement=statement)


def tuple_plan(columns: tuple[Expr[Any], ...], statement: StatementOf) -> Plan:
    """Give the plan of a query whose rows are tuples."""
    kinds = kinds_of(columns)
    return Plan(statement(tuple(one.node for one in columns)), lambda _: tuple_maker(kinds))


def kinds_of(columns: tuple[Expr[Any], ...]) -> dict[int, type[Any]]:
    """Give the classes of values where rows have something else, by column."""
    kinds = [(at, one.kind) for at, one in enumerate(columns)]
    return {at: kind for at, kind in kinds if kind is not None}


def tuple_maker(kinds: dict[int, type[Any]]) -> _core.Tuples:
    """Give what makes a tuple of a row's values."""
    return _core.Tuples({at: lookup(kind) for at, kind in kinds.items()}) if kinds else TUPLES


TUPLES = _core.Tuples({})


def member(kind: type[Any], value: Any) -> Any:  # noqa: ANN401
    """Give a value as its class has it, or a list of them."""
    if value is None:
        return None
    if isinstance(value, list):
        return [member(kind, one) for one in cast("list[object]", value)]
    return lookup(kind)[value]


def shaped_plan(
    shape: type[Any],
    schema: TableSchema | None,
    root: Source,
    columns: tuple[Expr[Any], ...] | None,
    statement: StatementOf,
) -> Plan:
    """Give the plan of a query whose rows are objects of a class that is no table."""
    if columns is None:
        if schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        known = fields_of(shape)
        wanted = [one for one in schema.columns if known is None or one.attribute in known]
        columns = tuple(
            Col[Any](one, root).as_(one.attribute) if one.name != one.attribute else Col[Any](one, root)
            for one in wanted
        )
    names, kinds = names_of(columns), kinds_of(columns)
    make = binder(shape)

    def into(_: tuple[str, ...]) -> Any:  # noqa: ANN401  (what makes a row)
        # An expression without a name has none that a field could have.
        filled = make(names)
        return with_kinds(filled, kinds) if kinds else filled

    return Plan(statement(tuple(one.node for one in columns)), into)


def with_kinds(make: Callable[..., object], kinds: dict[int, type[Any]]) -> Callable[..., object]:
    """Give what makes a row of values that are of their classes."""

    def made(*values: object) -> object:
        return make(*(member(kinds[at], one) if at in kinds else one for at, one in enumerate(values)))

    return made
