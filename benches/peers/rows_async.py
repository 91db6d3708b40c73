"""Contestants under asyncio: each keeps an event loop of its own, and the clock runs inside it, not around it."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg
import uvloop

import howdah as pg

from .bars import LOOP_NAMES, on
from .measure import Contestant
from .rows import SELECT_ONE

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AbstractAsyncContextManager

    from .rows import Row

T = TypeVar("T")

POOL_SIZE = 10
LOOPS = dict(zip(LOOP_NAMES, (uvloop.new_event_loop, asyncio.new_event_loop), strict=True))


class OnLoop(Contestant):
    """Work that is one coroutine."""

    def __init__(self, name: str, loop: str) -> None:
        """Start the loop, by its name in ``LOOPS``."""
        super().__init__(on(name, loop))
        self._runner = asyncio.Runner(loop_factory=LOOPS[loop])

    @abstractmethod
    async def job(self) -> object:
        """Do the work once; reads return what they read."""

    @abstractmethod
    async def leave(self) -> None:
        """Give back connections."""

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop."""
        return self._runner.run(coroutine)

    def work(self) -> object:
        """Do the work once."""
        return self.wait(self.job())

    def once(self) -> float:
        """Do the work once and return its seconds; results are dropped after the clock has stopped."""
        return self.wait(self._timed())

    async def _timed(self) -> float:
        start = time.perf_counter()
        result = await self.job()
        seconds = time.perf_counter() - start
        del result
        return seconds

    def close(self) -> None:
        """Give back connections, and end the loop."""
        self.wait(self.leave())
        self._runner.close()


class AsyncLookups(OnLoop):
    """Rows looked up by so many callers at once, each of them one after another."""

    def __init__(self, name: str, loop: str, wanted: list[int], callers: int) -> None:
        """Take the keys of a turn, and deal them out to the callers."""
        super().__init__(name, loop)
        self._hands = [wanted[caller::callers] for caller in range(callers)]

    @abstractmethod
    async def lookup(self, key: int) -> Row | None:
        """Return one row."""

    def held(self) -> AbstractAsyncContextManager[object]:
        """Return what is entered before the clock of a turn starts, and left after it has stopped."""
        return nullcontext()

    def rows(self, wanted: list[int]) -> list[Row | None]:
        """Return the rows of some keys."""
        return self.wait(self._rows(wanted))

    async def _rows(self, wanted: list[int]) -> list[Row | None]:
        async with self.held():
            return [await self.lookup(key) for key in wanted]

    async def job(self) -> None:
        """Look all keys of a turn up."""
        self.latencies = []
        await asyncio.gather(*(self._caller(hand) for hand in self._hands))

    async def _timed(self) -> float:
        async with self.held():
            return await super()._timed()

    async def _caller(self, hand: list[int]) -> None:
        clock, lookup, took = time.perf_counter, self.lookup, self.latencies
        for key in hand:
            start = clock()
            await lookup(key)
            took.append(clock() - start)


class HowdahAsyncLookups(AsyncLookups):
    """``AsyncDatabase.fetch_one``: every call takes a connection of the pool or, multiplexed, shares one."""

    def __init__(
        self,
        name: str,
        url: str,
        loop: str,
        wanted: list[int],
        *,
        callers: int = 1,
        multiplex: bool = False,
    ) -> None:
        """Make a database."""
        super().__init__(name, loop, wanted, callers)
        self._database = pg.AsyncDatabase(url, max_size=POOL_SIZE, multiplex=multiplex)

    async def lookup(self, key: int) -> Row | None:
        """Return one row."""
        return await self._database.fetch_one(SELECT_ONE, key)

    async def leave(self) -> None:
        """Close the database."""
        await self._database.close()


class HowdahTransactionLookups(HowdahAsyncLookups):
    """``AsyncDatabase.fetch_one`` inside a transaction, which holds one connection."""

    def held(self) -> AbstractAsyncContextManager[object]:
        """Return a transaction."""
        return self._database.transaction()


class AsyncpgLookups(AsyncLookups):
    """``fetchrow`` and ``dict`` of one connection."""

    def __init__(self, name: str, url: str, loop: str, wanted: list[int]) -> None:
        """Connect."""
        super().__init__(name, loop, wanted, callers=1)
        self._connection = self.wait(asyncpg.connect(url))

    async def lookup(self, key: int) -> Row | None:
        """Return one row."""
        return dict(await self._connection.fetchrow(SELECT_ONE, key))

    async def leave(self) -> None:
        """Close the connection."""
        await self._connection.close()


class AsyncpgPoolLookups(AsyncLookups):
    """``fetchrow`` and ``dict`` of a pool, whose connections are all open."""

    def __init__(self, name: str, url: str, loop: str, wanted: list[int], *, callers: int = 1) -> None:
        """Make the pool."""
        super().__init__(name, loop, wanted, callers)
        self._pool = self.wait(_pool(url))

    async def lookup(self, key: int) -> Row | None:
        """Return one row."""
        return dict(await self._pool.fetchrow(SELECT_ONE, key))

    async def leave(self) -> None:
        """Close the pool."""
        await self._pool.close()


async def _pool(url: str) -> Any:  # noqa: ANN401 (asyncpg has no types)
    return await asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE)
