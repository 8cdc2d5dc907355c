"""tasks: the unit can start no more processes and threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import systemd
from .limit import Limit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class Tasks(Limit):
    kind = "tasks"
    title = "Tasks"
    summary = "The unit can start no more processes and threads: fork and clone fail."
    needs = "the pids controller of cgroup v2"
    controller = "pids"
    file = "pids.max"
    parameters = (Parameter("free", "integer", "how many more it may start", 0, "tasks", 0, 100_000),)
    most = 0

    def preview(self) -> list[str]:
        return [f"{self.unit} can start {self.number('free'):g} more processes and threads."]

    def effects(self) -> Iterable[Effect]:
        used = systemd.value(self.unit, "TasksCurrent")
        self.most = max(1, (int(used) if used.isdigit() else 0) + int(self.number("free")))
        return super().effects()

    def setting(self) -> str:
        return f"TasksMax={self.most}"

    def limited(self, text: str) -> bool:
        return text.strip() == str(self.most)
