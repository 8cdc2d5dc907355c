"""Pure planning of a remediation: what is done, in which order, and what else is touched by it.

The same findings give the same plan with the same id, always. Nothing comes before what it needs, what is healthy has
no step, and nothing has two.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import rules
from .causes import Cause, Remedy, remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from .catalogue import Catalogue
    from .causes import Diagnosis
    from .model import ServiceSpec

RECOVERY_GRACE = 3.0
"""Seconds in which a service may come back by itself once what it needs is back."""
STARTS = (Remedy.START, Remedy.RESET_AND_START)


@dataclass(frozen=True, slots=True)
class Finding:
    """A service that is down. ``unit`` is the name of its unit now; ``touches`` are the services and units that a
    restart of it would take down too or cut off."""

    unit: str
    diagnosis: Diagnosis
    active: bool = False
    touches: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What is done about one service. ``level`` counts from 1: the steps of one level are made at the same time, after
    those of all levels before. ``deadline`` is seconds, from the step's beginning to its verification."""

    service: str
    unit: str
    level: int
    cause: Cause
    sentence: str
    evidence: tuple[str, ...]
    action: Remedy
    effect: str
    touches: tuple[str, ...]
    deadline: float

    def view(self) -> dict[str, Any]:
        return {
            "service": self.service,
            "unit": self.unit,
            "level": self.level,
            "cause": self.cause.value,
            "sentence": self.sentence,
            "evidence": list(self.evidence),
            "action": self.action.value,
            "effect": self.effect,
            "touches": list(self.touches),
            "deadline_seconds": float(self.deadline),
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """``id`` tells plans apart by what they do and why: not by times, process numbers or evidence."""

    id: str
    steps: tuple[Step, ...]


def make(findings: Mapping[str, Finding], catalogue: Catalogue) -> Plan:
    """The plan for all that is down. ``findings`` are of services of the catalogue, one for each that is down."""
    steps: list[Step] = []
    left_down: set[str] = set()
    for number, names in enumerate(rules.levels(findings, catalogue), start=1):
        made = [_step(catalogue.services[name], findings[name], number, left_down) for name in names]
        left_down.update(step.service for step in made if step.action is Remedy.SKIP)
        steps += made
    return Plan(identify(steps), tuple(steps))


def identify(steps: Iterable[Step]) -> str:
    """16 hex digits of SHA-256 over what decides: who, by which unit, when, why, what, and whom else it hits."""
    decides = [[s.service, s.unit, s.level, s.cause.value, s.action.value, list(s.touches)] for s in steps]
    return hashlib.sha256(json.dumps(decides, separators=(",", ":")).encode()).hexdigest()[:16]


def _step(spec: ServiceSpec, finding: Finding, level: int, left_down: set[str]) -> Step:
    found = finding.diagnosis
    action = remedy(found.cause)
    blocked = sorted(set(spec.depends_on) & left_down)
    if blocked and action is not Remedy.SKIP:
        action = Remedy.SKIP
        effect = f"nothing: it needs {', '.join(blocked)}, which can't be brought back"
    else:
        effect = _effect(action, finding, spec)
    may_restart = action in (Remedy.RESTART, Remedy.THAW) or (action is Remedy.WAIT and finding.active)
    return Step(
        service=spec.name,
        unit=finding.unit,
        level=level,
        cause=found.cause,
        sentence=found.sentence,
        evidence=found.evidence,
        action=action,
        effect=effect,
        touches=finding.touches if may_restart else (),
        deadline=_deadline(action, finding, spec),
    )


def _deadline(action: Remedy, finding: Finding, spec: ServiceSpec) -> float:
    """Seconds that a step may take: what is waited for first, then a start."""
    if action is Remedy.SKIP:
        return 0.0
    first = 0.0
    if action is Remedy.THAW:
        first = answer_after_thaw(spec)
    elif action is Remedy.WAIT:
        starting = finding.diagnosis.cause is Cause.STARTING
        first = start_grace(spec, finding.active) if starting else RECOVERY_GRACE
    return first + spec.start_deadline


def start_grace(spec: ServiceSpec, active: bool) -> float:
    """Seconds that a start gets which somebody else asked for: systemd's part may take as long as in one of ours, the
    first answer of what is active may not."""
    return rules.START_GRACE if active else spec.start_deadline


def answer_after_thaw(spec: ServiceSpec) -> float:
    """Seconds that a service gets to answer after it was thawed: it need not start, only go on."""
    return min(spec.start_deadline, rules.START_GRACE)


def _effect(action: Remedy, finding: Finding, spec: ServiceSpec) -> str:
    unit = finding.unit
    works = "is active" if spec.probe.kind == "none" else "answers its probe"
    if action is Remedy.START:
        return f"{unit} is started and {works} within {spec.start_deadline:g} s"
    if action is Remedy.RESET_AND_START:
        return f"its start limit is lifted, {unit} is started and {works} within {spec.start_deadline:g} s"
    if action is Remedy.RESTART:
        return f"{unit} is stopped, started again and {works} within {spec.start_deadline:g} s"
    if action is Remedy.THAW:
        seconds = answer_after_thaw(spec)
        return f"its processes go on where they were; when it does not answer within {seconds:g} s it is restarted"
    if action is Remedy.WAIT:
        return _effect_of_waiting(finding, spec)
    return "nothing: remediation can't bring it back"


def _effect_of_waiting(finding: Finding, spec: ServiceSpec) -> str:
    if finding.diagnosis.cause is Cause.STARTING:
        return f"its start is awaited for {start_grace(spec, finding.active):g} s; after that it is restarted"
    if finding.active:
        return f"once what it needs is back it gets {RECOVERY_GRACE:g} s to recover by itself, then it is restarted"
    return "it is started once what it needs is back"


def admits(planned: Remedy, fresh: Remedy) -> bool:
    """Whether a step may do ``fresh`` about what is found just before it, when ``planned`` is what was agreed to: the
    same, or less, or what the planned one would have ended in."""
    if fresh in (planned, Remedy.NONE, Remedy.SKIP, Remedy.WAIT):
        return True
    if planned in STARTS:
        return fresh in STARTS
    return planned in (Remedy.RESTART, Remedy.THAW, Remedy.WAIT)


def difference(old: Plan | None, new: Plan) -> list[str]:
    """What makes ``new`` another plan than ``old``, a line per service; an unknown old one counts as empty."""
    before = {step.service: step for step in old.steps} if old is not None else {}
    after = {step.service: step for step in new.steps}
    lines = []
    for name in sorted(before.keys() | after.keys()):
        was, is_now = before.get(name), after.get(name)
        if was is None or is_now is None or identify([was]) != identify([is_now]):
            lines.append(f"{name}: {_short(was, is_now)} -> {_short(is_now, was)}")
    return lines


def _short(step: Step | None, other: Step | None) -> str:
    """A step in few words; what both have in common and nobody asks for is left out."""
    if step is None:
        return "nothing"
    text = f"{step.action} ({step.cause})"
    if other is not None and (step.action, step.cause) == (other.action, other.cause):
        if step.unit != other.unit:
            text += f" of {step.unit}"
        if step.level != other.level:
            text += f" in level {step.level}"
        if step.touches != other.touches:
            text += f" touching {', '.join(step.touches) or 'nothing else'}"
    return text
