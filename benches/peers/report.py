"""The report of a run: its figures and verdicts, as Markdown and as JSON."""

from __future__ import annotations

import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from .bars import HOWDAH, MEMORY, SPEEDS

if TYPE_CHECKING:
    from .bars import Speed
    from .measure import Part
    from .memory import MemoryPart

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
    For memory, ``howdah`` and ``wanted`` are MiB, the latter the most, and there is no peer.
    """

    what: str
    against: str
    howdah: float
    peer: float | None
    ratio: float | None
    round_ratio: float | None
    wanted: float
    met: bool

    def cells(self) -> list[str]:
        """Return the verdict as a line of the report's table."""
        met = "met" if self.met else "**not met**"
        if self.peer is None or self.ratio is None or self.round_ratio is None:
            return [
                self.what,
                self.against,
                f"{self.howdah:.0f} MiB",
                "",
                "",
                "",
                f"at most {self.wanted:.0f} MiB",
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
    """Everything a run found out."""

    machine: dict[str, str]
    versions: dict[str, str]
    transport: str
    rounds: int
    parts: list[Part] = field(default_factory=list)
    memory: MemoryPart | None = None

    def verdicts(self) -> list[Verdict]:
        """Return every bar of the parts that ran."""
        by_name = {part.name: part for part in self.parts}
        speeds = [_judge_speed(by_name[bar.part], bar) for bar in SPEEDS if bar.part in by_name]
        return speeds + _judge_memory(self.memory)

    def markdown(self) -> str:
        """Return the report as Markdown."""
        sections = [
            "# Bulk loads and reads beside the peers",
            _machine(self),
            "## Bars",
            _bars(self.verdicts()),
            *(section for part in self.parts for section in _part(part)),
            *_memory(self.memory),
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
        )
        for bar in MEMORY
    ]


def _machine(report: Report) -> str:
    machine = report.machine
    return (
        f"{machine['date']}. {machine['cpu']}, {machine['cores']} cores, {machine['memory']} of memory, "
        f"{machine['kernel']}; server and clients on this one machine. PostgreSQL {machine['PostgreSQL']}, embedded, "
        f"default settings, over {report.transport} for all. TPC-H lineitem, scale 1, its first rows. Contestants "
        f"take turns in every round, each round begun by another one; {report.rounds} rounds after a warm-up. Before "
        "each turn of a load the table is emptied and a checkpoint made, outside the clock. Repeat it with "
        "`make bench`."
    )


def _bars(verdicts: list[Verdict]) -> str:
    head = ["what", "against", "howdah", "peer", "times as fast", "median by round", "wanted", ""]
    return _table(head, [verdict.cells() for verdict in verdicts])


def _part(part: Part) -> list[str]:
    rows = [
        [
            name,
            f"{part.rows / samples.median:,.0f}",
            _seconds(samples.median),
            _seconds(min(samples.calls)),
            _seconds(max(samples.calls)),
        ]
        for name, samples in part.samples.items()
    ]
    return [
        f"## {part.title}: {part.rows:,} rows",
        _table(["", "rows/s", "median", "least", "most"], rows),
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


def _figures(part: Part) -> dict[str, Any]:
    contestants = {
        name: {
            "rows_per_second": round(part.rows / samples.median),
            "median_s": samples.median,
            "min_s": min(samples.calls),
            "max_s": max(samples.calls),
            "round_medians_s": samples.medians,
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
