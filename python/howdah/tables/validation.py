"""Tables for pydantic, and so for FastAPI: rows are validated at the edge of an application, and nowhere else."""

# What rows hold, and what is done with them, is of types that are known at run time alone.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, get_args, get_origin
from weakref import WeakKeyDictionary

import pydantic
from pydantic_core import core_schema as schemas

from howdah.interval import Interval
from howdah.tables.schema import MISSING
from howdah.vector import Vector

if TYPE_CHECKING:
    from howdah.tables.declarations import Declared
    from howdah.tables.schema import Column
    from howdah.tables.table import Table

_models: WeakKeyDictionary[type, type[pydantic.BaseModel]] = WeakKeyDictionary()


def model(table: type[Table]) -> type[pydantic.BaseModel]:
    """Give a pydantic model of a table.

    Args:
        table: The table.

    Returns:
        A model with its columns, by their names in the class. Those that the server fills may be left out, and a
        reference is its key.
    """
    found = _models.get(table)
    if found is None:
        fields: dict[str, Any] = {column.attribute: _field(table, column) for column in table.__schema__.columns}
        config = pydantic.ConfigDict(from_attributes=True, arbitrary_types_allowed=True, extra="forbid")
        found = pydantic.create_model(table.__name__, __config__=config, **fields)
        _models[table] = found
    return found


def _field(table: type[Table], column: Column) -> tuple[Any, Any]:
    kind = _annotation(table, column)
    if column.nullable or column.by_server:
        kind = Optional[kind]  # noqa: UP045  (a type that is known at run time alone)
    if column.default is not MISSING:
        return kind, column.default
    if column.default_factory is not None:
        return kind, pydantic.Field(default_factory=column.default_factory)
    return kind, None if column.by_server else ...


def _annotation(table: type[Table], column: Column) -> Any:  # noqa: ANN401  (a type)
    if column.reference is not None:
        target = column.reference.target
        return _annotation(column.reference.table, target)
    declarations: tuple[Declared, ...] = table.__declared__  # type: ignore[attr-defined]  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]
    declared = next(one for one in declarations if one.name == column.attribute)
    kind = declared.names.evaluate(declared.inner)
    return _plain(kind)


def _plain(kind: Any) -> Any:  # noqa: ANN401  (a type)
    """Give a type that pydantic knows."""
    if kind is Vector:
        return list[float]
    if kind is Interval:
        return Any
    if get_origin(kind) is not None and Vector in get_args(kind):
        return Optional[list[float]]  # noqa: UP045
    return kind


def core_schema(table: type[Table], handler: Any) -> Any:  # noqa: ANN401  (pydantic's)
    """Give what pydantic validates and serializes rows by.

    Args:
        table: The table.
        handler: What makes the schema of another type.

    Returns:
        A schema: it takes rows as they are, and makes new ones of dicts; it gives the columns that have values.
    """
    shape = model(table)
    inner = handler.generate_schema(shape)

    def made(value: Any) -> Table:  # noqa: ANN401  (a row, or a model)
        if isinstance(value, table):
            return value
        by_server = {one.attribute for one in table.__schema__.columns if one.by_server}
        generated = {one.attribute for one in table.__schema__.columns if one.generated is not None}
        given: dict[str, Any] = {}
        for name in shape.model_fields:
            mine = getattr(value, name)
            if name in generated or (name in by_server and mine is None):
                continue
            given[name] = Vector(mine) if _is_vector(table, name) and mine is not None else mine
        return table(**given)

    def dumped(row: Table) -> dict[str, Any]:
        return row.asdict(relations=True)

    validated = schemas.no_info_after_validator_function(
        made, schemas.union_schema([schemas.is_instance_schema(table), inner], mode="left_to_right")
    )
    return schemas.json_or_python_schema(
        json_schema=schemas.no_info_after_validator_function(made, inner),
        python_schema=validated,
        serialization=schemas.plain_serializer_function_ser_schema(
            dumped, return_schema=schemas.dict_schema(schemas.str_schema(), schemas.any_schema()), when_used="always"
        ),
    )


def _is_vector(table: type[Table], name: str) -> bool:
    return table.__schema__.by_attribute[name].type.name.startswith("vector")
