"""What the server's catalogue says of tables, as data.

Source: https://www.postgresql.org/docs/current/catalogs.html.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FoundTable:
    """A table.

    Attributes:
        oid: Its number.
        schema: The schema that it is in.
        name: Its name.
        is_current: Whether that schema is the one of names that say none.
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
        table: The number of its table.
        number: Its own, in the table.
        name: Its name.
        written: Its name as SQL.
        type: The number of its type.
        modifier: What its type's size and the like are kept as.
        type_sql: Its type as SQL, with size and the like.
        dimensions: How many an array was declared with.
        required: Whether it cannot be NULL.
        identity: `a` for GENERATED ALWAYS AS IDENTITY, `d` for BY DEFAULT, else nothing.
        generated: `s` for a column that is computed and stored, `v` for one computed when it is read, else nothing.
        default: The SQL of its default, or of what it is computed from.
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
    """A type that a column has, or that such a type is made of.

    Attributes:
        oid: Its number.
        schema: The schema that it is in.
        name: Its name.
        written: Its name as SQL.
        kind: `b` for a base type, `e` for an enum, `d` for a domain, `r` for a range, `m` for a multirange.
        element: The number of the type of an array's elements; 0 for what is no array.
        base: The number of the type that a domain is over, else 0.
        subtype: The number of the type of the ends of a range, or of a multirange's ranges, else 0.
        labels: The labels of an enum, in order.
        definition: The statement that makes a domain, else nothing.
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
        table: The number of its table.
        name: Its name.
        kind: `p` for a primary key, `u` for unique, `c` for a check, `f` for a foreign key, `x` for an exclusion, `n`
            for not null.
        columns: The names of its columns, in order.
        definition: The SQL of it.
        condition: What a check demands, as SQL.
        target: The number of the table that a foreign key refers to, else 0.
        target_name: The schema and the name of that table.
        target_is_current: Whether that schema is the one of names that say none.
        target_columns: The columns there.
        target_has_constraint: Whether what makes these unique is a constraint, and no mere index.
        on_delete: What a foreign key does on delete, by its letter.
        is_simple: Whether a foreign key says nothing of updates, matching and columns to be set.
        is_deferrable: Whether it can wait for the transaction's end.
        is_validated: Whether it holds for the rows that were there before it.
        is_plain: Whether it is inherited and enforced, and its index has nothing but its keys.
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
    """An index that is no constraint's.

    Attributes:
        table: The number of its table.
        name: Its name.
        method: Its method.
        method_sql: That as SQL.
        definition: The statement that makes it.
        keys: The names of its columns, in order; nothing for an expression.
        included: The columns that it has without being keys.
        condition: The condition of a partial index, as SQL.
        options: Its storage parameters, each as `name=value`.
        unique: Whether no two rows have the same keys.
        nulls_same: Whether two NULLs are the same there.
        is_valid: Whether it was made to its end.
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
class Remainder:
    """Something that classes do not say.

    Attributes:
        table: The number of the table that it belongs to; 0 for what belongs to none.
        text: What it is: the SQL that makes it, where there is such a thing.
    """

    table: int
    text: str


@dataclass(slots=True)
class Catalogue:
    """Everything found.

    Attributes:
        schemas: The schemas that were looked into.
        tables: The tables, in order.
        columns: Their columns, by the tables' numbers, in order.
        types: The types, by number.
        constraints: The constraints, by the tables' numbers.
        indexes: The indexes, by the tables' numbers.
        needed: What has to be there before the tables.
        remainders: What classes do not say.
    """

    schemas: list[str]
    tables: list[FoundTable] = field(default_factory=list[FoundTable])
    columns: dict[int, list[FoundColumn]] = field(default_factory=dict[int, list[FoundColumn]])
    types: dict[int, FoundType] = field(default_factory=dict[int, FoundType])
    constraints: dict[int, list[FoundConstraint]] = field(default_factory=dict[int, list[FoundConstraint]])
    indexes: dict[int, list[FoundIndex]] = field(default_factory=dict[int, list[FoundIndex]])
    needed: list[str] = field(default_factory=list[str])
    remainders: list[Remainder] = field(default_factory=list[Remainder])
