"""Columns: expressions on the class, values on its objects.

`Col` has no `__set__`, so the values of an object are in its `__dict__`, and Python reads them from there without a
call. `__get__` runs only for values that are missing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from howdah.errors import DataError, InterfaceError, NotLoaded
from howdah.expressions.expression import Expr
from howdah.expressions.node import key_value
from howdah.tables.scale_limits import limit_of

if TYPE_CHECKING:
    from howdah.tables.schema import Column, Source, TableSchema

T = TypeVar("T")

# `type` is a property below.
Owner = type


class Col(Expr[T]):
    """A column: on the class an expression, on an object its value."""

    __slots__ = ("column", "source")

    def __init__(self, column: Column, source: Source) -> None:
        """Take the column and the FROM item that has it."""
        self.column = column
        self.source = source
        self.node = ("column", source, column.name)

    # Annotations may name classes that are defined later, so both are looked up when they are needed.
    @property
    def type(self) -> str | None:  # type: ignore[override]
        """The name of its SQL type, without a length or precision."""
        return self.column.type.bare

    @property
    def kind(self) -> Any:  # type: ignore[override]  # noqa: ANN401
        """The class of its values, if rows have values of another class."""
        return self.column.type.kind

    @overload
    def __get__(self, obj: None, owner: Owner) -> Col[T]: ...
    @overload
    def __get__(self, obj: object, owner: Owner) -> T: ...
    def __get__(self, obj: object, owner: Owner) -> Any:
        """Return the column. If the object has a value, Python takes it from the object and does not call this."""
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

    def _check_exact(self, value: object) -> None:
        limit = limit_of(self.column.type.name)
        if limit is not None and not limit.holds(value):
            message = f'column "{self.column.attribute}": {limit.problem(value)}'
            raise DataError(message)

    def _parameter(self, value: object) -> object:
        schema: TableSchema | None = getattr(type(value), "__schema__", None)
        if schema is None:
            return value
        owner = self.source.schema
        expected = referenced_schema(self.column) or (owner if self.column.primary_key else None)
        if expected is not None and expected.name != schema.name:
            place = self.column.name if owner is None else f"{owner.table.__name__}.{self.column.attribute}"
            message = f"{place}: {wrong_table(expected, schema.table)}"
            raise InterfaceError(message)
        return key_value(value)

    if TYPE_CHECKING:

        def __set__(self, obj: object, value: T) -> None:
            """Set the value; the next `save` writes it."""


def referenced_schema(column: Column) -> TableSchema | None:
    """Return the table that a column refers to."""
    return None if column.reference is None else column.reference.table.__schema__


def wrong_table(expected: TableSchema, given: Owner) -> str:
    """Return the problem of a row that is of another table than the one whose key is expected."""
    return f"expected a {expected.table.__name__} or its key, got a {given.__name__}"


def unusable(name: str) -> InterfaceError:
    """Return the error of a name that a table cannot use for a column."""
    return InterfaceError(f'a column cannot be named "{name}": tables use the name themselves; see col(name=...)')
