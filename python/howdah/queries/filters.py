"""Filters given as dicts of column values."""

# Type checkers do not agree on the type after isinstance() with a generic class.
# mypy: disable-error-code="redundant-cast"

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from howdah.errors import InterfaceError
from howdah.tables.column import Col
from howdah.tables.relation_paths import RefPath

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.expression import Condition
    from howdah.tables.schema import HasSchema


def as_conditions(table: type[HasSchema], conditions: Iterable[Condition | Mapping[str, Any]]) -> list[Condition]:
    """Return conditions as expressions.

    Args:
        table: The table.
        conditions: Expressions, and dicts of the values that columns have, by their names in the class.

    Returns:
        The expressions.

    Raises:
        InterfaceError: A dict names no column.
    """
    found: list[Condition] = []
    for one in conditions:
        if not isinstance(one, Mapping):
            found.append(one)
            continue
        for name, value in one.items():
            column = getattr(table, str(name), None)
            if not isinstance(column, (Col, RefPath)):
                known = ", ".join(column.attribute for column in table.__schema__.columns)
                message = f"{table.__name__} has no column {name!r}; its columns are {known}"
                raise InterfaceError(message)
            found.append(cast("Col[Any]", column) == value)
    return found
