"""What is known of a table: its columns, keys, constraints and indexes, as data."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

from howdah.expressions.values import bare, is_own

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from howdah.tables.table import Table

OnDelete = Literal["cascade", "restrict", "set null", "no action"]


class Missing:
    """There is no such thing, where None would be one."""

    def __repr__(self) -> str:
        """Say so."""
        return "MISSING"


MISSING: Final = Missing()


class Either:
    """The default of a reference and of its key, of which a constructor takes either; see `EITHER`."""

    def __repr__(self) -> str:
        """Say so."""
        return "EITHER"


EITHER: Final = Either()


@dataclass(frozen=True, slots=True)
class SqlType:
    """A column's type.

    Attributes:
        name: As DDL writes it, such as `numeric(12,2)`, `text[]`, or an enum's quoted name.
        kind: The class of its values, alone or in a list, where rows have something else: an Enum class, or timedelta.
    """

    name: str
    kind: type[Any] | None = None

    @property
    def is_json(self) -> bool:
        """Whether it is JSON."""
        return self.name in {"json", "jsonb"}

    @property
    def bare(self) -> str:
        """The name without a length or precision, for casts."""
        return bare(self.name)


@dataclass(slots=True)
class Reference:
    """A foreign key of one column, and the object behind it.

    Attributes:
        attribute: The attribute with the object.
        column: The column with its key.
        on_delete: What becomes of the row when the one it refers to is deleted.
        find: Finds the table that is referred to: its class may be defined later.
    """

    attribute: str
    column: str
    on_delete: OnDelete
    find: Callable[[], type[Table]]
    _found: type[Table] | None = None

    @property
    def table(self) -> type[Table]:
        """The table that is referred to."""
        if self._found is None:
            self._found = self.find()
        return self._found

    @property
    def target(self) -> Column:
        """The column that is referred to: the other table's primary key."""
        return self.table.__schema__.single_key


@dataclass(slots=True)
class Collection:
    """Rows of another table that refer to this one.

    Attributes:
        attribute: The attribute with the list.
        via: The other table's reference to this one; with `through`, that table's reference to this one.
        through: The table between, for many-to-many, by its class's name.
        find: Finds the table whose rows they are.
        single: Whether there is one row at most (one-to-one).
        target: With `through`: that table's reference to the rows, where the class names it.
        owner: The table whose collection this is.
    """

    attribute: str
    via: str
    through: str | None
    find: Callable[[], type[Table]]
    find_through: Callable[[], type[Table]]
    single: bool = False
    target: str | None = None
    owner: type[Table] | None = None
    _found: type[Table] | None = None

    @property
    def table(self) -> type[Table]:
        """The table whose rows they are."""
        if self._found is None:
            self._found = self.find()
        return self._found

    @property
    def reference(self) -> Column:
        """The column that refers to the table whose collection this is."""
        holder = self.find_through() if self.through is not None else self.table
        column = holder.__schema__.references.get(self.via)
        if column is None:
            from howdah.errors import InterfaceError  # noqa: PLC0415

            message = f"many(via={self.via!r}): {holder.__name__} has no reference of that name"
            raise InterfaceError(message)
        refers_to = column.reference.table if column.reference is not None else None
        if self.owner is not None and refers_to is not None and not _is_one_table(refers_to, self.owner):
            from howdah.errors import InterfaceError  # noqa: PLC0415

            message = (
                f"{self.owner.__name__}.{self.attribute}: many(via={self.via!r}), but {holder.__name__}.{self.via} "
                f"refers to {refers_to.__name__}, which is another table"
            )
            raise InterfaceError(message)
        return column

    @property
    def far_reference(self) -> Column:
        """With `through`: the column of the association table that refers to the rows.

        Raises:
            InterfaceError: It has no such reference, or several and the class does not name one.
        """
        holder, near = self.find_through(), self.reference
        found = {
            name: column
            for name, column in holder.__schema__.references.items()
            if column is not near and column.reference is not None and column.reference.table is self.table
        }
        if self.target is not None:
            found = {name: column for name, column in found.items() if name == self.target}
        if len(found) == 1:
            return next(iter(found.values()))
        from howdah.errors import InterfaceError  # noqa: PLC0415

        place = f"{self._place()}: many(through={self.through!r})"
        if found:
            message = (
                f"{place}: {holder.__name__} has several references to {self.table.__name__}: {', '.join(found)}; "
                f"name one by target=, as in target={next(iter(found))!r}"
            )
        else:
            wanted = "no other reference" if self.target is None else f"no reference {self.target!r}"
            message = f"{place}: {holder.__name__} has {wanted} to {self.table.__name__}"
        raise InterfaceError(message)

    @property
    def holder(self) -> str:
        """The name of the class that has the reference to this table."""
        return self.through if self.through is not None else self.table.__name__

    def _place(self) -> str:
        return self.attribute if self.owner is None else f"{self.owner.__name__}.{self.attribute}"


def _is_one_table(one: type[Table], other: type[Table]) -> bool:
    """Tell whether two classes have one table; where one has no schema, it may be in that of the other."""
    names = one.__schema__.name, other.__schema__.name
    return names[0][-1] == names[1][-1] and (len(names[0]) != len(names[1]) or names[0] == names[1])


