"""What the window shows first: where everything will be, without a word.

It is what the start waits for, so that it needs no font, no module of the application, and of PySide6 as little as can
be: whatever takes a pen, a brush's style or an alignment makes Python know all names of Qt, which takes longer than the
rest of the painting. The colours come with the palette; the rest is loaded when this is painted (loading.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Iterator

EDGE, GAP = 18, 12
TILES, CARDS = 4, 3
TILE, CARD, BAR = 98, 216, 48
"""Heights in pixels: of a tile of the system's metrics, of a card, and of the bar at the bottom."""
CARD_COLOUR, FAINT = QPalette.ColorRole.Base, QPalette.ColorRole.Mid


class Skeleton(QWidget):
    """``painted`` is emitted at the first painting."""

    painted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._done = False

    def boxes(self) -> Iterator[tuple[QRectF, QPalette.ColorRole]]:
        """Each box with its colour, those above others later."""
        wide, high = self.width(), self.height()
        yield QRectF(EDGE, 24, 170, 18), FAINT
        top = 60.0
        for left, width in _columns(wide, TILES):
            yield QRectF(left, top, width, TILE), CARD_COLOUR
            yield QRectF(left + 12, top + TILE - 16, width - 24, 5), FAINT
        top += TILE + 36
        while top < high - BAR:
            for left, width in _columns(wide, CARDS):
                yield QRectF(left, top, width, CARD), CARD_COLOUR
                yield QRectF(left + 14, top + 14, 18, 18), FAINT
                yield QRectF(left + 42, top + 16, width * 0.4, 14), FAINT
                yield QRectF(left + 14, top + CARD - 40, width * 0.6, 22), FAINT
            top += CARD + GAP
        yield QRectF(0, high - BAR, wide, BAR), CARD_COLOUR

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QPainter(self)
        brushes = {role: self.palette().brush(role) for role in (CARD_COLOUR, FAINT)}
        for box, role in self.boxes():
            painter.setBackground(brushes[role])
            painter.eraseRect(box)
        painter.end()
        if not self._done:
            self._done = True
            self.painted.emit()


def _columns(width: int, count: int) -> Iterator[tuple[float, float]]:
    """Left edge and width of so many columns side by side."""
    each = (width - 2 * EDGE - GAP * (count - 1)) / count
    for index in range(count):
        yield EDGE + index * (each + GAP), each
