"""Inserts many rows at once: few by one INSERT of arrays, many by COPY."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

from howdah import _core
from howdah.errors import InterfaceError, NoRow
from howdah.expressions.sources import Source
from howdah.outcomes import after_statement
from howdah.queries import saving
from howdah.queries.async_staging import order_of, staging, targets_of
from howdah.queries.catalogue import asked, keeps_keys
from howdah.queries.columnar import Columns, columns_of_rows, constants_beside
from howdah.queries.loading import columns_of
from howdah.queries.nodes import TUPLES
from howdah.tables.targets import is_arrow, load_name, quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from howdah._core import Tuples
    from howdah.async_statements import AsyncStatements
    from howdah.queries.columnar import Objects
    from howdah.tables.schema import Column, TableSchema
    from howdah.tables.table import Table
    from howdah.verbs import Rows

    Node = tuple[Any, ...]
    Statement = dict[str, Any]

# Up to so many rows one INSERT is quicker than a COPY and the numbering of rows before it.
FEW = 2000

# Whether types are those whose values go as text, by database: a type does not become one of another kind.
_printed: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()
# Whether tables had nothing that drops rows, by database.
_storing: WeakKeyDictionary[Any, dict[str, bool]] = WeakKeyDictionary()


async def insert_many(db: AsyncStatements, table: type[Table], rows: Rows) -> list[Any]:
    """Insert rows and give their keys; see `AsyncDatabase.insert_many`.

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
            nodes, names = beside(schema, staged.source, staged.names)
            return await _insert_from(db, schema, staged.source, nodes, names, await staged.fill())
    given: list[Any] = list(cast("Any", rows))
    if not given:
        return []
    columns = columns_of_rows(schema, given, db.location)
    if columns.objects is not None:
        _each_once(schema, given)
    if not columns.columns or await may_unnest(db, schema, columns):
        source, nodes = columns.as_source(schema, order_of(schema))
        names = (*columns.names(), *columns.constants)
        if columns.count == 1 or await _stores_all(db, schema):
            return await _insert_from(db, schema, source, nodes, names, columns.count, columns.objects)
        # Where some rows are dropped, the others are not to stay.
        async with db.transaction():
            return await _insert_from(db, schema, source, nodes, names, columns.count, columns.objects)
    return await _copy(db, schema, columns)


async def may_unnest(db: AsyncStatements, schema: TableSchema, columns: Columns) -> bool:
    """Prepare rows for an INSERT of arrays, or else for COPY, and tell for which.

    Args:
        db: The database.
        schema: The table.
        columns: The rows.

    Returns:
        Whether they can go as arrays: there are few, and they are plain enough.

    Raises:
        DataError: A value that a column cannot hold exactly.
    """
    await _print_unknown(db, columns)
    few = columns.count <= FEW and columns.may_unnest()
    if not few:
        columns.settle(schema)
        columns.print_nested()
        await _print_unknown(db, columns)
    columns.refuse_inexact(schema, copied=not few)
    return few


async def _print_unknown(db: AsyncStatements, columns: Columns) -> None:
    """Let texts of types that only the server can read go as texts."""
    for column in columns.unknown():
        known = _printed.setdefault(db.origin(), {})
        name = column.type.bare
        if name not in known:
            known[name] = bool(await db.fetch_value(_core.IS_PRINTED, name))
        if known[name]:
            columns.print(column)


async def _stores_all(db: AsyncStatements, schema: TableSchema) -> bool:
    """Tell whether an INSERT stores every row, as far as the catalogue said when it was asked first."""
    known = _storing.setdefault(db.origin(), {})
    name = quoted(schema.name)
    if name not in known:
        found = await db.fetch_value(_core.STORES_ALL, name)
        if found is None:
            # There is no such table yet.
            return False
        known[name] = found
    return known[name]


def _each_once(schema: TableSchema, rows: Sequence[Any]) -> None:
    """Check that no object is there twice: it would be two rows, and has but one key."""
    if len(set(map(id, rows))) == len(rows):
        return
    seen: dict[int, int] = {}
    for at, row in enumerate(rows):
        first = seen.setdefault(id(row), at)
        if first != at:
            name = schema.table.__name__
            message = f"{name}, row {at}: expected an object of its own, got that of row {first}; make another {name}"
            raise InterfaceError(message)


async def _insert_from(  # noqa: PLR0917  (what an INSERT is made of)
    db: AsyncStatements,
    schema: TableSchema,
    source: Source,
    nodes: tuple[Node, ...],
    names: Sequence[str],
    count: int,
    objects: Objects | None = None,
    returned: Sequence[Column] | None = None,
) -> list[Any]:
    """Insert what a row of FROM gives, in its order, and give the keys."""
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
            rows = await db.fetch_rows(statement, _tuples)
            is_done = True
            _all_stored(schema, len(rows), count)
        else:
            stored = await db.execute_statement(statement)
            is_done = True
            _all_stored(schema, stored, count)
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


def _all_stored(schema: TableSchema, stored: int, count: int) -> None:
    """Check that no row was dropped: the keys that come back would be those of others."""
    if stored != count:
        message = (
            f"the server stored {stored} of {count} rows of {schema.table.__name__}: "
            "a rule or trigger of its own drops rows, and which they are cannot be told"
        )
        raise NoRow(message)


