"""network-reject: connections to the service's ports are refused at once, as if nobody listened."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from .. import command
from ..effects.nft_table import NftTable
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class NetworkReject(Fault):
    kind = "network-reject"
    title = "Network: reject"
    summary = "Packets to the service's TCP ports are answered with a reset, in old connections and new ones."
    needs = "nftables; a service with a TCP port in the catalogue"

    def check(self) -> str:
        if not self.order.target.ports:
            return f"the catalogue names no TCP port of {self.service}"
        if lacking := command.missing(command.NFT):
            return lacking
        tried = command.attempt(command.NFT, "list", "tables")
        return f"the kernel's packet filter can't be used: {tried.errors.strip()}" if tried.status else ""

    def preview(self) -> list[str]:
        ports = ", ".join(map(str, self.order.target.ports))
        return [f"TCP connections to port {ports} of this machine are reset, from whomever they come."]

    def effects(self) -> Iterable[Effect]:
        ports = ", ".join(map(str, self.order.target.ports))
        yield NftTable(
            self.order.id,
            "chain input {\n"
            "type filter hook input priority -10; policy accept;\n"
            f"tcp dport {{ {ports} }} counter reject with tcp reset\n"
            "}",
        )

    def verify(self) -> str:
        for port in self.order.target.ports:
            with socket.socket() as client:
                client.settimeout(1)
                answer = client.connect_ex(("127.0.0.1", port))
            if answer != errno.ECONNREFUSED:
                return f"a connection to port {port} is not refused ({errno.errorcode.get(answer, answer)})"
        return ""
