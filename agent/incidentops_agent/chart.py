"""Pure: the chart of an incident, as SVG: for each service its states as bands and its probe's latency as a line.

Colours follow the reader's light or dark scheme; each band also has its word, so that none is told by colour alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .history import Sample

WIDTH, LEFT, RIGHT, TOP = 1000.0, 130.0, 20.0, 46.0
PANEL, BAND, GAP = 90.0, 18.0, 16.0
"""Lengths are the units of the SVG's own coordinates."""

GOOD = "healthy"
_KINDS = {"healthy": "good", "starting": "between", "stopping": "between", "stopped": "off", "not-installed": "off"}

STYLE = """
.chart { font: 12px system-ui, sans-serif; min-width: 700px; width: 100%; }
.chart text { fill: var(--text); } .chart .soft { fill: var(--soft); }
.chart .good { fill: #2e8b57; } .chart .between { fill: #c4830a; } .chart .off { fill: #7b8794; }
.chart .bad { fill: #c0392b; } .chart .word { fill: #ffffff; font-size: 11px; }
.chart .panel { fill: var(--box); } .chart .line { fill: none; stroke: #2f6fd0; stroke-width: 1.5; }
.chart .dot { fill: #2f6fd0; } .chart .mark { stroke: var(--text); stroke-dasharray: 3 3; }
@media (prefers-color-scheme: dark) {
  .chart .good { fill: #3f9d69; } .chart .bad { fill: #d9604f; } .chart .line { stroke: #78a8f0; }
  .chart .dot { fill: #78a8f0; } .chart .word { fill: #101316; } .chart .off { fill: #94a0ac; }
}
"""


@dataclass(frozen=True, slots=True)
class Band:
    """A time in one state, seconds since the epoch, with the latencies of the good answers in it, in seconds."""

    state: str
    begin: float
    end: float
    latencies: tuple[float, ...]


def bands(samples: Sequence[Sample], until: float) -> list[Band]:
    """The states in their order; the last one lasts until ``until``."""
    found: list[Band] = []
    for index, one in enumerate(samples):
        end = samples[index + 1].at if index + 1 < len(samples) else max(until, one.at)
        end = max(end, one.at)
        answer = () if one.latency is None else (one.latency,)
        if found and found[-1].state == one.state:
            last = found[-1]
            found[-1] = Band(last.state, last.begin, end, (*last.latencies, *answer))
        else:
            found.append(Band(one.state, one.at, end, answer))
    return found


def svg(
    charts: Mapping[str, Sequence[Sample]],
    span: tuple[float, float],
    marks: Sequence[tuple[float, str]],
    safe: Callable[[object], str],
) -> str:
    """The chart of a time (``span``, seconds since the epoch) with its moments (``marks``). ``safe`` escapes a text."""
    shown = {name: samples for name, samples in charts.items() if samples}
    begin, end = span
    first = min([begin, *(samples[0].at for samples in shown.values())])
    # An hour of good answers before an incident of a second would leave nothing to see of it.
    begin = max(first, begin - max(30.0, end - begin))
    scale = _Scale(begin, max(end, begin + 1.0))
    height = TOP + len(shown) * (PANEL + BAND + GAP) + 24
    words = ", ".join(
        f"{name}: {' > '.join(band.state for band in bands(samples, end))}" for name, samples in shown.items()
    )
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-labelledby="chart-title chart-text"'
        ' xmlns="http://www.w3.org/2000/svg">'
        '<title id="chart-title">States and probe latency over the incident</title>'
        f'<desc id="chart-text">{safe(words)}</desc>'
    ]
    for number, (name, samples) in enumerate(shown.items()):
        parts += _panel(name, samples, scale, TOP + number * (PANEL + BAND + GAP), safe)
    parts += _marks(marks, scale, height, safe)
    parts += _axis(marks[0][0] if marks else begin, scale, height)
    return "".join([*parts, "</svg>"])


class _Scale:
    def __init__(self, begin: float, end: float) -> None:
        self.begin = begin
        self.end = end

    def x(self, at: float) -> float:
        share = (min(max(at, self.begin), self.end) - self.begin) / (self.end - self.begin)
        return LEFT + share * (WIDTH - LEFT - RIGHT)


