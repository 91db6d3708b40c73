"""Keyset pagination: a page begins after the keys of the last row of the page before it."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import base64
import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.interval import Interval
from howdah.queries.ast import is_json, is_to_one
from howdah.queries.equality import unnamed
from howdah.queries.object_plan import RowWithKeys
from howdah.queries.page import Page
from howdah.tables.relation_paths import key_of
from howdah.tables.row_state import EXTRA_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from howdah.expressions.node import Node
    from howdah.queries.object_plan import QueryPlan
    from howdah.queries.query_compiler import CompilableQuery
    from howdah.tables.schema import Source

__all__ = ["Page", "columns", "plan", "split_page"]


@dataclass(frozen=True, slots=True)
class PageKeys:
    """The keys that order a query's rows.

    Attributes:
        nodes: The keys.
        descending: For each whether the greatest comes first.
        nulls_first: For each whether NULLs come first.
        nullable: For each whether there may be NULLs.
        fingerprint: Identifies the query, so that cursors of other queries are refused.
    """

    nodes: tuple[Node, ...]
    descending: tuple[bool, ...]
    nulls_first: tuple[bool, ...]
    nullable: tuple[bool, ...]
    fingerprint: str


@dataclass(frozen=True, slots=True)
class PageEnd:
    """The end of a page.

    Attributes:
        size: The most rows that it has.
        remaining: How many rows there may be from its first row on, if the query has a limit.
        keys: The keys that order the rows.
    """

    size: int
    remaining: int | None
    keys: PageKeys


def columns(exprs: tuple[Any, ...]) -> tuple[Expr[Any], ...]:
    """Return the arguments of `select` as expressions; a reference or a table is its key.

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


def keys_of(query: CompilableQuery[Any]) -> PageKeys:
    """Return the keys that order a query's rows; the primary keys of its tables come last.

    Raises:
        InterfaceError: They are no rows of a table, or no primary key makes them unique.
    """
    schema, root, order = query.ordering()
    if schema is None or not schema.primary_key:
        message = (
            "page() needs the rows of a table with a primary key, without union, group_by, having and distinct; "
            "for other rows use limit() and offset()"
        )
        raise InterfaceError(message)
    given = [key if key[0] == "ordering" else ("ordering", key, "asc", None) for key in order]
    parts = [(unnamed(node), way == "desc", nulls) for _, node, way, nulls in given]
    have = [node for node, _, _ in parts]
    certain = {("column", root, one.name) for one in schema.columns if not one.nullable}
    unique: list[Node] = [("column", root, one.name) for one in schema.primary_key]
    for how, source, on, _ in query.joins():
        if how == "full":
            # The columns before a full join may be NULL.
            certain.clear()
        if how == "full" or not is_to_one(source, on):
            keys = _unique(source)
            unique.extend(keys)
            certain.update(keys if how in {"inner", "cross"} else ())
    if any(is_json(node) for node, _, _ in parts):
        message = (
            "page() cannot order by JSON, because null, numbers and texts in it have no common order with parameters; "
            "order by a value in it, such as .path('key', as_=int)"
        )
        raise InterfaceError(message)
    down = parts[-1][1] if parts else False
    parts.extend((node, down, None) for node in unique if node not in have)
    nullable = tuple(node[0] != "column" or node not in certain for node, _, _ in parts)
    import json

    shape = json.dumps([[*_shape(node), down, nulls] for node, down, nulls in parts])
    fingerprint = f"{schema.name}{shape}{query.row_limit() is None}"
    first = tuple(nulls == "first" if nulls is not None else down for _, down, nulls in parts)
    return PageKeys(
        tuple(node for node, _, _ in parts), tuple(down for _, down, _ in parts), first, nullable, fingerprint
    )


def _unique(source: Source) -> list[Node]:
    """Return the primary key of a joined table, of which several rows may match one row of the query."""
    if source.schema is None or not source.schema.primary_key:
        message = (
            f"page() needs the primary keys of all joined tables, and {source.name[-1]} has none; use a condition with "
            "exists_() or in_() instead of the join, or use limit() and offset()"
        )
        raise InterfaceError(message)
    return [("column", source, column.name) for column in source.schema.primary_key]


def _shape(node: object) -> list[Any]:
    if isinstance(node, tuple):
        parts: Node = node
        return ["value"] if parts and parts[0] == "value" else [_shape(part) for part in parts]
    return [node if isinstance(node, str) else type(node).__name__]


def plan(query: CompilableQuery[Any], size: int, after: str | None) -> tuple[QueryPlan, PageEnd]:
    """Return the plan for a page: the rows, each with its keys, and one row more than the page has.

    An offset is that of the first page, a limit that of all pages together.

    Raises:
        InterfaceError: `after` is no cursor of this query; a size below 1.
    """
    if size < 1:
        message = f"page({size}): expected a size of 1 or more"
        raise InterfaceError(message)
    keys, remaining = keys_of(query), query.row_limit()
    ordered = query.with_ordering(_orderings(keys))
    if after is not None:
        values, rest = decoded(after, keys.fingerprint)
        remaining = None if remaining is None or rest is None else min(remaining, rest)
        ordered = ordered.without_offset().where(Expr(following(keys, values), "boolean"))
    size = size if remaining is None else min(size, remaining)
    return ordered.limit(size + 1).plan_with(keys.nodes), PageEnd(size, remaining, keys)


