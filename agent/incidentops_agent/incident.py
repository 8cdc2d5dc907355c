"""Pure: what an incident is, and how its record grows with each fact.

Everything that happens to incidents is a ``Fact``. The live agent makes facts, has them applied to its ``Book`` and
writes them to the audit trail; after a restart the same facts from the trail, applied in the same order, make the same
book. So nothing may be known of an incident that no fact tells.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from .causes import Cause

if TYPE_CHECKING:
    from collections.abc import Mapping

STAYED = 10.0
"""Seconds that every member must have been healthy for the incident to be over."""
TIMELINE_MOST = 200
SPANS_MOST = 50
"""Times of being down that are kept apart per member; the oldest are joined beyond that."""


class Phase(StrEnum):
    OPEN = "open"
    RECOVERED = "recovered"
    CLOSED = "closed"


class Kind(StrEnum):
    """The facts; each is the action of an audit row."""

    OPENED = "incident-opened"
    JOINED = "incident-joined"
    MERGED = "incident-merged"
    CAUSE = "incident-cause"
    ACTION = "incident-action"
    ACKNOWLEDGED = "incident-acknowledged"
    RECOVERED = "incident-recovered"
    RELAPSED = "incident-relapsed"
    CLOSED = "incident-closed"


@dataclass(frozen=True, slots=True)
class Fact:
    """``at`` is seconds since the epoch; ``user`` who did it, empty for the agent; ``detail`` is JSON."""

    kind: Kind
    incident: str
    service: str
    at: float
    detail: Mapping[str, Any] = field(default_factory=dict)
    user: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a timeline. ``source``: kernel, systemd, probe, operator, agent or fault."""

    at: float
    what: str
    service: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Span:
    """A time of being down, seconds since the epoch; ``end`` is None while it lasts."""

    begin: float
    end: float | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A service of an incident. ``left`` is when its state left healthy."""

    name: str
    left: float
    spans: tuple[Span, ...]

    @property
    def down(self) -> bool:
        return self.spans[-1].end is None


@dataclass(frozen=True, slots=True)
class Incident:
    """The record of one incident; times are seconds since the epoch, ``ttd``, ``tta`` and ``ttr`` seconds."""

    id: str
    phase: Phase
    root: str
    members: tuple[Member, ...]
    cause: str
    sentence: str
    evidence: tuple[str, ...]
    deliberate: bool
    fault: Mapping[str, str] | None
    began: float
    began_source: str
    detected: float
    timeline: tuple[Moment, ...]
    acknowledged: float | None = None
    acknowledged_by: str | None = None
    note: str = ""
    first_action: float | None = None
    recovered: float | None = None
    closed: float | None = None
    ttd: float | None = None
    tta: float | None = None
    ttr: float | None = None

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.members)

    def member(self, name: str) -> Member | None:
        return next((one for one in self.members if one.name == name), None)

    def is_down(self, name: str) -> bool:
        member = self.member(name)
        return member is not None and member.down

    @property
    def live(self) -> bool:
        return self.phase is not Phase.CLOSED


# -- how a record grows


def opened(fact: Fact) -> Incident:
    about = fact.detail
    began = float(about.get("began", fact.at))
    source = str(about.get("began_source", "agent"))
    moments = (
        Moment(began, "began", fact.service, str(about.get("began_text", "it began")), source),
        Moment(fact.at, "detected", fact.service, str(about.get("text", "it left healthy")), str(about.get("source"))),
    )
    fault = about.get("fault")
    return Incident(
        id=fact.incident,
        phase=Phase.OPEN,
        root=fact.service,
        members=(Member(fact.service, fact.at, (Span(began),)),),
        cause=str(about.get("cause", Cause.UNKNOWN)),
        sentence=str(about.get("sentence", "")),
        evidence=tuple(map(str, about.get("evidence", ()))),
        deliberate=bool(about.get("deliberate", False)),
        fault=_named(fault) if fault else None,
        began=began,
        began_source=source,
        detected=fact.at,
        timeline=moments,
        ttd=_seconds(about.get("ttd")),
    )


def _joined(before: Incident, fact: Fact) -> Incident:
    """A further member; with a ``root`` in its detail that one takes over, and its cause is the incident's."""
    about = fact.detail
    began = float(about.get("began", fact.at))
    fresh = Member(fact.service, fact.at, (Span(began),))
    grown = replace(
        before,
        phase=Phase.OPEN,
        recovered=None,
        ttr=None,
        members=(*(one for one in before.members if one.name != fact.service), fresh),
    )
    grown = _told(grown, Moment(fact.at, "joined", fact.service, str(about.get("text", "")), str(about.get("source"))))
    if about.get("root") != fact.service:
        return grown
    fault = about.get("fault")
    earlier = began < grown.began
    return replace(
        grown,
        root=fact.service,
        cause=str(about.get("cause", grown.cause)),
        sentence=str(about.get("sentence", grown.sentence)),
        evidence=tuple(map(str, about.get("evidence", ()))),
        deliberate=bool(about.get("deliberate", False)),
        fault=_named(fault) if fault else grown.fault,
        began=min(began, grown.began),
        began_source=str(about.get("began_source")) if earlier else grown.began_source,
        ttd=_seconds(about.get("ttd")) if about.get("ttd") is not None else grown.ttd,
    )


