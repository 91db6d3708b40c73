# Made from async_relations.py by tools/generate_sync.py: change that, then `make generate`.
"""Loads collections: one statement for each, however many rows there are."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.expressions.sources import Source
from howdah.expressions.values import lookup
from howdah.queries.loading import EXTRA, holders, object_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah.database import Database
    from howdah.queries.loading import Wanted
    from howdah.tables.schema import Collection, Column

    Statement = dict[str, Any]


def load_wanted(db: Database, rows: Sequence[Any], wanted: Sequence[Wanted]) -> None:
    """Load collections of rows.

    Args:
        db: The database.
        rows: The rows.
        wanted: The collections.
    """
    for one in wanted:
        owners = holders(rows, one.steps)
        if owners:
            load_collection(db, owners, one)


def load_collection(db: Database, owners: Sequence[Any], wanted: Wanted) -> None:
    """Load a collection of each of some rows, and put it there.

    Args:
        db: The database.
        owners: The rows.
        wanted: The collection, and what to load of its rows.
    """
    collection = wanted.collection
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
            message = (
                f"{name}.{collection.attribute} is found by {name}.{own}, which has no value yet; save the row first"
            )
            raise InterfaceError(message)
        by_key.setdefault(values[own], []).append(owner)
    across = collection.through is not None
    statement_of = between if across else beside
    rows, inner = statement_of(db, collection, reference, list(by_key), wanted)
    _core.gathered(
        rows,
        by_key,
        reference.attribute,
        collection.attribute,
        extra=EXTRA if across else None,
        back=None if across else key.attribute,
        single=collection.single,
    )
    if rows and inner:
        load_wanted(db, rows, inner)


def beside(
    db: Database, collection: Collection, reference: Column, keys: list[Any], wanted: Wanted
) -> tuple[list[Any], list[Wanted]]:
    """Read the rows that refer to keys.

    Args:
        db: The database.
        collection: The collection.
        reference: The column with the keys.
        keys: The keys.
        wanted: What to load of the rows.

    Returns:
        The rows in the order of their primary key, and what is still to be loaded of them.
    """
    schema = collection.table.__schema__
    root = collection.table.__source__

    def statement(columns: tuple[Any, ...]) -> Statement:
        return {
            "kind": "select",
            "columns": columns,
            "from": root,
            "where": (among(root, reference, keys),),
            "order_by": tuple(("column", root, column.name) for column in schema.primary_key),
        }

    plan = object_plan(schema, root, wanted.tree, statement)
    return db.fetch_rows(plan.statement, plan.into), plan.wanted


def between(
    db: Database, collection: Collection, reference: Column, keys: list[Any], wanted: Wanted
) -> tuple[list[Any], list[Wanted]]:
    """Read the rows that a table between has beside keys; each has its key as an extra value.

    Args:
        db: The database.
        collection: The collection.
        reference: The column of the table between with the keys.
        keys: The keys.
        wanted: What to load of the rows.

    Returns:
        The rows in the order of their primary key, and what is still to be loaded of them.
    """
    schema = collection.table.__schema__
    root = collection.table.__source__
    through = collection.find_through().__schema__
    middle = Source("table", through.name, schema=through)
    far = collection.far_reference
    own = schema.single_key
    meets = ("binary", "=", ("column", middle, far.name), ("column", root, own.name))

    def statement(columns: tuple[Any, ...]) -> Statement:
        return {
            "kind": "select",
            "columns": columns,
            "from": root,
            "joins": (("inner", middle, meets, False),),
            "where": (among(middle, reference, keys),),
            "order_by": (("column", root, own.name),),
        }

    extra = (("column", middle, reference.name),)
    # The rows are put to their owners by it, whose keys are members of their classes.
    kind = reference.type.kind
    plan = object_plan(schema, root, wanted.tree, statement, extra, members=None if kind is None else {0: lookup(kind)})
    return db.fetch_rows(plan.statement, plan.into), plan.wanted


def among(source: Source, column: Column, keys: list[Any]) -> Any:  # noqa: ANN401  (a node)
    """Give the condition that a column is one of some keys."""
    return Expr(("any", ("column", source, column.name), "=", ("value", keys, f"{column.type.bare}[]"))).node
