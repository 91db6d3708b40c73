"""howdah.codec with other drivers: psycopg, blocking and for asyncio, and asyncpg."""

from __future__ import annotations

import asyncio
import collections
import io
from typing import TYPE_CHECKING

import asyncpg
import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import codec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.python.conftest import Sql

COLUMNS: dict[str, codec.Type] = {"id": "bigint", "name": "text"}
DATA = pa.table({"name": [f"n{n}" if n % 3 else None for n in range(50_000)], "id": range(50_000)})
STORED = "SELECT count(*), count(name), sum(id), max(name) FROM t"


@pytest.fixture(autouse=True)
def _table(sql: Sql) -> None:
    sql("CREATE TABLE t (id bigint, name text)")


def test_copy_of_psycopg_takes_and_gives_the_bytes(url: str, sql: Sql) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY t (id, name) FROM STDIN (FORMAT binary)") as copy:
            for chunk in codec.encode(DATA, COLUMNS):
                copy.write(chunk)
        with cursor.copy("COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
            found = codec.decode(copy, COLUMNS).to_arrow()
    assert sql(STORED) == [(50_000, 33_333, 1_249_975_000, "n9998")]
    assert found.equals(DATA.select(["id", "name"]))


def test_async_copy_of_psycopg_takes_and_gives_the_bytes(url: str, sql: Sql) -> None:
    chunks = asyncio.run(copied_by_async_psycopg(url))
    assert sql(STORED) == [(50_000, 33_333, 1_249_975_000, "n9998")]
    assert codec.decode(chunks, COLUMNS).to_arrow().equals(DATA.select(["id", "name"]))


async def copied_by_async_psycopg(url: str) -> list[bytes]:
    async with await psycopg.AsyncConnection.connect(url) as connection, connection.cursor() as cursor:
        async with cursor.copy("COPY t (id, name) FROM STDIN (FORMAT binary)") as copy:
            for chunk in codec.encode(DATA, COLUMNS):
                await copy.write(chunk)
        async with cursor.copy("COPY (SELECT * FROM t ORDER BY id) TO STDOUT (FORMAT binary)") as copy:
            return [bytes(chunk) async for chunk in copy]


def test_copy_of_asyncpg_takes_and_gives_the_bytes(url: str, sql: Sql) -> None:
    stored, copied = asyncio.run(copied_by_asyncpg(url))
    assert stored == "COPY 50000"
    assert sql(STORED) == [(50_000, 33_333, 1_249_975_000, "n9998")]
    assert codec.decode(copied.getbuffer(), COLUMNS).to_arrow().equals(DATA.select(["id", "name"]))


async def copied_by_asyncpg(url: str) -> tuple[str, io.BytesIO]:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in codec.encode(DATA, COLUMNS):
            yield chunk

    connection = await asyncpg.connect(url)
    try:
        stored = await connection.copy_to_table("t", source=chunks(), columns=list(COLUMNS), format="binary")
        copied = io.BytesIO()
        await connection.copy_from_query("SELECT * FROM t ORDER BY id", output=copied, format="binary")
    finally:
        await connection.close()
    return stored, copied


def test_error_in_the_data_leaves_the_table_as_it_was(url: str, sql: Sql) -> None:
    bad = pa.table({"id": range(40_001), "name": ["x"] * 40_000 + ["x\0"]})
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        copying = cursor.copy("COPY t (id, name) FROM STDIN (FORMAT binary)")
        with pytest.raises(howdah.DataError, match='column "name", row 40000: '), copying as copy:
            collections.deque(map(copy.write, codec.encode(bad, COLUMNS)), maxlen=0)
        assert connection.info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    assert sql("SELECT count(*) FROM t") == [(0,)]
