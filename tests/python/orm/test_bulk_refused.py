"""Many rows at once: values that a column cannot hold exactly, and rows that do not fit, are refused."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

import howdah
import howdah as pg
from howdah import Col, InterfaceError, Table, col
from tests.python.orm.few import FEW
from tests.python.orm.schema import Company, Person, Post

if TYPE_CHECKING:
    from tests.python.conftest import Sql

pytestmark = pytest.mark.usefixtures("few")


class Short(Table):
    """Has columns that hold no more than they say."""

    id: Col[int] = pg.identity()
    name: Col[str] = col(type="varchar(3)")
    code: Col[str] = col(default="ab", type="char(2)")
    size: Col[int] = col(default=0, type="smallint")


async def test_row_that_gives_a_reference_twice_is_refused(db: howdah.AsyncDatabase) -> None:
    ada = await db.get(Person, 1)
    rows: list[dict[str, Any]] = [{"title": "t", "author": ada}, {"title": "u", "author": ada, "author_id": 2}]
    with pytest.raises(InterfaceError, match=r"Post, row 1: 'author' and 'author_id' are the same column"):
        await db.insert_many(Post, rows)


@pytest.mark.parametrize("count", [1, FEW + 1])
@pytest.mark.parametrize(
    "row", [{"name": "long"}, {"name": "x", "code": "abc"}, {"name": "x", "size": 40_000}], ids=str
)
async def test_value_that_is_too_long_is_refused_not_cut(
    db: howdah.AsyncDatabase, row: dict[str, Any], count: int, sql: Sql
) -> None:
    await db.create_tables(Short)
    with pytest.raises(howdah.DataError):
        await db.insert_many(Short, [{"name": "x"}] * (count - 1) + [row])
    with pytest.raises(howdah.DataError):
        await db.save(Short(**row))
    assert sql("SELECT count(*) FROM short") == [(0,)]


class Rounded(Table):
    """Has columns that the server rounds to."""

    id: Col[int] = pg.identity()
    price: Col[Decimal | None] = col(default=None, precision=8, scale=2)
    tens: Col[int | None] = col(default=None, type="numeric(8,-1)")
    prices: Col[list[Decimal] | None] = col(default=None, type="numeric(8,2)[]")
    at: Col[dt.datetime | None] = col(default=None, type="timestamptz(0)")
    local: Col[dt.datetime | None] = col(default=None, type="timestamp(3) without time zone")
    time: Col[dt.time | None] = col(default=None, type="time(3)")
    took: Col[dt.timedelta | None] = col(default=None, type="interval second(2)")
    times: Col[list[dt.time] | None] = col(default=None, type="time(1)[]")


NOON = dt.datetime(2020, 1, 1, 12, tzinfo=dt.UTC)


HELD: dict[str, Any] = {
    "price": [Decimal("1.50"), Decimal("1.500"), 1, 1.5, Decimal("NaN"), Decimal("0E-9")],
    "tens": [120, Decimal("1.2E+2")],
    "prices": [[Decimal("1.5")]],
    "at": [NOON],
    "local": [NOON.replace(tzinfo=None, microsecond=1000)],
    "time": [dt.time(1, 2, 3, 4000)],
    "took": [dt.timedelta(seconds=1, milliseconds=10)],
    "times": [[dt.time(1, 2, 3, 100_000)]],
}


NOT_HELD: dict[str, Any] = {
    "price": [Decimal("1.005"), 1.005, Decimal("1E-30")],
    "tens": [123, Decimal("0.1")],
    "prices": [[Decimal(1), Decimal("1.005")]],
    "at": [NOON.replace(microsecond=1)],
    "local": [NOON.replace(tzinfo=None, microsecond=100)],
    "time": [dt.time(1, 2, 3, 4)],
    "took": [dt.timedelta(milliseconds=1)],
    "times": [[dt.time(1, 2, 3), dt.time(1, 2, 3, 4)]],
}


@pytest.mark.parametrize("count", [1, FEW + 1])
@pytest.mark.parametrize("name", list(NOT_HELD))
async def test_value_that_has_more_digits_than_its_column_is_refused_not_rounded(
    db: howdah.AsyncDatabase, name: str, count: int, sql: Sql
) -> None:
    await db.create_tables(Rounded)
    for value in NOT_HELD[name]:
        rows = [{name: None}] * (count - 1) + [{name: value}]
        says = rf'row {count - 1}.*(column )?"{name}"|column "{name}", row {count - 1}'
        with pytest.raises(howdah.DataError, match=says):
            await db.insert_many(Rounded, rows)
        with pytest.raises(howdah.DataError, match=says):
            await db.upsert(Rounded, [one | {"id": at} for at, one in enumerate(rows)], on=[Rounded.id])
        with pytest.raises(howdah.DataError, match=f'column "{name}": expected'):
            vars(Rounded)[name].set(value)
    assert sql("SELECT count(*) FROM rounded") == [(0,)]
    for value in HELD[name]:
        await db.insert_many(Rounded, [{name: value}] * count)
        await db.find(Rounded).update(vars(Rounded)[name].set(value))
    assert sql("SELECT count(*) FROM rounded") == [(count * len(HELD[name]),)]


@pytest.mark.parametrize("name", ["price", "at", "local", "time"])
async def test_frame_whose_values_have_more_digits_than_their_column_is_refused(
    db: howdah.AsyncDatabase, name: str, sql: Sql
) -> None:
    await db.create_tables(Rounded)
    wrong = pl.DataFrame({name: [HELD[name][0], None, NOT_HELD[name][0]]}, strict=False)
    with pytest.raises(howdah.DataError, match="row 2"):
        await db.insert_many(Rounded, wrong)
    with pytest.raises(howdah.DataError, match="row 2"):
        await db.upsert(Rounded, wrong.with_columns(id=pl.Series([1, 2, 3])), on=[Rounded.id])
    assert await db.insert_many(Rounded, wrong.head(2))
    assert sql(f"SELECT {name} FROM rounded ORDER BY id") == [(HELD[name][0],), (None,)]


async def test_value_is_compared_whole_with_what_a_column_can_hold(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Short)
    await db.insert_many(Short, [{"name": "abc"}])
    for condition in (
        Short.name == "abcd",
        Short.name.in_(["abcd"]),
        pg.coalesce(Short.name, "") == "abcd",
        Short.code == "abc",
        Short.code.in_(["abc"]),
        Short.name.cast("varchar(2)") == "abc",
    ):
        assert await db.find(Short, condition).count() == 0
    assert await db.find(Short, Short.code.in_(["ab"]), Short.code == "ab").count() == 1


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([{"name": "a", "email": "b"}, {"name": "a"}], 'row 1: no value for "email"'),
        ([{"name": "a", "email": "b", "nope": 1}], "row 0: 'nope' is no column"),
        ([{"name": "a", "email": "b"}, {"name": "a", "email": "c", "nope": 1}], "row 1: 'nope' is no column"),
        ([{"name": "a", "email": "b", "initial": "c"}], "is generated by the server"),
        ([{"name": "a", "email": "b"}, 5], "row 1: expected a dict or a Person, got int"),
        ([Company(name="x")], "row 0: expected a dict or a Person, got Company"),
        ([Person(name="a", email="b"), {"name": "c", "email": "d"}], "row 1: expected a Person like the first row"),
    ],
)
async def test_row_that_does_not_fit_is_named(db: howdah.AsyncDatabase, rows: list[Any], says: str) -> None:
    with pytest.raises(InterfaceError, match=says):
        await db.insert_many(Person, rows)


@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_object_that_is_there_twice_is_refused(db: howdah.AsyncDatabase, count: int, sql: Sql) -> None:
    rows = [Company(name=f"c{at}") for at in range(count)]
    with pytest.raises(InterfaceError, match=rf"Company, row {count}: .* in row 0; create another"):
        await db.insert_many(Company, [*rows, rows[0]])
    assert sql("SELECT count(*) FROM company") == [(2,)]
