"""How much memory RabbitMQ allows itself: a setting of the running broker, gone with a restart of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from .. import owner, rabbitmqctl, systemd
from ..errors import FaultError
from .base import Effect

# As Erlang prints it: 0.6, {absolute,123}, {relative,0.6}.
TERM = re.compile(r"[0-9.]+(e-?[0-9]+)?|\{(absolute|relative),[0-9.]+(e-?[0-9]+)?\}")


@dataclass(frozen=True, slots=True)
class RabbitWatermark(Effect):
    """``before`` and ``during`` are Erlang terms. One that is neither at the end was set by somebody else meanwhile."""

    name: ClassVar[str] = "rabbit-watermark"
    unit: str
    uid: int
    gid: int
    before: str
    during: str

    @classmethod
    def of(cls, unit: str, size: int) -> RabbitWatermark:
        """An alarm from ``size`` bytes on.

        Raises:
            FaultError: the broker does not tell what it has now, or in words that can't be given back.
        """
        user = owner.of(unit)
        before = _get(user)
        if not TERM.fullmatch(before):
            raise FaultError(f"the broker's limit of memory is {before!r}, which could not be put back")
        return cls(unit, user.uid, user.gid, before, f"{{absolute,{size}}}")

    @property
    def _user(self) -> owner.Owner:
        return owner.Owner(self.uid, self.gid)

    def do(self) -> None:
        _set(self._user, self.during)

    def undo(self) -> None:
        if self.left():
            _set(self._user, self.before)

    def left(self) -> str:
        if systemd.value(self.unit, "ActiveState") in ("inactive", "failed"):
            return ""
        return f"the broker's limit of memory is still {self.during}" if _get(self._user) == self.during else ""


def _get(user: owner.Owner) -> str:
    return rabbitmqctl.run(user, "eval", "vm_memory_monitor:get_vm_memory_high_watermark().").strip()


def _set(user: owner.Owner, term: str) -> None:
    rabbitmqctl.run(user, "eval", f"vm_memory_monitor:set_vm_memory_high_watermark({term}).")
