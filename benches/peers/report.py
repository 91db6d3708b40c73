"""The report of a run: its figures and verdicts, as Markdown and as JSON."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .bars import FASTEST, GILS, HOWDAH, MEMORY, SPEEDS, Speed

if TYPE_CHECKING:
    from .bars import Fastest
    from .measure import Part, Samples
    from .memory import MemoryPart
    from .rows_gil import GilPart

MEMORY_NOTE = (
    "Each in a process of its own, by the kernel's record of its resident memory. Rows stream in from Parquet through "
    "pyarrow's batch iterator (its pool set to the system's allocator), whose own share is the first line; they stream "
    "out batch by batch."
)


@dataclass(frozen=True)
class Verdict:
    """One bar and how it went.

    For a speed, ``howdah`` and ``peer`` are median seconds, ``ratio`` how many times as fast as the peer
    howdah was by them, ``round_ratio`` the median of the rounds' own ratios, and ``wanted`` the least ratio.
    For memory and the GIL, ``howdah`` and ``wanted`` are in ``unit``, the latter the most, and there is no peer.
    """

    what: str
    against: str
    howdah: float
    peer: float | None
    ratio: float | None
    round_ratio: float | None
    wanted: float
    met: bool
    unit: str = "s"

    def cells(self) -> list[str]:
        """Return the verdict as a line of the report's table."""
        met = "met" if self.met else "**not met**"
        if self.peer is None or self.ratio is None or self.round_ratio is None:
            return [
                self.what,
                self.against,
                _amount(self.howdah, self.unit),
                "",
                "",
                "",
                f"at most {self.wanted:.0f} {self.unit}",
                met,
            ]
        times = [_seconds(self.howdah), _seconds(self.peer)]
        return [
            self.what,
            self.against,
            *times,
            f"{self.ratio:.2f}",
            f"{self.round_ratio:.2f}",
            f"{self.wanted:.2f}",
            met,
        ]


@dataclass
class Report:
    """Everything a run found out.

    ``about`` says what it ran on and how, after the machine; ``chart_unit`` is how many a second are one in the chart.
    """

    machine: dict[str, str]
    versions: dict[str, str]
    transport: str
    rounds: int
    title: str = ""
    about: str = ""
    chart_unit: tuple[str, float] = ("millions", 1e6)
    parts: list[Part] = field(default_factory=list)
    memory: MemoryPart | None = None
    gil: GilPart | None = None

    def verdicts(self) -> list[Verdict]:
        """Return every bar of the parts that ran."""
        by_name = {part.name: part for part in self.parts}
        speeds = [_judge_speed(by_name[bar.part], bar) for bar in SPEEDS if bar.part in by_name]
        fastest = [_judge_fastest(by_name[bar.part], bar) for bar in FASTEST if bar.part in by_name]
        return fastest + speeds + _judge_memory(self.memory) + _judge_gil(self.gil)

    def markdown(self) -> str:
        """Return the report as Markdown."""
        sections = [
            f"# {self.title}",
            _machine(self),
            "## Bars",
            _bars(self.verdicts()),
            *(section for part in self.parts for section in _part(part)),
            *_memory(self.memory),
            *_gil(self.gil),
            "## Versions",
            ", ".join(f"{name} {number}" for name, number in self.versions.items()) + ".",
        ]
        return "\n\n".join(sections) + "\n"

    def json(self) -> dict[str, Any]:
        """Return the report as plain values: seconds of every round, and every verdict."""
        return {
            "machine": self.machine,
            "versions": self.versions,
            "transport": self.transport,
            "rounds": self.rounds,
            "bars": [asdict(verdict) for verdict in self.verdicts()],
            "parts": {part.name: _figures(part) for part in self.parts},
            "memory": asdict(self.memory) if self.memory else None,
            "gil": asdict(self.gil) if self.gil else None,
        }


def _judge_speed(part: Part, bar: Speed) -> Verdict:
    howdah, peer = part.samples[bar.howdah], part.samples[bar.peer]
    ratio = peer.median / howdah.median
    rows = bar.howdah.removeprefix(HOWDAH).removeprefix(", ")
    return Verdict(
        what=f"{part.title} ({rows})" if rows else part.title,
        against=bar.peer,
        howdah=howdah.median,
        peer=peer.median,
        ratio=ratio,
        round_ratio=statistics.median(b / a for a, b in zip(howdah.medians, peer.medians, strict=True)),
        wanted=bar.at_least,
        met=ratio >= bar.at_least,
    )


def _judge_fastest(part: Part, bar: Fastest) -> Verdict:
    peer = min(bar.peers, key=lambda name: part.samples[name].median)
    verdict = _judge_speed(part, Speed(bar.part, bar.howdah, peer, bar.at_least))
    return replace(verdict, against=f"{peer}, the fastest of {len(bar.peers)}")


