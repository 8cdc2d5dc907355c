"""memory: the unit's memory is limited, hard (the kernel kills) or soft (it is slowed down)."""

from __future__ import annotations

from incidentops_agent.parameters import Parameter

from .. import systemd
from .limit import Limit

PAGE = 4096


class Memory(Limit):
    kind = "memory"
    title = "Memory"
    summary = "The unit may use only so much memory; beyond it the kernel slows it down, or kills."
    needs = "the memory controller of cgroup v2"
    controller = "memory"
    parameters = (
        Parameter("limit", "integer", "for the whole unit", 32, "MiB", 1, 1_000_000),
        Parameter("hard", "flag", "kill at the limit and use no swap, instead of slowing down", True),
    )

    @property
    def file(self) -> str:  # type: ignore[override]
        return "memory.max" if self.order.values["hard"] else "memory.high"

    def preview(self) -> list[str]:
        used = systemd.value(self.unit, "MemoryCurrent")
        now = f" It uses {int(used) // 2**20} MiB now." if used.isdigit() else ""
        then = "is killed" if self.order.values["hard"] else "is slowed down"
        return [f"{self.unit} {then} when it uses more than {self.number('limit'):g} MiB.{now}"]

    def setting(self) -> str:
        limit = int(self.number("limit"))
        return f"MemoryMax={limit}M\nMemorySwapMax=0" if self.order.values["hard"] else f"MemoryHigh={limit}M"

    def limited(self, text: str) -> bool:
        return text.strip().isdigit() and abs(int(text) - self.number("limit") * 2**20) < PAGE
