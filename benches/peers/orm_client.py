"""One ORM on an event loop of its own: what each of them is asked to do, in its own best way."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from .orm_data import Row

T = TypeVar("T")

POOL_SIZE = 10


class Client(ABC):
    """An ORM that is connected, with all connections of its pool open."""

    name: str

    def __init__(self, url: str) -> None:
        """Start asyncio's own loop, connect, and ask each connection something."""
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self.wait(self._start(url))

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Disconnect, and end the loop."""
        self.wait(self.leave())
        self._runner.close()

    async def _start(self, url: str) -> None:
        await self.enter(url)
        await asyncio.gather(*(self.first_ten() for _ in range(POOL_SIZE)))

    @abstractmethod
    async def enter(self, url: str) -> None:
        """Make the pool."""

    @abstractmethod
    async def leave(self) -> None:
        """Close the pool."""

    @abstractmethod
    async def first_ten(self) -> Sequence[Any]:
        """Return up to ten people."""

    @abstractmethod
    async def get(self, key: int) -> Any:  # noqa: ANN401 (each has objects of its own)
        """Return the person with a key."""


class Orm(Client):
    """An ORM that does all there is to do."""

    @abstractmethod
    async def save(self, row: Row) -> Any:  # noqa: ANN401 (each has objects of its own)
        """Make a person, store it, and return it with its key."""

    @abstractmethod
    async def update(self, key: int, score: float) -> None:
        """Load a person, change its score, and store that."""

    @abstractmethod
    async def insert_many(self, rows: list[Row]) -> Sequence[int] | None:
        """Store people in one transaction, and return their keys in the same order; None where it gives none."""

    @abstractmethod
    async def fetch(self) -> Sequence[Any]:
        """Return all people."""

    @abstractmethod
    async def authors(self, below: int) -> Sequence[Any]:
        """Return the people whose keys are below a number, each with its posts loaded."""

    @abstractmethod
    async def posts_of(self, person: Any) -> Sequence[Any]:  # noqa: ANN401 (each has objects of its own)
        """Return the posts that are loaded of a person."""
