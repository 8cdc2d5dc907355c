"""A unit that is started anew, so that settings which only a start reads take effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import command
from .base import Effect


@dataclass(frozen=True, slots=True)
class Renewed(Effect):
    """Asked for, not waited for: it may be meant to fail, or to take long. Bringing it back is UnitState's."""

    name: ClassVar[str] = "renewed"
    unit: str

    def do(self) -> None:
        command.run(command.SYSTEMCTL, "restart", "--no-block", "--", self.unit)

    def undo(self) -> None:
        return

    def left(self) -> str:
        return ""
