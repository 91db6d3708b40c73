"""A connection that is lost between statements or during one: an error, no hang, and the pool recovers."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

import howdah
from tests.python.faults.conftest import USER
from tests.python.faults.faces import FACES, PASSWORD, Face, in_time, is_lost
from tests.python.faults.proxy import Fault, Kind, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.python.conftest import Sql

LIMIT_S = 5.0
ROWS = 5000
QUERY = f"SELECT n AS id, repeat('x', 50) AS v FROM generate_series(1, {ROWS}) AS n"
INSERT = "INSERT INTO t VALUES ($1, $2)"
ENDED: list[Kind] = ["cut", "reset", "truncate"]

VERBS: dict[str, Callable[[Face], Any]] = {
    "fetch": lambda face: face.fetch(QUERY),
    "fetch_one": lambda face: face.fetch_one(QUERY),
    "fetch_value": lambda face: face.fetch_value(QUERY),
    "stream": lambda face: face.stream(QUERY),
    "read": lambda face: face.read(QUERY),
    "execute": lambda face: face.execute("INSERT INTO t SELECT n FROM generate_series(1, $1::int) AS n", 100),
    "execute_many": lambda face: face.execute_many(INSERT, [(n, "x" * 50) for n in range(ROWS)]),
    "execute_many_other": lambda face: face.execute_many(
        "UPDATE t SET v = $2 WHERE id = $1", [(n, "y") for n in range(ROWS)]
    ),
    "load": lambda face: face.load("t", ({"id": n, "v": "x"} for n in range(ROWS))),
}


def recovers(proxy: Proxy, face: Face) -> None:
    proxy.heal()
    assert in_time(LIMIT_S, lambda: face.fetch("SELECT 2 AS n"), proxy.hang_up) == [{"n": 2}]
    stats = face.stats()
    assert (stats.size, stats.idle, stats.busy) == (1, 1, 0)


def fails(proxy: Proxy, call: Callable[[], Any]) -> None:
    with pytest.raises(howdah.Error) as caught:
        in_time(LIMIT_S, call, proxy.hang_up)
    is_lost(caught.value, proxy.place)


@pytest.mark.parametrize("reset", [False, True], ids=["cut", "reset"])
@pytest.mark.parametrize("verb", VERBS)
def test_idle_connection_that_is_lost_is_replaced_unseen(
    proxy: Proxy, face: Face, sql: Sql, verb: str, *, reset: bool
) -> None:
    del sql
    VERBS[verb](face)
    proxy.hang_up(reset=reset)
    in_time(LIMIT_S, lambda: VERBS[verb](face), proxy.hang_up)
    assert face.stats().opened == 2
    recovers(proxy, face)


@pytest.mark.parametrize("kind", ENDED)
def test_lost_connection_tells_what_to_check(proxy: Proxy, face: Face, kind: Kind) -> None:
    proxy.fault = Fault("query", kind)
    with pytest.raises(howdah.ConnectionError, match="check "):
        in_time(LIMIT_S, lambda: face.fetch(QUERY), proxy.hang_up)


@pytest.mark.parametrize("warm", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("kind", ENDED)
@pytest.mark.parametrize("verb", VERBS)
def test_statement_that_is_cut_is_a_connection_error(
    proxy: Proxy, face: Face, sql: Sql, verb: str, kind: Kind, *, warm: bool
) -> None:
    del sql
    if warm:
        VERBS[verb](face)
    for after in (0, 7):
        proxy.fault = Fault("query", kind, after=after)
        fails(proxy, lambda: VERBS[verb](face))
        recovers(proxy, face)
        if warm:
            VERBS[verb](face)
    assert proxy.strikes == 2


@pytest.mark.parametrize("kind", ENDED)
@pytest.mark.parametrize("after", [1000, 100_000, 200_001])
@pytest.mark.parametrize("verb", ["fetch", "stream", "read"])
def test_result_that_is_cut_in_its_middle_is_a_connection_error(
    proxy: Proxy, face: Face, verb: str, kind: Kind, after: int
) -> None:
    # A stream is asked for in parts; the first of them is long enough.
    calls = VERBS | {"stream": lambda face: face.stream(QUERY, batch_rows=ROWS)}
    proxy.fault = Fault("query", kind, after=after)
    fails(proxy, lambda: calls[verb](face))
    assert proxy.strikes == 1
    recovers(proxy, face)


@pytest.mark.parametrize("kind", ENDED)
@pytest.mark.parametrize("verb", VERBS)
def test_statement_that_is_cut_while_prepared_is_a_connection_error(
    proxy: Proxy, face: Face, sql: Sql, verb: str, kind: Kind
) -> None:
    del sql
    proxy.fault = Fault("parse", kind)
    fails(proxy, lambda: VERBS[verb](face))
    assert proxy.strikes == 1
    recovers(proxy, face)


@pytest.mark.parametrize("verb", ["execute", "execute_many", "load"])
def test_statement_whose_request_is_lost_stores_nothing(proxy: Proxy, face: Face, sql: Sql, verb: str) -> None:
    proxy.fault = Fault("query", "cut", lost="request")
    fails(proxy, lambda: VERBS[verb](face))
    recovers(proxy, face)
    assert sql("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize("verb", VERBS)
def test_statement_that_is_delayed_is_waited_for(proxy: Proxy, face: Face, sql: Sql, verb: str) -> None:
    del sql
    proxy.fault = Fault("query", "delay", after=3, delay_s=0.2)
    in_time(LIMIT_S, lambda: VERBS[verb](face), proxy.hang_up)
    assert proxy.strikes >= 1
    recovers(proxy, face)


@pytest.mark.parametrize("kind", FACES)
@pytest.mark.parametrize("verb", ["fetch", "stream", "read", "execute", "execute_many", "load"])
def test_silence_ends_with_the_statement_timeout(proxy: Proxy, sql: Sql, verb: str, kind: str) -> None:
    del sql
    url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
    face = FACES[kind](url, max_size=1, statement_timeout_s=0.5, connect_timeout_s=3)
    proxy.fault = Fault("query", "silent", after=3)
    with pytest.raises((howdah.ConnectionError, howdah.QueryTimeout)):
        in_time(10, lambda: VERBS[verb](face), proxy.hang_up)
    recovers(proxy, face)
    face.close()


def test_silence_ends_when_the_task_is_cancelled(proxy: Proxy) -> None:
    async def body() -> None:
        url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
        async with howdah.AsyncDatabase(url, max_size=1) as db:
            assert await db.fetch_value("SELECT 1") == 1
            proxy.fault = Fault("query", "silent", after=3)
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await db.fetch(QUERY)
            assert time.monotonic() - begun < 2
            proxy.heal()
            async with asyncio.timeout(15):
                assert await db.fetch_value("SELECT 2") == 2
            assert db.stats().size == 1

    in_time(20, lambda: asyncio.run(body()), proxy.hang_up)


@pytest.mark.parametrize("waits", [True, False], ids=["awaited", "left"])
def test_statement_cancelled_at_the_end_of_a_loop_gives_its_connection_back(proxy: Proxy, *, waits: bool) -> None:
    async def cancelled() -> None:
        task = asyncio.ensure_future(db.fetch("SELECT pg_sleep(60)"))
        await asyncio.sleep(0.1)
        if waits:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
    db = howdah.AsyncDatabase(url, max_size=1, acquire_timeout_s=4)
    for _ in range(3):
        in_time(LIMIT_S, lambda: asyncio.run(cancelled()), proxy.hang_up)
        assert in_time(LIMIT_S, lambda: asyncio.run(db.fetch_value("SELECT 2")), proxy.hang_up) == 2
    asyncio.run(db.close())


def test_loss_reaches_every_pipelined_caller(proxy: Proxy) -> None:
    async def pipelined(db: howdah.AsyncDatabase) -> None:
        async with db.transaction():
            await db.fetch_value("SELECT 1")
            proxy.fault = Fault("query", "cut", after=20)
            calls = [db.fetch_value("SELECT $1::int", n) for n in range(50)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
            for error in lost:
                is_lost(error, proxy.place)
            assert [value for value in outcomes if isinstance(value, int)] == list(range(50 - len(lost)))
            assert lost

    async def body() -> None:
        url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
        async with howdah.AsyncDatabase(url, max_size=1) as db:
            with pytest.raises(howdah.ConnectionError):
                await pipelined(db)
            proxy.heal()
            assert await db.fetch_value("SELECT 2") == 2

    in_time(LIMIT_S, lambda: asyncio.run(body()), proxy.hang_up)


def test_loss_reaches_a_listener(proxy: Proxy) -> None:
    async def body() -> None:
        url = proxy.url(user=USER, password=PASSWORD, sslmode="disable")
        async with howdah.AsyncDatabase(url) as db:
            async with db.listen("elephants") as notifications:
                asyncio.get_running_loop().call_later(0.1, proxy.hang_up)
                with pytest.raises(howdah.ConnectionError) as caught:
                    await anext(aiter(notifications))
                is_lost(caught.value, proxy.place)
            assert await db.fetch_value("SELECT 2") == 2

    in_time(LIMIT_S, lambda: asyncio.run(body()), proxy.hang_up)


@pytest.mark.parametrize("sql_", ["COPY t FROM STDIN", "COPY t TO STDOUT"])
def test_copy_outside_a_load_is_refused(proxy: Proxy, face: Face, sql: Sql, sql_: str) -> None:
    sql("INSERT INTO t VALUES (1)")
    calls: list[Callable[[], Any]] = [
        lambda: face.execute(sql_),
        lambda: face.execute_many(sql_, [()]),
        lambda: face.fetch(sql_),
        lambda: face.fetch_one(sql_),
        lambda: face.fetch_value(sql_),
        lambda: face.stream(sql_),
        lambda: face.read(sql_),
    ]
    for call in calls:
        with pytest.raises((howdah.NotSupportedError, howdah.ProgrammingError), match="COPY"):
            in_time(LIMIT_S, call, proxy.hang_up)
        recovers(proxy, face)
