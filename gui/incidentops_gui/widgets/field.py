"""A field for text in the look of the buttons."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractButton, QLineEdit, QWidget

from .. import theme
from ..translate import tr
from . import paint


class Field(QLineEdit):
    def __init__(self, placeholder: str, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrame(False)
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setClearButtonEnabled(True)
        clear = self.findChild(QAbstractButton)
        if clear is not None:
            clear.setAccessibleName(tr("Clear"))
        self.setTextMargins(8, 0, 4, 0)
        self.setMinimumHeight(self.fontMetrics().height() + 14)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, QColor(Qt.GlobalColor.transparent))
        self.setPalette(palette)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        tokens = theme.current()
        painter = QPainter(self)
        focus = self.hasFocus()
        line, width = (tokens.accent, 1.6) if focus else (tokens.edge, 1.0)
        paint.rounded(painter, QRectF(self.rect()), tokens.card, line, 7, width)
        painter.end()
        super().paintEvent(event)
