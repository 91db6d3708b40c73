"""execute, fetch, fetch_one and fetch_value with every kind of statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.python.conftest import Sql

SQL_SAYS_NOTHING = ["", " \n\t", ";", ";;", "-- only a comment", "/* only /* nested */ comments */ -- and another"]


async def test_execute_tells_how_many_rows_it_touched(db: howdah.AsyncDatabase) -> None:
    assert await db.execute("CREATE TABLE t (a int)") == 0
    assert await db.execute("INSERT INTO t SELECT * FROM generate_series(1, 10)") == 10
    assert await db.execute("UPDATE t SET a = a WHERE a <= $1", 4) == 4
    assert await db.execute("DELETE FROM t WHERE a = ANY($1)", [1, 2, 77]) == 2
    assert await db.execute("SELECT * FROM t") == 8
    assert await db.execute("MERGE INTO t USING (SELECT 3 AS b) AS given ON a = b WHEN MATCHED THEN DELETE") == 1
    assert await db.execute("CREATE TABLE u AS SELECT * FROM t") == 7
    assert await db.execute("TRUNCATE t") == 0
    assert await db.execute("INSERT INTO t SELECT 1 WHERE false") == 0


async def test_script_without_parameters_is_one_transaction(db: howdah.AsyncDatabase) -> None:
    assert await db.execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); UPDATE t SET a = 3") == 2
    with pytest.raises(howdah.DataError, match="division by zero"):
        await db.execute("DELETE FROM t; SELECT 1 / 0; DELETE FROM t")
    assert await db.fetch_value("SELECT count(*) FROM t") == 2


async def test_script_that_begins_and_commits_leaves_no_transaction(one: howdah.AsyncDatabase) -> None:
    await one.execute("BEGIN; CREATE TABLE t (a int); COMMIT")
    with pytest.raises(howdah.DataError):
        await one.execute("BEGIN; INSERT INTO t VALUES (1); SELECT 1 / 0; COMMIT")
    assert await one.execute("INSERT INTO t VALUES (2)") == 1
    assert await one.fetch_value("SELECT array_agg(a)::text FROM t") == "{2}"


async def test_script_with_parameters_is_refused(one: howdah.AsyncDatabase) -> None:
    for verb in (one.execute, one.fetch, one.fetch_one, one.fetch_value):
        with pytest.raises(howdah.ProgrammingError, match="multiple commands"):
            await verb("SELECT $1::int4; SELECT 2", 1)
    assert await one.fetch_value("SELECT 3") == 3


@pytest.mark.parametrize("sql", SQL_SAYS_NOTHING)
async def test_statement_that_says_nothing_does_nothing(one: howdah.AsyncDatabase, sql: str) -> None:
    assert await one.execute(sql) == 0
    assert await one.fetch(sql) == []
    assert await one.fetch_one(sql) is None
    assert await one.fetch_value(sql) is None
    assert [row async for row in one.stream(sql)] == []
    assert await one.fetch_value("SELECT 3") == 3


async def test_statement_without_a_result_gives_no_rows(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch("CREATE TABLE t (a int)") == []
    assert await db.fetch("INSERT INTO t VALUES ($1)", 1) == []
    assert await db.fetch_one("INSERT INTO t VALUES (2)") is None
    assert await db.fetch_value("UPDATE t SET a = a") is None
    assert [row async for row in db.stream("INSERT INTO t VALUES (3)")] == []
    assert await db.fetch_value("SELECT count(*) FROM t") == 3


async def test_returning_gives_rows_and_stores_them(db: howdah.AsyncDatabase) -> None:
    await db.execute("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, a text)")
    assert await db.fetch("INSERT INTO t (a) VALUES ($1), ($2) RETURNING id, a", "x", None) == [
        {"id": 1, "a": "x"},
        {"id": 2, "a": None},
    ]
    assert await db.fetch_one("UPDATE t SET a = 'y' WHERE id = 2 RETURNING *") == {"id": 2, "a": "y"}
    assert await db.fetch_value("DELETE FROM t WHERE id = $1 RETURNING a", 1) == "x"
    assert [row async for row in db.stream("INSERT INTO t (a) VALUES ('z') RETURNING id")] == [{"id": 3}]
    assert await db.execute("UPDATE t SET a = a RETURNING a") == 2
    assert await db.fetch("SELECT id FROM t ORDER BY id") == [{"id": 2}, {"id": 3}]


async def test_write_of_many_rows_is_whole_when_only_the_first_is_asked_for(db: howdah.AsyncDatabase) -> None:
    await db.execute("CREATE TABLE t (a int4)")
    insert = "INSERT INTO t SELECT * FROM generate_series(1, 1000) RETURNING a"
    assert await db.fetch_one(insert) == {"a": 1}
    assert await db.fetch_value(insert) == 1
    assert await db.fetch_value("SELECT count(*) FROM t") == 2000


async def test_rows_keep_the_order_of_columns(db: howdah.AsyncDatabase) -> None:
    row = await db.fetch_one('SELECT 1 AS z, 2 AS "A b", 3 AS é, 4 AS "select"')
    assert row is not None
    assert list(row.items()) == [("z", 1), ("A b", 2), ("é", 3), ("select", 4)]


async def test_no_rows_are_an_empty_list_and_none(db: howdah.AsyncDatabase) -> None:
    query = "SELECT 1 AS a WHERE $1::bool"
    assert await db.fetch(query, False) == []  # noqa: FBT003  (a parameter)
    assert await db.fetch_one(query, False) is None  # noqa: FBT003
    assert await db.fetch_value(query, False) is None  # noqa: FBT003
    assert [row async for row in db.stream(query, False)] == []  # noqa: FBT003


async def test_several_rows_give_the_first_where_one_is_asked_for(one: howdah.AsyncDatabase) -> None:
    query = "SELECT n, -n AS m FROM generate_series($1::int4, $2) AS n"
    assert await one.fetch_one(query, 5, 100_000) == {"n": 5, "m": -5}
    assert await one.fetch_value(query, 6, 100_000) == 6
    assert await one.fetch_one(query, 7, 7) == {"n": 7, "m": -7}


async def test_rows_without_columns_are_counted(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch("SELECT FROM generate_series(1, 3)") == [{}, {}, {}]
    assert await db.fetch_one("SELECT") == {}
    assert await db.fetch_value("SELECT") is None
    assert [row async for row in db.stream("SELECT FROM generate_series(1, 3)", batch_rows=2)] == [{}, {}, {}]
    assert await db.execute("SELECT FROM generate_series(1, 3)") == 3


async def test_null_in_the_first_column_is_none(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch_value("SELECT NULL::int4, 1") is None
    assert await db.fetch_one("SELECT NULL AS a") == {"a": None}


async def test_columns_of_one_name_are_refused_in_a_dict(one: howdah.AsyncDatabase) -> None:
    query = "SELECT 1 AS id, 2 AS name, 3 AS id"
    for verb in (one.fetch, one.fetch_one):
        with pytest.raises(howdah.ProgrammingError) as caught:
            await verb(query)
        said = str(caught.value)
        assert '"id"' in said
        assert '"name"' not in said
        assert "AS" in said
    with pytest.raises(howdah.ProgrammingError, match='"id"'):
        [row async for row in one.stream(query)]
    assert await one.fetch_value(query) == 1
    assert await one.execute(query) == 1
    assert await one.fetch("SELECT 1 AS id") == [{"id": 1}]


async def test_columns_of_one_name_are_refused_even_without_rows(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.ProgrammingError, match='"id"'):
        await one.fetch("SELECT 1 AS id, 2 AS id WHERE false")


@pytest.mark.parametrize("params", [(), (1,), (1, 2, 3)])
async def test_parameters_too_few_or_many_are_refused(one: howdah.AsyncDatabase, params: tuple[Any, ...]) -> None:
    # A statement without any may go to the server as it stands.
    says = rf"takes 2 parameters, got {len(params)}" + ("" if params else r"|no parameter \$1")
    for verb in (one.execute, one.fetch, one.fetch_one, one.fetch_value):
        with pytest.raises(howdah.ProgrammingError, match=says):
            await verb("SELECT $1::int4 + $2::int4", *params)
    with pytest.raises(howdah.ProgrammingError, match=says):
        [row async for row in one.stream("SELECT $1::int4 + $2::int4", *params)]
    assert await one.fetch_value("SELECT $1::int4 + $2::int4", 1, 2) == 3


async def test_parameter_of_a_statement_without_parameters_is_refused(one: howdah.AsyncDatabase) -> None:
    for verb in (one.execute, one.fetch, one.fetch_one, one.fetch_value):
        with pytest.raises(howdah.ProgrammingError, match="takes 0 parameters, got 1"):
            await verb("SELECT 1", 1)
    assert await one.fetch_value("SELECT 1") == 1


async def test_parameter_numbers_may_come_in_any_order_and_twice(db: howdah.AsyncDatabase) -> None:
    assert await db.fetch_value("SELECT $2::text || $1::text || $2::text", "a", "b") == "bab"


async def test_server_error_carries_what_the_server_said(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.ProgrammingError) as caught:
        await one.fetch("SELECT 'é', nam FROM (SELECT 1 AS name) x")
    assert (caught.value.sqlstate, caught.value.position) == ("42703", 13)
    assert caught.value.hint is not None
    assert "x.name" in caught.value.hint
    with pytest.raises(howdah.ProgrammingError) as caught:
        await one.execute("SELEC 1")
    assert (caught.value.sqlstate, caught.value.position) == ("42601", 1)


async def test_error_in_the_middle_of_rows_is_raised_and_the_connection_stays_good(one: howdah.AsyncDatabase) -> None:
    query = "SELECT 1 / (n - 5000) AS q FROM generate_series(1, 10000) AS n"
    for verb in (one.fetch, one.fetch_one, one.fetch_value, one.execute):
        with pytest.raises(howdah.DataError) as caught:
            await verb(query)
        assert caught.value.sqlstate == "22012"
    assert await one.fetch_value("SELECT 2") == 2
    assert one.stats().opened == 1


COPIES = ["COPY t FROM STDIN", "COPY t TO STDOUT", "COPY t FROM STDIN (FORMAT binary)", "COPY (SELECT 1) TO STDOUT"]


async def drained(db: howdah.AsyncDatabase, sql: str) -> list[Any]:
    """Give the rows of a stream."""
    return [row async for row in db.stream(sql)]


VERBS: dict[str, Callable[[howdah.AsyncDatabase, str], Awaitable[object]]] = {
    "execute": lambda db, sql: db.execute(sql),
    "execute_many": lambda db, sql: db.execute_many(sql, [()]),
    "fetch": lambda db, sql: db.fetch(sql),
    "fetch_one": lambda db, sql: db.fetch_one(sql),
    "fetch_value": lambda db, sql: db.fetch_value(sql),
    "stream": drained,
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("copy", COPIES)
async def test_copy_is_refused_and_the_connection_stays_good(
    one: howdah.AsyncDatabase, sql: Sql, copy: str, verb: str
) -> None:
    sql("CREATE TABLE t (a int)")
    sql("INSERT INTO t VALUES (1), (2)")
    with pytest.raises((howdah.ProgrammingError, howdah.NotSupportedError), match="COPY") as caught:
        await VERBS[verb](one, copy)
    assert ("read()" if "TO STDOUT" in copy else "load()") in str(caught.value)
    assert await one.fetch_value("SELECT count(*) FROM t") == 2


async def test_copy_from_in_a_script_is_refused_and_stores_nothing(one: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    for copy in (copy for copy in COPIES if "FROM" in copy.replace("(SELECT 1)", "")):
        with pytest.raises(howdah.NotSupportedError, match="COPY"):
            await one.execute(f"INSERT INTO t VALUES (1); {copy}; INSERT INTO t VALUES (2)")
    assert await one.fetch_value("SELECT count(*) FROM t") == 0


async def test_copy_to_in_a_script_is_an_error_that_tells_what_is_done(one: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE t (a int)")
    with pytest.raises(howdah.NotSupportedError, match="the other statements of the script have run"):
        await one.execute("INSERT INTO t VALUES (1); COPY t TO STDOUT; INSERT INTO t VALUES (2)")
    assert await one.fetch_value("SELECT count(*) FROM t") == 2


@pytest.mark.parametrize("sql", ["SELECT '\0'", "SELECT 1 -- \ud800"], ids=["NUL", "surrogate"])
async def test_statement_that_cannot_be_sent_is_refused(one: howdah.AsyncDatabase, sql: str) -> None:
    for verb in (one.execute, one.fetch, one.fetch_one, one.fetch_value):
        with pytest.raises(howdah.Error):
            await verb(sql)
    assert await one.fetch_value("SELECT 1") == 1


async def test_statement_may_be_megabytes_long(db: howdah.AsyncDatabase) -> None:
    padding = "x" * (4 << 20)
    assert await db.fetch_value(f"SELECT length('{padding}')") == len(padding)


@pytest.mark.parametrize(
    "statement", ["SET client_encoding = latin1", "SELECT set_config('client_encoding', $1, false)"]
)
async def test_other_client_encoding_gives_the_connection_up(one: howdah.AsyncDatabase, statement: str) -> None:
    params = ("latin1",) if "$1" in statement else ()
    with pytest.raises(howdah.NotSupportedError, match="client_encoding was set to LATIN1"):
        await one.execute(statement, *params)
    assert await one.fetch_value("SELECT 'é'") == "é"
    assert await one.fetch_value("SHOW client_encoding") == "UTF8"
