"""io: the unit reads and writes its disk slowly."""

from __future__ import annotations

from incidentops_agent.parameters import Parameter

from .limit import Limit


class Io(Limit):
    kind = "io"
    title = "Disk bandwidth"
    summary = "The unit reads and writes the disk of its data directory only so fast."
    needs = "the io controller of cgroup v2, and a data directory in the catalogue that is on a disk"
    controller = "io"
    file = "io.max"
    parameters = (Parameter("rate", "integer", "reading and writing, each", 1024, "kB/s", 1, 10_000_000),)

    def check(self) -> str:
        if not self.order.target.spec.faults.data:
            return f"the catalogue names no data directory of {self.service}"
        return super().check()

    def preview(self) -> list[str]:
        return [f"{self.unit} reads and writes its disk with {self.number('rate'):g} kB/s at most."]

    def setting(self) -> str:
        data = self.order.target.spec.faults.data.replace("%", "%%")
        where = f"{data} {int(self.number('rate'))}K"
        return f"IOReadBandwidthMax={where}\nIOWriteBandwidthMax={where}"

    def limited(self, text: str) -> bool:
        # systemd.resource-control(5): K is 1000 here
        return f"wbps={int(self.number('rate')) * 1000}" in text.split()