def _judge_memory(memory: MemoryPart | None) -> list[Verdict]:
    if memory is None:
        return []
    return [
        Verdict(
            what=f"Peak memory, {bar.what}",
            against="the interpreter with imports",
            howdah=memory.peaks[bar.what].above_mib,
            peer=None,
            ratio=None,
            round_ratio=None,
            wanted=bar.at_most_mib,
            met=memory.peaks[bar.what].above_mib <= bar.at_most_mib,
            unit="MiB",
        )
        for bar in MEMORY
    ]


def _judge_gil(gil: GilPart | None) -> list[Verdict]:
    if gil is None:
        return []
    return [
        Verdict(
            what=bar.what.removesuffix(f", {HOWDAH}"),
            against="",
            howdah=gil.microseconds[bar.what],
            peer=None,
            ratio=None,
            round_ratio=None,
            wanted=bar.at_most_us,
            met=gil.microseconds[bar.what] <= bar.at_most_us,
            unit="µs",
        )
        for bar in GILS
    ]


def _machine(report: Report) -> str:
    machine = report.machine
    return (
        f"{machine['date']}. {machine['cpu']}, {machine['cores']} cores, {machine['memory']} of memory, "
        f"{machine['kernel']}; server and clients on this one machine. PostgreSQL {machine['PostgreSQL']}, embedded, "
        f"default settings, over {report.transport} for all. {report.about} Contestants take turns in every round, "
        f"each round begun by another one; {report.rounds} rounds after a warm-up. Before each turn of a load the "
        "table is emptied and a checkpoint made, outside the clock. Repeat it with `make bench`."
    )


def _bars(verdicts: list[Verdict]) -> str:
    head = ["what", "against", "howdah", "peer", "times as fast", "median by round", "wanted", ""]
    return _table(head, [verdict.cells() for verdict in verdicts])


def _part(part: Part) -> list[str]:
    percents = (50, 99) if any(samples.latencies for samples in part.samples.values()) else ()
    rows = [
        [
            name,
            f"{part.rows / samples.median:,.0f}",
            _seconds(samples.median),
            _seconds(min(samples.calls)),
            _seconds(max(samples.calls)),
            *(_latency(samples, percent) for percent in percents),
        ]
        for name, samples in part.samples.items()
    ]
    return [
        f"## {part.title}: {part.rows:,} {part.unit}",
        _table(
            ["", f"{part.unit}/s", "median", "least", "most", *(f"p{percent} of one" for percent in percents)], rows
        ),
        f"Equality: {part.checked}.",
        *("\n".join(f"- {note}" for note in notes) for notes in [part.notes] if notes),
    ]


def _memory(memory: MemoryPart | None) -> list[str]:
    if memory is None:
        return []
    rows = [[name, f"{peak.above_mib:.0f} MiB", f"{peak.imports_mib:.0f} MiB"] for name, peak in memory.peaks.items()]
    return [
        f"## Peak memory: {memory.rows:,} rows",
        _table(["", "peak above the imports", "resident after the imports"], rows),
        MEMORY_NOTE,
    ]


def _gil(gil: GilPart | None) -> list[str]:
    if gil is None:
        return []
    rows = [
        [name, *(f"{figure:.1f} µs" for figure in (gil.microseconds[name], min(rounds), max(rounds)))]
        for name, rounds in gil.rounds.items()
    ]
    return [
        "## The GIL: blocking lookups beside another thread",
        _table(["", "median", "least", "most"], rows),
        "\n".join(f"- {note}" for note in gil.notes),
    ]


def _figures(part: Part) -> dict[str, Any]:
    contestants = {
        name: {
            f"{part.unit}_per_second": round(part.rows / samples.median),
            "median_s": samples.median,
            "min_s": min(samples.calls),
            "max_s": max(samples.calls),
            "round_medians_s": samples.medians,
            **{f"p{percent}_s": samples.latency(percent) for percent in (50, 99) if samples.latencies},
        }
        for name, samples in part.samples.items()
    }
    return {
        "title": part.title,
        "rows": part.rows,
        "checked": part.checked,
        "notes": part.notes,
        "contestants": contestants,
    }


def _latency(samples: Samples, percent: int) -> str:
    seconds = samples.latency(percent)
    return "" if seconds is None else f"{seconds * 1e6:,.0f} µs"


def _amount(amount: float, unit: str) -> str:
    return f"{amount:.1f} {unit}" if unit == "µs" else f"{amount:.0f} {unit}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f} s" if seconds >= 0.1 else f"{seconds * 1e3:.2f} ms"  # noqa: PLR2004 (a choice of unit)


def _table(head: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table whose columns are aligned for reading as plain text too."""
    lines = [head, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    text = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])
