"""Pages by keyset: what comes after a row is found by the row's own keys."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import uuid
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.interval import Interval
from howdah.queries.likeness import unnamed
from howdah.queries.loading import EXTRA, Keyed
from howdah.queries.nodes import is_json, is_to_one
from howdah.tables.paths import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from howdah.expressions.sources import Source
    from howdah.queries.builder import Builder
    from howdah.queries.loading import Plan
    from howdah.queries.nodes import Node

R = TypeVar("R")

__all__ = ["Page", "columns", "cut", "plan"]


@dataclass(frozen=True, slots=True)
class Page(Generic[R]):
    """A page of rows.

    Attributes:
        items: The rows.
        next: What asks for the next page; None on the last.
    """

    items: list[R]
    next: str | None


@dataclass(frozen=True, slots=True)
class Keys:
    """What a query's rows are ordered by.

    Attributes:
        nodes: The keys.
        descending: For each whether the greatest comes first.
        nulls_first: For each whether NULLs come first.
        nullable: For each whether there may be NULLs.
        mark: Tells the cursors of this query from those of others.
    """

    nodes: tuple[Node, ...]
    descending: tuple[bool, ...]
    nulls_first: tuple[bool, ...]
    nullable: tuple[bool, ...]
    mark: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a page ends.

    Attributes:
        room: How many rows it has at most.
        left: How many there may be from its first on, where the query has a limit.
        keys: What the rows are ordered by.
    """

    room: int
    left: int | None
    keys: Keys


def columns(exprs: tuple[Any, ...]) -> tuple[Expr[Any], ...]:
    """Give what is selected as expressions: a reference, or a table, is its key.

    Raises:
        InterfaceError: One is no expression.
    """
    found: list[Expr[Any]] = []
    for one in map(key_of, exprs):
        if isinstance(one, Expr):
            found.append(one)
        else:
            message = f"select() takes expressions, such as User.name; got {one!r}"
            raise InterfaceError(message)
    return tuple(found)


def keys_of(query: Builder[Any]) -> Keys:
    """Give what a query's rows are ordered by, the primary keys of its tables last.

    Raises:
        InterfaceError: They are no rows of a table, or there is no telling them apart.
    """
    schema, root, order = query.ordering()
    if schema is None or not schema.primary_key:
        message = (
            "page() is for the rows of a table with a primary key, without union, group_by, having and distinct; "
            "others are cut by limit() and offset()"
        )
        raise InterfaceError(message)
    given = [key if key[0] == "ordering" else ("ordering", key, "asc", None) for key in order]
    parts = [(unnamed(node), way == "desc", nulls) for _, node, way, nulls in given]
    have = [node for node, _, _ in parts]
    certain = {("column", root, one.name) for one in schema.columns if not one.nullable}
    unique: list[Node] = [("column", root, one.name) for one in schema.primary_key]
    for how, source, on, _ in query.joined():
        if how == "full":
            # What stands before it may be left out.
            certain.clear()
        if how == "full" or not is_to_one(source, on):
            keys = _unique(source)
            unique.extend(keys)
            certain.update(keys if how in {"inner", "cross"} else ())
    if any(is_json(node) for node, _, _ in parts):
        message = (
            "page() cannot go on after a key that is JSON, of which null, numbers and texts are all read as something "
            "else; order by what is in it, as in .path('key', as_=int)"
        )
        raise InterfaceError(message)
    down = parts[-1][1] if parts else False
    parts.extend((node, down, None) for node in unique if node not in have)
    nullable = tuple(node[0] != "column" or node not in certain for node, _, _ in parts)
    shape = json.dumps([[*_shape(node), down, nulls] for node, down, nulls in parts])
    mark = f"{schema.name}{shape}{query.bound() is None}"
    first = tuple(nulls == "first" if nulls is not None else down for _, down, nulls in parts)
    return Keys(tuple(node for node, _, _ in parts), tuple(down for _, down, _ in parts), first, nullable, mark)


def _unique(source: Source) -> list[Node]:
    """Give what tells the rows of a table that is joined apart: one of the query may be beside many of them."""
    if source.schema is None or not source.schema.primary_key:
        message = (
            f"page() tells rows apart by the primary keys of all tables that are joined, and {source.name[-1]} has "
            "none; ask for it in a condition, by exists_() or in_(), or cut the rows by limit() and offset()"
        )
        raise InterfaceError(message)
    return [("column", source, column.name) for column in source.schema.primary_key]


def _shape(node: object) -> list[Any]:
    if isinstance(node, tuple):
        parts: Node = node
        return ["value"] if parts and parts[0] == "value" else [_shape(part) for part in parts]
    return [node if isinstance(node, str) else type(node).__name__]


def plan(query: Builder[Any], size: int, after: str | None) -> tuple[Plan, Cut]:
    """Give the plan for a page: the rows, each with its keys, and one row more than there is room for.

    An offset is that of the first page, a limit that of all pages together.

    Raises:
        InterfaceError: `after` is no cursor of this query; a size below 1.
    """
    if size < 1:
        message = f"page({size}): a page has one row at least"
        raise InterfaceError(message)
    keys, left = keys_of(query), query.bound()
    marked = query.ordered_by(_orderings(keys))
    if after is not None:
        values, rest = decoded(after, keys.mark)
        left = None if left is None or rest is None else min(left, rest)
        marked = marked.from_the_first().where(Expr(following(keys, values), "boolean"))
    room = size if left is None else min(size, left)
    return marked.limit(room + 1).plan_with(keys.nodes), Cut(room, left, keys)


