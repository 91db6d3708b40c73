"""What a table's class and a reference have in common: each stands for the key of its rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from howdah.tables.paths import way_to

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.expression import Expr
    from howdah.queries.builder import Builder
    from howdah.tables.attributes import Col
    from howdah.tables.table import Table

M = TypeVar("M", bound="Table")


class KeyedMeta(type):
    """Lets a table's class stand for its primary key.

    To type checkers a reference, `Post.author`, is the class that it leads to: so they see here what a reference does.
    """

    def __key__(cls) -> Col[Any]:
        """Give the primary key, where rows are ordered or grouped by it; no column has such a name."""
        key: Col[Any] = way_to(cls).key
        return key

    def is_null(cls) -> Expr[bool]:
        """Ask whether there is no row, as there may be none beside another after a left join."""
        return cls.__key__().is_null()

    def is_not_null(cls) -> Expr[bool]:
        """Ask whether there is a row."""
        return cls.__key__().is_not_null()

    def in_(cls: type[M], rows: Iterable[M | None] | Builder[M] | Builder[tuple[Any]]) -> Expr[bool]:  # type: ignore[misc]
        """Ask whether it is one of these objects, or of the rows that a query gives."""
        return _key(cls).in_(cast("Any", rows))

    def not_in(cls: type[M], rows: Iterable[M | None] | Builder[M] | Builder[tuple[Any]]) -> Expr[bool]:  # type: ignore[misc]
        """Ask whether it is none of these objects, nor of the rows that a query gives."""
        return _key(cls).not_in(cast("Any", rows))

    def __value_type__(cls) -> object:
        """Tell checkers that a query may select it; they do not know the key's type. Nothing calls it."""
        raise NotImplementedError

    if TYPE_CHECKING:
        # Python itself compares classes, in dicts say: at run time a reference does it alone, and not the class.
        def __eq__(cls: type[M], other: M | type[M] | None) -> Expr[bool]:  # type: ignore[misc, override]  # pyright: ignore[reportIncompatibleMethodOverride]
            """Compare a reference with an object, with another place for its table, or with None."""
            ...

        def __ne__(cls: type[M], other: M | type[M] | None) -> Expr[bool]:  # type: ignore[misc, override]  # pyright: ignore[reportIncompatibleMethodOverride]
            """Compare a reference with an object, with another place for its table, or with None."""
            ...

        __hash__ = type.__hash__


def _key(table: type[Table]) -> Col[Any]:
    key: Col[Any] = way_to(table).key
    return key
