"""The source as data: modules, classes and attributes, before code is generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from howdah.inspect.layout import Value

if TYPE_CHECKING:
    from howdah.inspect.catalog_model import FoundConstraint, FoundTable


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a class: its name, its annotation and its value."""

    name: str
    annotation: str
    value: Value | None


@dataclass(frozen=True, slots=True)
class EnumModel:
    """The class of an enum.

    Attributes:
        name: Its name.
        sql_name: The name of its type, where that is not the class's own.
        members: Their names and labels.
    """

    name: str
    sql_name: str | None
    members: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Relation:
    """A reference to another table.

    Attributes:
        constraint: The foreign key.
        attribute: The attribute with the object.
        target: The table that is referred to.
        is_single: Whether one row at most refers to each.
    """

    constraint: FoundConstraint
    attribute: str
    target: FoundTable
    is_single: bool


@dataclass(slots=True)
class TableModel:
    """The class of a table.

    Attributes:
        found: The table.
        name: The class's name.
        sql_name: The table's name, where that is not the class's own.
        columns: The attributes of its columns, in order.
        collections: Those of rows of other tables.
        constraints: The values in `__constraints__`.
        indexes: The values in `__indexes__`.
        notes: Features of the table that a class cannot declare.
    """

    found: FoundTable
    name: str
    sql_name: str | None
    columns: list[Attribute] = field(default_factory=list[Attribute])
    collections: list[Attribute] = field(default_factory=list[Attribute])
    constraints: list[Value] = field(default_factory=list[Value])
    indexes: list[Value] = field(default_factory=list[Value])
    notes: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class ModuleModel:
    """The whole source.

    Attributes:
        schemas: The schemas that were read.
        needed: Objects that the tables depend on.
        enums: The classes of enums.
        tables: The classes of tables.
        unsupported: Features that belong to no class.
    """

    schemas: list[str]
    needed: list[str]
    enums: list[EnumModel]
    tables: list[TableModel]
    unsupported: list[str]
