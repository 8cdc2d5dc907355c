"""How an incident and an entry of its timeline are painted in a list."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter

from .. import moments, theme, wording
from ..incident_list import VALUE
from ..translate import tr
from . import led, paint
from .rows import Index, RowDelegate

if TYPE_CHECKING:
    from PySide6.QtWidgets import QStyleOptionViewItem

    from ..incidents import Incident, Moment

LOOKS = {"open": ("cross", "bad"), "recovered": ("half", "warn"), "closed": ("disc", "good")}
MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
RIGHT = MIDDLE | int(Qt.AlignmentFlag.AlignRight)


class IncidentDelegate(RowDelegate):
    """Three lines: state, root and how old; the cause; the measures and who has acknowledged it."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(260, option.fontMetrics.height() * 3 + 24)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        one: Incident = index.data(VALUE)
        tokens, now = theme.current(), time.time()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(3, 2, -3, -2)
        self.highlight(painter, index, box)
        shape, role = LOOKS.get(one.state, ("question", "muted"))
        height = option.fontMetrics.height() + 3
        led.draw(painter, shape, QRectF(box.left() + 9, box.top() + 9, 14, 14), tokens.colour(role), True)
        left, width = int(box.left()) + 31, int(box.width()) - 41
        lines = [QRect(left, int(box.top()) + 6 + height * row, width, height) for row in range(3)]
        font = option.font
        age = moments.length(max(now - one.began, 0)) if one.open else moments.day_and_clock(one.began, now)
        painter.setFont(paint.font(font, 0.88))
        painter.setPen(tokens.colour(role if one.open else "muted"))
        painter.drawText(lines[0], RIGHT, age)
        taken = painter.fontMetrics().horizontalAdvance(age) + 10
        others = [name for name in one.services if name != one.root]
        self._text(painter, lines[0].adjusted(0, 0, -taken, 0), one.root, paint.font(font, 1.0, bold=True), "text")
        root = painter.fontMetrics().horizontalAdvance(one.root) + 7
        beside = lines[0].adjusted(root, 0, -taken, 0)
        if others:
            self._text(painter, beside, "+ " + ", ".join(others), paint.font(font, 0.9), "muted")
        self._text(painter, lines[1], wording.sentence(one.sentence) or one.cause, paint.font(font, 0.94), "text")
        self._text(painter, lines[2], last_line(one), paint.font(font, 0.84), "muted")
        painter.restore()

    @staticmethod
    def _text(painter: QPainter, box: QRect, text: str, font: object, role: str) -> None:
        painter.setFont(font)  # type: ignore[arg-type]
        painter.setPen(theme.current().colour(role))
        painter.drawText(box, MIDDLE, painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width()))


def last_line(one: Incident) -> str:
    """State, measures and acknowledgement in a few words."""
    parts = [moments.state(one.state)]
    parts += [f"{name} {text}" for name, text in moments.measures(one) if text != "–"]  # noqa: RUF001
    if one.acknowledged is not None:
        parts.append(tr("by {user}").format(user=one.acknowledged_by))
    elif one.open:
        parts.append(tr("not acknowledged"))
    return " · ".join(parts)


class MomentDelegate(RowDelegate):
    """One line: when, what, which service and what about it, and who says so."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802
        return QSize(260, option.fontMetrics.height() + 9)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        one: Moment = index.data(VALUE)
        tokens = theme.current()
        painter.save()
        self.highlight(painter, index, QRectF(option.rect).adjusted(2, 0, -2, 0))
        box = QRect(option.rect).adjusted(10, 0, -10, 0)
        plain, bold = paint.font(option.font, 0.92), paint.font(option.font, 0.92, bold=True)
        painter.setFont(plain)
        painter.setPen(tokens.colour("muted"))
        painter.drawText(box, MIDDLE, moments.clock(one.at))
        box.setLeft(box.left() + painter.fontMetrics().horizontalAdvance("00:00:00.000") + 14)
        source = moments.source(one.source)
        painter.drawText(box, RIGHT, source)
        box.setRight(box.right() - painter.fontMetrics().horizontalAdvance(source) - 12)
        painter.setFont(bold)
        painter.setPen(tokens.colour(moments.ROLES.get(one.what, "text")))
        painter.drawText(box, MIDDLE, moments.what(one.what))
        room = max(painter.fontMetrics().horizontalAdvance(tr(word)) for word in moments.WORDS.values())
        box.setLeft(box.left() + room + 12)
        painter.setFont(plain)
        painter.setPen(tokens.colour("text"))
        about = moments.about(one)
        painter.drawText(box, MIDDLE, painter.fontMetrics().elidedText(about, Qt.TextElideMode.ElideRight, box.width()))
        painter.restore()
