"""Tells whether two expressions are the same one."""

from __future__ import annotations

from typing import Any

Node = tuple[Any, ...]


def unnamed(node: Node) -> Node:
    """Give an expression without the name that it has among the columns."""
    bare: Node = node[1] if node[0] == "named" else node
    return bare


def same(one: Node, other: Node) -> bool:
    """Tell whether two expressions are made of the same parts."""
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        # Values whose comparison is no bool, such as arrays, are the same as objects or not at all.
        return False
