"""Functions on the nodes of queries: searches in them, rewrites of them, and plans made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.values import lookup
from howdah.queries.equality import same, unnamed
from howdah.queries.from_items import Derived, derivation_of, names_of
from howdah.queries.object_plan import QueryPlan
from howdah.row_factories import fields_of, row_factory
from howdah.tables.column import Col
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from howdah.expressions.expression import Expr
    from howdah.expressions.node import Node, Statement
    from howdah.queries.object_plan import StatementOf
    from howdah.tables.schema import TableSchema


# The FROM item of a CTE, whether it is recursive, whether it is materialised, and its query.
With = tuple[Source, bool, bool, "Statement"]

# https://www.postgresql.org/docs/current/functions-json.html
JSON_FUNCTIONS = frozenset({
    *("to_json", "to_jsonb", "row_to_json", "array_to_json"),
    *("json_build_object", "jsonb_build_object", "json_build_array", "jsonb_build_array"),
    *("json_object", "jsonb_object", "json_agg", "jsonb_agg", "json_object_agg", "jsonb_object_agg"),
    *("jsonb_set", "jsonb_set_lax", "jsonb_insert", "json_strip_nulls", "jsonb_strip_nulls"),
    *("json_extract_path", "jsonb_extract_path", "jsonb_path_query_first", "jsonb_path_query_array"),
})  # fmt: skip
KEYS_CTE = "_howdah_found"
# Nodes of which the server never takes two for equal: parameters, and subqueries, which have aliases of their own.
NEVER_EQUAL = frozenset({"value", "in", "not_in", "exists", "scalar", "array_of"})


def walk(node: object) -> Iterator[Node]:
    """Yield a node and all nodes in it, without those of subqueries."""
    left: list[object] = [node]
    while left:
        part = left.pop()
        if isinstance(part, tuple):
            found: Node = part  # pyright: ignore[reportUnknownVariableType]
            if found and isinstance(found[0], str):
                yield found
                if found[0] == "value":
                    continue
            left.extend(reversed(found))
        elif isinstance(part, dict) and "kind" not in part:
            # The options of a call, such as the filter and the order of an aggregate.
            left.extend(reversed(list(cast("dict[str, object]", part).values())))


def uses_reference(conditions: tuple[Node, ...]) -> bool:
    """Return whether conditions use columns of referenced tables, in subqueries too."""
    return any(source.parent is not None for source in _outer(conditions))


def _outer(conditions: tuple[Node, ...]) -> Iterator[Source]:
    """Yield the FROM items of columns, without those in the FROM of subqueries."""
    left: list[tuple[object, frozenset[Source]]] = [(conditions, frozenset())]
    while left:
        part, declared = left.pop()
        if isinstance(part, dict):
            statement = cast("Statement", part)
            joined = (one[1] for one in statement.get("joins", ()))
            own = declared.union(joined, (statement["from"],) if "from" in statement else ())
            left.extend((inner, own) for inner in statement.values())
        elif isinstance(part, Source):
            if part.kind != "cte":
                left.append(((part.statement, part.call), declared))
        elif isinstance(part, tuple):
            found: Node = part  # pyright: ignore[reportUnknownVariableType]
            if found and found[0] == "column":
                if not _is_declared(found[1], declared):
                    yield found[1]
            elif not (found and found[0] == "value"):
                left.extend((inner, declared) for inner in found)


def _is_declared(source: Source | None, declared: frozenset[Source]) -> bool:
    while source is not None and source not in declared:
        source = source.parent
    return source is not None


def is_column(node: Node) -> bool:
    """Return whether an expression is a column, perhaps under another name: one value for each row."""
    return bool(unnamed(node)[0] == "column")


def is_json(node: Node) -> bool:
    """Return whether an expression is known to be JSON."""
    kind = node[0]
    if kind == "column":
        schema: TableSchema | None = node[1].schema
        column = None if schema is None else schema.by_name.get(node[2])
        return column is not None and column.type.is_json
    if kind == "binary":
        return node[1] in {"#>", "->"} or (node[1] in {"||", "-", "#-"} and is_json(node[2]))
    if kind == "call":
        return node[1] in JSON_FUNCTIONS or (node[1] == "coalesce" and is_json(node[2][0]))
    return kind == "cast" and node[2] in {"json", "jsonb"}


def is_to_one(source: Source, on: Node | None) -> bool:
    """Return whether a join is that of a reference, so that each row has at most one match."""
    if source.parent is None or len(source.on) != 1:
        return False
    theirs, own = source.on[0]
    expected = ("binary", "=", ("column", source, own), ("column", source.parent, theirs))
    return on is not None and same(on, expected)


def share_parameters(part: Any, keys: tuple[Node, ...]) -> Any:  # noqa: ANN401  (a node, or part of one)
    """Replace expressions that equal a key of GROUP BY or DISTINCT by that very node.

    The server takes two expressions for equal only if they have the same parameters; each node has one parameter.
    """
    if isinstance(part, dict) and "kind" not in part:
        return {name: share_parameters(inner, keys) for name, inner in cast("dict[str, object]", part).items()}
    node = cast("Node", part)
    if not isinstance(part, tuple) or (node and node[0] == "value"):
        return node
    found = next((key for key in keys if node is key or same(node, key)), None)
    return tuple(share_parameters(inner, keys) for inner in node) if found is None else found


def parametrised(keys: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the keys that have parameters, including those in ROLLUP, CUBE and GROUPING SETS."""
    found: list[Node] = []
    for key in map(unnamed, keys):
        if key[0] in {"grouping", "row"}:
            found.extend(parametrised(key[-1]))
        elif any(node[0] == "value" for node in walk(key)):
            found.append(key)
    return tuple(found)


