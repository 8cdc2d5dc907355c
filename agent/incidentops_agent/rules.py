"""Pure rules: given what is known and the time, what is the health of a service, and what would bring things back.

No I/O, no clock, no randomness: the same input gives the same answer and the same sentence, always.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from .model import Health, ProbeOutcome, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .catalogue import Catalogue
    from .model import ProbeView, ServiceSpec, UnitView

FAILURES_UNTIL_UNRESPONSIVE = 2
START_GRACE = 10.0
"""Seconds that a unit may be active before probes that never succeeded make it unresponsive."""

START_LIMIT_HIT = "it was started too often in a short time and systemd refuses to go on (start limit hit)"

_RESULTS = {
    "timeout": "a start or stop took longer than systemd allows",
    "oom-kill": "the kernel killed it because memory ran out",
    "start-limit-hit": START_LIMIT_HIT,
    "watchdog": "it stopped answering systemd's watchdog",
    "resources": "systemd could not give it what it needs to run (resources)",
    "protocol": "it did not follow the start-up protocol of its unit type",
    "exec-condition": "its ExecCondition said no",
}

# Exit statuses with which systemd says that it could not even begin: systemd.exec(5), "Process Exit Codes".
NOT_BEGUN = {
    200: "its working directory can't be entered",
    203: "its program can't be executed",
    216: "its group does not exist",
    217: "its user does not exist",
    226: "its sandbox could not be set up",
    228: "its system call filter could not be set up",
    238: "its state directory could not be set up",
    243: "its credentials could not be set up",
}

ACTIVE = ("active", "reloading", "refreshing")
DOWN = ("inactive", "failed", "deactivating")


def restarts_itself(unit: UnitView | None) -> bool:
    """Whether systemd starts a unit again by itself when it dies (Restart=)."""
    return unit is not None and unit.restart_policy not in ("no", "")


def given_up(unit: UnitView) -> bool:
    """Whether systemd has no restart of its own in mind for a unit that failed. Since version 254 it shows a unit as
    failed for a moment before it restarts it."""
    return unit.active_state == "failed" and not unit.sub_state.endswith("before-auto-restart")


def signal_name(number: int) -> str:
    """SIGKILL for 9; a number that has no name is given as it is."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def is_starting(unit: UnitView) -> bool:
    """Whether its processes are being started now; not while systemd waits to restart it."""
    return unit.active_state == "activating" and not unit.sub_state.startswith("auto-restart")


# ExecMainCode= is the si_code of waitid(2): CLD_KILLED and CLD_DUMPED.
_KILLED = {2: "signal", 3: "core-dump"}


def ending(unit: UnitView) -> str:
    """Result=, but what became of the main process where Result= tells of another one: when postgres is killed, its
    ExecStop= fails too, and the result is exit-code."""
    return _KILLED.get(unit.exec_main_code, unit.result) if unit.result == "exit-code" else unit.result


def failure_reason(unit: UnitView) -> str:
    """One sentence that says how the last run of a unit ended, from its Result, and the code and status of its exit."""
    how = ending(unit)
    if how == "exit-code" and unit.exec_main_status == 0:
        return "a start or stop command of its unit failed"
    if how == "exit-code":
        meaning = NOT_BEGUN.get(unit.exec_main_status)
        return f"its main process exited with status {unit.exec_main_status}" + (f" ({meaning})" if meaning else "")
    if how in ("signal", "core-dump"):
        dumped = " and dumped core" if how == "core-dump" else ""
        return f"its main process was killed by {signal_name(unit.exec_main_status)}{dumped}"
    return _RESULTS.get(how, f"systemd gives the result {how!r}")


