"""Holds the state, lets facts change it, and says once in each turn of the event loop what is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from .reducer import NOTHING, Changes, reduce
from .state import State
from .turns import Turns

if TYPE_CHECKING:
    from .facts import Fact


class Store(QObject):
    """``changed`` carries the Changes of everything that happened since it was emitted last.

    ``turns`` is what everybody shares who has more to do for this agent than fits into a turn of the event loop.
    """

    changed = Signal(Changes)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = State()
        self._changes = NOTHING
        self.turns = Turns(self)

    def apply(self, fact: Fact) -> None:
        """Change the state now; the widgets hear of it in the next turn of the event loop that is free."""
        self.state, changes = reduce(fact, self.state)
        if changes != NOTHING:
            self._changes |= changes
            self.turns.soon(self._emit)

    def _emit(self) -> None:
        changes, self._changes = self._changes, NOTHING
        self.changed.emit(changes)
