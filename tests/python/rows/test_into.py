"""`into=`: every method that returns rows can return objects."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import pydantic
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable


class Mood(enum.Enum):
    SAD = "sad"
    OK = "ok"


@dataclass(slots=True)
class Slots:
    id: int
    name: str | None = None
    seats: int = 4


@dataclass(frozen=True)
class Frozen:
    id: int
    name: str | None = None
    seats: int = 4


class Named(NamedTuple):
    id: int
    name: str | None = None
    seats: int = 4


class Model(pydantic.BaseModel):
    id: int
    name: str | None = None
    seats: int = 4


class Struct(msgspec.Struct):
    id: int
    name: str | None = None
    seats: int = 4


@dataclass(slots=True)
class Feeling:
    mood: Mood
    before: Mood | None
    all: list[Mood]


KINDS: list[type[Any]] = [Slots, Frozen, Named, Model, Struct]
kinds = pytest.mark.parametrize("into", KINDS)


async def each_way(db: howdah.AsyncDatabase, query: str, into: type[Any]) -> list[Any]:
    """Run a query of one row by every verb; give its object by each."""
    return [
        *await db.fetch(query, into=into),
        await db.fetch_one(query, into=into),
        *[row async for row in db.stream(query, into=into)],
    ]


@kinds
async def test_row_becomes_an_object(db: howdah.AsyncDatabase, into: Callable[..., Any]) -> None:
    query = "SELECT 7::int4 AS id, 'Abul' AS name, 2::int4 AS seats"
    wanted = into(id=7, name="Abul", seats=2)
    found = await each_way(db, query, into)  # type: ignore[arg-type]  # (the class itself)
    assert found == [wanted] * 3
    assert {type(row) for row in found} == {into}


@kinds
async def test_columns_may_come_in_any_order_and_defaults_stay_away(db: howdah.AsyncDatabase, into: type[Any]) -> None:
    assert await each_way(db, "SELECT 3::int8 AS seats, 7::int2 AS id", into) == [into(id=7, seats=3)] * 3
    assert await each_way(db, "SELECT 7 AS id", into) == [into(id=7)] * 3
    assert await each_way(db, "SELECT 7 AS id, NULL::text AS name", into) == [into(id=7, name=None)] * 3


@kinds
async def test_no_row_makes_no_object(db: howdah.AsyncDatabase, into: type[Any]) -> None:
    query = "SELECT 7 AS id WHERE false"
    assert await db.fetch(query, into=into) == []
    assert await db.fetch_one(query, into=into) is None
    assert [row async for row in db.stream(query, into=into)] == []


@kinds
async def test_many_rows_become_objects_in_order(db: howdah.AsyncDatabase, into: type[Any]) -> None:
    query = "SELECT n AS id, NULLIF(n % 3, 0)::text AS name FROM generate_series(1, 2500) AS n"
    wanted = [into(id=n, name=str(n % 3) if n % 3 else None) for n in range(1, 2501)]
    assert await db.fetch(query, into=into) == wanted
    assert [row async for row in db.stream(query, into=into, batch_rows=999)] == wanted


@kinds
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("SELECT 'x' AS name", "id"),
        ("SELECT 1 AS id, 2 AS extra", "extra"),
        ("SELECT 1 AS id, 'a' AS name, 'b' AS name", "name"),
        ('SELECT 1 AS id, 2 AS "ID"', "ID"),
    ],
)
async def test_columns_that_are_not_the_fields_are_named(
    one: howdah.AsyncDatabase, into: type[Any], query: str, names: str
) -> None:
    for verb in (one.fetch, one.fetch_one):
        with pytest.raises(howdah.ProgrammingError, match=rf"\b{names}\b") as caught:
            await verb(query, into=into)
        assert into.__name__ in str(caught.value)
        assert "AS" in str(caught.value)
    with pytest.raises(howdah.ProgrammingError, match=rf"\b{names}\b"):
        [row async for row in one.stream(query, into=into)]
    assert await one.fetch("SELECT 1 AS id", into=into) == [into(id=1)]


async def test_columns_that_are_not_the_fields_are_named_even_without_rows(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.ProgrammingError, match="extra"):
        await one.fetch("SELECT 1 AS id, 2 AS extra WHERE false", into=Slots)


async def test_enum_fields_are_members(db: howdah.AsyncDatabase) -> None:
    await db.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    query = "SELECT 'ok'::mood AS mood, NULL::mood AS before, '{sad,ok}'::mood[] AS all"
    assert await each_way(db, query, Feeling) == [Feeling(Mood.OK, None, [Mood.SAD, Mood.OK])] * 3


async def test_label_that_is_no_member_is_an_error_with_its_column(one: howdah.AsyncDatabase) -> None:
    await one.execute("CREATE TYPE mood AS ENUM ('sad', 'ok', 'new')")
    query = "SELECT 'ok'::mood AS mood, 'new'::mood AS before, '{}'::mood[] AS all"
    with pytest.raises(howdah.ConversionError, match='"before"'):
        await one.fetch(query, into=Feeling)
    assert await one.fetch_value("SELECT 1") == 1


async def test_class_that_refuses_a_value_says_so_itself(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(pydantic.ValidationError, match="id"):
        await one.fetch("SELECT 'x' AS id", into=Model)
    with pytest.raises(pydantic.ValidationError, match="id"):
        [row async for row in one.stream("SELECT 'x' AS id FROM generate_series(1, 10)", into=Model, batch_rows=2)]
    assert await one.fetch_value("SELECT 1") == 1
    assert one.stats().busy == 0


async def test_constructor_that_raises_in_the_middle_leaves_the_connection_good(one: howdah.AsyncDatabase) -> None:
    @dataclass
    class Few:
        n: int

        def __post_init__(self) -> None:
            if self.n == 1500:
                message = "no more"
                raise ArithmeticError(message)

    query = "SELECT n FROM generate_series(1, 100000) AS n"
    with pytest.raises(ArithmeticError, match="no more"):
        await one.fetch(query, into=Few)
    with pytest.raises(ArithmeticError, match="no more"):
        [row async for row in one.stream(query, into=Few)]
    assert await one.fetch_value("SELECT 1") == 1


@pytest.mark.parametrize("into", [dict, tuple, int, "Slots", None.__class__])
async def test_class_that_is_none_of_these_is_refused(one: howdah.AsyncDatabase, into: Any) -> None:
    with pytest.raises(howdah.InterfaceError, match="into="):
        await one.fetch("SELECT 1 AS id", into=into)
    with pytest.raises(howdah.InterfaceError, match="into="):
        await one.fetch_one("SELECT 1 AS id", into=into)
    with pytest.raises(howdah.InterfaceError, match="into="):
        [row async for row in one.stream("SELECT 1 AS id", into=into)]
