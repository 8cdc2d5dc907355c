"""crash-loop: the service dies some seconds after each start, whoever starts it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import systemd
from ..effects.drop_in import DropIn
from ..effects.open_files import identity
from ..effects.signalled import Signalled
from ..errors import FaultError
from .base import Fault, also_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect
    from ..waiting import Hold

LOOK = 0.2
"""Seconds between two looks whether it was started."""

RESTARTS = "[Unit]\nStartLimitIntervalSec=0\n\n[Service]\nRestart=always\nRestartSec=1s\n"


class CrashLoop(Fault):
    kind = "crash-loop"
    title = "Crash loop"
    summary = "The main process is killed some seconds after each start of the service."
    parameters = (
        Parameter("after", "number", "how long it lives after each start", 2.0, "seconds", 0.1, 600),
        Parameter("restart", "flag", "whether systemd starts it again, as it would in production", True),
    )

    def check(self) -> str:
        return "" if systemd.value(self.unit, "MainPID") not in ("", "0") else f"{self.unit} has no main process"

    def preview(self) -> list[str]:
        again = "systemd starts it again after 1 s." if self.order.values["restart"] else "It stays down until started."
        return [f"{self.unit} is killed {self.number('after'):g} s after each start. {again}", *also_down(self.unit)]

    def effects(self) -> Iterable[Effect]:
        if self.order.values["restart"]:
            yield DropIn.of(self.unit, self.order.id, RESTARTS)
        self.first = identity(int(systemd.value(self.unit, "MainPID")))
        yield Signalled(self.unit, "SIGKILL", "main")

    def verify(self) -> str:
        alive = identity(int(self.first.partition(".")[0])) == self.first
        return f"the main process of {self.unit} survived SIGKILL" if alive else ""

    def hold(self, hold: Hold) -> None:
        while not hold.wait(LOOK):
            if not systemd.processes(self.unit):
                continue
            shown = systemd.show(self.unit, "ActiveState", "MainPID")
            if shown["ActiveState"] not in systemd.UP or shown["MainPID"] == "0":
                continue
            if hold.wait(self.number("after")):
                return
            if systemd.value(self.unit, "MainPID") == shown["MainPID"]:
                with contextlib.suppress(FaultError):  # it has just died by itself
                    systemd.kill(self.unit, "SIGKILL", "main")
