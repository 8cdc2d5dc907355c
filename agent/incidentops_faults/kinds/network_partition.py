"""network-partition: two services do not reach each other, and everybody else reaches both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from incidentops_agent.parameters import Parameter

from .. import owner, systemd
from ..effects.nft_table import NftTable, unusable
from .base import Fault
from .port_rule import ANSWERED, UNANSWERED, describe, knock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..effects.base import Effect
    from ..services import Target


class NetworkPartition(Fault):
    """By the users that the services run as, not by their control groups: those are new ones after a restart."""

    kind = "network-partition"
    title = "Network: partition"
    summary = "TCP packets between two services are lost, in both directions; Unix sockets are not concerned."
    needs = "nftables; two services with users of their own; a TCP port of one of them in the catalogue"
    parameters = (Parameter("other", "service", "the service that it is cut off from"),)

    def check(self) -> str:
        if why := unusable() or owner.not_its_own(self.unit):
            return why
        other = self.order.others.get("other")
        if other is None:  # asked without one: whether it can be a side at all
            return ""
        if other.unit == self.unit:
            return "a service can't be cut off from itself"
        if why := owner.not_its_own(other.unit):
            return why
        if owner.of(other.unit) == owner.of(self.unit):
            return f"{self.unit} and {other.unit} run as the same user, and can't be told apart"
        if not self.order.target.ports + other.ports:
            return f"the catalogue names a TCP port neither of {self.service} nor of {other.service}"
        return ""

    def preview(self) -> list[str]:
        ways = [f"port {_list(server.ports)} of {server.service}" for _, server in self._ways()]
        other = self.order.others["other"]
        if not ways or other.unit == self.unit:
            return []  # it is unavailable, and the check says why
        return [
            f"{self.service} and {other.service} lose each other's packets at {' and '.join(ways)}.",
            "Others reach both, and what the two talk over Unix sockets goes on.",
        ]

    def _ways(self) -> Iterator[tuple[Target, Target]]:
        """Client and server, of those who have ports."""
        one, other = self.order.target, self.order.others["other"]
        yield from ((client, server) for client, server in ((one, other), (other, one)) if server.ports)

    def effects(self) -> Iterable[Effect]:
        ways = [(owner.of(client.unit).uid, server.ports) for client, server in self._ways()]
        known = [pair for uid, ports in ways for pair in connections(uid, ports)]
        elements = f"elements = {{ {', '.join(f'{near} . {far}' for near, far in known)} }}\n" if known else ""
        # What comes back bears no user: it is known by the ports of what went out, and of what was there before.
        out = "".join(
            f"meta skuid {uid} tcp dport {{ {_list(ports)} }}"
            " update @cut { tcp sport . tcp dport timeout 60s } counter drop\n"
            for uid, ports in ways
        )
        yield NftTable(
            self.order.id,
            f"set cut {{\ntype inet_service . inet_service\nsize 65535\nflags dynamic,timeout\n{elements}}}\n"
            f"chain output {{\ntype filter hook output priority -10; policy accept;\n{out}"
            "tcp dport . tcp sport @cut counter drop\n}",
        )

    def verify(self) -> str:
        for client, server in self._ways():
            for port in server.ports:
                with owner.acting(owner.of(client.unit)):
                    answer = knock(port)
                if answer != UNANSWERED:
                    return f"{client.service} reaches port {port} of {server.service} ({describe(answer)})"
                if (answer := knock(port)) == UNANSWERED:
                    return f"port {port} of {server.service} is lost for everybody"
        return ""

    def recovered(self) -> str:
        for client, server in self._ways():
            if not systemd.active(client.unit):  # the other one may have been stopped meanwhile, and reaches nothing
                continue
            for port in server.ports:
                with owner.acting(owner.of(client.unit)):
                    answer = knock(port)
                if answer == UNANSWERED and knock(port) == ANSWERED:
                    return f"{client.service} does not reach port {port} of {server.service}"
        return ""


def connections(uid: int, ports: tuple[int, ...]) -> list[tuple[int, int]]:
    """Near and far port of every TCP connection that a user has to one of the ports, proc_net_tcp(5)."""
    found = set()
    for file in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = [line.split() for line in Path(file).read_text().splitlines()[1:]]
        except OSError:  # no IPv6
            continue
        for row in rows:
            near, far = (int(end.rpartition(":")[2], 16) for end in row[1:3])
            if int(row[7]) == uid and far in ports:
                found.add((near, far))
    return sorted(found)


def _list(ports: tuple[int, ...]) -> str:
    return ", ".join(map(str, ports))
