"""A table of our own in the kernel's packet filter: nobody else's rules are read, moved or changed."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import ClassVar

from .. import command
from .base import Effect


@dataclass(frozen=True, slots=True)
class NftTable(Effect):
    """``body`` is what stands between the braces of the table ``inet incidentops_fault_ID``, nft(8)."""

    name: ClassVar[str] = "nft-table"
    fault: str
    body: str

    @property
    def table(self) -> str:
        return f"incidentops_fault_{self.fault}"

    def do(self) -> None:
        # one transaction: all of it or nothing
        command.run(command.NFT, "-f", "-", input=f"table inet {self.table} {{\n{self.body}\n}}\n")

    def counted(self) -> int:
        """How many packets its rules with a counter have met."""
        listed = json.loads(command.run(command.NFT, "--json", "list", "table", "inet", self.table))["nftables"]
        parts = [part for one in listed for part in one.get("rule", {}).get("expr", [])]
        return sum(part["counter"]["packets"] for part in parts if "counter" in part)

    def undo(self) -> None:
        if self.left():
            command.run(command.NFT, "delete", "table", "inet", self.table)

    def left(self) -> str:
        found = json.loads(command.run(command.NFT, "--json", "list", "tables"))["nftables"]
        names = [one["table"]["name"] for one in found if "table" in one]
        return f"the nftables table {self.table} is still there" if self.table in names else ""


@functools.cache
def unusable() -> str:
    """A sentence when there can be no table: no nft, or no packet filter in the kernel. Looked at
    once in the life of a process, not once for each service."""
    if lacking := command.missing(command.NFT):
        return lacking
    tried = command.attempt(command.NFT, "list", "tables")
    return f"the kernel's packet filter can't be used: {tried.errors.strip()}" if tried.status else ""
