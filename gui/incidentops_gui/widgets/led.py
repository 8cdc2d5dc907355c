"""The LED: a shape of its own for each state, so that colour is never the only sign."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QLabel, QWidget

from .. import theme, wording
from ..translate import tr
from . import paint


@dataclass(frozen=True, slots=True)
class Look:
    shape: str
    role: str


LOOKS = {
    "healthy": Look("disc", "good"),
    "starting": Look("half", "warn"),
    "stopping": Look("half", "warn"),
    "stopped": Look("square", "bad"),
    "failed": Look("cross", "bad"),
    "unresponsive": Look("triangle", "bad"),
    "not-installed": Look("dashed", "muted"),
    "unknown": Look("question", "muted"),
}


class Led(QLabel):
    """A QLabel, so that assistive technology sees it; it says the state in words."""

    SIZE = 20

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._look = LOOKS["unknown"]
        self._live = False
        self.setFixedSize(self.SIZE, self.SIZE)

    @property
    def shape(self) -> str:
        return self._look.shape

    @property
    def role(self) -> str:
        """The colour by its use: good, warn, bad, or muted; always muted while the value is not live."""
        return self._look.role if self._live else "muted"

    def show_state(self, title: str, state: str, up: bool, live: bool) -> None:
        look = LOOKS.get(state, LOOKS["unknown"])
        name = f"{title}: {wording.status(up)}, {wording.state(state)}"
        if not live:
            name = tr("{status} (last known, not live)").format(status=name)
        if name != self.accessibleName():
            self.setAccessibleName(name)
            self.setToolTip(name)
        if (look, live) != (self._look, self._live):
            self._look, self._live = look, live
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(self.SIZE, self.SIZE)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        key = f"led {self._look.shape} {self.role} {self._live} {theme.current().dark}"
        paint.kept(QPainter(self), self.size(), key, self._draw)

    def _draw(self, painter: QPainter) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = theme.current().colour(self.role)
        box = QRectF(self.rect()).adjusted(3, 3, -3, -3)
        if self._live and self._look.role != "muted":
            halo = QColor(colour)
            halo.setAlphaF(0.22)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(halo)
            painter.drawEllipse(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))
        draw(painter, self._look.shape, box, colour, filled=self._live)


def draw(painter: QPainter, shape: str, box: QRectF, colour: QColor, filled: bool) -> None:
    """One shape; outlined only, when what it says is not live."""
    pen = QPen(colour, 1.8)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    painter.setBrush(colour if filled else Qt.BrushStyle.NoBrush)
    centre = box.center()
    inner = box.adjusted(1.5, 1.5, -1.5, -1.5)
    if shape == "disc":
        painter.drawEllipse(inner)
    elif shape == "square":
        painter.drawRoundedRect(inner.adjusted(0.5, 0.5, -0.5, -0.5), 1.5, 1.5)
    elif shape == "half":
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(inner)
        painter.setBrush(colour if filled else Qt.BrushStyle.NoBrush)
        painter.drawPie(inner, 90 * 16, 180 * 16)
    elif shape == "triangle":
        top, low = box.top() + 0.5, box.bottom() - 1.5
        painter.drawPolygon(QPolygonF([QPointF(centre.x(), top), QPointF(box.right(), low), QPointF(box.left(), low)]))
        if filled:
            painter.setPen(QPen(QColor(theme.current().card), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawLine(QPointF(centre.x(), centre.y() - 1.5), QPointF(centre.x(), centre.y() + 1.7))
            painter.drawPoint(QPointF(centre.x(), low - 1.8))
    elif shape == "cross":
        painter.drawEllipse(inner.adjusted(-1, -1, 1, 1))
        ink = QColor(theme.current().card) if filled else colour
        painter.setPen(QPen(ink, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
        reach = inner.width() / 4.2
        for dx in (reach, -reach):
            painter.drawLine(QPointF(centre.x() - dx, centre.y() - reach), QPointF(centre.x() + dx, centre.y() + reach))
    else:
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if shape == "dashed":
            pen.setDashPattern([1.6, 1.6])
            painter.setPen(pen)
        painter.drawEllipse(inner)
        if shape == "question":
            painter.drawPoint(centre)
