"""Calls over a network that loses all bytes: it accepts them and returns none.

Each act waits for the server in one way, and falls silent right before. As a program, it prints how long each takes:
`python -m tests.python.faults.silence`.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import uvloop

import howdah
from tests.python.faults.proxy import Proxy
from tests.python.pool.faces import Blocking, finish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    Outcome = tuple[float, BaseException | None]
    Act = Callable[[Any, Callable[[], None]], Awaitable[object]]

QUERY = "SELECT n AS id FROM generate_series(1, 50) AS n"
ROWS = [{"id": 1, "v": "x"}, {"id": 2, "v": "y"}]
PREPARE = "DROP TABLE IF EXISTS silent; CREATE TABLE silent (id int PRIMARY KEY, v text)"


def under_uvloop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine under uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


FACES: dict[str, Callable[[Coroutine[Any, Any, Any]], Any]] = {
    "blocking": finish,
    "asyncio": asyncio.run,
    "uvloop": under_uvloop,
}


class BoomError(Exception):
    """Ends a block."""


def called(verb: str, *arguments: Any, **options: Any) -> Act:
    """Give what calls a verb."""

    def act(db: Any, fall_silent: Callable[[], None]) -> Awaitable[object]:
        fall_silent()
        call: Awaitable[object] = getattr(db, verb)(*arguments, **options)
        return call

    return act


async def stream(db: Any, fall_silent: Callable[[], None]) -> None:
    """Begin a stream."""
    fall_silent()
    async for _ in db.stream(QUERY):
        pass


async def stream_on(db: Any, fall_silent: Callable[[], None]) -> None:
    """Ask a stream for more rows."""
    async for row in db.stream(QUERY, batch_rows=10):
        if row["id"] == 10:
            fall_silent()


async def read(db: Any, fall_silent: Callable[[], None]) -> None:
    """Begin to read."""
    fall_silent()
    await db.read(QUERY).to_arrow()


async def begin(db: Any, fall_silent: Callable[[], None]) -> None:
    """Begin a transaction."""
    fall_silent()
    async with db.transaction():
        pass


async def statement(db: Any, fall_silent: Callable[[], None]) -> None:
    """Run a statement in a block in a block."""
    async with db.transaction(), db.transaction():
        fall_silent()
        await db.execute("SELECT 1")


async def savepoint(db: Any, fall_silent: Callable[[], None]) -> None:
    """Begin a block in a block."""
    async with db.transaction():
        fall_silent()
        async with db.transaction():
            pass


async def release(db: Any, fall_silent: Callable[[], None]) -> None:
    """End a block in a block."""
    async with db.transaction(), db.transaction():
        fall_silent()


async def commit(db: Any, fall_silent: Callable[[], None]) -> None:
    """Commit."""
    async with db.transaction():
        await db.execute("SELECT 1")
        fall_silent()


async def rollback(db: Any, fall_silent: Callable[[], None]) -> None:
    """Leave a block by an error."""
    async with db.transaction():
        await db.execute("SELECT 1")
        fall_silent()
        raise BoomError


async def rollback_inner(db: Any, fall_silent: Callable[[], None]) -> None:
    """Leave blocks in a block by an error."""
    async with db.transaction(), db.transaction(), db.transaction():
        fall_silent()
        raise BoomError


async def rolled_back(db: Any, fall_silent: Callable[[], None]) -> None:
    """Roll back."""
    async with db.transaction() as transaction:
        fall_silent()
        await transaction.rollback()


async def listen(db: Any, fall_silent: Callable[[], None]) -> None:
    """Begin to listen."""
    fall_silent()
    async with db.listen("elephants"):
        pass


async def load_in_block(db: Any, fall_silent: Callable[[], None]) -> None:
    """Load in a block."""
    async with db.transaction():
        fall_silent()
        await db.load("silent", ROWS)


ACTS: dict[str, Act] = {
    "execute": called("execute", "SELECT $1::int", 1),
    "script": called("execute", "SELECT 1; SELECT 2"),
    "execute_many": called("execute_many", "INSERT INTO silent VALUES ($1)", [(1,), (2,)]),
    "fetch": called("fetch", QUERY),
    "fetch_one": called("fetch_one", QUERY),
    "fetch_value": called("fetch_value", QUERY),
    "stream": stream,
    "stream_on": stream_on,
    "read": read,
    "load_append": called("load", "silent", ROWS),
    "load_create": called("load", "silent_new", ROWS, mode="create"),
    "load_replace": called("load", "silent", ROWS, mode="replace"),
    "load_truncate": called("load", "silent", ROWS, mode="truncate"),
    "load_upsert": called("load", "silent", ROWS, mode="upsert", key="id"),
    "load_in_block": load_in_block,
    "begin": begin,
    "statement": statement,
    "savepoint": savepoint,
    "release": release,
    "commit": commit,
    "rollback": rollback,
    "rollback_inner": rollback_inner,
    "rolled_back": rolled_back,
    "listen": listen,
}


def opened(face: str, url: str, **options: Any) -> Any:
    """Open a database of a kind."""
    kind: Any = Blocking if face == "blocking" else howdah.AsyncDatabase
    return kind(url, max_size=1, connect_timeout_s=1, **options)


def limited(face: str, act: Act, proxy: Proxy, url: str, limit_s: float) -> Outcome:
    """Do something on a silent network with a limit; give how long it took, and its error."""
    db = opened(face, url, statement_timeout_s=limit_s)
    begun = [0.0]

    def fall_silent() -> None:
        proxy.fall_silent()
        begun[0] = time.monotonic()

    async def body() -> Outcome:
        try:
            await db.execute("SELECT 1")
            await act(db, fall_silent)
        except (howdah.Error, BoomError) as error:
            return time.monotonic() - begun[0], error
        else:
            return time.monotonic() - begun[0], None
        finally:
            proxy.heal()
            await db.close()

    took: Outcome = FACES[face](body())
    return took


def interrupted(face: str, act: Act, proxy: Proxy, url: str, after_s: float = 0.2) -> Outcome:
    """Do something on a silent network, and press Ctrl-C; give how long that took to end it, and the error."""
    db = opened(face, url)
    here, pressed = threading.get_ident(), [0.0]
    presser: list[threading.Thread] = []

    def press() -> None:
        time.sleep(after_s)
        pressed[0] = time.monotonic()
        signal.pthread_kill(here, signal.SIGINT)

    def fall_silent() -> None:
        proxy.fall_silent()
        presser.append(threading.Thread(target=press))
        presser[0].start()

    async def body() -> None:
        await db.execute("SELECT 1")
        await act(db, fall_silent)

    ended: BaseException | None = None
    try:
        FACES[face](body())
    except (KeyboardInterrupt, howdah.Error) as error:
        ended = error
    took = time.monotonic() - pressed[0]
    presser[0].join()
    proxy.heal()
    finish(db.close())
    return took, ended


def cancelled(face: str, act: Act, proxy: Proxy, url: str, after_s: float = 0.2) -> Outcome:
    """Do something on a silent network, and cancel the task; give how long that took to end it, and the error."""
    db = opened(face, url)

    async def body() -> Outcome:
        silent = asyncio.Event()

        def fall_silent() -> None:
            proxy.fall_silent()
            silent.set()

        async def whole() -> None:
            await db.execute("SELECT 1")
            await act(db, fall_silent)

        task = asyncio.ensure_future(whole())
        await silent.wait()
        await asyncio.sleep(after_s)
        begun = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        took = time.monotonic() - begun
        ended = asyncio.CancelledError() if task.cancelled() else task.exception()
        proxy.heal()
        await db.close()
        return took, ended

    took: Outcome = FACES[face](body())
    return took


def main() -> None:
    """Print how long each act takes."""
    from howdah import embedded  # noqa: PLC0415

    wanted = sys.argv[1:] or list(ACTS)
    with embedded.server(tcp=True, settings={"fsync": "off"}) as server, Proxy(server.url) as proxy:
        url = proxy.url(sslmode="disable")
        with howdah.Database(url) as db:
            db.execute(PREPARE)
        for name in wanted:
            act, line = ACTS[name], [f"{name:15}"]
            for face in FACES:
                took, error = limited(face, act, proxy, url, 1.0)
                line.append(f"{face} limit 1 s: {took:5.2f} {type(error).__name__:16}")
                if face != "uvloop" and name not in {"rollback", "rollback_inner"}:
                    took, error = interrupted(face, act, proxy, url)
                    line.append(f"Ctrl-C: {took:5.2f} {type(error).__name__:18}")
                if face != "blocking":
                    took, error = cancelled(face, act, proxy, url)
                    line.append(f"cancel: {took:5.2f} {type(error).__name__:15}")
            sys.stdout.write("  ".join(line) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
