"""Programs that end while howdah is at work under asyncio."""

from __future__ import annotations

import asyncio
import atexit
import itertools
from contextlib import closing
from typing import TYPE_CHECKING, Any

import howdah
from tests.python.exits.peers import KEPT, REFUSED, UNRESOLVABLE, Row, error_class, silent_peer

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator


async def refused(_: str) -> str:
    return await error_class(howdah.AsyncDatabase(REFUSED))


async def unresolvable(_: str) -> str:
    return await error_class(howdah.AsyncDatabase(UNRESOLVABLE))


async def timeout(_: str) -> str:
    return await error_class(howdah.AsyncDatabase(silent_peer(), connect_timeout_s=0.05))


async def tls_failure(_: str) -> str:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(8)
        writer.write(b"S" + b"no TLS at all" * 8)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await error_class(howdah.AsyncDatabase(f"postgresql://127.0.0.1:{port}/app?sslmode=require"))


async def cancelled_connect(_: str) -> str:
    db = howdah.AsyncDatabase(silent_peer())
    try:
        await asyncio.wait_for(db.fetch_value("SELECT 1"), 0.01)
    except TimeoutError:
        return "cancelled"
    return "connected"


async def cancelled_statement(url: str) -> str:
    db = howdah.AsyncDatabase(url)
    await db.fetch_value("SELECT 1")
    try:
        await asyncio.wait_for(db.fetch_value("SELECT pg_sleep(60)"), 0.01)
    except TimeoutError:
        return "cancelled"
    return "slept"


async def open_pool(url: str) -> str:
    # Others are opened in the background.
    db = howdah.AsyncDatabase(url, min_size=3)
    KEPT.append(db)
    return str(await db.fetch_value("SELECT 1"))


async def open_listener(url: str) -> str:
    db = howdah.AsyncDatabase(url)
    listener = db.listen("news")
    await listener.__aenter__()
    KEPT.append((db, listener))
    return "listens"


async def load_under_way(url: str) -> str:
    db = howdah.AsyncDatabase(url)
    seen = asyncio.Event()
    loop = asyncio.get_running_loop()

    def rows() -> Iterator[Row]:
        for number in itertools.count():
            if number == 1000:
                loop.call_soon_threadsafe(seen.set)
            yield Row(number)

    load = asyncio.create_task(db.load("ends", rows()))
    await seen.wait()
    KEPT.append(load)
    return "loads"


async def at_atexit(url: str) -> str:
    def late() -> None:
        # Other threads have stopped; the one that ends the interpreter continues.
        with closing(howdah.Database(url)) as db:
            assert db.fetch_value("SELECT 1") == 1
        assert asyncio.run(error_class(howdah.AsyncDatabase(REFUSED))) == "ConnectionError"

    atexit.register(late)
    return await error_class(howdah.AsyncDatabase(REFUSED))


AWAITED: dict[str, tuple[Callable[[str], Coroutine[Any, Any, str]], str]] = {
    "refused": (refused, "ConnectionError"),
    "unresolvable": (unresolvable, "ConnectionError"),
    "timeout": (timeout, "ConnectionError"),
    "tls failure": (tls_failure, "ConnectionError"),
    "cancelled connect": (cancelled_connect, "cancelled"),
    "cancelled statement": (cancelled_statement, "cancelled"),
    "open pool": (open_pool, "1"),
    "open listener": (open_listener, "listens"),
    "load under way": (load_under_way, "loads"),
    "atexit": (at_atexit, "ConnectionError"),
}
