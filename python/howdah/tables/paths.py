"""Ways from a table to the columns of others: `Post.author.name`, `User.posts`, and tables under another name."""

# Type checkers do not agree on what isinstance() tells of generic classes.
# mypy: disable-error-code="redundant-cast"

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from howdah.errors import InterfaceError
from howdah.expressions.sources import Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.expression import Expr
    from howdah.tables.attributes import Col
    from howdah.tables.schema import Collection, Column, TableSchema
    from howdah.tables.table import Table

M = TypeVar("M", bound="Table")


class Place:
    """A table where it stands in a query; its attributes are those of the table's class."""

    __slots__ = ("schema", "source", "steps")

    def __init__(self, schema: TableSchema, source: Source, steps: tuple[str, ...] = ()) -> None:
        """Take the table, where it stands, and the attributes that lead there from the root."""
        self.schema = schema
        self.source = source
        self.steps = steps

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (a column, or a further path)
        """Give a column, or a further path."""
        from howdah.tables.attributes import Col  # noqa: PLC0415  (they need each other)

        schema = self.schema
        column = schema.by_attribute.get(name)
        if column is not None:
            return Col(column, self.source)
        column = schema.references.get(name)
        if column is not None:
            return RefPath(column, self.source, self.steps)
        collection = schema.collections.get(name)
        if collection is not None:
            return ManyPath(collection, self.source, self.steps)
        message = f"{schema.table.__name__} has no column or relation {name!r}"
        raise AttributeError(message)


class RefPath(Place):
    """A reference, and the table behind it."""

    __slots__ = ("column", "from_")

    def __init__(self, column: Column, source: Source, steps: tuple[str, ...] = ()) -> None:
        """Take the foreign key, and where it is taken from."""
        reference = column.reference
        if reference is None:
            raise TypeError(column.name)
        self.column = column
        self.from_ = source
        # `source` and `schema` are looked up when they are wanted: the other class may not be defined yet.
        self.steps = (*steps, reference.attribute)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Give a column, or a further path. The other table's key is the foreign key itself, and needs no join."""
        if name == "source":
            self.source = self.from_.referred(self.column)
            return self.source
        reference = self.column.reference
        if reference is None:
            raise AttributeError(name)
        if name == "schema":
            self.schema = reference.table.__schema__
            return self.schema
        if name == reference.target.attribute:
            return self.key
        return super().__getattr__(name)

    @property
    def key(self) -> Col[Any]:
        """The foreign key."""
        from howdah.tables.attributes import Col  # noqa: PLC0415  (they need each other)

        return Col(self.column, self.from_)

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare with an object of the other table, its key, or None."""
        found: Expr[bool] = self.key == _key_of(other)
        return found

    def __ne__(self, other: object) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare with an object of the other table, its key, or None."""
        found: Expr[bool] = self.key != _key_of(other)
        return found

    def is_null(self) -> Expr[bool]:
        """Ask whether it refers to nothing."""
        found: Expr[bool] = self.key.is_null()
        return found

    def in_(self, rows: Iterable[Any]) -> Expr[bool]:
        """Ask whether it refers to one of these objects, or keys, or to what a query of one column gives."""
        found: Expr[bool] = self.key.in_(rows)
        return found


class ManyPath(Place):
    """A collection, and the table whose rows it has."""

    __slots__ = ("collection", "owner")

    def __init__(self, collection: Collection, source: Source, steps: tuple[str, ...] = ()) -> None:
        """Take the collection, and whose it is."""
        self.collection = collection
        self.owner = source
        self.steps = (*steps, collection.attribute)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Give a column of the table whose rows it has, or a further path."""
        if name == "schema":
            self.schema = self.collection.table.__schema__
            return self.schema
        if name == "source":
            self.source = self.collection.table.__source__
            return self.source
        return super().__getattr__(name)


def alias(table: type[M]) -> type[M]:
    """Give a table a second place in a query, for comparing its rows with each other.

    Args:
        table: The table.

    Returns:
        What has its columns; `join` takes it.

    Example:
        >>> boss = howdah.alias(Person)
        >>> query = Person.find().join(boss, on=boss.id == Person.boss_id).where(boss.age < Person.age)
    """
    schema = table.__schema__
    return cast("type[M]", Place(schema, Source("table", schema.name, schema=schema)))


def place(given: object) -> Place:
    """Give where something that stands for a table stands.

    Raises:
        InterfaceError: It stands for none.
    """
    if isinstance(given, Place):
        return given
    schema = getattr(given, "__schema__", None)
    if schema is None:
        message = f"expected a table, a relation such as User.posts, or an alias, got {given!r}"
        raise InterfaceError(message)
    return Place(schema, cast("Any", given).__source__)


def _key_of(other: object) -> Any:  # noqa: ANN401
    return cast("Place", other).key if isinstance(other, RefPath) else other