def merged(into: Incident, other: Incident, fact: Fact) -> Incident:
    """Two incidents that turned out to be one. What ``other`` knew first counts."""
    names = into.services
    first = other if other.detected < into.detected else into
    grown = replace(
        into,
        members=(*into.members, *(one for one in other.members if one.name not in names)),
        began=min(into.began, other.began),
        began_source=other.began_source if other.began < into.began else into.began_source,
        detected=first.detected,
        ttd=_seconds(fact.detail.get("ttd")) if fact.detail.get("ttd") is not None else first.ttd,
        first_action=_earlier(into.first_action, other.first_action),
    )
    if into.acknowledged is None and other.acknowledged is not None:
        grown = replace(
            grown,
            acknowledged=other.acknowledged,
            acknowledged_by=other.acknowledged_by,
            note=other.note,
            tta=other.tta,
        )
    both = sorted({*into.timeline, *other.timeline}, key=lambda one: one.at)
    text = f"{', '.join(other.services)}: incident {other.id} has the same cause and goes on as {into.id}"
    return _told(replace(grown, timeline=_bounded(both)), Moment(fact.at, "joined", fact.service, text, "agent"))


def _cause(before: Incident, fact: Fact) -> Incident:
    """More is known of why it began; with a ``fault`` in its detail, also when."""
    about = fact.detail
    fault = about.get("fault")
    if fault:
        began = float(about["began"])
        first = Moment(began, "began", fact.service, str(about.get("text", "")), "fault")
        others = [one for one in before.timeline if (one.what, one.service) != ("began", fact.service)]
        return replace(
            before,
            fault=_named(fault),
            began=began,
            began_source="fault",
            ttd=_seconds(about.get("ttd")),
            timeline=_bounded(sorted([first, *others], key=lambda one: one.at)),
        )
    grown = replace(
        before,
        cause=str(about.get("cause", before.cause)),
        sentence=str(about.get("sentence", before.sentence)),
        evidence=tuple(map(str, about.get("evidence", before.evidence))),
    )
    return _told(grown, Moment(fact.at, "cause", fact.service, grown.sentence, str(about.get("source", "systemd"))))


def _action(before: Incident, fact: Fact) -> Incident:
    by_agent = fact.detail.get("by") == "agent"
    moment = Moment(
        fact.at, "action", fact.service, str(fact.detail.get("text", "")), "agent" if by_agent else "operator"
    )
    first = before.first_action if before.first_action is not None else fact.at
    return _told(replace(before, first_action=first), moment)


def _acknowledged(before: Incident, fact: Fact) -> Incident:
    """The first acknowledgement counts; a later note replaces the one before."""
    note = str(fact.detail.get("note", ""))
    text = f"acknowledged by {fact.user or 'nobody known'}" + (f": {note}" if note else "")
    grown = _told(before, Moment(fact.at, "acknowledged", fact.service, text, "operator"))
    if before.acknowledged is not None:
        return replace(grown, note=note or before.note)
    return replace(
        grown,
        acknowledged=fact.at,
        acknowledged_by=fact.user,
        note=note,
        tta=_seconds(fact.detail.get("tta")),
    )


def _recovered(before: Incident, fact: Fact) -> Incident:
    """One member is healthy again; with the last one the incident is."""
    members = tuple(_up(one, fact.at) if one.name == fact.service else one for one in before.members)
    text, source = str(fact.detail.get("text", "")), str(fact.detail.get("source"))
    grown = _told(replace(before, members=members), Moment(fact.at, "recovered", fact.service, text, source))
    if any(one.down for one in members):
        return grown
    last = max(one.spans[-1].end or fact.at for one in members)
    return replace(grown, phase=Phase.RECOVERED, recovered=last, ttr=_seconds(fact.detail.get("ttr")))


def _up(member: Member, at: float) -> Member:
    last = member.spans[-1]
    if last.end is not None:
        return member
    return replace(member, spans=(*member.spans[:-1], Span(last.begin, max(at, last.begin))))


def _relapsed(before: Incident, fact: Fact) -> Incident:
    began = float(fact.detail.get("began", fact.at))

    def down(member: Member) -> Member:
        if member.name != fact.service or member.down:
            return member
        end = member.spans[-1].end
        spans = (*member.spans, Span(began if end is None else max(began, end)))
        if len(spans) > SPANS_MOST:
            spans = (Span(spans[0].begin, spans[1].end), *spans[2:])
        return replace(member, spans=spans)

    moment = Moment(fact.at, "relapsed", fact.service, str(fact.detail.get("text", "")), str(fact.detail.get("source")))
    members = tuple(map(down, before.members))
    return _told(replace(before, phase=Phase.OPEN, members=members, recovered=None, ttr=None), moment)


def _closed(before: Incident, fact: Fact) -> Incident:
    text = str(fact.detail.get("text") or f"healthy for {STAYED:g} s")
    grown = _told(before, Moment(fact.at, "closed", before.root, text, "agent"))
    return replace(grown, phase=Phase.CLOSED, closed=fact.at)


GROW = {
    Kind.JOINED: _joined,
    Kind.CAUSE: _cause,
    Kind.ACTION: _action,
    Kind.ACKNOWLEDGED: _acknowledged,
    Kind.RECOVERED: _recovered,
    Kind.RELAPSED: _relapsed,
    Kind.CLOSED: _closed,
}


def _told(before: Incident, moment: Moment) -> Incident:
    return replace(before, timeline=_bounded([*before.timeline, moment]))


def _bounded(moments: list[Moment]) -> tuple[Moment, ...]:
    """How it began and what came last; of a flapping service's many moments the middle is left out."""
    if len(moments) > TIMELINE_MOST:
        moments = [*moments[: TIMELINE_MOST // 2], *moments[-(TIMELINE_MOST // 2) :]]
    return tuple(moments)


def _named(fault: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(fault.get(key, "")) for key in ("id", "kind")}


def _seconds(value: Any) -> float | None:
    """A duration, which is never shown as negative; None for what is none."""
    return max(0.0, float(value)) if isinstance(value, int | float) else None


def _earlier(*moments: float | None) -> float | None:
    return min((at for at in moments if at is not None), default=None)
