"""What is selected so that objects can be made of rows, and of the rows that they refer to."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.values import lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from howdah.expressions.sources import Source
    from howdah.tables.schema import Collection, Column, TableSchema

    Node = tuple[Any, ...]
    Statement = dict[str, Any]
    StatementOf = Callable[[tuple[Node, ...]], Statement]

# The relations to load, by attribute, each with those to load of its rows.
Tree = dict[str, "Tree"]
Part = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A collection to load.

    Attributes:
        steps: The references that lead from the query's rows to those whose collection it is.
        collection: The collection.
        tree: What to load of its rows.
    """

    steps: tuple[str, ...]
    collection: Collection
    tree: Tree


@dataclass(slots=True)
class Plan:
    """A statement, and what becomes of its rows.

    Attributes:
        statement: The statement, as data.
        into: From the names of columns to what makes an object of a row.
        wanted: The collections to load when the rows are there.
    """

    statement: Statement
    into: Callable[[tuple[str, ...]], Any]
    wanted: list[Wanted] = field(default_factory=list)


class Extra:
    """Values that a row has besides its object's."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A row that is no object of a table, with the values that it has besides."""

    item: Any
    keys: tuple[Any, ...]


def keyed(make: Callable[..., object], count: int) -> Callable[..., object]:
    """Give what makes a row, and keeps the values that come after its own."""
    return lambda *values: Keyed(make(*values[:-count]), values[-count:])


# Where an object keeps them for as long as they are wanted.
EXTRA = "_extra"


def tree_of(loads: Iterable[tuple[str, ...]]) -> Tree:
    """Give the relations to load as a tree."""
    tree: Tree = {}
    for steps in loads:
        at = tree
        for step in steps:
            at = at.setdefault(step, {})
    return tree


def steps_of(tree: Tree) -> list[tuple[str, ...]]:
    """Give a tree of relations as the ways to its leaves."""
    found: list[tuple[str, ...]] = []
    for name, inner in tree.items():
        found.extend((name, *steps) for steps in steps_of(inner) or [()])
    return found


def columns_of(schema: TableSchema, source: Source) -> tuple[Node, ...]:
    """Give all columns of a table, in order."""
    return tuple(("column", source, column.name) for column in schema.columns)


def part_of(schema: TableSchema, parent: int | None, attribute: str | None) -> Part:
    """Give what makes objects of a table, as `_core.Maker` takes it."""
    key = tuple(at for at, column in enumerate(schema.columns) if column.primary_key)
    return (schema.table, tuple(one.attribute for one in schema.columns), key, parent, attribute, members_of(schema))


def members_of(schema: TableSchema) -> dict[int, Any]:
    """Give what has the values of Enum classes and the like, by the columns that have them."""
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
) -> Plan:
    """Give the plan of a query whose rows are objects.

    Args:
        schema: The table.
        root: Where it stands.
        tree: The relations to load.
        statement: Makes a statement of columns.
        extra: What else is selected; it is put under EXTRA into the objects.
        members: What has the values of Enum classes and the like, by the places in `extra` that have them.

    Raises:
        InterfaceError: There is no such relation.
    """
    if not tree and not extra:
        maker = _simple(schema)
        return Plan(statement(columns_of(schema, root)), lambda _: maker)
    parts: list[Part] = []
    nodes: list[Node] = []
    wanted: list[Wanted] = []

    def add(at: TableSchema, source: Source, below: Tree, parent: int | None, steps: tuple[str, ...]) -> None:
        own = len(parts)
        parts.append(part_of(at, parent, steps[-1] if steps else None))
        nodes.extend(columns_of(at, source))
        for name, inner in below.items():
            column = at.references.get(name)
            if column is not None:
                child = source.referred(column)
                add(_schema(column), child, inner, own, (*steps, name))
            elif name in at.collections:
                wanted.append(Wanted(steps, at.collections[name], inner))
            else:
                message = f"{at.table.__name__} has no relation {name!r}"
                raise InterfaceError(message)

    add(schema, root, tree, None, ())
    if extra:
        names = tuple(f"k{at}" for at in range(len(extra)))
        parts.append((Extra, names, (), 0, EXTRA, dict(members or {})))
        nodes.extend(extra)
    maker = _core.Maker(parts)
    return Plan(statement(tuple(nodes)), lambda _: maker, wanted)


def _schema(column: Column) -> TableSchema:
    reference = column.reference
    if reference is None:
        raise TypeError(column.name)
    return reference.table.__schema__


def _simple(schema: TableSchema) -> Any:  # noqa: ANN401  (a Maker)
    kept = schema.__dict__
    maker = kept.get("maker")
    if maker is None:
        maker = kept["maker"] = _core.Maker([part_of(schema, None, None)])
    return maker


def holders(rows: Iterable[Any], steps: tuple[str, ...]) -> list[Any]:
    """Give the objects at the end of references, each once."""
    found = list(rows)
    for step in steps:
        found = [values[step] for values in map(vars, found) if values.get(step) is not None]
    return list({id(one): one for one in found}.values())
