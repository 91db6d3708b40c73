"""Relations: paths to the columns of other tables on the class, the related rows on its objects."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

from howdah.errors import InterfaceError, NotLoaded
from howdah.tables.relation_paths import ManyPath, RefPath, follow
from howdah.tables.row_state import ROLLED_BACK_KEYS
from howdah.tables.schema import HasSchema

if TYPE_CHECKING:
    from types import FrameType

    from howdah.tables.absent import Absent
    from howdah.tables.schema import Collection, Column, Source

M = TypeVar("M", bound=HasSchema)
R = TypeVar("R", bound=HasSchema | None)


class Ref(Generic[R]):
    """A reference: on the class a path to the other table's columns, on an object the other object.

    One that may be None is a `Ref[Table | None]`, declared by `ref(default=None)`: without a default, checkers want
    it in every constructor. To them a column of its table, `Book.editor.name`, may be None as well.
    """

    __slots__ = ("column", "source")

    def __init__(self, column: Column, source: Source) -> None:
        """Take the column with the key, and the FROM item that has it."""
        self.column = column
        self.source = source

    @overload
    def __get__(self: Ref[M | None], obj: None, owner: type) -> type[M | Absent]: ...
    @overload
    def __get__(self: Ref[M], obj: None, owner: type) -> type[M]: ...
    @overload
    def __get__(self, obj: object, owner: type) -> R: ...
    def __get__(self, obj: object, owner: type) -> Any:
        """Return the path, or the object if it is loaded."""
        if obj is None:
            reference = self.column.reference
            return RefPath(follow(self.source, (reference.attribute if reference else "",), self.column))
        values = vars(obj)
        reference = self.column.reference
        name = reference.attribute if reference is not None else ""
        key = values.get(self.column.attribute)
        if name in values:
            found = values[name]
            # The key may have been set to another row's meanwhile.
            if found is None or self.column.attribute not in values or _key(found) == key or _had_key(found, key):
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
        if not isinstance(value, cast("type", table)) or given.__schema__.name != table.__schema__.name:
            message = (
                f"{type(obj).__name__}.{reference.attribute}: expected a {table.__name__}, got "
                f"{type(given).__name__}; its key alone is set as .{column.attribute}"
            )
            raise TypeError(message)
        values[reference.attribute] = value
        key = _key(value)
        if key is None:
            # It is not saved yet; its key is taken when this row is saved.
            values.pop(column.attribute, None)
        else:
            values[column.attribute] = key


class _ToCollection:
    """The base of `Many` and `One`: the attribute of a collection.

    Attributes:
        collection: The collection.
        source: The FROM item of its owners.
    """

    __slots__ = ("collection", "source")

    def __init__(self, collection: Collection, source: Source) -> None:
        """Take the collection, and the FROM item of its owners."""
        self.collection = collection
        self.source = source

    def _path(self, obj: object, owner: type) -> ManyPath:
        name = self.collection.attribute
        if obj is None:
            return ManyPath(follow(self.source, (name,), None, self.collection))
        raise _not_loaded(owner, name)


class Many(_ToCollection, Generic[M]):
    """Rows that refer to this one: on the class a path to them, on an object their list."""

    __slots__ = ()

    @overload
    def __get__(self, obj: None, owner: type) -> type[M]: ...
    @overload
    def __get__(self, obj: object, owner: type) -> list[M]: ...
    def __get__(self, obj: object, owner: type) -> Any:
        """Return the path. If the object's list is loaded, Python takes it from the object and does not call this."""
        return self._path(obj, owner)


class One(_ToCollection, Generic[M]):
    """The row that refers to this one: on the class a path to it, on an object the other object, or None."""

    __slots__ = ()

    @overload
    def __get__(self, obj: None, owner: type) -> type[M]: ...
    @overload
    def __get__(self, obj: object, owner: type) -> M | None: ...
    def __get__(self, obj: object, owner: type) -> Any:
        """Return the path. If the object's row is loaded, Python takes it from the object and does not call this."""
        return self._path(obj, owner)


def _not_loaded(owner: type, name: str) -> InterfaceError:
    """Return the error of a relation that was not loaded.

    pydantic's `from_attributes` takes an AttributeError for a field that was not given, and would use the field's
    default instead of rows that were not loaded. It gets another error, which becomes its ValidationError.
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


def _had_key(row: object, key: object) -> bool:
    return key in vars(row).get(ROLLED_BACK_KEYS, ())
