"""Pivots the caller's dicts and objects into one list of values for each column of a table."""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from howdah import _core
from howdah.errors import DataError, InterfaceError
from howdah.expressions.node import key_value
from howdah.queries import persistence
from howdah.queries.text_params import array_texts, is_nested, may_be_composite, unknown_texts
from howdah.tables.column import referenced_schema, wrong_table
from howdah.tables.defaults import MISSING
from howdah.tables.row_state import DATABASE, ORIGINAL, ROLLED_BACK_KEYS
from howdah.tables.scale_limits import limit_of
from howdah.tables.schema import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from howdah.expressions.node import Node
    from howdah.tables.schema import Column, TableSchema

    Objects = list[tuple[Any, persistence.RowStatement]]


@dataclass(slots=True)
class ColumnBatch:
    """Rows as columns.

    Attributes:
        columns: The columns that get values.
        values: The values of each, in the order of the rows.
        given: The columns that the caller gave; the others have the class's defaults.
        count: The number of rows.
        objects: The rows, if they are objects of the table, each with the statement that inserts it.
        constants: Columns with the same value in every row, which no row gives.
        texts: The values of columns that are sent as text, and cast by the server.
        lacking: Columns that only some rows give; the others have the class's default. By the column's name, the
            attribute that is given, and the first row without it.
    """

    columns: list[Column]
    values: list[list[Any]]
    given: set[str]
    count: int
    objects: Objects | None
    constants: dict[str, Any] = field(default_factory=dict)
    texts: dict[str, list[str | None]] = field(default_factory=dict)
    lacking: dict[str, tuple[str, int]] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Return the names of the columns with a list of values."""
        return tuple(column.name for column in self.columns)

    def materialise_constants(self, schema: TableSchema) -> None:
        """Repeat the constants for each row, as columns."""
        for name, value in self.constants.items():
            self.add(schema.by_name[name], [value] * self.count)
        self.constants = {}

    def may_unnest(self) -> bool:
        """Return whether all columns can be sent as arrays; a column of arrays is sent as text if possible."""
        found: dict[str, list[str | None]] = {}
        for column, values in zip(self.columns, self.values, strict=True):
            if column.name in self.texts:
                continue
            if column.type.name.endswith("[]"):
                texts = array_texts(column, values)
            elif column.type.is_json:
                # The server reads an array of text faster than one of JSON.
                texts = _core.json_texts(values)
            elif may_be_composite(column, values):
                return False
            else:
                continue
            if texts is None:
                return False
            found[column.name] = texts
        self.texts.update(found)
        return True

    def encode_nested_as_text(self) -> None:
        """Send arrays of arrays as text, for any number of rows."""
        for column, values in zip(self.columns, self.values, strict=True):
            if is_nested(column) and column.name not in self.texts:
                texts = array_texts(column, values)
                if texts is not None:
                    self.texts[column.name] = texts

    def columns_of_unknown_type(self) -> list[Column]:
        """Return the columns of strings whose type howdah does not know by its name."""
        pairs = zip(self.columns, self.values, strict=True)
        return [column for column, values in pairs if column.name not in self.texts and unknown_texts(column, values)]

    def encode_as_text(self, column: Column) -> None:
        """Send the values of a column, which are strings, as text."""
        self.texts[column.name] = self.values[self.columns.index(column)]

    def has_nulls(self, names: Sequence[str]) -> bool:
        """Return whether one of these columns has a NULL."""
        constant = any(self.constants.get(name, MISSING) is None for name in names)
        pairs = zip(self.columns, self.values, strict=True)
        return constant or any(column.name in names and None in values for column, values in pairs)

    def refuse_inexact(self, schema: TableSchema, *, copied: bool) -> None:
        """Check that the columns can hold the values exactly: the server would round them.

        Args:
            schema: The table.
            copied: Whether they are sent by COPY, which checks numbers itself.

        Raises:
            DataError: One has more digits than its column.
        """
        pairs = [*zip(self.columns, self.values, strict=True)]
        pairs.extend((schema.by_name[name], [value]) for name, value in self.constants.items())
        for column, values in pairs:
            limit = limit_of(column.type.name)
            if limit is None or (copied and limit.is_number and column.name not in self.texts):
                continue
            holds = limit.holds
            at = next((at for at, value in enumerate(values) if not holds(value)), None)
            if at is not None:
                message = f'{schema.table.__name__}, row {at}, column "{column.attribute}": {limit.problem(values[at])}'
                raise DataError(message)

    def as_source(self, schema: TableSchema, ordinality: str) -> tuple[Source, tuple[Node, ...]]:
        """Return the rows as a FROM item with an ordinality column, and the expressions to select of it."""
        if not self.columns:
            call: Node = ("call", "generate_series", (("literal", 1), ("value", self.count, "bigint")), {})
            return Source("function", ("given",), call=call, columns=(ordinality,)), self._constants(schema)
        arrays: list[Node] = []
        for column, values in zip(self.columns, self.values, strict=True):
            texts = self.texts.get(column.name)
            kind = "text[]" if texts is not None else f"{column.type.bare}[]"
            arrays.append(("value", values if texts is None else texts, kind))
        source = Source(
            "function",
            ("given",),
            call=("call", "unnest", tuple(arrays), {}),
            columns=(*self.names(), ordinality),
            ordinality=ordinality,
        )
        return source, (*self.nodes(source), *self._constants(schema))

    def nodes(self, source: Source) -> tuple[Node, ...]:
        """Return the expressions to select of a FROM item that has the values."""
        return tuple(
            ("cast", ("column", source, column.name), column.type.bare)
            if column.name in self.texts
            else ("column", source, column.name)
            for column in self.columns
        )

    def _constants(self, schema: TableSchema) -> tuple[Node, ...]:
        return tuple(("value", value, schema.by_name[name].type.bare) for name, value in self.constants.items())

    def rows(self) -> Iterable[tuple[Any, ...]]:
        """Return the rows as tuples."""
        if not self.texts:
            return zip(*self.values, strict=True)
        pairs = zip(self.columns, self.values, strict=True)
        return zip(*(self.texts.get(column.name, values) for column, values in pairs), strict=True)

    def add(self, column: Column, values: list[Any]) -> None:
        """Return a column values."""
        self.columns.append(column)
        self.values.append(values)


def columns_of_rows(schema: TableSchema, rows: list[Any], database: str) -> ColumnBatch:
    """Pivot rows into columns.

    Args:
        schema: The table.
        rows: Dicts, or objects of the table.
        database: The location of the database in which they are to be stored.

    Returns:
        The columns.

    Raises:
        InterfaceError: A row is neither, gives what is no column, or lacks a column that has no default.
    """
    first = rows[0]
    if isinstance(first, schema.table):
        for at, row in enumerate(rows):
            if type(row) is not schema.table:
                expected = f"expected a {schema.table.__name__} like the first row"
                raise _row_error(schema, at, f"{expected}, got {type(row).__name__}")
        statements = persistence.batch_insertion(schema, rows, database)
        return _build(schema, [vars(row) for row in rows], list(zip(rows, statements, strict=True)))
    if set(map(type, rows)) != {dict}:
        for at, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise _row_error(schema, at, f"expected a dict or a {schema.table.__name__}, got {type(row).__name__}")
    return _build(schema, rows, None)


def default_values(schema: TableSchema, names: Sequence[str]) -> dict[str, Any]:
    """Return the defaults of the columns that Arrow data lacks.

    Args:
        schema: The table.
        names: The columns that the data has.

    Returns:
        The values of the class's defaults, by column.

    Raises:
        InterfaceError: A column is lacking whose default is made for each row, or that has none.
    """
    found: dict[str, Any] = {}
    for column in schema.columns:
        if column.name in names or column.by_server:
            continue
        if not _is_constant(column):
            message = (
                f'{schema.table.__name__}: the data has no column "{column.attribute}", which has no plain default'
            )
            raise InterfaceError(message)
        found[column.name] = _default(column)()
    return found


def _build(schema: TableSchema, rows: list[Any], objects: Objects | None) -> ColumnBatch:
    first = tuple(rows[0])
    split = _core.pivot_dicts(rows, first)
    by_name = None if split is None else dict(zip(first, split, strict=True))
    known: set[str] = set(first) if by_name is not None else set().union(*rows)
    made = ColumnBatch([], [], set(), len(rows), objects)
    for column in schema.columns:
        names = [column.attribute]
        if column.reference is not None:
            names.append(column.reference.attribute)
        present = [name for name in names if name in known]
        if objects is not None and column.generated is not None:
            known.discard(column.attribute)
            continue
        if not present and _is_constant(column):
            made.constants[column.name] = _default(column)()
            continue
        if not present and (column.by_server or not _has_default(column)):
            if column.by_server:
                continue
            raise _row_error(schema, 0, f'no value for "{column.attribute}", which has no default')
        _refuse_generated(schema, column)
        values = _values(schema, column, rows, present, by_name, made.lacking, refuse_both=objects is None)
        if present:
            made.given.add(column.attribute)
        known.difference_update(names)
        made.add(column, values)
    if objects is not None:
        known -= {*schema.collections, DATABASE, ORIGINAL, ROLLED_BACK_KEYS}
    if known:
        stray = next(name for name in sorted(known, key=str))
        at = next(at for at, row in enumerate(rows) if stray in row)
        raise _row_error(schema, at, f"{stray!r} is no column")
    return made


def _refuse_generated(schema: TableSchema, column: Column) -> None:
    if column.generated is not None:
        raise _row_error(schema, 0, f'"{column.attribute}" is generated by the server, and cannot be given')


def _is_constant(column: Column) -> bool:
    return column.default is not MISSING or column.default_factory in {list, dict}


def _has_default(column: Column) -> bool:
    return column.has_default


def _values(  # noqa: PLR0917  (what the values are made of)
    schema: TableSchema,
    column: Column,
    rows: Sequence[Mapping[str, Any]],
    present: list[str],
    by_name: Mapping[str, list[Any]] | None,
    lacking: dict[str, tuple[str, int]],
    *,
    refuse_both: bool,
) -> list[Any]:
    if not present:
        make = _default(column)
        return [make() for _ in rows]
    name = present[0]
    if len(present) > 1 and refuse_both:
        at = next((at for at, row in enumerate(rows) if all(one in row for one in present)), None)
        if at is not None:
            raise _row_error(schema, at, f"{present[1]!r} and {present[0]!r} are the same column; give one of them")
    if by_name is not None and len(present) == 1:
        values = by_name[name]
    else:
        values = [next((row[one] for one in present if one in row), MISSING) for row in rows]
        at = next((at for at, value in enumerate(values) if value is MISSING), None)
        if at is not None:
            if not column.has_default:
                other = "which has no default" if not column.by_server else "which other rows give"
                raise _row_error(schema, at, f'no value for "{name}", {other}')
            lacking[column.name] = name, at
            make = _default(column)
            values = [make() if value is MISSING else value for value in values]
    if column.reference is not None:
        _refuse_another(schema, column, values)
        values = [key_value(value) for value in values]
    elif column.type.kind is not None:
        values = [_label(value) for value in values]
    return values


def _refuse_another(schema: TableSchema, column: Column, values: Sequence[Any]) -> None:
    """Check that objects are rows of the table that a column refers to: other keys would match wrong rows."""
    expected = referenced_schema(column)
    for kind in set(map(type, values)):
        given: TableSchema | None = getattr(kind, "__schema__", None)
        if given is not None and expected is not None and given.name != expected.name:
            at = next(at for at, value in enumerate(values) if type(value) is kind)
            raise _row_error(schema, at, f'"{column.attribute}": {wrong_table(expected, kind)}')


def _default(column: Column) -> Callable[[], Any]:
    if column.default_factory is not None:
        return column.default_factory
    default = column.default.value if isinstance(column.default, Enum) else column.default
    return lambda: default


def _label(value: object) -> object:
    if isinstance(value, list):
        return [_label(one) for one in cast("list[object]", value)]
    return value.value if isinstance(value, Enum) else value


def refuse_lacking(schema: TableSchema, columns: ColumnBatch, names: Iterable[str]) -> None:
    """Check that all rows give the columns that an upsert updates: the default is for new rows only.

    Args:
        schema: The table.
        columns: The rows.
        names: The columns whose new values the stored rows get.

    Raises:
        InterfaceError: A row lacks such a column, which others give.
    """
    for name in names:
        if name in columns.lacking:
            key, at = columns.lacking[name]
            problem = (
                f'no value for "{key}", which other rows have; the default would replace the stored value: '
                "give every row the same keys, or call upsert() once for each set of keys"
            )
            raise _row_error(schema, at, problem)


def _row_error(schema: TableSchema, row: int, problem: str) -> InterfaceError:
    return InterfaceError(f"{schema.table.__name__}, row {row}: {problem}")