def beside(schema: TableSchema, source: Source, names: Sequence[str]) -> tuple[tuple[Node, ...], tuple[str, ...]]:
    """Give the columns of a table between, and beside them the class's defaults for those that it lacks.

    Args:
        schema: The table that they are for.
        source: The table between.
        names: Its columns.

    Returns:
        What is selected, and the columns that it is for.
    """
    constants = constants_beside(schema, names)
    nodes = tuple(("column", source, name) for name in names)
    values = tuple(("value", one, schema.by_name[name].type.bare) for name, one in constants.items())
    return (*nodes, *values), (*names, *constants)


def _returned(schema: TableSchema, names: Sequence[str]) -> tuple[Column, ...]:
    """Give the columns that objects lack, and the key."""
    return tuple(column for column in schema.columns if column.primary_key or column.name not in names)


def _fill(
    db: AsyncStatements,
    schema: TableSchema,
    objects: Objects,
    columns: Sequence[Column],
    rows: Sequence[tuple[Any, ...]],
) -> list[Any]:
    returning = saving.part(schema, columns)
    done = [(row, saving.filled(sent, returning)) for row, sent in objects]
    db.when_undone(saving.state(row, sent) for row, sent in done)
    for (row, sent), given in zip(done, rows, strict=True):
        saving.keep(row, sent, given, db.location)
    return [_key(schema, row) for row, _ in done] if schema.primary_key else []


def _key(schema: TableSchema, row: Any) -> Any:  # noqa: ANN401  (of the key's type)
    values = vars(row)
    key = tuple(values[column.attribute] for column in schema.primary_key)
    return key[0] if len(key) == 1 else key


async def _copy(db: AsyncStatements, schema: TableSchema, columns: Columns) -> list[Any]:
    """Insert by COPY, which gives no keys: they are reserved before, or given, or else come from a table between."""
    if await _may_copy(db, schema, columns):
        async with db.transaction():
            for column in schema.primary_key:
                if column not in columns.columns:
                    columns.add(column, await _reserve(db, schema, column, columns.count))
            report = await db.load(load_name(schema.name), columns.rows(), columns=targets_of(columns.names()))
            _all_stored(schema, report.rows, columns.count)
            return await _keys(db, schema, columns)
    returned = schema.primary_key if columns.objects is None else schema.columns
    async with staging(db, schema, columns.rows(), columns.names(), columns.texts) as staged:
        source, names, count = staged.source, staged.names, await staged.fill()
        nodes = columns.nodes(source)
        return await _insert_from(db, schema, source, nodes, names, count, columns.objects, returned)


async def _may_copy(db: AsyncStatements, schema: TableSchema, columns: Columns) -> bool:
    """Tell whether the keys that rows are sent with are those that the server stores, and objects are found by them."""
    key = schema.primary_key
    if columns.texts:
        # They are cast on the way from a table between.
        return False
    if columns.objects is not None and len(key) != 1:
        return False
    lacking = [column for column in key if column not in columns.columns]
    if lacking and not (len(lacking) == 1 and lacking[0].identity):
        return False
    return not key or keeps_keys(await db.fetch_one(_core.KEPT, *asked(schema)), schema, columns)


async def _keys(db: AsyncStatements, schema: TableSchema, columns: Columns) -> list[Any]:
    if not schema.primary_key:
        return []
    places = [columns.columns.index(column) for column in schema.primary_key]
    keys = [columns.values[place] for place in places]
    found: list[Any] = keys[0] if len(keys) == 1 else list(zip(*keys, strict=True))
    if columns.objects is not None:
        await _read_back(db, schema, columns.objects, found)
    return found


async def _read_back(db: AsyncStatements, schema: TableSchema, objects: Objects, keys: list[Any]) -> None:
    """Take what the server filled in."""
    root = schema.table.__source__
    key = schema.single_key
    statement: Statement = {
        "kind": "select",
        "columns": columns_of(schema, root),
        "from": root,
        "where": (("any", ("column", root, key.name), "=", ("value", keys, f"{key.type.bare}[]")),),
    }
    rows: list[tuple[Any, ...]] = await db.fetch_rows(statement, _tuples)
    at = schema.columns.index(key)
    by_key = {row[at]: row for row in rows}
    _fill(db, schema, objects, schema.columns, [by_key[one] for one in keys])


async def _reserve(db: AsyncStatements, schema: TableSchema, column: Column, count: int) -> list[Any]:
    """Take so many numbers from a column's sequence."""
    numbers = Source("function", ("numbers",), call=_series(count), columns=("n",))
    name = ("value", quoted(schema.name), "text")
    found: Node = ("call", "pg_get_serial_sequence", (name, ("value", column.name, "text")), {})
    # As a subquery it is looked up but once.
    sequence: Statement = {"kind": "select", "columns": (("cast", found, "regclass"),)}
    statement: Statement = {
        "kind": "select",
        "columns": (("call", "array_agg", (("call", "nextval", (("scalar", sequence),), {}),), {}),),
        "from": numbers,
    }
    rows: list[tuple[list[Any]]] = await db.fetch_rows(statement, _tuples)
    return rows[0][0]


def _series(count: int) -> Node:
    return ("call", "generate_series", (("literal", 1), ("value", count, "integer")), {})


def _tuples(_: tuple[str, ...]) -> Tuples:
    return TUPLES
