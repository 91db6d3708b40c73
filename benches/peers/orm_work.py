"""What an ORM does in a turn, with the clock inside its event loop."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

from .measure import Contestant

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .orm_client import Client

    Do = Callable[[Any], Awaitable[object]]


class Each(Contestant):
    """A call for each of many things, one after another."""

    def __init__(self, client: Client, do: Do, items: Callable[[], Sequence[Any]]) -> None:
        """Take what is called, and what gives the things of a turn."""
        super().__init__(client.name)
        self._client = client
        self._do = do
        self._items = items

    def work(self) -> None:
        """Do all of a turn."""
        self.once()

    def once(self) -> float:
        """Do all of a turn and return its seconds."""
        self.latencies = []
        return self._client.wait(self._timed(self._items()))

    async def _timed(self, items: Sequence[Any]) -> float:
        clock, do, took = time.perf_counter, self._do, self.latencies
        began = clock()
        for item in items:
            start = clock()
            await do(item)
            took.append(clock() - start)
        return clock() - began

    def close(self) -> None:
        """Leave the client open: other parts need it."""


class Next(Contestant):
    """One call with the next of some things, from the first again after the last."""

    def __init__(self, client: Client, do: Do, items: Sequence[Any]) -> None:
        """Take what is called, and with what in turn."""
        super().__init__(client.name)
        self._client = client
        self._do = do
        self._items = itertools.cycle(items)

    def work(self) -> None:
        """Make one call."""
        self.once()

    def once(self) -> float:
        """Make one call and return its seconds; results are dropped after the clock has stopped."""
        return self._client.wait(self._timed(next(self._items)))

    async def _timed(self, item: object) -> float:
        start = time.perf_counter()
        result = await self._do(item)
        seconds = time.perf_counter() - start
        del result
        return seconds

    def close(self) -> None:
        """Leave the client open: other parts need it."""
