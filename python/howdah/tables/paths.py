"""Ways from a table to the columns of others: `Post.author.name`, `User.posts`, and tables under another name."""

# Type checkers do not agree on what isinstance() tells of generic classes.
# mypy: disable-error-code="redundant-cast"

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, overload

from howdah.errors import InterfaceError, NoField
from howdah.expressions.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.expression import Expr
    from howdah.tables.attributes import Col
    from howdah.tables.schema import Collection, Column, TableSchema
    from howdah.tables.table import Table

M = TypeVar("M", bound="Table")
D = TypeVar("D", bound="Elsewhere")


class Elsewhere(Protocol):
    """Rows of a query, which may have a second place."""

    def __elsewhere__(self) -> Any:  # noqa: ANN401  (itself; no column has such a name)
        """Give a second place for the same rows."""


class Way:
    """Where a table stands in a query, and how one gets there.

    Attributes:
        steps: The attributes that lead there from the root.
        column: The foreign key at the end of the way, if it is a reference.
        collection: The collection at the end of the way, if it is one.
    """

    __slots__ = ("_schema", "_source", "collection", "column", "owner", "steps")

    def __init__(self, schema: TableSchema | None, source: Source | None, steps: tuple[str, ...] = ()) -> None:
        """Take the table and where it stands; None for what is looked up when it is wanted."""
        self._schema = schema
        self._source = source
        self.steps = steps
        self.column: Column | None = None
        self.collection: Collection | None = None
        self.owner: Source | None = None

    def onwards(self, name: str, column: Column | None, collection: Collection | None) -> Way:
        """Give the way on, by a reference or a collection."""
        return way_on(self.source, (*self.steps, name), column, collection)

    @property
    def schema(self) -> TableSchema:
        """The table. The class of one at the end of a reference may be defined later than the reference."""
        if self._schema is None:
            self._schema = self._target().__schema__
        return self._schema

    @property
    def source(self) -> Source:
        """Where it stands."""
        if self._source is None:
            if self.column is not None and self.owner is not None:
                self._source = self.owner.referred(self.column)
            else:
                self._source = self._target().__source__
        return self._source

    @property
    def key(self) -> Col[Any]:
        """The foreign key of a reference, which needs no join; else the table's primary key."""
        from howdah.tables.attributes import Col  # noqa: PLC0415  (they need each other)

        if self.column is None or self.owner is None:
            return Col(self.schema.single_key, self.source)
        return Col(self.column, self.owner)

    def _target(self) -> type[Table]:
        if self.column is not None and self.column.reference is not None:
            return self.column.reference.table
        if self.collection is not None:
            return self.collection.table
        raise TypeError(self.steps)


def way_on(
    owner: Source, steps: tuple[str, ...], column: Column | None = None, collection: Collection | None = None
) -> Way:
    """Give the way from a place by a reference or a collection."""
    way = Way(None, None, steps)
    way.owner, way.column, way.collection = owner, column, collection
    return way


class Place:
    """A table where it stands in a query; its attributes are those of the table's class.

    It stands for the key of its rows, and has no other attribute that could hide one of the class.
    """

    __slots__ = ("_way",)
    __hash__ = object.__hash__

    def __init__(self, way: Way) -> None:
        """Take where it stands."""
        self._way = way

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (a column, or a further path)
        """Give a column, or a further path. A reference's key is the foreign key itself, and needs no join."""
        from howdah.tables.attributes import Col  # noqa: PLC0415  (they need each other)

        if name == "_way":
            # What copies an object asks for it before it is there.
            raise AttributeError(name)
        way = self._way
        schema = way.schema
        column = schema.by_attribute.get(name)
        if column is not None:
            reference = None if way.column is None else way.column.reference
            return way.key if reference is not None and reference.target is column else Col(column, way.source)
        column = schema.references.get(name)
        if column is not None:
            return RefPath(way.onwards(name, column, None))
        collection = schema.collections.get(name)
        if collection is not None:
            return ManyPath(way.onwards(name, None, collection))
        raise no_field(schema, name)

    def __eq__(self, other: object) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare with an object of the other table, its key, or None."""
        found: Expr[bool] = self._way.key == key_of(other)
        return found

    def __ne__(self, other: object) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare with an object of the other table, its key, or None."""
        found: Expr[bool] = self._way.key != key_of(other)
        return found

    def __key__(self) -> Col[Any]:
        """Give the key, where rows are ordered or grouped by it; no column has such a name."""
        key: Col[Any] = self._way.key
        return key

    def is_null(self) -> Expr[bool]:
        """Ask whether it refers to nothing."""
        found: Expr[bool] = self._way.key.is_null()
        return found

    def is_not_null(self) -> Expr[bool]:
        """Ask whether it refers to a row."""
        found: Expr[bool] = self._way.key.is_not_null()
        return found

    def in_(self, rows: Iterable[Any]) -> Expr[bool]:
        """Ask whether it refers to one of these objects, or keys, or to what a query of one column gives."""
        found: Expr[bool] = self._way.key.in_(rows)
        return found

    def not_in(self, rows: Iterable[Any]) -> Expr[bool]:
        """Ask whether it refers to none of these objects, or keys, nor to what a query of one column gives."""
        found: Expr[bool] = self._way.key.not_in(rows)
        return found


class RefPath(Place):
    """A reference, and the table behind it."""

    __slots__ = ()


class ManyPath(Place):
    """A collection, and the table whose rows it has."""

    __slots__ = ()


# The methods of a reference, which columns must not hide.
METHODS = frozenset({"in_", "is_not_null", "is_null", "not_in"})


@overload
def alias(table: type[M]) -> type[M]: ...
@overload
def alias(table: D) -> D: ...
def alias(table: Any) -> Any:
    """Give a table, a CTE or a subquery a second place in a query, for comparing its rows with each other.

    Args:
        table: The table, CTE or subquery.

    Returns:
        What has its columns; `join` takes it.

    Example:
        >>> boss = howdah.alias(Person)
        >>> query = Person.find().join(boss, on=boss.id == Person.boss_id).where(boss.age < Person.age)
    """
    elsewhere = getattr(type(table), "__elsewhere__", None)
    if elsewhere is not None:
        return elsewhere(table)
    schema = table.__schema__
    return Place(Way(schema, Source("table", schema.name, schema=schema)))


def way_to(given: object) -> Way:
    """Give where something that stands for a table stands.

    Raises:
        InterfaceError: It stands for none.
    """
    if isinstance(given, Place):
        return given._way  # noqa: SLF001  (hidden from columns alone)
    schema = getattr(given, "__schema__", None)
    if schema is None:
        message = f"expected a table, a relation such as User.posts, or an alias, got {given!r}"
        raise InterfaceError(message)
    return Way(schema, cast("Any", given).__source__)


def no_field(schema: TableSchema, name: str) -> NoField:
    """Give the error of a name that is no column or relation of a table, with those that are nearest to it."""
    known = (*schema.attributes, *schema.references, *schema.collections)
    near = get_close_matches(name, known, n=3)
    message = f"{schema.table.__name__} has no column or relation {name!r}"
    return NoField(f"{message}; did you mean {' or '.join(near)}?" if near else message)


def key_of(given: object) -> Any:  # noqa: ANN401  (of any type)
    """Give the key that a reference, a table or another place of one stands for; all else as it is."""
    is_table = isinstance(given, Place) or (isinstance(given, type) and hasattr(given, "__schema__"))
    return way_to(given).key if is_table else given
