"""kill: a signal to the unit's main process or to all, once or again and again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import systemd
from ..effects.open_files import identity
from ..effects.signalled import Signalled, process_state
from ..errors import FaultError
from .base import Fault, also_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect
    from ..waiting import Hold

SIGNALS = ("SIGABRT", "SIGINT", "SIGKILL", "SIGQUIT", "SIGSEGV", "SIGSTOP", "SIGTERM")


class Kill(Fault):
    kind = "kill"
    title = "Kill"
    summary = "A signal is sent to the unit's processes; what died is started again at the end."
    parameters = (
        Parameter("signal", "choice", "which signal", "SIGKILL", choices=SIGNALS),
        Parameter("whom", "choice", "the main process, or all of the unit's", "main", choices=("all", "main")),
        Parameter("repeat", "integer", "again after so long whenever the unit is up; 0: once", 0, "seconds", 0, 3600),
    )

    def check(self) -> str:
        if systemd.value(self.unit, "MainPID") in ("", "0"):
            return f"systemd knows no main process of {self.unit}"
        return ""

    def preview(self) -> list[str]:
        whom = "the main process" if self.text("whom") == "main" else "every process"
        again = f", and again every {self.number('repeat'):g} s" if self.number("repeat") else ""
        return [f"{self.text('signal')} is sent to {whom} of {self.unit}{again}.", *also_down(self.unit)]

    def effects(self) -> Iterable[Effect]:
        self.main = int(systemd.value(self.unit, "MainPID"))
        self.identity = identity(self.main)
        yield Signalled(self.unit, self.text("signal"), self.text("whom"))

    def verify(self) -> str:
        if self.text("signal") == "SIGSTOP":
            return "" if process_state(self.main) == "T" else f"process {self.main} is not stopped"
        alive = identity(self.main) == self.identity and process_state(self.main) != "Z"
        return f"process {self.main} of {self.unit} survived {self.text('signal')}" if alive else ""

    def hold(self, hold: Hold) -> None:
        again = self.number("repeat") or float("inf")
        while not hold.wait(again):
            if systemd.active(self.unit):
                with contextlib.suppress(FaultError):  # it has just died by itself
                    systemd.kill(self.unit, self.text("signal"), self.text("whom"))
