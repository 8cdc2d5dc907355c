"""hang: every process of the unit stands still, keeps its sockets and answers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import systemd
from ..effects.frozen import Frozen, stands_still
from .base import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..effects.base import Effect


class Hang(Fault):
    kind = "hang"
    title = "Hang"
    summary = "All processes of the unit are frozen: connections stay open, nothing answers."
    needs = "the cgroup freezer, and a unit without WatchdogSec="

    def check(self) -> str:
        shown = systemd.show(self.unit, "CanFreeze", "WatchdogUSec", "FreezerState")
        watchdog = shown.get("WatchdogUSec", "0")
        if watchdog not in ("", "0", "infinity"):
            # systemd issue 38517: on some versions its watchdog kills it, on others it never thaws
            return f"{self.unit} has WatchdogSec={watchdog}, which a frozen unit does not survive"
        if shown.get("CanFreeze") == "no" or systemd.cgroup(self.unit) is None:
            return f"systemd can't freeze {self.unit}"
        if shown.get("FreezerState", "running") != "running":
            return f"{self.unit} is {shown['FreezerState']} already"
        return ""

    def preview(self) -> list[str]:
        count = len(systemd.processes(self.unit))
        return [f"The {count} processes of {self.unit} stand still; their clients wait without an answer."]

    def effects(self) -> Iterable[Effect]:
        yield Frozen(self.unit)

    def verify(self) -> str:
        return "" if stands_still(self.unit) else f"the kernel does not say that {self.unit} is frozen"
