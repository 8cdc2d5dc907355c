"""Faults that are injected on purpose, and the kinds that there are: the typed edge, and what is said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .fields import Fields
from .translate import marked, tr

if TYPE_CHECKING:
    from collections.abc import Mapping

PHASES = {
    "applying": marked("applying"),
    "verifying": marked("taking effect"),
    "active": marked("injected"),
    "undoing": marked("being undone"),
    "verifying-recovery": marked("recovering"),
    "undo-failed": marked("NOT UNDONE"),
}
ENDS = {
    "deadline": marked("its time was over"),
    "revert": marked("reverted"),
    "repeat": marked("undone at the second attempt"),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault. Times are seconds since the epoch by the agent's clock, ``duration`` is seconds.

    ``until``: when it is undone at the latest, known once it is in effect. ``user``: who has asked for it.
    """

    id: str
    kind: str
    service: str
    phase: str
    message: str = ""
    failure: str = ""
    user: str = ""
    ended_by: str = ""
    began: float | None = None
    until: float | None = None
    ended: float | None = None
    duration: float | None = None

    @property
    def over(self) -> bool:
        return self.phase in ("recovered", "failed", "refused", "checked")

    @property
    def holds(self) -> bool:
        """Whether it is in effect until a moment that is known."""
        return self.phase == "active" and self.until is not None

    def left(self, now: float) -> float | None:
        """Seconds that it is still in effect; ``now`` is by the agent's clock."""
        return max(self.until - now, 0.0) if self.holds and self.until is not None else None

    def share(self, now: float) -> float:
        """How much of its time is left, 0 to 1; 0 when it is not counted down."""
        left = self.left(now)
        return min(left / self.duration, 1.0) if left is not None and self.duration else 0.0


def _time(fields: Fields, key: str) -> float | None:
    return fields.time_or_none(key) if fields.has(key) else None


def fault(fields: Fields) -> Fault:
    """A fault as GET /faults, the event ``fault`` and a service's view have it."""
    return Fault(
        id=fields.text("id"),
        kind=fields.text("kind"),
        service=fields.text("service"),
        phase=fields.text("phase"),
        message=fields.text_or("message"),
        failure=fields.text_or("failure"),
        user=fields.text_or("requested_by"),
        ended_by=fields.text_or("ended_by"),
        began=_time(fields, "began"),
        until=_time(fields, "until"),
        ended=_time(fields, "ended"),
        duration=fields.number_or_none("duration_seconds") if fields.has("duration_seconds") else None,
    )


def fault_or_none(fields: Fields | None) -> Fault | None:
    return fault(fields) if fields is not None else None


# -- the catalogue


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a kind takes. ``type``: integer, number, choice, flag, text or service; ``default`` None: it must be given.

    ``low`` and ``high`` bound a number, in ``unit``; ``pattern`` is what a text matches, said in words by ``wanted``.
    """

    name: str
    type: str
    help: str = ""
    default: Any = None
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    choices: tuple[str, ...] = ()
    pattern: str = ""
    wanted: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """``unavailable`` maps services that it is for to why it can't be injected now; the empty text: it can be."""

    name: str
    title: str
    summary: str
    needs: str
    parameters: tuple[Parameter, ...]
    unavailable: Mapping[str, str] = field(default_factory=dict)

    def reason(self, service: str) -> str:
        """Why it can't be injected into a service; empty when it can."""
        if service not in self.unavailable:
            return tr("is not for services like this one")
        return self.unavailable[service]

    def fits(self, words: str) -> bool:
        """Whether every word that is searched for is in its name, its title or what it does."""
        known = f"{self.name} {self.title} {self.summary}".casefold()
        return all(word in known for word in words.casefold().split())


@dataclass(frozen=True, slots=True)
class Catalogue:
    """``default``, ``low`` and ``most`` are how long a fault lasts, in seconds."""

    kinds: tuple[Kind, ...]
    default: float
    low: float
    most: float

    def chosen(self, service: str, words: str) -> list[Kind]:
        """The kinds that fit a search: what can be injected first, each part in the agent's order."""
        found = [kind for kind in self.kinds if kind.fits(words)]
        return sorted(found, key=lambda kind: bool(kind.reason(service)))


