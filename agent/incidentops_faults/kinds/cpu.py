"""cpu: the unit gets a small share of a processor."""

from __future__ import annotations

from incidentops_agent.parameters import Parameter

from .limit import Limit


class Cpu(Limit):
    kind = "cpu"
    title = "CPU"
    summary = "All processes of the unit together get only so much of one processor."
    needs = "the cpu controller of cgroup v2"
    controller = "cpu"
    file = "cpu.max"
    parameters = (Parameter("percent", "integer", "of one processor, for the whole unit", 5, "%", 1, 1000),)

    def preview(self) -> list[str]:
        return [f"{self.unit} gets {self.number('percent'):g} % of one processor."]

    def setting(self) -> str:
        return f"CPUQuota={int(self.number('percent'))}%"

    def limited(self, text: str) -> bool:
        quota, *period = text.split()
        return quota != "max" and abs(int(quota) / int(period[0]) - self.number("percent") / 100) < 0.005
