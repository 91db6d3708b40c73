"""asyncpg's pool, with no ORM above it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import asyncpg

from .bars import ASYNCPG_FETCHROW
from .orm_client import POOL_SIZE, Client
from .orm_data import COLUMNS, PEOPLE

if TYPE_CHECKING:
    from collections.abc import Sequence

SELECT = f"SELECT {', '.join(COLUMNS)} FROM {PEOPLE}"  # noqa: S608 (constants)
SELECT_ONE = f"{SELECT} WHERE id = $1"
SELECT_TEN = f"{SELECT} LIMIT 10"


class Asyncpg(Client):
    """``fetchrow`` of a pool; JSON stays text, and the row asyncpg's own record."""

    name = ASYNCPG_FETCHROW

    async def enter(self, url: str) -> None:
        """Make the pool."""
        self._pool = await asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE)

    async def leave(self) -> None:
        """Close the pool."""
        await self._pool.close()

    async def first_ten(self) -> Sequence[Any]:
        """Return up to ten people."""
        found: Sequence[Any] = await self._pool.fetch(SELECT_TEN)
        return found

    async def get(self, key: int) -> Any:  # noqa: ANN401 (asyncpg has no types)
        """Return the person with a key."""
        return await self._pool.fetchrow(SELECT_ONE, key)

    @staticmethod
    def plain(record: Any) -> dict[str, Any]:  # noqa: ANN401 (asyncpg has no types)
        """Return a record as a dict, with its JSON read."""
        row = dict(record)
        return {**row, "meta": json.loads(row["meta"])}
