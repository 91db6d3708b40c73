"""Inserts many rows: up to `MAX_UNNEST_ROWS` of them by one INSERT from arrays, more by COPY."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from howdah import _core
from howdah._async.staging import order_of, staging, targets_of
from howdah.errors import InterfaceError, NoRow
from howdah.outcomes import after_statement
from howdah.queries import persistence
from howdah.queries.ast import plain_tuples
from howdah.queries.column_batch import ColumnBatch, columns_of_rows, default_values
from howdah.queries.insert_checks import key_parameters, stores_keys_unchanged
from howdah.queries.object_plan import columns_of
from howdah.tables.column_mapping import is_arrow, load_name, quoted
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah._async.executor import AsyncExecutor
    from howdah.bulk import Rows
    from howdah.expressions.node import Node, Statement
    from howdah.queries.column_batch import Objects
    from howdah.tables.schema import Column, HasSchema, TableSchema


# Up to this number of rows, one INSERT is faster than COPY with the reservation of keys before it.
MAX_UNNEST_ROWS = 2000

# Whether the values of types are sent as text, by database: this does not change for a type.
_text_types: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()
# Whether tables have no rules or triggers that drop rows, by database, as of the first check.
_complete_tables: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()


async def insert_many(db: AsyncExecutor, table: type[HasSchema], rows: Rows) -> list[Any]:
    """Insert rows and return their keys; see `AsyncDatabase.insert_many`.

    Args:
        db: The database.
        table: The table.
        rows: The rows.

    Returns:
        The keys.
    """
    schema = table.__schema__
    if is_arrow(rows):
        async with staging(db, schema, rows, None) as staged:
            nodes, names = with_defaults(schema, staged.source, staged.names)
            return await _insert_from(db, schema, staged.source, nodes, names, await staged.fill())
    given: list[Any] = list(cast("Any", rows))
    if not given:
        return []
    columns = columns_of_rows(schema, given, db.location)
    if columns.objects is not None:
        _refuse_duplicates(schema, given)
    if not columns.columns or await may_unnest(db, schema, columns):
        source, nodes = columns.as_source(schema, order_of(schema))
        names = (*columns.names(), *columns.constants)
        if columns.count == 1 or await _stores_all(db, schema):
            return await _insert_from(db, schema, source, nodes, names, columns.count, columns.objects)
        # If some rows are dropped, the others are rolled back.
        async with db.transaction():
            return await _insert_from(db, schema, source, nodes, names, columns.count, columns.objects)
    return await _copy(db, schema, columns)


async def may_unnest(db: AsyncExecutor, schema: TableSchema, columns: ColumnBatch) -> bool:
    """Prepare rows for an INSERT from arrays, or else for COPY.

    Args:
        db: The database.
        schema: The table.
        columns: The rows.

    Returns:
        Whether they can go as arrays: there are few, and arrays can carry their values.

    Raises:
        DataError: A value that a column cannot hold exactly.
    """
    await _encode_unknown_as_text(db, columns)
    few = columns.count <= MAX_UNNEST_ROWS and columns.may_unnest()
    if not few:
        columns.materialise_constants(schema)
        columns.encode_nested_as_text()
        await _encode_unknown_as_text(db, columns)
    columns.refuse_inexact(schema, copied=not few)
    return few


async def _encode_unknown_as_text(db: AsyncExecutor, columns: ColumnBatch) -> None:
    """Send strings as text where only the server can read their type."""
    for column in columns.columns_of_unknown_type():
        known = _text_types.setdefault(db.origin(), {})
        name = column.type.bare
        if name not in known:
            known[name] = bool(await db.fetch_value(_core.TRAVELS_AS_TEXT, name))
        if known[name]:
            columns.encode_as_text(column)


async def _stores_all(db: AsyncExecutor, schema: TableSchema) -> bool:
    """Return whether an INSERT stores every row, according to the catalogue at the first check."""
    known = _complete_tables.setdefault(db.origin(), {})
    name = quoted(schema.name)
    if name not in known:
        found = await db.fetch_value(_core.NO_ROW_FILTERS, name)
        if found is None:
            # The table does not exist yet.
            return False
        known[name] = found
    return known[name]


def _refuse_duplicates(schema: TableSchema, rows: Sequence[Any]) -> None:
    """Check that no object occurs twice: it would be two rows, but has one key."""
    if len(set(map(id, rows))) == len(rows):
        return
    seen: dict[int, int] = {}
    for at, row in enumerate(rows):
        first = seen.setdefault(id(row), at)
        if first != at:
            name = schema.table.__name__
            message = f"{name}, row {at}: the same object is in row {first}; create another {name}"
            raise InterfaceError(message)


async def _insert_from(  # noqa: PLR0917  (the parts of an INSERT)
    db: AsyncExecutor,
    schema: TableSchema,
    source: Source,
    nodes: tuple[Node, ...],
    names: Sequence[str],
    count: int,
    objects: Objects | None = None,
    returned: Sequence[Column] | None = None,
) -> list[Any]:
    """Insert the rows of a FROM item, in their order, and return the keys."""
    root = schema.table.__source__
    if returned is None:
        returned = schema.primary_key if objects is None else _returned(schema, names)
    select: Statement = {
        "kind": "select",
        "columns": nodes,
        "from": source,
        "order_by": (("column", source, order_of(schema)),),
    }
    statement: Statement = {
        "kind": "insert",
        "into": root,
        "columns": tuple(names),
        "select": select,
        "returning": tuple(("column", root, column.name) for column in returned),
    }
    rows: list[tuple[Any, ...]] = []
    is_done = False
    try:
        if returned:
            rows = await db.fetch_rows(statement, plain_tuples)
            is_done = True
            _check_all_stored(schema, len(rows), count)
        else:
            stored = await db.execute_statement(statement)
            is_done = True
            _check_all_stored(schema, stored, count)
            rows = [()] * count
        if objects is not None:
            return _fill(db, schema, objects, returned, rows)
        if not returned:
            return []
        return [row[0] for row in rows] if len(returned) == 1 else rows
    except BaseException as error:
        if is_done:
            after_statement(error, db.lease())
        raise


def _check_all_stored(schema: TableSchema, stored: int, count: int) -> None:
    """Check that no row was dropped: the returned keys would not match the rows."""
    if stored != count:
        message = (
            f"the server stored {stored} of {count} rows of {schema.table.__name__}: "
            "a rule or trigger of the table drops rows, and the server does not report which"
        )
        raise NoRow(message)


def with_defaults(
    schema: TableSchema, source: Source, names: Sequence[str]
) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Return the columns of a staging table, and the class's defaults for the columns that it lacks.

    Args:
        schema: The table that they are for.
        source: The staging table.
        names: Its columns.

    Returns:
        The selected expressions, and the columns that they are for.
    """
    constants = default_values(schema, names)
    nodes = tuple(("column", source, name) for name in names)
    values = tuple(("value", one, schema.by_name[name].type.bare) for name, one in constants.items())
    return (*nodes, *values), (*names, *constants)


