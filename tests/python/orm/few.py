"""Sizes of small and large inserts, rows, and tables for the tests of bulk inserts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from howdah import Col, Table, col, server_default

# By an INSERT of arrays, and by COPY.
FEW = 20
SIZES = [1, 7, FEW + 1]


def people(count: int) -> list[dict[str, Any]]:
    """Give rows that differ in most columns."""
    return [
        {"name": f"n{at}", "email": f"{at}@", "age": at % 90 if at % 3 else None, "money": Decimal(at) / 4}
        for at in range(count)
    ]


class Parted(Table):
    """Has partitions, one of which has a trigger of its own."""

    id: Col[int] = col(primary_key=True)
    n: Col[int] = col(default=0)


class Keyless(Table):
    """Has no key."""

    n: Col[int]
    note: Col[str] = server_default("'none'")
