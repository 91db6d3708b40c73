"""The pool: the number of connections, their callers, and stale connections."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

    Until = Callable[[Callable[[], object]], None]


@pytest.fixture
def name(sql: Sql) -> str:
    """Give the name by which the server knows this test's sessions."""
    schema: str = sql("SELECT current_schema()::text")[0][0]
    return schema


@pytest.fixture
def one(url: str, name: str) -> Iterator[howdah.Database]:
    """Give a database of one connection."""
    with howdah.Database(url, max_size=1, acquire_timeout_s=0.2, application_name=name) as database:
        yield database


def pid(database: howdah.Database) -> int:
    found: int = database.read("SELECT pg_backend_pid() AS pid").to_arrow()["pid"][0].as_py()
    return found


def sessions(sql: Sql, name: str) -> int:
    count: int = sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", name)[0][0]
    return count


def test_database_connects_when_first_used(url: str, sql: Sql, name: str) -> None:
    with howdah.Database(url, application_name=name) as database:
        assert sessions(sql, name) == 0
        database.execute("SELECT 1")
        assert sessions(sql, name) == 1


def test_connection_is_used_again(one: howdah.Database) -> None:
    assert pid(one) == pid(one)


def test_close_ends_the_sessions(url: str, sql: Sql, name: str, until: Until) -> None:
    database = howdah.Database(url, application_name=name)
    database.execute("SELECT 1")
    database.close()
    until(lambda: sessions(sql, name) == 0)


def test_close_while_a_reader_is_open_ends_that_session_with_it(url: str, sql: Sql, name: str, until: Until) -> None:
    database = howdah.Database(url, application_name=name)
    reader = database.read("SELECT generate_series(1, 1000000) AS n", batch_rows=10)
    next(iter(reader))
    database.close()
    reader.close()
    until(lambda: sessions(sql, name) == 0)


def test_pool_without_a_free_connection_says_so(one: howdah.Database) -> None:
    reader = one.read("SELECT generate_series(1, 1000000) AS n", batch_rows=10)
    next(iter(reader))
    with pytest.raises(howdah.OperationalError) as caught:
        one.execute("SELECT 1")
    assert "max_size" in str(caught.value)
    reader.close()
    assert one.execute("SELECT 1") == 1


def test_pool_gives_a_connection_to_who_waits(url: str) -> None:
    with howdah.Database(url, max_size=2, acquire_timeout_s=60) as database, ThreadPoolExecutor(8) as threads:
        pids = list(threads.map(lambda _: (database.execute("SELECT pg_sleep(0.01)"), pid(database))[1], range(40)))
    assert len(set(pids)) <= 2


def test_stale_connection_is_replaced_silently(one: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    for act in (
        lambda: one.load("t", [{"id": 1}]),
        lambda: one.read("t").to_arrow(),
        lambda: one.execute("SELECT 1"),
    ):
        old = pid(one)
        assert sql("SELECT pg_terminate_backend(%s, 10000)", old) == [(True,)]
        act()
        assert pid(one) != old
    assert sql("SELECT count(*) FROM t") == [(1,)]


def test_connection_idle_or_old_is_not_used_again(url: str) -> None:
    for options in ({"max_idle_s": 0.0}, {"max_lifetime_s": 0.0}):
        with howdah.Database(url, max_size=1, **options) as database:  # type: ignore[arg-type]
            assert pid(database) != pid(database)


def test_session_state_does_not_leak_into_a_failed_transaction(one: howdah.Database) -> None:
    with pytest.raises(howdah.ProgrammingError):
        one.execute("BEGIN; SELECT nonsense")
    assert one.execute("SELECT 1") == 1
    assert one.read("SELECT pg_current_xact_id_if_assigned() IS NULL AS free").to_arrow()["free"][0].as_py()


def test_transaction_left_open_is_handed_to_nobody(one: howdah.Database, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    with pytest.raises(howdah.InterfaceError, match="rolled back"):
        one.execute("BEGIN; INSERT INTO t VALUES (1)")
    one.load("t", [{"id": 2}])
    assert sql("SELECT id FROM t") == [(2,)]


def test_fork_gives_the_child_a_connection_of_its_own(one: howdah.Database) -> None:
    parents = pid(one)
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(send, str(pid(one)).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(send)
    with os.fdopen(receive) as pipe:
        told = pipe.read()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert told.isdigit()
    assert int(told) != parents
    assert pid(one) == parents


def test_threads_share_a_database(url: str, sql: Sql) -> None:
    sql("CREATE TABLE t (id int)")
    failed: list[BaseException] = []
    with howdah.Database(url, max_size=3) as database:

        def work(number: int) -> None:
            try:
                database.load("t", [{"id": number * 100 + n} for n in range(100)])
                assert database.read("SELECT $1::int AS x", number).to_arrow()["x"][0].as_py() == number
            except BaseException as error:  # noqa: BLE001
                failed.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failed == []
    assert sql("SELECT count(*), count(DISTINCT id) FROM t") == [(800, 800)]


@pytest.mark.parametrize(
    "options", [{"max_size": 0}, {"max_size": -1}, {"connect_timeout_s": -1.0}, {"min_size": 20}], ids=str
)
def test_option_that_makes_no_sense_is_refused(url: str, options: dict[str, int]) -> None:
    with pytest.raises((howdah.InterfaceError, ValueError, OverflowError)):
        howdah.Database(url, **options)  # type: ignore[arg-type]


def test_min_size_is_an_option(url: str) -> None:
    with howdah.Database(url, min_size=1, max_size=2) as database:
        assert database.execute("SELECT 1") == 1
