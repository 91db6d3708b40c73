"""A connection that is lost during a write: all of it or nothing is stored; if that is unknown, the error says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.faults.conftest import USER
from tests.python.faults.faces import PASSWORD, Face, in_time, is_lost, settle
from tests.python.faults.proxy import Fault, Kind, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.python.conftest import Sql

LIMIT_S = 10.0
ROWS = 300_000
ENDED: list[Kind] = ["cut", "reset", "truncate"]


def rows(count: int = ROWS) -> Iterator[dict[str, Any]]:
    return ({"id": n, "v": "x" * 20} for n in range(count))


def error_of(proxy: Proxy, call: Callable[[], Any], sql: Sql) -> howdah.ConnectionError:
    with pytest.raises(howdah.Error) as caught:
        in_time(LIMIT_S, call, proxy.hang_up)
    is_lost(caught.value, proxy.place)
    settle(sql, USER)
    assert isinstance(caught.value, howdah.ConnectionError)
    return caught.value


def recovers(proxy: Proxy, face: Face) -> None:
    proxy.heal()
    assert in_time(LIMIT_S, lambda: face.execute("INSERT INTO t VALUES (-2)"), proxy.hang_up) == 1
    stats = face.stats()
    assert (stats.size, stats.idle, stats.busy) == (1, 1, 0)


@pytest.mark.parametrize("kind", ["cut", "reset"])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_copy_that_is_cut_in_its_middle_stores_nothing(
    proxy: Proxy, face: Face, sql: Sql, kind: Kind, after: int
) -> None:
    sql("INSERT INTO t VALUES (-1)")
    proxy.fault = Fault("copy", kind, after=after)
    error = error_of(proxy, lambda: face.load("t", rows()), sql)
    assert proxy.strikes == 1
    assert "unknown" not in str(error)
    assert sql("SELECT id FROM t") == [(-1,)]
    recovers(proxy, face)
    assert face.load("t", rows(10)) == 10
    assert sql("SELECT count(*) FROM t") == [(12,)]


@pytest.mark.parametrize("kind", ["cut", "reset"])
def test_copy_of_a_few_rows_that_is_cut_stores_nothing(proxy: Proxy, face: Face, sql: Sql, kind: Kind) -> None:
    proxy.fault = Fault("copy", kind)
    error_of(proxy, lambda: face.load("t", rows(10)), sql)
    assert sql("SELECT id FROM t") == []
    recovers(proxy, face)


@pytest.mark.parametrize("mode", ["truncate", "replace", "upsert"])
def test_copy_of_another_mode_that_is_cut_leaves_the_table(proxy: Proxy, face: Face, sql: Sql, mode: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    sql("INSERT INTO t VALUES (-1)")
    url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
    with howdah.Database(url) as database:
        proxy.fault = Fault("copy", "cut", after=1)
        key = "id" if mode == "upsert" else ()
        error_of(proxy, lambda: database.load("t", rows(), mode=mode, key=key), sql)
    assert sql("SELECT id FROM t") == [(-1,)]
    recovers(proxy, face)


def test_copy_that_falls_silent_ends_when_the_proxy_hangs_up(proxy: Proxy, face: Face, sql: Sql) -> None:
    proxy.fault = Fault("copy", "silent", after=1)

    def interrupted() -> Iterator[dict[str, Any]]:
        yield from rows(ROWS // 2)
        proxy.hang_up()
        yield from rows(ROWS // 2)

    error_of(proxy, lambda: face.load("t", interrupted()), sql)
    assert sql("SELECT id FROM t") == []
    recovers(proxy, face)


@pytest.mark.parametrize("lost", ["answer", "request"])
@pytest.mark.parametrize("kind", ENDED)
def test_commit_whose_answer_is_lost_says_that_the_outcome_is_unknown(
    proxy: Proxy, face: Face, sql: Sql, kind: Kind, lost: Any
) -> None:
    if kind == "truncate" and lost == "request":
        lost = "answer"
    proxy.fault = Fault("commit", kind, lost=lost)
    error = error_of(proxy, lambda: face.in_transaction("INSERT INTO t VALUES (7)"), sql)
    assert "outcome is unknown" in str(error)
    assert proxy.strikes == 1
    assert len(sql("SELECT id FROM t")) == (1 if lost == "answer" else 0)
    recovers(proxy, face)


def test_commit_whose_answer_is_cut_at_every_byte_says_that_the_outcome_is_unknown(
    proxy: Proxy, face: Face, sql: Sql
) -> None:
    # CommandComplete has 12 bytes, ReadyForQuery 6; without its last byte nobody can go on.
    for after in range(18):
        proxy.fault = Fault("commit", "cut", after=after)
        error = error_of(proxy, lambda: face.in_transaction("INSERT INTO t VALUES (7)"), sql)
        assert "outcome is unknown" in str(error), after
        proxy.heal()
    assert sql("SELECT count(*) FROM t") == [(18,)]


def test_transaction_that_is_lost_before_its_commit_is_rolled_back(proxy: Proxy, face: Face, sql: Sql) -> None:
    proxy.fault = Fault("query", "cut", after=20)
    error = error_of(proxy, lambda: face.in_transaction("INSERT INTO t VALUES (7)", "INSERT INTO t VALUES (8)"), sql)
    assert "unknown" not in str(error)
    assert sql("SELECT id FROM t") == []
    recovers(proxy, face)


@pytest.mark.parametrize("kind", ENDED)
@pytest.mark.parametrize("count", [10, ROWS])
def test_load_whose_commit_is_lost_says_that_the_outcome_is_unknown(
    proxy: Proxy, face: Face, sql: Sql, kind: Kind, count: int
) -> None:
    """An append is a transaction of its own: it commits where the server answers the end of the COPY."""
    copied = []

    def last() -> Iterator[dict[str, Any]]:
        yield from rows(count)
        copied.append(True)

    proxy.fault = Fault("copy_done", kind)
    error = error_of(proxy, lambda: face.load("t", last()), sql)
    assert copied
    assert "outcome is unknown" in str(error)
    # The server may find the line cut before it commits; but never is there a part of them.
    assert sql("SELECT count(*) FROM t") in ([(count,)], [(0,)])
    recovers(proxy, face)


@pytest.mark.parametrize("mode", ["truncate", "replace", "upsert"])
def test_load_of_another_mode_whose_commit_is_lost_says_so(proxy: Proxy, face: Face, sql: Sql, mode: Any) -> None:
    sql("ALTER TABLE t ADD PRIMARY KEY (id)")
    url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
    with howdah.Database(url) as database:
        proxy.fault = Fault("commit", "cut")
        key = "id" if mode == "upsert" else ()
        error = error_of(proxy, lambda: database.load("t", rows(10), mode=mode, key=key), sql)
    assert "outcome is unknown" in str(error)
    assert sql("SELECT count(*) FROM t") == [(10,)]
    recovers(proxy, face)


def test_execute_many_whose_answer_is_lost_stores_all_or_nothing(proxy: Proxy, face: Face, sql: Sql) -> None:
    many = [(n, "x" * 50) for n in range(5000)]
    for after in (0, 30, 1000):
        proxy.fault = Fault("query", "cut", after=after)
        error_of(proxy, lambda: face.execute_many("INSERT INTO t VALUES ($1, $2)", many), sql)
        proxy.heal()
        (count,) = sql("SELECT count(*) FROM t")[0]
        assert count % len(many) == 0


def test_lost_commit_is_not_tried_again(proxy: Proxy, sql: Sql) -> None:
    runs = []

    def body() -> None:
        runs.append(True)
        database.execute("INSERT INTO t VALUES (7)")

    url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
    with howdah.Database(url) as database:
        database.fetch_value("SELECT 1")
        proxy.fault = Fault("commit", "cut")
        error = error_of(proxy, lambda: database.run_transaction(body), sql)
    assert "outcome is unknown" in str(error)
    assert len(runs) == 1
    assert sql("SELECT id FROM t") == [(7,)]


def test_lost_savepoint_ends_the_outer_transaction_too(proxy: Proxy, sql: Sql) -> None:
    async def nested(db: howdah.AsyncDatabase) -> None:
        async with db.transaction():
            await db.execute("INSERT INTO t VALUES (1)")
            async with db.transaction():
                proxy.hang_up()
                await db.execute("INSERT INTO t VALUES (2)")

    async def body() -> None:
        url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
        async with howdah.AsyncDatabase(url, max_size=1) as db:
            with pytest.raises(howdah.ConnectionError) as caught:
                await nested(db)
            is_lost(caught.value, proxy.place)
            assert await db.fetch_value("SELECT count(*) FROM t") == 0

    in_time(LIMIT_S, lambda: asyncio.run(body()), proxy.hang_up)
    assert sql("SELECT id FROM t") == []
