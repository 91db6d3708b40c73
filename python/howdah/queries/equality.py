"""Equality of expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from howdah.expressions.node import Node


def unnamed(node: Node) -> Node:
    """Return an expression without the name that it has among the columns."""
    bare: Node = node[1] if node[0] == "named" else node
    return bare


def same(one: Node, other: Node) -> bool:
    """Return whether two expressions have the same nodes."""
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        # Values whose comparison is no bool, such as arrays, are the same as objects or not at all.
        return False
