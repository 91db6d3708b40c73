"""The types of columns in DDL: enums and their names, lists, precision."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

import pytest

import howdah
import howdah as pg
from howdah import Col, Table, Vector, col
from howdah.tables.ddl import statements
from tests.python.ddl.schema import Mood, columns, run
from tests.python.versions import wants

if TYPE_CHECKING:
    from tests.python.conftest import Sql


def test_enum_with_a_type_of_another_name_uses_that(db: howdah.Database, sql: Sql) -> None:
    class Size(StrEnum):
        __enum_name__ = '"Its.Own"."Sizes"'
        small = "S"

    class Shirt(Table):
        id: Col[int] = pg.identity()
        size: Col[Size]
        mood: Col[Mood] = col(type="text")

    run(db, Shirt)
    assert columns(sql, "shirt")[1:] == [("size", '"Its.Own"."Sizes"', True), ("mood", "text", True)]
    assert not any("mood AS ENUM" in one for one in statements(Shirt))


class Order(StrEnum):
    first = "1st"


class Vector_(StrEnum):  # noqa: N801  (its type is named like pgvector's, but for the quotes)
    __enum_name__ = '"Vector"'
    up = "up"


class Text(StrEnum):
    bold = "bold"


def test_precision_and_dimensions_are_those_of_the_elements_of_lists(db: howdah.Database, sql: Sql) -> None:
    wants("vector", sql)

    class Precise(Table):
        id: Col[int] = pg.identity()
        prices: Col[list[Decimal]] = col(precision=10, scale=2)
        grid: Col[list[list[Decimal]] | None] = col(default=None, precision=5)
        places: Col[list[Vector] | None] = col(default=None, dim=3)

    db.create_tables(Precise)
    assert [kind for _, kind, _ in columns(sql, "precise")][1:] == ["numeric(10,2)[]", "numeric(5,0)[]", "vector(3)[]"]
    key = db.save(Precise(prices=[Decimal("1.25")], places=[Vector([1, 2, 3])])).id
    assert db.get(Precise, key).prices == [Decimal("1.25")]
    for count in (1, 2500):
        with pytest.raises(howdah.DataError, match="more"):
            db.insert_many(Precise, [{"prices": [Decimal("1.255")]}] * count)


def test_enum_named_by_a_word_of_sql_is_quoted(db: howdah.Database, sql: Sql) -> None:
    class Sorted(Table):
        id: Col[int] = pg.identity()
        by: Col[Order]
        others: Col[list[Order]] = col(default_factory=list)
        way: Col[Vector_] = col(default=Vector_.up)

    for _ in range(2):
        db.create_tables(Sorted)
    assert [kind for _, kind, _ in columns(sql, "sorted")] == ["bigint", '"order"', '"order"[]', '"Vector"']
    for count in (1, 2500):
        rows = [{"by": Order.first, "others": [Order.first]}] * count
        found = db.get(Sorted, db.insert_many(Sorted, rows)[-1])
        assert (found.by, found.others, found.way) == (Order.first, [Order.first], Vector_.up)
    assert db.find(Sorted, Sorted.by == Order.first, Sorted.others.contains([Order.first])).count() == 2501


def test_enum_named_like_a_type_of_the_server_is_refused(db: howdah.Database, sql: Sql) -> None:
    class Styled(Table):
        id: Col[int] = pg.identity()
        style: Col[Text]

    class Plain(Table):
        id: Col[int] = pg.identity()
        style: Col[Text] = col(type="text")

    with pytest.raises(howdah.InterfaceError, match=r"Styled\.style: Text: .* named text, .* by __enum_name__"):
        db.create_tables(Styled)
    assert "AS ENUM" not in pg.ddl(Plain)
    db.create_tables(Plain)
    assert db.save(Plain(style=Text.bold)).style is Text.bold
    assert columns(sql, "plain")[1:] == [("style", "text", True)]
