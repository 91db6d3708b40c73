"""Values that a column cannot hold exactly: methods of tables refuse them, and the caller's SQL rounds them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import howdah
from howdah import Col, Table, col, identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

MANY = 3000
FINE = Decimal("1.2345")


class Price(Table):
    """A table with a column of limited digits."""

    id: Col[int] = identity()
    name: Col[str] = col(unique=True)
    amount: Col[Decimal] = col(precision=10, scale=2)


def update_by_save(db: howdah.Database) -> object:
    price = db.get(Price, 1)
    price.amount = FINE
    return db.save(price)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"name": f"n{n}", "amount": FINE if n == count - 1 else Decimal(1)} for n in range(count)]


BY_TABLE: dict[str, Callable[[howdah.Database], object]] = {
    "save of a new row": lambda db: db.save(Price(name="b", amount=FINE)),
    "save of a row that is there": update_by_save,
    "update": lambda db: db.find(Price).update(Price.amount.set(FINE)),
    "insert_many": lambda db: db.insert_many(Price, rows(5)),
    "insert_many of objects": lambda db: db.insert_many(Price, [Price(name="b", amount=FINE)]),
    "insert_many by COPY": lambda db: db.insert_many(Price, rows(MANY)),
    "insert_many of Arrow data": lambda db: db.insert_many(Price, pa.Table.from_pylist(rows(5))),
    "upsert": lambda db: db.upsert(Price, rows(5), on=[Price.name]),
    "upsert by COPY": lambda db: db.upsert(Price, rows(MANY), on=[Price.name]),
    "upsert with an assignment": lambda db: db.upsert(
        Price, [{"name": "a", "amount": 1}], on=[Price.name], update=[Price.amount.set(FINE)]
    ),
    "load": lambda db: db.load(Price, rows(5)),
    "load by upsert": lambda db: db.load(Price, rows(5), mode="upsert", key="name"),
    "load of what is replaced": lambda db: db.load("price", [{"id": 1, **rows(1)[0]}], mode="replace"),
}
IN_SQL: dict[str, Callable[[howdah.Database], object]] = {
    "execute": lambda db: db.execute("UPDATE price SET amount = $1", FINE),
    "execute_many": lambda db: db.execute_many("UPDATE price SET amount = $1", [(FINE,)]),
    "fetch": lambda db: db.fetch("UPDATE price SET amount = $1 RETURNING id", FINE),
    "update by an expression": lambda db: db.find(Price).update(Price.amount.set(Price.amount + FINE)),
}


@pytest.fixture(autouse=True)
def table(db: howdah.Database) -> None:
    """Make a table of one row."""
    db.create_tables(Price)
    db.save(Price(name="a", amount=Decimal(0)))


@pytest.mark.parametrize("verb", BY_TABLE)
def test_value_that_a_column_cannot_hold_is_refused_by_each_verb_of_tables(
    db: howdah.Database, sql: Sql, verb: str
) -> None:
    with pytest.raises(howdah.DataError, match="digits after the point"):
        BY_TABLE[verb](db)
    assert sql("SELECT name, amount FROM price") == [("a", Decimal("0.00"))]


@pytest.mark.parametrize("verb", IN_SQL)
def test_value_in_sql_of_the_caller_is_rounded_by_the_server_as_it_rounds_any(
    db: howdah.Database, sql: Sql, verb: str
) -> None:
    # The server describes the parameter as numeric: it tells neither the column nor its digits.
    IN_SQL[verb](db)
    assert sql("SELECT amount FROM price") == [(Decimal("1.23"),)]
