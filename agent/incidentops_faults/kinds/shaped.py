"""What faults by traffic control on the loopback interface have in common."""

from __future__ import annotations

import functools
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from .. import netlink
from ..effects.lo_qdisc import LoQdisc, unusable
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect

TO, FROM = 1, 2
"""The classes for packets to the service's ports and from them."""


class Shaped(Fault):
    """A tree of htb(8): packets to and from the service's ports go into two classes, all others straight through."""

    qdiscs: ClassVar[tuple[str, ...]] = ("htb",)
    """The kernel must have them."""

    def check(self) -> str:
        if not self.order.target.ports:
            return f"the catalogue names no TCP port of {self.service}"
        lacking = [f"this kernel has no {kind} (module sch_{kind})" for kind in self.qdiscs if not has(kind)]
        return lacking[0] if lacking else unusable()

    @property
    def handle(self) -> str:
        """A number of 16 bits from the fault's own; 0 and the highest ones have meanings."""
        return f"{int(self.order.id[:8], 16) % 0x7FFE + 1:x}:"

    def ports(self) -> str:
        return ", ".join(map(str, self.order.target.ports))

    @abstractmethod
    def classes(self) -> list[str]:
        """Lines of tc that make the classes TO and FROM."""

    def effects(self) -> Iterable[Effect]:
        handle = self.handle
        batch = [f"qdisc add dev lo root handle {handle} htb default 0", *self.classes()]
        for port in self.order.target.ports:
            for priority, protocol, header in ((1, "ip", "ip"), (2, "ipv6", "ip6")):
                for one, end in ((TO, "dport"), (FROM, "sport")):
                    batch.append(
                        f"filter add dev lo parent {handle} protocol {protocol} prio {priority}"
                        f" u32 match {header} {end} {port} 0xffff flowid {handle}{one}"
                    )
        yield LoQdisc(handle, batch)


@functools.cache
def has(kind: str) -> bool:
    """Asked once in the life of a process, not once for each service."""
    return netlink.has_qdisc(kind)