def catalogue(value: Any) -> Catalogue:
    """The answer of GET /faults/catalogue."""
    fields = Fields(value, "")
    bounds = fields.section("duration")
    kinds = tuple(_kind(one) for one in fields.sections("kinds"))
    return Catalogue(kinds, bounds.number("default"), bounds.number("low"), bounds.number("most"))


def _kind(fields: Fields) -> Kind:
    unavailable = {}
    for one in fields.sections("services"):
        reason = one.text_or("reason") or tr("the agent does not say why")
        unavailable[one.text("service")] = "" if one.flag("available") else reason
    return Kind(
        name=fields.text("kind"),
        title=fields.text("title"),
        summary=fields.text_or("summary"),
        needs=fields.text_or("needs"),
        parameters=tuple(_parameter(one) for one in fields.sections("parameters")),
        unavailable=unavailable,
    )


def _parameter(fields: Fields) -> Parameter:
    return Parameter(
        name=fields.text("name"),
        type=fields.text("type"),
        help=fields.text_or("help"),
        default=fields.any_or_none("default"),
        unit=fields.text_or("unit"),
        low=fields.number("low") if fields.has("low") else 0.0,
        high=fields.number("high") if fields.has("high") else 0.0,
        choices=fields.texts("choices") if fields.has("choices") else (),
        pattern=fields.text_or("pattern"),
        wanted=fields.text_or("wanted"),
    )


# -- answers


@dataclass(frozen=True, slots=True)
class Preview:
    """What a fault would do, in sentences; ``reason`` says why it can't be injected, empty when it can."""

    lines: tuple[str, ...]
    reason: str


def preview(value: Any) -> Preview:
    fields = Fields(value, "")
    reason = "" if fields.flag("available") else fields.text_or("reason") or tr("the agent does not say why")
    return Preview(fields.texts("preview"), reason)


@dataclass(frozen=True, slots=True)
class Done:
    """How an injection or a revert ended. ``took`` is seconds."""

    fault: Fault | None
    outcome: str
    reason: str
    took: float
    recorded: bool
    message: str = ""


def done(value: Any) -> Done:
    """The answer of POST /faults and DELETE /faults/{id}."""
    return _done(Fields(value, ""))


def _done(fields: Fields) -> Done:
    return Done(
        fault=fault_or_none(fields.section_or_none("fault")),
        outcome=fields.text("outcome"),
        reason=fields.text_or("reason"),
        took=fields.number("duration_seconds"),
        recorded=fields.flag("recorded"),
        message=fields.text_or("message"),
    )


@dataclass(frozen=True, slots=True)
class Panic:
    """What came of reverting everything: a line for each fault that is undone, and for each that is not."""

    reverted: tuple[str, ...]
    left: tuple[str, ...]


def panic(value: Any) -> Panic:
    """The answer of POST /faults/panic, also where some could not be undone."""
    reverted, left = [], []
    for one in (_done(fields) for fields in Fields(value, "").sections("steps")):
        name = named(one.fault) if one.fault is not None else tr("a fault")
        if one.outcome == "failed":
            left.append(f"{name}: {one.reason or one.message}")
        else:
            reverted.append(name)
    return Panic(tuple(reverted), tuple(left))


# -- words


def named(one: Fault) -> str:
    return tr("{kind} of {service}").format(kind=one.kind, service=one.service)


def phase(word: str) -> str:
    """A phase as a person reads it; one of a newer agent as it is."""
    return tr(PHASES[word]) if word in PHASES else word


def line(one: Fault) -> str:
    """What a card says of the fault that is injected into its service, without how long it lasts."""
    if one.phase == "active":
        return tr("Injected: {kind}").format(kind=one.kind)
    return tr("{kind}: {phase}").format(kind=one.kind, phase=phase(one.phase))


def countdown(left: float) -> str:
    """Seconds as a clock that runs down: 0:42, 12:05, 1:02:03."""
    whole = max(int(left + 0.999), 0)
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def role(one: Fault) -> str:
    """The colour of it by its use."""
    return "bad" if one.phase == "undo-failed" else "warn"


def end(one: Fault) -> str:
    """How a fault ended."""
    why = tr(ENDS[one.ended_by]) if one.ended_by in ENDS else one.ended_by
    if one.phase == "recovered":
        return tr("undone ({why})").format(why=why) if why else tr("undone")
    return one.failure or one.message or one.phase
