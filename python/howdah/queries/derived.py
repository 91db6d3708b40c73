"""Queries that other queries take rows from: subqueries, CTEs and set-returning functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from howdah.errors import InterfaceError, NoField
from howdah.expressions.expression import Expr, operand
from howdah.expressions.sources import Source
from howdah.expressions.values import is_own, sql_type
from howdah.tables.attributes import Col

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from howdah.queries.builder import Builder


class Derived:
    """Rows that a query or a function gives; its attributes are their columns.

    A column whose name is an attribute of this class, or looks like Python's own (`__name__`), is taken as an item.
    """

    __slots__ = ("_derivation",)

    def __init__(self, source: Source, columns: Mapping[str, Expr[Any]], *, cte: bool = False) -> None:
        """Take where it stands in a query, and its columns."""
        self._derivation = Derivation(source, dict(columns), cte, first=self)

    def __elsewhere__(self) -> Derived:
        """Give a second place for the same rows; no column has such a name."""
        own = self._derivation
        source = own.source.again()
        columns = {name: Expr[Any](("column", source, name), one.type, one.kind) for name, one in own.columns.items()}
        made = Derived(source, columns, cte=own.cte)
        made._derivation.recursive = own.recursive
        made._derivation.first = own.first
        return made

    def __getattr__(self, name: str) -> Expr[Any]:
        """Give a column."""
        if name in Derived.__slots__ or (name.startswith("__") and name.endswith("__")):
            # What copies an object asks for such before it has any.
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, name: str) -> Expr[Any]:
        """Give a column, whatever its name.

        Raises:
            NoField: There is none of that name.
        """
        columns = self._derivation.columns
        try:
            return columns[name]
        except KeyError:
            message = f"there is no column {name!r}; there are {', '.join(columns)}"
            raise NoField(message) from None


@dataclass(slots=True)
class Derivation:
    """What is known of the rows that a query or a function gives.

    Attributes:
        source: Where they stand in a query.
        columns: Their columns by name, in order.
        cte: Whether they are those of a query in the WITH clause.
        first: For a CTE with several places in a query, the first one: there is one query of its name.
        recursive: For a CTE, whether it is recursive.
    """

    source: Source
    columns: dict[str, Expr[Any]]
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
