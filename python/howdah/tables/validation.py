"""Support for pydantic, and so for FastAPI, which validate rows that an application receives.

Input is an object with the table's columns; a reference is its key. Columns that the server fills in may be left out,
and generated columns are ignored. Output has the columns, and the relations that are loaded.

FastAPI treats a table as the body of a request if it is declared so: `user: Annotated[User, Body()]`.
"""

# The types of values in rows are known at run time only.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import types
from dataclasses import dataclass
from decimal import Decimal
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Optional, Protocol, Union, cast, get_args, get_origin
from weakref import WeakKeyDictionary

import pydantic
from pydantic_core import core_schema as schemas
from typing_extensions import TypedDict

from howdah.json_values import Json
from howdah.range import Range
from howdah.tables.defaults import MISSING
from howdah.tables.schema import HasSchema
from howdah.vector import Vector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from howdah.tables.declarations import Declaration
    from howdah.tables.schema import Column

NAMED_LENGTH = re.compile(r"(?:varchar|character varying|char|character|bpchar)\((\d+)\)")
DIGITS = re.compile(r"(?:numeric|decimal)\((\d+)(?:,\s*(-?\d+))?\)")
DIMENSIONS = re.compile(r"(?:vector|halfvec)\((\d+)\)")
BITS = {"smallint": 16, "int2": 16, "integer": 32, "int": 32, "int4": 32, "bigint": 64, "int8": 64}
RANGE_ENDS = {"tstzrange": "timestamptz", "tsrange": "timestamp"}
NAIVE = ("timestamp", "timestamp without time zone")


class Row(HasSchema, Protocol):
    """A row, as far as it is written out here."""

    def asdict(self) -> dict[str, Any]:
        """Return the values of the columns by their names in the class."""
        ...


_shown: WeakKeyDictionary[type, pydantic.TypeAdapter[Any]] = WeakKeyDictionary()
_kinds: WeakKeyDictionary[type, Any] = WeakKeyDictionary()
_models: WeakKeyDictionary[type, type[pydantic.BaseModel]] = WeakKeyDictionary()


def model(table: type[HasSchema]) -> type[pydantic.BaseModel]:
    """Return a pydantic model of a table.

    Args:
        table: The table.

    Returns:
        A model with its columns, by their names in the class. Those that the server fills may be left out, and a
        reference is its key.
    """
    found = _models.get(table)
    if found is None:
        fields: dict[str, Any] = {column.attribute: _field(column, table) for column in table.__schema__.columns}
        config = pydantic.ConfigDict(
            title=table.__name__, from_attributes=True, arbitrary_types_allowed=True, extra="forbid"
        )
        name = f"{table.__name__}Model"
        found = pydantic.create_model(
            name, __config__=config, __module__=table.__module__, __doc__=table.__doc__, **fields
        )
        _models[table] = found
    return found


def _field(column: Column, table: type[HasSchema]) -> tuple[Any, Any]:
    kind = annotation(column, table)
    if column.by_server:
        return Optional[kind], None  # noqa: UP045  (a type that is known at run time alone)
    if column.default_factory is not None:
        return kind, pydantic.Field(default_factory=column.default_factory)
    return kind, ... if column.default is MISSING else column.default


def annotation(column: Column, table: type[HasSchema], *, shown: bool = False) -> Any:  # noqa: ANN401  (a type)
    """Return the type of a column's values for pydantic: with the limits of the column's SQL type.

    Args:
        column: The column.
        table: The table.
        shown: Whether it is for output, whose values came from the server and need no check.

    Returns:
        The type, as an annotation.
    """
    if column.reference is not None:
        kind = annotation(column.reference.target, column.reference.table, shown=shown)
        return Optional[kind] if column.nullable else kind  # noqa: UP045
    declarations: tuple[Declaration, ...] = table.__declared__  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    declared = next(one for one in declarations if one.name == column.attribute)
    sql = column.type.name.rstrip("[]").lower()
    kind = _known(declared.namespace.evaluate(declared.inner), "" if shown else sql)
    return Annotated[kind, UNWRAPPED] if column.type.is_json else kind


