"""The chart of a run: rows or lookups per second of every contestant, one panel a part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes

    from .measure import Part
    from .report import Report

HOWDAH_COLOUR = "#c8553d"
PEER_COLOUR = "#588b8b"
LIMIT_COLOUR = "#b8b8b8"


def draw(report: Report, path: Path) -> None:
    """Write the chart as PNG; with no part that has any per second, nothing is written."""
    if not report.parts:
        return
    bars = [len(part.samples) for part in report.parts]
    figure = Figure(figsize=(9, sum(0.34 * count + 0.75 for count in bars)), layout="constrained")
    panels = figure.subplots(len(report.parts), squeeze=False, height_ratios=[count + 1 for count in bars])
    for (axes,), part in zip(panels, report.parts, strict=True):
        _panel(axes, part, report.chart_unit[1])
    machine = report.machine
    per_second = " or ".join(dict.fromkeys(part.unit for part in report.parts)) + " per second"
    figure.supxlabel(
        f"{per_second}, {report.chart_unit[0]} (more is better). {machine['cpu']}, {machine['cores']} cores, "
        f"PostgreSQL {machine['PostgreSQL']}, {report.transport}, {machine['date']}",
        fontsize=8,
    )
    figure.savefig(path, dpi=120)


def _panel(axes: Axes, part: Part, unit: float) -> None:
    """Draw one part: the first contestant on top, each bar with its figure."""
    names = list(part.samples)
    speeds = [part.rows / part.samples[name].median / unit for name in names]
    bars = axes.barh(names, speeds, color=[_colour(name) for name in names])
    axes.bar_label(bars, [f"{value:.2f}" for value in speeds], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max(speeds) * 1.1)
    axes.set_title(f"{part.title}: {part.rows:,} {part.unit}", loc="left", fontsize=10)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def _colour(name: str) -> str:
    if name.startswith("howdah"):
        return HOWDAH_COLOUR
    return LIMIT_COLOUR if name.startswith("limit") else PEER_COLOUR