def _orderings(keys: Keys) -> tuple[Node, ...]:
    each = zip(keys.nodes, keys.descending, keys.nulls_first, strict=True)
    return tuple(
        ("ordering", node, "desc" if down else "asc", None if first == down else "first" if first else "last")
        for node, down, first in each
    )


def following(keys: Keys, values: Sequence[Any]) -> Node:
    """Give the condition of the rows that come after the one with these keys.

    Raises:
        InterfaceError: There are more or fewer values than keys.
    """
    if len(values) != len(keys.nodes):
        raise InterfaceError(FOREIGN)
    if not any(keys.nullable) and len(set(keys.descending)) == 1:
        # One comparison of rows, which an index over the keys answers.
        operator = "<" if keys.descending[0] else ">"
        given = tuple(("value", value, None) for value in values)
        if len(given) == 1:
            return ("binary", operator, keys.nodes[0], given[0])
        return ("binary", operator, ("row", keys.nodes), ("row", given))
    branches: list[Node] = []
    equal: list[Node] = []
    each = zip(keys.nodes, values, keys.descending, keys.nulls_first, keys.nullable, strict=True)
    for node, value, down, first, nullable in each:
        beyond: Node | None
        same: Node = ("is_null", node)
        if value is None:
            beyond = ("is_not_null", node) if first else None
        else:
            same = ("binary", "=", node, ("value", value, None))
            beyond = ("binary", "<" if down else ">", node, ("value", value, None))
            if nullable and not first:
                beyond = ("or", (beyond, ("is_null", node)))
        if beyond is not None:
            branches.append(("and", (*equal, beyond)))
        equal.append(same)
    return ("or", tuple(branches))


def cut(rows: list[Any], end: Cut) -> tuple[list[Any], str | None]:
    """Take the keys off the rows, and the row that is too many.

    Returns:
        The rows, and the cursor of the next page.
    """
    last: Any = None
    items: list[Any] = []
    count = len(end.keys.nodes)
    for row in rows[: end.room]:
        if isinstance(row, Keyed):
            item, last = row.item, row.keys
        elif type(row) is tuple:
            item, last = row[:-count], row[-count:]
        else:
            item, extra = row, vars(row).pop(EXTRA)
            last = tuple(vars(extra).values())[:count]
        items.append(item)
    left = None if end.left is None else end.left - end.room
    return items, encoded(last, end.keys.mark, left) if len(rows) > end.room and left != 0 else None


FOREIGN = "after= is not the `next` of a page of this query"
WRITTEN: dict[type, tuple[str, Callable[[Any], Any]]] = {
    dt.datetime: ("t", dt.datetime.isoformat),
    dt.date: ("d", dt.date.isoformat),
    dt.time: ("c", dt.time.isoformat),
    Decimal: ("n", str),
    uuid.UUID: ("u", str),
    bytes: ("b", bytes.hex),
    Interval: ("i", lambda one: [one.months, one.days, one.microseconds]),
}
READ: dict[str, Callable[[Any], Any]] = {
    "t": dt.datetime.fromisoformat,
    "d": dt.date.fromisoformat,
    "c": dt.time.fromisoformat,
    "n": Decimal,
    "u": uuid.UUID,
    "b": bytes.fromhex,
    "i": lambda parts: Interval(*parts),
    "f": float.fromhex,
}


def encoded(values: Sequence[Any], mark: str, left: int | None = None) -> str:
    """Write keys down as a cursor.

    Args:
        values: The keys.
        mark: That of the query.
        left: How many rows may follow, where there is a limit.

    Raises:
        InterfaceError: A key of a type that cannot be written down.
    """
    written: list[Any] = []
    for one in values:
        value = one.value if isinstance(one, Enum) else one
        if value is None or isinstance(value, (bool, int, str)):
            written.append(value)
        elif isinstance(value, float):
            written.append(["f", value.hex()])
        elif type(value) in WRITTEN:
            tag, write = WRITTEN[type(value)]
            written.append([tag, write(value)])
        else:
            message = f"page() cannot order by a {type(value).__name__}; order by something simpler"
            raise InterfaceError(message)
    text = _text([_digest(mark, written, left), written, left])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str, mark: str) -> tuple[list[Any], int | None]:
    """Read keys from a cursor, and how many rows may follow.

    Raises:
        InterfaceError: It is none, or another query's.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        own, written, left = json.loads(text)
        # Values of other types than those of the keys would be the server's to refuse.
        if own != _digest(mark, written, left):
            raise InterfaceError(FOREIGN)
        values = [READ[one[0]](one[1]) if isinstance(one, list) else one for one in written]
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError, RecursionError):
        raise InterfaceError(FOREIGN) from None
    return values, left


def _digest(mark: str, written: object, left: object) -> str:
    return hashlib.blake2b(f"{mark}{_text([written, left])}".encode(), digest_size=9).hexdigest()


def _text(found: object) -> str:
    return json.dumps(found, separators=(",", ":"))
