"""Lookups by blocking calls, one at a time: howdah and psycopg, each on one connection that stays."""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING

import psycopg
from psycopg.rows import dict_row

import howdah as pg

from .bars import HOWDAH, PSYCOPG_BINARY, PSYCOPG_PREPARED
from .measure import Contestant
from .rows import SELECT_ONE

if TYPE_CHECKING:
    from .rows import Row

# psycopg's own placeholder. A cursor that stays is faster than `Connection.execute`, which makes one for each query.
PSYCOPG_SELECT_ONE = SELECT_ONE.replace("$1", "%s")


class BlockingLookups(Contestant):
    """One row after another."""

    def __init__(self, name: str, wanted: list[int]) -> None:
        """Take the keys of a turn."""
        super().__init__(name)
        self._keys = wanted

    @abstractmethod
    def lookup(self, key: int) -> Row | None:
        """Return one row."""

    def rows(self, wanted: list[int]) -> list[Row | None]:
        """Return the rows of some keys."""
        return [self.lookup(key) for key in wanted]

    def work(self) -> None:
        """Look all keys of a turn up."""
        self.once()

    def once(self) -> float:
        """Look all keys of a turn up, and return the seconds; those of each are kept aside."""
        clock, lookup, took = time.perf_counter, self.lookup, []
        begin = clock()
        for key in self._keys:
            start = clock()
            lookup(key)
            took.append(clock() - start)
        seconds = clock() - begin
        self.latencies = took
        return seconds


class HowdahLookups(BlockingLookups):
    """``Database.fetch_one``."""

    def __init__(self, url: str, wanted: list[int]) -> None:
        """Open a database of one session."""
        super().__init__(HOWDAH, wanted)
        self._database = pg.Database(url, max_size=1)

    def lookup(self, key: int) -> Row | None:
        """Return one row."""
        return self._database.fetch_one(SELECT_ONE, key)

    def close(self) -> None:
        """Close the database."""
        self._database.close()


class PsycopgLookups(BlockingLookups):
    """``execute(prepare=True)`` and ``fetchone`` of a cursor with ``dict_row``; values as text or binary."""

    def __init__(self, url: str, wanted: list[int], *, binary: bool) -> None:
        """Connect."""
        super().__init__(PSYCOPG_BINARY if binary else PSYCOPG_PREPARED, wanted)
        self._connection = psycopg.connect(url, autocommit=True, row_factory=dict_row)
        self._cursor = self._connection.cursor(binary=binary)

    def lookup(self, key: int) -> Row | None:
        """Return one row."""
        return self._cursor.execute(PSYCOPG_SELECT_ONE, (key,), prepare=True).fetchone()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
