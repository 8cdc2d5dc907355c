"""The chaos service: what it does, and what it would do. The typed edge, and what is said of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import faults
from .faults import Kind
from .fields import Fields
from .translate import marked, tr

if TYPE_CHECKING:
    from collections.abc import Mapping

STATES = {"idle": marked("idle"), "armed": marked("armed"), "disarming": marked("disarming")}
OUTCOMES = {
    "waiting": ("half", "warn", marked("waiting")),
    "injecting": ("half", "warn", marked("injecting")),
    "injected": ("triangle", "bad", marked("injected")),
    "over": ("disc", "good", marked("over")),
    "skipped": ("dashed", "muted", marked("skipped")),
    "failed": ("cross", "bad", marked("failed")),
    "lost": ("question", "warn", marked("not known")),
    "": ("disc", "muted", marked("planned")),
}


@dataclass(frozen=True, slots=True)
class Brief:
    """What the event ``chaos`` tells; ``until`` is seconds since the epoch by the agent's clock."""

    status: str
    until: float | None = None

    @property
    def armed(self) -> bool:
        return self.status in ("armed", "disarming")


@dataclass(frozen=True, slots=True)
class Step:
    """A fault ``at`` seconds after the arming, for ``duration`` seconds. ``outcome`` is empty for what is planned."""

    at: float
    kind: str
    service: str
    duration: float
    outcome: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """``settings`` are those that the plan was made of, with its seed: armed by them, exactly this is done."""

    settings: Mapping[str, Any]
    steps: tuple[Step, ...]
    message: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """The run that is under way, or the last one. ``waiting``: why the next step is not taken yet."""

    brief: Brief
    id: str = ""
    seed: int = 0
    ended_by: str = ""
    planned: int = 0
    waiting: str = ""
    following: Step | None = None
    steps: tuple[Step, ...] = ()
    left: tuple[str, ...] = ()


def brief(value: Any) -> Brief:
    fields = Fields(value, "chaos" if not isinstance(value, dict) else "")
    return Brief(fields.text("status"), fields.time_or_none("until") if fields.has("until") else None)


def plan(value: Any) -> Plan:
    """The answer of POST /chaos/plan."""
    fields = Fields(value, "")
    steps = tuple(_step(one) for one in fields.sections("steps"))
    return Plan(fields.plain("settings"), steps, fields.text_or("message"))


def run(value: Any) -> Run:
    """The answer of GET /chaos, and of arming and disarming."""
    fields = Fields(value, "")
    following = fields.section_or_none("next")
    settings = fields.section_or_none("settings")
    return Run(
        brief=brief(value),
        id=fields.text_or("run"),
        seed=settings.whole_or("seed") if settings is not None else 0,
        ended_by=fields.text_or("ended_by"),
        planned=fields.whole_or("steps_planned"),
        waiting=fields.text_or("waiting"),
        following=_step(following) if following is not None else None,
        steps=tuple(_step(one) for one in fields.sections("steps")) if fields.has("steps") else (),
        left=tuple(f"{name}: {why}" for name, why in fields.plain("left").items()),
    )


def _step(fields: Fields) -> Step:
    return Step(
        at=fields.number("at_seconds"),
        kind=fields.text("kind"),
        service=fields.text("service"),
        duration=fields.number("duration_seconds"),
        outcome=fields.text_or("outcome"),
        reason=fields.text_or("reason"),
    )


# -- what is asked for


def settings_kind() -> Kind:
    """The settings of a run as the fields of a form."""
    number = faults.Parameter
    return Kind(
        "chaos",
        tr("Chaos run"),
        "",
        "",
        (
            number("seconds", "integer", tr("armed for so long"), 600, "seconds", 60, 86_400),
            number("interval", "integer", tr("from one fault to the next, on average"), 60, "seconds", 5, 86_400),
            number("jitter", "number", tr("by which share that may differ"), 0.5, "", 0, 1),
            number("concurrency", "integer", tr("faults at once at most"), 1, "", 1, 10),
            number("services", "text", tr("only these, separated by commas; empty: all"), "", wanted=tr("all")),
            number("kinds", "text", tr("only these, separated by commas; empty: all"), "", wanted=tr("all")),
            number("quiet", "text", tr("times of day without faults, such as 22:00-06:00"), "", wanted=tr("none")),
            number("pause_on_incident", "flag", tr("nothing is injected while an incident is open"), default=False),
            number("seed", "text", tr("the same seed gives the same plan; empty: drawn"), "", wanted=tr("drawn")),
        ),
    )


def settings(values: Mapping[str, Any], duration: int) -> dict[str, Any]:
    """What the form holds, as the agent takes it."""
    made: dict[str, Any] = {**values, "duration": duration}
    for key in ("services", "kinds", "quiet"):
        made[key] = [word.strip() for word in str(values[key]).split(",") if word.strip()]
    seed = str(made.pop("seed")).strip()
    if seed:
        made["seed"] = int(seed) if seed.isdecimal() else seed
    return made


# -- words


def state(word: str) -> str:
    return tr(STATES[word]) if word in STATES else word


def outcome(word: str) -> tuple[str, str, str]:
    """Shape, colour and word of what became of a step; what a newer agent says as it is."""
    shape, role, said = OUTCOMES.get(word, ("question", "muted", ""))
    return shape, role, tr(said) if said else word


def when(step: Step) -> str:
    return f"+{faults.countdown(step.at)}"
