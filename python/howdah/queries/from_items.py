"""FROM items other than tables: the rows of subqueries, CTEs and set-returning functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, overload

from howdah.errors import InterfaceError, NoField
from howdah.expressions.expression import Expr
from howdah.expressions.node import operand
from howdah.expressions.values import is_own, sql_type
from howdah.queries.equality import same, unnamed
from howdah.tables.column import Col
from howdah.tables.relation_paths import key_of
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from howdah.expressions.node import Node, Selectable

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
        """Take the FROM item, its columns, and the expressions that a query selected as them."""
        self._derivation = Derivation(source, dict(columns), selected, cte, first=self)

    def __alias__(self) -> Derived:
        """Return the same rows as another FROM item; no column has such a name."""
        own = self._derivation
        source = own.source.copy()
        columns = {name: Expr[Any](("column", source, name), one.type, one.kind) for name, one in own.columns.items()}
        made = Derived(source, columns, selected=own.selected, cte=own.cte)
        made._derivation.recursive = own.recursive
        made._derivation.first = own.first
        return made

    def __getattr__(self, name: str) -> Expr[Any]:
        """Return a column."""
        if name in Derived.__slots__ or (name.startswith("__") and name.endswith("__")):
            # copy.copy() asks for it before __init__ has run.
            raise AttributeError(name)
        return self[name]

    @overload
    def __getitem__(self, key: str) -> Expr[Any]: ...
    @overload
    def __getitem__(self, key: Selectable[T]) -> Expr[T]: ...
    def __getitem__(self, key: Any) -> Expr[Any]:
        """Return a column by the expression that the query selected, or by its name.

        Raises:
            NoField: There is no such column.
        """
        columns = self._derivation.columns
        given = key_of(key)
        name = self._selected_as(given.node) if isinstance(given, Expr) else given
        try:
            return columns[name]
        except KeyError:
            message = f"there is no column {key!r}; the columns are {', '.join(columns)}"
            raise NoField(message) from None

    def _selected_as(self, node: Node) -> str:
        """Return the name of the column that was selected as an expression, by its own name or by another."""
        own = self._derivation
        named = list(zip(own.columns, own.selected, strict=False))
        exact = (name for name, one in named if same(one, node))
        alike = (name for name, one in named if same(unnamed(one), unnamed(node)))
        return next(exact, None) or next(alike, "")


@dataclass(slots=True)
class Derivation:
    """The rows of a subquery, CTE or function.

    Attributes:
        source: Their FROM item.
        columns: Their columns by name, in order.
        selected: The expressions that a query selected as these columns.
        cte: Whether they are those of a CTE.
        first: For an alias of a CTE, the CTE itself: the WITH clause has it once.
        recursive: For a CTE, whether it is recursive.
    """

    source: Source
    columns: dict[str, Expr[Any]]
    selected: tuple[Node, ...]
    cte: bool
    first: Derived
    recursive: bool = False


def derivation_of(derived: Derived) -> Derivation:
    """Return the rows of a subquery, CTE or function."""
    return derived._derivation  # noqa: SLF001  (hidden from columns)


def names_of(columns: tuple[Expr[Any], ...]) -> tuple[str, ...]:
    """Return the names of a query's columns: those given by `as_`, those in the class, and `column1` and so on."""
    return tuple(_name_of(one) or f"column{at}" for at, one in enumerate(columns, 1))


def _name_of(one: Expr[Any]) -> str | None:
    if isinstance(one, Col):
        return one.column.attribute
    name: str | None = one.node[2] if one.node[0] in {"named", "column"} else None
    return name


def derived_columns(source: Source, columns: tuple[Expr[Any], ...]) -> dict[str, Expr[Any]]:
    """Name the columns of a FROM item after those that a query selects, and return them by name.

    Raises:
        InterfaceError: Two columns have the same name.
    """
    names = names_of(columns)
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        message = f"two columns are named {', '.join(twice)}; name them by as_()"
        raise InterfaceError(message)
    source.columns = names
    made: dict[str, Expr[Any]] = {
        name: Expr(("column", source, name), one.type, one.kind) for name, one in zip(names, columns, strict=True)
    }
    source.others = foreign_columns(made)
    return made


def foreign_columns(columns: Mapping[str, Expr[Any]]) -> frozenset[str]:
    """Return the names of columns whose type may not be built into PostgreSQL."""
    return frozenset(name for name, one in columns.items() if not is_own(one.type, one.kind))


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
    source.others = foreign_columns(made)
    return Derived(source, made)
