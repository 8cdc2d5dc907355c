"""Incidents and their measures: typed, by the same rules as wire.py; which of them are shown, and in which order.

Times are seconds since the epoch by the agent's clock, lengths of time are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .fields import Fields, WireError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OPEN, RECOVERED, CLOSED = "open", "recovered", "closed"
_RANK = {OPEN: 0, RECOVERED: 1, CLOSED: 2}


@dataclass(frozen=True, slots=True)
class Moment:
    """One entry of a timeline. ``what``: began detected joined cause acknowledged action recovered relapsed closed;
    ``source``: kernel systemd probe operator agent fault."""

    at: float
    what: str
    service: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Incident:
    """``began`` is the best that is known, ``began_source`` who says so. ``fault`` names the fault that was injected.

    ``ttd``, ``tta`` and ``ttr``: seconds from its beginning to its detection, from there to the acknowledgement, and
    from its beginning to the recovery; None for what has not happened.
    """

    id: str
    state: str
    root: str
    services: tuple[str, ...]
    cause: str
    sentence: str
    deliberate: bool
    fault: str
    began: float
    began_source: str
    detected: float
    acknowledged: float | None
    acknowledged_by: str
    note: str
    first_action: float | None
    recovered: float | None
    closed: float | None
    ttd: float | None
    tta: float | None
    ttr: float | None
    timeline: tuple[Moment, ...]
    evidence: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.state == OPEN

    @property
    def end(self) -> float | None:
        """When nothing was wrong any more."""
        return self.recovered if self.state != OPEN else None


def incident(value: Any, path: str = "") -> Incident:
    """One incident, as GET /incidents/{id} and the event ``incident`` have it."""
    fields = value if isinstance(value, Fields) else Fields(value, path)
    fault = fields.section_or_none("fault")
    return Incident(
        id=fields.text("id"),
        state=fields.text("state"),
        root=fields.text("root"),
        services=fields.texts("services"),
        cause=fields.text_or("cause"),
        sentence=fields.text_or("sentence"),
        deliberate=fields.flag("deliberate"),
        fault=f"{fault.text_or('kind')} {fault.text_or('id')}".strip() if fault is not None else "",
        began=fields.time("began"),
        began_source=fields.text_or("began_source"),
        detected=fields.time("detected"),
        acknowledged=fields.time_or_none("acknowledged"),
        acknowledged_by=fields.text_or("acknowledged_by"),
        note=fields.text_or("note"),
        first_action=fields.time_or_none("first_action"),
        recovered=fields.time_or_none("recovered"),
        closed=fields.time_or_none("closed"),
        ttd=fields.number_or_none("ttd_seconds"),
        tta=fields.number_or_none("tta_seconds"),
        ttr=fields.number_or_none("ttr_seconds"),
        timeline=tuple(_moment(one) for one in fields.sections("timeline")),
        evidence=fields.texts("evidence") if fields.has("evidence") else (),
    )


def _moment(fields: Fields) -> Moment:
    return Moment(
        at=fields.time("at"),
        what=fields.text("what"),
        service=fields.text_or("service"),
        text=fields.text_or("text"),
        source=fields.text_or("source"),
    )


def incidents(value: Any) -> tuple[Incident, ...]:
    """The answer of GET /incidents, newest first."""
    if not isinstance(value, list):
        raise WireError("the answer is not a list of incidents")
    return tuple(incident(one, f"[{index}]") for index, one in enumerate(value))


def by_id(found: Iterable[Fields]) -> dict[str, Incident]:
    """Those of a snapshot."""
    return {made.id: made for made in map(incident, found)}


def merged(known: Mapping[str, Incident], fresh: Iterable[Incident]) -> dict[str, Incident]:
    """What is known, with what has come since."""
    return {**known, **{one.id: one for one in fresh}}


def listed(known: Iterable[Incident], state: str = "", service: str = "") -> list[Incident]:
    """Those of a state and a service (empty: of all), open ones first, the newest of each state first."""
    fitting = [
        one
        for one in known
        if (not state or one.state == state) and (not service or service == one.root or service in one.services)
    ]
    return sorted(fitting, key=lambda one: (_RANK.get(one.state, len(_RANK)), -one.began, one.id))


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took; all but the count are seconds, None while the count is 0."""

    count: int
    mean: float | None
    median: float | None
    p95: float | None
    most: float | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The measures of a period (seconds). ``availability`` maps services to the share of a window in which each was
    up, by the window's name; None where it is not known yet."""

    period: float
    count: int
    open: int
    detect: Spread
    acknowledge: Spread
    recover: Spread
    availability: Mapping[str, Mapping[str, float | None]]


def _spread(fields: Fields) -> Spread:
    return Spread(
        count=fields.whole_or("count"),
        mean=fields.number_or_none("mean"),
        median=fields.number_or_none("median"),
        p95=fields.number_or_none("p95"),
        most=fields.number_or_none("max"),
    )


def statistics(value: Any) -> Statistics:
    """The answer of GET /statistics."""
    fields = Fields(value, "")
    shares = fields.section("availability").children()
    return Statistics(
        period=fields.number("period_seconds"),
        count=fields.whole_or("incidents"),
        open=fields.whole_or("open"),
        detect=_spread(fields.section("mttd_seconds")),
        acknowledge=_spread(fields.section("mtta_seconds")),
        recover=_spread(fields.section("mttr_seconds")),
        availability={name: {key: one.number_or_none(key) for key in one.names()} for name, one in shares.items()},
    )
