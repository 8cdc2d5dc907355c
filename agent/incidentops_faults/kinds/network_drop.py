"""network-drop: packets to the service's ports are lost, as with a cut cable or a firewall that says nothing."""

from __future__ import annotations

from .port_rule import UNANSWERED, PortRule


class NetworkDrop(PortRule):
    kind = "network-drop"
    title = "Network: drop"
    summary = "Packets to the service's TCP ports are lost: old connections stall, new ones get no answer."
    rule = "drop"
    wanted = UNANSWERED
    without = "lost"

    def preview(self) -> list[str]:
        return [f"TCP packets to port {self.ports()} of this machine are lost, from whomever they come."]
