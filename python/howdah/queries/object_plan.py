"""Plans of queries whose rows are objects: the columns to select, the row factory, and the collections to load."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.values import lookup
from howdah.tables.row_state import EXTRA_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from howdah.expressions.node import Node, Statement
    from howdah.tables.schema import Collection, Column, Source, TableSchema

    StatementOf = Callable[[tuple[Node, ...]], Statement]

# The relations to load, by attribute, each with those to load of its rows.
Tree = dict[str, "Tree"]
Part = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class CollectionLoad:
    """A collection to load.

    Attributes:
        steps: The references that lead from the query's rows to the owners of the collection.
        collection: The collection.
        tree: The relations to load of its rows.
    """

    steps: tuple[str, ...]
    collection: Collection
    tree: Tree


@dataclass(slots=True)
class QueryPlan:
    """A statement, and what to do with its rows.

    Attributes:
        statement: The statement, as data.
        into: Takes the names of the columns, and returns the row factory.
        collections: The collections to load after the rows.
    """

    statement: Statement
    into: Callable[[tuple[str, ...]], Any]
    collections: list[CollectionLoad] = field(default_factory=list)


class ExtraColumns:
    """Selected values that belong to no column of the object."""


@dataclass(frozen=True, slots=True)
class RowWithKeys:
    """A row that is no object of a table, with further selected values: the keys of its page."""

    item: Any
    keys: tuple[Any, ...]


def with_keys(make: Callable[..., object], count: int) -> Callable[..., object]:
    """Return a row factory that splits the last `count` values off each row."""
    return lambda *values: RowWithKeys(make(*values[:-count]), values[-count:])


def tree_of(loads: Iterable[tuple[str, ...]]) -> Tree:
    """Return the relations to load as a tree."""
    tree: Tree = {}
    for steps in loads:
        at = tree
        for step in steps:
            at = at.setdefault(step, {})
    return tree


def steps_of(tree: Tree) -> list[tuple[str, ...]]:
    """Return the paths to the leaves of a tree of relations."""
    found: list[tuple[str, ...]] = []
    for name, inner in tree.items():
        found.extend((name, *steps) for steps in steps_of(inner) or [()])
    return found


def columns_of(schema: TableSchema, source: Source) -> tuple[Node, ...]:
    """Return all columns of a table, in order."""
    return tuple(("column", source, column.name) for column in schema.columns)


def object_part(schema: TableSchema, parent: int | None, attribute: str | None) -> Part:
    """Return the description of a table's objects that `_core.ObjectFactory` takes."""
    key = tuple(at for at, column in enumerate(schema.columns) if column.primary_key)
    return (schema.table, tuple(one.attribute for one in schema.columns), key, parent, attribute, members_of(schema))


def members_of(schema: TableSchema) -> dict[int, Any]:
    """Return the lookups of columns whose values rows have in another form, such as members of Enum classes."""
    kinds = [(at, column.type.kind) for at, column in enumerate(schema.columns)]
    return {at: lookup(kind) for at, kind in kinds if kind is not None}


def object_plan(
    schema: TableSchema,
    root: Source,
    tree: Tree,
    statement: StatementOf,
    extra: Sequence[Node] = (),
    *,
    members: Mapping[int, Any] | None = None,
) -> QueryPlan:
    """Return the plan of a query whose rows are objects.

    Args:
        schema: The table.
        root: Its FROM item.
        tree: The relations to load.
        statement: Makes a statement that selects columns.
        extra: Further expressions to select; objects get their values in the attribute EXTRA_COLUMNS.
        members: The lookups of values in `extra` that rows have in another form, by position.

    Raises:
        InterfaceError: There is no such relation.
    """
    if not tree and not extra:
        factory = _simple(schema)
        return QueryPlan(statement(columns_of(schema, root)), lambda _: factory)
    parts: list[Part] = []
    nodes: list[Node] = []
    collections: list[CollectionLoad] = []

    def add(at: TableSchema, source: Source, below: Tree, parent: int | None, steps: tuple[str, ...]) -> None:
        own = len(parts)
        parts.append(object_part(at, parent, steps[-1] if steps else None))
        nodes.extend(columns_of(at, source))
        for name, inner in below.items():
            column = at.references.get(name)
            if column is not None:
                child = source.referenced(column)
                add(_schema(column), child, inner, own, (*steps, name))
            elif name in at.collections:
                collections.append(CollectionLoad(steps, at.collections[name], inner))
            else:
                message = f"{at.table.__name__} has no relation {name!r}"
                raise InterfaceError(message)

    add(schema, root, tree, None, ())
    if extra:
        names = tuple(f"k{at}" for at in range(len(extra)))
        parts.append((ExtraColumns, names, (), 0, EXTRA_COLUMNS, dict(members or {})))
        nodes.extend(extra)
    factory = _core.ObjectFactory(parts)
    return QueryPlan(statement(tuple(nodes)), lambda _: factory, collections)


def _schema(column: Column) -> TableSchema:
    reference = column.reference
    if reference is None:
        raise TypeError(column.name)
    return reference.table.__schema__


def _simple(schema: TableSchema) -> Any:  # noqa: ANN401  (an ObjectFactory)
    cache = schema.__dict__
    factory = cache.get("object_factory")
    if factory is None:
        factory = cache["object_factory"] = _core.ObjectFactory([object_part(schema, None, None)])
    return factory


def holders(rows: Iterable[Any], steps: tuple[str, ...]) -> list[Any]:
    """Return the objects that a path of references leads to, each once."""
    found = list(rows)
    for step in steps:
        found = [values[step] for values in map(vars, found) if values.get(step) is not None]
    return list({id(one): one for one in found}.values())
