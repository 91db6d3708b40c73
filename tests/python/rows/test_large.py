"""Limits of the protocol: the largest values, and the most rows, columns and parameters."""

from __future__ import annotations

import gc

import pytest

import howdah

MANY_BYTES = 50_000_000
# A bound number of parameters is 16 bits wide.
# https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-BIND
MOST_PARAMETERS = 65_535
# A table has no more columns, and a query but a few more.
# https://www.postgresql.org/docs/current/limits.html
MOST_COLUMNS = 1600


async def test_fifty_megabytes_go_there_and_back(one: howdah.AsyncDatabase) -> None:
    data = bytes(range(256)) * (MANY_BYTES // 256)
    query = "SELECT $1::bytea AS v, length($1) AS size, md5($1) AS sum"
    row = await one.fetch_one(query, data)
    assert row is not None
    assert row["v"] == data
    assert row["size"] == len(data)
    assert await one.fetch_value("SELECT 1") == 1


async def test_megabytes_of_text_come_in_one_row_and_many(one: howdah.AsyncDatabase) -> None:
    rows = await one.fetch("SELECT repeat('é', 1000000) AS a, n FROM generate_series(1, 10) AS n")
    assert [(len(row["a"]), row["a"][-1], row["n"]) for row in rows] == [(1_000_000, "é", n) for n in range(1, 11)]
    count = 0
    async for row in one.stream("SELECT repeat('é', 1000000) AS a FROM generate_series(1, 20)", batch_rows=3):
        assert len(row["a"]) == 1_000_000
        count += 1
    assert count == 20


async def test_hundred_thousand_rows_come_in_order(one: howdah.AsyncDatabase) -> None:
    rows = await one.fetch("SELECT n, n::text AS t, NULLIF(n % 2, 0) AS m FROM generate_series(1, 100000) AS n")
    assert rows == [{"n": n, "t": str(n), "m": n % 2 or None} for n in range(1, 100_001)]


async def test_as_many_columns_as_there_can_be_come_by_name(one: howdah.AsyncDatabase) -> None:
    columns = ", ".join(f"c{n} int2" for n in range(MOST_COLUMNS))
    await one.execute(f"CREATE TABLE wide ({columns})")
    parameters = ", ".join(f"${n + 1}" for n in range(MOST_COLUMNS))
    insert = f"INSERT INTO wide VALUES ({parameters})"
    assert await one.execute(insert, *range(MOST_COLUMNS)) == 1
    assert await one.execute_many(insert, [range(MOST_COLUMNS), [None] * MOST_COLUMNS]) == 2
    rows = await one.fetch("SELECT * FROM wide")
    wanted = {f"c{n}": n for n in range(MOST_COLUMNS)}
    assert rows == [wanted, wanted, dict.fromkeys(wanted)]
    assert await one.fetch_one("SELECT * FROM wide") == wanted
    assert [row async for row in one.stream("SELECT * FROM wide LIMIT 1")] == [wanted]


async def test_as_many_parameters_as_there_can_be_are_taken(one: howdah.AsyncDatabase) -> None:
    query = f"SELECT {' + '.join(f'${n}::int8' for n in range(1, 1001))} + cardinality(ARRAY[{{}}])"
    more = ", ".join(f"${n}::int8" for n in range(1001, MOST_PARAMETERS + 1))
    assert await one.fetch_value(query.format(more), *range(MOST_PARAMETERS)) == 499_500 + MOST_PARAMETERS - 1000


async def test_one_parameter_more_is_refused(one: howdah.AsyncDatabase) -> None:
    values = range(MOST_PARAMETERS + 1)
    query = f"SELECT ARRAY[{', '.join(f'${n + 1}::int8' for n in values)}]"
    for verb in (one.execute, one.fetch, one.fetch_value):
        with pytest.raises(howdah.InterfaceError, match="at most 65535 parameters, got 65536; pass an array"):
            await verb(query, *values)
    assert await one.fetch_value("SELECT 1") == 1


async def test_more_parameters_than_the_statement_takes_are_counted(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.ProgrammingError, match=r"takes 1 parameter\b.*60000"):
        await one.fetch("SELECT $1::int4", *range(60_000))
    assert await one.fetch_value("SELECT $1::int4", 5) == 5


async def test_array_of_a_million_comes_back(one: howdah.AsyncDatabase) -> None:
    values = [*range(1_000_000), None]
    assert await one.fetch_value("SELECT $1::int4[]", values) == values


async def test_value_beyond_the_protocol_is_refused(one: howdah.AsyncDatabase) -> None:
    # The server takes no message of a gigabyte; zeros that nobody touches need no memory.
    with pytest.raises(howdah.Error):
        await one.execute("SELECT length($1::bytea)", bytes(1 << 30))
    assert await one.fetch_value("SELECT 1") == 1


async def test_search_for_cycles_goes_on_after_a_long_result(db: howdah.AsyncDatabase) -> None:
    series = "SELECT n, n::text AS t FROM generate_series(1, 5000) AS n"
    assert len(await db.fetch(series)) == 5000
    assert gc.isenabled()
    # The last row has a value that Python cannot hold.
    late = "SELECT CASE n WHEN 5000 THEN 'infinity' ELSE now() END AS t FROM generate_series(1, 5000) AS n"
    with pytest.raises(howdah.DataError) as caught:
        await db.fetch(late)
    assert caught.value.row == 4999
    assert gc.isenabled()
    gc.disable()
    try:
        assert len(await db.fetch(series)) == 5000
        assert not gc.isenabled()
    finally:
        gc.enable()
