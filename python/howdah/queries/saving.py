"""How single rows are inserted, updated and deleted: statements, written once for each set of columns."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from howdah import _core
from howdah.errors import DataError, InterfaceError, NoRow, NotLoaded
from howdah.queries.loading import columns_of
from howdah.queries.nodes import member
from howdah.tables.attributes import UNDONE
from howdah.tables.exactness import limit_of
from howdah.tables.schema import MISSING
from howdah.tables.table import DATABASE, LOADED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from howdah.tables.exactness import Limit
    from howdah.tables.schema import Column, TableSchema
    from howdah.tables.table import Table

    Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """Some columns of a table.

    Attributes:
        table: The name of the table's class.
        columns: The columns.
        names: Their names in the class.
        places: Where they stand among the table's columns.
        kinds: The classes of their values where the server gives something else, by name.
        limits: Those that do not hold all that their values may have, counted from 0.
    """

    table: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    places: tuple[int, ...]
    kinds: tuple[tuple[str, type[Any]], ...]
    limits: tuple[tuple[int, Limit], ...]

    def params(self, noted: Sequence[Any]) -> tuple[Any, ...]:
        """Give their values, of those of all columns, as they go to the server.

        Raises:
            DataError: A value that the column would round.
        """
        found = [noted[at] for at in self.places]
        for at, limit in self.limits:
            if not limit.holds(found[at]):
                message = f'{self.table}, column "{self.names[at]}": {limit.problem(found[at])}'
                raise DataError(message)
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Written:
    """A statement as text, the columns that it writes, and those whose values it gives."""

    text: str
    sent: Part
    returning: Part


# One is made for each row, and a frozen one takes longer to make.
@dataclass(slots=True)
class Saving:
    """A statement for one row.

    Attributes:
        text: The statement.
        params: Its parameters.
        returning: The columns whose values it gives.
        noted: The values of all columns as they are sent; the row's may change while the server is waited for.
        absent: The columns that have no value but for this statement: the server, or a reference, gives them one.
    """

    text: str
    params: tuple[Any, ...]
    returning: Part
    noted: tuple[Any, ...]
    absent: Sequence[str]


def part(schema: TableSchema, columns: Sequence[Column]) -> Part:
    """Give some columns of a table, with what is asked of them for each row."""
    places = tuple(schema.columns.index(column) for column in columns)
    kinds = tuple((column.attribute, kind) for column in columns if (kind := column.type.kind) is not None)
    limits = [(at, limit_of(column.type.name)) for at, column in enumerate(columns)]
    return Part(
        schema.table.__name__,
        tuple(columns),
        tuple(column.attribute for column in columns),
        places,
        kinds,
        tuple((at, limit) for at, limit in limits if limit is not None),
    )


def schema_of(row: Table) -> TableSchema:
    """Give a row's table."""
    return type(row).__schema__


def is_stored(row: Table) -> bool:
    """Tell whether a row came from the server, or went there."""
    return LOADED in vars(row)


