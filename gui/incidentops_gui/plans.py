"""The plan of a remediation, and what came of one: typed, by the same rules as wire.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .fields import Fields

if TYPE_CHECKING:
    from .answers import Remediation


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to one service. Steps of one ``level`` are done at the same time, lower levels first.

    ``deadline`` is seconds. ``outcome``, ``reason`` and ``took`` (seconds) are of a step that was taken, else empty.
    """

    service: str
    unit: str
    level: int
    cause: str
    sentence: str
    evidence: tuple[str, ...]
    action: str
    effect: str
    touches: tuple[str, ...]
    deadline: float | None
    outcome: str = ""
    reason: str = ""
    took: float | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """``id`` names exactly these steps; ``at`` is seconds since the epoch by the agent's clock."""

    id: str
    at: float | None
    steps: tuple[Step, ...]
    message: str = ""
    done: bool = False

    @property
    def levels(self) -> list[tuple[int, list[Step]]]:
        """The steps by level, the first to be done first."""
        found: dict[int, list[Step]] = {}
        for step in self.steps:
            found.setdefault(step.level, []).append(step)
        return sorted(found.items())


def plan(value: Any) -> Plan:
    """The answer of GET /remediate/plan."""
    fields = Fields(value, "")
    steps = tuple(_step(one) for one in fields.sections("steps"))
    return Plan(fields.text("plan"), fields.time_or_none("at"), steps, fields.text_or("message"))


def _step(fields: Fields) -> Step:
    return Step(
        service=fields.text("service"),
        unit=fields.text_or("unit"),
        level=fields.whole_or("level"),
        cause=fields.text_or("cause"),
        sentence=fields.text_or("sentence"),
        evidence=fields.texts("evidence") if fields.has("evidence") else (),
        action=fields.text("action"),
        effect=fields.text_or("effect"),
        touches=fields.texts("touches") if fields.has("touches") else (),
        deadline=fields.number_or_none("deadline_seconds"),
    )


def ran(answer: Remediation) -> Plan:
    """The steps that a remediation took, with what came of each."""
    steps = tuple(
        Step(
            service=one.service,
            unit="",
            level=one.level,
            cause=one.cause,
            sentence=one.sentence,
            evidence=(),
            action=one.action,
            effect="",
            touches=(),
            deadline=None,
            outcome=one.outcome,
            reason=one.reason,
            took=one.duration,
            verified=one.verified,
        )
        for one in answer.steps
    )
    return Plan(answer.plan, None, steps, done=True)
