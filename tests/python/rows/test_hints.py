"""Hints of errors: how to cast, what to set for PgBouncer; and no values of rows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import pytest

import howdah
from tests.python.rows.pgbouncer import PROGRAM, pgbouncer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from howdah import embedded
    from tests.python.conftest import Sql

needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def face(request: pytest.FixtureRequest) -> str:
    """Tell which face is tested, and under which loop."""
    return cast("str", request.param)


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


# Values of a row
SECRET = "s3cret"  # noqa: S105  (a value of a row)
BROKEN = {
    "null": ("INSERT INTO t VALUES ($1, NULL)", "23502", "Failing row contains ("),
    "check": ("INSERT INTO t VALUES ($1, -1)", "23514", "Failing row contains ("),
    "update": ("UPDATE t SET n = -1, v = $1", "23514", "Failing row contains ("),
    "unique": ("INSERT INTO t VALUES ($1, 1) RETURNING n", "23505", f"Key (v)=({SECRET}) already exists."),
    "key": ("INSERT INTO u VALUES ($1 || '?')", "23503", f"Key (v)=({SECRET}?) is not present"),
}


@pytest.mark.parametrize("kind", BROKEN)
async def test_error_of_a_constraint_shows_no_values_of_the_row(db: howdah.AsyncDatabase, sql: Sql, kind: str) -> None:
    sql(f"CREATE TABLE t (v text PRIMARY KEY, n int NOT NULL CHECK (n > 0)); INSERT INTO t VALUES ('{SECRET}', 1)")
    sql("CREATE TABLE u (v text REFERENCES t)")
    query, sqlstate, detail = BROKEN[kind]

    async def in_transaction() -> None:
        async with db.transaction():
            await db.execute(query, SECRET)

    async def streamed() -> None:
        async for _ in db.stream(query, SECRET):
            pass

    async def script() -> None:
        await db.execute(f"SELECT 1; {query.replace('$1', repr(SECRET))}")

    whole_query = query if "RETURNING" in query else f"{query} RETURNING 1"
    acts: list[Callable[[], Awaitable[object]]] = [
        lambda: db.execute(query, SECRET),
        lambda: db.execute_many(query, [(SECRET,), (SECRET,)]),
        lambda: db.fetch(whole_query, SECRET),
        lambda: db.fetch_value(whole_query, SECRET),
        in_transaction,
        streamed,
        script,
    ]
    for act in acts:
        with pytest.raises(howdah.IntegrityError) as caught:
            await act()
        assert caught.value.sqlstate == sqlstate
        assert SECRET not in str(caught.value)
        assert "Failing row" not in str(caught.value)
        # It is there for whoever asks.
        assert (caught.value.detail or "").startswith(detail)
        assert SECRET in (caught.value.detail or "")


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
