"""The types of the values that queries compute: arithmetic, spans of time, ranges, domains and JSON."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import howdah
from howdah import Col, Many, Range, Ref, Table, col
from tests.python.orm.schema import Person, Status

if TYPE_CHECKING:
    from tests.python.conftest import Sql


class Measure(Table):
    """Has numbers of every type."""

    id: Col[int] = howdah.identity()
    small: Col[int] = col(type="smallint")
    whole: Col[int] = col(type="integer")
    large: Col[int]
    exact: Col[Decimal]
    short: Col[float] = col(type="real")
    double: Col[float]
    day: Col[dt.date]
    time: Col[dt.datetime]
    span: Col[dt.timedelta]


NUMBERS = ("small", "whole", "large", "exact", "short", "double")


async def test_arithmetic_has_the_type_that_the_server_gives_it(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Measure)
    row = dict.fromkeys(NUMBERS, 2) | {"exact": Decimal(2), "short": 2.0, "double": 2.0}
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    await db.insert_many(Measure, [{**row, "day": moment.date(), "time": moment, "span": dt.timedelta(1)}])
    columns: list[Any] = [getattr(Measure, name) for name in NUMBERS]
    values: list[Any] = [3, 1 << 40, 1.5, Decimal("1.5")]
    made = [one + other for one in columns for other in columns if one is not other]
    made += [one * value for one in columns for value in values] + [value - one for one in columns for value in values]
    made += [value * one for one in columns for value in values] + [value + one for one in columns for value in values]
    for expression in made:
        asked = db.find(Measure).select(howdah.func("pg_typeof", expression, as_=str).cast(str))
        assert await asked.to_list() == [(expression.type,)]
    # Type checkers know no multiplication of different types.
    table: Any = Measure
    day = dt.timedelta(1)
    assert (Measure.time - day).type == (Measure.time + day).type == Measure.time.type
    assert (table.day - day).type == (table.day + day).type == (day + table.day).type == "date"
    assert (table.day - moment.date()).type == (moment.date() - table.day).type == "integer"
    unknown: list[Any] = [table.whole * day, day * table.whole]
    unknown += [moment - table.time, table.time - table.time]
    assert [one.type for one in unknown] == [None] * len(unknown)


async def test_arithmetic_is_compared_with_what_its_columns_cannot_hold(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Measure)
    row = dict.fromkeys(NUMBERS, 3) | {"exact": Decimal(3), "short": 3.0, "double": 3.0}
    moment = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    await db.insert_many(Measure, [{**row, "day": moment.date(), "time": moment, "span": dt.timedelta(1)}])
    table: Any = Measure
    conditions: list[Any] = [
        table.small + 40000 > 40001,
        table.small * 20000 == 60000,
        1.5 * table.small > 2.7,
        1.5 * table.id > 0.5,
        Decimal("1.5") * table.large > Decimal("0.5"),
        moment - table.time < dt.timedelta(days=1),
        dt.timedelta(days=1) * table.whole == dt.timedelta(days=3),
        table.day + dt.timedelta(days=1) == dt.date(2020, 1, 2),
        table.day - dt.date(2019, 12, 1) == 31,
        howdah.date_trunc("year", table.day) == dt.date(2020, 1, 1),
    ]
    for condition in conditions:
        assert await db.find(Measure, condition).count() == 1
    assert await db.find(Measure).select(howdah.sum(Measure.small + 40000)).to_list() == [(40003,)]


async def test_spans_of_time_are_timedeltas_however_they_are_computed(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Measure)
    row = dict.fromkeys(NUMBERS, 3) | {"exact": Decimal(3), "short": 3.0, "double": 3.0}
    moment, day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.timedelta(1)
    await db.insert_many(Measure, [{**row, "day": moment.date(), "time": moment, "span": day}])
    table: Any = Measure
    # As which a timedelta is sent.
    sent = howdah.Interval(days=1)
    expected: list[tuple[Any, Any]] = [
        (table.time - table.time, day * 0),
        (moment + day - table.time, day),
        (table.span * 2, day * 2),
        (2 * table.span / table.whole, day * 2 / 3),
        (day * table.whole + table.span, day * 4),
        (table.span + table.span, day * 2),
        ((table.time - table.time) + day, day),
        (day - table.span, day * 0),
        (table.time + table.span, moment + day),
        (table.time - day, moment - day),
        (table.day + table.span, dt.date(2020, 1, 2)),
        (table.day - day, dt.date(2019, 12, 31)),
        (day + table.day, dt.date(2020, 1, 2)),
        (table.day - table.day, 0),
        (table.day - dt.date(2019, 12, 25), 7),
        (dt.date(2020, 1, 8) - table.day, 7),
        (howdah.date_trunc("month", table.day + day), dt.date(2020, 1, 1)),
        (table.span + howdah.value(howdah.Interval(months=1)), howdah.Interval(months=1, days=1)),
        (howdah.case((table.id > 0, table.span)), day),
        (howdah.case((table.id > 0, day)), day),
        (howdah.case((table.id < 0, None), otherwise=day), day),
        (howdah.case((table.id > 0, day), as_=dt.timedelta), day),
        (howdah.case((table.id > 0, day), as_=howdah.Interval), sent),
        (howdah.value(day), day),
        (howdah.value(day, howdah.Interval), sent),
        (howdah.value([day, None], list[dt.timedelta]), [day, None]),
        (table.span.cast(dt.timedelta | None), day),
        (howdah.value(Status.active), Status.active),
        (howdah.value([Status.active]), [Status.active]),
        (howdah.sum(table.span * 2), day * 2),
        (howdah.avg(table.span * 3), day * 3),
        (howdah.avg(table.time - table.time), day * 0),
    ]
    for expression, wanted in expected:
        ((found,),) = await db.find(Measure).select(expression).to_list()
        assert (found, type(found)) == (wanted, type(wanted))


async def test_ends_of_ranges_are_of_the_type_of_what_is_in_them(db: howdah.AsyncDatabase) -> None:
    await db.find(Person, Person.id == 1).update(Person.seats.set(Range(3, 6)))
    seats: Any = Person.seats
    ends: tuple[Any, Any] = (howdah.lower(seats), howdah.upper(seats))
    found = db.find(Person).where(ends[0] > 2, ends[1] == 6)
    assert await found.select(ends[0], ends[1] + 1).to_list() == [(3, 7)]


class Key(Table):
    """Its key is of a domain."""

    code: Col[int] = howdah.col(type="posint", primary_key=True)
    name: Col[str] = howdah.col(type="short", default="abc")
    doors: Many[Door] = howdah.many(via="key")


class Door(Table):
    """Has a key."""

    id: Col[int] = howdah.identity()
    key: Ref[Key] = howdah.ref()


async def test_values_of_domains_may_be_many(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE DOMAIN posint AS int CHECK (VALUE > 0); CREATE DOMAIN short AS varchar(3)")
    await db.create_tables(Key, Door)
    await db.insert_many(Key, [{"code": 1}, {"code": 2, "name": "abd"}])
    await db.insert_many(Door, [{"key_id": 1}, {"key_id": 1}])
    asked = db.find(Key).order_by(Key.code)
    assert [len(one.doors) for one in await asked.load(Key.doors).to_list()] == [2, 0]
    assert await asked.where(Key.code.in_(range(1, 70_001))).count() == 2
    assert await asked.where(Key.name.in_(["abd", "abcd"])).count() == 1
    assert await asked.where(Key.name.not_in(["abd", "abcd"])).count() == 1


class Document(Table):
    """Has JSON of any kind, and a key of a type that goes as text."""

    code: Col[str] = howdah.col(type="macaddr", primary_key=True)
    body: Col[Any] = howdah.col(default=None, type="jsonb")
    parts: Many[Line] = howdah.many(via="document")


class Line(Table):
    """A part of a document."""

    id: Col[int] = howdah.identity()
    document: Ref[Document] = howdah.ref()


MACS = ["08:00:2b:01:02:03", "08:00:2b:01:02:04"]


async def test_text_stands_for_a_text_in_json_wherever_it_stands(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Document, Line)
    await db.insert_many(Document, [{"code": MACS[0], "body": {"k": "123"}}, {"code": MACS[1], "body": {"k": 123}}])
    key: Any = Document.body.path("k", as_=object)
    text, number = db.find(Document).order_by(Document.code), db.find(Document)
    for condition in (key == "123", key.in_(["123", "x"]), ~key.not_in(["123"]), howdah.coalesce(key, "x") == "123"):
        assert [one.code for one in await text.where(condition).to_list()] == [MACS[0]]
    for condition in (key == 123, key.in_([123]), key.not_in(["123"]), howdah.nullif(key, "123").is_not_null()):
        assert [one.code for one in await number.where(condition).to_list()] == [MACS[1]]
    lists = Document.body.path("l", as_=list[int])
    await db.find(Document, Document.code == MACS[0]).update(Document.body.set({"l": [1, 2]}))
    assert await db.find(Document).where(lists == [1, 2]).select(lists).to_list() == [([1, 2],)]


async def test_values_of_a_type_that_goes_as_text_may_be_many(db: howdah.AsyncDatabase) -> None:
    await db.create_tables(Document, Line)
    documents = [await db.save(Document(code=code)) for code in MACS]
    await db.insert_many(Line, [{"document": one} for one in documents])
    asked = db.find(Document).order_by(Document.code)
    assert await asked.where(Document.code.in_([MACS[1], "08:00:2b:01:02:05"])).to_list() == documents[1:]
    assert await asked.where(Document.code.not_in(MACS[:1])).to_list() == documents[1:]
    nullable: Any = Document.code
    assert await asked.where(nullable.in_([MACS[1], None])).to_list() == documents[1:]
    assert await asked.where(nullable.not_in([MACS[1], None])).to_list() == documents[:1]
    assert await asked.where(Document.code.in_([])).count() == 0
    assert await asked.where(Document.code.not_in([])).count() == 2
    line: Any = Line.document
    assert await db.find(Line, line.in_(documents)).count() == 2
    loaded = await asked.load(Document.parts.document).to_list()
    assert [len(one.parts) for one in loaded] == [1, 1]
    assert loaded[0].parts[0].document is loaded[0]
