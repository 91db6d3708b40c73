"""What the columns of a query come from: tables, the tables that they refer to, and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from howdah.tables.schema import Column, TableSchema

    Node = tuple[Any, ...]
    Kind = Literal["table", "reference", "query", "cte", "function"]


NONE: frozenset[str] = frozenset()


class Source:
    """One row of FROM. Two are the same only if they are one object: a table may be in a query twice.

    Attributes:
        kind: What it is.
        name: The parts of a table's name, or the one of a query.
        schema: The table's; None where it is no table.
        parent: For a reference, what refers to it.
        on: For a reference, pairs of the parent's column and its own.
        optional: For a reference, whether there may be no row.
        statement: For a query, what it is.
        call: For a function, its call.
        columns: The names of the columns of a query or function, where they are given new ones.
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
        """Take what it is; see the class."""
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

    def again(self) -> Source:
        """Give a second place for the rows of a query or function."""
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
        """What the chain of references begins with."""
        source = self
        while source.parent is not None:
            source = source.parent
        return source

    def referred(self, column: Column) -> Source:
        """Give what a foreign key of it refers to; the same one each time."""
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
