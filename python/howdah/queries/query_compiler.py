"""Compiles a query into the statements that read, count, update and delete its rows; they are data as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from howdah import _core
from howdah.errors import InterfaceError
from howdah.expressions.expression import Expr
from howdah.queries import ast
from howdah.queries.object_plan import QueryPlan, object_plan, tree_of, with_keys
from howdah.queries.query_base import QueryClauses
from howdah.tables.column import Col

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah.expressions.node import Assign, Node, Statement
    from howdah.tables.schema import Source, TableSchema

R = TypeVar("R")
T = TypeVar("T")


class CompilableQuery(QueryClauses[R]):
    """A query that can be compiled into statements, or be a part of another query."""

    # ruff: noqa: SLF001  (of other queries)
    if TYPE_CHECKING:

        def __row_type__(self) -> R:
            """Declare the type of the rows."""
            ...

    # As a part of another query
    def exists_(self) -> Expr[bool]:
        """Return the condition that it has a row, for another query."""
        return Expr(("exists", self._existence_statement()), "boolean")

    @overload
    def scalar(self: CompilableQuery[tuple[T]]) -> Expr[T | None]: ...
    @overload
    def scalar(self) -> Expr[Any]: ...
    def scalar(self) -> Expr[Any]:
        """Return its one value as an expression of another query; without a row, NULL."""
        first = self.selected()[0]
        return Expr(("scalar", self.statement()), first.type, first.kind)

    @overload
    def array(self: CompilableQuery[tuple[T]]) -> Expr[list[T]]: ...
    @overload
    def array(self) -> Expr[list[Any]]: ...
    def array(self) -> Expr[list[Any]]:
        """Return the values of its one column as an array, for an expression of another query."""
        first = self.selected()[0]
        kind = None if first.type is None else f"{first.type}[]"
        return Expr(("array_of", self.statement()), kind, first.kind)

    def selected(self) -> tuple[Expr[Any], ...]:
        """Return its columns; for a query of a table's rows, the primary key."""
        if self._columns is not None:
            return self._columns
        if self._schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        return tuple(Col(column, self._root) for column in self._schema.primary_key)

    def statement(self) -> Statement:
        """Return it as data, to be a part of another query."""
        return self._statement(tuple(column.node for column in self.selected()))

    def sql(self) -> tuple[str, list[Any]]:
        """Return the SQL that is sent, and its parameters."""
        text, params = _core.render(self.plan().statement)
        return text, list(params)

    # For pages
    def ordering(self) -> tuple[TableSchema | None, Source, tuple[Node, ...]]:
        """Return the table, its FROM item and the keys of ORDER BY; no table if the rows are not those of a table."""
        if self._compound is not None or self._is_grouped():
            return None, self._root, ()
        return self._schema, self._root, self._order

    def joins(self) -> tuple[tuple[str, Source, Node | None, bool], ...]:
        """Return the joins: the kind, the FROM item, the condition, and whether it is lateral."""
        return self._joins

    def row_limit(self) -> int | None:
        """Return the limit."""
        return self._limit

    def with_ordering(self, order: tuple[Node, ...]) -> Self:
        """Order the rows by keys that are nodes."""
        return self._with(_order=order)

    def without_offset(self) -> Self:
        """Remove the offset."""
        return self._with(_offset=None)

    def plan_with(self, extra: tuple[Node, ...]) -> QueryPlan:
        """Return the plan of the query with further values in each row."""
        if self._columns is None and self._shape is None and self._schema is not None:
            return object_plan(self._schema, self._root, tree_of(self._loads), self._statement, extra)
        if self._columns is not None and self._shape is None:
            self._refuse_loads("select()")
            return ast.tuple_plan((*self._columns, *(Expr[Any](node) for node in extra)), self._statement)
        bare = self.plan()
        columns = (*bare.statement["columns"], *extra)

        def into(names: tuple[str, ...]) -> Any:  # noqa: ANN401  (what makes a row)
            return with_keys(bare.into(names[: -len(extra)]), len(extra))

        return QueryPlan(self._statement(columns), into)

    # Data
    def plan(self) -> QueryPlan:
        """Return the statement, and the factory of its rows."""
        if self._shape is not None:
            self._refuse_loads("to()")
            return ast.shaped_plan(self._shape, self._schema, self._root, self._columns, self._statement)
        if self._columns is not None:
            self._refuse_loads("select()")
            return ast.tuple_plan(self._columns, self._statement)
        if self._schema is None:
            message = "select() the columns of this query first"
            raise InterfaceError(message)
        return object_plan(self._schema, self._root, tree_of(self._loads), self._statement)

    def _refuse_loads(self, step: str) -> None:
        """Refuse `load` where the rows are no objects of a table."""
        if self._loads:
            names = ", ".join(".".join(steps) for steps in self._loads)
            message = (
                f"load() needs a query that returns objects; with {step} there are no objects to load {names} of: "
                "remove load(), or select columns of the relation"
            )
            raise InterfaceError(message)

    def _statement(self, columns: tuple[Node, ...]) -> Statement:
        if self._compound is not None:
            return self._compound_statement(columns)
        statement: Statement = {"kind": "select", "columns": columns, "from": self._root}
        if self._ctes:
            statement["ctes"] = ast.with_clause(self._ctes)
        if self._joins:
            statement["joins"] = self._joins
        if self._conditions:
            statement["where"] = self._conditions
        if self._is_grouped():
            statement.update(self._grouping(columns))
        elif self._order:
            statement["order_by"] = ast.as_ordinals(self._order, columns, always=False)
        if self._lock is not None:
            statement["lock"] = self._lock
        return self._limit_offset(statement)

    def _grouping(self, columns: tuple[Node, ...]) -> Statement:
        """Return the clauses of a query with DISTINCT or GROUP BY, whose expressions must share their parameters."""
        having, order, distinct = self._having, self._order, self._distinct
        if parametrised := ast.parametrised((*self._groups, *(distinct if isinstance(distinct, tuple) else ()))):
            columns, having, order, distinct = (
                ast.share_parameters(part, parametrised) for part in (columns, having, order, distinct)
            )
        parts: Statement = {"columns": columns}
        if distinct is not None:
            parts["distinct"] = distinct
        if self._groups:
            parts["group_by"] = ast.as_ordinals(self._groups, columns, always=False)
        if having:
            parts["having"] = having
        if order:
            parts["order_by"] = ast.as_ordinals(order, columns, always=distinct is True)
        return parts

    def _compound_statement(self, columns: tuple[Node, ...]) -> Statement:
        operator, parts = self._compound or ("", ())
        made = tuple(part._statement(part._part_nodes(columns)) for part in parts)
        statement: Statement = {"kind": "compound", "op": operator, "parts": made}
        if self._ctes:
            statement["ctes"] = ast.with_clause(self._ctes)
        if self._order:
            statement["order_by"] = ast.as_ordinals(self._order, columns, always=True)
        return self._limit_offset(statement)

    def _part_nodes(self, columns: tuple[Node, ...]) -> tuple[Node, ...]:
        """Return its columns as a part of a union; a query of a table's rows has the columns of the whole."""
        return columns if self._columns is None else tuple(column.node for column in self._columns)

    def _limit_offset(self, statement: Statement) -> Statement:
        if self._limit is not None:
            statement["limit"] = ("value", self._limit, "bigint")
        if self._offset is not None:
            statement["offset"] = ("value", self._offset, "bigint")
        return statement

    def _is_grouped(self) -> bool:
        """Return whether the query groups rows, or removes duplicates."""
        return bool(self._groups or self._having) or self._distinct is not None

    def _is_plain(self) -> bool:
        """Return whether the number of rows does not depend on the selected columns, as it does with an aggregate."""
        columns = self._columns or ()
        return self._compound is None and self._distinct is None and all(ast.is_column(one.node) for one in columns)

    def _row_statement(self) -> Statement:
        """Return a statement with the same number of rows, without order and locks."""
        inner = self._with(_order=(), _lock=None)
        if self._columns is not None or self._shape is not None or self._schema is None:
            return inner.plan().statement
        # The key tells rows of the table apart. The parts of a union may be of several tables.
        keys = self._schema.primary_key if self._compound is None else ()
        return inner._statement(tuple(("column", self._root, one.name) for one in keys or self._schema.columns))

    def _existence_statement(self) -> Statement:
        """Return a statement that has a row if the query has one."""
        return self._with(_order=())._statement((("literal", 1),)) if self._is_plain() else self._row_statement()

    def count_statement(self) -> Statement:
        """Return the statement that counts the rows."""
        counting: tuple[Node, ...] = (("call", "count", (("star",),), {}),)
        cut = self._limit is not None or self._offset is not None
        if self._is_plain() and not cut and not self._is_grouped():
            return self._with(_order=(), _lock=None, _columns=None)._statement(counting)
        source = ast.derived_source(self._with(_ctes=())._row_statement())
        statement: Statement = {"kind": "select", "columns": counting, "from": source}
        if self._ctes:
            statement["ctes"] = ast.with_clause(self._ctes)
        return statement

    def exists_statement(self) -> Statement:
        """Return the statement of which the one value is whether there is a row."""
        inner = self._with(_ctes=(), _lock=None)._existence_statement()
        statement: Statement = {"kind": "select", "columns": (("exists", inner),)}
        if self._ctes:
            statement["ctes"] = ast.with_clause(self._ctes)
        return statement

    def data_frame_statement(self) -> Statement:
        """Return the statement for a data frame: all columns of the table, or the selected ones."""
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

    def rows_plan(self, statement: Callable[[tuple[Node, ...]], Statement]) -> QueryPlan:
        """Return the plan of another statement that returns rows of the table."""
        if self._schema is None:
            message = "returning() without expressions needs the rows of a table"
            raise InterfaceError(message)
        self._refuse_loads("returning()")
        return object_plan(self._schema, self._root, {}, statement)

    def update_statement(self, assignments: tuple[Assign, ...]) -> Statement:
        """Return the statement that updates the rows."""
        schema = self._writable("update")
        if not assignments:
            message = "update() needs something to set, such as User.score.set(0)"
            raise InterfaceError(message)
        for one in assignments:
            if one.column.node[1] is not self._root:
                message = (
                    f"update() of {schema.table.__name__}: {one.name} is a column of another table or alias; "
                    "set columns of the table that find() was given, and update other tables separately"
                )
                raise InterfaceError(message)
        pairs = tuple((one.name, one.node) for one in assignments)
        return {"kind": "update", "source": self._root, "set": pairs, **self._row_filter(schema)}

    def delete_statement(self) -> Statement:
        """Return the statement that deletes the rows."""
        schema = self._writable("delete")
        return {"kind": "delete", "source": self._root, **self._row_filter(schema)}

    def _writable(self, verb: str) -> TableSchema:
        if self._schema is None or self._compound is not None or self._is_grouped():
            message = (
                f"{verb}() needs the rows of a table, without union, group_by, having and distinct; "
                "select their keys by such a query, and find the rows by in_()"
            )
            raise InterfaceError(message)
        return self._schema

    def _row_filter(self, schema: TableSchema) -> Statement:
        """Return the conditions of an UPDATE or DELETE; clauses that only SELECT has go into a subquery."""
        cut = self._limit is not None or self._offset is not None or self._lock is not None
        if not (cut or self._joins or self._ctes or ast.uses_reference(self._conditions)):
            return {"where": self._conditions}
        if not schema.primary_key:
            message = f"{schema.table.__name__} has no primary key to find the rows by"
            raise InterfaceError(message)
        keys = tuple(("column", self._root, column.name) for column in schema.primary_key)
        left: Node = keys[0] if len(keys) == 1 else ("row", keys)
        # The subquery has its own FROM item for the table, which hides the outer one.
        found = self._statement(keys)
        if not cut:
            return {"where": (("in", left, found),)}
        once, rows = ast.materialised_keys(found, schema)
        return {"where": (("in", left, rows),), "ctes": (once,)}


def arrow_statement(source: object, params: tuple[object, ...]) -> Statement:
    """Return the statement of a query or a table that is read as Arrow.

    Args:
        source: A query, or a table.
        params: Parameters besides; a query has its own.

    Raises:
        InterfaceError: It is neither, or there are parameters besides.
    """
    query: Any = source if isinstance(source, CompilableQuery) else CompilableQuery[Any](source)  # pyright: ignore[reportUnknownVariableType]
    if params:
        message = "parameters can be given with SQL text only, not with a query or a table"
        raise InterfaceError(message)
    statement: Statement = query.data_frame_statement()
    return statement
