"""Schemas of tables as data: columns, references, collections, and the FROM items of tables in queries.

These classes refer to each other, so they are in one file. Everything below `howdah.table` knows a table's class as
`HasSchema` only.
"""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from howdah.errors import InterfaceError
from howdah.expressions.values import bare, is_own
from howdah.tables.defaults import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.expressions.node import Node
    from howdah.tables.constraints import Check, Constraint, ForeignKey, Index, OnDelete, Unique

    Kind = Literal["table", "reference", "query", "cte", "function"]


class HasSchema(Protocol):
    """A row of a table; its class is the table."""

    __schema__: ClassVar[TableSchema]
    __source__: ClassVar[Source]


@dataclass(frozen=True, slots=True)
class SqlType:
    """A column's type.

    Attributes:
        name: As DDL writes it, such as `numeric(12,2)`, `text[]`, or an enum's quoted name.
        kind: The class of its values, alone or in a list, if rows have another class: an Enum class, or timedelta.
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
        on_delete: The action when the row that it refers to is deleted.
        find: Finds the table that is referred to: its class may be defined later.
    """

    attribute: str
    column: str
    on_delete: OnDelete
    find: Callable[[], type[HasSchema]]
    _found: type[HasSchema] | None = None

    @property
    def table(self) -> type[HasSchema]:
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
    find: Callable[[], type[HasSchema]]
    find_through: Callable[[], type[HasSchema]]
    single: bool = False
    target: str | None = None
    owner: type[HasSchema] | None = None
    _found: type[HasSchema] | None = None

    @property
    def table(self) -> type[HasSchema]:
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
            message = f"many(via={self.via!r}): {holder.__name__} has no reference of that name"
            raise InterfaceError(message)
        refers_to = column.reference.table if column.reference is not None else None
        if self.owner is not None and refers_to is not None and not _is_same_table(refers_to, self.owner):
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
        place = f"{self._path()}: many(through={self.through!r})"
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

    def _path(self) -> str:
        return self.attribute if self.owner is None else f"{self.owner.__name__}.{self.attribute}"


def _is_same_table(one: type[HasSchema], other: type[HasSchema]) -> bool:
    """Return whether two classes have one table; where one has no schema, it may be in that of the other."""
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
        check: The condition that every row must meet, as an SQL expression.
        default: The value of an object that is made without one.
        default_factory: A function that returns that value.
        identity: Whether the server numbers the rows by it.
        always: Whether the server refuses numbers of the client.
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
        """Whether the server sets its value if none is sent."""
        return self.identity or self.generated is not None or self.server_default is not None

    @property
    def has_default(self) -> bool:
        """Whether an object made without it has a value all the same."""
        return self.default is not MISSING or self.default_factory is not None


@dataclass(slots=False, eq=False)
class TableSchema:
    """A table.

    Attributes:
        table: The class.
        name: The parts of its name: the schema, where one was given, and the table.
        columns: Its columns, in order.
        constraints: Its constraints of more than a column.
        indexes: Its indexes, without those that columns declare.
        collections: The rows of other tables that refer to it, by attribute.
    """

    table: type[HasSchema]
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

    def unused_name(self, name: str) -> str:
        """Return a name of howdah's own for a query or a table, changed where it is the table's: it would be hidden."""
        return f"{name}_" if self.name[-1] == name else name

    @cached_property
    def others(self) -> frozenset[str]:
        """The names in the database of the columns whose type may not be PostgreSQL's own."""
        return frozenset(column.name for column in self.columns if not is_own(column.type.name, column.type.kind))

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """The columns by their names in the database."""
        return {column.name: column for column in self.columns}


NONE: frozenset[str] = frozenset()


class Source:
    """A FROM item. It is compared by identity, because a table may be in a query twice.

    Attributes:
        kind: Its kind.
        name: The parts of a table's name, or the one of a query.
        schema: The table's; None if it is not a table.
        parent: For a reference, the FROM item that refers to it.
        on: For a reference, pairs of the parent's column and its own.
        optional: For a reference, whether there may be no row.
        statement: For a query, the query as data.
        call: For a function, its call.
        columns: The names of the columns of a query or function, if they are given new ones.
        ordinality: For a function, the name of a column that numbers its rows.
        attribute: For a reference, the attribute in the parent's table.
        others: The names of the columns that may be of a type which is not PostgreSQL's own: its operators may be those
            of an extension.
    """

    __slots__ = (
        "_children",
        "_others",
        "attribute",
        "call",
        "columns",
        "kind",
        "name",
        "on",
        "optional",
        "ordinality",
        "parent",
        "schema",
        "statement",
    )

    def __init__(
        self,
        kind: Kind,
        name: tuple[str, ...],
        *,
        schema: TableSchema | None = None,
        parent: Source | None = None,
        on: tuple[tuple[str, str], ...] = (),
        optional: bool = False,
        statement: dict[str, Any] | None = None,
        call: Node | None = None,
        columns: tuple[str, ...] | None = None,
        ordinality: str | None = None,
        attribute: str | None = None,
    ) -> None:
        """Take the attributes; see the class."""
        self.kind: Kind = kind
        self.name = name
        self.schema = schema
        self.parent = parent
        self.on = on
        self.optional = optional
        self.statement = statement
        self.call = call
        self.columns = columns
        self.ordinality = ordinality
        self.attribute = attribute
        self._children: dict[str, Source] | None = None
        self._others: frozenset[str] = NONE

    @property
    def others(self) -> frozenset[str]:
        """The columns that may be of a type which is not PostgreSQL's own."""
        return self._others if self.schema is None else self.schema.others

    @others.setter
    def others(self, names: frozenset[str]) -> None:
        self._others = names

    def copy(self) -> Source:
        """Return the rows of a query or function as another FROM item."""
        made = Source(
            self.kind,
            self.name,
            statement=self.statement,
            call=self.call,
            columns=self.columns,
            ordinality=self.ordinality,
        )
        made.others = self._others
        return made

    @property
    def root(self) -> Source:
        """The FROM item at the beginning of the chain of references."""
        source = self
        while source.parent is not None:
            source = source.parent
        return source

    def referenced(self, column: Column) -> Source:
        """Return the FROM item that a foreign key refers to; always the same object."""
        reference = column.reference
        if reference is None:
            raise TypeError(column.name)
        children = self._children
        if children is None:
            children = self._children = {}
        found = children.get(reference.attribute)
        if found is None:
            schema = reference.table.__schema__
            found = children[reference.attribute] = Source(
                "reference",
                schema.name,
                schema=schema,
                parent=self,
                on=((column.name, reference.target.name),),
                optional=column.nullable,
                attribute=reference.attribute,
            )
        return found
