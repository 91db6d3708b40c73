"""How single rows are inserted, updated and deleted: statements, written once for each set of columns."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import InterfaceError, NoRow, NotLoaded
from howdah.queries.loading import columns_of
from howdah.queries.nodes import member
from howdah.tables.table import LOADED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from howdah.tables.schema import Column, TableSchema
    from howdah.tables.table import Table

    Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A statement as text, and the columns whose values it gives."""

    text: str
    returning: tuple[Column, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """A statement for one row.

    Attributes:
        text: The statement.
        params: Its parameters.
        returning: The columns whose values it gives.
        columns: The columns that it writes.
    """

    text: str
    params: tuple[Any, ...]
    returning: tuple[Column, ...]
    columns: tuple[Column, ...]


def schema_of(row: Table) -> TableSchema:
    """Give a row's table."""
    return type(row).__schema__


def is_stored(row: Table) -> bool:
    """Tell whether a row came from the server, or went there."""
    return LOADED in vars(row)


def insertion(row: Table) -> Saving:
    """Give the statement that inserts a row.

    Raises:
        InterfaceError: A row that it refers to is not saved yet.
        NotLoaded: A column has no value.
    """
    schema = schema_of(row)
    values = vars(row)
    columns: list[Column] = []
    params: list[Any] = []
    for column in schema.columns:
        name = column.attribute
        if name not in values:
            if column.reference is not None and column.reference.attribute in values:
                values[name] = _key_of_unsaved(row, column)
            elif column.by_server:
                continue
            else:
                message = f"{type(row).__name__}.{name} has no value"
                raise NotLoaded(message)
        if column.generated is None:
            columns.append(column)
            params.append(_param(column, values[name]))
    written = _cached(schema, "insert", tuple(columns), _insert)
    return Saving(written.text, tuple(params), written.returning, tuple(columns))


def update(row: Table) -> Saving | None:
    """Give the statement that updates the columns of a row that have changed; None if none has.

    Raises:
        InterfaceError: The table has no primary key; a row that it refers to is not saved yet.
    """
    schema = schema_of(row)
    values = vars(row)
    for name, column in schema.references.items():
        if column.attribute not in values and name in values:
            values[column.attribute] = _key_of_unsaved(row, column)
    changed = _core.changes(values, schema.attributes, values[LOADED])
    columns = tuple(column for column in map(schema.columns.__getitem__, changed) if column.generated is None)
    if not columns:
        return None
    written = _cached(schema, "update", columns, _update)
    params = tuple(_param(column, values[column.attribute]) for column in columns)
    return Saving(written.text, (*params, *stored_key(row)), written.returning, columns)


def deletion(row: Table) -> Saving:
    """Give the statement that deletes a row."""
    written = _cached(schema_of(row), "delete", (), _delete)
    return Saving(written.text, stored_key(row), (), ())


def stored_key(row: Table) -> tuple[Any, ...]:
    """Give the primary key by which the server knows a row.

    Raises:
        InterfaceError: It has none, or is not stored.
    """
    schema = schema_of(row)
    loaded = vars(row).get(LOADED)
    if loaded is None:
        message = f"this {type(row).__name__} is not stored; save it first"
        raise InterfaceError(message)
    if not schema.primary_key:
        message = f"{type(row).__name__} has no primary key to find the row by"
        raise InterfaceError(message)
    return tuple(old for column, old in zip(schema.columns, loaded, strict=True) if column.primary_key)


def keep(row: Table, saving: Saving, given: Sequence[Any]) -> None:
    """Note what the server has now.

    Args:
        row: The row.
        saving: What was done.
        given: The values of the columns that it gives.
    """
    values = vars(row)
    for column, value in zip(saving.returning, given, strict=True):
        kind = column.type.kind
        values[column.attribute] = value if kind is None else member(kind, value)
    values[LOADED] = _core.snapshot(values, schema_of(row).attributes)


def state(row: Table, saving: Saving | None) -> Callable[[], None]:
    """Give what puts a row back as it is now, as far as the server has a part in it.

    Args:
        row: The row, which is about to be saved, or deleted.
        saving: What is to be done, if the server is to fill in values.
    """
    values = vars(row)
    loaded = values.get(LOADED)
    filled = () if saving is None or loaded is not None else saving.returning
    absent = [column.attribute for column in filled if column.attribute not in values]

    def restore() -> None:
        for name in absent:
            values.pop(name, None)
        if loaded is None:
            values.pop(LOADED, None)
        else:
            values[LOADED] = loaded

    return restore


def gone(row: Table) -> NoRow:
    """Give the error of a row that is not there any more."""
    return NoRow(f"this {type(row).__name__} is not there any more: its row was deleted")


def _key_of_unsaved(row: Table, column: Column) -> object:
    reference = column.reference
    if reference is None:
        raise TypeError(column.name)
    other = vars(row)[reference.attribute]
    key = None if other is None else vars(other).get(reference.target.attribute)
    if other is not None and key is None:
        message = f"{type(row).__name__}.{reference.attribute} is not saved yet; save it first"
        raise InterfaceError(message)
    return key


def _param(column: Column, value: object) -> object:
    """Give a value as it goes to the server, which takes text for JSON that is written already."""
    return json.dumps(value) if isinstance(value, str) and column.type.is_json else value


def _cached(schema: TableSchema, verb: str, columns: tuple[Column, ...], write: Any) -> Written:  # noqa: ANN401
    cache: dict[Any, Written] = schema.__dict__.setdefault("written", {})
    key = (verb, *map(id, columns))
    found = cache.get(key)
    if found is None:
        statement, returning = write(schema, columns)
        found = cache[key] = Written(_core.render(statement)[0], returning)
    return found


def _insert(schema: TableSchema, columns: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    returning = tuple(one for one in schema.columns if one not in columns or _rounds(one))
    source = schema.table.__source__
    statement: Statement = {
        "kind": "insert",
        "into": source,
        "columns": tuple(one.name for one in columns),
        "returning": tuple(("column", source, one.name) for one in returning),
    }
    if columns:
        # The values come later; each has a place of its own.
        statement["rows"] = (tuple(("value", one.name, None) for one in columns),)
    return statement, returning


def _update(schema: TableSchema, columns: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    source = schema.table.__source__
    returning = tuple(one for one in schema.columns if one.generated is not None or (one in columns and _rounds(one)))
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


def selection(schema: TableSchema) -> str:
    """Give the statement that reads a row by its primary key."""
    return _cached(schema, "select", (), _select).text


def _select(schema: TableSchema, _: tuple[Column, ...]) -> tuple[Statement, tuple[Column, ...]]:
    source = schema.table.__source__
    columns = columns_of(schema, source)
    return {"kind": "select", "columns": columns, "from": source, "where": _by_key(schema)}, ()


def _by_key(schema: TableSchema) -> tuple[Any, ...]:
    source = schema.table.__source__
    return tuple(("binary", "=", ("column", source, one.name), ("value", one.name, None)) for one in schema.primary_key)


def _rounds(column: Column) -> bool:
    """Tell whether the server may keep another value than it is given."""
    name = column.type.name
    return "(" in name or name.startswith(("real", "float4", "char", "bpchar"))
