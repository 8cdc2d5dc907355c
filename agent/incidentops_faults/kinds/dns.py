"""dns: the service can resolve no name, and everybody else can."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from .. import owner, systemd
from ..effects.nft_table import NftTable, unusable
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect

RESOLV, NSSWITCH, NSCD = Path("/etc/resolv.conf"), Path("/etc/nsswitch.conf"), Path("/run/nscd/socket")
PORT = 53
QUERY = bytes.fromhex("1d0501000001000000000000") + b"\0\0\x02\0\x01"
"""The name servers of the root, RFC 1035."""


class Dns(Fault):
    """Questions to port 53 are refused by the user that asks, so nothing is restarted and no file is changed. Only
    where the service asks by itself: those that resolve for everybody (systemd-resolved, nscd) ask as another user."""

    kind = "dns"
    title = "Name resolution"
    summary = "The service gets no answer from name servers; names in /etc/hosts still work for it."
    needs = "nftables; a service with a user of its own that asks name servers itself, and one that it can reach"

    def check(self) -> str:
        if why := unusable() or owner.not_its_own(self.unit):
            return why
        if resolver := asks_for_all(_text(NSSWITCH)):
            return f"names are resolved by {resolver} for everybody, not by {self.service} itself"
        if NSCD.exists():
            return f"names are resolved by nscd for everybody, not by {self.service} itself"
        servers = name_servers(_text(RESOLV))
        complaints = [why for server in servers if (why := self._unreachable(server))]
        if len(complaints) == len(servers):
            why = "; ".join(complaints) or f"{RESOLV} names none"
            return f"{self.service} can't reach a name server anyway: {why}"
        return ""

    def _unreachable(self, server: str) -> str:
        denied = systemd.value(self.unit, "IPAddressDeny").split()
        if "0.0.0.0/0" in denied and not server.startswith(("127.", "::1")):
            return f"{self.unit} may not talk to {server} (IPAddressDeny=)"
        try:
            _socket(server).close()
        except OSError as error:
            return f"{server}: {error.strerror}"
        return ""

    def preview(self) -> list[str]:
        return [f"Questions of the user {owner.of(self.unit).name} to any name server are refused."]

    def effects(self) -> Iterable[Effect]:
        uid = owner.of(self.unit).uid
        self.table = NftTable(
            self.order.id,
            "chain output {\n"
            "type filter hook output priority -10; policy accept;\n"
            f"meta skuid {uid} udp dport {PORT} counter reject\n"
            f"meta skuid {uid} tcp dport {PORT} counter reject with tcp reset\n"
            "}",
        )
        yield self.table

    def verify(self) -> str:
        """By the kernel's count of refused packets: what becomes of our own questions is also a matter of the sandbox
        that this process is in."""
        for server in name_servers(_text(RESOLV)):
            if self._unreachable(server):
                continue
            before = self.table.counted()
            with owner.acting(owner.of(self.unit)):
                ask(server)
            if (after := self.table.counted()) == before:
                return f"a question of {self.service} to {server} is not refused"
            ask(server)
            if self.table.counted() != after:
                return f"questions of others to {server} are refused too"
        return ""


def name_servers(text: str) -> list[str]:
    """The addresses in a resolv.conf(5), the three that count."""
    rows = [line.split() for line in text.splitlines()]
    return [row[1] for row in rows if len(row) > 1 and row[0] == "nameserver"][:3]


def asks_for_all(text: str) -> str:
    """Who of an nsswitch.conf(5) resolves on behalf of everybody; empty when each program asks by itself."""
    for line in text.splitlines():
        key, _, sources = line.partition("#")[0].partition(":")
        if key.strip() == "hosts" and "resolve" in sources.split():
            return "systemd-resolved"
    return ""


def ask(server: str) -> None:
    """Send a question; what comes of it does not matter."""
    with contextlib.suppress(OSError), _socket(server) as client:
        client.send(QUERY)


def _socket(server: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.connect((server, PORT))  # sends nothing yet, and knows whether there is a way
    except OSError:
        made.close()
        raise
    return made


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
