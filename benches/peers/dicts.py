"""Part "dicts": a list of dicts into an emptied table, against peers that are given tuples."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .bars import HOWDAH_DICTS
from .contestants import AsyncpgLoad, HowdahLoad, PsycopgLoad
from .data import LINEITEM_COLUMNS, Target, lineitem_table, reference, table
from .load import CHECKED, take_turns
from .measure import Bench, Contestant, Part, say

if TYPE_CHECKING:
    from collections.abc import Iterator

TARGET = Target("bench_dicts", LINEITEM_COLUMNS)


def run(bench: Bench) -> Part:
    """Check that each contestant stores the source's rows, then measure.

    Raises:
        UnequalError: a contestant's rows are not the source's.
    """
    source = lineitem_table(bench.rows)
    say("dicts: making Python rows")
    dicts: list[dict[str, Any]] = source.to_pylist()
    tuples = [tuple(row.values()) for row in dicts]
    with table(bench.admin, TARGET.name, TARGET), reference(bench.admin, TARGET, source), _frozen():
        contestants: list[Contestant] = [
            HowdahLoad(bench.url, TARGET.name, dicts, HOWDAH_DICTS),
            AsyncpgLoad(bench.url, TARGET.name, tuples),
            PsycopgLoad(bench.url, TARGET.name, TARGET, tuples),
        ]
        samples = take_turns(bench, "dicts", TARGET, contestants)
    return Part("dicts", "Load Python rows", bench.rows, samples, CHECKED)


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep the garbage collector off the rows, which are the caller's and not part of anyone's work."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
