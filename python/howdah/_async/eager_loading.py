"""Loads the collections of rows: one statement for each collection, for any number of rows."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.expressions.values import is_known, lookup
from howdah.queries.object_plan import holders, object_plan
from howdah.tables.row_state import EXTRA_COLUMNS
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah._async.executor import AsyncExecutor
    from howdah._async.pinned_connection import PinnedConnection
    from howdah.expressions.node import Statement
    from howdah.queries.object_plan import CollectionLoad, Tree
    from howdah.tables.schema import Collection, Column


async def load_collections(
    db: AsyncExecutor | PinnedConnection, rows: Sequence[Any], loads: Sequence[CollectionLoad]
) -> None:
    """Load collections of rows.

    Args:
        db: The database, or a connection of it.
        rows: The rows.
        loads: The collections.
    """
    for one in loads:
        owners = holders(rows, one.steps)
        if owners:
            await load_collection(db, owners, one)


async def load_collection(db: AsyncExecutor | PinnedConnection, owners: Sequence[Any], load: CollectionLoad) -> None:
    """Load a collection of some rows, and set it on them.

    Args:
        db: The database, or a connection of it.
        owners: The rows.
        load: The collection, and the relations to load of its rows.
    """
    collection = load.collection
    reference = collection.reference
    key = reference.reference
    if key is None:
        raise TypeError(reference.name)
    own = key.target.attribute
    by_key: dict[Any, list[Any]] = {}
    for owner in owners:
        values = vars(owner)
        if own not in values:
            name = type(owner).__name__
            message = f"{name}.{collection.attribute} needs {name}.{own}, which has no value yet; save the row first"
            raise InterfaceError(message)
        by_key.setdefault(values[own], []).append(owner)
    has_through = collection.through is not None
    tree, back = (load.tree, None) if has_through else without_owner(load.tree, key.attribute)
    statement_of = many_to_many if has_through else one_to_many
    rows, inner = await statement_of(db, collection, reference, list(by_key), tree)
    _core.attach_collections(
        rows,
        by_key,
        reference.attribute,
        collection.attribute,
        extra=EXTRA_COLUMNS if has_through else None,
        back=back,
        single=collection.single,
    )
    if rows and inner:
        await load_collections(db, rows, inner)


def without_owner(tree: Tree, attribute: str) -> tuple[Tree, str | None]:
    """Return the relations to load without the one that refers to the owner, which is loaded already.

    A collection's rows get their owner only on request: objects that refer to each other are freed by the garbage
    collector alone, late, and at the cost of a full collection.

    Args:
        tree: The relations to load of the rows.
        attribute: Their reference to the owner.

    Returns:
        The relations that are still to be read, and the reference if the owner is requested.
    """
    if tree.get(attribute) != {}:
        return tree, None
    return {name: inner for name, inner in tree.items() if name != attribute}, attribute


async def one_to_many(
    db: AsyncExecutor | PinnedConnection, collection: Collection, reference: Column, keys: list[Any], tree: Tree
) -> tuple[list[Any], list[CollectionLoad]]:
    """Read the rows of a one-to-many collection.

    Args:
        db: The database, or a connection of it.
        collection: The collection.
        reference: The column with the keys.
        keys: The keys.
        tree: The relations to load of the rows.

    Returns:
        The rows in the order of their primary key, and the collections that are still to be loaded of them.
    """
    schema = collection.table.__schema__
    root = collection.table.__source__

    def statement(columns: tuple[Any, ...]) -> Statement:
        return {
            "kind": "select",
            "columns": columns,
            "from": root,
            "where": (key_condition(root, reference, keys),),
            "order_by": tuple(("column", root, column.name) for column in schema.primary_key),
        }

    plan = object_plan(schema, root, tree, statement)
    return await db.fetch_rows(plan.statement, plan.into), plan.collections


async def many_to_many(
    db: AsyncExecutor | PinnedConnection, collection: Collection, reference: Column, keys: list[Any], tree: Tree
) -> tuple[list[Any], list[CollectionLoad]]:
    """Read the rows of a many-to-many collection, each with its owner's key as an extra value.

    Args:
        db: The database, or a connection of it.
        collection: The collection.
        reference: The column of the association table with the keys.
        keys: The keys.
        tree: The relations to load of the rows.

    Returns:
        The rows in the order of their primary key, and the collections that are still to be loaded of them.
    """
    schema = collection.table.__schema__
    root = collection.table.__source__
    through = collection.find_through().__schema__
    association = Source("table", through.name, schema=through)
    far = collection.far_reference
    own = schema.single_key
    meets = ("binary", "=", ("column", association, far.name), ("column", root, own.name))

    def statement(columns: tuple[Any, ...]) -> Statement:
        return {
            "kind": "select",
            "columns": columns,
            "from": root,
            "joins": (("inner", association, meets, False),),
            "where": (key_condition(association, reference, keys),),
            "order_by": (("column", root, own.name),),
        }

    extra = (("column", association, reference.name),)
    # The key is compared with the owners' keys, which are members of their Enum class.
    kind = reference.type.kind
    plan = object_plan(schema, root, tree, statement, extra, members=None if kind is None else {0: lookup(kind)})
    return await db.fetch_rows(plan.statement, plan.into), plan.collections


def key_condition(source: Source, column: Column, keys: list[Any]) -> Any:  # noqa: ANN401  (a node)
    """Return the condition that a column is one of some keys."""
    name = column.type.bare
    array: Any = ("value", keys, f"{name}[]")
    if column.type.kind is None and not is_known(name) and all(isinstance(key, str) for key in keys):
        # The server sent the keys as text, and accepts an array of them only as text.
        array = ("cast", ("value", keys, "text[]"), f"{name}[]")
    return Expr(("any", ("column", source, column.name), "=", array)).node
