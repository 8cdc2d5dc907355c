"""What the rules for packets to a service's ports have in common."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, ClassVar

from ..effects.nft_table import NftTable, unusable
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect

PATIENCE = 1.0
"""Seconds after which a connection that is not answered counts as lost; on loopback it takes none."""


class PortRule(Fault):
    """``rule`` is what nft(8) does with a packet; ``wanted`` the errno of a connection then, 0 for no answer."""

    needs = "nftables; a service with a TCP port in the catalogue"
    rule: ClassVar[str]
    wanted: ClassVar[int]
    without: ClassVar[str]
    """What is the matter with a connection that is not as wanted, for a person."""

    def check(self) -> str:
        if not self.order.target.ports:
            return f"the catalogue names no TCP port of {self.service}"
        return unusable()

    def effects(self) -> Iterable[Effect]:
        yield NftTable(
            self.order.id,
            "chain input {\n"
            "type filter hook input priority -10; policy accept;\n"
            f"tcp dport {{ {self.ports()} }} counter {self.rule}\n"
            "}",
        )

    def ports(self) -> str:
        return ", ".join(map(str, self.order.target.ports))

    def verify(self) -> str:
        for port in self.order.target.ports:
            if (answer := knock(port)) != self.wanted:
                return f"a connection to port {port} is not {self.without} ({describe(answer)})"
        return ""


UNANSWERED, ANSWERED = 0, -1


def knock(port: int, host: str = "127.0.0.1") -> int:
    """Connect: the errno, UNANSWERED when nothing comes back, ANSWERED when it is taken."""
    with socket.socket() as client:
        client.settimeout(PATIENCE)
        try:
            client.connect((host, port))
        except TimeoutError:
            return UNANSWERED
        except OSError as error:
            return error.errno or UNANSWERED
    return ANSWERED


def describe(answer: int) -> str:
    if answer == UNANSWERED:
        return "it gets no answer"
    return "it is taken" if answer == ANSWERED else str(OSError(answer, "").__class__.__name__)
