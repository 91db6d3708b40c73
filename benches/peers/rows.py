"""The table that single rows come from: what stands in it, what is asked of it, and whether an answer is right."""

from __future__ import annotations

import datetime as dt
import random
from contextlib import contextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from psycopg import sql

from .data import Target, UnequalError, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .data import Connection

Row: TypeAlias = dict[str, Any]

PEOPLE = Target(
    "bench_people",
    {
        "id": "int8",
        "name": "text",
        "email": "text",
        "age": "int4",
        "score": "float8",
        "active": "bool",
        "created": "timestamptz",
        "balance": "numeric(12,2)",
    },
)
PEOPLE_ROWS = 10_000
COLUMNS = ", ".join(PEOPLE.columns)
SELECT_ALL = f"SELECT {COLUMNS} FROM {PEOPLE.name}"  # noqa: S608 (constants)
SELECT_ONE = f"{SELECT_ALL} WHERE id = $1"

LOOKUPS = 2_000
CHECKED_KEYS = 500
CHECKED_LOOKUPS = (
    f"before the rounds, each contestant looked {CHECKED_KEYS} keys up, and each row was a dict with the columns, "
    "values and types of the one that was stored"
)


@contextmanager
def people(admin: Connection) -> Iterator[list[Row]]:
    """Make the table, fill it, and drop it at the end; its rows are yielded in the order of their keys."""
    rows = list(_rows())
    with table(admin, PEOPLE.name, PEOPLE):
        name = sql.Identifier(PEOPLE.name)
        with admin.cursor() as cursor, cursor.copy(sql.SQL("COPY {} FROM STDIN").format(name)) as copy:
            for row in rows:
                copy.write_row(tuple(row.values()))
        admin.execute(sql.SQL("ALTER TABLE {} ADD PRIMARY KEY (id)").format(name))
        admin.execute(sql.SQL("VACUUM (FREEZE, ANALYZE) {}").format(name))
        admin.execute("CHECKPOINT")
        yield rows


def keys(count: int) -> list[int]:
    """Return keys to look up, in no order, always the same."""
    return random.Random(2013).choices(range(1, PEOPLE_ROWS + 1), k=count)  # noqa: S311 (nothing here is secret)


def check_rows(contestant: str, got: Iterable[Row | None], expected: Iterable[Row]) -> None:
    """Compare rows with those that were stored, values and their types.

    Raises:
        UnequalError: a row is missing, one too many, or another one.
    """
    for number, (row, wanted) in enumerate(zip(got, expected, strict=True)):
        if row is None or _typed(row) != _typed(wanted):
            message = f"{contestant}: row {number}: expected {wanted}, got {row}"
            raise UnequalError(message)


def _typed(row: Row) -> dict[str, tuple[type, Any]]:
    return {column: (type(value), value) for column, value in row.items()}


def _rows() -> Iterator[Row]:
    dice = random.Random(2025)  # noqa: S311 (nothing here is secret)
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    for number in range(1, PEOPLE_ROWS + 1):
        yield {
            "id": number,
            "name": f"Person {dice.randrange(10**6)}",
            "email": f"person.{number}@example.com",
            "age": dice.randrange(18, 90),
            "score": dice.random() * 100,
            "active": dice.random() < 0.5,  # noqa: PLR2004 (a coin)
            "created": start + dt.timedelta(microseconds=dice.randrange(10**13)),
            "balance": Decimal(dice.randrange(10**10)).scaleb(-2),
        }
