"""Types without a Python type of their own are the server's text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import howdah


@pytest.mark.parametrize(
    ("declaration", "text", "value"),
    [
        ('"char"', "a", "a"),
        ("point", "(1,2)", "(1,2)"),
        ("money", "$1.50", "$1.50"),
        ("bit(3)", "101", "101"),
        ("varbit", "1", "1"),
        ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:03"),
        ("pair", '(1,"a b")', {"a": 1, "b": "a b"}),
        ("pg_lsn", "16/B374D848", "16/B374D848"),
        ("regclass", "pg_class", "pg_class"),
        ("xid8", "5", 5),
        ("point[]", '{"(1,2)"}', ["(1,2)"]),
        ("pair[]", '{"(1,x)"}', [{"a": 1, "b": "x"}]),
        ("tid", "(0,1)", "(0,1)"),
    ],
)
async def test_value_is_that_of_the_servers_text(
    db: howdah.AsyncDatabase, declaration: str, text: str, value: Any
) -> None:
    await db.execute("CREATE TYPE pair AS (a int4, b text)")
    async with db.transaction():
        await db.execute("SET LOCAL lc_monetary = 'C'")
        assert await db.fetch_value(f"SELECT '{text}'::{declaration}") == value
        assert await db.fetch_value(f"SELECT $1::{declaration}", value) == value
        assert await db.fetch_value(f"SELECT $1::{declaration}", None) is None
        assert await db.fetch_value(f"SELECT ($1::{declaration})::text", value) == text


async def test_text_search_vector_comes_as_text(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch_value("SELECT to_tsvector('simple', 'b a')") == "'a':2 'b':1"
    assert await db.fetch_value("SELECT $1::tsvector", "'a':2 'b':1") == "'a':2 'b':1"
    assert await db.fetch_value("SELECT $1::tsquery", "a & b") == "'a' & 'b'"


async def test_columns_that_are_known_and_not_stand_side_by_side(db: howdah.AsyncDatabase) -> None:
    query = "SELECT $1::int4 AS a, $2::point AS b, $3::bytea AS c, $4::bit(3) AS d, $5::float8 AS e"
    row = {"a": 1, "b": "(1,2)", "c": b"\0", "d": "101", "e": 0.5}
    assert await db.fetch(query, *row.values()) == [row]


async def test_void_and_unknown_have_values(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch_value("SELECT 'x'") == "x"
    assert await db.fetch_value("SELECT NULL") is None
    assert await db.fetch_value("SELECT pg_sleep(0)") == ""
    assert await db.fetch_value("SELECT ROW(1, 'x')") == "(1,x)"
