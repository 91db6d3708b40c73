"""Queries that other queries take rows from: subqueries, CTEs and set-returning functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr, operand
from howdah.expressions.sources import Source
from howdah.expressions.values import sql_type
from howdah.tables.attributes import Col

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from howdah.queries.builder import Builder


class Derived:
    """Rows that a query or a function gives; its attributes are their columns.

    Attributes:
        source: Where it stands.
        cte: For a CTE, whether it is recursive.
    """

    def __init__(self, source: Source, columns: Mapping[str, Expr[Any]], *, cte: bool = False) -> None:
        """Take where it stands, and its columns."""
        self.source = source
        self.cte = cte
        self.recursive = False
        self._columns = dict(columns)
        # For a second place of a CTE, the first one: there is one query of its name.
        self._first = self

    @property
    def columns(self) -> tuple[Expr[Any], ...]:
        """The columns, in order."""
        return tuple(self._columns.values())

    def __elsewhere__(self) -> Derived:
        """Give a second place for the same rows; no column has such a name."""
        source = self.source.again()
        columns = {name: Expr[Any](("column", source, name), one.type, one.kind) for name, one in self._columns.items()}
        made = Derived(source, columns, cte=self.cte)
        made.recursive = self.recursive
        made._first = self._first
        return made

    def __getattr__(self, name: str) -> Expr[Any]:
        """Give a column."""
        if name.startswith("__") or name in {"_columns", "_first"}:
            # What copies an object asks for such before it has any.
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr[Any]:
        """Give a column, whatever its name.

        Raises:
            AttributeError: There is none of that name.
        """
        try:
            return self.__dict__["_columns"][name]  # type: ignore[no-any-return]
        except KeyError:
            message = f"there is no column {name!r}; there are {', '.join(self.__dict__['_columns'])}"
            raise AttributeError(message) from None


def first_place(derived: Derived) -> Derived:
    """Give the CTE that stands in the WITH clause for one that may be a second place of it."""
    return derived._first  # noqa: SLF001  (hidden from columns)


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
    return {name: Expr(("column", source, name), one.type, one.kind) for name, one in zip(names, columns, strict=True)}


def subquery(query: Builder[Any], *, name: str = "rows") -> Derived:
    """Take rows from a query, in the FROM of another.

    Args:
        query: The query; its `select` names the columns.
        name: For messages.

    Returns:
        The rows; `join` and `find` take them, and their columns are its attributes.
    """
    source = Source("query", (name,), statement=query.statement())
    return Derived(source, _columns(source, query.selected()))


def cte(
    name: str, query: Builder[Any], *, recursive: Callable[[Any], Builder[Any]] | None = None, distinct: bool = False
) -> Derived:
    """Name a query (WITH), so that others take rows from it, as often as they like.

    Args:
        name: The name.
        query: The query; its `select` names the columns.
        recursive: Takes the rows found so far, and gives the query for those that follow.
        distinct: Whether rows that were found before end the recursion: UNION in the place of UNION ALL.

    Returns:
        The rows; `join` and `find` take them, and their columns are its attributes.

    Example:
        >>> chiefs = Person.find(Person.boss.is_null()).select(Person.id, Person.name)
        >>> staff = howdah.cte("staff", chiefs, recursive=lambda staff: Person.find()
        ...     .join(staff, on=Person.boss.id == staff.id).select(Person.id, Person.name))
    """
    source = Source("cte", (name,))
    derived = Derived(source, _columns(source, query.selected()), cte=True)
    statement = query.statement()
    if recursive is not None:
        derived.recursive = True
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
    call: tuple[Any, ...] = ("call", name, tuple(operand(one) for one in args), {})
    source = Source("function", (name,), call=call, columns=tuple(columns))
    return Derived(source, {one: Expr(("column", source, one), sql_type(kind)) for one, kind in columns.items()})
