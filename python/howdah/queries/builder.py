"""What a query is made of, step by step. Each step gives a new query; nothing is asked of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr, Ordering, condition
from howdah.queries import nodes
from howdah.queries.derived import Derived
from howdah.queries.joining import across, own_condition
from howdah.queries.loading import Plan, keyed, object_plan, steps_of, tree_of
from howdah.tables.attributes import Col
from howdah.tables.paths import ManyPath, RefPath, way_to

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from howdah.expressions.expression import Assign
    from howdah.expressions.sources import Source
    from howdah.queries.loading import Tree
    from howdah.queries.nodes import Node
    from howdah.tables.schema import Column, TableSchema
    from howdah.tables.table import Table

R = TypeVar("R")
O = TypeVar("O")  # noqa: E741  (the contract's own name)

Statement = dict[str, Any]
How = Literal["inner", "left", "cross", "full"]


class Builder(Generic[R]):
    """A query that is being made."""

    # ruff: noqa: SLF001  (its own kind's)
    # What each step changes. Those of a class are what a new query has.
    _columns: tuple[Expr[Any], ...] | None = None
    _shape: type[Any] | None = None
    _conditions: tuple[Node, ...] = ()
    _order: tuple[Node, ...] = ()
    _limit: int | None = None
    _offset: int | None = None
    _distinct: bool | tuple[Node, ...] | None = None
    _groups: tuple[Node, ...] = ()
    _having: tuple[Node, ...] = ()
    _joins: tuple[tuple[str, Source, Node | None, bool], ...] = ()
    _loads: tuple[tuple[str, ...], ...] = ()
    _lock: Mapping[str, Any] | None = None
    _ctes: tuple[Derived, ...] = ()
    _compound: tuple[str, tuple[Builder[Any], ...]] | None = None
    _schema: TableSchema | None
    _root: Source

    def __init__(self, table: object) -> None:
        """Take the table, alias, CTE or subquery whose rows are looked for."""
        schema = getattr(table, "__schema__", None)
        if schema is not None:
            self._schema, self._root = schema, cast("Any", table).__source__
        elif isinstance(table, Derived):
            self._schema, self._root = None, table.source
            self._columns = table.columns
            if table.cte:
                self._ctes = (table,)
        else:
            there = way_to(table)
            self._schema, self._root = there.schema, there.source

    def _with(self, **changes: object) -> Self:
        made = object.__new__(type(self))
        values = made.__dict__
        values.update(self.__dict__)
        values.update(changes)
        return made

    # Steps
    def where(self, *conditions: Expr[bool]) -> Self:
        """Find the rows alone that meet these conditions, too."""
        return self._with(_conditions=(*self._conditions, *(condition(one) for one in conditions)))

    def order_by(self, *keys: Expr[Any] | Ordering) -> Self:
        """Order the rows by these keys; `-key` and `key.desc()` put the greatest first."""
        return self._with(_order=tuple(_key(key) for key in keys))

    def limit(self, n: int) -> Self:
        """Give so many rows at most."""
        return self._with(_limit=_count(n, "limit"))

    def at_most(self, n: int) -> Self:
        """Give no more rows than this, and than it gives already."""
        return self._with(_limit=n if self._limit is None else min(n, self._limit))

    def offset(self, n: int) -> Self:
        """Leave out so many rows at the beginning."""
        return self._with(_offset=_count(n, "offset"))

    def distinct(self, *on: Expr[Any]) -> Self:
        """Give each row once; with keys, the first row alone of those that have them in common."""
        return self._with(_distinct=tuple(key.node for key in on) or True)

    def group_by(self, *keys: Expr[Any]) -> Self:
        """Give a row for each group of rows that have these keys in common."""
        return self._with(_groups=(*self._groups, *(_key(key) for key in keys)))

    def having(self, *conditions: Expr[bool]) -> Self:
        """Find the groups alone that meet these conditions."""
        return self._with(_having=(*self._having, *(condition(one) for one in conditions)))

    def join(
        self, relation: object, *, on: Expr[bool] | None = None, how: How = "inner", lateral: bool = False
    ) -> Self:
        """Put the rows of another table beside these.

        Args:
            relation: A relation (`Post.author`, `User.posts`), or a table, alias, CTE or subquery.
            on: The condition; a relation has its own, and a lateral subquery needs none.
            how: `inner`; `left` keeps rows without another beside them, `full` those of both sides; `cross` is every
                row beside every other.
            lateral: Whether a subquery may use the columns of what stands before it.

        Returns:
            The query.
        """
        ctes, joins = self._ctes, self._joins
        if isinstance(relation, Derived):
            source = relation.source
            if relation.cte and relation not in ctes:
                ctes = (*ctes, relation)
        else:
            there = way_to(relation)
            source = there.source
            if on is None and there.collection is not None and there.collection.through is not None:
                middle, near, on = across(there)
                joins = (*joins, (how, middle, near, False))
            elif on is None:
                on = own_condition(there)
        if source is self._root or any(source is one[1] for one in joins):
            message = f"{source.name[-1]} is part of this query already; give it another place by howdah.alias()"
            raise InterfaceError(message)
        node: Node | None = None if on is None else condition(on)
        if node is None and lateral and how != "cross":
            node = ("literal", True)
        if node is None and how != "cross":
            message = "a join needs a condition: on=..., or how='cross'"
            raise InterfaceError(message)
        return self._with(_joins=(*joins, (how, source, node, lateral)), _ctes=ctes)

    def load(self, *relations: type[Table]) -> Self:
        """Load relations of the rows, too: references in the same statement, collections by one more for each."""
        loads: list[tuple[str, ...]] = []
        for relation in relations:
            if not isinstance(relation, (RefPath, ManyPath)):
                message = f"load() takes relations, such as Post.author or User.posts, not {relation!r}"
                raise InterfaceError(message)
            loads.append(way_to(relation).steps)
        return self._with(_loads=(*self._loads, *loads))

    def loading(self, tree: Tree) -> Self:
        """Load relations that are a tree already."""
        return self._with(_loads=(*self._loads, *steps_of(tree)))

    def column(self, column: Column) -> Col[Any]:
        """Give a column of its table."""
        return Col(column, self._root)

    def for_update(
        self,
        *,
        skip_locked: bool = False,
        nowait: bool = False,
        of: tuple[type[Table], ...] = (),
        strength: Literal["update", "no key update", "share", "key share"] = "update",
    ) -> Self:
        """Lock the rows until the transaction ends.

        Args:
            skip_locked: Leave out rows that another transaction has locked.
            nowait: Raise OperationalError for them; else wait.
            of: The tables whose rows are locked; without any, the table of the query.
            strength: How strongly, as SQL names it.

        Returns:
            The query.
        """
        sources = tuple(way_to(one).source for one in of) or (self._root,)
        lock = {"strength": strength, "of": sources, "skip_locked": skip_locked, "nowait": nowait}
        return self._with(_lock=lock)

    def with_cte(self, *ctes: Derived) -> Self:
        """Name queries (WITH) that conditions use."""
        return self._with(_ctes=(*self._ctes, *(one for one in ctes if one not in self._ctes)))

    def without_cte(self, cte: Derived) -> Self:
        """Leave a name to the query around: a recursive query is a part of what it names."""
        return self._with(_ctes=tuple(one for one in self._ctes if one is not cte))

    # Combinations
    def union(self, *others: Builder[R]) -> Self:
        """Give the rows of all, each once."""
        return self._combined("union", others)

    def union_all(self, *others: Builder[R]) -> Self:
        """Give the rows of all."""
        return self._combined("union all", others)

    def intersect(self, *others: Builder[R]) -> Self:
        """Give the rows that all have."""
        return self._combined("intersect", others)

    def except_(self, *others: Builder[R]) -> Self:
        """Give the rows that none of the others have."""
        return self._combined("except", others)

    def _combined(self, operator: str, others: tuple[Builder[R], ...]) -> Self:
        made = object.__new__(type(self))
        kept = ("_schema", "_root", "_columns", "_shape", "_db", "_loads")
        made.__dict__.update({name: value for name, value in self.__dict__.items() if name in kept})
        parts: tuple[Builder[R], ...] = (self, *others)
        made.__dict__["_ctes"] = tuple(dict.fromkeys(one for part in parts for one in part._ctes))
        bare = [part._with(_ctes=()) for part in parts]
        made.__dict__["_compound"] = (operator, tuple(bare))
        return made

    # As a part of another query
    def exists_(self) -> Expr[bool]:
        """Ask whether it gives a row, in a condition of another query."""
        statement = self._statement((("literal", 1),))
        return Expr(("exists", statement), "boolean")

    def scalar(self) -> Expr[Any]:
        """Take its one value, in an expression of another query."""
        first = self.selected()[0]
        return Expr(("scalar", self.statement()), first.type, first.kind)

    def array(self) -> Expr[list[Any]]:
        """Take the values of its one column as an array, in an expression of another query."""
        first = self.selected()[0]
        kind = None if first.type is None else f"{first.type}[]"
        return Expr(("array_of", self.statement()), kind, first.kind)

    def selected(self) -> tuple[Expr[Any], ...]:
        """Give its columns; those of a query for rows are their primary key."""
        if self._columns is not None:
            return self._columns
        if self._schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        return tuple(Col(column, self._root) for column in self._schema.primary_key)

    def statement(self) -> Statement:
        """Give it as data, to be a part of another."""
        return self._statement(tuple(column.node for column in self.selected()))

    def sql(self) -> tuple[str, list[Any]]:
        """Give the statement that is sent, and its parameters."""
        text, params = _core.render(self.plan().statement)
        return text, list(params)

    # For pages
    def ordering(self) -> tuple[TableSchema | None, Source, tuple[Node, ...]]:
        """Give the table, where it stands, and what its rows are ordered by."""
        if self._compound is not None or self._groups or self._distinct is not None:
            return None, self._root, ()
        return self._schema, self._root, self._order

    def ordered_by(self, order: tuple[Node, ...]) -> Self:
        """Order the rows by keys that are data already."""
        return self._with(_order=order)

    def plan_with(self, extra: tuple[Node, ...]) -> Plan:
        """Give the plan whose rows have other values besides."""
        if self._columns is None and self._shape is None and self._schema is not None:
            return object_plan(self._schema, self._root, tree_of(self._loads), self._statement, extra)
        if self._columns is not None and self._shape is None:
            return nodes.tuple_plan((*self._columns, *(Expr[Any](node) for node in extra)), self._statement)
        bare = self.plan()
        columns = (*bare.statement["columns"], *extra)

        def into(names: tuple[str, ...]) -> Any:  # noqa: ANN401  (what makes a row)
            return keyed(bare.into(names[: -len(extra)]), len(extra))

        return Plan(self._statement(columns), into)

    # Data
    def plan(self) -> Plan:
        """Give the statement, and what makes objects of its rows."""
        if self._shape is not None:
            return nodes.shaped_plan(self._shape, self._schema, self._root, self._columns, self._statement)
        if self._columns is not None:
            return nodes.tuple_plan(self._columns, self._statement)
        if self._schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        return object_plan(self._schema, self._root, tree_of(self._loads), self._statement)

    def _statement(self, columns: tuple[Node, ...]) -> Statement:
        if self._compound is not None:
            return self._compound_statement(columns)
        statement: Statement = {"kind": "select", "columns": columns, "from": self._root}
        if self._ctes:
            statement["ctes"] = nodes.with_clause(self._ctes)
        if self._joins:
            statement["joins"] = self._joins
        if self._conditions:
            statement["where"] = self._conditions
        if self._order:
            statement["order_by"] = nodes.ordered(self._order, columns, always=self._distinct is True)
        if self._groups:
            statement["group_by"] = nodes.ordered(self._groups, columns, always=False)
        if self._having:
            statement["having"] = self._having
        if self._distinct is not None:
            statement["distinct"] = self._distinct
        if self._lock is not None:
            statement["lock"] = self._lock
        return self._cut(statement)

    def _compound_statement(self, columns: tuple[Node, ...]) -> Statement:
        operator, parts = self._compound or ("", ())
        made = tuple(part._statement(part._nodes(columns)) for part in parts)
        statement: Statement = {"kind": "compound", "op": operator, "parts": made}
        if self._ctes:
            statement["ctes"] = nodes.with_clause(self._ctes)
        if self._order:
            statement["order_by"] = nodes.ordered(self._order, columns, always=True)
        if self._conditions:
            message = "a union has no conditions; put them into its parts, or take rows from it by subquery()"
            raise InterfaceError(message)
        return self._cut(statement)

    def _nodes(self, columns: tuple[Node, ...]) -> tuple[Node, ...]:
        """Give its columns where it is a part of a union; one for rows has the columns of the whole."""
        return columns if self._columns is None else tuple(column.node for column in self._columns)

    def _cut(self, statement: Statement) -> Statement:
        if self._limit is not None:
            statement["limit"] = ("value", self._limit, "bigint")
        if self._offset is not None:
            statement["offset"] = ("value", self._offset, "bigint")
        return statement

    def count_statement(self) -> Statement:
        """Give the statement that counts the rows."""
        counting: tuple[Node, ...] = (("call", "count", (("star",),), {}),)
        cut = self._limit is not None or self._offset is not None
        # An aggregate may make one row of all.
        plain = all(column.node[0] == "column" for column in self._columns or ())
        if self._compound is None and not cut and not self._groups and self._distinct is None and plain:
            return self._with(_order=(), _lock=None, _columns=None)._statement(counting)
        inner = self._with(_ctes=(), _lock=None)
        if not cut:
            inner = inner._with(_order=())
        columns = tuple(column.node for column in self.selected())
        if inner._compound is not None and self._columns is None and self._schema is not None:
            columns = tuple(Col(column, self._root).node for column in self._schema.columns)
        source = nodes.derived_source(inner._statement(columns))
        statement: Statement = {"kind": "select", "columns": counting, "from": source}
        if self._ctes:
            statement["ctes"] = nodes.with_clause(self._ctes)
        return statement

    def exists_statement(self) -> Statement:
        """Give the statement that tells whether there is a row."""
        one = (("literal", 1),) if self._compound is None else tuple(column.node for column in self.selected())
        inner = self._with(_ctes=(), _order=(), _lock=None)._statement(one)
        statement: Statement = {"kind": "select", "columns": (("exists", inner),)}
        if self._ctes:
            statement["ctes"] = nodes.with_clause(self._ctes)
        return statement

    def frame_statement(self) -> Statement:
        """Give the statement whose rows become a frame: all columns of the table, or those selected."""
        if self._columns is not None or self._shape is not None:
            return self.plan().statement
        if self._schema is None:
            return self.plan().statement
        columns: list[Node] = []
        for column in self._schema.columns:
            node: Node = ("column", self._root, column.name)
            columns.append(node if column.attribute == column.name else ("named", node, column.attribute))
        return self._statement(tuple(columns))

    def rows_plan(self, statement: Callable[[tuple[Node, ...]], Statement]) -> Plan:
        """Give the plan of another statement that gives rows of the table."""
        if self._schema is None:
            message = "returning() without expressions is for the rows of a table"
            raise InterfaceError(message)
        return object_plan(self._schema, self._root, {}, statement)

    def update_statement(self, assignments: tuple[Assign, ...]) -> Statement:
        """Give the statement that updates the rows."""
        schema = self._writable("update")
        if not assignments:
            message = "update() needs something to set, such as User.score.set(0)"
            raise InterfaceError(message)
        pairs = tuple((one.name, one.node) for one in assignments)
        return {"kind": "update", "source": self._root, "set": pairs, "where": self._found_by(schema)}

    def delete_statement(self) -> Statement:
        """Give the statement that deletes the rows."""
        schema = self._writable("delete")
        return {"kind": "delete", "source": self._root, "where": self._found_by(schema)}

    def _writable(self, verb: str) -> TableSchema:
        if self._schema is None or self._compound is not None or self._groups or self._distinct is not None:
            message = f"{verb}() is for the rows of a table, without union, group_by and distinct"
            raise InterfaceError(message)
        return self._schema

    def _found_by(self, schema: TableSchema) -> tuple[Node, ...]:
        """Give the conditions of an UPDATE or DELETE: what a SELECT alone can do, it does in a subquery."""
        cut = self._limit is not None or self._offset is not None or self._lock is not None
        if not (cut or self._joins or self._ctes or nodes.uses_reference(self._conditions)):
            return self._conditions
        if not schema.primary_key:
            message = f"{schema.table.__name__} has no primary key to find the rows by"
            raise InterfaceError(message)
        keys = tuple(("column", self._root, column.name) for column in schema.primary_key)
        left: Node = keys[0] if len(keys) == 1 else ("row", keys)
        # The subquery has a place of its own for the table, which hides the one around it.
        return (("in", left, self._statement(keys)),)


def framed(source: object, params: tuple[object, ...]) -> tuple[str, tuple[object, ...]]:
    """Give the text and parameters of what is read as a frame.

    Args:
        source: A query, or a table.
        params: Parameters besides; a query has its own.

    Raises:
        InterfaceError: It is neither, or there are parameters besides.
    """
    query: Any = source if isinstance(source, Builder) else Builder[Any](source)  # pyright: ignore[reportUnknownVariableType]
    if params:
        message = "a query or a table takes no parameters besides; text does"
        raise InterfaceError(message)
    return _core.render(query.frame_statement())


def _key(key: Expr[Any] | Ordering) -> Node:
    given: Any = key
    if isinstance(given, (Expr, Ordering)):
        node: Node = given.node
        return node
    if isinstance(given, RefPath):
        column: Node = way_to(given).key.node
        return column
    message = f"a key is an expression, such as User.name or -User.age, not {key!r}"
    raise InterfaceError(message)


def _count(n: int, name: str) -> int:
    given: Any = n
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        message = f"{name}({n!r}): expected a number of rows, 0 or more"
        raise InterfaceError(message)
    return n
