"""stream: a result in batches, in constant memory, closed early or late, inside and outside of a transaction."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from typing import Any

    from tests.python.conftest import Sql

MANY = "SELECT n FROM generate_series(1, $1::int4) AS n"
# The heap has its own mind about a few of them.
FEW_MIB = 48


def resident_mib() -> float:
    """Tell how much memory this process has."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / (1 << 20)


async def some(rows: AsyncGenerator[dict[str, Any]], count: int) -> list[Any]:
    """Take a few rows, and leave the stream as it is."""
    return [(await anext(rows))["n"] for _ in range(count)]


@pytest.mark.parametrize("batch_rows", [1, 2, 3, 7, 999, 1000, 1001, 10_000, 2**31 - 1])
@pytest.mark.parametrize("rows", [0, 1, 999, 1000, 1001])
async def test_stream_gives_every_row_whatever_the_batches(
    db: howdah.AsyncDatabase, rows: int, batch_rows: int
) -> None:
    assert [row["n"] async for row in db.stream(MANY, rows, batch_rows=batch_rows)] == list(range(1, rows + 1))


@pytest.mark.parametrize("batch_rows", [0, -1, -(2**31)])
async def test_batch_of_no_rows_is_refused(one: howdah.AsyncDatabase, batch_rows: int) -> None:
    with pytest.raises(howdah.InterfaceError, match="batch_rows"):
        [row async for row in one.stream(MANY, 3, batch_rows=batch_rows)]
    assert await one.fetch_value("SELECT 1") == 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is told by Linux's /proc")
async def test_stream_of_much_takes_little_memory(one: howdah.AsyncDatabase) -> None:
    query = "SELECT n, repeat('x', 1000) AS t FROM generate_series(1, 300000) AS n"
    assert len([row async for row in one.stream(query.replace("300000", "3000"))]) == 3000
    gc.collect()
    before, most, count = resident_mib(), 0.0, 0
    async for _ in one.stream(query):
        count += 1
        if count % 1000 == 0:
            most = max(most, resident_mib())
    assert count == 300_000
    assert most - before < FEW_MIB


async def test_stream_left_early_gives_its_connection_back(one: howdah.AsyncDatabase) -> None:
    for _ in range(20):
        async with contextlib.aclosing(one.stream(MANY, 1_000_000)) as rows:
            assert await some(rows, 3) == [1, 2, 3]
            assert one.stats().busy == 1
        assert await one.fetch_value("SELECT 4") == 4
    assert one.stats().busy == 0


async def test_stream_closed_before_its_first_row_does_nothing(one: howdah.AsyncDatabase) -> None:
    rows = one.stream("SELECT 1 / 0 AS n")
    await rows.aclose()
    assert await one.fetch_value("SELECT 1") == 1


async def test_stream_left_by_an_exception_gives_its_connection_back(one: howdah.AsyncDatabase) -> None:
    async def fail() -> None:
        async with contextlib.aclosing(one.stream(MANY, 1_000_000)) as rows:
            await some(rows, 1500)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await one.fetch_value("SELECT 1") == 1


