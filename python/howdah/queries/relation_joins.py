"""Join conditions of relations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from howdah.tables.column import Col
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from howdah.expressions.expression import Expr
    from howdah.expressions.node import Node
    from howdah.tables.relation_paths import RelationPath
    from howdah.tables.schema import Collection, Column


def join_condition(path: RelationPath) -> Expr[bool] | None:
    """Return the join condition of a relation; None for a table or an alias."""
    if path.column is not None:
        target: Column = cast("Any", path.column.reference).target
        joined: Expr[bool] = Col[Any](target, path.source) == path.key
        return joined
    if path.collection is not None:
        column = path.collection.reference
        target = cast("Any", column.reference).target
        return Col[Any](column, path.source) == Col[Any](target, cast("Source", path.owner))
    return None


def through_join(path: RelationPath) -> tuple[Source, Node, Expr[bool]]:
    """Return the association table of a collection, its join condition, and that of the collection's rows."""
    collection = cast("Collection", path.collection)
    near, far = collection.reference, collection.far_reference
    schema = collection.find_through().__schema__
    association = Source("table", schema.name, schema=schema)
    owners = cast("Any", near.reference).target
    rows = cast("Any", far.reference).target
    first: Expr[bool] = Col[Any](near, association) == Col[Any](owners, cast("Source", path.owner))
    return association, first.node, Col[Any](rows, path.source) == Col[Any](far, association)