def _orderings(keys: PageKeys) -> tuple[Node, ...]:
    each = zip(keys.nodes, keys.descending, keys.nulls_first, strict=True)
    return tuple(
        ("ordering", node, "desc" if down else "asc", None if first == down else "first" if first else "last")
        for node, down, first in each
    )


def following(keys: PageKeys, values: Sequence[Any]) -> Node:
    """Return the condition of the rows after the one with these keys.

    Raises:
        InterfaceError: There are more or fewer values than keys.
    """
    if len(values) != len(keys.nodes):
        raise InterfaceError(NOT_THIS_QUERY)
    if not any(keys.nullable) and len(set(keys.descending)) == 1:
        # One row comparison, for which the server can use an index on the keys.
        operator = "<" if keys.descending[0] else ">"
        given = tuple(("value", value, None) for value in values)
        if len(given) == 1:
            return ("binary", operator, keys.nodes[0], given[0])
        return ("binary", operator, ("row", keys.nodes), ("row", given))
    branches: list[Node] = []
    equal: list[Node] = []
    each = zip(keys.nodes, values, keys.descending, keys.nulls_first, keys.nullable, strict=True)
    for node, value, down, first, nullable in each:
        after: Node | None
        same: Node = ("is_null", node)
        if value is None:
            after = ("is_not_null", node) if first else None
        else:
            same = ("binary", "=", node, ("value", value, None))
            after = ("binary", "<" if down else ">", node, ("value", value, None))
            if nullable and not first:
                after = ("or", (after, ("is_null", node)))
        if after is not None:
            branches.append(("and", (*equal, after)))
        equal.append(same)
    return ("or", tuple(branches))


def split_page(rows: list[Any], end: PageEnd) -> tuple[list[Any], str | None]:
    """Remove the keys from the rows, and the row that is not on the page.

    Returns:
        The rows, and the cursor of the next page.
    """
    last: Any = None
    items: list[Any] = []
    count = len(end.keys.nodes)
    for row in rows[: end.size]:
        if isinstance(row, RowWithKeys):
            item, last = row.item, row.keys
        elif type(row) is tuple:
            item, last = row[:-count], row[-count:]
        else:
            item, extra = row, vars(row).pop(EXTRA_COLUMNS)
            last = tuple(vars(extra).values())[:count]
        items.append(item)
    remaining = None if end.remaining is None else end.remaining - end.size
    return items, encoded(last, end.keys.fingerprint, remaining) if len(rows) > end.size and remaining != 0 else None


NOT_THIS_QUERY = "after= is not the `next` of a page of this query"
ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    dt.datetime: ("t", dt.datetime.isoformat),
    dt.date: ("d", dt.date.isoformat),
    dt.time: ("c", dt.time.isoformat),
    Decimal: ("n", str),
    uuid.UUID: ("u", str),
    bytes: ("b", bytes.hex),
    Interval: ("i", lambda one: [one.months, one.days, one.microseconds]),
}
DECODERS: dict[str, Callable[[Any], Any]] = {
    "t": dt.datetime.fromisoformat,
    "d": dt.date.fromisoformat,
    "c": dt.time.fromisoformat,
    "n": Decimal,
    "u": uuid.UUID,
    "b": bytes.fromhex,
    "i": lambda parts: Interval(*parts),
    "f": float.fromhex,
}


def encoded(values: Sequence[Any], fingerprint: str, remaining: int | None = None) -> str:
    """Encode keys as a cursor.

    Args:
        values: The keys.
        fingerprint: The query's fingerprint.
        remaining: How many rows may follow, if there is a limit.

    Raises:
        InterfaceError: A key has a type that a cursor cannot hold.
    """
    written: list[Any] = []
    for one in values:
        value = one.value if isinstance(one, Enum) else one
        if value is None or isinstance(value, (bool, int, str)):
            written.append(value)
        elif isinstance(value, float):
            written.append(["f", value.hex()])
        elif type(value) in ENCODERS:
            tag, write = ENCODERS[type(value)]
            written.append([tag, write(value)])
        else:
            message = f"page() cannot order by a {type(value).__name__}; order by a value of another type"
            raise InterfaceError(message)
    text = _text([_digest(fingerprint, written, remaining), written, remaining])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decoded(cursor: str, fingerprint: str) -> tuple[list[Any], int | None]:
    """Decode the keys of a cursor, and how many rows may follow.

    Raises:
        InterfaceError: It is none, or another query's.
    """
    import json

    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        own, written, remaining = json.loads(text)
        # Refused here, because the server would report values of wrong types in another way.
        if own != _digest(fingerprint, written, remaining):
            raise InterfaceError(NOT_THIS_QUERY)
        values = [DECODERS[one[0]](one[1]) if isinstance(one, list) else one for one in written]
    except (ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError, RecursionError):
        raise InterfaceError(NOT_THIS_QUERY) from None
    return values, remaining


def _digest(fingerprint: str, written: object, remaining: object) -> str:
    import hashlib

    return hashlib.blake2b(f"{fingerprint}{_text([written, remaining])}".encode(), digest_size=9).hexdigest()


def _text(found: object) -> str:
    import json

    return json.dumps(found, separators=(",", ":"))
