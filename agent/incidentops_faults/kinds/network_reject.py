"""network-reject: connections to the service's ports are refused at once, as if nobody listened."""

from __future__ import annotations

import errno

from .port_rule import PortRule


class NetworkReject(PortRule):
    kind = "network-reject"
    title = "Network: reject"
    summary = "Packets to the service's TCP ports are answered with a reset, in old connections and new ones."
    rule = "reject with tcp reset"
    wanted = errno.ECONNREFUSED
    without = "refused"

    def preview(self) -> list[str]:
        return [f"TCP connections to port {self.ports()} of this machine are reset, from whomever they come."]
