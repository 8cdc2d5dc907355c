"""The state that a service was in before: the first effect of every fault, and so the last to be undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .. import systemd
from .base import Effect


@dataclass(frozen=True, slots=True)
class UnitState(Effect):
    """Changes nothing. Its undoing brings the unit up if it was up, and whatever went down with it.

    ``renew`` tells which run that began during the fault is replaced, because it carries the fault's settings on:
    ``never``, ``unfinished`` (it is still starting), ``always``. ``invocation`` is the run before the fault.
    ``deadline`` is how long a start may take, in seconds.
    """

    name: ClassVar[str] = "unit-state"
    unit: str
    was_active: bool
    invocation: str
    dependants: list[str]
    renew: str
    deadline: float

    @classmethod
    def of(cls, unit: str, renew: str, deadline: float) -> UnitState:
        shown = systemd.show(unit, "ActiveState", "InvocationID")
        was_active = shown["ActiveState"] in systemd.UP
        return cls(unit, was_active, shown.get("InvocationID", ""), systemd.go_down_with(unit), renew, deadline)

    def do(self) -> None:
        return

    def undo(self) -> None:
        if not self.was_active or _wanted_down(self.unit):
            return
        shown = systemd.show(self.unit, "ActiveState", "InvocationID")
        fresh = shown.get("InvocationID") != self.invocation
        unfinished = shown["ActiveState"] == "activating"
        if fresh and (self.renew == "always" or (self.renew == "unfinished" and unfinished)):
            systemd.restart(self.unit, self.deadline * 2)
        else:
            # also when it is up: a stop that a killed process asked for may still wait, and gives way to this
            systemd.start(self.unit, self.deadline)
        for other in self.dependants:
            if not systemd.active(other) and not _wanted_down(other):
                systemd.start(other, self.deadline)

    def left(self) -> str:
        if not self.was_active or _wanted_down(self.unit):
            return ""
        for unit in (self.unit, *self.dependants):
            state = systemd.value(unit, "ActiveState")
            if state not in systemd.UP and not _wanted_down(unit):
                return f"{unit} was active and is {state}"
        return ""


def _wanted_down(unit: str) -> bool:
    """Masked or removed meanwhile, or the whole machine is going down."""
    return systemd.value(unit, "LoadState") in systemd.WANTED_DOWN or systemd.stopping()
