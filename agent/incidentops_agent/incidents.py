"""Incidents as they happen: what the engine sees becomes facts, which the ledger keeps.

The rules are in incident.py; this is the part that has a clock and hears of changes. After a restart the rows of the
audit trail are folded into the same book, and incidents that were not over go on.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from . import grouping, incident, live, reliability, rules, views
from .incident import Fact, Incident, Kind, Phase
from .last_seen import LastSeen
from .ledger import Ledger, said
from .model import State
from .onset import Fault, Injected, Left, Onset, described, onset
from .reliability import Watch

if TYPE_CHECKING:
    from .book import Book
    from .engine import Engine, Service
    from .model import Actor, AuditRow, Health
    from .ports import Trail

log = logging.getLogger(__name__)

STARTED, ALIVE, STOPPED = "agent-started", "agent-alive", "agent-stopped"
OBSERVED, UNDER_MAINTENANCE = "service-observed", "down-under-maintenance"
ROWS = (*(kind.value for kind in Kind), STARTED, ALIVE, STOPPED, OBSERVED, UNDER_MAINTENANCE)
"""The actions whose rows make up what is known here."""
REPLAY_MOST = 50_000
ALIVE_EVERY = 3600.0
"""Seconds between two rows that say that the agent runs: what it observed since the last is lost when it is killed."""

INJECT = "inject"
_DELIBERATE = ("stop", INJECT)
"""What is done to a service so that it goes down."""
_DOWN = (State.FAILED, State.STOPPED, State.UNRESPONSIVE)
"""The states in which nothing is on its way."""


class Incidents:
    """All incidents of this machine, and the figures over them. ``boot`` names this boot of the machine."""

    def __init__(self, engine: Engine, trail: Trail, boot: str = "") -> None:
        self.watch = Watch()
        self._engine = engine
        self._trail = trail
        self._ledger = Ledger(engine, trail)
        self.written, self.recordings = self._ledger.written, self._ledger.recordings
        self._seen = LastSeen(boot)
        self._faults = Injected()
        self._pending: dict[str, Left] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._last_sign = self._began = 0.0
        """When the last run of the agent was last heard of, and when this one began."""
        self._settled = False
        self._alive: asyncio.TimerHandle | None = None
        engine.on_transition(self._on_transition)
        engine.on_answer(self._ledger.answered)
        engine.on_acted(self._on_acted)
        engine.add_to_snapshot("incidents", lambda: [views.incident(one) for one in reversed(self.book.live())])

    @property
    def book(self) -> Book:
        return self._ledger.book

    # -- the agent's life

    def replay(self) -> None:
        """Rebuild what is known from the audit trail; before the engine hears of anything."""
        for row in self._trail.replay(ROWS, REPLAY_MOST):
            try:
                self._take(row)
            except (ValueError, TypeError, AttributeError, KeyError):
                log.exception("a row of the audit trail can't be understood: %s of %s", row.action, row.service)
        self._last_sign, self._began = self.watch.last_sign, self._engine.now()
        for one in self.book.live():
            self._ledger.adopt(one)
        self._ledger.count()

    def _take(self, row: AuditRow) -> None:
        if row.action in (STARTED, ALIVE, STOPPED):
            self._seen.signed(row.detail)
            if row.action == STARTED:
                self.watch.started(row.at, map(str, row.detail.get("observed", ())))
            elif row.action == STOPPED:
                self.watch.stopped(row.at)
        elif row.action == OBSERVED:
            self.watch.observed(row.service, row.at)
            self._seen.came(row.service)
        elif row.action == UNDER_MAINTENANCE:
            self._seen.fell_quietly(row.service, str(row.detail.get("action", "")), str(row.detail.get("user", "")))
        else:
            kind = Kind(row.action)
            self.book.apply(Fact(kind, row.incident, row.service, row.at, row.detail, row.actor.user))
            if kind in (Kind.OPENED, Kind.JOINED, Kind.RELAPSED):
                self._seen.fell(row.service)
            elif kind is Kind.RECOVERED:
                self._seen.came(row.service)
        self.watch.alive(row.at)

    def settled(self) -> None:
        """The engine has its first verdicts: say that the agent runs, and wait for the end of what is nearly over."""
        services, now = self._engine.services, self._engine.now()
        for one in self.book.live():
            for name in set(one.services) - services.keys():
                self._release(name, "is no longer in the catalogue", "agent")
        observed = {name for name, service in services.items() if service.health.up}
        down = {name for one in self.book.live() for name in one.services} | self._seen.quiet_names()
        observed |= down & services.keys()
        self._settled = True
        self.watch.started(now, observed)
        self._ledger.note(STARTED, "", {"observed": sorted(observed), **self._signs()})
        self._alive = asyncio.get_running_loop().call_later(ALIVE_EVERY, self._say_alive)
        for one in self.book.live():
            fallen = [name for name in one.services if name in services and not services[name].health.up]
            if one.phase is Phase.RECOVERED and fallen:
                for name in fallen:
                    self._left(services[name], now)
            elif one.phase is Phase.RECOVERED:
                self._close_later(one)
        for name in self._seen.quiet_names() & services.keys():
            self.maintenance_over(services[name])

    def _signs(self) -> dict[str, Any]:
        return self._seen.sign({name for name, service in self._engine.services.items() if service.health.up})

    def _say_alive(self) -> None:
        self.watch.alive(self._engine.now())
        self._ledger.note(ALIVE, "", self._signs())
        self._alive = asyncio.get_running_loop().call_later(ALIVE_EVERY, self._say_alive)

    async def stop(self) -> None:
        """Say that the agent ends, and write what waits."""
        for timer in filter(None, (*self._timers.values(), self._alive)):
            timer.cancel()
        self._timers.clear()
        if self._settled:
            self._settled = False
            self.watch.stopped(self._engine.now())
            self._ledger.note(STOPPED, "", self._signs())
        await self._ledger.close()

    def catalogue_changed(self) -> None:
        """Let go of the services that are none any more."""
        members = {name for one in self.book.live() for name in one.services}
        for name in {*self.watch.names(), *members} - self._engine.services.keys():
            self._release(name, "is no longer in the catalogue", "agent")
            self.watch.gone(name, self._engine.now())
            self._ledger.forget(name)
            self._seen.forget(name)

    # -- faults

    def fault_injected(self, service: str, fault_id: str, kind: str, at: float) -> None:
        """A fault begins to act on a service at ``at``, seconds since the epoch: what follows is counted from then. It
        may be said only after the service has been seen to go down."""
        fault = Fault(fault_id, kind, at)
        self._faults.injected(service, fault)
        found = self.book.of(service)
        if found is None or found.root != service or found.phase is not Phase.OPEN:
            return
        if found.fault is None and not found.deliberate and at <= found.detected:
            self._ledger.apply(Kind.CAUSE, found.id, service, self._engine.now(), fault.told(found.detected))

    def fault_cleared(self, service: str, fault_id: str) -> None:
        """The fault is undone, or was never effective."""
        self._faults.cleared(service, fault_id)

    # -- what the engine tells

    def _on_acted(self, row: AuditRow) -> None:
        """An action was begun (and its row is stored) or is over."""
        name = row.service
        if not name or row.action == "ping":
            return
        if row.phase == "requested":
            found = self.book.of(name)
            if found is not None:
                by = "agent" if row.actor.door == "agent" else "operator"
                text = f"{row.action} by {row.actor.user or 'nobody known'}"
                self._ledger.apply(Kind.ACTION, found.id, name, self._engine.now(), {"text": text, "by": by})
        elif row.phase == "finished":
            left = self._pending.pop(name, None)
            service = self._engine.services.get(name)
            if left is not None and service is not None and not service.health.up:
                self._down(service, left)

    def _on_transition(self, service: Service, before: Health, after: Health, at: float) -> None:
        name = service.spec.name
        self._ledger.sample(service)
        found = self.book.of(name)
        if after.state is State.UNKNOWN:
            return
        if after.state is State.NOT_INSTALLED:
            self._release(name, "is not installed any more", "systemd")
            self.watch.gone(name, at)
        elif after.up:
            self._up(service, at)
        elif before.up or (before.state is State.UNKNOWN and self._seen.fell_unseen(name, after.state)):
            self._left(service, at)
        elif found is not None and found.root == name and found.is_down(name):
            self._refine(service, found)
        elif found is None:
            self.maintenance_over(service)

    # -- going down

    def _left(self, service: Service, at: float) -> None:
        name, busy = service.spec.name, service.busy
        good = self._ledger.last_good(name)
        found = onset(service.health.state, service.unit, service.main_exited, good, self._faults.of(name), at)
        left = Left(found, busy.action if busy else "", busy.user if busy else "")
        if busy is not None and busy.action not in _DELIBERATE:
            self._pending[name] = left  # part of a restart: an incident only if that fails
        else:
            self._down(service, left)

    def _down(self, service: Service, left: Left) -> None:
        """It is down, and not in passing."""
        name, health, found = service.spec.name, service.health, left.onset
        fault = self._faults.of(name)
        own_cause = left.action in _DELIBERATE or fault is not None
        known = self.book.of(name)
        # What one fault does again and again, such as a crash loop, is one incident.
        goes_on = known is None or (fault is not None and (known.fault or {}).get("id") == fault.id)
        if known is not None and known.phase is Phase.RECOVERED and own_cause and not goes_on:
            self._over(known, f"{name} was healthy; what comes next has a cause of its own")
            known = None
        if service.maintenance is not None:
            about = {"state": health.state.value, "reason": health.reason, "action": left.action, "user": left.user}
            self._seen.fell_quietly(name, left.action, left.user)
            self._ledger.note(UNDER_MAINTENANCE, name, about)
        elif known is not None:
            self._relapsed(service, known, left)
        else:
            where = grouping.home(self.book.live(), self._needs(), name, found.detected, own_cause)
            if where.incident:
                self._join(service, left, where)
            else:
                detail = {
                    "began_text": found.text,
                    "text": said(service),
                    "source": found.seen_by,
                    "ttd": max(0.0, found.detected - found.began),
                    **self._about(service, left),
                }
                self._ledger.opened(self._ledger.fresh_id(), service, found.detected, detail)

    def maintenance_over(self, service: Service) -> None:
        """What went down in a maintenance window, without an incident, and is down after it is one from now on."""
        name, now = service.spec.name, self._engine.now()
        quiet = self._seen.quiet(name)
        if not self._settled or quiet is None or service.maintenance is not None or service.health.state not in _DOWN:
            return
        self._seen.fell(name)
        text = "its maintenance was over and it was down"
        left = Left(Onset(now, "agent", text, now, "agent"), *quiet)
        if service.busy is not None and service.busy.action not in _DELIBERATE:
            self._pending[name] = left  # somebody is at it
        else:
            self._down(service, left)

    def _needs(self) -> dict[str, set[str]]:
        services = self._engine.catalogue.services
        return {name: rules.needs(name, services) for name in services}

    def _join(self, service: Service, left: Left, where: grouping.Home) -> None:
        name, found, about = service.spec.name, left.onset, self._about(service, left)
        host = self.book.get(where.incident)
        detail: dict[str, Any] = {"source": found.seen_by, "began": found.began}
        if where.takes_over and host is not None:
            detail["text"] = f"{name} is down too, and {host.root} needs it: {about['sentence']}"
            detail |= {"root": name, "ttd": max(0.0, host.detected - min(found.began, host.began)), **about}
        else:
            detail["text"] = f"{name} is down too: {about['sentence']}"
        self._stay_open(where.incident)
        self._ledger.joined(where.incident, service, found.detected, detail)
        fault = self._faults.of(name)
        if where.takes_over and host is not None and fault is not None and host.began <= fault.at <= host.detected:
            self._ledger.apply(Kind.CAUSE, host.id, name, found.detected, fault.told(host.detected))
        for other in where.merge:
            gone = self.book.get(other)
            if gone is not None:
                self._stay_open(other)
                self._ledger.merged(where.incident, gone, name, found.detected)

    def _about(self, service: Service, left: Left) -> dict[str, Any]:
        """Why the root of an incident is down and since when, as far as it is known now."""
        name = service.spec.name
        found = live.diagnose(service, self._engine.visible())
        return described(name, left, found, service.health.reason, self._faults.of(name))

    def _refine(self, service: Service, found: Incident) -> None:
        """The root's state or reason has changed: perhaps it says more of the cause."""
        if found.deliberate:
            return
        fresh = live.diagnose(service, self._engine.visible())
        if fresh is None or not grouping.refines(found.cause, fresh.cause):
            return
        source = "probe" if service.health.state is State.UNRESPONSIVE else "systemd"
        detail = {"cause": fresh.cause.value, "sentence": fresh.sentence, "evidence": list(fresh.evidence)}
        self._ledger.apply(Kind.CAUSE, found.id, service.spec.name, self._engine.now(), {**detail, "source": source})

    def _relapsed(self, service: Service, found: Incident, left: Left) -> None:
        self._stay_open(found.id)
        # A fault began before the first fall: it says nothing of when this one did.
        began = left.onset.detected if left.onset.source == "fault" else left.onset.began
        detail = {"text": f"again {said(service)}", "source": left.onset.seen_by, "began": began}
        self._ledger.apply(Kind.RELAPSED, found.id, service.spec.name, left.onset.detected, detail)

    # -- coming back

    def _up(self, service: Service, at: float) -> None:
        name, unit = service.spec.name, service.unit
        self._pending.pop(name, None)
        self._seen.up_again(name)
        if self._settled and not self.watch.watches(name):
            self.watch.observed(name, at)
            self._ledger.note(OBSERVED, name, {})
        found = self.book.of(name)
        member = found.member(name) if found is not None else None
        if found is None or member is None or not member.down:
            return
        entered = unit.active_enter_usec / 1e6 if unit is not None else 0.0
        if member.spans[-1].begin <= self._last_sign < entered < self._began:
            self._back(found, name, entered, "systemd", f"{name} was started again while no agent ran")
        elif service.spec.probe.kind == "none":
            self._back(found, name, at, "systemd", f"{name} runs again")
        else:
            self._back(found, name, at, "probe", f"{name} answers its probe again")

    def _back(self, found: Incident, name: str, when: float, source: str, text: str) -> None:
        detail: dict[str, Any] = {"source": source, "text": text}
        if all(one.name == name or not one.down for one in found.members):
            detail["ttr"] = self._ledger.since_began(found, when)
        grown = self._ledger.apply(Kind.RECOVERED, found.id, name, when, detail)
        if grown is not None and grown.phase is Phase.RECOVERED and self._settled:
            self._close_later(grown)

    def _release(self, name: str, text: str, source: str) -> None:
        """A service that can't come back any more holds no incident open."""
        found = self.book.of(name)
        if found is not None and found.is_down(name):
            self._back(found, name, self._engine.now(), source, f"{name} {text}")

    def _close_later(self, found: Incident) -> None:
        self._stay_open(found.id)
        waited = max(0.0, self._engine.now() - (found.recovered or 0.0))
        delay = max(0.0, incident.STAYED - waited)
        self._timers[found.id] = asyncio.get_running_loop().call_later(delay, self._close, found.id)

    def _stay_open(self, incident_id: str) -> None:
        timer = self._timers.pop(incident_id, None)
        if timer is not None:
            timer.cancel()

    def _close(self, incident_id: str) -> None:
        self._timers.pop(incident_id, None)
        found = self.book.get(incident_id)
        if found is None or found.phase is not Phase.RECOVERED:
            return
        if any(name in self._pending for name in found.services):  # it is being restarted: that must end well first
            self._timers[incident_id] = asyncio.get_running_loop().call_later(incident.STAYED, self._close, incident_id)
            return
        for name in found.services:
            self._faults.forget(name)
        self._over(found)

    def _over(self, found: Incident, text: str = "") -> None:
        self._stay_open(found.id)
        over = self._ledger.closed(found, text)
        if over is not None:
            self._engine.metrics.incident(over.root, over.cause, over.ttd, over.tta, over.ttr)

    # -- who asks

    def acknowledge(self, incident_id: str, note: str, who: Actor) -> asyncio.Future[bool]:
        """Somebody has taken up a live incident; the future says whether that is recorded.

        Raises:
            KeyError: there is no such incident, or it is closed.
        """
        found = self.book.get(incident_id)
        if found is None or not found.live:
            raise KeyError(incident_id)
        detail = {"note": note, "tta": self._ledger.since_detected(found)}
        fact = Fact(Kind.ACKNOWLEDGED, found.id, found.root, self._engine.now(), detail, who.user)
        return self._ledger.tell(fact, who)[1]

    async def statistics(self, period: float) -> dict[str, Any]:
        """The figures over the last ``period`` seconds, see reliability.statistics."""
        now, watch = self._engine.now(), self.watch.copy()
        known = list(self._engine.visible())
        # In a thread: of ten thousand incidents it takes longer than others should wait.
        figures = await asyncio.to_thread(reliability.statistics, self.book.measured(), watch, known, period, now)
        return {"period_seconds": period, "since": views.iso(now - period), **figures}
