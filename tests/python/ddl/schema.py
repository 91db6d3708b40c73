"""An enum, and queries of the tests of DDL."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from howdah.tables.ddl import statements

if TYPE_CHECKING:
    import howdah
    from howdah import Table
    from tests.python.conftest import Sql


class Mood(StrEnum):
    happy = "happy"
    sad = "it's sad"


def run(db: howdah.Database, *tables: type[Table]) -> None:
    with db.transaction():
        for statement in statements(*tables):
            db.execute(statement)


def columns(sql: Sql, table: str) -> list[tuple[Any, ...]]:
    return sql(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        table,
    )


def constraints(sql: Sql, table: str) -> set[tuple[Any, ...]]:
    rows = sql(
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype <> 'n'",
        table,
    )
    return set(rows)
