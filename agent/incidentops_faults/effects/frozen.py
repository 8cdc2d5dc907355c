"""A unit whose processes stand still: the cgroup freezer, through PID 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import systemd
from ..errors import FaultError
from .base import Effect


@dataclass(frozen=True, slots=True)
class Frozen(Effect):
    name: ClassVar[str] = "frozen"
    unit: str

    def do(self) -> None:
        systemd.freeze(self.unit)

    def undo(self) -> None:
        try:
            # also when it runs: a freeze that a killed process asked for may only just be made
            systemd.thaw(self.unit)
        except FaultError:
            # it ended while it was frozen, and nothing stands still any more
            if self.left():
                raise

    def left(self) -> str:
        shown = systemd.show(self.unit, "FreezerState", "ActiveState")
        state = shown.get("FreezerState", "running")
        if state != "running" and shown.get("ActiveState") not in ("inactive", "failed"):
            return f"{self.unit} is still {state}"
        return f"processes of {self.unit} still stand still" if stands_still(self.unit) else ""


def stands_still(unit: str) -> bool:
    """Whether the kernel says that the unit's processes are frozen."""
    folder = systemd.cgroup(unit)
    try:
        return folder is not None and "frozen 1" in (folder / "cgroup.events").read_text().splitlines()
    except OSError:
        return False
