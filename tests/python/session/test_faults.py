"""A load or read that is cut off: the table is unchanged, the error says why, and the next call works."""

from __future__ import annotations

import builtins
import os
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pyarrow as pa
import pytest

import howdah
from howdah import DatabaseError, embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
ROWS = 200_000


@pytest.fixture
def named(url: str, sql: Sql) -> Iterator[howdah.Database]:
    """Give a database of one connection that can be told from others, and a table `t` with a row."""
    sql("CREATE TABLE t (id int PRIMARY KEY, v text)")
    sql("INSERT INTO t VALUES (-1, 'old')")
    (name,) = sql("SELECT current_schema()::text")[0]
    with howdah.Database(url, max_size=1, application_name=name) as database:
        yield database


def my_name(sql: Sql) -> str:
    name: str = sql("SELECT current_schema()::text")[0][0]
    return name


def numbers(count: int, at: int, act: Callable[[], object]) -> Iterator[dict[str, Any]]:
    """Give rows, and do something in the midst of them."""
    for n in range(count):
        if n == at:
            act()
        yield {"id": n, "v": "x" * 20}


@pytest.mark.parametrize("mode", ["append", "truncate", "replace", "upsert"])
def test_backend_terminated_in_a_load_is_a_connection_error(named: howdah.Database, sql: Sql, mode: Any) -> None:
    def kill() -> None:
        assert sql(KILL, my_name(sql)) == [(True,)]

    with pytest.raises(howdah.ConnectionError) as caught:
        named.load("t", numbers(ROWS, ROWS // 2, kill), mode=mode, key="id" if mode == "upsert" else ())
    assert isinstance(caught.value, builtins.ConnectionError)
    assert sql("SELECT id, v FROM t") == [(-1, "old")]
    assert named.load("t", [{"id": 1, "v": "again"}]).rows == 1
    assert sql("SELECT count(*) FROM t") == [(2,)]


def test_backend_terminated_from_a_progress_callback_is_a_connection_error(named: howdah.Database, sql: Sql) -> None:
    killed: list[object] = []

    def kill(progress: howdah.Progress) -> None:
        if not killed and progress.rows:
            killed.extend(sql(KILL, my_name(sql)))

    def endless() -> Iterator[dict[str, Any]]:
        n = 0
        while n < 50_000_000:
            yield {"id": n, "v": "x" * 20}
            n += 1

    with pytest.raises(howdah.ConnectionError):
        named.load("t", endless(), progress=kill)
    assert killed == [(True,)]
    assert sql("SELECT id, v FROM t") == [(-1, "old")]


def test_backend_terminated_in_a_read_is_a_connection_error(named: howdah.Database, sql: Sql) -> None:
    reader = named.read("SELECT generate_series(1, 20000000) AS n, repeat('x', 100) AS v", batch_rows=1000)
    batches = iter(reader)
    next(batches)
    sql(KILL, my_name(sql))
    with pytest.raises(howdah.ConnectionError):
        list(batches)
    assert named.read("SELECT 1 AS one").to_arrow().to_pylist() == [{"one": 1}]


def test_server_stopped_in_a_load_is_a_connection_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    del tmp_path_factory
    with embedded.server() as own:
        database = howdah.Database(own.url, connect_timeout_s=5)
        database.execute("CREATE TABLE t (id int, v text)")
        postmaster = int((own.path / "postmaster.pid").read_text().split("\n")[0])
        with pytest.raises(howdah.ConnectionError):
            database.load("t", numbers(ROWS, ROWS // 2, lambda: os.kill(postmaster, signal.SIGQUIT)))
        with pytest.raises(howdah.ConnectionError):
            database.execute("SELECT 1")
        database.close()


def test_error_at_the_first_row_stops_a_long_stream_early(named: howdah.Database, sql: Sql) -> None:
    asked = 0

    def rows() -> Iterator[dict[str, Any]]:
        nonlocal asked
        for n in range(5_000_000):
            asked += 1
            yield {"id": n - 1, "v": "x" * 50}

    with pytest.raises(howdah.UniqueViolation) as caught:
        named.load("t", rows())
    assert caught.value.row == 0
    assert asked < 1_000_000
    assert sql("SELECT id FROM t") == [(-1,)]


def test_error_in_the_midst_of_a_read_is_the_server_s_own(db: howdah.Database) -> None:
    query = "SELECT 1 / (50000 - n) AS v FROM generate_series(1, 100000) n"
    for drain in (list, lambda r: r.to_arrow(), lambda r: r.to_polars(), lambda r: r.to_pandas()):
        with pytest.raises(howdah.DataError, match="division by zero") as caught:
            drain(db.read(query, batch_rows=1000))
        assert caught.value.sqlstate == "22012"
    assert db.read("SELECT 1 AS one").to_arrow().num_rows == 1


def test_error_in_the_midst_of_a_read_reaches_another_consumer(db: howdah.Database) -> None:
    reader = db.read("SELECT 1 / (50000 - n) AS v FROM generate_series(1, 100000) n", batch_rows=1000)
    with pytest.raises(Exception, match="division by zero"):
        pa.RecordBatchReader.from_stream(reader).read_all()


def test_load_of_what_is_being_read_from_the_same_database_works(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE copy (n int8)")
    reader = db.read("SELECT n::int8 FROM generate_series(1, 100000) n", batch_rows=1000)
    assert db.load("copy", reader).rows == 100_000
    assert sql("SELECT count(*), sum(n) FROM copy") == [(100_000, 5_000_050_000)]


def test_error_in_a_read_that_is_being_loaded_leaves_the_table(db: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE copy (v int4)")
    reader = db.read("SELECT 1 / (50000 - n) AS v FROM generate_series(1, 100000) n", batch_rows=1000)
    with pytest.raises(Exception, match="division by zero"):
        db.load("copy", reader)
    assert sql("SELECT count(*) FROM copy") == [(0,)]


def test_progress_that_raises_stops_the_load_with_its_own_error(named: howdah.Database, sql: Sql) -> None:
    boom = KeyError("mine")

    def raises(_: howdah.Progress) -> None:
        raise boom

    with pytest.raises(KeyError) as caught:
        named.load("t", numbers(ROWS, 0, int), progress=raises)
    assert caught.value is boom
    assert sql("SELECT id FROM t") == [(-1,)]


def test_statement_timeout_is_a_query_timeout(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    with howdah.Database(url, statement_timeout_s=0.2) as database:
        with pytest.raises(howdah.QueryTimeout) as caught:
            database.execute("SELECT pg_sleep(60)")
        assert isinstance(caught.value, builtins.TimeoutError)
        assert caught.value.sqlstate == "57014"
        with pytest.raises(howdah.QueryTimeout):
            database.read("SELECT pg_sleep(60) IS NULL AS slept").to_arrow()
        with psycopg.connect(url) as other:
            other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            with pytest.raises(howdah.QueryTimeout):
                database.load("t", [{"id": 1}])
        assert database.load("t", [{"id": 1}]).rows == 1


@pytest.mark.parametrize(
    ("query", "kind", "sqlstate"),
    [
        ("SELEC 1", howdah.ProgrammingError, "42601"),
        ("SELECT nothing FROM pg_class", howdah.ProgrammingError, "42703"),
        ("SELECT 'x'::int", howdah.DataError, "22P02"),
        ("SELECT 1 FROM nowhere", howdah.ProgrammingError, "42P01"),
    ],
)
def test_server_error_of_a_query_tells_class_and_position(
    db: howdah.Database, query: str, kind: type[DatabaseError], sqlstate: str
) -> None:
    with pytest.raises(kind) as caught:
        db.read(query).to_arrow()
    assert type(caught.value) is kind
    assert caught.value.sqlstate == sqlstate
    assert caught.value.position is not None
    assert 1 <= caught.value.position <= len(query)
