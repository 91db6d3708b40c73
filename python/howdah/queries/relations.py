# Made from async_relations.py by tools/generate_sync.py: change that, then `make generate`.
"""Loads collections: one statement for each, however many rows there are."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.expressions.sources import Source
from howdah.expressions.values import is_known, lookup
from howdah.queries.loading import EXTRA, holders, object_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah._core import Cursor, Lease
    from howdah.queries.loading import Tree, Wanted
    from howdah.statements import Statements
    from howdah.tables.schema import Collection, Column

    Statement = dict[str, Any]

# The settings of a transaction that has none: its isolation, and whether it is read-only and deferrable.
PLAIN = (None, False, False)


class Kept:
    """A connection that a stream keeps, with a transaction of its own.

    What is loaded between its batches comes over it, too: another one may not be free before the stream ends.
    """

    def __init__(self, core: _core.Database, lease: Lease) -> None:
        """Take the connection; `begun` gives one that has begun its transaction."""
        self._core = core
        self._lease = lease

    @classmethod
    def begun(cls, core: _core.Database) -> Self:
        """Take a connection, and begin a transaction on it."""
        lease = core.lease()
        try:
            lease.begin(*PLAIN)
        except BaseException:
            lease.close()
            raise
        return cls(core, lease)

    def fetch_rows(self, statement: Statement, into: Any) -> list[Any]:  # noqa: ANN401  (a binder)
        """Run a query that is data, and give its rows."""
        text, params = _core.render(statement)
        return self._core.fetch(text, params, into, self._lease)

    def open_cursor(self, statement: Statement, into: Any, batch_rows: int) -> Cursor:  # noqa: ANN401
        """Run a query that is data, and give its rows some at a time."""
        text, params = _core.render(statement)
        return self._core.stream(text, params, batch_rows, into, self._lease)

    def end(self, *, well: bool) -> None:
        """End the transaction, and give the connection back."""
        try:
            (self._lease.commit() if well else self._lease.rollback())
        finally:
            self._lease.close()


def load_wanted(db: Statements | Kept, rows: Sequence[Any], wanted: Sequence[Wanted]) -> None:
    """Load collections of rows.

    Args:
        db: The database, or a connection of it.
        rows: The rows.
        wanted: The collections.
    """
    for one in wanted:
        owners = holders(rows, one.steps)
        if owners:
            load_collection(db, owners, one)


def load_collection(db: Statements | Kept, owners: Sequence[Any], wanted: Wanted) -> None:
    """Load a collection of each of some rows, and put it there.

    Args:
        db: The database, or a connection of it.
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
    tree, back = (wanted.tree, None) if across else way_back(wanted.tree, key.attribute)
    statement_of = between if across else beside
    rows, inner = statement_of(db, collection, reference, list(by_key), tree)
    _core.gathered(
        rows,
        by_key,
        reference.attribute,
        collection.attribute,
        extra=EXTRA if across else None,
        back=back,
        single=collection.single,
    )
    if rows and inner:
        load_wanted(db, rows, inner)


def way_back(tree: Tree, attribute: str) -> tuple[Tree, str | None]:
    """Tell whether a collection's rows are to have their owner.

    They do not have it by themselves: objects that hold each other are freed by the garbage collector alone, late, and
    at the price of a look at all of them.

    Args:
        tree: What to load of the rows.
        attribute: Their reference to the owner.

    Returns:
        What is still to be read of them, and the reference if it is wanted: the owner is there already.
    """
    if tree.get(attribute) != {}:
        return tree, None
    return {name: inner for name, inner in tree.items() if name != attribute}, attribute


def beside(
    db: Statements | Kept, collection: Collection, reference: Column, keys: list[Any], tree: Tree
) -> tuple[list[Any], list[Wanted]]:
    """Read the rows that refer to keys.

    Args:
        db: The database, or a connection of it.
        collection: The collection.
        reference: The column with the keys.
        keys: The keys.
        tree: What to load of the rows.

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

    plan = object_plan(schema, root, tree, statement)
    return db.fetch_rows(plan.statement, plan.into), plan.wanted


def between(
    db: Statements | Kept, collection: Collection, reference: Column, keys: list[Any], tree: Tree
) -> tuple[list[Any], list[Wanted]]:
    """Read the rows that a table between has beside keys; each has its key as an extra value.

    Args:
        db: The database, or a connection of it.
        collection: The collection.
        reference: The column of the table between with the keys.
        keys: The keys.
        tree: What to load of the rows.

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
    plan = object_plan(schema, root, tree, statement, extra, members=None if kind is None else {0: lookup(kind)})
    return db.fetch_rows(plan.statement, plan.into), plan.wanted


def among(source: Source, column: Column, keys: list[Any]) -> Any:  # noqa: ANN401  (a node)
    """Give the condition that a column is one of some keys."""
    name = column.type.bare
    array: Any = ("value", keys, f"{name}[]")
    if column.type.kind is None and not is_known(name) and all(isinstance(key, str) for key in keys):
        # The server gave them as texts, and takes no others in an array.
        array = ("cast", ("value", keys, "text[]"), f"{name}[]")
    return Expr(("any", ("column", source, column.name), "=", array)).node
