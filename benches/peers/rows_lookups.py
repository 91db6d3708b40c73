"""Parts of lookups by primary key: blocking, on a held connection, through the pool, and by many callers at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bars import (
    ASYNCPG_HELD,
    ASYNCPG_POOL,
    HOWDAH,
    HOWDAH_MULTIPLEX,
    HOWDAH_TRANSACTION,
    LIMIT_PGBENCH,
    LIMIT_PGBENCH_POOL,
)
from .measure import Contestant, Part, alternate, closing, say
from .rows import CHECKED_KEYS, CHECKED_LOOKUPS, LOOKUPS, check_rows, keys, people
from .rows_async import (
    LOOPS,
    POOL_SIZE,
    AsyncLookups,
    AsyncpgLookups,
    AsyncpgPoolLookups,
    HowdahAsyncLookups,
    HowdahTransactionLookups,
)
from .rows_blocking import BlockingLookups, HowdahLookups, PsycopgLookups
from .rows_pgbench import Pgbench

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .measure import Bench

CALLS = 3
WANTED = keys(LOOKUPS)
# Many callers share them: with fewer, starting them all would be part of the figure.
WANTED_BY_MANY = keys(5 * LOOKUPS)


def blocking(bench: Bench) -> Part:
    """Look rows up one at a time, by blocking calls."""

    def contestants() -> list[Contestant]:
        return [
            HowdahLookups(bench.url, WANTED),
            PsycopgLookups(bench.url, WANTED, binary=False),
            PsycopgLookups(bench.url, WANTED, binary=True),
            Pgbench(LIMIT_PGBENCH, bench.url, LOOKUPS),
        ]

    return _part(bench, "rows-blocking", "One at a time, blocking", contestants)


def held(bench: Bench) -> Part:
    """Look rows up one at a time; peers hold a connection, howdah takes one for each call, or for a transaction."""

    def contestants() -> list[Contestant]:
        return [
            one
            for loop in LOOPS
            for one in (
                HowdahAsyncLookups(HOWDAH, bench.url, loop, WANTED),
                HowdahTransactionLookups(HOWDAH_TRANSACTION, bench.url, loop, WANTED),
                AsyncpgLookups(ASYNCPG_HELD, bench.url, loop, WANTED),
            )
        ]

    return _part(bench, "rows-held", "One at a time, connection held", contestants)


def pooled(bench: Bench) -> Part:
    """Look rows up one at a time, through the pool."""
    return _part(bench, "rows-pool", "One at a time through the pool", lambda: _pools(bench, 1, WANTED))


def callers_10(bench: Bench) -> Part:
    """Look rows up by 10 callers, through a pool of 10."""

    def contestants() -> list[Contestant]:
        limit = Pgbench(LIMIT_PGBENCH_POOL, bench.url, len(WANTED_BY_MANY), clients=POOL_SIZE)
        return [*_pools(bench, POOL_SIZE, WANTED_BY_MANY), limit]

    return _part(bench, "rows-10", "10 callers through a pool of 10", contestants, len(WANTED_BY_MANY))


def callers_100(bench: Bench) -> Part:
    """Look rows up by 100 callers, through a pool of 10."""

    def contestants() -> list[Contestant]:
        limit = Pgbench(LIMIT_PGBENCH_POOL, bench.url, len(WANTED_BY_MANY), clients=POOL_SIZE)
        return [*_pools(bench, 100, WANTED_BY_MANY), limit]

    return _part(bench, "rows-100", "100 callers through a pool of 10", contestants, len(WANTED_BY_MANY))


def _pools(bench: Bench, callers: int, wanted: list[int]) -> list[Contestant]:
    return [
        one
        for loop in LOOPS
        for one in (
            HowdahAsyncLookups(HOWDAH, bench.url, loop, wanted, callers=callers),
            # Of one caller, nothing is multiplexed.
            *(
                [HowdahAsyncLookups(HOWDAH_MULTIPLEX, bench.url, loop, wanted, callers=callers, multiplex=True)]
                if callers > 1
                else []
            ),
            AsyncpgPoolLookups(ASYNCPG_POOL, bench.url, loop, wanted, callers=callers),
        )
    ]


def _part(
    bench: Bench,
    name: str,
    title: str,
    contestants: Callable[[], Sequence[Contestant]],
    lookups: int = LOOKUPS,
    *,
    calls: int = CALLS,
) -> Part:
    """Check that each contestant returns the rows that were stored, then measure.

    Raises:
        UnequalError: a contestant's row is another one.
    """
    with people(bench.admin) as rows:
        taking_part = contestants()
        with closing(taking_part):
            some = WANTED[:CHECKED_KEYS]
            for contestant in taking_part:
                if isinstance(contestant, BlockingLookups | AsyncLookups):
                    check_rows(contestant.name, contestant.rows(some), [rows[key - 1] for key in some])
                    say(f"{name}: {contestant.name}: equal to what was stored")
            samples = alternate(name, taking_part, bench.rounds, lambda: None, calls=calls)
    notes = [f"{calls} times {lookups:,} lookups in each round"]
    return Part(name, title, lookups, samples, CHECKED_LOOKUPS, notes, unit="lookups")
