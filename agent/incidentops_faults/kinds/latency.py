"""latency: what goes to the service's ports and comes back is late."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .shaped import FROM, TO, Shaped

if TYPE_CHECKING:
    from typing import ClassVar


class Latency(Shaped):
    kind = "latency"
    title = "Network: latency"
    summary = "Packets within this machine to the service's ports and from them are late."
    needs = "tc, htb, netem and u32 in the kernel; a service with a TCP port; lo with the kernel's own discipline"
    qdiscs = ("netem", "htb")
    parameters: ClassVar = (
        Parameter("delay", "integer", "for each packet, in each direction", 100, "ms", 1, 10_000),
        Parameter("jitter", "integer", "how much more or less it may be", 0, "ms", 0, 10_000),
    )

    def check(self) -> str:
        if self.number("jitter") > self.number("delay"):
            return "a jitter that is more than the delay can't be made"
        return super().check()

    def preview(self) -> list[str]:
        delay, jitter = self.number("delay"), self.number("jitter")
        spread = f" ± {jitter:g}" if jitter else ""
        return [
            f"Packets to and from port {self.ports()} on the loopback interface take {delay:g}{spread} ms longer, "
            "so an answer takes twice that."
        ]

    def classes(self) -> list[str]:
        head = f"class add dev lo parent {self.handle} classid {self.handle}"
        late = f"netem delay {int(self.number('delay'))}ms {int(self.number('jitter'))}ms limit 10000"
        made = []
        for one in (TO, FROM):
            made.append(f"{head}{one} htb rate 10gbit")
            made.append(f"qdisc add dev lo parent {self.handle}{one} {late}")
        return made

    def verify(self) -> str:
        wanted = 2 * (self.number("delay") - self.number("jitter")) / 1000
        for port in self.order.target.ports:
            began = time.monotonic()
            with socket.socket() as client:
                client.settimeout(self.number("delay") / 1000 * 4 + 1)
                client.connect_ex(("127.0.0.1", port))
            if (taken := time.monotonic() - began) < wanted * 0.9:
                return f"a connection to port {port} takes {taken * 1000:.1f} ms"
        return ""