@dataclass(slots=True, eq=False)
class Column:
    """A column.

    Attributes:
        attribute: Its name in the class.
        name: Its name in the database.
        nullable: Whether it may be NULL.
        primary_key: Whether it is the primary key, or a part of it.
        unique: Whether no two rows may have the same value.
        index: Whether it is indexed, or by which method.
        check: What must hold, as an SQL expression.
        default: The value of an object that is made without one.
        default_factory: What makes that value.
        identity: Whether the server numbers the rows by it.
        always: Whether, then, nobody else does.
        generated: The SQL expression that it is computed from.
        stored: Whether, then, it is stored.
        server_default: The SQL expression of its default.
        reference: The foreign key that it is.
        init: Whether the constructor takes it.
    """

    attribute: str
    name: str
    resolve: Callable[[], tuple[SqlType, bool]]
    primary_key: bool = False
    unique: bool = False
    index: bool | str = False
    check: str | None = None
    default: Any = MISSING
    default_factory: Callable[[], Any] | None = None
    identity: bool = False
    generated: str | None = None
    server_default: str | None = None
    reference: Reference | None = None
    init: bool = True
    always: bool = False
    stored: bool = True
    _resolved: tuple[SqlType, bool] | None = None

    @property
    def type(self) -> SqlType:
        """The type, as DDL writes it."""
        if self._resolved is None:
            self._resolved = self.resolve()
        return self._resolved[0]

    @property
    def nullable(self) -> bool:
        """Whether it may be NULL."""
        if self._resolved is None:
            self._resolved = self.resolve()
        return self._resolved[1] and not self.primary_key

    @property
    def by_server(self) -> bool:
        """Whether the server gives it a value where none is given."""
        return self.identity or self.generated is not None or self.server_default is not None

    @property
    def has_default(self) -> bool:
        """Whether an object made without it has a value all the same."""
        return self.default is not MISSING or self.default_factory is not None


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
        nulls_distinct: Whether a unique index takes two NULLs for different.
    """

    keys: tuple[str, ...]
    using: str = "btree"
    where: str | None = None
    unique: bool = False
    name: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
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
        sql: The condition; it is your own SQL, and is taken as it stands.
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
        on_delete: What becomes of the row when the one it refers to is deleted.
        name: The constraint's name.

    Returns:
        The constraint.
    """
    return ForeignKey(columns, table, target_columns, on_delete, name)


def constraint(sql: str, *, name: str | None = None) -> Constraint:
    """Declare a constraint by its definition, in a table's `__constraints__`.

    It is for what the others do not say: `EXCLUDE`, `DEFERRABLE`, `ON UPDATE`, a primary key's name. One that defines
    the primary key, or the foreign key of a reference, stands in the place of the one that there would be.

    Args:
        sql: The definition, such as `EXCLUDE USING gist (during WITH &&)`; it is your own SQL, taken as it stands.
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
        where: The condition of a partial index; it is your own SQL, and is taken as it stands.
        unique: Whether no two rows may have the same keys.
        name: Its name; None for one made of the table's and the keys'.
        options: Storage parameters (`WITH`), such as `{"m": 16}`.
        include: Columns that are in it without being keys.
        nulls_distinct: Whether a unique index takes two NULLs for different.

    Returns:
        The index.
    """
    return Index(keys, using, where, unique, name, options or {}, include, nulls_distinct)


@dataclass(slots=False, eq=False)
class TableSchema:
    """A table.

    Attributes:
        table: The class.
        name: The parts of its name: the schema, where one was given, and the table.
        columns: Its columns, in order.
        constraints: Its constraints of more than a column.
        indexes: Its indexes, but for those that columns declare.
        collections: The rows of other tables that refer to it, by attribute.
    """

    table: type[Table]
    name: tuple[str, ...]
    columns: tuple[Column, ...]
    constraints: tuple[Unique | Check | ForeignKey | Constraint, ...]
    indexes: tuple[Index, ...]
    collections: dict[str, Collection]

    @cached_property
    def primary_key(self) -> tuple[Column, ...]:
        """The columns of the primary key."""
        return tuple(column for column in self.columns if column.primary_key)

    @cached_property
    def single_key(self) -> Column:
        """The one column of the primary key.

        Raises:
            InterfaceError: It has several, or none.
        """
        if len(self.primary_key) != 1:
            from howdah.errors import InterfaceError  # noqa: PLC0415

            message = f"{self.table.__name__} has no primary key of one column, which a reference to it needs"
            raise InterfaceError(message)
        return self.primary_key[0]

    @cached_property
    def references(self) -> dict[str, Column]:
        """The columns that are foreign keys, by the attribute of the object behind them."""
        return {column.reference.attribute: column for column in self.columns if column.reference is not None}

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The names of the columns in the class, in order."""
        return tuple(column.attribute for column in self.columns)

    @cached_property
    def settable(self) -> frozenset[str]:
        """The attributes that a row's author sets: the columns that are not generated, and the references."""
        own = (column.attribute for column in self.columns if column.generated is None)
        return frozenset((*own, *self.references))

    @cached_property
    def by_attribute(self) -> dict[str, Column]:
        """The columns by their names in the class."""
        return {column.attribute: column for column in self.columns}

    def another_name(self, name: str) -> str:
        """Give a name of howdah's own for a query or a table, changed where it is the table's: it would be hidden."""
        return f"{name}_" if self.name[-1] == name else name

    @cached_property
    def others(self) -> frozenset[str]:
        """The names in the database of the columns whose type may not be PostgreSQL's own."""
        return frozenset(column.name for column in self.columns if not is_own(column.type.name, column.type.kind))

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names in the database."""
        return {column.name: column for column in self.columns}
