"""Part "small": loads of the size of an insert, many of them, into a table that exists."""

from __future__ import annotations

from .bars import HOWDAH_DICTS, HOWDAH_TUPLES
from .contestants import AsyncpgLoad, HowdahLoad
from .data import SMALL_COLUMNS, SMALL_ROWS, Target, reference, small_table, table
from .load import CHECKED, take_turns
from .measure import Bench, Contestant, Part

TARGET = Target("bench_small", SMALL_COLUMNS)
CALLS = 40


def run(bench: Bench) -> Part:
    """Check that each contestant stores the source's rows, then measure.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    source = small_table()
    dicts = source.to_pylist()
    tuples = [tuple(row.values()) for row in dicts]
    with table(bench.admin, TARGET.name, TARGET), reference(bench.admin, TARGET, source):
        contestants: list[Contestant] = [
            HowdahLoad(bench.url, TARGET.name, tuples, HOWDAH_TUPLES),
            HowdahLoad(bench.url, TARGET.name, dicts, HOWDAH_DICTS),
            AsyncpgLoad(bench.url, TARGET.name, tuples),
        ]
        samples = take_turns(bench, "small", TARGET, contestants, calls=CALLS)
    title = f"Small loads of {len(SMALL_COLUMNS)} columns"
    notes = [f"{CALLS} calls in each round, each its own transaction; seconds are those of one call"]
    return Part("small", title, SMALL_ROWS, samples, CHECKED, notes)
