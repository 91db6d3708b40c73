"""Subqueries and CTEs: queries whose rows other queries read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from howdah.queries.from_items import Derived, derivation_of, derived_columns
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.queries.query_compiler import CompilableQuery


def subquery(query: CompilableQuery[Any], *, name: str = "rows") -> Derived:
    """Take rows from a query, in the FROM of another.

    Args:
        query: The query; its `select` names the columns.
        name: For messages.

    Returns:
        The rows; `join` and `find` take them, and give their columns by what the query selected, as in
        `rows[Post.title]`, or by name.

    Example:
        >>> views = howdah.sum(Post.views).as_("views")
        >>> totals = howdah.subquery(Post.find().select(Post.author.id, views).group_by(Post.author.id))
        >>> query = User.find().join(totals, on=totals[Post.author.id] == User.id).where(totals[views] > 100)
    """
    source = Source("query", (name,), statement=query.statement())
    selected = query.selected()
    return Derived(source, derived_columns(source, selected), selected=tuple(one.node for one in selected))


def cte(
    name: str,
    query: CompilableQuery[Any],
    *,
    recursive: Callable[[Derived], CompilableQuery[Any]] | None = None,
    distinct: bool = False,
) -> Derived:
    """Name a query (WITH), so that others take rows from it, as often as they like.

    Args:
        name: The name.
        query: The query; its `select` names the columns.
        recursive: Takes the rows found so far, and gives the query for those that follow.
        distinct: Whether rows that were found before are dropped: UNION instead of UNION ALL.

    Returns:
        The rows; `join` and `find` take them, and give their columns by what the query selected, as in
        `staff[Person.name]`, or by name.

    Example:
        >>> chiefs = Person.find(Person.boss.is_null()).select(Person.id, Person.name)
        >>> staff = howdah.cte("staff", chiefs, recursive=lambda staff: Person.find()
        ...     .join(staff, on=Person.boss.id == staff[Person.id]).select(Person.id, Person.name))
    """
    source = Source("cte", (name,))
    selected = query.selected()
    derived = Derived(source, derived_columns(source, selected), selected=tuple(one.node for one in selected), cte=True)
    statement = query.statement()
    if recursive is not None:
        derivation_of(derived).recursive = True
        rest = recursive(derived).without_cte(derived).statement()
        statement = {"kind": "compound", "op": "union" if distinct else "union all", "parts": (statement, rest)}
    source.statement = statement
    return derived
