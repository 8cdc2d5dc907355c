"""A drop-in of our own below /run/systemd/system: settings of a unit that are gone with the file."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .. import systemd
from .base import Effect

UNITS = Path("/run/systemd/system")


@dataclass(frozen=True, slots=True)
class DropIn(Effect):
    """``text`` in a file named after the fault. PID 1 reads all unit files anew, as on any daemon-reload.

    Not `systemctl set-property --runtime`: its files are named after properties, not after who set them, and an
    administrator's own setting of the same property would be lost with ours.
    """

    name: ClassVar[str] = "drop-in"
    unit: str
    fault: str
    text: str
    had_folder: bool

    @classmethod
    def of(cls, unit: str, fault: str, text: str) -> DropIn:
        return cls(unit, fault, text, (UNITS / f"{unit}.d").is_dir())

    @property
    def path(self) -> Path:
        return UNITS / f"{self.unit}.d" / f"90-incidentops-fault-{self.fault}.conf"

    def do(self) -> None:
        self.path.parent.mkdir(exist_ok=True)
        if not self.had_folder:
            self.path.parent.chmod(0o755)
        fresh = self.path.with_suffix(".new")  # PID 1 reads *.conf only
        fresh.write_text(self.text)
        fresh.chmod(0o644)
        fresh.replace(self.path)
        systemd.reload()

    def undo(self) -> None:
        made = self.path.exists()
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".new").unlink(missing_ok=True)
        if not self.had_folder and self.path.parent.is_dir():
            with contextlib.suppress(OSError):  # another's drop-in came into it meanwhile
                self.path.parent.rmdir()
        if made or self._known():
            systemd.reload()

    def left(self) -> str:
        if self.path.exists():
            return f"{self.path} is still there"
        return f"systemd still uses {self.path}" if self._known() else ""

    def _known(self) -> bool:
        return str(self.path) in systemd.value(self.unit, "DropInPaths").split()