def _returned(schema: TableSchema, names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns that objects lack, and the key."""
    return tuple(column for column in schema.columns if column.primary_key or column.name not in names)


def _fill(
    db: AsyncExecutor,
    schema: TableSchema,
    objects: Objects,
    columns: Sequence[Column],
    rows: Sequence[tuple[Any, ...]],
) -> list[Any]:
    returning = persistence.column_subset(schema, columns)
    done = [(row, persistence.with_returning(sent, returning)) for row, sent in objects]
    db.on_rollback(persistence.restore_point(row, sent) for row, sent in done)
    for (row, sent), given in zip(done, rows, strict=True):
        persistence.apply_result(row, sent, given, db.location)
    return [_key(schema, row) for row, _ in done] if schema.primary_key else []


def _key(schema: TableSchema, row: Any) -> Any:  # noqa: ANN401  (of the key's type)
    values = vars(row)
    key = tuple(values[column.attribute] for column in schema.primary_key)
    return key[0] if len(key) == 1 else key


async def _copy(db: AsyncExecutor, schema: TableSchema, columns: ColumnBatch) -> list[Any]:
    """Insert by COPY, which returns no keys: they are given, or reserved before, or else a staging table is used."""
    if await _may_copy(db, schema, columns):
        async with db.transaction():
            for column in schema.primary_key:
                if column not in columns.columns:
                    columns.add(column, await _reserve(db, schema, column, columns.count))
            report = await db.load(load_name(schema.name), columns.rows(), columns=targets_of(columns.names()))
            _check_all_stored(schema, report.rows, columns.count)
            return await _keys(db, schema, columns)
    returned = schema.primary_key if columns.objects is None else schema.columns
    async with staging(db, schema, columns.rows(), columns.names(), columns.texts) as staged:
        source, names, count = staged.source, staged.names, await staged.fill()
        nodes = columns.nodes(source)
        return await _insert_from(db, schema, source, nodes, names, count, columns.objects, returned)


async def _may_copy(db: AsyncExecutor, schema: TableSchema, columns: ColumnBatch) -> bool:
    """Return whether the server stores the keys as they are sent, so that rows can be matched to objects by key."""
    key = schema.primary_key
    if columns.texts:
        # These columns need a cast, which an INSERT from a staging table makes.
        return False
    if columns.objects is not None and len(key) != 1:
        return False
    lacking = [column for column in key if column not in columns.columns]
    if lacking and not (len(lacking) == 1 and lacking[0].identity):
        return False
    return not key or stores_keys_unchanged(
        await db.fetch_one(_core.KEYS_STORED_AS_SENT, *key_parameters(schema)), schema, columns
    )


async def _keys(db: AsyncExecutor, schema: TableSchema, columns: ColumnBatch) -> list[Any]:
    if not schema.primary_key:
        return []
    places = [columns.columns.index(column) for column in schema.primary_key]
    keys = [columns.values[place] for place in places]
    found: list[Any] = keys[0] if len(keys) == 1 else list(zip(*keys, strict=True))
    if columns.objects is not None:
        await _read_back(db, schema, columns.objects, found)
    return found


async def _read_back(db: AsyncExecutor, schema: TableSchema, objects: Objects, keys: list[Any]) -> None:
    """Read the values that the server filled in."""
    root = schema.table.__source__
    key = schema.single_key
    statement: Statement = {
        "kind": "select",
        "columns": columns_of(schema, root),
        "from": root,
        "where": (("any", ("column", root, key.name), "=", ("value", keys, f"{key.type.bare}[]")),),
    }
    rows: list[tuple[Any, ...]] = await db.fetch_rows(statement, plain_tuples)
    at = schema.columns.index(key)
    by_key = {row[at]: row for row in rows}
    _fill(db, schema, objects, schema.columns, [by_key[one] for one in keys])


async def _reserve(db: AsyncExecutor, schema: TableSchema, column: Column, count: int) -> list[Any]:
    """Reserve numbers from a column's sequence."""
    numbers = Source("function", ("numbers",), call=_series(count), columns=("n",))
    name = ("value", quoted(schema.name), "text")
    found: Node = ("call", "pg_get_serial_sequence", (name, ("value", column.name, "text")), {})
    # A subquery, so that the server looks it up once.
    sequence: Statement = {"kind": "select", "columns": (("cast", found, "regclass"),)}
    statement: Statement = {
        "kind": "select",
        "columns": (("call", "array_agg", (("call", "nextval", (("scalar", sequence),), {}),), {}),),
        "from": numbers,
    }
    rows: list[tuple[list[Any]]] = await db.fetch_rows(statement, plain_tuples)
    return rows[0][0]


def _series(count: int) -> Node:
    return ("call", "generate_series", (("literal", 1), ("value", count, "integer")), {})
