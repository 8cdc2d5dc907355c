"""Pure: when a service's trouble began, by the best evidence that there is, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import rules
from .causes import Cause
from .model import State

if TYPE_CHECKING:
    from .causes import Diagnosis
    from .model import UnitView

CLOCK_STEP = 0.001
"""Seconds by which a time stamp of PID 1 may lie after ours: we round differently."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that somebody injected on purpose; ``at`` is when, in seconds since the epoch."""

    id: str
    kind: str
    at: float

    def told(self, detected: float) -> dict[str, Any]:
        """The detail of the fact that it is where an incident began which was detected then."""
        return {
            "fault": {"id": self.id, "kind": self.kind},
            "began": self.at,
            "ttd": max(0.0, detected - self.at),
            "text": f"the fault {self.kind} was injected",
        }


class Injected:
    """The faults that are in force, one per service."""

    def __init__(self) -> None:
        self._known: dict[str, Fault] = {}

    def injected(self, service: str, fault: Fault) -> None:
        self._known[service] = fault

    def cleared(self, service: str, fault_id: str) -> None:
        if service in self._known and self._known[service].id == fault_id:
            del self._known[service]

    def of(self, service: str) -> Fault | None:
        return self._known.get(service)

    def forget(self, service: str) -> None:
        """What it has done is over: what comes next is not its doing."""
        self._known.pop(service, None)


@dataclass(frozen=True, slots=True)
class Onset:
    """``began`` and ``detected`` are seconds since the epoch; ``source`` says who knows of the beginning, ``seen_by``
    who noticed: kernel, systemd, probe, agent or fault."""

    began: float
    source: str
    text: str
    detected: float
    seen_by: str


@dataclass(frozen=True, slots=True)
class Left:
    """How a service left healthy. ``action`` and ``user``: what was being done to it then, empty for nothing."""

    onset: Onset
    action: str
    user: str


def described(name: str, left: Left, found: Diagnosis | None, reason: str, fault: Fault | None) -> dict[str, Any]:
    """Why ``name``, the root of an incident, is down and since when, as its facts tell it. ``reason``: its health's."""
    about: dict[str, Any] = {
        "began": left.onset.began,
        "began_source": left.onset.source,
        "cause": found.cause.value if found else Cause.UNKNOWN.value,
        "sentence": found.sentence if found else reason,
        "evidence": list(found.evidence) if found else [],
        "deliberate": left.action == "stop",
    }
    if fault is not None:
        about["fault"] = {"id": fault.id, "kind": fault.kind}
    if left.action == "stop":
        about["cause"] = Cause.STOPPED.value
        about["sentence"] = f"{name} was stopped by {left.user or 'nobody known'}"
    return about


def onset(
    state: State,
    unit: UnitView | None,
    main_exited: bool,
    last_good: float | None,
    fault: Fault | None,
    now: float,
) -> Onset:
    """When it began.

    Args:
        state: what the service is in now, after healthy.
        unit: PID 1's last word.
        main_exited: the kernel says that the main process is gone, PID 1 has not said so yet.
        last_good: when a probe last got a good answer, seconds since the epoch.
        fault: the fault that was injected, if one was.
        now: when its state left healthy, seconds since the epoch.
    """
    seen_by = "kernel" if main_exited else "probe" if state is State.UNRESPONSIVE else "systemd"
    if fault is not None and fault.at <= now:
        return Onset(fault.at, "fault", f"the fault {fault.kind} was injected", now, seen_by)
    if main_exited:
        pid = unit.main_pid if unit is not None else 0
        return Onset(now, "kernel", f"its main process {pid} ended", now, seen_by)
    if state is State.UNRESPONSIVE or unit is None or unit.active_state in rules.ACTIVE:
        if last_good is not None and last_good <= now:
            return Onset(last_good, "probe", "its probe got its last good answer", now, seen_by)
        return Onset(now, "probe", "no good answer of its probe is known", now, seen_by)
    exited = _plausible(unit.exec_main_exit_usec, unit, now)
    left = _plausible(unit.active_exit_usec, unit, now)
    if exited is not None and (left is None or exited <= left):
        return Onset(min(exited, now), "systemd", "its main process ended", now, seen_by)
    if left is not None:
        return Onset(min(left, now), "systemd", "its unit left the state active", now, seen_by)
    changed = _plausible(unit.state_change_usec, unit, now)
    if changed is not None:
        return Onset(min(changed, now), "systemd", f"its unit became {unit.active_state}", now, seen_by)
    return Onset(now, "systemd", f"its unit is {unit.active_state}", now, seen_by)


def _plausible(usec: int, unit: UnitView, now: float) -> float | None:
    """A time stamp of PID 1 in seconds, if it can be of the run that has just ended."""
    at = usec / 1e6
    return at if usec and unit.active_enter_usec <= usec and at <= now + CLOCK_STEP else None
