"""stop: the unit is stopped in order, as an operator would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import systemd
from ..effects.stopped import Stopped
from .base import Fault, also_down

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class Stop(Fault):
    kind = "stop"
    title = "Stop"
    summary = "The unit is stopped, and started again at the end."

    def check(self) -> str:
        return ""

    def preview(self) -> list[str]:
        return [f"{self.unit} is stopped.", *also_down(self.unit)]

    def effects(self) -> Iterable[Effect]:
        yield Stopped(self.unit, self.order.target.spec.stop_deadline)

    def verify(self) -> str:
        state = systemd.value(self.unit, "ActiveState")
        if state not in ("inactive", "failed"):
            return f"{self.unit} is {state}"
        left = systemd.processes(self.unit)
        return f"{self.unit} still has the processes {left}" if left else ""
