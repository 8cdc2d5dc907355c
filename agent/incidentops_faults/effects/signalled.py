"""A signal that was sent to a unit's processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .. import systemd
from .base import Effect


@dataclass(frozen=True, slots=True)
class Signalled(Effect):
    """``signal`` by its name, SIGKILL; ``whom``: main or all. Only SIGSTOP has something to take back; what died is
    started again by UnitState."""

    name: ClassVar[str] = "signalled"
    unit: str
    signal: str
    whom: str

    def do(self) -> None:
        systemd.kill(self.unit, self.signal, self.whom)

    def undo(self) -> None:
        if self.signal == "SIGSTOP" and systemd.processes(self.unit):
            systemd.kill(self.unit, "SIGCONT", "all")

    def left(self) -> str:
        stopped = [pid for pid in systemd.processes(self.unit) if process_state(pid) == "T"]
        return f"the processes {stopped} are stopped" if self.signal == "SIGSTOP" and stopped else ""


def process_state(pid: int) -> str:
    """R, S, D, T, Z ..., proc(5); empty when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