def as_ordinals(keys: tuple[Node, ...], columns: tuple[Node, ...], *, always: bool) -> tuple[Node, ...]:
    """Replace keys that are columns of the result by their ordinals.

    The server does not recognise two expressions with parameters or subqueries as equal.

    Args:
        keys: The keys of ORDER BY or GROUP BY.
        columns: The columns of the result.
        always: Whether plain columns are replaced, too.
    """
    bare = [unnamed(column) for column in columns]

    def number(given: Node) -> Node:
        if given[0] == "ordering":
            return ("ordering", number(given[1]), *given[2:])
        key = unnamed(given)
        if not always and not any(node[0] in NEVER_EQUAL for node in walk(key)):
            return key
        at = next((at for at, column in enumerate(bare, 1) if column is key or same(column, key)), None)
        return key if at is None else ("ordinal", at)

    return tuple(number(key) for key in keys)


def with_clause(ctes: tuple[Derived, ...]) -> tuple[With, ...]:
    """Return the WITH clause."""
    known = [derivation_of(cte) for cte in ctes]
    return tuple((one.source, one.recursive, False, cast("Statement", one.source.statement)) for one in known)


def materialised_keys(statement: Statement, schema: TableSchema) -> tuple[With, Statement]:
    """Return a query of primary keys as a materialised CTE, and a query that reads the CTE.

    The server may run a subquery once for each row that it compares. A subquery that locks rows would then find other
    rows each time, because the outer statement has changed those that it locked before.
    """
    names = tuple(column.name for column in schema.primary_key)
    source = Source("cte", (schema.unused_name(KEYS_CTE),), columns=names, statement=statement)
    source.others = schema.others
    rows = {"kind": "select", "columns": tuple(("column", source, name) for name in names), "from": source}
    return (source, False, True, statement), rows


def derived_source(statement: Statement) -> Source:
    """Return a statement as a FROM item."""
    return Source("query", ("rows",), statement=statement)


def tuple_plan(columns: tuple[Expr[Any], ...], statement: StatementOf) -> QueryPlan:
    """Return the plan of a query whose rows are tuples."""
    kinds = kinds_of(columns)
    return QueryPlan(statement(tuple(one.node for one in columns)), lambda _: tuple_maker(kinds))


def kinds_of(columns: tuple[Expr[Any], ...]) -> dict[int, type[Any]]:
    """Return the classes of values that rows have in another form, by column."""
    kinds = [(at, one.kind) for at, one in enumerate(columns)]
    return {at: kind for at, kind in kinds if kind is not None}


def tuple_maker(kinds: dict[int, type[Any]]) -> _core.TupleFactory:
    """Return the row factory of tuples."""
    return _core.TupleFactory({at: lookup(kind) for at, kind in kinds.items()}) if kinds else TUPLES


TUPLES = _core.TupleFactory({})


def plain_tuples(_: tuple[str, ...]) -> _core.TupleFactory:
    """Make tuples of rows, with the values as the server sent them: an `into` for the methods of `_core`."""
    return TUPLES


def member(kind: type[Any], value: Any) -> Any:  # noqa: ANN401
    """Return the member of a class for a value, or a list of members."""
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
) -> QueryPlan:
    """Return the plan of a query whose rows are objects of a class that is no table."""
    if columns is None:
        if schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        known = fields_of(shape)
        selected = [one for one in schema.columns if known is None or one.attribute in known]
        columns = tuple(
            Col[Any](one, root).as_(one.attribute) if one.name != one.attribute else Col[Any](one, root)
            for one in selected
        )
    names, kinds = names_of(columns), kinds_of(columns)
    make = row_factory(shape)

    def into(_: tuple[str, ...]) -> Any:  # noqa: ANN401  (a row factory)
        # Only expressions with a name can fill a field.
        filled = make(names)
        return with_kinds(filled, kinds) if kinds else filled

    return QueryPlan(statement(tuple(one.node for one in columns)), into)


def with_kinds(make: Callable[..., object], kinds: dict[int, type[Any]]) -> Callable[..., object]:
    """Return a row factory that first converts values to members of their classes."""

    def made(*values: object) -> object:
        return make(*(member(kinds[at], one) if at in kinds else one for at, one in enumerate(values)))

    return made
