"""Values of every kind in bulk inserts, compared with save()."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import howdah
import howdah as pg
from howdah import Col, Range, Table, Vector, col
from tests.python.orm.few import FEW
from tests.python.orm.schema import Spot, Status

if TYPE_CHECKING:
    from tests.python.conftest import Sql

pytestmark = pytest.mark.usefixtures("few")


class Held(Table):
    """Has what an INSERT of arrays cannot take as it is."""

    id: Col[int] = pg.identity()
    texts: Col[list[str] | None] = col(default=None)
    numbers: Col[list[int]] = col(default_factory=list)
    reals: Col[list[float]] = col(default_factory=list)
    flags: Col[list[bool]] = col(default_factory=list)
    days: Col[list[dt.date]] = col(default_factory=list)
    moods: Col[list[Status]] = col(default_factory=list)
    spans: Col[list[Range[int]]] = col(default_factory=list)
    span: Col[Range[int] | None] = col(default=None)
    json: Col[dict[str, Any] | None] = col(default=None)
    list_json: Col[list[dict[str, Any]]] = col(default_factory=list)


HARD = ["", "a,b", '"', "\\", "NULL", "null", "{}", " x ", "é\n\t", "'", 'a\\"b', "$1", "%s"]


@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_arrays_of_every_kind_come_back_as_they_went(db: howdah.AsyncDatabase, count: int) -> None:
    await db.create_tables(Held)
    row: dict[str, Any] = {
        "texts": HARD,
        "numbers": [1, -(2**62), None],
        "reals": [0.1, 1e300, float("inf"), -0.0, 5e-324],
        "flags": [True, False, None],
        "days": [dt.date(2020, 1, 1), None],
        "moods": [Status.banned, Status.active],
        "spans": [Range(1, 2), Range(5)],
        "span": Range(1, 9),
        "json": {"a": HARD},
        "list_json": [{"b": 1}, {"c": None}],
    }
    plain = {name: row[name] for name in ("texts", "numbers", "reals", "flags", "moods", "span", "json")}
    empty: dict[str, Any] = {"texts": [], "numbers": []}
    for given in (row, plain, empty, {}):
        rows = [given] * count
        keys = await db.insert_many(Held, rows)
        found = await db.get(Held, keys[-1])
        assert {name: getattr(found, name) for name in given} == given
        assert found.asdict() == Held(**given).asdict() | {"id": keys[-1]}


@pytest.mark.usefixtures("vectors")
@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_vectors_come_back_as_they_went(db: howdah.AsyncDatabase, count: int) -> None:
    place = Vector([1, 2, 0.5])
    keys = await db.insert_many(Spot, [{"place": place}] * count)
    assert (await db.get(Spot, keys[-1])).place == place


@pytest.mark.parametrize("count", [1, FEW + 1])
@pytest.mark.parametrize(
    "given",
    [
        {"texts": [5]},
        {"numbers": ["5"]},
        {"numbers": [True]},
        {"moods": ["nope"]},
        {"texts": "abc"},
        {"texts": [["a"], ["b"]]},
    ],
    ids=str,
)
async def test_array_with_an_element_of_another_type_is_refused(
    db: howdah.AsyncDatabase, given: dict[str, Any], count: int, sql: Sql
) -> None:
    await db.create_tables(Held)
    with pytest.raises(howdah.DatabaseError):
        await db.insert_many(Held, [given] * count)
    assert sql("SELECT count(*) FROM held") == [(0,)]


class Printed(Table):
    """Has what COPY does not carry, nor an array."""

    id: Col[int] = pg.identity()
    mac: Col[str | None] = col(default=None, type="macaddr")
    bits: Col[str | None] = col(default=None, type="bit(3)")
    more: Col[str | None] = col(default="101", type="bit varying(5)")
    letter: Col[str | None] = col(default=None, type='"char"', unique=True)
    price: Col[str | None] = col(default=None, type="money")
    words: Col[str | None] = col(default=None, type="tsvector")
    spot: Col[str | None] = col(default=None, type="point")
    time: Col[dt.time | None] = col(default=None, type="timetz")
    pair: Col[dict[str, Any] | None] = col(default=None, type="pair")
    macs: Col[list[str] | None] = col(default=None, type="macaddr[]")
    brief: Col[str | None] = col(default=None, type="brief")
    grid: Col[list[list[int]] | None] = col(default=None)
    names: Col[list[list[str]] | None] = col(default=None)
    shares: Col[list[list[Decimal]] | None] = col(default=None, type="numeric(5,2)[][]")


PRINTED: dict[str, Any] = {
    "mac": "08:00:2b:01:02:03",
    "bits": "110",
    "letter": "x",
    "price": "$12.50",
    "words": "'cat' 'dog'",
    "spot": "(1,2)",
    "time": dt.time(12, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    "pair": {"a": 1, "b": "a b"},
    "macs": ["08:00:2b:01:02:03"],
    "brief": "abc",
    "grid": [[1, -2], [None, 4]],
    "names": [HARD, HARD],
    "shares": [[Decimal("1.5")], [Decimal(2)]],
}


@pytest.fixture
def printed(sql: Sql) -> None:
    """Make the types that Printed has."""
    sql("CREATE TYPE pair AS (a int, b text)")
    sql("CREATE DOMAIN brief AS varchar(3)")


@pytest.mark.usefixtures("printed")
@pytest.mark.parametrize("count", [1, FEW + 1])
async def test_texts_of_any_type_and_nested_arrays_are_stored_as_save_stores_them(
    db: howdah.AsyncDatabase, count: int
) -> None:
    await db.create_tables(Printed)
    saved = (await db.save(Printed(**PRINTED))).asdict()
    saved = (await db.get(Printed, saved["id"])).asdict()
    for name in ({}, *({one: PRINTED[one]} for one in PRINTED), PRINTED):
        given = {key: value for key, value in name.items() if key != "letter"}
        keys = await db.insert_many(Printed, [given] * count)
        found = (await db.get(Printed, keys[-1])).asdict()
        assert {key: found[key] for key in (*given, "more")} == {key: saved[key] for key in (*given, "more")}
    objects = [Printed(**PRINTED | {"letter": None}) for _ in range(count)]
    await db.insert_many(Printed, objects)
    assert objects[-1].asdict() == saved | {"id": objects[-1].id, "letter": None}
    rows = [{"letter": chr(0x21 + at), "spot": f"({at},0)", "grid": [[at]]} for at in range(count)]
    for inserted in (count, 0):
        report = await db.upsert(Printed, rows, on=[Printed.letter])
        assert (report.rows, report.inserted) == (count, inserted)


@pytest.mark.usefixtures("printed")
@pytest.mark.parametrize("count", [1, FEW + 1])
@pytest.mark.parametrize(
    "given",
    [
        {"mac": "no"},
        {"bits": "10"},
        {"more": "1111111"},
        {"brief": "abcd"},
        {"grid": [[1], [2, 3]]},
        {"grid": [["1"]]},
        {"grid": [[True]]},
        {"shares": [[Decimal("1.005")]]},
        {"spot": 5},
    ],
    ids=str,
)
async def test_texts_of_any_type_that_it_has_not_are_refused(
    db: howdah.AsyncDatabase, given: dict[str, Any], count: int, sql: Sql
) -> None:
    await db.create_tables(Printed)
    with pytest.raises(howdah.Error):
        await db.insert_many(Printed, [given] * count)
    assert sql("SELECT count(*) FROM printed") == [(0,)]


class Note(Table):
    """Has JSON that may be anything."""

    id: Col[int] = pg.identity()
    body: Col[Any] = col(default="none")


@pytest.mark.parametrize(
    "value", ["5", "x", "null", pg.Json(None), '{"a": 1}', "", 5, True, None, [1, [2]], {"a": "5"}, 1.5, 10**30]
)
async def test_json_of_every_kind_stays_what_it_is(db: howdah.AsyncDatabase, value: Any) -> None:
    await db.create_tables(Note)
    saved = await db.save(Note(body=value))
    few = await db.insert_many(Note, [{"body": value}, {"body": value}])
    many = await db.insert_many(Note, [{"body": value}] * (FEW + 1))
    for key in (saved.id, few[-1], many[-1]):
        found = (await db.get(Note, key)).body
        assert found == value
        assert type(found) is type(value)
    saved.body = [value]
    await db.save(saved)
    # Inside of a list, None is null.
    assert (await db.get(Note, saved.id)).body == [value.value if isinstance(value, pg.Json) else value]
    if value is not None:
        assert await db.find(Note, Note.body == value).count() == FEW + 3
        assert await db.find(Note, Note.body.contains(value)).count() >= FEW + 3
    assert [one.body for one in await db.find(Note, Note.id.in_(await db.insert_many(Note, [{}]))).to_list()] == [
        "none"
    ]
