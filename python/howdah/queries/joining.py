"""How a relation's rows are joined to those that have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from howdah.expressions.sources import Source
from howdah.tables.attributes import Col

if TYPE_CHECKING:
    from howdah.expressions.expression import Expr
    from howdah.queries.nodes import Node
    from howdah.tables.paths import Way
    from howdah.tables.schema import Collection, Column


def own_condition(there: Way) -> Expr[bool] | None:
    """Give the condition that a relation has by itself; None for a table that is none."""
    if there.column is not None:
        target: Column = cast("Any", there.column.reference).target
        joined: Expr[bool] = Col[Any](target, there.source) == there.key
        return joined
    if there.collection is not None:
        column = there.collection.reference
        target = cast("Any", column.reference).target
        return Col[Any](column, there.source) == Col[Any](target, cast("Source", there.owner))
    return None


def across(there: Way) -> tuple[Source, Node, Expr[bool]]:
    """Give the table between, how it is joined, and how the rows of a collection are joined to it."""
    collection = cast("Collection", there.collection)
    near, far = collection.reference, collection.far_reference
    schema = collection.find_through().__schema__
    middle = Source("table", schema.name, schema=schema)
    owners = cast("Any", near.reference).target
    rows = cast("Any", far.reference).target
    first: Expr[bool] = Col[Any](near, middle) == Col[Any](owners, cast("Source", there.owner))
    return middle, first.node, Col[Any](rows, there.source) == Col[Any](far, middle)
