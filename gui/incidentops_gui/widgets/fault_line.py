"""The fault that is injected into a service, as its card shows it: what, how long still, and the way to end it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPaintEvent, QPolygonF
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from .. import faults, theme, wording
from ..translate import tr
from . import paint
from .button import Button

if TYPE_CHECKING:
    from ..faults import Fault

ICON = 26
"""Pixels at the left, where the sign is."""
BAR = 3.0
"""Pixels of the line that grows shorter."""
ENDING = ("undoing", "verifying-recovery")
"""Phases in which nobody needs to ask for the end any more."""
BOLT = ((0.60, 0.0), (0.12, 0.56), (0.46, 0.56), (0.36, 1.0), (0.88, 0.40), (0.52, 0.40))


class FaultLine(QLabel):
    """A QLabel, so that assistive technology sees it. ``reverted`` asks for the end of the fault."""

    reverted = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.fault: Fault | None = None
        self.left = ""
        """How long it lasts still, as a clock; empty while that is not counted."""
        self._share = 0.0
        self._live = False
        self._bold = paint.font(self.font(), 0.95, bold=True)
        self.revert = Button(tr("Revert"), "plain", self)
        self.revert.setFont(paint.font(self.font(), 0.9, bold=True))
        self.revert.clicked.connect(self.reverted)
        self.setFixedHeight(self.fontMetrics().height() + 20)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 6, int(BAR))
        row.addStretch(1)
        row.addWidget(self.revert)

    def show_fault(self, fault: Fault, title: str, live: bool, may_revert: bool, reverting: bool) -> None:
        """Take what is known of it; ``show_time`` goes on from there."""
        ends = fault.phase in ENDING or reverting
        self.revert.setEnabled(may_revert and not ends)
        self.revert.setText(tr("Reverting…") if ends else tr("Revert"))
        name = tr("{button}: {service}").format(button=tr("Revert the fault"), service=title)
        if name != self.revert.accessibleName():
            self.revert.setAccessibleName(name)
        if (fault, live) == (self.fault, self._live):
            return
        self.fault, self._live = fault, live
        told = [faults.line(fault), fault.message if fault.message != faults.line(fault) else "", fault.failure]
        told += [tr("by {user}").format(user=fault.user)] if fault.user else []
        told += [tr("until {time}").format(time=wording.clock(fault.until))] if fault.until is not None else []
        text = ". ".join(part for part in told if part)
        self.setAccessibleName(text)
        self.setToolTip(wording.tip("\n".join(part for part in told if part)))
        self.update()

    def show_time(self, there: float) -> None:
        """Count down; ``there`` is the time by the agent's clock. Nothing is laid out for it."""
        if self.fault is None:
            return
        left, share = self.fault.left(there), self.fault.share(there)
        shown = faults.countdown(left) if left is not None else ""
        if (shown, share) != (self.left, self._share):
            self.left, self._share = shown, share
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        if self.fault is None:
            return
        painter = QPainter(self)
        tokens = theme.current()
        role = faults.role(self.fault)
        colour = tokens.colour(role if self._live else "muted")
        box = QRectF(self.rect())
        shape = QPainterPath()
        shape.addRoundedRect(box, 7, 7)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillPath(shape, tokens.colour(f"{role}_soft" if self._live else "raised"))
        if self._share:
            painter.save()
            painter.setClipPath(shape)
            painter.fillRect(QRectF(0, box.bottom() - BAR, box.width() * self._share, BAR), colour)
            painter.restore()
        bolt(painter, QRectF(9, box.center().y() - 7.5, 12, 14), colour)
        self._write(painter, colour)

    def _write(self, painter: QPainter, colour: QColor) -> None:
        assert self.fault is not None
        area = self.rect().adjusted(ICON + 2, 0, -(self.revert.width() + 16), -int(BAR) + 1)
        painter.setPen(colour)
        painter.setFont(self._bold)
        if self.left:
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), self.left)
            area.setRight(area.right() - painter.fontMetrics().horizontalAdvance("00:00") - 8)
        text = painter.fontMetrics().elidedText(faults.line(self.fault), Qt.TextElideMode.ElideRight, area.width())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter), text)


def bolt(painter: QPainter, box: QRectF, colour: QColor) -> None:
    """The sign of what is broken on purpose."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    points = [QPointF(box.left() + x * box.width(), box.top() + y * box.height()) for x, y in BOLT]
    painter.drawPolygon(QPolygonF(points))
