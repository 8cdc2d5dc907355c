"""The table of ./lab bench as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from measure.figures import Row

HEAD = ("what", "unit", "ours", "p99", "beside", "median", "p99", "ratio", "p99", "goal", "met")
RIGHT = {2, 3, 5, 6, 7, 8}
VERDICTS = {True: "yes", False: "NO", None: ""}


def number(value: float) -> str:
    """Three significant digits, or a whole number when there are more."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def lines_of(row: Row) -> list[tuple[str, ...]]:
    """One line per contender beside ours; what is ours stands in the first. A single sample has no p99."""

    def figures(median: float, p99: float, count: int) -> tuple[str, str]:
        return number(median), number(p99) if count > 1 else ""

    ours = (row.what, row.unit, *figures(row.ours.median, row.ours.p99, row.ours.count))
    goal = (row.goal.text() if row.goal else "", VERDICTS[row.met()])
    lines: list[tuple[str, ...]] = []
    for peer in row.beside:
        ratios = figures(row.ratio(peer), row.ratio(peer, "p99"), peer.count)
        lines.append((*ours, peer.who, *figures(peer.median, peer.p99, peer.count), *ratios, *goal))
        ours, goal = ("", "", "", ""), ("", "")
    return lines or [(*ours, "", "", "", "", "", *goal)]


def table(rows: Sequence[Row]) -> str:
    lines = [HEAD, *(line for row in rows for line in lines_of(row))]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if index in RIGHT else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def verdict(rows: Sequence[Row], failed: Sequence[str], about: dict[str, Any]) -> str:
    """What the table says of the goals, in sentences."""
    judged = [row for row in rows if row.met() is not None]
    missed = [row.what for row in judged if not row.met()]
    said = [
        f"\n{len(judged) - len(missed)} of {len(judged)} goals met on {about['processors']} processors,"
        f" kernel {about['kernel']}, load average {about['load_average_before']} before; version {about['version']}."
    ]
    if about["quick"]:
        said.append("A quick run: too few rounds for a judgement.")
    said += [f"missed: {what}" for what in missed]
    said += [f"not measured: {name}" for name in failed]
    return "\n".join(said)
