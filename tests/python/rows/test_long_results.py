"""Results that arrive in many parts: rows are made of each part while the server sends the next."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

import howdah

# Some megabytes, which no single read from a socket brings.
ROWS = 30_000
LONG = "SELECT n, repeat('x', n % 200) AS t FROM generate_series(1, $1::int4) AS n"


@dataclass(slots=True)
class Numbered:
    """A row of them."""

    n: int
    t: str


@pytest.mark.parametrize("rows", [0, 1, 100, 1000, ROWS])
async def test_every_row_is_there_once_and_in_order(db: howdah.AsyncDatabase, rows: int) -> None:
    expected: list[dict[str, Any]] = [{"n": n, "t": "x" * (n % 200)} for n in range(1, rows + 1)]
    assert await db.fetch(LONG, rows) == expected
    assert await db.fetch(LONG, rows, into=Numbered) == [Numbered(**row) for row in expected]


@pytest.mark.parametrize("size", [32 << 10, 256 << 10, (1 << 20) + 1, 40 << 20])
async def test_row_longer_than_a_part_is_whole(db: howdah.AsyncDatabase, size: int) -> None:
    query = "SELECT repeat('x', CASE n WHEN 2 THEN $1 ELSE 1 END) AS t FROM generate_series(1, 3) AS n"
    assert [len(row["t"]) for row in await db.fetch(query, size)] == [1, size, 1]


@pytest.mark.parametrize("at", [1, 1000, ROWS])
async def test_error_at_any_row_is_raised_and_leaves_the_session_good(one: howdah.AsyncDatabase, at: int) -> None:
    query = "SELECT n, repeat('x', 100), 1 / (n - $1::int4) FROM generate_series(1, 30000) AS n"
    with pytest.raises(howdah.DataError, match="division by zero") as caught:
        await one.fetch(query, at)
    assert caught.value.sqlstate == "22012"
    assert await one.fetch_value("SELECT 7") == 7


async def test_error_in_a_late_row_fails_its_transaction(one: howdah.AsyncDatabase) -> None:
    query = "SELECT repeat('x', 100), 1 / (n - 29999) FROM generate_series(1, 30000) AS n"
    async with one.transaction() as transaction:
        with pytest.raises(howdah.DataError, match="division by zero"):
            await one.fetch(query)
        with pytest.raises(howdah.Error, match="aborted"):
            await one.fetch_value("SELECT 1")
        await transaction.rollback()
    assert await one.fetch_value("SELECT 8") == 8


@pytest.mark.parametrize("at", [1, 1000, ROWS])
async def test_value_that_python_cannot_hold_is_named_by_its_row(one: howdah.AsyncDatabase, at: int) -> None:
    query = (
        "SELECT repeat('x', 100) AS t, CASE n WHEN $1::int4 THEN 'infinity' ELSE '2013-01-01' END::date AS day "
        "FROM generate_series(1, 30000) AS n"
    )
    with pytest.raises(howdah.DataError, match="day") as caught:
        await one.fetch(query, at)
    assert (caught.value.row, caught.value.column) == (at - 1, "day")
    assert await one.fetch_value("SELECT 9") == 9


@pytest.mark.parametrize("at", [1, 1000, ROWS])
async def test_class_that_refuses_a_row_leaves_the_session_good(one: howdah.AsyncDatabase, at: int) -> None:
    @dataclass
    class Refusing:
        n: int
        t: str

        def __post_init__(self) -> None:
            if self.n == at:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await one.fetch(LONG, ROWS, into=Refusing)
    assert await one.fetch_value("SELECT 10") == 10


def test_results_of_one_session_that_are_gathered_do_not_mix(url: str) -> None:
    sizes = [ROWS, 1, 20_000, 0, ROWS]

    async def gathered() -> list[list[dict[str, Any]]]:
        async with howdah.AsyncDatabase(url) as db, db.transaction():
            return await asyncio.gather(*(db.fetch(LONG, size) for size in sizes))

    results = asyncio.run(gathered())
    assert [[row["n"] for row in rows] for rows in results] == [list(range(1, size + 1)) for size in sizes]
