"""The metaclass part that tables and references have in common: both have a key, and conditions on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from howdah.tables.relation_paths import path_of
from howdah.tables.schema import HasSchema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.expression import Expr, Subquery
    from howdah.tables.column import Col

M = TypeVar("M", bound=HasSchema)


class KeyedMeta(type):
    """Gives a table's class the methods of its primary key.

    To type checkers a reference, `Post.author`, is the class of the other table: so they see here what a reference has.
    """

    def __key__(cls) -> Col[Any]:
        """Return the primary key that rows are ordered or grouped by; no column has such a name."""
        key: Col[Any] = path_of(cls).key
        return key

    def is_null(cls) -> Expr[bool]:
        """Return the condition that there is no row, as after a left join."""
        return cls.__key__().is_null()

    def is_not_null(cls) -> Expr[bool]:
        """Return the condition that there is a row."""
        return cls.__key__().is_not_null()

    def in_(cls: type[M], rows: Iterable[M | None] | Subquery[M] | Subquery[tuple[Any]]) -> Expr[bool]:
        """Return the condition that it is one of these objects, or of the rows of a query."""
        return _key(cls).in_(cast("Any", rows))

    def not_in(cls: type[M], rows: Iterable[M | None] | Subquery[M] | Subquery[tuple[Any]]) -> Expr[bool]:
        """Return the condition that it is none of these objects, nor of the rows of a query."""
        return _key(cls).not_in(cast("Any", rows))

    if TYPE_CHECKING:

        def __value_type__(cls) -> object:
            """Declare that a query may select a reference; the type of its key is not known here."""
            ...

        # At run time only references have these methods: Python itself compares classes, as in dicts.
        def __eq__(cls: type[M], other: M | type[M] | None) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            """Compare a reference with an object, with an alias of its table, or with None."""
            ...

        def __ne__(cls: type[M], other: M | type[M] | None) -> Expr[bool]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
            """Compare a reference with an object, with an alias of its table, or with None."""
            ...

        __hash__ = type.__hash__


def _key(table: type[HasSchema]) -> Col[Any]:
    key: Col[Any] = path_of(table).key
    return key
