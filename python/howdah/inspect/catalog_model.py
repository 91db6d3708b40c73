"""Rows of the system catalogs, as data.

Source: https://www.postgresql.org/docs/current/catalogs.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table.

    Attributes:
        oid: Its OID.
        schema: The schema that it is in.
        name: Its name.
        is_current: Whether that is the current schema, so that its name may be left out.
        written: Its name as SQL.
    """

    oid: int
    schema: str
    name: str
    is_current: bool
    written: str


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column.

    Attributes:
        table: The OID of its table.
        number: Its number in the table.
        name: Its name.
        written: Its name as SQL.
        type: The OID of its type.
        modifier: The type modifier.
        type_sql: Its type as SQL, with the modifier.
        dimensions: The number of dimensions that an array was declared with.
        required: Whether it is NOT NULL.
        identity: `a` for GENERATED ALWAYS AS IDENTITY, `d` for BY DEFAULT, else an empty string.
        generated: `s` for STORED, `v` for VIRTUAL, else an empty string.
        default: The SQL of its default, or the expression of a generated column.
    """

    table: int
    number: int
    name: str
    written: str
    type: int
    modifier: int
    type_sql: str
    dimensions: int
    required: bool
    identity: str
    generated: str
    default: str | None


@dataclass(frozen=True, slots=True)
class FoundType:
    """A type of a column, or a type that such a type consists of.

    Attributes:
        oid: Its OID.
        schema: The schema that it is in.
        name: Its name.
        written: Its name as SQL.
        kind: `b` for a base type, `e` for an enum, `d` for a domain, `r` for a range, `m` for a multirange.
        element: The OID of an array's element type, else 0.
        base: The OID of a domain's base type, else 0.
        subtype: The OID of the subtype of a range or multirange, else 0.
        labels: The labels of an enum, in order.
        definition: The statement that creates a domain, else None.
    """

    oid: int
    schema: str
    name: str
    written: str
    kind: str
    element: int
    base: int
    subtype: int
    labels: list[str]
    definition: str | None


@dataclass(frozen=True, slots=True)
class FoundConstraint:
    """A constraint.

    Attributes:
        table: The OID of its table.
        name: Its name.
        kind: `p` for a primary key, `u` for unique, `c` for a check, `f` for a foreign key, `x` for an exclusion, `n`
            for not null.
        columns: The names of its columns, in order.
        definition: Its SQL.
        condition: The condition of a check, as SQL.
        target: The OID of the table that a foreign key refers to, else 0.
        target_name: The schema and the name of that table.
        target_is_current: Whether that is the current schema, so that its name may be left out.
        target_columns: The columns there.
        target_has_constraint: Whether a constraint makes these unique, rather than only an index.
        on_delete: The action of a foreign key on delete, by its letter.
        is_simple: Whether a foreign key has the defaults for ON UPDATE, MATCH and the columns of SET NULL.
        is_deferrable: Whether it is DEFERRABLE.
        is_validated: Whether it is validated, rather than NOT VALID.
        is_plain: Whether it is inherited and enforced, and its index has only its keys.
    """

    table: int
    name: str
    kind: str
    columns: list[str]
    definition: str
    condition: str | None
    target: int
    target_name: list[str]
    target_is_current: bool
    target_columns: list[str]
    target_has_constraint: bool
    on_delete: str
    is_simple: bool
    is_deferrable: bool
    is_validated: bool
    is_plain: bool


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """An index that does not belong to a constraint.

    Attributes:
        table: The OID of its table.
        name: Its name.
        method: Its method.
        method_sql: Its method as SQL.
        definition: The statement that creates it.
        keys: The names of its columns, in order; None for an expression.
        included: The columns of INCLUDE.
        condition: The condition of a partial index, as SQL.
        options: Its storage parameters, each as `name=value`.
        unique: Whether no two rows have the same keys.
        nulls_same: Whether it is NULLS NOT DISTINCT.
        is_valid: Whether its creation was completed.
    """

    table: int
    name: str
    method: str
    method_sql: str
    definition: str
    keys: list[str | None]
    included: list[str]
    condition: str | None
    options: list[str]
    unique: bool
    nulls_same: bool
    is_valid: bool


@dataclass(frozen=True, slots=True)
class UnsupportedFeature:
    """A feature that classes cannot declare.

    Attributes:
        table: The OID of the table that it belongs to; 0 for none.
        text: The SQL that creates it, or a description if there is no such SQL.
    """

    table: int
    text: str


@dataclass(slots=True)
class Catalog:
    """Everything found.

    Attributes:
        schemas: The schemas that were read.
        tables: The tables, in order.
        columns: Their columns, by the tables' OIDs, in order.
        types: The types, by number.
        constraints: The constraints, by the tables' OIDs.
        indexes: The indexes, by the tables' OIDs.
        needed: The objects to create before the tables.
        unsupported: Features that classes cannot declare.
    """

    schemas: list[str]
    tables: list[FoundTable] = field(default_factory=list[FoundTable])
    columns: dict[int, list[FoundColumn]] = field(default_factory=dict[int, list[FoundColumn]])
    types: dict[int, FoundType] = field(default_factory=dict[int, FoundType])
    constraints: dict[int, list[FoundConstraint]] = field(default_factory=dict[int, list[FoundConstraint]])
    indexes: dict[int, list[FoundIndex]] = field(default_factory=dict[int, list[FoundIndex]])
    needed: list[str] = field(default_factory=list[str])
    unsupported: list[UnsupportedFeature] = field(default_factory=list[UnsupportedFeature])
