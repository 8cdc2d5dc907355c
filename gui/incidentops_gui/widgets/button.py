"""Buttons that look the same in light and dark: flat, with a visible focus."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QPushButton, QWidget

from .. import theme
from . import paint


class Button(QPushButton):
    """``kind``: plain, primary (what is meant), danger (what takes something down), or quiet (no box)."""

    def __init__(self, text: str, kind: str = "plain", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.kind = kind
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def set_kind(self, kind: str) -> None:
        if kind != self.kind:
            self.kind = kind
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 (Qt's name)
        metrics = self.fontMetrics()
        text = metrics.size(Qt.TextFlag.TextShowMnemonic, self.text())
        room = 18 if self.kind != "quiet" else 10
        arrow = 14 if self.menu() is not None and self.text() else 0
        return QSize(text.width() + room + arrow, metrics.height() + 10)

    minimumSizeHint = sizeHint  # noqa: N815

    def _colours(self, tokens: theme.Tokens) -> tuple[str | None, str | None, QColor]:
        """Fill, line and text."""
        hot = self.isEnabled() and (self.underMouse() or self.isDown())
        if not self.isEnabled():
            faint = QColor(tokens.muted)
            faint.setAlphaF(0.55)
            return (
                (None if self.kind == "quiet" else tokens.raised),
                (None if self.kind == "quiet" else tokens.border),
                faint,
            )
        if self.kind == "primary":
            fill = QColor(tokens.accent)
            return (fill.darker(110) if hot else fill).name(), None, QColor(tokens.on_accent)
        if self.kind == "danger":
            return (tokens.bad_soft if hot else tokens.card), tokens.bad, QColor(tokens.bad)
        if self.kind == "quiet":
            return (tokens.hover if hot else None), None, QColor(tokens.accent if self.isFlat() else tokens.text)
        return (tokens.hover if hot else tokens.raised), tokens.edge, QColor(tokens.text)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        hot = self.underMouse() or self.isDown()
        look = (self.kind, self.isEnabled(), hot, self.hasFocus(), self.isFlat(), self.menu() is not None)
        key = f"button {look} {theme.current().dark} {self.font().key()} {self.text()}"
        paint.kept(QPainter(self), self.size(), key, self._draw)

    def _draw(self, painter: QPainter) -> None:
        tokens = theme.current()
        fill, line, ink = self._colours(tokens)
        box = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        if fill or line:
            paint.rounded(painter, box, fill, line, 6)
        if self.hasFocus():
            paint.rounded(painter, QRectF(self.rect()), None, tokens.accent, 7, 2)
        painter.setPen(ink)
        painter.setFont(self.font())
        area = self.rect()
        if self.menu() is not None and self.text():
            area.setRight(area.right() - 12)
            self._arrow(painter, ink)
        flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextShowMnemonic
        painter.drawText(area, int(flags), self.text())

    def _arrow(self, painter: QPainter, ink: QColor) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(ink)
        painter.setPen(Qt.PenStyle.NoPen)
        middle = QRectF(self.rect()).center()
        right = self.width() - 9.0
        corners = QPolygonF()
        for dx, dy in ((-3.5, -1.5), (3.5, -1.5), (0, 2.5)):
            corners.append(QRectF(right + dx, middle.y() + dy, 0, 0).topLeft())
        painter.drawPolygon(corners)
        painter.setPen(ink)
