"""What stands in a table's class: on the class expressions and paths, on its objects values.

A column is no data descriptor: an object's values lie in its `__dict__`, and are read from there at full speed. Only
what is not there is asked for here.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from howdah.errors import DataError, InterfaceError, NotLoaded
from howdah.expressions.expression import Expr, plain
from howdah.tables.exactness import limit_of
from howdah.tables.paths import ManyPath, RefPath, way_on

if TYPE_CHECKING:
    from types import FrameType

    from howdah.expressions.sources import Source
    from howdah.tables.absent import Absent
    from howdah.tables.schema import Collection, Column, TableSchema
    from howdah.tables.table import Table

T = TypeVar("T")
M = TypeVar("M", bound="Table")
R = TypeVar("R", bound="Table | None")

# `type` is a property below.
Owner = type

# Where an object keeps the keys that it had by inserts which were undone.
UNDONE = "_undone"


class Col(Expr[T]):
    """A column: on the class an expression, on an object its value."""

    __slots__ = ("column", "source")

    def __init__(self, column: Column, source: Source) -> None:
        """Take the column, and where it is taken from."""
        self.column = column
        self.source = source
        self.node = ("column", source, column.name)

    # Types may name classes that are defined later, and so are looked up when they are wanted.
    @property
    def type(self) -> str | None:  # type: ignore[override]
        """The name of its SQL type, without a length or precision."""
        return self.column.type.bare

    @property
    def kind(self) -> Any:  # type: ignore[override]  # noqa: ANN401
        """The class of its values, where rows have something else."""
        return self.column.type.kind

    @overload
    def __get__(self, obj: None, owner: Owner) -> Col[T]: ...
    @overload
    def __get__(self, obj: object, owner: Owner) -> T: ...
    def __get__(self, obj: object, owner: Owner) -> Any:
        """Give the column; an object that has a value for it gives that before it comes here."""
        if obj is None:
            return self
        column = self.column
        if column.by_server:
            message = (
                f"{owner.__name__}.{column.attribute} has no value yet: the server gives it one when the row is saved"
            )
        else:
            message = f"{owner.__name__}.{column.attribute} has no value"
        raise NotLoaded(message)

    def _refuse_inexact(self, value: object) -> None:
        limit = limit_of(self.column.type.name)
        if limit is not None and not limit.holds(value):
            message = f'column "{self.column.attribute}": {limit.problem(value)}'
            raise DataError(message)

    def _key(self, value: object) -> object:
        schema: TableSchema | None = getattr(type(value), "__schema__", None)
        if schema is None:
            return value
        owner = self.source.schema
        wanted = referred_by(self.column) or (owner if self.column.primary_key else None)
        if wanted is not None and wanted.name != schema.name:
            place = self.column.name if owner is None else f"{owner.table.__name__}.{self.column.attribute}"
            message = f"{place}: {another(wanted, schema.table)}"
            raise InterfaceError(message)
        return plain(value)

    if TYPE_CHECKING:

        def __set__(self, obj: object, value: T) -> None:
            """Set the value; the next `save` writes it."""


class Ref(Generic[R]):
    """A reference: on the class a path to the other table's columns, on an object the other object.

    One that may be None is a `Ref[Table | None]`, declared by `ref(default=None)`: without a default, checkers want
    it in every constructor. To them what is behind it, `Book.editor.name`, may be None as well.
    """

    __slots__ = ("column", "source")

    def __init__(self, column: Column, source: Source) -> None:
        """Take the column with the key, and where it is taken from."""
        self.column = column
        self.source = source

    @overload
    def __get__(self: Ref[M | None], obj: None, owner: Owner) -> type[M | Absent]: ...
    @overload
    def __get__(self: Ref[M], obj: None, owner: Owner) -> type[M]: ...
    @overload
    def __get__(self, obj: object, owner: Owner) -> R: ...
    def __get__(self, obj: object, owner: Owner) -> Any:
        """Give the path, or the object if it is loaded."""
        if obj is None:
            reference = self.column.reference
            return RefPath(way_on(self.source, (reference.attribute if reference else "",), self.column))
        values = vars(obj)
        reference = self.column.reference
        name = reference.attribute if reference is not None else ""
        key = values.get(self.column.attribute)
        if name in values:
            found = values[name]
            # The key may have been set to another row's meanwhile.
            if found is None or self.column.attribute not in values or _key(found) == key or _had(found, key):
                return found
        elif self.column.attribute in values and key is None:
            return None
        raise _not_loaded(owner, name)

    def __set__(self, obj: object, value: R) -> None:
        """Refer to another row; the next `save` writes it."""
        column = self.column
        reference = column.reference
        if reference is None:
            raise TypeError
        table = reference.table
        values = vars(obj)
        given: Any = value
        if given is None:
            values[reference.attribute] = values[column.attribute] = None
            return
        # A class derived from a table is another table.
        if not isinstance(value, table) or type(value).__schema__.name != table.__schema__.name:
            message = (
                f"{type(obj).__name__}.{reference.attribute}: expected a {table.__name__}, got "
                f"{type(value).__name__}; its key alone is set as .{column.attribute}"
            )
            raise TypeError(message)
        values[reference.attribute] = value
        key = _key(value)
        if key is None:
            # It is not saved yet; its key is taken when this one is.
            values.pop(column.attribute, None)
        else:
            values[column.attribute] = key


class Many(Generic[M]):
    """Rows that refer to this one: on the class a path to them, on an object their list."""

    __slots__ = ("collection", "source")

    def __init__(self, collection: Collection, source: Source) -> None:
        """Take the collection, and the table whose it is."""
        self.collection = collection
        self.source = source

    @overload
    def __get__(self, obj: None, owner: Owner) -> type[M]: ...
    @overload
    def __get__(self, obj: object, owner: Owner) -> list[M]: ...
    def __get__(self, obj: object, owner: Owner) -> Any:
        """Give the path; an object whose list is loaded gives that before it comes here."""
        return _collected(self, obj, owner)


class One(Generic[M]):
    """The row that refers to this one: on the class a path to it, on an object the other object, or None."""

    __slots__ = ("collection", "source")

    def __init__(self, collection: Collection, source: Source) -> None:
        """Take the collection, and the table whose it is."""
        self.collection = collection
        self.source = source

    @overload
    def __get__(self, obj: None, owner: Owner) -> type[M]: ...
    @overload
    def __get__(self, obj: object, owner: Owner) -> M | None: ...
    def __get__(self, obj: object, owner: Owner) -> Any:
        """Give the path; an object that has it loaded gives that before it comes here."""
        return _collected(self, obj, owner)


def _collected(descriptor: Many[Any] | One[Any], obj: object, owner: Owner) -> ManyPath:
    if obj is None:
        name = descriptor.collection.attribute
        return ManyPath(way_on(descriptor.source, (name,), None, descriptor.collection))
    name = descriptor.collection.attribute
    raise _not_loaded(owner, name)


def _not_loaded(owner: Owner, name: str) -> InterfaceError:
    """Give the error of a relation that was not loaded.

    pydantic's `from_attributes` takes an AttributeError for a field that was not given, and so would put the field's
    default in the place of rows that were not loaded. It gets another error, which becomes its ValidationError.
    """
    message = (
        f"{owner.__name__}.{name} is not loaded; query by .load({owner.__name__}.{name}), "
        f"or await row.fetch({owner.__name__}.{name})"
    )
    frame: FrameType | None = sys._getframe()  # noqa: SLF001  (pydantic-core gives no other sign of who asks)
    while frame is not None and frame.f_globals is globals():
        frame = frame.f_back
    asker = "" if frame is None else str(frame.f_globals.get("__name__", ""))
    return InterfaceError(message) if asker.split(".")[0] == "pydantic" else NotLoaded(message)


def _key(row: object) -> object:
    schema = cast("Any", type(row)).__schema__
    return vars(row).get(schema.single_key.attribute)


def _had(row: object, key: object) -> bool:
    return key in vars(row).get(UNDONE, ())


def referred_by(column: Column) -> TableSchema | None:
    """Give the table that a column refers to."""
    return None if column.reference is None else column.reference.table.__schema__


def another(wanted: TableSchema, given: Owner) -> str:
    """Say that a row is one of another table than its key is wanted of."""
    return f"expected a {wanted.table.__name__} or its key, got a {given.__name__}"


def unusable(name: str) -> InterfaceError:
    """Give the error of a name that a table cannot use for a column."""
    return InterfaceError(f'a column cannot be named "{name}": tables use the name themselves; see col(name=...)')
