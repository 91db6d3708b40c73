"""into=: rows as objects of the caller's classes, without a server."""

from __future__ import annotations

import dataclasses
import enum
import gc
import weakref
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypedDict

import msgspec
import pydantic
import pytest

import howdah
from howdah.row_factories import row_factory

if TYPE_CHECKING:
    from uuid import UUID


class Status(enum.StrEnum):
    active = "active"
    banned = "banned"


class Level(enum.IntEnum):
    low = 1
    high = 2

    @classmethod
    def _missing_(cls, value: object) -> Level | None:
        return cls.high if value == "top" else None


@dataclasses.dataclass(slots=True)
class Plain:
    id: int
    name: str = "nobody"
    status: Status | None = None


@dataclasses.dataclass
class Parts:
    id: int
    label: str = dataclasses.field(init=False, default="made")
    note: str = dataclasses.field(kw_only=True)


class Point(NamedTuple):
    x: float
    y: float = 0.0
    status: Status = Status.active


class Struct(msgspec.Struct, rename="camel"):
    user_id: int
    status: Status
    tags: list[str] = msgspec.field(default_factory=list)


class KeywordStruct(msgspec.Struct, kw_only=True):
    a: int
    b: int = 2


class Model(pydantic.BaseModel):
    user_id: int = pydantic.Field(alias="userId")
    status: Status = Status.active


class Either(pydantic.BaseModel, validate_by_name=True, validate_by_alias=True):
    user_id: int = pydantic.Field(alias="userId")
    many: int = pydantic.Field(default=0, validation_alias=pydantic.AliasChoices("m", pydantic.AliasPath("numbers", 0)))


class Open(pydantic.BaseModel, extra="allow"):
    a: int


class Typed(TypedDict):
    a: int


def made(into: type[Any], **row: object) -> Any:
    return row_factory(into)(tuple(row))(*row.values())


def test_dataclass_columns_in_the_order_of_fields_is_called_itself() -> None:
    @dataclasses.dataclass
    class Row:
        a: int
        b: str
        c: float = 1.0

    assert row_factory(Row)(("a", "b", "c")) is Row
    assert row_factory(Row)(("a", "b")) is Row
    assert made(Row, a=1, b="x") == Row(1, "x")


def test_dataclass_columns_in_another_order_meets_by_name() -> None:
    assert made(Plain, name="Ann", id=1) == Plain(1, "Ann")
    assert made(Plain, status="banned", id=1) == Plain(1, "nobody", Status.banned)


def test_dataclass_fields_out_of_the_constructor_or_keyword_only_are_respected() -> None:
    row = made(Parts, id=1, note="n")
    assert (row.id, row.label, row.note) == (1, "made", "n")
    with pytest.raises(howdah.ProgrammingError, match="no field for column label"):
        made(Parts, id=1, label="x", note="n")
    with pytest.raises(howdah.ProgrammingError, match="no column for note"):
        made(Parts, id=1)


def test_columns_that_do_not_fit_are_named_all_together() -> None:
    with pytest.raises(howdah.ProgrammingError) as wrong:
        row_factory(Struct)(("x", "user_id", "y", "user_id"))
    assert str(wrong.value) == (
        "into=Struct: no column for status; no field for column x, y; more than one column user_id; "
        "name columns with AS, or select others"
    )


def test_named_tuple_takes_values_and_defaults() -> None:
    assert made(Point, x=1.0) == Point(1.0, 0.0)
    assert made(Point, x=1.0, y=2.0, status="banned") == Point(1.0, 2.0, Status.banned)
    with pytest.raises(howdah.ProgrammingError, match="no column for x"):
        made(Point, y=1.0)


def test_struct_takes_columns_by_the_names_of_its_fields() -> None:
    assert made(Struct, user_id=1, status="active") == Struct(1, Status.active)
    assert made(Struct, status="active", tags=["a"], user_id=1) == Struct(1, Status.active, ["a"])
    assert made(KeywordStruct, a=1) == KeywordStruct(a=1)
    assert made(KeywordStruct, b=1, a=3) == KeywordStruct(a=3, b=1)


def test_model_takes_columns_by_alias_and_validates() -> None:
    assert made(Model, userId=1, status="banned") == Model(userId=1, status=Status.banned)
    with pytest.raises(howdah.ProgrammingError, match="no column for userId; no field for column user_id"):
        made(Model, user_id=1)
    with pytest.raises(pydantic.ValidationError):
        made(Model, userId="x")


def test_model_with_several_names_for_a_field_takes_each() -> None:
    assert made(Either, user_id=1, m=2).many == 2
    assert made(Either, userId=1, numbers=[3]).many == 3
    assert made(Either, userId=1, many=4).many == 4
    with pytest.raises(howdah.ProgrammingError, match="no field for column other"):
        made(Either, userId=1, other=1)


def test_model_that_allows_more_takes_more_columns() -> None:
    assert made(Open, a=1, b=2).model_dump() == {"a": 1, "b": 2}


def test_enum_optional_listed_and_annotated_become_members() -> None:
    @dataclasses.dataclass
    class Row:
        one: Status
        some: Status | None
        many: list[Status | None]
        told: Annotated[Level, "by number"]

    row = made(Row, one="active", some=None, many=["banned", None], told=2)
    assert (row.one, row.some, row.many, row.told) == (Status.active, None, [Status.banned, None], Level.high)
    assert isinstance(row.told, Level)
    assert made(Row, told="top", one="active", some="active", many=None).told is Level.high


def test_enum_without_such_a_member_names_the_column_and_no_value() -> None:
    with pytest.raises(
        howdah.ConversionError, match='column "status": expected a member of Status, got a str'
    ) as wrong:
        made(Plain, id=1, name="x", status="secret")
    assert wrong.value.column == "status"
    assert "secret" not in str(wrong.value)
    with pytest.raises(howdah.ConversionError, match=r"got NULL; annotate the field as Status \| None"):
        made(Point, x=1.0, y=2.0, status=None)


def test_annotation_that_only_type_checkers_see_is_passed_over() -> None:
    @dataclasses.dataclass
    class Row:
        id: UUID
        status: Status

    assert made(Row, id=1, status="active").status is Status.active


@pytest.mark.parametrize("into", [dict, Typed, str, int, Status])
def test_class_that_is_no_shape_is_refused(into: Any) -> None:
    with pytest.raises(
        howdah.InterfaceError, match="expected a dataclass, a NamedTuple, a pydantic model or a msgspec"
    ):
        row_factory(into)


@pytest.mark.parametrize("into", [lambda **row: row, Plain(1), 7, None, "Plain"])
def test_what_is_no_class_is_refused(into: Any) -> None:
    with pytest.raises(howdah.InterfaceError, match="into="):
        row_factory(into)


def test_class_looked_at_once_is_let_go() -> None:
    @dataclasses.dataclass
    class Row:
        status: Status

    row = weakref.ref(Row)
    made(Row, status="active")
    del Row
    gc.collect()
    assert row() is None
