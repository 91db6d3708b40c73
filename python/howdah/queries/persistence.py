"""Inserts, updates and deletes single rows: one statement for each set of columns, cached as text."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import DataError, InterfaceError, NoRow, NotLoaded
from howdah.queries.ast import member
from howdah.queries.object_plan import columns_of
from howdah.tables.defaults import MISSING
from howdah.tables.row_state import DATABASE, ORIGINAL, ROLLED_BACK_KEYS
from howdah.tables.scale_limits import limit_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from howdah.expressions.node import Statement
    from howdah.tables.scale_limits import ScaleLimit
    from howdah.tables.schema import Column, HasSchema, TableSchema


@dataclass(frozen=True, slots=True)
class ColumnSubset:
    """Some columns of a table.

    Attributes:
        table: The name of the table's class.
        columns: The columns.
        names: Their names in the class.
        positions: Their positions among the table's columns.
        kinds: The classes of their values where the server gives something else, by name.
        limits: The scale limits of columns that may not hold a value exactly, by position in `columns`.
    """

    table: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    positions: tuple[int, ...]
    kinds: tuple[tuple[str, type[Any]], ...]
    limits: tuple[tuple[int, ScaleLimit], ...]

    def params(self, snapshot: Sequence[Any]) -> tuple[Any, ...]:
        """Return the parameters for these columns out of the values of all columns.

        Raises:
            DataError: A value that the column would round.
        """
        found = [snapshot[at] for at in self.positions]
        for at, limit in self.limits:
            if not limit.holds(found[at]):
                message = f'{self.table}, column "{self.names[at]}": {limit.problem(found[at])}'
                raise DataError(message)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class CachedStatement:
    """A statement as text, the columns that it writes, and those that it returns."""

    text: str
    sent: ColumnSubset
    returning: ColumnSubset


# One is made for each row, and frozen dataclasses are slower to make.
@dataclass(slots=True)
class RowStatement:
    """A statement for one row.

    Attributes:
        text: The statement.
        params: Its parameters.
        returning: The columns that it returns.
        snapshot: The values of all columns as they are sent; those of the row may change before the reply.
        absent: The columns that had no value before: the server or a reference gives them one.
    """

    text: str
    params: tuple[Any, ...]
    returning: ColumnSubset
    snapshot: tuple[Any, ...]
    absent: Sequence[str]


def column_subset(schema: TableSchema, columns: Sequence[Column]) -> ColumnSubset:
    """Return some columns of a table, with what each row needs to know of them."""
    positions = tuple(schema.columns.index(column) for column in columns)
    kinds = tuple((column.attribute, kind) for column in columns if (kind := column.type.kind) is not None)
    limits = [(at, limit_of(column.type.name)) for at, column in enumerate(columns)]
    return ColumnSubset(
        schema.table.__name__,
        tuple(columns),
        tuple(column.attribute for column in columns),
        positions,
        kinds,
        tuple((at, limit) for at, limit in limits if limit is not None),
    )


def schema_of(row: HasSchema) -> TableSchema:
    """Return a row's table."""
    return type(row).__schema__


def is_stored(row: HasSchema) -> bool:
    """Return whether a row came from the server, or went there."""
    return ORIGINAL in vars(row)


def refuse_other_database(row: HasSchema, database: str) -> None:
    """Check that a row, and the rows that it refers to, are of the database that it is written to.

    In another database the same key is another row, or none.

    Args:
        row: The row.
        database: The database's location.

    Raises:
        InterfaceError: One is stored in another database.
    """
    if (own := vars(row).get(DATABASE)) is not None and own != database:
        kind = type(row).__name__
        message = (
            f"this {kind} is a row of {own}, not of {database}; to store it here too, save {kind}(**row.asdict()); "
            "if both are one database, refresh() it here first"
        )
        raise InterfaceError(message)
    refuse_other_references(row, database)


def refuse_other_references(row: HasSchema, database: str) -> None:
    """Check that the rows that a row refers to are of the database that it is written to.

    Raises:
        InterfaceError: One is stored in another database.
    """
    values = vars(row)
    for name in schema_of(row).references:
        other = values.get(name)
        if other is not None and (theirs := vars(other).get(DATABASE)) is not None and theirs != database:
            message = f"{type(row).__name__}.{name} is a row of {theirs}, not of {database}; set its key here instead"
            raise InterfaceError(message)


def insertion(row: HasSchema) -> RowStatement:
    """Return the statement that inserts a row.

    Raises:
        InterfaceError: A row that it refers to is not saved yet.
        NotLoaded: A column has no value.
    """
    schema = schema_of(row)
    values = vars(row)
    copied = copy_reference_keys(row)
    snapshot = _core.snapshot(values, schema.attributes)
    cached = _insert_statement(schema, tuple([name for name in schema.attributes if name not in values]))
    absent = [name for name in cached.returning.names if name not in values]
    absent += copied
    return RowStatement(cached.text, cached.sent.params(snapshot), cached.returning, snapshot, absent)


