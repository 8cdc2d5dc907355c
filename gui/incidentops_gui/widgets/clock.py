"""The time that is shown: looked at when a text is due to change, and at no other moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

SOON = 100
"""Milliseconds within which a change of what is shown makes it look again."""
LATE = 20
"""Milliseconds after the moment at which a text changes, so that it has changed."""
LEAST = 1000
"""Milliseconds between two looks: what is due in between, such as the seconds of many cards, is written together."""


class Clock(QObject):
    """``show`` writes what the time changes, and answers in how many seconds it changes again; None for never."""

    def __init__(self, show: Callable[[], float | None], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._show = show
        self._running = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self._on_due)

    def set_running(self, on: bool) -> None:
        self._running = on
        if on:
            self.look()
        else:
            self._timer.stop()

    @property
    def waits(self) -> bool:
        """Whether it will look again by itself."""
        return self._timer.isActive()

    def look(self) -> None:
        """Something has changed: what was due then may be due at another time now."""
        if self._running and not 0 <= self._timer.remainingTime() <= SOON:
            self._timer.start(SOON)

    def _on_due(self) -> None:
        due = self._show()
        if due is not None:
            self._timer.start(max(int(due * 1000) + LATE, LEAST))
