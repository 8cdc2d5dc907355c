"""The second half: take everything back and verify the recovery. Runs in a process of its own, as often as needed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from . import command, effects, intake, notify, reach, services, systemd, waiting
from .errors import FaultError
from .kinds import KINDS
from .kinds.base import Order
from .state import Record, locked, present

if TYPE_CHECKING:
    from .kinds.base import Fault

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
    return max([undo(busy.id) for busy in present()], default=0)


def _undo(record: Record) -> int:
    ended = record.status().get("ended_by") or _ended_by()
    _say(record, "undoing", f"undoing after {ended}", ended_by=ended)
    made = [effects.restored(line) for line in record.journal()]
    failures = []
    for effect in reversed(made):
        try:
            effect.undo()
        except FaultError as error:  # the others must still be undone
            failures.append(str(error))
    for effect in made:
        try:
            failures += filter(None, [waiting.settle(effect.left, 5)])
        except FaultError as error:
            failures.append(str(error))
    if failures:
        return _failed(record, failures)
    return _recover(record)


def _recover(record: Record) -> int:
    """Look until the service has recovered; the fault is over then, and only then."""
    _say(record, "verifying-recovery", "looking whether the service has recovered")
    if record.journal() and not systemd.stopping():
        fault = _fault(record.request())
        deadline = max(RECOVERY, fault.order.target.spec.start_deadline)
        if complaint := waiting.settle(lambda: _complaint(fault), deadline):
            return _failed(record, [complaint])
    status = record.status()
    verified = bool(status.get("verified"))
    failure = status.get("failure") or ("" if verified else f"it ended by {status['ended_by']} before it was in effect")
    record.remove()
    message = f"{status.get('kind')} of {status.get('service')} is undone"
    message += "" if verified else f"; {failure}"
    _say(record, "recovered" if verified else "failed", message, failure=failure, ended=time.time())
    return 0


def _complaint(fault: Fault) -> str:
    try:
        return reach.complaint(fault.order.target) or fault.recovered()
    except FaultError as error:
        return str(error)


def _fault(known: dict[str, Any]) -> Fault:
    """The fault from its validated request, on the unit that it had then."""
    catalogue = services.load().services
    spec = catalogue.get(known["service"])
    if spec is None:
        raise FaultError(f"the catalogue has no service {known['service']} any more")
    kind = KINDS[known["kind"]]
    others = {
        one.name: services.resolve(catalogue[str(known["values"][one.name])])
        for one in kind.parameters
        if one.type == "service" and known["values"].get(one.name)
    }
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
    status = record.tell(phase=phase, message=message, at=time.time(), **changes)
    notify.systemd(STATUS=message)
    notify.journal(message, priority, **notify.fields(status))