def _panel(name: str, samples: Sequence[Sample], scale: _Scale, top: float, safe: Callable[[object], str]) -> list[str]:
    parts = [
        f'<text x="0" y="{top + 14:g}">{safe(name)}</text>',
        f'<rect class="panel" x="{LEFT:g}" y="{top + BAND:g}" width="{WIDTH - LEFT - RIGHT:g}" height="{PANEL:g}"/>',
    ]
    for band in bands(samples, scale.end):
        if band.end < scale.begin:
            continue
        left, right = scale.x(band.begin), scale.x(band.end)
        kind, state, width = _KINDS.get(band.state, "bad"), safe(band.state), max(right - left, 1.0)
        title = f"<title>{state} for {band.end - band.begin:.3f} s</title>"
        parts.append(
            f'<rect class="{kind}" x="{left:.1f}" y="{top:g}" width="{width:.1f}" height="{BAND:g}">{title}</rect>'
        )
        if width > 7 * len(band.state) + 8:
            parts.append(f'<text class="word" x="{left + 4:.1f}" y="{top + 13:g}">{state}</text>')
    return parts + _line(samples, scale, top + BAND)


def _line(samples: Sequence[Sample], scale: _Scale, top: float) -> list[str]:
    """The latencies on a logarithmic axis, broken where there was no good answer."""
    answers = [one.latency for one in samples if one.latency is not None and one.at >= scale.begin]
    if not answers:
        return []
    low = math.floor(math.log10(max(min(answers), 1e-5)))
    high = max(low + 1, math.ceil(math.log10(max(*answers, 1e-5))))

    def y(latency: float) -> float:
        share = (math.log10(max(latency, 1e-5)) - low) / (high - low)
        return top + PANEL - 6 - min(max(share, 0.0), 1.0) * (PANEL - 12)

    parts = [
        f'<text class="soft" x="{LEFT - 6:g}" y="{y(10.0**power) + 4:.1f}" text-anchor="end">{_power(power)}</text>'
        for power in (low, high)
    ]
    piece: list[str] = []
    for one in [*samples, None]:
        if one is not None and one.latency is not None and one.at >= scale.begin:
            piece.append(f"{scale.x(one.at):.1f},{y(one.latency):.1f}")
        elif one is None or one.state != GOOD:
            parts += _piece(piece)
            piece = []
    return parts


def _piece(points: Sequence[str]) -> list[str]:
    if len(points) == 1:
        x, y = points[0].split(",")
        return [f'<circle class="dot" cx="{x}" cy="{y}" r="1.5"/>']
    return [f'<polyline class="line" points="{" ".join(points)}"/>'] if points else []


def _power(power: int) -> str:
    """10 to a power of seconds: 0.1 ms, 10 ms, 1 s."""
    return f"{10.0 ** (power + 3):g} ms" if power < 0 else f"{10.0**power:g} s"


def _marks(
    marks: Sequence[tuple[float, str]], scale: _Scale, height: float, safe: Callable[[object], str]
) -> list[str]:
    """Upright lines at the moments, their names in two rows, so that neighbours do not cover each other."""
    parts, taken = [], [-1e9, -1e9, -1e9]
    for at, name in sorted(marks):
        x = scale.x(at)
        row = next((number for number, end in enumerate(taken) if x > end), 0)
        taken[row] = x + 7.0 * len(name) + 6
        anchor, shift = ("end", -3) if x > WIDTH - 100 else ("start", 3)
        parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{4 + row * 13}" y2="{height - 22:g}"/>')
        parts.append(f'<text x="{x + shift:.1f}" y="{13 + row * 13}" text-anchor="{anchor}">{safe(name)}</text>')
    return parts


def _axis(origin: float, scale: _Scale, height: float) -> list[str]:
    """Seconds before and after the beginning."""
    length = scale.end - scale.begin
    step = 10.0 ** math.floor(math.log10(length / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if length / (step * factor) <= 8)
    first = math.ceil((scale.begin - origin) / step)
    last = math.floor((scale.end - origin) / step)
    return [
        f'<text class="soft" x="{scale.x(origin + number * step):.1f}" y="{height - 6:g}" text-anchor="middle">'
        f"{number * step:+g} s</text>"
        for number in range(first, last + 1)
    ]
