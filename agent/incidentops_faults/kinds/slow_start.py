"""slow-start: each start takes so much longer."""

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


class SlowStart(Fault):
    kind = "slow-start"
    title = "Slow start"
    summary = "Each start of the service waits before it begins."
    renews = "unfinished"
    parameters = (
        Parameter("delay", "integer", "how much longer a start takes", 30, "seconds", 1, 600),
        Parameter("restart", "flag", "whether the service is restarted now, so that it is down meanwhile", True),
    )

    def check(self) -> str:
        return ""

    def preview(self) -> list[str]:
        found = [f"A start of {self.unit} takes {self.number('delay'):g} s longer."]
        return [*found, f"{self.unit} is restarted now.", *also_down(self.unit)] if self._restarts() else found

    def _restarts(self) -> bool:
        return bool(self.order.values["restart"])

    def effects(self) -> Iterable[Effect]:
        delay = int(self.number("delay"))
        # "+": without the unit's own sandbox, which may not let it execute anything. A start may take longer with it.
        longer = int(self.order.target.spec.start_deadline) + delay
        text = f"[Service]\nExecStartPre=+/usr/bin/sleep {delay}\nTimeoutStartSec={longer}s\n"
        yield DropIn.of(self.unit, self.order.id, text)
        if self._restarts():
            yield Renewed(self.unit)

    def verify(self) -> str:
        shown = systemd.show(self.unit, "SubState", "ExecStartPre")
        if f"/usr/bin/sleep {int(self.number('delay'))}" not in shown.get("ExecStartPre", ""):
            return f"systemd does not have the delay in {self.unit}"
        if self._restarts() and shown.get("SubState") != "start-pre":
            return f"{self.unit} is not waiting for its start ({shown.get('SubState')})"
        return ""
