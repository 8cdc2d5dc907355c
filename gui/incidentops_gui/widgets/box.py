"""A frame in the look of the cards."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QWidget

from .. import theme
from . import paint


class Box(QFrame):
    """Holds what belongs together; ``fill`` is the colour of its ground by its use."""

    def __init__(self, parent: QWidget, fill: str = "card") -> None:
        super().__init__(parent)
        self._fill = fill

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        tokens = theme.current()
        paint.rounded(QPainter(self), QRectF(self.rect()), tokens.colour(self._fill).name(), tokens.border, 10)
