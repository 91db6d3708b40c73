"""Queries that other queries take rows from: subqueries, CTEs and set-returning functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from howdah.errors import InterfaceError, NoField
from howdah.expressions.expression import Expr, operand
from howdah.expressions.sources import Source
from howdah.expressions.values import is_own, sql_type
from howdah.queries.likeness import same, unnamed
from howdah.tables.attributes import Col
from howdah.tables.paths import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from howdah.expressions.operators import Selectable
    from howdah.queries.builder import Builder
    from howdah.queries.likeness import Node

T = TypeVar("T")


class Derived:
    """Rows that a query or a function gives; their columns are its items, and its attributes.

    `rows[Post.title]` is the column that the query selected as `Post.title`, and type checkers know that it is a str.
    By their names, `rows.title` and `rows["title"]`, columns are of any type to them. One whose name is an attribute
    of this class, or looks like Python's own (`__name__`), is no attribute.
    """

    __slots__ = ("_derivation",)

    def __init__(
        self, source: Source, columns: Mapping[str, Expr[Any]], *, selected: tuple[Node, ...] = (), cte: bool = False
    ) -> None:
        """Take where it stands in a query, its columns, and what the query selected as them."""
        self._derivation = Derivation(source, dict(columns), selected, cte, first=self)

    def __elsewhere__(self) -> Derived:
        """Give a second place for the same rows; no column has such a name."""
        own = self._derivation
        source = own.source.again()
        columns = {name: Expr[Any](("column", source, name), one.type, one.kind) for name, one in own.columns.items()}
        made = Derived(source, columns, selected=own.selected, cte=own.cte)
        made._derivation.recursive = own.recursive
        made._derivation.first = own.first
        return made

    def __getattr__(self, name: str) -> Expr[Any]:
        """Give a column."""
        if name in Derived.__slots__ or (name.startswith("__") and name.endswith("__")):
            # What copies an object asks for such before it has any.
            raise AttributeError(name)
        return self[name]

    @overload
    def __getitem__(self, key: str) -> Expr[Any]: ...
    @overload
    def __getitem__(self, key: Selectable[T]) -> Expr[T]: ...
    def __getitem__(self, key: Any) -> Expr[Any]:
        """Give a column by what the query selected as it, or by its name, whatever that is.

        Raises:
            NoField: There is no such column.
        """
        columns = self._derivation.columns
        given = key_of(key)
        name = self._selected_as(given.node) if isinstance(given, Expr) else given
        try:
            return columns[name]
        except KeyError:
            message = f"there is no column {key!r}; there are {', '.join(columns)}"
            raise NoField(message) from None

    def _selected_as(self, node: Node) -> str:
        """Give the name of the column that was selected as an expression, by its own name or by another."""
        own = self._derivation
        named = list(zip(own.columns, own.selected, strict=False))
        exact = (name for name, one in named if same(one, node))
        alike = (name for name, one in named if same(unnamed(one), unnamed(node)))
        return next(exact, None) or next(alike, "")


@dataclass(slots=True)
class Derivation:
    """What is known of the rows that a query or a function gives.

    Attributes:
        source: Where they stand in a query.
        columns: Their columns by name, in order.
        selected: What a query selected as each of them.
        cte: Whether they are those of a query in the WITH clause.
        first: For a CTE with several places in a query, the first one: there is one query of its name.
        recursive: For a CTE, whether it is recursive.
    """

    source: Source
    columns: dict[str, Expr[Any]]
    selected: tuple[Node, ...]
    cte: bool
    first: Derived
    recursive: bool = False


def derivation_of(derived: Derived) -> Derivation:
    """Give what is known of the rows of a subquery, CTE or function."""
    return derived._derivation  # noqa: SLF001  (hidden from columns)


def names_of(columns: tuple[Expr[Any], ...]) -> tuple[str, ...]:
    """Give the names of a query's columns: those given by `as_`, those in the class, and `column1` and so on."""
    return tuple(_name_of(one) or f"column{at}" for at, one in enumerate(columns, 1))


def _name_of(one: Expr[Any]) -> str | None:
    if isinstance(one, Col):
        return one.column.attribute
    name: str | None = one.node[2] if one.node[0] in {"named", "column"} else None
    return name


def _columns(source: Source, columns: tuple[Expr[Any], ...]) -> dict[str, Expr[Any]]:
    names = names_of(columns)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        message = f"two columns are named {', '.join(twice)}; name them by as_()"
        raise InterfaceError(message)
    source.columns = names
    made: dict[str, Expr[Any]] = {
        name: Expr(("column", source, name), one.type, one.kind) for name, one in zip(names, columns, strict=True)
    }
    source.others = _others(made)
    return made


def _others(columns: Mapping[str, Expr[Any]]) -> frozenset[str]:
    """Give the columns that may be of a type which is not PostgreSQL's own."""
    return frozenset(name for name, one in columns.items() if not is_own(one.type, one.kind))


def subquery(query: Builder[Any], *, name: str = "rows") -> Derived:
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
    return Derived(source, _columns(source, selected), selected=tuple(one.node for one in selected))


def cte(
    name: str,
    query: Builder[Any],
    *,
    recursive: Callable[[Derived], Builder[Any]] | None = None,
    distinct: bool = False,
) -> Derived:
    """Name a query (WITH), so that others take rows from it, as often as they like.

    Args:
        name: The name.
        query: The query; its `select` names the columns.
        recursive: Takes the rows found so far, and gives the query for those that follow.
        distinct: Whether rows that were found before end the recursion: UNION in the place of UNION ALL.

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
    derived = Derived(source, _columns(source, selected), selected=tuple(one.node for one in selected), cte=True)
    statement = query.statement()
    if recursive is not None:
        derivation_of(derived).recursive = True
        rest = recursive(derived).without_cte(derived).statement()
        statement = {"kind": "compound", "op": "union" if distinct else "union all", "parts": (statement, rest)}
    source.statement = statement
    return derived


def table_function(name: str, *args: object, columns: Mapping[str, type[Any]]) -> Derived:
    """Take rows from a function of the server, such as `generate_series`.

    Args:
        name: The function.
        *args: Expressions and values.
        columns: The Python types of its columns, by the names that they get.

    Returns:
        The rows; `join` and `find` take them, and their columns are its attributes.
    """
    # The query's author names the function, whose rows have several types.
    call: tuple[Any, ...] = ("call", name, tuple(operand(one) for one in args), {"as": None})
    source = Source("function", (name,), call=call, columns=tuple(columns))
    made: dict[str, Expr[Any]] = {one: Expr(("column", source, one), sql_type(kind)) for one, kind in columns.items()}
    source.others = _others(made)
    return Derived(source, made)