def update(row: HasSchema) -> RowStatement | None:
    """Return the statement that updates the columns of a row that have changed; None if none has.

    Raises:
        InterfaceError: The table has no primary key; a row that it refers to is not saved yet.
    """
    schema = schema_of(row)
    values = vars(row)
    copied = copy_reference_keys(row)
    loaded = values[ORIGINAL]
    changed = _core.dirty_columns(values, schema.attributes, loaded)
    columns = tuple(column for column in map(schema.columns.__getitem__, changed) if column.generated is None)
    if not columns:
        return None
    cached = _cached(schema, "update", columns, _update)
    snapshot = list(loaded)
    for at, value in zip(cached.sent.positions, _core.snapshot(values, cached.sent.names), strict=True):
        snapshot[at] = value
    params = (*cached.sent.params(snapshot), *stored_key(row))
    return RowStatement(cached.text, params, cached.returning, tuple(snapshot), copied)


def batch_insertion(schema: TableSchema, rows: Sequence[HasSchema], database: str) -> list[RowStatement]:
    """Take snapshots of rows that one statement inserts; `with_returning` adds the columns that it returns.

    Raises:
        InterfaceError: A row that one of them refers to is not saved yet, or is stored in another database.
    """
    nothing = column_subset(schema, ())
    found: list[RowStatement] = []
    for row in rows:
        refuse_other_references(row, database)
        copied = copy_reference_keys(row)
        values = vars(row)
        absent = [name for name in schema.attributes if name not in values]
        absent += copied
        found.append(RowStatement("", (), nothing, _core.snapshot(values, schema.attributes), absent))
    return found


def with_returning(statement: RowStatement, returning: ColumnSubset) -> RowStatement:
    """Return a statement of `batch_insertion` with the columns that the server returned."""
    return RowStatement(statement.text, statement.params, returning, statement.snapshot, statement.absent)


def deletion(row: HasSchema) -> RowStatement:
    """Return the statement that deletes a row."""
    cached = _cached(schema_of(row), "delete", (), _delete)
    return RowStatement(cached.text, stored_key(row), cached.returning, (), ())


def stored_key(row: HasSchema) -> tuple[Any, ...]:
    """Return the primary key by which the server knows a row.

    Raises:
        InterfaceError: It has none, or is not stored.
    """
    schema = schema_of(row)
    loaded = vars(row).get(ORIGINAL)
    if loaded is None:
        message = f"this {type(row).__name__} is not stored; save it first"
        raise InterfaceError(message)
    if not schema.primary_key:
        message = f"{type(row).__name__} has no primary key to find the row by"
        raise InterfaceError(message)
    return tuple(old for column, old in zip(schema.columns, loaded, strict=True) if column.primary_key)


def apply_result(row: HasSchema, statement: RowStatement, given: Sequence[Any], database: str) -> None:
    """Store the result of a statement in the row; attributes that were set since it was sent keep their values.

    Args:
        row: The row.
        statement: The statement.
        given: The values of the columns that it returned.
        database: The location of the database that it is stored in.
    """
    values = vars(row)
    values[DATABASE] = database
    back = statement.returning
    if not back.columns:
        values[ORIGINAL] = statement.snapshot
        return
    fresh: dict[str, Any] = dict(zip(back.names, given, strict=True))
    for name, kind in back.kinds:
        fresh[name] = member(kind, fresh[name])
    snapshot = list(statement.snapshot)
    for at, value in zip(back.positions, _core.snapshot(fresh, back.names), strict=True):
        snapshot[at] = value
    # Usually the row had none of these columns, and nothing set them meanwhile.
    if not values.keys().isdisjoint(fresh):
        for at in _set_since(values, statement):
            del fresh[back.names[at]]
    values.update(fresh)
    values[ORIGINAL] = tuple(snapshot)


def _set_since(values: dict[str, Any], statement: RowStatement) -> list[int]:
    """Return the returned columns that were set in the row since the statement was sent."""
    back = statement.returning
    # The row may have been given None as a value.
    sent = zip(back.names, (statement.snapshot[at] for at in back.positions), strict=True)
    before = tuple(MISSING if one is None and name in statement.absent else one for name, one in sent)
    return [at for at in _core.dirty_columns(values, back.names, before) if back.columns[at].generated is None]


def restore_point(row: HasSchema, statement: RowStatement | None) -> Callable[[], None]:
    """Return a function that restores the row to its present state after a rollback; values that the caller set stay.

    Args:
        row: The row, which is about to be saved, or deleted.
        statement: The statement that saves it; None if it is deleted or read again.
    """
    values = vars(row)
    loaded, database = values.get(ORIGINAL), values.get(DATABASE)
    absent = () if statement is None else statement.absent

    def restore() -> None:
        for column in schema_of(row).primary_key:
            if column.attribute in absent and column.attribute in values:
                # Rows that refer to this one may have copied its key, which no row has after the rollback.
                values[ROLLED_BACK_KEYS] = (*values.get(ROLLED_BACK_KEYS, ()), values[column.attribute])
        for name in absent:
            values.pop(name, None)
        if loaded is None:
            values.pop(ORIGINAL, None)
            values.pop(DATABASE, None)
        else:
            values[ORIGINAL], values[DATABASE] = loaded, database

    return restore


