"""execute_many: all rows or none, in one transaction, for every kind of statement."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

INSERT = "INSERT INTO t VALUES ($1, $2)"
# Some can be sent as one statement over arrays, others cannot.
WRITES = [
    INSERT,
    "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = excluded.b",
    "INSERT INTO t (b, a) VALUES ($2, $1)",
    "INSERT INTO t SELECT $1, $2",
    "INSERT INTO t VALUES ($1, upper($2))",
    "insert into t values ($1, $2) returning a",
    "WITH w AS (SELECT $1::int4 AS a, $2::text AS b) INSERT INTO t SELECT * FROM w",
]
ROWS = [(n, None if n % 10 == 0 else "X" * (n % 4)) for n in range(1000)]


@pytest.fixture(autouse=True)
def table(sql: Sql) -> None:
    """Make the table."""
    sql("CREATE TABLE t (a int4 PRIMARY KEY, b text CHECK (b <> 'bad'))")


@pytest.mark.parametrize("write", WRITES)
async def test_every_row_is_stored(db: howdah.AsyncDatabase, sql: Sql, write: str) -> None:
    assert await db.execute_many(write, ROWS) == 1000
    assert sql("SELECT a, b FROM t ORDER BY a") == ROWS


@pytest.mark.parametrize("kind", [list, iter, tuple, lambda rows: ([*row] for row in rows), dict.fromkeys])
async def test_rows_may_come_from_any_iterable(
    db: howdah.AsyncDatabase, sql: Sql, kind: Callable[[list[Any]], Any]
) -> None:
    assert await db.execute_many(INSERT, kind(ROWS)) == 1000
    assert sql("SELECT a, b FROM t ORDER BY a") == ROWS


@pytest.mark.parametrize("write", WRITES)
async def test_no_rows_do_nothing(db: howdah.AsyncDatabase, write: str) -> None:
    assert await db.execute_many(write, []) == 0
    assert await db.execute_many(write, iter(())) == 0


async def test_no_rows_of_a_bad_statement_may_go_unseen_but_leave_it_good(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.ProgrammingError):
        await one.execute_many("INSERT INTO nowhere VALUES ($1)", [(1,)])
    assert await one.execute_many(INSERT, [(1, "x")]) == 1


@pytest.mark.parametrize("write", WRITES)
async def test_generator_that_raises_stores_nothing(one: howdah.AsyncDatabase, sql: Sql, write: str) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        for n in range(5000):
            if n == 4321:
                raise ZeroDivisionError
            yield n, "x"

    with pytest.raises(ZeroDivisionError):
        await one.execute_many(write, rows())
    assert sql("SELECT count(*) FROM t") == [(0,)]
    assert await one.execute_many(write, [(1, "x")]) == 1


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize("bad", [0, 1, 4321])
async def test_row_that_the_server_refuses_is_named_and_nothing_is_stored(
    one: howdah.AsyncDatabase, sql: Sql, write: str, bad: int
) -> None:
    if "upper" in write:
        sql("ALTER TABLE t ADD CHECK (b <> 'BAD')")
    with pytest.raises(howdah.CheckViolation) as caught:
        await one.execute_many(write, ((n, "bad" if n == bad else "ok") for n in range(5000)))
    assert (caught.value.row, caught.value.table) == (bad, "t")
    assert f"row {bad}" in str(caught.value)
    assert sql("SELECT count(*) FROM t") == [(0,)]
    assert await one.execute_many(write, [(1, "x")]) == 1


@pytest.mark.parametrize("write", WRITES[:1])
async def test_key_twice_among_the_rows_is_named(one: howdah.AsyncDatabase, sql: Sql, write: str) -> None:
    with pytest.raises(howdah.UniqueViolation) as caught:
        await one.execute_many(write, [(n if n != 700 else 30, "x") for n in range(1000)])
    assert (caught.value.row, caught.value.constraint) == (700, "t_pkey")
    assert sql("SELECT count(*) FROM t") == [(0,)]


async def test_upsert_of_a_key_twice_among_the_rows_takes_the_last(db: howdah.AsyncDatabase, sql: Sql) -> None:
    assert await db.execute_many(WRITES[1], [(n % 10, str(n)) for n in range(100)]) == 100
    assert sql("SELECT a, b FROM t ORDER BY a") == [(n, str(n + 90)) for n in range(10)]


@pytest.mark.parametrize("write", [WRITES[0], WRITES[3]])
@pytest.mark.parametrize("bad", [0, 4321])
@pytest.mark.parametrize(
    ("row", "kind", "says"),
    [
        (("x", "x"), howdah.ConversionError, r"\$1.*int4.*str"),
        ((1, 5), howdah.ConversionError, r"\$2.*text.*int"),
        ((2**31, "x"), howdah.DataError, r"\$1.*range"),
        ((1, "a\0b"), howdah.DataError, r"\$2.*NUL"),
        ((1,), howdah.ProgrammingError, "takes 2 parameters, got 1"),
        ((1, "x", None), howdah.ProgrammingError, "takes 2 parameters, got 3"),
        ((), howdah.ProgrammingError, "takes 2 parameters, got 0"),
        (5, howdah.ConversionError, "int"),
        (None, howdah.ConversionError, "NoneType"),
        ({"a": 1, "b": "x"}, howdah.ConversionError, "dict"),
        ({1, 2}, howdah.ConversionError, "set"),
        ("xy", howdah.ConversionError, "str"),
        (b"xy", howdah.ConversionError, "bytes"),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_row_that_cannot_be_sent_is_named_and_nothing_is_stored(  # noqa: PLR0917  (fixtures)
    one: howdah.AsyncDatabase, sql: Sql, write: str, bad: int, row: Any, kind: type[howdah.Error], says: str
) -> None:
    rows: list[Any] = [(n, "ok") for n in range(5000)]
    rows[bad] = row
    with pytest.raises(kind, match=rf"(?s)row {bad}\b.*{says}") as caught:
        await one.execute_many(write, rows)
    if isinstance(caught.value, howdah.DataError):
        assert caught.value.row == bad
    assert sql("SELECT count(*) FROM t") == [(0,)]
    assert await one.execute_many(write, [(1, "x")]) == 1


@pytest.mark.parametrize("write", [WRITES[0], WRITES[3]])
async def test_fifty_thousand_rows_are_stored(db: howdah.AsyncDatabase, sql: Sql, write: str) -> None:
    assert await db.execute_many(write, ((n, f"row {n}") for n in range(50_000))) == 50_000
    assert sql("SELECT count(*), sum(a), max(b) FROM t") == [(50_000, 1_249_975_000, "row 9999")]


@pytest.mark.parametrize("write", [WRITES[0], WRITES[3]])
async def test_rows_of_a_megabyte_each_are_stored(db: howdah.AsyncDatabase, sql: Sql, write: str) -> None:
    assert await db.execute_many(write, ((n, chr(65 + n) * (1 << 20)) for n in range(30))) == 30
    assert sql("SELECT count(*), sum(length(b)), min(left(b, 1)) FROM t") == [(30, 30 << 20, "A")]


async def test_other_statements_run_once_for_each_row(db: howdah.AsyncDatabase, sql: Sql) -> None:
    await db.execute_many(INSERT, ROWS)
    assert await db.execute_many("UPDATE t SET b = $2 WHERE a < $1", [(3, "first"), (2, "second")]) == 5
    assert sql("SELECT b FROM t WHERE a < 3 ORDER BY a") == [("second",), ("second",), ("first",)]
    assert await db.execute_many("DELETE FROM t WHERE a = $1", [(n,) for n in range(0, 2000, 2)]) == 500
    assert await db.execute_many("SELECT * FROM t WHERE a < $1", [(10,), (20,)]) == 15
    assert await db.execute_many("SELECT", [(), (), ()]) == 3


async def test_runs_see_what_those_before_them_did(db: howdah.AsyncDatabase, sql: Sql) -> None:
    follow = "INSERT INTO t SELECT coalesce(max(a), 0) + $1::int4, 'x' FROM t"
    assert await db.execute_many(follow, [(n,) for n in range(1, 101)]) == 100
    assert sql("SELECT max(a) FROM t") == [(5050,)]


async def test_defaults_and_identities_are_made_for_each_row(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE u (id int GENERATED ALWAYS AS IDENTITY, a int4, r float8 DEFAULT random(), c int4 DEFAULT 7)")
    assert await db.execute_many("INSERT INTO u (a) VALUES ($1)", [(n,) for n in range(2000)]) == 2000
    assert sql("SELECT count(*) FROM u WHERE id = a + 1 AND c = 7") == [(2000,)]
    assert sql("SELECT count(DISTINCT r) > 1900 FROM u") == [(True,)]


async def test_volatile_expressions_run_for_each_row(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE SEQUENCE s; CREATE TABLE u (id int8, a int4)")
    assert await db.execute_many("INSERT INTO u VALUES (nextval('s'), $1)", [(n,) for n in range(100)]) == 100
    assert sql("SELECT count(*) FROM u WHERE id = a + 1") == [(100,)]


async def test_triggers_and_returning_do_not_disturb(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE log (a int4)")
    sql(
        "CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO log VALUES (NEW.a); RETURN NEW; END $$"
    )
    sql("CREATE TRIGGER log BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION log()")
    assert await db.execute_many(f"{INSERT} RETURNING a", ROWS) == 1000
    assert sql("SELECT count(DISTINCT a) FROM log") == [(1000,)]


async def test_statement_triggers_fire_for_each_row(db: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE log (a int4)")
    sql(
        "CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO log VALUES (1); RETURN NULL; END $$"
    )
    sql("CREATE TRIGGER log AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION log()")
    assert await db.execute_many(INSERT, ROWS) == 1000
    assert sql("SELECT count(*) FROM log") == [(1000,)]


@pytest.mark.parametrize(
    ("declaration", "values"),
    [
        ("int4[]", [[1, 2], [], None, [3, None]]),
        ("int4[]", [[[1, 2], [3, 4]], [[5], [6]], []]),
        ("numeric(9,2)", [1, None, 2]),
        ("varchar(3)", ["abc", "", None]),
        ("char(3)", ["abc", "a", None]),
        ("jsonb", [{"a": 1}, [1], None]),
        ("mood", ["ok", None, "sad"]),
        ("amount", [1, None]),
        ("bit(3)", ["101", None]),
        ("point", ["(1,2)", None]),
        ("text", ["", "NULL", "null", '{"', "\\", None]),
    ],
)
async def test_rows_of_any_type_are_stored_as_one_by_one(
    db: howdah.AsyncDatabase, sql: Sql, declaration: str, values: list[Any]
) -> None:
    sql("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN amount AS numeric(9,2)")
    sql(f"CREATE TABLE u (n int4, v {declaration}); CREATE TABLE w (LIKE u)")
    for n, value in enumerate(values):
        await db.execute("INSERT INTO w VALUES ($1, $2)", n, value)
    assert await db.execute_many("INSERT INTO u VALUES ($1, $2)", enumerate(values)) == len(values)
    assert sql("SELECT n, v::text FROM u ORDER BY n") == sql("SELECT n, v::text FROM w ORDER BY n")


async def test_value_too_long_for_its_column_is_refused(one: howdah.AsyncDatabase, sql: Sql) -> None:
    sql("CREATE TABLE u (v varchar(3), w numeric(4,2))")
    insert = "INSERT INTO u VALUES ($1, $2)"
    for row in [("abcd", 1), ("a", 100)]:
        with pytest.raises(howdah.DataError) as caught:
            await one.execute_many(insert, [("x", 1), row, ("y", 2)])
        assert caught.value.row == 1
    assert sql("SELECT count(*) FROM u") == [(0,)]


async def test_script_is_refused(one: howdah.AsyncDatabase) -> None:
    with pytest.raises(howdah.ProgrammingError, match="multiple commands"):
        await one.execute_many("INSERT INTO t VALUES ($1, 'x'); SELECT 1", [(1,), (2,)])
    assert await one.fetch_value("SELECT count(*) FROM t") == 0


async def test_rows_in_a_transaction_go_with_it(one: howdah.AsyncDatabase, sql: Sql) -> None:
    async with one.transaction() as transaction:
        assert await one.execute_many(INSERT, ROWS) == 1000
        assert await one.fetch_value("SELECT count(*) FROM t") == 1000
        assert sql("SELECT count(*) FROM t") == [(0,)]
        await transaction.rollback()
    assert sql("SELECT count(*) FROM t") == [(0,)]
    async with one.transaction():
        await one.execute_many(INSERT, ROWS)
        await one.execute_many("UPDATE t SET b = 'y' WHERE a = $1", [(n,) for n in range(10)])
    assert sql("SELECT count(*), count(*) FILTER (WHERE b = 'y') FROM t") == [(1000, 10)]


@pytest.mark.parametrize("write", [WRITES[0], WRITES[3]])
async def test_bad_row_in_a_savepoint_leaves_the_outer_transaction_good(
    one: howdah.AsyncDatabase, sql: Sql, write: str
) -> None:
    async with one.transaction():
        await one.execute(INSERT, 1, "before")
        for bad in [(7, "bad"), (7, 7), ("x", "x"), ()]:
            with pytest.raises(howdah.DatabaseError):
                await self_contained(one, write, bad)
        await one.execute(INSERT, 2, "after")
    assert sql("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


async def self_contained(db: howdah.AsyncDatabase, write: str, bad: Any) -> None:
    """Run rows in a savepoint."""
    async with db.transaction():
        await db.execute_many(write, [(3, "x"), bad, (4, "x")])


def test_rows_that_ask_in_the_same_transaction_are_refused(url: str, sql: Sql) -> None:
    with howdah.Database(url, max_size=2) as database:

        def asking() -> Iterator[tuple[int]]:
            for n in range(3):
                yield (database.fetch_value("SELECT $1::int", n),)

        with database.transaction(), pytest.raises(howdah.InterfaceError, match="execute_many is under way"):
            database.execute_many("INSERT INTO t (a) VALUES ($1)", asking())
        assert database.execute_many("INSERT INTO t (a) VALUES ($1)", asking()) == 3
    assert sql("SELECT a FROM t ORDER BY a") == [(0,), (1,), (2,)]
