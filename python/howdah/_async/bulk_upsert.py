"""Inserts or updates many rows: few by one INSERT from arrays, more by COPY into a staging table."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from howdah import _core
from howdah._async.bulk_insert import may_unnest, with_defaults
from howdah._async.staging import order_of, staging
from howdah.errors import DatabaseError, InterfaceError, ProgrammingError
from howdah.expressions.node import Assign
from howdah.outcomes import after_statement
from howdah.queries.ast import plain_tuples
from howdah.queries.column_batch import columns_of_rows, refuse_lacking
from howdah.tables.column import Col
from howdah.tables.column_mapping import is_arrow, quoted
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from howdah._async.executor import AsyncExecutor
    from howdah._async.staging import Staging
    from howdah._core import LoadReport
    from howdah.bulk import Rows
    from howdah.expressions.expression import Expr
    from howdah.expressions.node import Expression, Node, Statement
    from howdah.tables.schema import Column, HasSchema, TableSchema


# The SQLSTATEs for a missing constraint (invalid_column_reference), and for a deferrable one
# (object_not_in_prerequisite_state, which has other meanings too).
NO_ARBITER = "42P10"
DEFERRABLE_ARBITER = "55000"

# Whether tables are ordinary ones, by database: the kind of a table does not change.
_ordinary_tables: WeakKeyDictionary[Any, dict[tuple[str, ...], bool]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class UpsertRows:
    """The rows of an upsert as a FROM item.

    Attributes:
        source: The FROM item; its column `order_of` has the order of the rows.
        nodes: The expressions to select of it.
        names: The columns that they are for.
        nulls: Whether a key may be NULL in a row.
    """

    source: Source
    nodes: tuple[Node, ...]
    names: tuple[str, ...]
    nulls: bool


async def upsert(
    db: AsyncExecutor,
    table: type[HasSchema],
    rows: Rows,
    *,
    on: Sequence[Expr[Any]],
    update: Sequence[Expr[Any] | Assign] | None,
) -> LoadReport:
    """Insert rows or update those that exist; see `AsyncDatabase.upsert`.

    Args:
        db: The database.
        table: The table.
        rows: The rows.
        on: The columns that identify a row.
        update: The changes to a row that exists.

    Returns:
        The report.
    """
    began = time.perf_counter()
    schema = table.__schema__
    keys = [_column(schema, one, "on").name for one in on]
    if not keys:
        message = "upsert() needs the columns that identify a row, such as on=[User.email]"
        raise InterfaceError(message)
    if is_arrow(rows):
        async with staging(db, schema, rows, None) as staged:
            given = UpsertRows(staged.source, *with_defaults(schema, staged.source, staged.names), nulls=True)
            sets = _sets(schema, update, staged.names, keys)
            counts = await _fill_and_upsert(db, schema, staged, given, keys, sets)
        return _report(counts, began)
    listed: list[Any] = list(cast("Any", rows))
    if not listed:
        return _report((0, 0), began)
    columns = columns_of_rows(schema, listed, db.location)
    sets = _sets(schema, update, [one.name for one in columns.columns if one.attribute in columns.given], keys)
    if columns.lacking:
        refuse_lacking(schema, columns, _excluded_columns([node for _, node in sets]))
    nulls = columns.has_nulls(keys)
    if await may_unnest(db, schema, columns):
        source, nodes = columns.as_source(schema, order_of(schema))
        given = UpsertRows(source, nodes, (*columns.names(), *columns.constants), nulls)
        is_done = False
        try:
            statement = await _statement(db, schema, given, keys, sets)
            counts = await _run(db, schema, statement, keys)
            is_done = True
            return _report(counts, began)
        except BaseException as error:
            if is_done:
                after_statement(error, db.lease())
            raise
    async with staging(db, schema, columns.rows(), columns.names(), columns.texts) as staged:
        given = UpsertRows(staged.source, columns.nodes(staged.source), staged.names, nulls)
        counts = await _fill_and_upsert(db, schema, staged, given, keys, sets)
    return _report(counts, began)


def _report(counts: tuple[int, int], began: float) -> LoadReport:
    return _core.LoadReport(counts[0], counts[1], 0, time.perf_counter() - began)


def _column(schema: TableSchema, expression: Expr[Any], argument: str) -> Column:
    if not isinstance(expression, Col):
        message = f"on= and update= take columns, such as User.email; got {expression!r}"
        raise InterfaceError(message)
    _refuse_other_table(schema, expression, argument)
    return expression.column


def _refuse_other_table(schema: TableSchema, column: Expression, argument: str) -> None:
    """Check that a column is one of the table: a column of another table would match by its name."""
    source: Source = column.node[1]
    if source is schema.table.__source__:
        return
    owner = "another query" if source.schema is None else source.schema.table.__name__
    message = f"{argument}= takes columns of {schema.table.__name__}; got {column.node[2]!r} of {owner}"
    if source.schema is schema:
        message += " under another name, or by a reference"
    raise InterfaceError(message)


def _sets(
    schema: TableSchema, update: Sequence[Expr[Any] | Assign] | None, names: Sequence[str], keys: Sequence[str]
) -> tuple[tuple[str, Node], ...]:
    if update is None:
        return tuple((name, ("excluded", name)) for name in names if name not in keys)
    pairs: list[tuple[str, Node]] = []
    for one in update:
        if isinstance(one, Assign):
            _refuse_other_table(schema, one.column, "update")
            pairs.append((one.name, one.node))
        else:
            name = _column(schema, one, "update").name
            pairs.append((name, ("excluded", name)))
    return tuple(pairs)


def _excluded_columns(node: object) -> Iterator[str]:
    """Yield the columns of `excluded` in a node."""
    if isinstance(node, (tuple, list)):
        of = cast("Sequence[object]", node)
        if len(of) == 2 and of[0] == "excluded":  # noqa: PLR2004
            yield str(of[1])
        elif not of or of[0] != "value":
            for one in of:
                yield from _excluded_columns(one)
    elif isinstance(node, dict):
        for one in cast("dict[str, object]", node).values():
            yield from _excluded_columns(one)


async def _fill_and_upsert(  # noqa: PLR0917  (the parts of an upsert)
    db: AsyncExecutor,
    schema: TableSchema,
    staged: Staging,
    given: UpsertRows,
    keys: Sequence[str],
    sets: tuple[tuple[str, Node], ...],
) -> tuple[int, int]:
    """Load rows into a staging table, and upsert from there; problems are reported before the rows are consumed."""
    statement = await _statement(db, schema, given, keys, sets)
    if await db.fetch_value(_core.IS_DEFERRABLE, quoted(schema.name), sorted(set(keys))):
        raise ProgrammingError(_no_arbiter(schema, keys, "only a deferrable"))
    # The server plans the statement, and reports missing constraints.
    await _run(db, schema, statement | {"explain": "plan"}, keys)
    await staged.fill()
    return await _run(db, schema, statement, keys)


async def _run(db: AsyncExecutor, schema: TableSchema, statement: Statement, keys: Sequence[str]) -> tuple[int, int]:
    """Run or explain an upsert, and return how many rows were inserted and updated."""
    try:
        rows: list[tuple[int, int]] = await db.fetch_rows(statement, plain_tuples)
    except DatabaseError as error:
        if error.sqlstate == NO_ARBITER:
            error.args = (_no_arbiter(schema, keys, "no"),)
        elif error.sqlstate == DEFERRABLE_ARBITER and "ON CONFLICT" in str(error):
            error.args = (_no_arbiter(schema, keys, "only a deferrable"),)
        raise
    return rows[0]


def _no_arbiter(schema: TableSchema, keys: Sequence[str], has: str) -> str:
    table, columns = ".".join(schema.name), ", ".join(f'"{key}"' for key in keys)
    return (
        f'table "{table}" has {has} unique constraint or index on exactly {columns}, which on= needs; '
        "create one that is not deferrable, or give other columns"
    )


async def _statement(
    db: AsyncExecutor, schema: TableSchema, given: UpsertRows, keys: Sequence[str], sets: tuple[tuple[str, Node], ...]
) -> Statement:
    """Return the statement that inserts or updates the rows of a FROM item, and counts both."""
    missing = [key for key in keys if key not in given.names]
    if missing:
        message = f"on= needs {', '.join(missing)}, which the rows do not have"
        raise InterfaceError(message)
    nulls_same = given.nulls and bool(
        await db.fetch_value(_core.NULLS_NOT_DISTINCT, quoted(schema.name), sorted(set(keys)))
    )
    root = schema.table.__source__
    insert: Statement = {
        "kind": "insert",
        "into": root,
        "columns": given.names,
        "select": _last_per_key(schema, given, keys, apart=given.nulls and not nulls_same),
        "conflict": {"on": tuple(keys), "set": sets},
    }
    written = Source("cte", (schema.unused_name("written"),))
    written.others = schema.others
    written.statement = insert
    if await _is_ordinary_table(db, schema):
        # An updated row has xmax set, because this statement locked it.
        insert["returning"] = (("named", ("binary", "=", ("column", root, "xmax"), ("literal", 0)), "is_new"),)
        is_new: Node = ("column", written, "is_new")
    else:
        # A row of a partition or a view has no xmax; but other parts of the statement see the rows from before it.
        insert["returning"] = tuple(("column", root, key) for key in keys)
        is_new = ("not", _existed(schema, written, keys, "IS NOT DISTINCT FROM" if nulls_same else "="))
    return {
        "kind": "select",
        "ctes": ((written, False, False, insert),),
        "columns": (
            ("call", "count", (("star",),), {"filter": is_new}),
            ("call", "count", (("star",),), {"filter": ("not", is_new)}),
        ),
        "from": written,
    }


async def _is_ordinary_table(db: AsyncExecutor, schema: TableSchema) -> bool:
    known = _ordinary_tables.setdefault(db.origin(), {})
    found = known.get(schema.name)
    if found is None:
        found = await db.fetch_value(_core.IS_ORDINARY_TABLE, quoted(schema.name))
        if found is not None:
            known[schema.name] = found
    return bool(found)


def _last_per_key(schema: TableSchema, given: UpsertRows, keys: Sequence[str], *, apart: bool) -> Statement:
    """Select the last of the rows with the same key; `apart` if rows with a NULL in the key are never the same."""
    order: Node = ("column", given.source, order_of(schema))
    by_keys: tuple[Node, ...] = tuple(("ordinal", given.names.index(key) + 1) for key in keys)
    select: Statement = {"kind": "select", "columns": given.nodes, "from": given.source}
    if apart:
        nodes = [given.nodes[given.names.index(key)] for key in keys]
        if any(node[0] == "value" and node[1] is None for node in nodes):
            # Each row has None, the class's default.
            return select | {"order_by": (order,)}
        # The server recognises expressions without parameters as equal.
        nulls = tuple(("is_null", node) for node in nodes if node[0] != "value")
        by_keys = (*by_keys, ("case", ((("or", nulls), order),), ("literal", 0))) if nulls else by_keys
    return select | {"distinct": by_keys, "order_by": (*by_keys, ("ordering", order, "desc", None))}


def _existed(schema: TableSchema, written: Source, keys: Sequence[str], operator: str) -> Node:
    there = Source("table", schema.name, schema=schema)
    return (
        "exists",
        {
            "kind": "select",
            "columns": (("literal", 1),),
            "from": there,
            "where": tuple(("binary", operator, ("column", there, key), ("column", written, key)) for key in keys),
        },
    )
