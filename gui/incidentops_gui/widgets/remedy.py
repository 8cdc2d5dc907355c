"""The bar at the bottom: AUTO-REMEDIATION, and what the last one did."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from .. import theme, wording
from ..state import Tone
from ..translate import tr
from . import paint
from .button import Button
from .text import ink, label

if TYPE_CHECKING:
    from ..state import State


MOST = 8
"""Names that the bar lists. With all of them it would grow, and every card would be painted anew at each of them."""


class RemedyBar(QWidget):
    """``asked`` for remediation, ``planned`` to see first what it would do."""

    asked = Signal()
    planned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = "muted"
        self.button = Button(tr("AUTO-REMEDIATION"), "plain", self)
        self.button.setFont(paint.font(self.button.font(), 1.02, bold=True, spacing=3))
        self.button.setMinimumHeight(36)
        self.button.setMinimumWidth(210)
        self.button.setToolTip(tr("Bring back everything that is down, in dependency order (Ctrl+Shift+R)"))
        self.button.clicked.connect(self.asked)
        self.plan = Button(tr("Show plan"), "plain", self)
        self.plan.setMinimumHeight(36)
        self.plan.setToolTip(tr("What it would do, in which order and why (Ctrl+Shift+P)"))
        self.plan.clicked.connect(self.planned)
        self.text = label(self, 0.98)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setWordWrap(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 9, 14, 9)
        row.setSpacing(14)
        row.addWidget(self.button)
        row.addWidget(self.plan)
        row.addWidget(self.text, 1)

    def show_state(self, state: State, may_act: bool) -> None:
        down = sorted(name for name, card in state.cards.items() if not card.service.up)
        busy = state.remediating is not None
        self.button.setEnabled(may_act and state.connection.live and not busy)
        self.plan.setEnabled(state.connection.live)
        self.button.set_kind("primary" if down and self.button.isEnabled() else "plain")
        note = state.remediation_note
        if state.remediating is not None:
            took = wording.seconds(time.time() - state.remediating.since)
            self._tell(tr("Bringing back what is down… {time}").format(time=took), "warn")
        elif note is not None and not (down and note.tone is Tone.GOOD):
            role = {Tone.GOOD: "good", Tone.BAD: "bad"}.get(note.tone, "muted")
            self._tell(f"{wording.clock(note.at)}  {note.text}", role)
        elif not state.connection.live:
            self._tell("", "muted")
        elif down:
            names = ", ".join(down[:MOST])
            if len(down) > MOST:
                names = tr("{names} and {n} more").format(names=names, n=len(down) - MOST)
            self._tell(tr("Down: {names}").format(names=names), "bad")
        else:
            self._tell(tr("All services are up."), "muted")

    def _tell(self, text: str, role: str) -> None:
        self._role = role
        if self.text.text() != text:
            self.text.setText(text)
        self.recolour()

    def recolour(self) -> None:
        ink(self.text, self._role)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        tokens = theme.current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.colour("card"))
        painter.fillRect(QRectF(0, 0, self.width(), 1), tokens.colour("border"))
