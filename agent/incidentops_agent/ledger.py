"""The book of incidents with everything that must follow from a new fact: its row, its event, the marks at services.

It also keeps what the probes said, for the charts, and when incidents were detected by a clock that only goes forward.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING, Any

from . import access, history, views
from .book import Book
from .history import Recording, Ring, Sample
from .incident import Fact, Incident, Kind
from .model import AuditRow, ProbeOutcome, State
from .notes import Notes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Engine, Service
    from .model import Actor
    from .ports import Trail

log = logging.getLogger(__name__)


class Ledger:
    """Takes facts. ``book`` is for reading."""

    def __init__(self, engine: Engine, trail: Trail) -> None:
        self.book = Book()
        self._engine = engine
        self._notes = Notes(trail)
        self.written = self._notes.written
        self._rings: dict[str, Ring] = {}
        self._recordings: dict[str, dict[str, Recording]] = {}
        self._detected: dict[str, float] = {}

    # -- facts

    def fresh_id(self) -> str:
        made = uuid.uuid4().hex[-8:]
        while self.book.get(made) is not None:
            made = uuid.uuid4().hex[-8:]
        return made

    def opened(self, incident_id: str, service: Service, detected: float, detail: Mapping[str, Any]) -> None:
        """A new incident; ``detected`` is seconds since the epoch."""
        self._detected[incident_id] = _clock() - max(0.0, self._engine.now() - detected)
        self._enter(service, incident_id)
        log.info("incident %s: %s", incident_id, detail.get("sentence"))
        self.apply(Kind.OPENED, incident_id, service.spec.name, detected, detail)

    def joined(self, incident_id: str, service: Service, at: float, detail: Mapping[str, Any]) -> None:
        self._enter(service, incident_id)
        self.apply(Kind.JOINED, incident_id, service.spec.name, at, detail)

    def merged(self, into: str, gone: Incident, name: str, at: float) -> None:
        """Two incidents turn out to be one."""
        self._recordings.setdefault(into, {}).update(self._recordings.pop(gone.id, {}))
        known = [when for when in (self._detected.pop(gone.id, None), self._detected.get(into)) if when is not None]
        if known:
            self._detected[into] = min(known)
        self.apply(Kind.MERGED, into, name, at, {"from": gone.id})
        for member in gone.services:
            self._mark(member, into)
        # Who follows the stream must learn that the other one goes on under another name.
        self._engine.broker.publish("incident", {**views.incident(gone), "state": "closed", "merged_into": into})

    def closed(self, found: Incident, text: str) -> Incident | None:
        """It is over, and its charts are stored with it; ``text`` says why if not because it has stayed well."""
        charts = {name: history.stored(one.points()) for name, one in self.recordings(found.id).items()}
        self._detected.pop(found.id, None)
        for name in found.services:
            self._mark(name, None)
        detail = {"history": charts, **({"text": text} if text else {})}
        fact = Fact(Kind.CLOSED, found.id, found.root, self._engine.now(), detail)
        over, stored = self.tell(fact, access.agent_actor())
        # Until the row can be read, a report still needs them.
        stored.add_done_callback(lambda _stored: self._recordings.pop(found.id, None))
        return over

    def apply(
        self, kind: Kind, incident_id: str, service: str, at: float, detail: Mapping[str, Any]
    ) -> Incident | None:
        """Take a fact of the agent's own."""
        return self.tell(Fact(kind, incident_id, service, at, detail), access.agent_actor())[0]

    def tell(self, fact: Fact, who: Actor) -> tuple[Incident | None, asyncio.Future[bool]]:
        """Take a fact, write it down and show what has become of the incident; the future says whether it is stored."""
        grown = self.book.apply(fact)
        said = (fact.detail.get(key) for key in ("sentence", "text", "note"))
        stored = self._notes.put(
            AuditRow(
                action_id=uuid.uuid4().hex,
                phase="noted",
                at=fact.at,
                action=fact.kind.value,
                service=fact.service,
                actor=who,
                outcome="ok",
                reason=str(next(filter(None, said), "")),
                incident=fact.incident,
                detail=fact.detail,
            )
        )
        if grown is not None:
            self._engine.broker.publish("incident", views.incident(grown))
        self.count()
        return grown, stored

    def note(self, action: str, service: str, detail: Mapping[str, Any]) -> None:
        """Write down a fact that is of no incident."""
        row = AuditRow(
            uuid.uuid4().hex, "noted", self._engine.now(), action, service, access.agent_actor(), "ok", detail=detail
        )
        self._notes.put(row)

    def count(self) -> None:
        self._engine.metrics.incidents_open(len(self.book.live()))

    async def close(self) -> None:
        """Write what waits."""
        await self._notes.close()

    # -- clocks

    def since_detected(self, found: Incident) -> float:
        """Seconds, by the clock that only goes forward when this run of the agent saw it begin."""
        detected = self._detected.get(found.id)
        seconds = self._engine.now() - found.detected if detected is None else _clock() - detected
        return max(0.0, seconds)

    def since_began(self, found: Incident, when: float) -> float:
        """Seconds from its beginning until ``when``, which is seconds since the epoch."""
        if found.id not in self._detected:
            return max(0.0, when - found.began)
        passed = self.since_detected(found) - max(0.0, self._engine.now() - when)
        return max(0.0, found.detected - found.began + passed)

    # -- what the probes said

    def answered(self, service: Service) -> None:
        """A probe was answered, or not."""
        good = service.health.up and service.probe.last.outcome in (ProbeOutcome.OK, ProbeOutcome.UNAVAILABLE)
        self.sample(service, service.probe.last.latency if good else None)

    def sample(self, service: Service, latency: float | None = None) -> None:
        name = service.spec.name
        sample = Sample(self._engine.now(), service.health.state.value, latency)
        self._rings.setdefault(name, Ring()).add(sample)
        recording = self._recordings.get(service.incident or "", {}).get(name)
        if recording is not None:
            recording.add(sample)

    def last_good(self, name: str) -> float | None:
        ring = self._rings.get(name)
        return ring.last_good(State.HEALTHY.value) if ring is not None else None

    def recordings(self, incident_id: str) -> dict[str, Recording]:
        """Of the members of an incident that is live, or whose end is not stored yet; by service."""
        return self._recordings.get(incident_id, {})

    # -- marks

    def adopt(self, found: Incident) -> None:
        """Go on with an incident of an earlier run."""
        self._recordings[found.id] = {name: Recording() for name in found.services}
        for name in found.services:
            self._mark(name, found.id)

    def forget(self, name: str) -> None:
        self._rings.pop(name, None)

    def _enter(self, service: Service, incident_id: str) -> None:
        """Record a member from some minutes before on."""
        name = service.spec.name
        begin = self._rings.setdefault(name, Ring()).since(self._engine.now() - history.BEFORE)
        self._recordings.setdefault(incident_id, {})[name] = Recording(begin)
        self._mark(name, incident_id)

    def _mark(self, name: str, incident_id: str | None) -> None:
        service = self._engine.services.get(name)
        if service is not None and service.incident != incident_id:
            service.incident = incident_id
            self._engine.show(service)


def _clock() -> float:
    return asyncio.get_running_loop().time()


def said(service: Service) -> str:
    """A service's state in words."""
    health = service.health
    return f"{service.spec.name} is {health.state}" + (f" ({health.reason})" if health.reason else "")
