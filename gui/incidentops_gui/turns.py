"""Work that takes longer than a turn of the event loop may: in slices, one in each turn."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

SLICE = 0.0025
"""Seconds of work at a time. A turn may have 8 ms: the rest is for what is read and painted in it."""


class Turns(QObject):
    """Gives each turn of the event loop to one piece of work alone, in the order in which they were asked for.

    What each takes would add up otherwise: every timer that is due fires in the same turn.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._waiting: deque[Callable[[], None]] = deque()
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._next)

    def soon(self, work: Callable[[], None]) -> None:
        """Do it in a turn of its own; what waits already waits once."""
        if work not in self._waiting:
            self._waiting.append(work)
            if not self._timer.isActive():
                self._timer.start()

    @property
    def busy(self) -> bool:
        """Whether anything waits for its turn."""
        return bool(self._waiting)

    def waits(self, work: Callable[[], None]) -> bool:
        return work in self._waiting

    def forget(self, work: Callable[[], None]) -> None:
        if work in self._waiting:
            self._waiting.remove(work)

    def _next(self) -> None:
        if not self._waiting:
            return
        work = self._waiting.popleft()
        if self._waiting:
            self._timer.start()
        work()


class Slice:
    """``over`` when its time is up; ``spend`` counts what is not done yet but follows from it, such as painting."""

    __slots__ = ("_until",)

    def __init__(self, seconds: float = SLICE) -> None:
        self._until = time.monotonic() + seconds

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._until

    def spend(self, seconds: float) -> None:
        self._until -= seconds
