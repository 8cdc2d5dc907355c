"""Waiting for conditions, and until a deadline on the clock that goes on while the machine sleeps."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY = 0.05
"""Seconds between two looks."""

BEAT = 5.0
"""At least this often, in seconds, a hold says that it lives; less than half of the unit's WatchdogSec."""


def now() -> float:
    """Seconds since boot, time asleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def settle(look: Callable[[], str], seconds: float) -> str:
    """Look until it finds nothing to complain of; empty then, else its last complaint after so many seconds."""
    end = now() + seconds
    while complaint := look():
        if now() >= end:
            return complaint
        time.sleep(EVERY)
    return ""


class Hold:
    """The time for which a fault lasts. ``deadline`` is a value of ``now``; ``beat`` is called at least each 5 s."""

    def __init__(self, deadline: float, beat: Callable[[], None]) -> None:
        self.deadline = deadline
        self._beat = beat

    def wait(self, seconds: float = float("inf")) -> bool:
        """Sleep for so long, or until the deadline: True when that has come."""
        end = min(now() + seconds, self.deadline)
        while True:
            self._beat()
            left = end - now()
            if left <= 0:
                return now() >= self.deadline
            time.sleep(min(left, BEAT))
