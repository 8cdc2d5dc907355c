"""Pure: the book of all incidents, which grows with each fact and does not grow without end."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from .incident import GROW, Fact, Kind, merged, opened

if TYPE_CHECKING:
    from .incident import Incident

CLOSED_MOST = 500
"""Closed incidents that are remembered as they were."""
OLDER_MOST = 10_000
"""Those before them whose figures still count; a year of one each hour."""
END_LOST = "its end is missing from the audit trail; the next one of its service began here"


class Book:
    """All incidents that are remembered: those that are not over, and the last CLOSED_MOST; of older ones what figures
    are made of."""

    def __init__(self) -> None:
        self._older: deque[Incident] = deque(maxlen=OLDER_MOST)
        self._found: dict[str, Incident] = {}
        self._closed: deque[str] = deque()
        self._merged: dict[str, str] = {}

    def get(self, incident: str) -> Incident | None:
        """By id, also by that of one that was merged into another."""
        return self._found.get(self._merged.get(incident, incident))

    def every(self) -> list[Incident]:
        """Oldest first, by the order in which they were opened."""
        return list(self._found.values())

    def measured(self) -> list[Incident]:
        """All of which times are known, oldest first; of those that ``every`` does not have only the figures."""
        return [*self._older, *self._found.values()]

    def live(self) -> list[Incident]:
        return [one for one in self._found.values() if one.live]

    def of(self, service: str) -> Incident | None:
        """The live incident that a service is a member of."""
        return next((one for one in self._found.values() if one.live and one.member(service)), None)

    def apply(self, fact: Fact) -> Incident | None:
        """Take one fact; gives the incident as it is then, None when the fact is of none that is known."""
        if fact.kind is Kind.OPENED:
            if fact.incident in self._found:
                return None
            lost = self.of(fact.service)
            if lost is not None:  # a live agent opens none beside it: its last rows are missing from the trail
                self._give_up(lost, fact.at)
            made = opened(fact)
        else:
            before = self.get(fact.incident)
            if before is None or not before.live:
                return None
            made = self._merge(before, fact) if fact.kind is Kind.MERGED else GROW[fact.kind](before, fact)
        self._found[made.id] = made
        if not made.live:
            self._remember(made.id)
        return made

    def _give_up(self, lost: Incident, at: float) -> None:
        """It was over by then, and not before the last that is known of it."""
        known = max(moment.at for moment in lost.timeline)
        for one in lost.members:
            if one.down:
                about = {"text": END_LOST, "source": "agent"}
                self.apply(Fact(Kind.RECOVERED, lost.id, one.name, min(known, at), about))
        self.apply(Fact(Kind.CLOSED, lost.id, lost.root, at, {"text": END_LOST}))

    def _merge(self, into: Incident, fact: Fact) -> Incident:
        other = self._found.pop(str(fact.detail.get("from", "")), None)
        if other is None or other.id == into.id:
            return into
        self._merged = {name: into.id if to == other.id else to for name, to in self._merged.items()}
        self._merged[other.id] = into.id
        return merged(into, other, fact)

    def _remember(self, incident: str) -> None:
        self._closed.append(incident)
        while len(self._closed) > CLOSED_MOST:
            gone = self._closed.popleft()
            found = self._found.pop(gone, None)
            if found is not None:
                self._older.append(replace(found, timeline=(), evidence=(), sentence="", note=""))
            self._merged = {name: to for name, to in self._merged.items() if to != gone}