def deleted_error(row: HasSchema) -> NoRow:
    """Return the error of a row that was deleted."""
    return NoRow(f"this {type(row).__name__} does not exist any more: its row was deleted")


def copy_reference_keys(row: HasSchema) -> tuple[str, ...]:
    """Copy the keys of the rows that a row refers to, where it has none yet, or one whose insert was rolled back.

    Args:
        row: The row.

    Returns:
        The columns that got a key.

    Raises:
        InterfaceError: A row that it refers to is not saved yet.
    """
    copied: tuple[str, ...] = ()
    for name, column in schema_of(row).references.items():
        if _copy_reference_key(row, name, column):
            copied = (*copied, column.attribute)
    return copied


def reference_key(row: HasSchema, column: Column) -> object:
    """Return the key of the row that a row refers to; None if it refers to none.

    Raises:
        InterfaceError: That row is not saved yet.
        NotLoaded: The row says nothing of it.
    """
    if column.reference is not None:
        _copy_reference_key(row, column.reference.attribute, column)
    key: object = getattr(row, column.attribute)
    return key


def _copy_reference_key(row: HasSchema, name: str, column: Column) -> bool:
    values = vars(row)
    if name not in values:
        return False
    other, attribute = values[name], column.attribute
    if attribute in values and (other is None or values[attribute] not in vars(other).get(ROLLED_BACK_KEYS, ())):
        return False
    values[attribute] = None if other is None else _key_of(row, name, other, column)
    return True


def _key_of(row: HasSchema, name: str, other: HasSchema, column: Column) -> object:
    reference = column.reference
    key = None if reference is None else vars(other).get(reference.target.attribute)
    if key is None:
        message = f"{type(row).__name__}.{name} is not saved yet; save it first"
        raise InterfaceError(message)
    return key


def _insert_statement(schema: TableSchema, lacking: tuple[str, ...]) -> CachedStatement:
    """Return the statement that inserts rows that lack these values."""
    cache: dict[Any, CachedStatement] = schema.__dict__.setdefault("cached", {})
    key = ("insert", lacking)
    found = cache.get(key)
    if found is None:
        columns: list[Column] = []
        for column in schema.columns:
            if column.attribute not in lacking:
                columns.append(column)
            elif not column.by_server:
                message = f"{schema.table.__name__}.{column.attribute} has no value"
                raise NotLoaded(message)
        own = tuple(column for column in columns if column.generated is None)
        found = cache[key] = _cached(schema, "insert", own, _insert)
    return found


def _cached(schema: TableSchema, verb: str, columns: tuple[Column, ...], write: Any) -> CachedStatement:  # noqa: ANN401
    cache: dict[Any, CachedStatement] = schema.__dict__.setdefault("cached", {})
    key = (verb, *map(id, columns))
    found = cache.get(key)
    if found is None:
        statement, returning = write(schema, columns)
        found = cache[key] = CachedStatement(
            _core.render(statement)[0], column_subset(schema, columns), column_subset(schema, returning)
        )
    return found


def _insert(schema: TableSchema, columns: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    returning = tuple(one for one in schema.columns if one not in columns or _may_change(one))
    source = schema.table.__source__
    statement: Statement = {
        "kind": "insert",
        "into": source,
        "columns": tuple(one.name for one in columns),
        "returning": tuple(("column", source, one.name) for one in returning),
    }
    if columns:
        # Placeholders: each row has its own values.
        statement["rows"] = (tuple(("value", one.name, None) for one in columns),)
    return statement, returning


def _update(schema: TableSchema, columns: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    source = schema.table.__source__
    returning = tuple(
        one for one in schema.columns if one.generated is not None or (one in columns and _may_change(one))
    )
    statement: Statement = {
        "kind": "update",
        "source": source,
        "set": tuple((one.name, ("value", one.name, None)) for one in columns),
        "where": _by_key(schema),
        "returning": tuple(("column", source, one.name) for one in returning),
    }
    return statement, returning


def _delete(schema: TableSchema, _: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    return {"kind": "delete", "source": schema.table.__source__, "where": _by_key(schema)}, ()


def select_by_key(schema: TableSchema) -> str:
    """Return the statement that reads a row by its primary key."""
    return _cached(schema, "select", (), _select).text


def _select(schema: TableSchema, _: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    source = schema.table.__source__
    columns = columns_of(schema, source)
    return {"kind": "select", "columns": columns, "from": source, "where": _by_key(schema)}, ()


def _by_key(schema: TableSchema) -> tuple[Any, ...]:
    source = schema.table.__source__
    return tuple(("binary", "=", ("column", source, one.name), ("value", one.name, None)) for one in schema.primary_key)


def _may_change(column: Column) -> bool:
    """Return whether the server may store another value than it is sent, or the value can be changed in place."""
    name = column.type.name
    return "(" in name or name.startswith(("real", "float4", "char", "bpchar", "vector", "halfvec"))
