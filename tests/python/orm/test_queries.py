"""Queries whose parts meet: what is counted, combined, grouped and written of them is what they give."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from howdah import Col, Table, col
from tests.python.orm.schema import Company, Label, Person, Post, PostLabel

if TYPE_CHECKING:
    from collections.abc import Callable

    from howdah import Expr


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


async def test_named_expression_is_used_again(db: howdah.AsyncDatabase) -> None:
    number = howdah.count().as_("number")
    query = db.find(Post).group_by(Post.author.name).select(Post.author.name, number)
    assert await query.order_by(number.desc(), Post.author.name).limit(2).to_list() == [("Ada", 2), ("Bob", 1)]
    assert await query.having(number > 1).to_list() == [("Ada", 2)]
    doubled = (Post.views * 2).as_("doubled")
    assert await db.find(Post, doubled > 50).select(doubled, doubled + 1).to_list() == [(200, 201)]
    assert await db.find(Post).select(doubled).order_by(-doubled).limit(1).to_list() == [(200,)]
    assert await db.find(Post, Post.id == 1).returning(doubled).update(Post.views.set(doubled)) == [(400,)]
    # By a parameter of their own, the server cannot tell that they are one.
    level = howdah.coalesce(Person.age, 0).as_("level")
    leveled = db.find(Person).group_by(level).select(level, howdah.count())
    assert await leveled.order_by(level).limit(1).to_list() == [(0, 1)]


async def test_filters_of_an_aggregate_hold_together(db: howdah.AsyncDatabase) -> None:
    grown = howdah.count().filter(Person.age > 18)
    assert await db.find(Person).select(grown, grown.filter(Person.age < 40)).to_list() == [(2, 1)]


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
    unknown: list[Any] = [table.day + day, day + table.day, table.whole * day, day * table.whole]
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
    ]
    for condition in conditions:
        assert await db.find(Measure, condition).count() == 1
    assert await db.find(Measure).select(howdah.sum(Measure.small + 40000)).to_list() == [(40003,)]
