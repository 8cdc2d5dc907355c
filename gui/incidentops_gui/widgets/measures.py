"""The strip of measures: how long detection, acknowledgement and recovery take, and how available each service was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from .. import moments, theme
from ..translate import tr
from . import paint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..incidents import Spread, Statistics

HEIGHT = 92
WINDOW = "24h"
GOOD, FAIR = 0.999, 0.99
"""Shares from which availability is shown as good, and as a warning."""
TOP = int(Qt.AlignmentFlag.AlignTop)
MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


class Measure(QWidget):
    """One of the three: the mean large, the rest below."""

    def __init__(self, short: str, hint: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._short, self._hint = short, hint
        self.value = self.rest = self.count = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_spread(self, spread: Spread | None) -> None:
        counted = spread is not None and spread.count > 0
        self.value = moments.length(spread.mean) if spread is not None else moments.length(None)
        self.rest, self.count = tr("none in this period"), ""
        if counted and spread is not None:
            median, p95 = moments.length(spread.median), moments.length(spread.p95)
            self.rest = tr("median {median} · p95 {p95}").format(median=median, p95=p95)
            self.count = tr("of {n}").format(n=spread.count)
        most = tr("longest: {time}").format(time=moments.length(spread.most)) if counted and spread is not None else ""
        self.setToolTip("\n".join(part for part in (self._hint, most) if part))
        self.setAccessibleName(f"{self._short} {self.value}, {self.rest} {self.count}".strip())
        self.setAccessibleDescription(self._hint)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(196, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        tokens = theme.current()
        paint.rounded(painter, QRectF(self.rect()), tokens.card, tokens.border)
        inner = QRectF(self.rect()).adjusted(13, 10, -13, -10)
        painter.setFont(paint.font(self.font(), 0.82, bold=True, spacing=6))
        painter.setPen(tokens.colour("muted"))
        painter.drawText(inner, TOP, self._short)
        painter.setFont(paint.font(self.font(), 0.82))
        painter.drawText(inner, TOP | int(Qt.AlignmentFlag.AlignRight), self.count)
        painter.setFont(paint.font(self.font(), 1.5, bold=True))
        painter.setPen(tokens.colour("text"))
        painter.drawText(inner.adjusted(0, 18, 0, -16), MIDDLE, self.value)
        painter.setFont(paint.font(self.font(), 0.82))
        painter.setPen(tokens.colour("muted"))
        rest = painter.fontMetrics().elidedText(self.rest, Qt.TextElideMode.ElideRight, int(inner.width()))
        painter.drawText(inner, int(Qt.AlignmentFlag.AlignBottom), rest)


class Availability(QWidget):
    """A bar for each service: the share of the last 24 hours in which it was up, the least first."""

    ROW = 15

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: list[tuple[str, float | None]] = []
        self._all: Mapping[str, Mapping[str, float | None]] = {}
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_shares(self, shares: Mapping[str, Mapping[str, float | None]]) -> None:
        self._all = shares
        rows = [(name, windows.get(WINDOW)) for name, windows in shares.items()]
        self.rows = sorted(rows, key=lambda row: (row[1] is None, row[1] if row[1] is not None else 0.0, row[0]))
        said = "; ".join(f"{name} {percent(share)}" for name, share in self.rows)
        self.setAccessibleName(tr("Availability in 24 hours: {shares}").format(shares=said))
        self.setToolTip("\n".join(f"{name}: {_windows(windows)}" for name, windows in sorted(shares.items())))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802
        return QSize(330, HEIGHT)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        tokens = theme.current()
        paint.rounded(painter, QRectF(self.rect()), tokens.card, tokens.border)
        inner = QRectF(self.rect()).adjusted(13, 10, -13, -6)
        painter.setFont(paint.font(self.font(), 0.82, bold=True, spacing=6))
        painter.setPen(tokens.colour("muted"))
        painter.drawText(inner, TOP, tr("AVAILABILITY, 24 H"))
        area = inner.adjusted(0, 19, 0, 0)
        most = int(area.height() // self.ROW) * 2
        half = (area.width() - 16) / 2
        for index, (name, share) in enumerate(self.rows[:most]):
            column, row = divmod(index, int(area.height() // self.ROW))
            left = area.left() + column * (half + 16)
            self._row(painter, tokens, QRectF(left, area.top() + row * self.ROW, half, self.ROW), name, share)
        if not self.rows:
            painter.setFont(paint.font(self.font(), 0.9))
            painter.drawText(area, TOP, tr("not known yet"))

    def _row(self, painter: QPainter, tokens: theme.Tokens, box: QRectF, name: str, share: float | None) -> None:
        painter.setFont(paint.font(self.font(), 0.84))
        painter.setPen(tokens.colour("text"))
        names = box.width() * 0.42
        text = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, int(names) - 4)
        painter.drawText(box, MIDDLE, text)
        figure = percent(share)
        figures = painter.fontMetrics().horizontalAdvance("99.999 %") + 4.0
        painter.setPen(tokens.colour("text" if share is not None else "muted"))
        painter.drawText(box, MIDDLE | int(Qt.AlignmentFlag.AlignRight), figure)
        track = QRectF(box.left() + names, box.center().y() - 2.5, max(box.width() - names - figures - 6, 4.0), 5.0)
        paint.rounded(painter, track, tokens.track, None, 2.5)
        if share is not None:
            role = "good" if share >= GOOD else "warn" if share >= FAIR else "bad"
            filled = QRectF(track)
            # What is missing is what counts: the bar goes from 90 to 100 percent.
            filled.setWidth(track.width() * min(max((share - 0.9) / 0.1, 0.04), 1.0))
            paint.rounded(painter, filled, tokens.colour(role).name(), None, 2.5)


def percent(share: float | None) -> str:
    """A share with as many nines as it has: 100 %, 99.93 %, 95.1 %."""
    if share is None:
        return "–"  # noqa: RUF001
    if share >= 1:
        return "100 %"
    value = share * 100
    return f"{value:.3f} %" if value > 99.9 else f"{value:.2f} %" if value > 90 else f"{value:.1f} %"


def _windows(windows: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {percent(share)}" for name, share in windows.items())


class MeasuresStrip(QWidget):
    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        hints = (
            ("MTTD", tr("Mean time to detect: from its beginning until the agent knew")),
            ("MTTA", tr("Mean time to acknowledge: from its detection until somebody took it")),
            ("MTTR", tr("Mean time to recover: from its beginning until its probe answered again")),
        )
        self.measures = [Measure(short, hint, self) for short, hint in hints]
        self.availability = Availability(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        for measure in self.measures:
            row.addWidget(measure, 2)
        row.addWidget(self.availability, 4)

    def show_statistics(self, found: Statistics | None) -> None:
        spreads = (found.detect, found.acknowledge, found.recover) if found is not None else (None, None, None)
        for measure, spread in zip(self.measures, spreads, strict=True):
            measure.show_spread(spread)
        self.availability.show_shares(found.availability if found is not None else {})
