"""A queueing discipline on the loopback interface, tc(8): where packets to and from a port are held back."""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any, ClassVar

from .. import command
from .base import Effect

DEFAULT = "noqueue"
"""What the kernel gives lo by itself."""


@dataclass(frozen=True, slots=True)
class LoQdisc(Effect):
    """``batch`` is what tc does, line by line; the first one adds the root with the number ``handle``. With that root
    all goes that hangs on it, and the kernel's default is back. It is added only where there is no other one."""

    name: ClassVar[str] = "lo-qdisc"
    handle: str
    batch: list[str]

    def do(self) -> None:
        command.run(command.TC, "-batch", "-", input="".join(f"{line}\n" for line in self.batch))

    def undo(self) -> None:
        if self.left():
            command.run(command.TC, "qdisc", "del", "dev", "lo", "root")

    def left(self) -> str:
        found = root()
        return f"lo still has the {found['kind']} {self.handle}" if found.get("handle") == self.handle else ""


def root() -> dict[str, Any]:
    """What tc says of the root of lo: kind, handle and more; empty when there is none."""
    found = json.loads(command.run(command.TC, "-json", "qdisc", "show", "dev", "lo") or "[]")
    return next((dict(one) for one in found if one.get("root")), {})


@functools.cache
def unusable() -> str:
    """A sentence when nothing can be put there: no tc, or somebody else's is there, which could not be put back.
    Looked at once in the life of a process: what comes meanwhile is found out when tc is to add the root."""
    if lacking := command.missing(command.TC):
        return lacking
    kind = root().get("kind", DEFAULT)
    return "" if kind == DEFAULT else f"lo has the queueing discipline {kind} already, not the kernel's default"
