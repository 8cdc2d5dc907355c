"""What the limits of control groups have in common: a drop-in, and a file of the kernel that shows it."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from .. import systemd
from ..effects.drop_in import DropIn
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class Limit(Fault):
    """``controller`` by its kernel name; ``file`` of the unit's control group shows the limit."""

    controller: ClassVar[str]
    file: ClassVar[str]

    @abstractmethod
    def setting(self) -> str:
        """Lines for the [Service] section."""

    @abstractmethod
    def limited(self, text: str) -> bool:
        """Whether this content of the file is the limit that was asked for."""

    def check(self) -> str:
        return lacking(self.controller)

    def effects(self) -> Iterable[Effect]:
        yield DropIn.of(self.unit, self.order.id, f"[Service]\n{self.setting()}\n")

    def verify(self) -> str:
        folder = systemd.cgroup(self.unit)
        if folder is None:
            return f"{self.unit} has no control group"
        try:
            text = (folder / self.file).read_text()
        except OSError:
            return f"{self.file} of {self.unit} can't be read: the {self.controller} controller does not reach it"
        return "" if self.limited(text) else f"{self.file} of {self.unit} is {text.strip()!r}"


def lacking(controller: str) -> str:
    """A sentence when the machine's control groups have no such controller; empty when systemd can use it."""
    try:
        there = (systemd.CGROUPS / "cgroup.controllers").read_text().split()
    except OSError:
        return f"{systemd.CGROUPS} is no unified control group hierarchy"
    if controller in there:
        return ""
    found = f"only {', '.join(there)}" if there else "none at all"
    return f"the {controller} controller is missing in this machine's control groups, which have {found}"
