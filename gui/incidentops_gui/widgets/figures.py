"""The figures of a card: names and values in two columns; one widget for all, so that fifty cards stay light."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from .. import theme
from . import paint

SAMPLES = 30
"""Samples that a sparkline of a card has room for: three minutes."""


@dataclass(frozen=True, slots=True)
class Row:
    """One name and value; ``hint`` is shown on hover, ``spark`` beside the value."""

    name: str
    value: str
    hint: str = ""
    spark: tuple[float, ...] = ()


class Figures(QWidget):
    """Rows, filled in from left to right in two columns."""

    GAP = 14

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[Row, ...] = ()
        self._live = False
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_rows(self, rows: tuple[Row, ...], live: bool) -> None:
        if (rows, live) == (self.rows, self._live):
            return
        resized = len(rows) != len(self.rows)
        self.rows, self._live = rows, live
        self.setAccessibleName("; ".join(f"{row.name}: {row.value}" for row in rows))
        if resized:
            self.updateGeometry()
        self.update()

    def _line(self) -> int:
        return self.fontMetrics().height() + 4

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

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        tokens = theme.current()
        small = paint.font(self.font(), 0.9)
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(small)
        advance = painter.fontMetrics().horizontalAdvance
        names = [max((advance(row.name) for row in self.rows[column::2]), default=0) for column in (0, 1)]
        for index, row in enumerate(self.rows):
            cell = self._cell(index)
            painter.setPen(QColor(tokens.muted))
            painter.drawText(cell, centre, row.name)
            taken = names[index % 2] + 10
            value = cell.adjusted(taken, 0, 0, 0)
            spark_width = min(46, value.width() // 3) if len(row.spark) > 1 else 0
            painter.setPen(QColor(tokens.text if self._live else tokens.muted))
            room = value.width() - (spark_width + 6 if spark_width else 0)
            text = painter.fontMetrics().elidedText(row.value, Qt.TextElideMode.ElideRight, room)
            painter.drawText(value, centre, text)
            if spark_width:
                box = QRectF(cell.right() - spark_width, cell.top() + 3, spark_width, cell.height() - 6)
                colour = QColor(tokens.spark if self._live else tokens.edge)
                paint.sparkline(painter, box, row.spark, max(row.spark) * 1.15, colour, SAMPLES)
