"""Holds the state, lets facts change it, and says once in each turn of the event loop what is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from .reducer import NOTHING, Changes, reduce
from .state import State

if TYPE_CHECKING:
    from .facts import Fact


class Store(QObject):
    """``changed`` carries the Changes of everything that happened since it was emitted last."""

    changed = Signal(Changes)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = State()
        self._changes = NOTHING
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._emit)

    def apply(self, fact: Fact) -> None:
        """Change the state now; the widgets hear of it in this turn of the event loop."""
        self.state, changes = reduce(fact, self.state)
        if changes != NOTHING:
            self._changes |= changes
            if not self._turn.isActive():
                self._turn.start()

    def _emit(self) -> None:
        changes, self._changes = self._changes, NOTHING
        self.changed.emit(changes)