def refuse_other_database(row: Table, database: str) -> None:
    """Check that a row, and the rows that it refers to, are of the database in which it is to be written.

    A key means another row, or none, elsewhere.

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


def refuse_other_references(row: Table, database: str) -> None:
    """Check that the rows that a row refers to are of the database in which it is to be written.

    Raises:
        InterfaceError: One is stored in another database.
    """
    values = vars(row)
    for name in schema_of(row).references:
        other = values.get(name)
        if other is not None and (theirs := vars(other).get(DATABASE)) is not None and theirs != database:
            message = f"{type(row).__name__}.{name} is a row of {theirs}, not of {database}; set its key here instead"
            raise InterfaceError(message)


def insertion(row: Table) -> Saving:
    """Give the statement that inserts a row.

    Raises:
        InterfaceError: A row that it refers to is not saved yet.
        NotLoaded: A column has no value.
    """
    schema = schema_of(row)
    values = vars(row)
    taken = take_keys(row)
    noted = _core.snapshot(values, schema.attributes)
    written = _inserting(schema, tuple([name for name in schema.attributes if name not in values]))
    absent = [name for name in written.returning.names if name not in values]
    absent += taken
    return Saving(written.text, written.sent.params(noted), written.returning, noted, absent)


def update(row: Table) -> Saving | None:
    """Give the statement that updates the columns of a row that have changed; None if none has.

    Raises:
        InterfaceError: The table has no primary key; a row that it refers to is not saved yet.
    """
    schema = schema_of(row)
    values = vars(row)
    taken = take_keys(row)
    loaded = values[LOADED]
    changed = _core.changes(values, schema.attributes, loaded)
    columns = tuple(column for column in map(schema.columns.__getitem__, changed) if column.generated is None)
    if not columns:
        return None
    written = _cached(schema, "update", columns, _update)
    noted = list(loaded)
    for at, value in zip(written.sent.places, _core.snapshot(values, written.sent.names), strict=True):
        noted[at] = value
    params = (*written.sent.params(noted), *stored_key(row))
    return Saving(written.text, params, written.returning, tuple(noted), taken)


def batch(schema: TableSchema, rows: Sequence[Table], database: str) -> list[Saving]:
    """Note what rows hold before they are inserted by one statement, whose results `filled` puts into them.

    Raises:
        InterfaceError: A row that one of them refers to is not saved yet, or is stored in another database.
    """
    nothing = part(schema, ())
    found: list[Saving] = []
    for row in rows:
        refuse_other_references(row, database)
        taken = take_keys(row)
        values = vars(row)
        absent = [name for name in schema.attributes if name not in values]
        absent += taken
        found.append(Saving("", (), nothing, _core.snapshot(values, schema.attributes), absent))
    return found


def filled(saving: Saving, returning: Part) -> Saving:
    """Give what `batch` noted of a row, with the columns whose values there are now."""
    return Saving(saving.text, saving.params, returning, saving.noted, saving.absent)


def deletion(row: Table) -> Saving:
    """Give the statement that deletes a row."""
    written = _cached(schema_of(row), "delete", (), _delete)
    return Saving(written.text, stored_key(row), written.returning, (), ())


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


def keep(row: Table, saving: Saving, given: Sequence[Any], database: str) -> None:
    """Note what the server has now, and take what it filled in; what was set since the row was sent stays.

    Args:
        row: The row.
        saving: What was done.
        given: The values of the columns that it gives.
        database: The location of the database that it is stored in.
    """
    values = vars(row)
    values[DATABASE] = database
    back = saving.returning
    if not back.columns:
        values[LOADED] = saving.noted
        return
    fresh: dict[str, Any] = dict(zip(back.names, given, strict=True))
    for name, kind in back.kinds:
        fresh[name] = member(kind, fresh[name])
    noted = list(saving.noted)
    for at, value in zip(back.places, _core.snapshot(fresh, back.names), strict=True):
        noted[at] = value
    # Most often the row has none of them, and so none was set.
    if not values.keys().isdisjoint(fresh):
        for at in _set_since(values, saving):
            del fresh[back.names[at]]
    values.update(fresh)
    values[LOADED] = tuple(noted)


def _set_since(values: dict[str, Any], saving: Saving) -> list[int]:
    """Tell which of the columns that the server gives were set while it was waited for."""
    back = saving.returning
    # None is a value that may have been set.
    sent = zip(back.names, (saving.noted[at] for at in back.places), strict=True)
    before = tuple(MISSING if one is None and name in saving.absent else one for name, one in sent)
    return [at for at in _core.changes(values, back.names, before) if back.columns[at].generated is None]


def state(row: Table, saving: Saving | None) -> Callable[[], None]:
    """Give what puts a row back as it is now, as far as the server has a part in it.

    Args:
        row: The row, which is about to be saved, or deleted.
        saving: What is to be done, if the row is saved.
    """
    values = vars(row)
    loaded, database = values.get(LOADED), values.get(DATABASE)
    absent = () if saving is None else saving.absent

    def restore() -> None:
        for column in schema_of(row).primary_key:
            if column.attribute in absent and column.attribute in values:
                # Rows that refer to this one may have taken its key, which is no row's any more.
                values[UNDONE] = (*values.get(UNDONE, ()), values[column.attribute])
        for name in absent:
            values.pop(name, None)
        if loaded is None:
            values.pop(LOADED, None)
            values.pop(DATABASE, None)
        else:
            values[LOADED], values[DATABASE] = loaded, database

    return restore


def gone(row: Table) -> NoRow:
    """Give the error of a row that is not there any more."""
    return NoRow(f"this {type(row).__name__} is not there any more: its row was deleted")


def take_keys(row: Table) -> tuple[str, ...]:
    """Take the keys of the rows that a row refers to, where it has none yet, or one whose row was undone.

    Args:
        row: The row.

    Returns:
        The columns that got a key.

    Raises:
        InterfaceError: A row that it refers to is not saved yet.
    """
    taken: tuple[str, ...] = ()
    for name, column in schema_of(row).references.items():
        if _takes_key(row, name, column):
            taken = (*taken, column.attribute)
    return taken


def reference_key(row: Table, column: Column) -> object:
    """Give the key of the row that a row refers to; None if it refers to none.

    Raises:
        InterfaceError: That row is not saved yet.
        NotLoaded: The row says nothing of it.
    """
    if column.reference is not None:
        _takes_key(row, column.reference.attribute, column)
    key: object = getattr(row, column.attribute)
    return key


def _takes_key(row: Table, name: str, column: Column) -> bool:
    values = vars(row)
    if name not in values:
        return False
    other, attribute = values[name], column.attribute
    if attribute in values and (other is None or values[attribute] not in vars(other).get(UNDONE, ())):
        return False
    values[attribute] = None if other is None else _key_of(row, name, other, column)
    return True


def _key_of(row: Table, name: str, other: Table, column: Column) -> object:
    reference = column.reference
    key = None if reference is None else vars(other).get(reference.target.attribute)
    if key is None:
        message = f"{type(row).__name__}.{name} is not saved yet; save it first"
        raise InterfaceError(message)
    return key


def _inserting(schema: TableSchema, lacking: tuple[str, ...]) -> Written:
    """Give the statement that inserts rows that lack these values."""
    cache: dict[Any, Written] = schema.__dict__.setdefault("written", {})
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


def _cached(schema: TableSchema, verb: str, columns: tuple[Column, ...], write: Any) -> Written:  # noqa: ANN401
    cache: dict[Any, Written] = schema.__dict__.setdefault("written", {})
    key = (verb, *map(id, columns))
    found = cache.get(key)
    if found is None:
        statement, returning = write(schema, columns)
        found = cache[key] = Written(_core.render(statement)[0], part(schema, columns), part(schema, returning))
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
    """Tell whether the server may keep another value than it is given, or the row something that others may change."""
    name = column.type.name
    return "(" in name or name.startswith(("real", "float4", "char", "bpchar", "vector", "halfvec"))
