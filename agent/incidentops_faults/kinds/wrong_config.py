"""wrong-config: a mistake in the unit's settings, so that the next start fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import systemd
from ..effects.drop_in import DropIn
from ..effects.renewed import Renewed
from .base import Fault, also_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect

# What is wrong, and what systemd.exec(5) calls it: 203/EXEC, 217/USER, 200/CHDIR, and a start that is not even tried.
MISTAKES = {
    "directory": "WorkingDirectory=/nonexistent/incidentops-fault",
    "environment": "EnvironmentFile=/nonexistent/incidentops-fault",
    "program": "ExecStart=\nExecStart=/nonexistent/incidentops-fault",
    "user": "User=incidentops-fault-nobody",
}


class WrongConfig(Fault):
    kind = "wrong-config"
    title = "Wrong configuration"
    summary = "A drop-in with a mistake makes each start of the service fail."
    parameters = (
        Parameter("mistake", "choice", "what is wrong", "program", choices=tuple(sorted(MISTAKES))),
        Parameter("restart", "flag", "whether the service is restarted now, and so goes down", True),
    )

    def check(self) -> str:
        return ""

    def preview(self) -> list[str]:
        found = [f"{self.unit} gets a wrong {self.text('mistake')}: its next start fails."]
        return [*found, f"{self.unit} is restarted now.", *also_down(self.unit)] if self._restarts() else found

    def _restarts(self) -> bool:
        return bool(self.order.values["restart"])

    def effects(self) -> Iterable[Effect]:
        # A restart policy of the unit would only fill the journal.
        text = f"[Service]\n{MISTAKES[self.text('mistake')]}\nRestart=no\n"
        yield DropIn.of(self.unit, self.order.id, text)
        if self._restarts():
            yield Renewed(self.unit)

    def verify(self) -> str:
        shown = systemd.show(self.unit, "ActiveState", "ExecStart", "User", "WorkingDirectory", "EnvironmentFiles")
        if not any("incidentops-fault" in value for value in shown.values()):
            return f"systemd does not have the mistake in {self.unit}"
        if self._restarts() and shown["ActiveState"] != "failed":
            return f"{self.unit} is {shown['ActiveState']} with the mistake"
        return ""
