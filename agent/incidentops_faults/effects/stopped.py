"""A unit that is stopped. Bringing it back is UnitState's, which every fault has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import systemd
from .base import Effect


@dataclass(frozen=True, slots=True)
class Stopped(Effect):
    """``deadline`` is how long the stop may take, in seconds."""

    name: ClassVar[str] = "stopped"
    unit: str
    deadline: float

    def do(self) -> None:
        systemd.stop(self.unit, self.deadline)

    def undo(self) -> None:
        return

    def left(self) -> str:
        return ""
