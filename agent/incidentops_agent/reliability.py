"""Pure: figures over many incidents: how long until each was seen, taken up and over; how much of the time was good.

Percentiles are those between the two nearest values in proportion (method 7 of Hyndman and Fan, 1996, which numpy and
spreadsheets use too).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .incident import Incident

WINDOWS = {"1h": 3600.0, "24h": 86400.0, "7d": 7 * 86400.0, "30d": 30 * 86400.0}
REMEMBERED = WINDOWS["30d"]
"""Seconds that observation is remembered."""
SPANS_MOST = 1000

Times = tuple[float, float]
"""From and to, seconds since the epoch."""


def percentile(ordered: Sequence[float], share: float) -> float:
    """Of at least one value, smallest first; ``share`` from 0 to 1."""
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def summary(values: Iterable[float]) -> dict[str, Any]:
    """``count``, ``mean``, ``median``, ``p95``, ``max``; all but the count None when there are no values."""
    ordered = sorted(values)
    if not ordered:
        return {"count": 0, "mean": None, "median": None, "p95": None, "max": None}
    mean = min(max(math.fsum(ordered) / len(ordered), ordered[0]), ordered[-1])
    figures = {"mean": mean, "median": percentile(ordered, 0.5), "p95": percentile(ordered, 0.95), "max": ordered[-1]}
    return {"count": len(ordered), **{name: round(value, 6) for name, value in figures.items()}}


def aggregate(incidents: Iterable[Incident]) -> dict[str, Any]:
    """How many incidents, how many of them are not over, and the summaries of what was measured."""
    found = list(incidents)
    return {
        "incidents": len(found),
        "open": sum(one.live for one in found),
        "deliberate": sum(one.deliberate for one in found),
        "mttd_seconds": summary(one.ttd for one in found if one.ttd is not None),
        "mtta_seconds": summary(one.tta for one in found if one.tta is not None),
        "mttr_seconds": summary(one.ttr for one in found if one.ttr is not None),
    }


def grouped(incidents: Iterable[Incident]) -> dict[str, dict[str, Any]]:
    """The same ``by_service``, that is by root, and ``by_cause``."""
    services: dict[str, list[Incident]] = {}
    causes: dict[str, list[Incident]] = {}
    for one in incidents:
        services.setdefault(one.root, []).append(one)
        causes.setdefault(one.cause, []).append(one)
    return {
        "by_service": {name: aggregate(services[name]) for name in sorted(services)},
        "by_cause": {name: aggregate(causes[name]) for name in sorted(causes)},
    }


# -- availability


def union(spans: Iterable[Times]) -> list[Times]:
    """The same time without overlaps, in order; what has no length is left out."""
    joined: list[Times] = []
    for begin, end in sorted(spans):
        if end <= begin:
            continue
        if joined and begin <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], end)
        else:
            joined.append((begin, end))
    return joined


def overlap(one: Sequence[Times], other: Sequence[Times]) -> float:
    """Seconds that are in both; each must be a ``union``."""
    total, left, right = 0.0, 0, 0
    while left < len(one) and right < len(other):
        total += max(0.0, min(one[left][1], other[right][1]) - max(one[left][0], other[right][0]))
        if one[left][1] < other[right][1]:
            left += 1
        else:
            right += 1
    return total


def availability(observed: Iterable[Times], down: Iterable[Times], since: float, until: float) -> float | None:
    """The share of the observed time between two times in which a service was up; None when none was observed."""
    seen = union((max(begin, since), min(end, until)) for begin, end in observed)
    length = math.fsum(end - begin for begin, end in seen)
    if length <= 0:
        return None
    return min(1.0, max(0.0, 1.0 - overlap(seen, union(down)) / length))


def down_times(incidents: Iterable[Incident], now: float) -> dict[str, list[Times]]:
    """When each service was down, by its incidents; what is down still is so until ``now``."""
    found: dict[str, list[Times]] = {}
    for one in incidents:
        for member in one.members:
            spans = ((span.begin, now if span.end is None else span.end) for span in member.spans)
            found.setdefault(member.name, []).extend(spans)
    return found


@dataclass(slots=True)
class Watch:
    """Which services were observed when: from when one is first seen healthy, while an agent runs, until it is gone."""

    _since: dict[str, float] = field(default_factory=dict)
    _past: dict[str, list[Times]] = field(default_factory=dict)
    last_sign: float = 0.0
    """The last time of which it is known that an agent ran."""

    def alive(self, at: float) -> None:
        self.last_sign = max(self.last_sign, at)

    def started(self, at: float, names: Iterable[str]) -> None:
        """An agent runs from now on and observes these services. One that said nothing of its end is taken to have
        run until its last sign of life."""
        self.stopped(self.last_sign)
        self.alive(at)
        for name in names:
            self._since[name] = at

    def stopped(self, at: float) -> None:
        for name in list(self._since):
            self.gone(name, at)
        self.alive(at)

    def observed(self, name: str, at: float) -> None:
        self._since.setdefault(name, at)
        self.alive(at)

    def gone(self, name: str, at: float) -> None:
        """It is no longer a service of this machine."""
        begin = self._since.pop(name, None)
        if begin is None:
            return
        past = union([*self._past.get(name, ()), (begin, at)])
        self._past[name] = [span for span in past if span[1] > at - REMEMBERED][-SPANS_MOST:]

    def copy(self) -> Watch:
        """As it is now, for who looks at it elsewhere."""
        return Watch(dict(self._since), {name: list(spans) for name, spans in self._past.items()}, self.last_sign)

    def watches(self, name: str) -> bool:
        return name in self._since

    def names(self) -> list[str]:
        """The services that are observed now."""
        return sorted(self._since)

    def spans(self, now: float) -> dict[str, list[Times]]:
        found = {name: list(spans) for name, spans in self._past.items()}
        for name, begin in self._since.items():
            found.setdefault(name, []).append((begin, now))
        return found


def statistics(
    incidents: Iterable[Incident], watch: Watch, known: Iterable[str], period: float, now: float
) -> dict[str, Any]:
    """What GET /statistics answers, but for ``since``. ``period`` is seconds; an incident counts that was detected in
    it. ``known``: the services to show."""
    every = list(incidents)
    counted = [one for one in every if one.detected >= now - period]
    observed, down = watch.spans(now), down_times(every, now)
    shares: dict[str, dict[str, float | None]] = {}
    for name in sorted(known):
        shares[name] = {}
        for label, length in WINDOWS.items():
            share = availability(observed.get(name, ()), down.get(name, ()), now - length, now)
            shares[name][label] = None if share is None else round(share, 6)
    return {"period_seconds": period, **aggregate(counted), **grouped(counted), "availability": shares}
