"""Constraints and indexes of more than one column, as `__constraints__` and `__indexes__` of a table declare them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

OnDelete = Literal["cascade", "restrict", "set null", "no action"]


@dataclass(frozen=True, slots=True)
class Unique:
    """No two rows with the same values in these columns."""

    columns: tuple[str, ...]
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A condition that each row must meet, as an SQL expression."""

    sql: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key of several columns."""

    columns: tuple[str, ...]
    table: str
    target_columns: tuple[str, ...]
    on_delete: OnDelete = "no action"
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint:
    """A constraint that is none of the others, as its definition in SQL."""

    sql: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        keys: Columns, or SQL expressions in parentheses; each may end in an operator class, ASC or DESC.
        using: The method, such as `btree`, `gin`, `gist`, `brin` or `hnsw`.
        where: The SQL condition of a partial index.
        unique: Whether no two rows may have the same keys.
        name: Its name; None for one made of the table's and the keys'.
        options: Storage parameters (`WITH`), such as `{"m": 16}`.
        include: Columns that are in it without being keys.
        nulls_distinct: Whether two NULLs are different in a unique index.
    """

    keys: tuple[str, ...]
    using: str = "btree"
    where: str | None = None
    unique: bool = False
    name: str | None = None
    options: Mapping[str, object] = field(default_factory=dict[str, object])
    include: tuple[str, ...] = ()
    nulls_distinct: bool = True


def unique(*columns: str, name: str | None = None) -> Unique:
    """Declare that no two rows have the same values in these columns, in a table's `__constraints__`.

    Args:
        *columns: The columns.
        name: The constraint's name.

    Returns:
        The constraint.
    """
    return Unique(columns, name)


def check(sql: str, *, name: str | None = None) -> Check:
    """Declare a condition that each row must meet, in a table's `__constraints__`.

    Args:
        sql: The condition; it is your own SQL, and is used unchanged.
        name: The constraint's name.

    Returns:
        The constraint.
    """
    return Check(sql, name)


def foreign_key(
    *columns: str,
    table: str,
    target_columns: tuple[str, ...],
    on_delete: OnDelete = "no action",
    name: str | None = None,
) -> ForeignKey:
    """Declare a foreign key of several columns, in a table's `__constraints__`; `ref()` declares one of one column.

    Args:
        *columns: The columns.
        table: The table that they refer to, as `__table__` names it.
        target_columns: The columns there.
        on_delete: The action when the row that it refers to is deleted.
        name: The constraint's name.

    Returns:
        The constraint.
    """
    return ForeignKey(columns, table, target_columns, on_delete, name)


def constraint(sql: str, *, name: str | None = None) -> Constraint:
    """Declare a constraint by its definition, in a table's `__constraints__`.

    Use it for `EXCLUDE`, `DEFERRABLE`, `ON UPDATE` and the name of a primary key, which the other functions lack.
    A constraint that defines the primary key, or the foreign key of a reference, replaces the one that howdah makes.

    Args:
        sql: The definition, such as `EXCLUDE USING gist (during WITH &&)`; it is your own SQL, used unchanged.
        name: The constraint's name.

    Returns:
        The constraint.
    """
    return Constraint(sql, name)


def index(
    *keys: str,
    using: str = "btree",
    where: str | None = None,
    unique: bool = False,
    name: str | None = None,
    options: Mapping[str, object] | None = None,
    include: tuple[str, ...] = (),
    nulls_distinct: bool = True,
) -> Index:
    """Declare an index, in a table's `__indexes__`.

    Args:
        *keys: Columns, or SQL expressions in parentheses; each may end in an operator class, ASC or DESC.
        using: The method, such as `btree`, `gin`, `gist`, `brin` or `hnsw`.
        where: The condition of a partial index; it is your own SQL, and is used unchanged.
        unique: Whether no two rows may have the same keys.
        name: Its name; None for one made of the table's and the keys'.
        options: Storage parameters (`WITH`), such as `{"m": 16}`.
        include: Columns that are in it without being keys.
        nulls_distinct: Whether two NULLs are different in a unique index.

    Returns:
        The index.
    """
    return Index(keys, using, where, unique, name, options or {}, include, nulls_distinct)
