"""The first half of a fault's life: judge, apply, verify, hold. Its process may die anywhere in here."""

from __future__ import annotations

import signal
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from . import intake, notify, reach, waiting
from .errors import FaultError
from .state import Record, admission, present, prune

if TYPE_CHECKING:
    from .intake import Intake
    from .kinds.base import Fault

GRACE = 30
"""Seconds after the deadline at which the kernel ends this process if it does not end by itself."""


def apply(fault_id: str) -> int:
    """Do what the request with this id asks for; 0 when it was held until its deadline, 1 when it was not to be."""
    record = Record(fault_id)
    try:
        intake.check_id(fault_id)
    except FaultError as error:
        notify.systemd(STATUS=str(error))
        return 1
    if record.used():  # what is told of that one stays as it is
        notify.systemd(STATUS=f"there is, or was, a fault {fault_id} already")
        return 1
    about: dict[str, str] = {}
    try:
        taken = intake.take(fault_id)
        if taken.request.mode != "apply":
            return _look(record, taken)
        asked = taken.request
        about = {"kind": asked.kind, "service": asked.service, "requested_by": asked.user}
        made = intake.fault(record.id, asked, taken.catalogue)
        about["unit"] = made.unit
        _admit(record, taken, made)
    except FaultError as error:
        record.tell(**about, phase="refused", refusal=error.refusal)
        _say(record, "refused", str(error), priority=4)
        return 1
    try:
        _make(record, made)
    except FaultError as error:
        record.tell(failure=str(error))
        _say(record, "applying", str(error), priority=4)
        return 1
    _hold(record, made)
    return 0


def _admit(record: Record, taken: Intake, made: Fault) -> None:
    """Hold the request against the machine, and take the service for this fault.

    Raises:
        FaultError: when it can't be; nothing was changed.
    """
    asked = taken.request
    _room(made, taken)  # first, because a service that another fault stopped is not "not active"
    if reason := intake.unavailable(made):
        raise FaultError(f"{asked.kind} of {asked.service} is unavailable here because {reason}", "unavailable")
    with admission():
        prune()
        _room(made, taken)
        # The folder first, the story after it: a process that dies between the two leaves nothing that seems injected.
        record.create(asdict(asked) | {"unit": made.unit, "answered": not reach.complaint(made.order.target)})


def _room(made: Fault, taken: Intake) -> None:
    """One fault per service, and so many in all.

    Raises:
        FaultError: when there is no room for another one.
    """
    there = present()
    for busy in there:
        if busy.unit == made.unit:
            raise FaultError(f"{made.service} has the fault {busy.id} already; revert that first", "fault-active")
    if len(there) >= taken.settings.max_active:
        message = f"there are {len(there)} faults already, as many as faults.yaml allows at once"
        raise FaultError(message, "too-many")


def _make(record: Record, made: Fault) -> None:
    """Apply and verify.

    Raises:
        FaultError: when the effect is not there. The undoing process takes back what is.
    """
    duration = made.order.duration
    about = {"kind": made.kind, "service": made.service, "unit": made.unit, "parameters": dict(made.order.values)}
    user = record.request()["user"]
    record.tell(**about, phase="applying", requested_by=user, began=time.time(), duration=duration, failure="")
    _say(record, "applying", f"{made.kind} of {made.service} for {duration:g} s")
    before = made.before()
    record.note(before.line())
    for effect in made.effects():
        record.note(effect.line())
        effect.do()
    _say(record, "verifying", "looking for the effect")
    if complaint := waiting.settle(made.verify, made.verify_within):
        raise FaultError(f"{made.kind} of {made.service} had no effect: {complaint}")


def _hold(record: Record, made: Fault) -> None:
    duration = made.order.duration
    deadline = waiting.now() + duration
    # The kernel's own timer: without a handler it ends this process, however busy it is, and PID 1 undoes.
    signal.alarm(int(duration) + GRACE)
    record.tell(verified=time.time(), until=time.time() + duration)
    message = f"{made.kind} of {made.service} is in effect for {duration:g} s"
    _say(record, "active", message, READY="1")
    made.hold(waiting.Hold(deadline, lambda: notify.systemd(WATCHDOG="1")))
    record.tell(ended_by="deadline")
    notify.systemd(STOPPING="1")


def _look(record: Record, taken: Intake) -> int:
    """Answer what may be asked without changing anything: what is possible, and what would be done."""
    asked = taken.request
    if asked.mode == "preview":
        made = intake.fault(record.id, asked, taken.catalogue)
        record.tell(preview=made.preview(), unavailable=intake.unavailable(made))
    else:
        record.tell(capabilities=intake.capabilities(taken.catalogue, asked.kind, asked.service, asked.values))
    record.tell(phase="checked", at=time.time())
    prune()
    notify.systemd(READY="1", STATUS="checked")
    return 0


def _say(record: Record, phase: str, message: str, priority: int = 6, **notified: str) -> None:
    """To the status file, to PID 1 and to the journal."""
    status = record.tell(phase=phase, message=message, at=time.time())
    notify.systemd(STATUS=message, **notified)
    notify.journal(message, priority, **notify.fields(status))
