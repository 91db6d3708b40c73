"""Turns: every contestant in every round, one after another, and what the rounds say."""

from __future__ import annotations

import gc
import statistics
import sys
import time
from abc import ABC, abstractmethod
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg


@dataclass(frozen=True)
class Bench:
    """What every part of a run shares."""

    url: str
    admin: psycopg.Connection[Any]
    rows: int
    rounds: int
    memory_rows: int


class Contestant(ABC):
    """One way to do a part's work, connected and ready before the clock starts."""

    def __init__(self, name: str) -> None:
        """Take the name under which the figures appear."""
        self.name = name
        # Seconds of each thing done in the last call of `once`, where it does many and keeps them.
        self.latencies: list[float] = []

    @abstractmethod
    def work(self) -> object:
        """Do the work once; reads return what they read."""

    def once(self) -> float:
        """Do the work once and return its seconds; results are dropped after the clock has stopped."""
        start = time.perf_counter()
        result = self.work()
        seconds = time.perf_counter() - start
        del result
        return seconds

    @abstractmethod
    def close(self) -> None:
        """Give back connections and processes."""


@dataclass(frozen=True)
class Samples:
    """Seconds of one contestant: one list per round, one figure per call in it; and latencies within the calls."""

    rounds: list[list[float]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)

    @property
    def calls(self) -> list[float]:
        """Seconds of every call of every round."""
        return [seconds for calls in self.rounds for seconds in calls]

    @property
    def median(self) -> float:
        """Median seconds of a call."""
        return statistics.median(self.calls)

    @property
    def medians(self) -> list[float]:
        """Median seconds of a call, round by round."""
        return [statistics.median(calls) for calls in self.rounds]

    def latency(self, percent: int) -> float | None:
        """Seconds within which so many percent were done; None where latencies are not known."""
        return statistics.quantiles(self.latencies, n=100)[percent - 1] if self.latencies else None


@dataclass(frozen=True)
class Part:
    """One part of a run: what was done, by whom, how fast, and how the results were found equal.

    ``rows`` is how many of ``unit`` a call moves or does.
    """

    name: str
    title: str
    rows: int
    samples: dict[str, Samples]
    checked: str
    notes: list[str] = field(default_factory=list)
    unit: str = "rows"


def alternate(
    part: str,
    contestants: Sequence[Contestant],
    rounds: int,
    prepare: Callable[[], None],
    *,
    calls: int = 1,
) -> dict[str, Samples]:
    """Let contestants take turns: one round to warm up, then the counted ones, each begun by another contestant.

    Args:
        part: the part's name, for the progress lines.
        contestants: who takes part.
        rounds: how many rounds count.
        prepare: called before each turn, outside the clock.
        calls: how often the work is done in one turn.
    """
    samples = {contestant.name: Samples() for contestant in contestants}
    for number in range(rounds + 1):
        first = number % len(contestants)
        for contestant in [*contestants[first:], *contestants[:first]]:
            prepare()
            gc.collect()
            latencies: list[float] = []
            seconds = []
            for _ in range(calls):
                seconds.append(contestant.once())
                latencies.extend(contestant.latencies)
            if number > 0:
                samples[contestant.name].rounds.append(seconds)
                samples[contestant.name].latencies.extend(latencies)
        say(f"{part}: {f'round {number} of {rounds}' if number else 'warm'}")
    return samples


def closing(contestants: Sequence[Contestant]) -> ExitStack:
    """Return a context that closes every contestant at its end."""
    stack = ExitStack()
    for contestant in contestants:
        stack.callback(contestant.close)
    return stack


def say(line: str) -> None:
    """Write a progress line to stderr; stdout is the report's."""
    print(line, file=sys.stderr, flush=True)
