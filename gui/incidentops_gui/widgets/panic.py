"""PANIC: REVERT ALL, and beside it how many faults are injected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QPainter
from PySide6.QtWidgets import QHBoxLayout, QWidget

from .. import theme
from ..translate import tr
from . import paint
from .button import Button

if TYPE_CHECKING:
    from ..state import State


class Alarm(Button):
    """Red all over while it can be pressed: the one button that nobody should have to look for."""

    def _draw(self, painter: QPainter) -> None:
        if not self.isEnabled():
            super()._draw(painter)
            return
        tokens = theme.current()
        hot = self.underMouse() or self.isDown()
        fill = QColor(tokens.bad).darker(112 if hot else 100).name()
        paint.rounded(painter, QRectF(self.rect()).adjusted(1, 1, -1, -1), fill, None, 6)
        if self.hasFocus():
            paint.rounded(painter, QRectF(self.rect()), None, tokens.accent, 7, 2)
        painter.setPen(tokens.colour("card"))
        painter.setFont(self.font())
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), self.text())


class Count(Button):
    """How many faults are injected; ``clicked`` opens their window. Hidden while there is none."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__("", "danger", parent)
        self.setFont(paint.font(self.font(), 0.95, bold=True))
        self.hide()

    def show_count(self, number: int, live: bool) -> None:
        self.setVisible(number > 0)
        text = tr("1 fault") if number == 1 else tr("{n} faults").format(n=number)
        self.set_kind("danger" if live else "plain")
        if text != self.text():
            self.setText(text)
            self.setAccessibleName(tr("{text} injected; opens their list").format(text=text))
            self.setToolTip(tr("What is injected, for how long and by whom (Ctrl+U)"))
            self.updateGeometry()


class PanicBar(QWidget):
    """``asked`` reverts everything: one click, no question. ``listed`` wants to see what there is, ``chaos_wanted`` the
    run of the chaos service; its button is there while that is armed."""

    asked = Signal()
    listed = Signal()
    chaos_wanted = Signal()

    def __init__(self, parent: QWidget, counted: bool = True) -> None:
        super().__init__(parent)
        self._counted = counted
        self.count = Count(self)
        self.count.clicked.connect(self.listed)
        self.button = Alarm(tr("PANIC: REVERT ALL"), "danger", self)
        self.button.setFont(paint.font(self.button.font(), 0.95, bold=True, spacing=2))
        self.button.clicked.connect(self.asked)
        self.button.setEnabled(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.chaos = Button("", "danger", self)
        self.chaos.setFont(self.count.font())
        self.chaos.clicked.connect(self.chaos_wanted)
        self.chaos.hide()
        row.addWidget(self.chaos)
        row.addWidget(self.count)
        row.addWidget(self.button)

    def show_state(self, state: State, may_act: bool) -> None:
        number, live = len(state.faults), state.connection.live
        self.count.show_count(number if self._counted else 0, live)
        armed = state.chaos is not None and state.chaos.armed and self._counted
        self.chaos.setVisible(armed)
        self.chaos.set_kind("danger" if live else "plain")
        if armed and not self.chaos.text():
            self.chaos.setText(tr("Chaos armed"))
            self.chaos.setToolTip(tr("The chaos service injects faults: what, when, and how to end it (Ctrl+Shift+U)"))
        self.button.setVisible(may_act)
        ends = number > 0 or (state.chaos is not None and state.chaos.armed)
        self.button.setEnabled(may_act and live and ends and not state.panicking)
        text = tr("REVERTING…") if state.panicking else tr("PANIC: REVERT ALL")
        if text != self.button.text():
            self.button.setText(text)
        told = tr("Revert every injected fault at once, without a question (Ctrl+Shift+X)")
        tip = told if ends else tr("No fault is injected.")
        if tip != self.button.toolTip():
            self.button.setToolTip(tip)
