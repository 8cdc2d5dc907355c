"""Texts in the theme's colours."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QWidget

from .. import theme
from . import paint

ELLIPSIS = "…"
VCENTRE = int(Qt.AlignmentFlag.AlignVCenter)


def label(parent: QWidget, scale: float = 1.0, bold: bool = False) -> QLabel:
    """Plain text, whatever an agent sends."""
    made = QLabel(parent)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setFont(paint.font(made.font(), scale, bold))
    return made


def write(widget: QLabel | QAbstractButton, text: str) -> bool:
    """Set the text where it is another one, so that nothing is laid out and painted for nothing; whether it was."""
    if widget.text() == text:
        return False
    widget.setText(text)
    return True


def ink(widget: QWidget, role: str) -> None:
    """Write in the theme's colour of that use."""
    colour = theme.current().colour(role)
    palette = widget.palette()
    if palette.color(QPalette.ColorRole.WindowText) != colour:
        palette.setColor(QPalette.ColorRole.WindowText, colour)
        widget.setPalette(palette)


class Elided(QLabel):
    """One line that gives way: what does not fit is left out in its middle, and shown on hover."""

    def __init__(self, parent: QWidget, scale: float = 1.0, bold: bool = False) -> None:
        super().__init__(parent)
        self._fitted: tuple[str, int] = ("", 0)
        self._painted = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(paint.font(self.font(), scale, bold))
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(48, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        if self._fitted != (self.text(), self.width()):
            self._fitted = (self.text(), self.width())
            self._painted = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
            self.setToolTip(self.text() if self._painted != self.text() else "")
        painter.drawText(self.rect(), VCENTRE, self._painted)


class Lines(QLabel):
    """Lines that can be selected; the end of one that does not fit gives way to an ellipsis."""

    def __init__(self, parent: QWidget, scale: float = 1.0) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setFont(paint.font(self.font(), scale))
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setMinimumWidth(10)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)

    def too_long(self) -> list[int]:
        """The numbers of the lines that do not fit."""
        measure = self.fontMetrics()
        lines = enumerate(self.text().split("\n"))
        return [number for number, line in lines if measure.horizontalAdvance(line) > self.width()]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        super().paintEvent(event)
        cut = self.too_long()
        if not cut:
            return
        measure = self.fontMetrics()
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        wide, high = measure.horizontalAdvance(ELLIPSIS) + 2, measure.lineSpacing()
        for number in cut:
            end = QRect(self.width() - wide, number * high, wide, high)
            painter.fillRect(end, theme.current().colour("card"))
            painter.drawText(end, VCENTRE, ELLIPSIS)
