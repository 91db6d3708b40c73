"""Notices of the server are logged to the logger `howdah`, with the level of their severity."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest

import howdah

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.python.conftest import Sql

RAISE = "DO $$ BEGIN RAISE {} 'said: %', '{}' USING DETAIL = 'more', HINT = 'do', ERRCODE = '01234'; END $$"
LEVELS = {
    "WARNING": logging.WARNING,
    "NOTICE": logging.INFO,
    "INFO": logging.INFO,
    "LOG": logging.INFO,
    "DEBUG": logging.DEBUG,
}


@pytest.fixture(params=["blocking", "asyncio", "uvloop"])
def face(request: pytest.FixtureRequest) -> str:
    """Tell which face is tested, and under which loop."""
    return cast("str", request.param)


def heard(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """Give what reached the logger."""
    return [(record.levelno, record.getMessage()) for record in caplog.records if record.name == "howdah"]


@pytest.mark.parametrize(("severity", "level"), LEVELS.items())
async def test_notice_of_each_severity_has_a_level(
    db: howdah.AsyncDatabase, caplog: pytest.LogCaptureFixture, severity: str, level: int
) -> None:
    caplog.set_level(logging.DEBUG, "howdah")
    async with db.transaction():
        await db.execute("SET LOCAL client_min_messages = debug1")
        caplog.clear()
        await db.execute(RAISE.format(severity, "é"))
    (record,) = [record for record in caplog.records if "said" in record.getMessage()]
    assert (record.name, record.levelno) == ("howdah", level)
    assert "said: é" in record.getMessage()
    assert vars(record)["sqlstate"] == "01234"
    assert (vars(record)["detail"], vars(record)["hint"]) == ("more", "do")


async def test_notice_of_every_verb_is_heard(db: howdah.AsyncDatabase, caplog: pytest.LogCaptureFixture) -> None:
    await db.execute(
        "CREATE FUNCTION say(n int4) RETURNS int4 LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE WARNING 'say %', n; RETURN n; END $$"
    )
    await db.execute("SELECT say(1)")
    await db.execute("SELECT say($1)", 2)
    await db.fetch("SELECT say($1)", 3)
    await db.fetch_one("SELECT say($1)", 4)
    await db.fetch_value("SELECT say($1)", 5)
    assert [row async for row in db.stream("SELECT say(n) FROM generate_series(6, 8) AS n", batch_rows=2)] != []
    await db.execute_many("SELECT say($1)", [(9,), (10,)])
    async with db.transaction():
        await db.fetch_value("SELECT say(11)")
    said = [message.rpartition("say ")[2] for level, message in heard(caplog) if level == logging.WARNING]
    assert said == [str(n) for n in range(1, 12)]


async def test_notices_come_in_order_and_before_the_error(
    db: howdah.AsyncDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(howdah.DataError):
        await db.execute("DO $$ BEGIN FOR n IN 1..500 LOOP RAISE WARNING 'say %', n; END LOOP; PERFORM 1 / 0; END $$")
    assert [message.rpartition("say ")[2] for _, message in heard(caplog)] == [str(n) for n in range(1, 501)]


class Slow(logging.Handler):
    """Takes its time, in which other threads may run."""

    def emit(self, record: logging.LogRecord) -> None:
        """Take it."""
        del record
        time.sleep(0.002)


async def test_notices_of_what_leaves_state_are_all_heard_before_its_end(
    db: howdah.AsyncDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    logger, slow = logging.getLogger("howdah"), Slow()
    logger.addHandler(slow)
    try:
        # A DO may leave anything, so the connection is reset after it.
        await db.execute("DO $$ BEGIN FOR n IN 1..50 LOOP RAISE WARNING 'say %', n; END LOOP; END $$")
    finally:
        logger.removeHandler(slow)
    assert [message.rpartition("say ")[2] for _, message in heard(caplog)] == [str(n) for n in range(1, 51)]


LOCK = 4242
TEXT = "x" * 1000


async def streamed(db: howdah.AsyncDatabase) -> None:
    async for _ in db.stream("SELECT say_many($1)", 1):
        pass


SAYING: dict[str, Callable[[howdah.AsyncDatabase], Awaitable[Any]]] = {
    "execute": lambda db: db.execute("SELECT say_many($1)", 1),
    "script": lambda db: db.execute("SELECT 1; SELECT say_many(1)"),
    "fetch": lambda db: db.fetch("SELECT say_many($1)", 1),
    "fetch_value": lambda db: db.fetch_value("SELECT say_many(1)"),
    "execute_many": lambda db: db.execute_many("SELECT say_many($1)", [(1,), (2,)]),
    "stream": streamed,
    "few rows": lambda db: db.load("t", [(1,)]),
    "many rows": lambda db: db.load("t", ((n,) for n in range(20_000))),
    "upsert": lambda db: db.load("t", [(1,)], mode="upsert", key="a"),
}


@pytest.mark.parametrize("verb", SAYING)
async def test_many_notices_of_one_statement_are_heard_before_it_ends(
    opened: Callable[..., howdah.AsyncDatabase], url: str, sql: Sql, verb: str
) -> None:
    """They are not kept until the end: the statement ends when the first is heard, or else by its timeout."""
    sql(
        "CREATE FUNCTION say_many(n int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
        f"FOR i IN 1..3000 LOOP RAISE WARNING '% {TEXT}', i; END LOOP; "
        f"PERFORM pg_advisory_lock({LOCK}); PERFORM pg_advisory_unlock({LOCK}); RETURN n; END $$"
    )
    sql(
        "CREATE FUNCTION say() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN IF NEW.a = 1 THEN PERFORM say_many(1); END IF; RETURN NEW; END $$"
    )
    sql("CREATE TABLE t (a int PRIMARY KEY); CREATE TRIGGER say BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION say()")
    db = opened(url, max_size=1, statement_timeout_s=60)
    holder = psycopg.connect(url, autocommit=True)
    holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    count = 0

    class Letting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            nonlocal count
            count += record.getMessage().endswith(TEXT)
            holder.close()

    logger, handler = logging.getLogger("howdah"), Letting()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        await SAYING[verb](db)
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
        holder.close()
    assert count == (6000 if verb == "execute_many" else 3000)


async def test_notice_is_not_made_into_a_record_that_nobody_wants(
    db: howdah.AsyncDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "howdah")
    await db.execute("DROP TABLE IF EXISTS nowhere; DO $$ BEGIN RAISE WARNING 'x'; END $$")
    assert heard(caplog) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_logger_that_raises_does_the_connection_no_harm(
    one: howdah.AsyncDatabase,
) -> None:
    class Angry(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise ArithmeticError(record.getMessage())

    logger, handler = logging.getLogger("howdah"), Angry()
    logger.addHandler(handler)
    try:
        for _ in range(3):
            try:
                await one.execute("DO $$ BEGIN RAISE WARNING 'x'; END $$")
            except ArithmeticError:
                # It may be told, as long as the connection is not lost to it.
                continue
    finally:
        logger.removeHandler(handler)
    assert await one.fetch_value("SELECT 1") == 1


async def test_stream_that_fails_at_once_gives_no_warning(
    db: howdah.AsyncDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "howdah")
    with pytest.raises(howdah.DataError, match="division by zero"):
        [row async for row in db.stream("SELECT 1 / 0")]
    assert heard(caplog) == []
