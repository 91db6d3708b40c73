"""Conditions that are given as dicts."""

# Type checkers do not agree on what isinstance() tells of generic classes.
# mypy: disable-error-code="redundant-cast"

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from howdah.errors import InterfaceError
from howdah.tables.attributes import Col
from howdah.tables.paths import RefPath

if TYPE_CHECKING:
    from collections.abc import Iterable

    from howdah.expressions.operators import Condition
    from howdah.tables.table import Table


def by_names(table: type[Table], conditions: Iterable[Condition | Mapping[str, Any]]) -> list[Condition]:
    """Give conditions as expressions.

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
                message = f"{table.__name__} has no column {name!r}; there are {known}"
                raise InterfaceError(message)
            found.append(cast("Col[Any]", column) == value)
    return found
