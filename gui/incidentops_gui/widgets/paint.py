"""What several widgets paint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen, QPixmap, QPixmapCache, QPolygonF

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RADIUS = 8.0


def rounded(
    painter: QPainter, box: QRectF, fill: str | None, line: str | None, radius: float = RADIUS, width: float = 1.0
) -> None:
    """A rounded box; its line lies inside."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(fill) if fill else Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(line), width) if line else Qt.PenStyle.NoPen)
    inset = width / 2 if line else 0.0
    painter.drawRoundedRect(box.adjusted(inset, inset, -inset, -inset), radius, radius)


def sparkline(painter: QPainter, box: QRectF, values: Sequence[float], most: float, colour: QColor, slots: int) -> None:
    """A line over a faint area, newest value at the right; ``slots`` values fill the width. ``most`` is the top."""
    if len(values) < 2 or box.width() <= 0:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    step = box.width() / max(slots - 1, 1)
    top = most if most > 0 else 1.0
    shown = values[-slots:]
    left = box.right() - step * (len(shown) - 1)
    points = [
        QPointF(left + index * step, box.bottom() - 1 - min(value / top, 1.0) * (box.height() - 2))
        for index, value in enumerate(shown)
    ]
    area = QPainterPath(QPointF(points[0].x(), box.bottom()))
    for point in points:
        area.lineTo(point)
    area.lineTo(points[-1].x(), box.bottom())
    faint = QColor(colour)
    faint.setAlphaF(0.16)
    painter.fillPath(area, faint)
    painter.setPen(QPen(colour, 1.4, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
    painter.drawPolyline(QPolygonF(points))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawEllipse(points[-1], 2.0, 2.0)


def kept(painter: QPainter, size: QSize, key: str, draw: Callable[[QPainter], None]) -> None:
    """Paint what ``draw`` paints, from Qt's cache of pictures where the same has been painted before.

    ``key`` names all that the picture depends on beside its size and the screen's scale.
    """
    ratio = painter.device().devicePixelRatioF()
    key = f"incidentops {key} {size.width()}x{size.height()} {ratio}"
    picture = QPixmap()
    if not QPixmapCache.find(key, picture):
        picture = QPixmap(size * ratio)
        picture.setDevicePixelRatio(ratio)
        picture.fill(Qt.GlobalColor.transparent)
        inner = QPainter(picture)
        draw(inner)
        inner.end()
        QPixmapCache.insert(key, picture)
    painter.drawPixmap(0, 0, picture)


def font(base: QFont, scale: float = 1.0, bold: bool = False, spacing: float = 0.0) -> QFont:
    """A variation of a font; ``spacing`` is percent of extra room between letters."""
    made = QFont(base)
    made.setPointSizeF(base.pointSizeF() * scale)
    if bold:
        made.setWeight(QFont.Weight.DemiBold)
    if spacing:
        made.setLetterSpacing(QFont.SpacingType.PercentageSpacing, 100 + spacing)
    return made