def _known(kind: Any, sql: str) -> Any:  # noqa: ANN401, PLR0911  (types, and one for each kind)
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        return Union[tuple(_known(one, sql) for one in inner)]  # noqa: UP007
    if origin is list:
        return list[_known(inner[0], sql)]  # type: ignore[misc]
    if origin is Range:
        return Annotated[Range[_known(inner[0], RANGE_ENDS.get(sql, ""))], pydantic.AfterValidator(_in_order)]  # type: ignore[misc]
    if kind in {bytes, bytearray, memoryview}:
        return Base64
    if kind is Vector:
        size = DIMENSIONS.fullmatch(sql)
        length = pydantic.Field() if size is None else pydantic.Field(min_length=int(size[1]), max_length=int(size[1]))
        return Annotated[list[float], length, pydantic.AfterValidator(Vector), AS_LIST]
    if kind is dt.datetime and sql:
        return pydantic.NaiveDatetime if sql in NAIVE else pydantic.AwareDatetime
    if kind is str and sql:
        limit = NAMED_LENGTH.fullmatch(sql)
        length = pydantic.Field(max_length=None if limit is None else int(limit[1]))
        return Annotated[str, length, pydantic.AfterValidator(_storable)]
    if kind is int and sql in BITS:
        bound = 1 << (BITS[sql] - 1)
        return Annotated[int, pydantic.Field(ge=-bound, le=bound - 1)]
    if kind is Decimal and (digits := DIGITS.fullmatch(sql)):
        return Annotated[Decimal, pydantic.Field(max_digits=int(digits[1]), decimal_places=int(digits[2] or 0))]
    return kind


def _in_order(found: Range[Any]) -> Range[Any]:
    if found.lower is not None and found.upper is not None and found.lower > found.upper:
        message = "the lower end of a range is not greater than the upper"
        raise ValueError(message)
    return found


def _storable(text: str) -> str:
    if "\0" in text:
        message = "text cannot contain a NUL character"
        raise ValueError(message)
    return text


