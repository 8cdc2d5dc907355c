"""The faults that are injected now, and those that ended while the application looked."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from .. import faults, wording
from ..translate import tr
from .box import Box
from .fault_line import FaultLine
from .pane import Pane
from .panic import PanicBar
from .text import Elided, ink, label, write

if TYPE_CHECKING:
    from ..faults import Fault
    from ..reducer import Changes
    from ..session import Session
    from ..state import State
    from .breaking import Breaking


class Row(Box):
    """One fault that is injected: its service, what the agent says of it, who asked for it, how long still."""

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.title = label(self, 1.05, bold=True)
        self.title.setText(title)
        self.about = Elided(self, 0.92)
        self.line = FaultLine(self)
        head = QHBoxLayout()
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.about)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(7)
        column.addLayout(head)
        column.addWidget(self.line)

    def show_fault(self, fault: Fault, state: State, may_revert: bool) -> None:
        live = state.is_live(fault.service)
        self.line.show_fault(fault, self.title.text(), live, may_revert and live, fault.id in state.reverting)
        parts = [tr("by {user}").format(user=fault.user)] if fault.user else []
        parts += [tr("since {time}").format(time=wording.clock(fault.began))] if fault.began is not None else []
        parts += [tr("until {time}").format(time=wording.clock(fault.until))] if fault.until is not None else []
        parts += [fault.failure] if fault.failure else []
        write(self.about, " · ".join(parts))
        ink(self.about, "bad" if fault.failure and live else "muted")


class FaultsWindow(Pane):
    """What it shows comes by the stream; it asks nothing."""

    def __init__(self, session: Session, breaking: Breaking, parent: QWidget) -> None:
        super().__init__(tr("Faults"), parent)
        self._session, self._breaking = session, breaking
        self.rows: dict[str, Row] = {}
        self.panic = PanicBar(self, counted=False)
        self.panic.asked.connect(breaking.panic)
        self.head.addWidget(self.panic)
        self.over_title = label(self.body, 0.85, bold=True)
        self.over_title.setText(tr("ENDED RECENTLY"))
        self.ended = label(self.body, 0.95)
        self.ended.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.ended.setWordWrap(True)
        inner = QWidget(self.body)
        self._column = QVBoxLayout(inner)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(10)
        self._column.addWidget(self.over_title)
        self._column.addWidget(self.ended)
        self._column.addStretch(1)
        area = QScrollArea(self.body)
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        around = QVBoxLayout(self.body)
        around.setContentsMargins(0, 0, 0, 0)
        around.addWidget(area)
        self.reread.connect(lambda: self.show_state(session.store.state))
        area.setFocus()
        self.resize(620, 460)
        self.recolour()

    def show_state(self, state: State, changes: Changes | None = None) -> None:
        self.show_connection(state)
        if changes is not None and not (changes.cards or changes.faults or changes.connection or changes.roster):
            return
        may = not self._session.commands.read_only
        self.panic.show_state(state, may)
        active = {one.id: one for one in state.faults}
        for name in [name for name in self.rows if name not in active]:
            row = self.rows.pop(name)
            row.hide()
            row.deleteLater()
        for place, one in enumerate(active.values()):
            row = self.rows.get(one.id) or self._make(one, state)
            self._column.insertWidget(place, row)
            row.show_fault(one, state, may)
        write(self.ended, "\n".join(_ended(one) for one in state.faults_over))
        for part in (self.over_title, self.ended):
            part.setVisible(bool(state.faults_over))
        self.about.setText(_tally(len(active)))
        if active or state.faults_over:
            self.show_body()
        else:
            self.tell(tr("No fault is injected."), tr("Inject one from the menu of a card (Ctrl+Shift+I)."), "good")
        self.show_times(state)

    def _make(self, one: Fault, state: State) -> Row:
        row = Row(state.cards[one.service].service.title, self.body)
        row.line.reverted.connect(lambda: self._breaking.revert(one.service))
        self.rows[one.id] = row
        return row

    def show_times(self, state: State) -> None:
        connection = state.connection
        now = time.time() if connection.live or connection.as_of is None else connection.as_of
        for row in self.rows.values():
            row.line.show_time(now + state.clock_offset)

    def recolour(self) -> None:
        super().recolour()
        for part in (self.over_title, self.ended):
            ink(part, "muted")


def _tally(number: int) -> str:
    if not number:
        return ""
    return tr("1 fault") if number == 1 else tr("{n} faults").format(n=number)


def _ended(one: Fault) -> str:
    when = wording.clock(one.ended) if one.ended is not None else ""
    return f"{when}  {faults.named(one)}: {faults.end(one)}".strip()
