"""Paths from a table to the columns of others, such as `Post.author.name` and `User.posts`, and aliases of tables."""

# Type checkers do not agree on the type after isinstance() with a generic class.
# mypy: disable-error-code="redundant-cast"

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast, overload

from howdah.errors import InterfaceError, NoField
from howdah.tables.column import Col
from howdah.tables.schema import HasSchema, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.expression import Expr
    from howdah.tables.schema import Collection, Column, TableSchema

M = TypeVar("M", bound=HasSchema)
D = TypeVar("D", bound="HasAlias")


class HasAlias(Protocol):
    """The rows of a CTE, subquery or function, which may be several FROM items of a query."""

    def __alias__(self) -> Any:  # noqa: ANN401  (itself; no column has such a name)
        """Return the same rows as another FROM item."""


class RelationPath:
    """The references and collections that lead from a query's table to another, and the other's FROM item.

    Attributes:
        steps: The attributes on the path.
        column: The foreign key of the last step, if that is a reference.
        collection: The collection of the last step, if that is one.
        owner: The FROM item that has the last step.
    """

    __slots__ = ("_schema", "_source", "collection", "column", "owner", "steps")

    def __init__(self, schema: TableSchema | None, source: Source | None, steps: tuple[str, ...] = ()) -> None:
        """Take the table and its FROM item; either may be None, and is then looked up when it is needed."""
        self._schema = schema
        self._source = source
        self.steps = steps
        self.column: Column | None = None
        self.collection: Collection | None = None
        self.owner: Source | None = None

    def further(self, name: str, column: Column | None, collection: Collection | None) -> RelationPath:
        """Return the path that is longer by a reference or a collection."""
        return follow(self.source, (*self.steps, name), column, collection)

    @property
    def schema(self) -> TableSchema:
        """The table. The class at the end of a reference may be defined later than the reference."""
        if self._schema is None:
            self._schema = self._target().__schema__
        return self._schema

    @property
    def source(self) -> Source:
        """The FROM item of the table."""
        if self._source is None:
            if self.column is not None and self.owner is not None:
                self._source = self.owner.referenced(self.column)
            else:
                self._source = self._target().__source__
        return self._source

    @property
    def key(self) -> Col[Any]:
        """The foreign key of a reference, which needs no join; else the table's primary key."""
        if self.column is None or self.owner is None:
            return Col(self.schema.single_key, self.source)
        return Col(self.column, self.owner)

    def _target(self) -> type[HasSchema]:
        if self.column is not None and self.column.reference is not None:
            return self.column.reference.table
        if self.collection is not None:
            return self.collection.table
        raise TypeError(self.steps)


def follow(
    owner: Source, steps: tuple[str, ...], column: Column | None = None, collection: Collection | None = None
) -> RelationPath:
    """Return the path from a FROM item by a reference or a collection."""
    path = RelationPath(None, None, steps)
    path.owner, path.column, path.collection = owner, column, collection
    return path


class AliasedTable:
    """A table under another name in a query, or at the end of a path; its attributes are those of the table's class.

    As a value it is the key of its rows. It has no other attribute that could hide one of the class.
    """

    __slots__ = ("_path",)
    __hash__ = object.__hash__

    def __init__(self, path: RelationPath) -> None:
        """Take the path to the table."""
        self._path = path

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  (a column, or a further path)
        """Return a column, or a further path. A reference's key is the foreign key itself, and needs no join."""
        if name == "_path":
            # copy.copy() asks for it before __init__ has run.
            raise AttributeError(name)
        path = self._path
        schema = path.schema
        column = schema.by_attribute.get(name)
        if column is not None:
            reference = None if path.column is None else path.column.reference
            return path.key if reference is not None and reference.target is column else Col(column, path.source)
        column = schema.references.get(name)
        if column is not None:
            return RefPath(path.further(name, column, None))
        collection = schema.collections.get(name)
        if collection is not None:
            return ManyPath(path.further(name, None, collection))
        raise no_field(schema, name)

    def __eq__(self, other: object) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare with an object of the other table, its key, or None."""
        found: Expr[bool] = self._path.key == key_of(other)
        return found

    def __ne__(self, other: object) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        """Compare with an object of the other table, its key, or None."""
        found: Expr[bool] = self._path.key != key_of(other)
        return found

    def __key__(self) -> Col[Any]:
        """Return the key that rows are ordered or grouped by; no column has such a name."""
        key: Col[Any] = self._path.key
        return key

    def is_null(self) -> Expr[bool]:
        """Return the condition that it refers to no row."""
        found: Expr[bool] = self._path.key.is_null()
        return found

    def is_not_null(self) -> Expr[bool]:
        """Return the condition that it refers to a row."""
        found: Expr[bool] = self._path.key.is_not_null()
        return found

    def in_(self, rows: Iterable[Any]) -> Expr[bool]:
        """Return the condition that it is one of these objects, or keys, or of a query's one column."""
        found: Expr[bool] = self._path.key.in_(rows)
        return found

    def not_in(self, rows: Iterable[Any]) -> Expr[bool]:
        """Return the condition that it is none of these objects, or keys, nor of a query's one column."""
        found: Expr[bool] = self._path.key.not_in(rows)
        return found


class RefPath(AliasedTable):
    """The table that a reference refers to."""

    __slots__ = ()


class ManyPath(AliasedTable):
    """The table of a collection's rows."""

    __slots__ = ()


# The methods of a reference, which columns must not hide.
METHODS = frozenset({"in_", "is_not_null", "is_null", "not_in"})


@overload
def alias(table: type[M]) -> type[M]: ...
@overload
def alias(table: D) -> D: ...
def alias(table: Any) -> Any:
    """Return a table, a CTE or a subquery under another name, so that a query may compare its rows with each other.

    Args:
        table: The table, CTE or subquery.

    Returns:
        An object with its columns; `join` takes it.

    Example:
        >>> boss = howdah.alias(Person)
        >>> query = Person.find().join(boss, on=boss.id == Person.boss_id).where(boss.age < Person.age)
    """
    make = getattr(type(table), "__alias__", None)
    if make is not None:
        return make(table)
    schema = table.__schema__
    return AliasedTable(RelationPath(schema, Source("table", schema.name, schema=schema)))


def path_of(given: object) -> RelationPath:
    """Return the path of a table, a relation or an alias.

    Raises:
        InterfaceError: It is none of these.
    """
    if isinstance(given, AliasedTable):
        return given._path  # noqa: SLF001  (hidden from columns alone)
    schema = getattr(given, "__schema__", None)
    if schema is None:
        message = f"expected a table, a relation such as User.posts, or an alias, got {given!r}"
        raise InterfaceError(message)
    return RelationPath(schema, cast("Any", given).__source__)


def no_field(schema: TableSchema, name: str) -> NoField:
    """Return the error of a name that is no column or relation of a table; it suggests the most similar names."""
    from difflib import get_close_matches  # noqa: PLC0415  (importing it takes time)

    known = (*schema.attributes, *schema.references, *schema.collections)
    near = get_close_matches(name, known, n=3)
    message = f"{schema.table.__name__} has no column or relation {name!r}"
    return NoField(f"{message}; did you mean {' or '.join(near)}?" if near else message)


def key_of(given: object) -> Any:  # noqa: ANN401  (of any type)
    """Return the key of a reference, a table or an alias, and anything else unchanged."""
    is_table = isinstance(given, AliasedTable) or (isinstance(given, type) and hasattr(given, "__schema__"))
    return path_of(given).key if is_table else given
