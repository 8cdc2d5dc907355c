"""The second half: take everything back and verify the recovery. Runs in a process of its own, as often as needed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, TypeVar

from . import command, effects, intake, notify, reach, services, systemd, waiting
from .errors import FaultError
from .kinds import KINDS
from .kinds.base import Order
from .state import OVER, Record, folders, locked

if TYPE_CHECKING:
    from collections.abc import Callable

    from .kinds.base import Fault

T = TypeVar("T")

RECOVERY = 60.0
"""Seconds within which a service must have recovered; the catalogue's start deadline when that is longer."""


def undo(fault_id: str) -> int:
    """Undo a fault; 0 when nothing of it is left, also when there never was anything."""
    intake.check_id(fault_id)
    record = Record(fault_id)
    if not record.exists():
        return 0
    try:
        # the first undo of two may still be at it
        with locked(record.folder, 300):
            return _undo(record) if record.exists() else 0
    except FileNotFoundError:
        return 0
    except FaultError as error:
        return _failed(record, [str(error)])


def undo_all() -> int:
    """Revert every fault: through PID 1 those whose unit runs, here what is left then. For removing the package."""
    command.attempt(command.SYSTEMCTL, "stop", "incidentops-fault@*.service", timeout=300)
    return max([undo(fault_id) for fault_id in folders()], default=0)


def _undo(record: Record) -> int:
    if record.over():  # an earlier attempt said so, and died before the folder was gone
        record.remove()
        return 0
    ended = record.status().get("ended_by") or _ended_by()
    _say(record, "undoing", f"undoing after {ended}", ended_by=ended)
    failures: list[str] = []
    made = list(filter(None, [_tried(failures, effects.restored, line) for line in record.journal()]))
    for effect in reversed(made):
        _tried(failures, effect.undo)
    for effect in made:
        failures += filter(None, [_tried(failures, waiting.settle, effect.left, 5)])
    if failures:
        return _failed(record, failures)
    return _recover(record, ended)


def _tried(failures: list[str], what: Callable[..., T], *arguments: Any) -> T | None:
    """Whatever happens to one effect, a mistake of ours too, the others must still be undone."""
    try:
        return what(*arguments)
    except FaultError as error:
        failures.append(str(error))
    except Exception as error:
        failures.append(f"{type(error).__name__}: {error}")
    return None


def _recover(record: Record, ended: str) -> int:
    """Look until the service has recovered; the fault is over then, and only then."""
    _say(record, "verifying-recovery", "looking whether the service has recovered")
    unseen = ""
    if record.journal() and not systemd.stopping():
        known = record.request()
        try:
            fault = _fault(known)
        except FaultError as error:
            # Its unit is as it was; what more there was to look at, nobody can say any more.
            unseen = f"; {error}, so nothing but its unit was looked at"
        else:
            deadline = max(RECOVERY, fault.order.target.spec.start_deadline)
            if complaint := waiting.settle(lambda: _complaint(fault, known), deadline):
                return _failed(record, [complaint])
    status = record.status()
    verified = bool(status.get("verified"))
    failure = status.get("failure") or ("" if verified else f"it ended by {ended} before it was in effect")
    message = f"{status.get('kind')} of {status.get('service')} is undone{unseen}"
    message += "" if verified else f"; {failure}"
    # The story first: what dies between the two leaves a folder, which the next attempt removes, and nothing that
    # seems to be injected still.
    _say(record, "recovered" if verified else "failed", message, failure=failure, ended=time.time())
    record.remove()
    return 0


def _complaint(fault: Fault, known: dict[str, Any]) -> str:
    if systemd.value(fault.unit, "LoadState") in systemd.WANTED_DOWN:
        return ""
    try:
        # what took no connection before the fault need not after it
        silent = reach.complaint(fault.order.target) if known.get("answered", True) else ""
        return silent or fault.recovered()
    except FaultError as error:
        return str(error)


def _fault(known: dict[str, Any]) -> Fault:
    """The fault from its validated request, on the unit that it had then.

    Raises:
        FaultError: when the catalogue is no longer what it was.
    """
    catalogue = services.load().services
    spec = catalogue.get(known["service"])
    if spec is None:
        raise FaultError(f"the catalogue has no service {known['service']} any more")
    kind = KINDS[known["kind"]]
    others = {}
    for one in kind.parameters:
        name = known["values"].get(one.name)
        if one.type == "service" and name:
            if name not in catalogue:
                raise FaultError(f"the catalogue has no service {name} any more")
            others[one.name] = services.resolve(catalogue[name])
    target = services.Target(spec, known["unit"])
    return kind(Order("0" * 8, target, known["values"], known["duration"], others))


def _ended_by() -> str:
    """What ended the first half, as systemd.exec(5) tells an ExecStopPost=; "repeat" for a second attempt."""
    result, code = os.environ.get("SERVICE_RESULT", ""), os.environ.get("EXIT_CODE", "")
    how = os.environ.get("EXIT_STATUS", "")
    if not result:
        return "repeat"
    if result == "success":
        return "revert" if how == "TERM" or code == "killed" else "deadline"
    return f"{result} ({how})" if how else result


def _failed(record: Record, failures: list[str]) -> int:
    _say(record, "undo-failed", "; ".join(failures), priority=3)
    return 1


def _say(record: Record, phase: str, message: str, priority: int = 6, **changes: Any) -> None:
    told = {"phase": phase, "message": message, "at": time.time(), **changes}
    try:
        status = record.tell(**told)
    except OSError:  # /run may be full: to undo is more than to tell of it
        status = record.status() | told
        if phase in OVER:
            record.untell()
    notify.systemd(STATUS=message)
    notify.journal(message, priority, **notify.fields(status))
