"""PgBouncer in transaction mode, where each transaction may use another connection of the server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.rows.conftest import RUNNERS
from tests.python.rows.pgbouncer import PROGRAM, pgbouncer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from howdah import embedded
    from tests.python.conftest import Sql

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed")

WAYS = ["statement_cache_size=0", "?pgbouncer=true"]
CALLERS = 8


@dataclass
class Row:
    a: int
    b: str | None


@pytest.fixture(scope="module")
def bouncer(server: embedded.Server) -> Iterator[str]:
    """Give the URL of the shared server through PgBouncer."""
    with pgbouncer(server.url) as url:
        yield url


@pytest.fixture(params=WAYS)
def bounced(
    request: pytest.FixtureRequest, opened: Callable[..., howdah.AsyncDatabase], bouncer: str
) -> howdah.AsyncDatabase:
    """Give a database that goes through it, by each way to say so."""
    if request.param == WAYS[0]:
        return opened(bouncer, statement_cache_size=0)
    return opened(f"{bouncer}{request.param}")


@pytest.fixture
def table(sql: Sql) -> str:
    """Make a table, and give its full name: PgBouncer passes no search_path on."""
    sql("CREATE TABLE t (a int4 PRIMARY KEY, b text)")
    return f"{sql('SELECT current_schema()')[0][0]}.t"


async def test_every_verb_works(bounced: howdah.AsyncDatabase, table: str) -> None:
    for n in range(0, 40, 4):
        assert await bounced.execute(f"INSERT INTO {table} VALUES ($1, $2)", n, "x") == 1
        assert await bounced.execute_many(f"INSERT INTO {table} VALUES ($1, $2)", [(n + 1, "y"), (n + 2, None)]) == 2
        assert await bounced.execute_many(f"UPDATE {table} SET b = $2 WHERE a = $1", [(n + 1, "z"), (n, "z")]) == 2
        query = f"SELECT * FROM {table} WHERE a BETWEEN $1 AND $2 ORDER BY a"
        rows: list[dict[str, Any]] = [{"a": n, "b": "z"}, {"a": n + 1, "b": "z"}, {"a": n + 2, "b": None}]
        assert await bounced.fetch(query, n, n + 2) == rows
        assert await bounced.fetch(query, n, n + 2, into=Row) == [Row(**row) for row in rows]
        assert await bounced.fetch_one(query, n, n + 2) == rows[0]
        assert await bounced.fetch_value(query, n, n + 2) == n
        assert [row async for row in bounced.stream(query, n, n + 2, batch_rows=2)] == rows
    assert await bounced.execute(f"DELETE FROM {table}; SELECT 1") == 1


async def test_types_that_are_looked_up_work(bounced: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN amount AS numeric(9,2)")
    schema = sql("SELECT current_schema()")[0][0]
    for _ in range(5):
        query = f"SELECT $1::{schema}.mood AS m, $2::{schema}.amount AS a, $3::{schema}.mood[] AS l"
        row = await bounced.fetch_one(query, "ok", 1, ["sad", None])
        assert row is not None
        assert [str(value) for value in row.values()] == ["ok", "1.00", "['sad', None]"]


async def test_transactions_keep_to_one_connection(bounced: howdah.AsyncDatabase, table: str, sql: Sql) -> None:
    async with bounced.transaction():
        pids = {await bounced.fetch_value("SELECT pg_backend_pid()") for _ in range(10)}
        assert len(pids) == 1
        await bounced.execute(f"INSERT INTO {table} VALUES ($1, $2)", 1, "x")
        with contextlib.suppress(ZeroDivisionError):
            async with bounced.transaction():
                await bounced.execute(f"INSERT INTO {table} VALUES ($1, $2)", 2, "x")
                raise ZeroDivisionError
        async with contextlib.aclosing(bounced.stream("SELECT * FROM generate_series(1, 100000)")) as rows:
            await anext(rows)
    assert sql("SELECT a FROM t") == [(1,)]


async def test_error_leaves_the_connection_good(bounced: howdah.AsyncDatabase, table: str) -> None:
    for _ in range(5):
        with pytest.raises(howdah.DataError):
            await bounced.fetch("SELECT 1 / $1::int4", 0)
        with pytest.raises(howdah.ConversionError):
            await bounced.fetch("SELECT 1 / $1::int4", "x")
        with pytest.raises(howdah.UniqueViolation):
            await bounced.execute_many(f"INSERT INTO {table} VALUES ($1, $2)", [(1, "x"), (1, "y")])
        assert await bounced.fetch_value(f"SELECT count(*) FROM {table}") == 0


async def test_stream_that_is_left_early_gives_its_connection_back(bounced: howdah.AsyncDatabase) -> None:
    for _ in range(5):
        async with contextlib.aclosing(bounced.stream("SELECT n FROM generate_series(1, 1000000) AS n")) as rows:
            assert await anext(rows) == {"n": 1}
        assert await bounced.fetch_value("SELECT $1::int4", 2) == 2


def test_more_callers_than_connections_get_their_own_answers(bouncer: str) -> None:
    wrong: list[Any] = []
    done: list[int] = []

    def call(caller: int) -> None:
        for n in range(100):
            key = caller * 1000 + n
            if db.fetch("SELECT $1::int4 AS a, $2::text AS b", key, str(key)) != [{"a": key, "b": str(key)}]:
                wrong.append(key)
            if db.fetch_value("SELECT $1::text", str(key)) != str(key):
                wrong.append(key)
            with db.transaction():
                if db.fetch_value("SELECT -$1::int8", key) != -key:
                    wrong.append(key)
        done.append(caller)

    with howdah.Database(bouncer, statement_cache_size=0, max_size=CALLERS) as db:
        threads = [threading.Thread(target=call, args=(caller,)) for caller in range(CALLERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert sorted(done) == list(range(CALLERS))


def test_more_tasks_than_connections_get_their_own_answers(bouncer: str) -> None:
    async def call(db: howdah.AsyncDatabase, caller: int) -> None:
        for n in range(50):
            key = caller * 1000 + n
            assert await db.fetch("SELECT $1::int4 AS a, $2::text AS b", key, str(key)) == [{"a": key, "b": str(key)}]
            async with db.transaction():
                assert await db.fetch_value("SELECT -$1::int8", key) == -key

    async def main() -> None:
        async with howdah.AsyncDatabase(f"{bouncer}?pgbouncer=true", max_size=CALLERS) as db:
            await asyncio.gather(*(call(db, caller) for caller in range(2 * CALLERS)))

    asyncio.run(main())


def test_cancelled_await_cancels_at_the_server_through_it(bouncer: str, sql: Sql) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(f"{bouncer}?pgbouncer=true", max_size=1) as db:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await db.fetch("SELECT 'bounced', pg_sleep($1)", 30.0)
            assert await db.fetch_value("SELECT $1::int4", 5) == 5

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < 10
    assert sql(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%%bounced%%pg_sleep%%' "
        "AND pid <> pg_backend_pid()"
    ) == [(0,)]


async def test_no_statement_stays_behind(bounced: howdah.AsyncDatabase) -> None:
    for n in range(10):
        await bounced.fetch("SELECT $1::int4 AS a", n)
        assert await bounced.fetch_value("SELECT count(*) FROM pg_prepared_statements WHERE name <> ''") == 0


def test_load_and_read_work_through_it(bouncer: str, table: str) -> None:
    with howdah.Database(f"{bouncer}?pgbouncer=true") as db:
        for n in range(3):
            assert db.load(table, [{"a": 10 * n + k, "b": "x"} for k in range(5)]).rows == 5
            assert db.read(f"SELECT a FROM {table} WHERE a >= $1", 10 * n).to_arrow().num_rows == 5


@pytest.mark.parametrize("face", list(RUNNERS), indirect=True)
async def test_listening_through_it_is_refused(opened: Callable[..., howdah.AsyncDatabase], bouncer: str) -> None:
    db = opened(f"{bouncer}?pgbouncer=true", max_size=1)
    for _ in range(2):
        with pytest.raises(howdah.InterfaceError, match=r"does not work through PgBouncer .*the server itself"):
            await listened(db)
    assert await db.fetch_value("SELECT 1") == 1


async def listened(db: Any) -> None:
    """Begin to listen, whichever API it is."""
    found = db.listen("news")
    if asyncio.iscoroutine(found):
        with await found:
            pass
    else:
        async with found:
            pass
