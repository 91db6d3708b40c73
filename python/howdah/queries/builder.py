"""What a query is to the server: the statements that read, count, update and delete its rows, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.queries import nodes
from howdah.queries.loading import Plan, keyed, object_plan, tree_of
from howdah.queries.steps import Steps
from howdah.tables.attributes import Col

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.expressions.expression import Assign
    from howdah.expressions.sources import Source
    from howdah.queries.nodes import Node
    from howdah.tables.schema import TableSchema

R = TypeVar("R")
O = TypeVar("O")  # noqa: E741  (the contract's own name)

Statement = dict[str, Any]


class Builder(Steps[R]):
    """A query that is being made."""

    # ruff: noqa: SLF001  (its own kind's)
    # As a part of another query
    def exists_(self) -> Expr[bool]:
        """Ask whether it gives a row, in a condition of another query."""
        return Expr(("exists", self._any()), "boolean")

    @overload
    def scalar(self: Builder[tuple[O]]) -> Expr[O | None]: ...
    @overload
    def scalar(self) -> Expr[Any]: ...
    def scalar(self) -> Expr[Any]:
        """Take its one value, in an expression of another query; where it gives no row, NULL."""
        first = self.selected()[0]
        return Expr(("scalar", self.statement()), first.type, first.kind)

    @overload
    def array(self: Builder[tuple[O]]) -> Expr[list[O]]: ...
    @overload
    def array(self) -> Expr[list[Any]]: ...
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
        """Give the table, where it stands, and what its rows are ordered by; no table if they are not its rows."""
        if self._compound is not None or self._is_folded():
            return None, self._root, ()
        return self._schema, self._root, self._order

    def joined(self) -> tuple[tuple[str, Source, Node | None, bool], ...]:
        """Give the joins that are asked for: how, what, on which condition, and whether it uses what is before it."""
        return self._joins

    def bound(self) -> int | None:
        """Give how many rows it has at most."""
        return self._limit

    def ordered_by(self, order: tuple[Node, ...]) -> Self:
        """Order the rows by keys that are data already."""
        return self._with(_order=order)

    def from_the_first(self) -> Self:
        """Leave out no rows at the beginning."""
        return self._with(_offset=None)

    def plan_with(self, extra: tuple[Node, ...]) -> Plan:
        """Give the plan whose rows have other values besides."""
        if self._columns is None and self._shape is None and self._schema is not None:
            return object_plan(self._schema, self._root, tree_of(self._loads), self._statement, extra)
        if self._columns is not None and self._shape is None:
            self._refuse_loads("select()")
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
            self._refuse_loads("to()")
            return nodes.shaped_plan(self._shape, self._schema, self._root, self._columns, self._statement)
        if self._columns is not None:
            self._refuse_loads("select()")
            return nodes.tuple_plan(self._columns, self._statement)
        if self._schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        return object_plan(self._schema, self._root, tree_of(self._loads), self._statement)

    def _refuse_loads(self, step: str) -> None:
        """Refuse relations to load where rows are no objects that could hold them."""
        if self._loads:
            names = ", ".join(".".join(steps) for steps in self._loads)
            message = (
                f"load() is for the objects that a query gives; {step} has no place for {names}: "
                "leave load() out, or select columns of the relation"
            )
            raise InterfaceError(message)

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
        if self._is_folded():
            statement.update(self._folded(columns))
        elif self._order:
            statement["order_by"] = nodes.ordered(self._order, columns, always=False)
        if self._lock is not None:
            statement["lock"] = self._lock
        return self._cut(statement)

    def _folded(self, columns: tuple[Node, ...]) -> Statement:
        """Give the parts of the statement that have keys in them by which rows are made one."""
        having, order, distinct = self._having, self._order, self._distinct
        if valued := nodes.valued((*self._groups, *(distinct if isinstance(distinct, tuple) else ()))):
            columns, having, order, distinct = (
                nodes.unified(part, valued) for part in (columns, having, order, distinct)
            )
        parts: Statement = {"columns": columns}
        if distinct is not None:
            parts["distinct"] = distinct
        if self._groups:
            parts["group_by"] = nodes.ordered(self._groups, columns, always=False)
        if having:
            parts["having"] = having
        if order:
            parts["order_by"] = nodes.ordered(order, columns, always=distinct is True)
        return parts

    def _compound_statement(self, columns: tuple[Node, ...]) -> Statement:
        operator, parts = self._compound or ("", ())
        made = tuple(part._statement(part._nodes(columns)) for part in parts)
        statement: Statement = {"kind": "compound", "op": operator, "parts": made}
        if self._ctes:
            statement["ctes"] = nodes.with_clause(self._ctes)
        if self._order:
            statement["order_by"] = nodes.ordered(self._order, columns, always=True)
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

    def _is_folded(self) -> bool:
        """Tell whether rows of the table are made one."""
        return bool(self._groups or self._having) or self._distinct is not None

    def _is_plain(self) -> bool:
        """Tell whether it gives as many rows whatever is selected: an aggregate may make one of all, say."""
        columns = self._columns or ()
        return self._compound is None and self._distinct is None and all(nodes.is_column(one.node) for one in columns)

    def _rows(self) -> Statement:
        """Give the statement that has as many rows as it gives; their order and lock are left out."""
        inner = self._with(_order=(), _lock=None)
        if self._columns is not None or self._shape is not None or self._schema is None:
            return inner.plan().statement
        # The key tells rows of the table apart. The parts of a union may be of several tables.
        keys = self._schema.primary_key if self._compound is None else ()
        return inner._statement(tuple(("column", self._root, one.name) for one in keys or self._schema.columns))

    def _any(self) -> Statement:
        """Give the statement that has a row if it gives one."""
        return self._with(_order=())._statement((("literal", 1),)) if self._is_plain() else self._rows()

    def count_statement(self) -> Statement:
        """Give the statement that counts the rows."""
        counting: tuple[Node, ...] = (("call", "count", (("star",),), {}),)
        cut = self._limit is not None or self._offset is not None
        if self._is_plain() and not cut and not self._is_folded():
            return self._with(_order=(), _lock=None, _columns=None)._statement(counting)
        source = nodes.derived_source(self._with(_ctes=())._rows())
        statement: Statement = {"kind": "select", "columns": counting, "from": source}
        if self._ctes:
            statement["ctes"] = nodes.with_clause(self._ctes)
        return statement

    def exists_statement(self) -> Statement:
        """Give the statement that tells whether there is a row."""
        inner = self._with(_ctes=(), _lock=None)._any()
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
        self._refuse_loads("a frame")
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
        self._refuse_loads("returning()")
        return object_plan(self._schema, self._root, {}, statement)

    def update_statement(self, assignments: tuple[Assign, ...]) -> Statement:
        """Give the statement that updates the rows."""
        schema = self._writable("update")
        if not assignments:
            message = "update() needs something to set, such as User.score.set(0)"
            raise InterfaceError(message)
        for one in assignments:
            if one.column.node[1] is not self._root:
                message = (
                    f"update() of {schema.table.__name__}: {one.name} is set in another place than its own rows; "
                    "set columns of what find() was given, and update other tables by themselves"
                )
                raise InterfaceError(message)
        pairs = tuple((one.name, one.node) for one in assignments)
        return {"kind": "update", "source": self._root, "set": pairs, **self._found_by(schema)}

    def delete_statement(self) -> Statement:
        """Give the statement that deletes the rows."""
        schema = self._writable("delete")
        return {"kind": "delete", "source": self._root, **self._found_by(schema)}

    def _writable(self, verb: str) -> TableSchema:
        if self._schema is None or self._compound is not None or self._is_folded():
            message = (
                f"{verb}() is for the rows of a table, without union, group_by, having and distinct; "
                "find them by their keys, in_() what such a query gives"
            )
            raise InterfaceError(message)
        return self._schema

    def _found_by(self, schema: TableSchema) -> Statement:
        """Give the conditions of an UPDATE or DELETE: what a SELECT alone can do, it does in a query of its own."""
        cut = self._limit is not None or self._offset is not None or self._lock is not None
        if not (cut or self._joins or self._ctes or nodes.uses_reference(self._conditions)):
            return {"where": self._conditions}
        if not schema.primary_key:
            message = f"{schema.table.__name__} has no primary key to find the rows by"
            raise InterfaceError(message)
        keys = tuple(("column", self._root, column.name) for column in schema.primary_key)
        left: Node = keys[0] if len(keys) == 1 else ("row", keys)
        # The query has a place of its own for the table, which hides the one around it.
        found = self._statement(keys)
        if not cut:
            return {"where": (("in", left, found),)}
        once, rows = nodes.found_once(found, schema)
        return {"where": (("in", left, rows),), "ctes": (once,)}


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