async def test_write_that_is_streamed_to_its_end_is_committed(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE t (n int4)")
    insert = "INSERT INTO t SELECT * FROM generate_series(1, 2500) RETURNING n"
    assert [row["n"] async for row in db.stream(insert, batch_rows=1000)] == list(range(1, 2501))
    assert sql("SELECT count(*) FROM t") == [(2500,)]


async def test_streams_of_one_database_do_not_mix(db: howdah.AsyncDatabase) -> None:
    async with (
        contextlib.aclosing(db.stream(MANY, 50, batch_rows=2)) as first,
        contextlib.aclosing(db.stream(MANY, 40, batch_rows=3)) as second,
    ):
        for n in range(1, 41):
            assert await some(first, 1) == [n]
            assert await some(second, 1) == [n]
            assert await db.fetch_value("SELECT $1::int4", n) == n
        assert [row["n"] async for row in first] == list(range(41, 51))


async def test_error_in_the_middle_of_a_stream_comes_after_its_rows(one: howdah.AsyncDatabase) -> None:
    query = "SELECT 1000 / (2501 - n) AS n FROM generate_series(1, 10000) AS n"
    rows = one.stream(query, batch_rows=100)
    assert len(await some(rows, 2400)) == 2400
    with pytest.raises(howdah.DataError, match="division by zero"):
        [row async for row in rows]
    assert await one.fetch_value("SELECT 1") == 1
    assert one.stats().busy == 0


async def test_stream_in_a_transaction_lets_others_between(one: howdah.AsyncDatabase) -> None:
    async with one.transaction():
        await one.execute("CREATE TABLE t (n int4)")
        async for row in one.stream(MANY, 100, batch_rows=7):
            await one.execute("INSERT INTO t VALUES ($1)", row["n"])
        assert await one.fetch_value("SELECT sum(n) FROM t") == 5050
    assert await one.fetch_value("SELECT count(*) FROM t") == 100


async def test_streams_in_one_transaction_do_not_mix(one: howdah.AsyncDatabase) -> None:
    async with (
        one.transaction(),
        contextlib.aclosing(one.stream(MANY, 50, batch_rows=2)) as first,
        contextlib.aclosing(one.stream(MANY, 40, batch_rows=3)) as second,
    ):
        for n in range(1, 41):
            assert await some(first, 1) == [n]
            assert await some(second, 1) == [n]
        assert [row["n"] async for row in first] == list(range(41, 51))


async def test_stream_left_early_in_a_transaction_leaves_it_good(one: howdah.AsyncDatabase) -> None:
    await one.execute("CREATE TABLE t (n int4)")
    async with one.transaction():
        await one.execute("INSERT INTO t VALUES (1)")
        async with contextlib.aclosing(one.stream(MANY, 1_000_000)) as rows:
            assert await some(rows, 3) == [1, 2, 3]
        await one.execute("INSERT INTO t VALUES (2)")
        # A portal that was left open would still be there.
        assert await one.fetch("SELECT name FROM pg_cursors WHERE name <> ''") == []
    assert await one.fetch_value("SELECT count(*) FROM t") == 2


async def test_stream_that_outlives_its_transaction_says_so(one: howdah.AsyncDatabase) -> None:
    async with one.transaction():
        rows = one.stream(MANY, 10_000, batch_rows=10)
        assert await some(rows, 5) == [1, 2, 3, 4, 5]
    with pytest.raises(howdah.Error):
        [row async for row in rows]
    assert await one.fetch_value("SELECT 1") == 1
    assert one.stats().busy == 0


async def test_error_of_a_stream_fails_its_transaction_alone(one: howdah.AsyncDatabase) -> None:
    async def fail() -> None:
        async with one.transaction():
            await one.execute("CREATE TABLE t (n int4)")
            [row async for row in one.stream("SELECT 1 / (n - 50) AS n FROM generate_series(1, 100) AS n")]

    with pytest.raises(howdah.DataError):
        await fail()
    assert await one.fetch_value("SELECT to_regclass('t') IS NULL") is True


async def test_connection_of_a_stream_that_nobody_ended_is_not_given_away(db: howdah.AsyncDatabase, sql: Sql) -> None:
    rows = db.stream(MANY, 1_000_000)
    assert await some(rows, 3) == [1, 2, 3]
    assert await db.fetch_value("SELECT 7") == 7
    assert await some(rows, 2000) == list(range(4, 2004))
    await rows.aclose()
    assert sql("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'") == [(0,)]


def test_stream_that_is_forgotten_gives_its_connection_back(url: str) -> None:
    with howdah.Database(url, max_size=1, acquire_timeout_s=5.0) as db:
        for _ in range(3):
            for row in db.stream(MANY, 1_000_000):
                assert row == {"n": 1}
                break
            gc.collect()
            assert db.fetch_value("SELECT 2") == 2


def test_task_that_is_cancelled_in_a_stream_gives_its_connection_back(url: str) -> None:
    async def endless(db: howdah.AsyncDatabase) -> None:
        async with contextlib.aclosing(
            db.stream("SELECT n, pg_sleep(0.01) FROM generate_series(1, 100000) AS n", batch_rows=1)
        ) as rows:
            async for _ in rows:
                pass

    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=1, acquire_timeout_s=5.0) as db:
            for delay_s in (0.0, 0.005, 0.05, 0.2):
                task = asyncio.create_task(endless(db))
                await asyncio.sleep(delay_s)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert await db.fetch_value("SELECT 2") == 2

    asyncio.run(main())


def test_streams_of_many_tasks_give_their_own_rows(url: str) -> None:
    async def main() -> None:
        async with howdah.AsyncDatabase(url, max_size=3) as db:

            async def read(first: int) -> None:
                query = "SELECT n FROM generate_series($1::int4, $1 + 999) AS n"
                rows = [row["n"] async for row in db.stream(query, first, batch_rows=37)]
                assert rows == list(range(first, first + 1000))

            await asyncio.gather(*(read(first) for first in range(0, 20_000, 1000)))

    asyncio.run(main())
