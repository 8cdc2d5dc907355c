"""The figures of a card: names and values in two columns; one widget for all, so that fifty cards stay light."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetrics, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QToolTip, QWidget

from .. import theme
from . import paint
from .text import VCENTRE

SAMPLES = 30
"""Samples that a sparkline of a card has room for: three minutes."""
KEPT = 40
"""Values whose elided form is kept."""


@dataclass(frozen=True, slots=True)
class Row:
    """One name and value; ``hint`` is shown on hover, ``spark`` beside the value."""

    name: str
    value: str
    hint: str = ""
    spark: tuple[float, ...] = ()


class Figures(QLabel):
    """Rows, filled in from left to right in two columns. A label, because that is what it is to a screen reader."""

    GAP = 14

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()
        self._live = False
        self._names: tuple[int, ...] = ()
        self._fitted: dict[str, tuple[int, str]] = {}
        self._measure()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: tuple[Row, ...], live: bool) -> None:
        if (rows, live) == (self.rows, self._live):
            return
        before, self.rows = self.rows, rows
        if [(row.name, row.value) for row in rows] != [(row.name, row.value) for row in before]:
            self.setAccessibleName("; ".join(f"{row.name}: {row.value}" for row in rows))
        if len(rows) != len(before) or live != self._live:
            self._live = live
            self._names = ()
            self.updateGeometry()
            self.update()
            return
        for index, (row, was) in enumerate(zip(rows, before, strict=True)):
            if (row.value, row.spark) != (was.value, was.spark):
                self.update(self._cell(index))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        super().changeEvent(event)
        if event.type() is QEvent.Type.FontChange:
            self._names = ()

    def _line(self) -> int:
        return self._height

    def _measure(self) -> None:
        """What depends on the font and on the names alone: measured once, not at each painting."""
        self._small = paint.font(self.font(), 0.9)
        advance = QFontMetrics(self._small).horizontalAdvance
        self._height = self.fontMetrics().height() + 4
        names = (max((advance(row.name) for row in self.rows[column::2]), default=0) for column in (0, 1))
        self._names = tuple(names)

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(200, self._line() * -(-len(self.rows) // 2))

    def _cell(self, index: int) -> QRect:
        row, column = divmod(index, 2)
        width = (self.width() - self.GAP) // 2
        return QRect(column * (width + self.GAP), row * self._line(), width, self._line())

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for index, row in enumerate(self.rows):
                if self._cell(index).contains(event.pos()):
                    QToolTip.showText(event.globalPos(), row.hint or f"{row.name}: {row.value}", self)
                    return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        tokens = theme.current()
        if not self._names:
            self._measure()
        painter.setFont(self._small)
        muted, ink = QColor(tokens.muted), QColor(tokens.text if self._live else tokens.muted)
        for index, row in enumerate(self.rows):
            cell = self._cell(index)
            if not event.rect().intersects(cell):
                continue
            painter.setPen(muted)
            painter.drawText(cell, VCENTRE, row.name)
            value = cell.adjusted(self._names[index % 2] + 10, 0, 0, 0)
            spark_width = min(46, value.width() // 3) if len(row.spark) > 1 else 0
            painter.setPen(ink)
            value.setWidth(value.width() - (spark_width + 6 if spark_width else 0))
            painter.drawText(value, VCENTRE, self._fitting(painter, row.value, value.width()))
            if spark_width:
                box = QRectF(cell.right() - spark_width, cell.top() + 3, spark_width, cell.height() - 6)
                colour = QColor(tokens.spark if self._live else tokens.edge)
                paint.sparkline(painter, box, row.spark, max(row.spark) * 1.15, colour, SAMPLES)

    def _fitting(self, painter: QPainter, text: str, room: int) -> str:
        known = self._fitted.get(text)
        if known is None or known[0] != room:
            known = (room, painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room))
            if len(self._fitted) > KEPT:
                self._fitted.clear()
            self._fitted[text] = known
        return known[1]
