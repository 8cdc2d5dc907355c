"""The place in a card for the fault of its service; what stands there is made with the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from PySide6.QtWidgets import QVBoxLayout, QWidget

    from ..state import State
    from .fault_line import FaultLine


class FaultSlot(QObject):
    """Stands where the layout ends when it is made. ``line`` is None until there was a fault; ``reverted`` asks for its
    end."""

    reverted = Signal()

    def __init__(self, name: str, card: QWidget, column: QVBoxLayout) -> None:
        super().__init__(card)
        self._name, self._card = name, card
        self._column = column
        self._place = column.count()
        self.line: FaultLine | None = None

    @property
    def shown(self) -> bool:
        return self.line is not None and not self.line.isHidden()

    def show_state(self, state: State, may_revert: bool) -> bool:
        """Show what is injected now, or nothing; whether it came or went."""
        was, name = self.shown, self._name
        service = state.cards[name].service
        if service.fault is not None:
            if self.line is None:
                self.line = self._make()
            reverting = service.fault.id in state.reverting
            self.line.show_fault(service.fault, service.title, state.is_live(name), may_revert, reverting)
        if self.line is not None:
            self.line.setVisible(service.fault is not None)
        return was != self.shown

    def _make(self) -> FaultLine:
        from .fault_line import FaultLine

        line = FaultLine(self._card)
        line.hide()
        line.reverted.connect(self.reverted)
        self._column.insertWidget(self._place, line)
        return line

    def show_time(self, there: float) -> None:
        """Count down; ``there`` is the time by the agent's clock, in seconds since the epoch."""
        if self.line is not None and self.shown:
            self.line.show_time(there)