def _active_health(unit: UnitView, probe: ProbeView, spec: ServiceSpec, now: float) -> Health:
    if unit.freezer_state in ("frozen", "freezing"):
        return Health(State.UNRESPONSIVE, "its processes are frozen (systemctl thaw releases them)")
    if spec.probe.kind == "none":
        return Health(State.HEALTHY)
    last = probe.last
    if last.outcome is ProbeOutcome.OK:
        return Health(State.HEALTHY, last.message)
    if last.outcome is ProbeOutcome.UNAVAILABLE:
        return Health(State.HEALTHY, f"not probed: {last.message}")
    waiting = not probe.ever_ok and 0 <= now - unit.active_enter_usec / 1e6 < START_GRACE
    if last.outcome is ProbeOutcome.NONE or (waiting and probe.failures):
        return Health(State.STARTING, "active, its first answer to the probe is awaited")
    if probe.failures >= FAILURES_UNTIL_UNRESPONSIVE:
        return Health(State.UNRESPONSIVE, f"active, but its probe fails: {last.message}")
    return Health(State.HEALTHY, f"one probe failed: {last.message}")


def health(spec: ServiceSpec, unit: UnitView | None, probe: ProbeView, main_exited: bool, now: float) -> Health:
    """The health of one service.

    Args:
        unit: PID 1's last word, None when there was none yet.
        main_exited: the kernel says that the main process is gone, PID 1 has not said so yet.
        now: seconds since the epoch.
    """
    if unit is None:
        return Health(State.UNKNOWN, "systemd has not answered yet")
    if unit.active_state in ACTIVE:
        if main_exited:
            return Health(State.STOPPING, f"its main process {unit.main_pid} is gone; systemd has not said yet why")
        return _active_health(unit, probe, spec, now)
    if unit.active_state == "activating":
        if is_starting(unit) and probe.last.outcome is ProbeOutcome.OK:
            return Health(State.HEALTHY, "answers its probe; systemd still calls it activating")
        if not is_starting(unit):
            # Between the end and the new start, systemd has forgotten the result already.
            how = "" if unit.result == "success" else f"; {failure_reason(unit)}"
            return Health(State.STARTING, f"systemd restarts it by itself{how}")
        return Health(State.STARTING, "systemd is starting it")
    if unit.active_state == "deactivating":
        return Health(State.STOPPING, "systemd is stopping it")
    if unit.active_state == "failed":
        return Health(State.FAILED, failure_reason(unit))
    if unit.active_state == "inactive":
        return _inactive_health(unit)
    return Health(State.UNKNOWN, f"systemd calls it {unit.active_state!r}")


def _inactive_health(unit: UnitView) -> Health:
    if unit.load_state == "masked":
        return Health(State.STOPPED, f"{unit.unit} is masked: it can't be started until it is unmasked")
    if unit.load_state == "not-found":
        return Health(State.NOT_INSTALLED, f"there is no unit {unit.unit}")
    if unit.load_state in ("error", "bad-setting"):
        return Health(State.FAILED, f"the unit file of {unit.unit} can't be loaded ({unit.load_state})")
    if unit.condition_usec and not unit.condition_result:
        return Health(State.STOPPED, "a condition of its unit was not met when it was last started")
    return Health(State.STOPPED, "stopped")


def levels(names: Iterable[str], catalogue: Catalogue) -> list[list[str]]:
    """Order services so that each comes after all that it needs; the names of one level don't need each other.

    Within a level names are in alphabetical order. Needs that lead through services which are not in ``names`` count.
    """
    remaining = set(names)
    needed = {name: needs(name, catalogue.services) for name in remaining}
    ordered: list[list[str]] = []
    while remaining:
        level = sorted(name for name in remaining if not needed[name] & remaining)
        ordered.append(level)
        remaining.difference_update(level)
    return ordered


def needs(name: str, services: Mapping[str, ServiceSpec]) -> set[str]:
    """Everything that ``name`` needs, directly or not."""
    found: set[str] = set()
    todo = list(services[name].depends_on)
    while todo:
        dependency = todo.pop()
        if dependency not in found:
            found.add(dependency)
            todo.extend(services[dependency].depends_on)
    return found
