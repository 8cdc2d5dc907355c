"""What happened in an incident, as a person reads it: milestones for the drawing, lines for the list. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from . import wording
from .translate import marked, tr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .incidents import Incident, Moment

WORDS = {
    "began": marked("Began"),
    "detected": marked("Detected"),
    "joined": marked("Joined"),
    "cause": marked("Cause found"),
    "acknowledged": marked("Acknowledged"),
    "action": marked("Action"),
    "first_action": marked("First action"),
    "recovered": marked("Recovered"),
    "relapsed": marked("Relapsed"),
    "closed": marked("Closed"),
}
SOURCES = {
    "kernel": marked("kernel"),
    "systemd": marked("systemd"),
    "probe": marked("probe"),
    "operator": marked("operator"),
    "agent": marked("agent"),
    "fault": marked("injected fault"),
}
STATES = {"open": marked("open"), "recovered": marked("recovered"), "closed": marked("closed")}
ROLES = {"began": "bad", "detected": "warn", "acknowledged": "accent", "first_action": "accent", "action": "accent",
         "recovered": "good", "relapsed": "bad", "closed": "good", "joined": "bad"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Milestone:
    """One of the five that measure an incident; ``at`` is None while it has not happened."""

    what: str
    at: float | None
    source: str = ""

    @property
    def word(self) -> str:
        return tr(WORDS[self.what])


def milestones(incident: Incident) -> list[Milestone]:
    """Began, detected, acknowledged, first action, recovered: by time, and those that are still to come at the end."""
    recovered = incident.recovered if not incident.open else None
    found = [
        Milestone("began", incident.began, incident.began_source),
        Milestone("detected", incident.detected, _source(incident, "detected")),
        Milestone("acknowledged", incident.acknowledged, incident.acknowledged_by),
        Milestone("first_action", incident.first_action, _source(incident, "action")),
        Milestone("recovered", recovered, _source(incident, "recovered")),
    ]
    if not incident.open:  # what did not happen will not happen any more
        found = [one for one in found if one.at is not None]
    return sorted(found, key=lambda one: (one.at is None, one.at or 0.0))


def _source(incident: Incident, what: str) -> str:
    return next((moment.source for moment in incident.timeline if moment.what == what), "")


def source(word: str) -> str:
    return tr(SOURCES[word]) if word in SOURCES else word


def state(word: str) -> str:
    return tr(STATES[word]) if word in STATES else word


def what(word: str) -> str:
    return tr(WORDS[word]) if word in WORDS else word


def length(value: float | None) -> str:
    """A length of time in the figures that matter: 3.8 ms, 11 ms, 5.0 s, 1 min 2 s, 2 h 5 min. ``value`` is seconds."""
    if value is None:
        return wording.MISSING
    if value < 0.00095:
        return "< 1 ms"
    if value < 0.00995:
        return f"{value * 1000:.1f} ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, seconds = divmod(round(value), 60)
    if minutes < 60:
        return tr("{m} min {s} s").format(m=minutes, s=seconds) if seconds else tr("{n} min").format(n=minutes)
    return wording.seconds(value)


def clock(at: float) -> str:
    """The time of day here, to the millisecond."""
    moment = datetime.fromtimestamp(at).astimezone()
    return f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}"


def day_and_clock(at: float, now: float) -> str:
    """The time of day, with the day when it was another one."""
    moment, today = datetime.fromtimestamp(at).astimezone(), datetime.fromtimestamp(now).astimezone()
    return f"{moment:%H:%M:%S}" if moment.date() == today.date() else f"{moment:%Y-%m-%d %H:%M}"


def line(moment: Moment) -> str:
    """One entry of the timeline in a line of text."""
    return f"{clock(moment.at)}  {what(moment.what)}  {about(moment)}  ({source(moment.source)})"


def about(moment: Moment) -> str:
    """The service and what is said of it; a text that begins with its name has it already."""
    if moment.text.startswith(f"{moment.service} "):
        return moment.text
    return ": ".join(part for part in (moment.service, moment.text) if part)


def measures(incident: Incident) -> list[tuple[str, str]]:
    """The three measures by their names."""
    return [("TTD", length(incident.ttd)), ("TTA", length(incident.tta)), ("TTR", length(incident.ttr))]


def plain(incident: Incident) -> str:
    """Everything about an incident as text, English, to be pasted into a ticket."""
    rows = [
        ("incident", f"{incident.id}, {incident.state}"),
        ("root", incident.root),
        ("services", ", ".join(incident.services)),
        ("cause", incident.cause),
        ("sentence", incident.sentence),
        ("evidence", "; ".join(incident.evidence)),
        ("fault", incident.fault),
        ("began", f"{wording.exact(incident.began)} (says the {incident.began_source})"),
        ("measures", ", ".join(f"{name} {value}" for name, value in measures(incident))),
        ("acknowledged", f"by {incident.acknowledged_by}" if incident.acknowledged_by else ""),
        ("note", incident.note),
    ]
    lines = [f"{key + ':':<14}{value}" for key, value in rows if value]
    return "\n".join([*lines, *plain_moments(incident.timeline)])


def plain_moments(found: Iterable[Moment]) -> list[str]:
    return [
        f"{clock(one.at)}  {one.what:<13} {one.service:<12} {one.text} ({one.source})".rstrip()
        for one in sorted(found, key=lambda one: one.at)
    ]
