"""What an error says besides the server's words: how to cast a parameter, and what to set behind PgBouncer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.rows.pgbouncer import PROGRAM, pgbouncer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from howdah import embedded
    from tests.python.conftest import Sql

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.mark.parametrize(
    ("query", "cast"),
    [
        ("SELECT $1 IS NULL", "$1::int"),
        ("SELECT $1::text, $2 IS NOT NULL", "$2::int"),
        ("SELECT pg_typeof($1)", "$1::int"),
    ],
)
async def test_parameter_of_no_known_type_tells_how_to_cast_it(db: howdah.AsyncDatabase, query: str, cast: str) -> None:
    params = [None] * query.count("::text, $2") + [None]
    for verb in (db.execute, db.fetch, db.fetch_one, db.fetch_value):
        with pytest.raises(howdah.ProgrammingError) as caught:
            await verb(query, *params)
        assert caught.value.sqlstate == "42P18"
        assert cast in (caught.value.hint or "")
        assert cast in str(caught.value)
    with pytest.raises(howdah.ProgrammingError) as caught:
        [row async for row in db.stream(query, *params)]
    assert cast in str(caught.value)
    with pytest.raises(howdah.ProgrammingError) as caught:
        await db.execute_many(query, [params, params])
    assert cast in str(caught.value)
    with pytest.raises(howdah.ProgrammingError) as caught:
        await read(db, query, *params)
    assert cast in str(caught.value)


async def test_parameter_of_two_types_tells_how_to_cast_it(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE t (a int, b text)")
    with pytest.raises(howdah.ProgrammingError) as caught:
        await db.execute("INSERT INTO t VALUES ($1, $1)", 1)
    assert caught.value.sqlstate == "42P08"
    assert "$1::int" in str(caught.value)


async def read(db: Any, query: str, *params: object) -> object:
    """Read a query as Arrow, whichever API it is."""
    found = db.read(query, *params)
    if asyncio.iscoroutine(found):
        return (await found).to_arrow()
    arrow = found.to_arrow()
    return await arrow if asyncio.iscoroutine(arrow) else arrow


# Behind PgBouncer, without its flag
@pytest.fixture(scope="module")
def bouncer(server: embedded.Server) -> Iterator[str]:
    """Give the URL of the shared server through PgBouncer, which refuses what it does not know at the start."""
    with pgbouncer(server.url, ignored=("extra_float_digits",)) as url:
        yield url


@needs_pgbouncer
async def test_statement_of_another_connection_names_the_flag(
    opened: Callable[..., howdah.AsyncDatabase], bouncer: str
) -> None:
    first, second = opened(bouncer, max_size=1), opened(bouncer, max_size=1)
    told: list[howdah.Error] = []
    for number in range(12):
        for db in (first, second):
            try:
                await db.fetch_value(f"SELECT $1::int + {number}", number)
                async with db.transaction():
                    await db.fetch_value("SELECT $1::int", number)
            except howdah.Error as error:
                told.append(error)
    assert told
    for said in told:
        assert said.sqlstate in {"42P05", "26000"}
        assert "?pgbouncer=true" in str(said)
        assert "statement_cache_size=0" in str(said)


@needs_pgbouncer
@pytest.mark.parametrize("way", ["statement_timeout_s", "setting"])
async def test_parameter_that_it_refuses_names_the_flag(
    opened: Callable[..., howdah.AsyncDatabase], bouncer: str, way: str
) -> None:
    by_setting = way == "setting"
    refused = opened(f"{bouncer}?options=-cjit%3Doff") if by_setting else opened(bouncer, statement_timeout_s=5)
    with pytest.raises(howdah.ConnectionError, match="unsupported startup parameter") as caught:
        await refused.fetch_value("SELECT 1")
    assert "?pgbouncer=true" in str(caught.value)
    assert "statement_cache_size" in str(caught.value)
    if not by_setting:
        accepted = opened(f"{bouncer}?pgbouncer=true", statement_timeout_s=5)
        assert await accepted.fetch_value("SELECT 1") == 1


async def test_hint_of_pgbouncer_is_not_given_for_statements_of_the_caller(one: howdah.AsyncDatabase) -> None:
    await one.execute("PREPARE mine AS SELECT 1")
    for wrong in ("PREPARE mine AS SELECT 1", "EXECUTE yours"):
        with pytest.raises(howdah.DatabaseError) as caught:
            await one.execute(wrong)
        assert "pgbouncer" not in str(caught.value).lower()