def _decoded(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        message = "bytes are given as base64"
        raise ValueError(message) from None


# JSON's null is a Json in a row, and null where the row is shown.
UNWRAPPED = pydantic.WrapSerializer(lambda value, write: write(value.value if isinstance(value, Json) else value))
AS_LIST = pydantic.PlainSerializer(list, return_type=list[float])
Base64 = Annotated[
    bytes,
    pydantic.BeforeValidator(_decoded),
    pydantic.PlainSerializer(lambda value: base64.b64encode(value).decode(), when_used="json"),
    pydantic.WithJsonSchema({"type": "string", "format": "byte", "contentEncoding": "base64"}),
]


def core_schema(table: type[HasSchema], handler: Any) -> Any:  # noqa: ANN401  (pydantic's)
    """Return the schema by which pydantic validates and serializes rows.

    Args:
        table: The table.
        handler: pydantic's function that returns the schema of another type.

    Returns:
        The schema: it accepts rows unchanged, and makes rows of other objects; its output has the columns with values,
        and the relations that are loaded.
    """
    schema = table.__schema__
    generated = {column.attribute for column in schema.columns if column.generated is not None}

    def made(value: Any, validate: Any) -> HasSchema:  # noqa: ANN401  (a row, or what one is made of)
        if isinstance(value, table):
            return value
        if isinstance(value, pydantic.BaseModel):
            value = {name: getattr(value, name) for name in value.model_fields_set}
        given = validate(value)
        return table(**{name: one for name, one in given.items() if name not in generated})

    # By this name pydantic's errors speak of it.
    made.__name__ = made.__qualname__ = table.__name__
    name = _reference(table)
    taken = schemas.typed_dict_schema(
        {column.attribute: _input_field(column, table, handler) for column in schema.columns},
        cls=table,
        extra_behavior="forbid",
        ref=name,
    )
    described = handler.generate_schema(Annotated[Any, _Described(table)])
    serialization = schemas.plain_serializer_function_ser_schema(dumped, info_arg=True, return_schema=described)
    validated = schemas.no_info_wrap_validator_function(
        made, schemas.definition_reference_schema(name), serialization=serialization
    )
    return schemas.definitions_schema(validated, [taken])


def _reference(table: type[HasSchema]) -> str:
    """Return the name of the input schema; pydantic shows the part before the colon."""
    return f"{table.__module__}.{table.__qualname__}Input:{id(table)}"


def _input_field(column: Column, table: type[HasSchema], handler: Any) -> Any:  # noqa: ANN401
    """Return the input schema of a column; a value may be left out if the class or the server has a default."""
    kind = handler.generate_schema(annotation(column, table))
    if column.generated is not None:
        kind = handler.generate_schema(Annotated[annotation(column, table), _ReadOnly()])
    if column.default is not MISSING:
        kind = schemas.with_default_schema(kind, default=column.default)
    return schemas.typed_dict_field(kind, required=not (column.by_server or column.has_default))


def shown(table: type[HasSchema]) -> pydantic.TypeAdapter[Any]:
    """Return the type adapter that serializes a table's rows.

    Args:
        table: The table.

    Returns:
        The adapter; it takes dicts of the columns and of the loaded relations.
    """
    found = _shown.get(table)
    if found is None:
        found = _shown[table] = pydantic.TypeAdapter(_kind(table))
    return found


def _kind(table: type[HasSchema]) -> Any:  # noqa: ANN401  (a type)
    """Return the type of the dicts; like their tables, they may refer to each other."""
    if table in _kinds:
        return _kinds[table]
    made: Any = types.new_class(table.__name__, (TypedDict,))
    made.__module__, made.__qualname__, made.__doc__ = table.__module__, table.__qualname__, table.__doc__
    # Stored before its fields are known, because they may refer to it.
    _kinds[table] = made
    columns = {column.attribute: annotation(column, table, shown=True) for column in table.__schema__.columns}
    relations: dict[str, Any] = {}
    for name, other, several, absent in _relations(table):
        whole: Any = _kind(other)
        relations[name] = list[whole] if several else Optional[whole] if absent else whole  # noqa: UP045
    made.__annotations__ = {**columns, **relations}
    made.__required_keys__, made.__optional_keys__ = frozenset(columns), frozenset(relations)
    return made


@dataclass(frozen=True)
class _Described:
    """The JSON schema of a table's output, made when it is needed: other tables may be defined later."""

    table: type[HasSchema]

    def __get_pydantic_json_schema__(self, _: object, describe: Any) -> Any:  # noqa: ANN401
        schema, table = shown(self.table).core_schema, self.table
        if schema["type"] == "typed-dict":
            # It gets a name even where nothing refers to it.
            name = f"{table.__module__}.{table.__qualname__}:{id(_kind(table))}"
            schema = schemas.definitions_schema(
                schemas.definition_reference_schema(name), [cast("Any", {**schema, "ref": name})]
            )
        return describe(schema)


class _ReadOnly:
    """Marks columns whose input is ignored."""

    def __get_pydantic_json_schema__(self, schema: Any, describe: Any) -> Any:  # noqa: ANN401
        return {**describe(schema), "readOnly": True}


def _relations(table: type[HasSchema]) -> Iterator[tuple[str, type[HasSchema], bool, bool]]:
    """Yield the relations of a table, each with the other table, whether it is a list, and whether it may be None."""
    schema = table.__schema__
    for name, column in schema.references.items():
        if column.reference is not None:
            yield name, column.reference.table, False, column.nullable
    for name, collection in schema.collections.items():
        yield name, collection.table, not collection.single, True


def dumped(row: Row, info: pydantic.SerializationInfo) -> dict[str, Any]:
    """Return a row as dicts: its columns, and the relations that are loaded, to any depth.

    Rows that refer to each other are shown once: within itself a row is left out.

    Args:
        row: The row.
        info: How it is to be shown.

    Returns:
        The values by their names in the class.
    """
    options: Any = info
    return shown(type(row)).dump_python(  # type: ignore[no-any-return]
        _dumped(row, ()),
        mode=options.mode,
        include=options.include,
        exclude=options.exclude,
        exclude_none=options.exclude_none,
        context=options.context,
    )


def _dumped(row: Row, around: tuple[Row, ...]) -> dict[str, Any]:
    found = row.asdict()
    values = vars(row)
    inside = (*around, row)
    for name, *_ in _relations(type(row)):
        if name not in values:
            continue
        other = values[name]
        if isinstance(other, list):
            found[name] = [_dumped(one, inside) for one in other if not _contains(one, inside)]
        elif other is None:
            found[name] = None
        elif not _contains(other, inside):
            found[name] = _dumped(other, inside)
    return found


def _contains(row: Row, rows: tuple[Row, ...]) -> bool:
    return any(row is one for one in rows)
