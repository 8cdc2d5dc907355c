"""What operators ask for: start, stop, restart, ping, remediate. Each is done, verified, written down and answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from . import views
from .autorecovery import AutoRecovery
from .engine import Busy
from .evidence import Evidence
from .jobs import Jobs, Outcome
from .model import ProbeOutcome, State
from .planner import Planner
from .recorder import Recorder
from .remediation import Remediation
from .remedies import Remedies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from .causes import Remedy
    from .engine import Engine, Service
    from .model import Actor, AuditRow
    from .plan import Plan
    from .ports import Audit, Bus, Journal, Listeners

KEYS_MOST = 1000

_SENTENCES = {
    "start": "Service started manually",
    "stop": "Service stopped manually",
    "restart": "Service restarted manually",
    "resolve": "Incident resolved: service started",
}

_VERBS = {"start": "start", "stop": "stop", "restart": "restart", "resolve": "start"}


class Actions:
    """Runs actions on the engine's services; one at a time per service, in the order in which they came."""

    def __init__(self, engine: Engine, bus: Bus, audit: Audit, journal: Journal, listeners: Listeners) -> None:
        self._engine = engine
        evidence = Evidence(bus, journal, listeners)
        self._jobs = Jobs(engine, bus, evidence)
        self._recorder = Recorder(engine, audit)
        planner = Planner(engine, bus, evidence)
        self._remedies = Remedies(engine, bus, self._jobs, planner)
        self._remediation = Remediation(engine, planner, self._remedies, self._recorder)
        self.recovery = AutoRecovery(engine, self._recorder, self._treat)
        self._keys: OrderedDict[tuple[int | None, str, str], asyncio.Task[dict[str, Any]]] = OrderedDict()
        self._running: set[asyncio.Task[dict[str, Any]]] = set()

    # -- running

    async def run(
        self, what: Callable[[], Awaitable[dict[str, Any]]], who: Actor, key: str, about: str
    ) -> dict[str, Any]:
        """Run an action to its end, also when the client goes away meanwhile; with an idempotency key, only once."""
        full_key = (who.uid, key, about)
        task = self._keys.get(full_key) if key else None
        if task is None:

            async def perform() -> dict[str, Any]:
                return await what()

            task = asyncio.create_task(perform(), name=f"action {about}")
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            if key:
                self._keys[full_key] = task
                while len(self._keys) > KEYS_MOST:
                    self._keys.popitem(last=False)
        return await asyncio.shield(task)

    async def finish(self, deadline: float) -> None:
        """Let what runs come to its end, at most ``deadline`` seconds; then cut it off."""
        began = time.monotonic()
        self.recovery.begin_nothing()
        if self._running:
            await asyncio.wait(self._running, timeout=deadline)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._remediation.cut()
        await self.recovery.finish(max(deadline - (time.monotonic() - began), 0.0))

    # -- one service

    async def change(self, name: str, action: str, who: Actor) -> dict[str, Any]:
        """Start, stop, restart or resolve one service; answers when it is done and verified."""
        service = self._engine.services[name]
        verb = _VERBS[action]
        if action == "resolve" and service.health.state is State.UNRESPONSIVE:
            verb = "restart"  # it runs already, so a start would change nothing
        async with self._turn(service, verb, who):
            row = self._recorder.requested(action, name, who)
            self._engine.set_busy(service, Busy(action, row.at, who.user))
            if verb != "stop":
                self.recovery.wanted_up(service)
            try:
                recorded = await self._recorder.write(row)
                began = time.monotonic()
                result = await self._jobs.perform(service, verb)
            finally:
                self._engine.set_busy(service, None)
            if verb == "stop":
                self.recovery.stopped(service)
            sentence = _SENTENCES[action] if result.outcome == "ok" else ""
            if result.kind:
                sentence = f"{action.capitalize()} failed ({result.reason})"
            recorded &= await self._recorder.finish(row, service, result, sentence, time.monotonic() - began)
        return self._answer(service, action, row, result, recorded, time.monotonic() - began)

    @contextlib.asynccontextmanager
    async def _turn(self, service: Service, verb: str, who: Actor) -> AsyncIterator[None]:
        """Wait until the service is free, in the order of asking. A stop ends what is under way and waits before it."""
        if verb == "stop":
            service.stops_waiting += 1
            service.stops_asked += 1
            service.superseded.set()
            self.recovery.stopping(service, who)
        try:
            await service.lock.acquire()
        finally:
            if verb == "stop":
                service.stops_waiting -= 1
                if not service.stops_waiting:
                    service.superseded.clear()
        try:
            yield
        finally:
            service.lock.release()

    def _answer(
        self, service: Service, action: str, row: AuditRow, result: Outcome, recorded: bool, seconds: float
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "service": service.spec.name,
            "status": service.health.status,
            "state": service.health.state.value,
            "outcome": result.outcome,
            "reason": result.told or service.health.reason,
            "started": views.started(service.unit, service.health),
            "action_id": row.action_id,
            "job_id": result.job_id,
            "invocation_id": service.unit.invocation_id if service.unit else "",
            "duration_seconds": round(seconds, 4),
            "recorded": recorded,
        }
        if result.kind:
            answer["kind"] = result.kind
            answer["message"] = f"cannot {action} {service.spec.name}: {result.told}"
        return answer

    async def ping(self, name: str, who: Actor) -> dict[str, Any]:
        """Probe once, now."""
        service = self._engine.services[name]
        row = self._recorder.requested("ping", name, who)
        began = time.monotonic()
        if service.probeable:
            result = await self._engine.probe_now(service)
            ok, reason, latency = result.outcome is ProbeOutcome.OK, result.message, result.latency
            if result.outcome is ProbeOutcome.UNAVAILABLE:
                ok = service.health.up
        else:
            ok, reason, latency = service.health.up, service.health.reason, None
        sentence = "Ping succeeded" if ok else "Ping failed (service DOWN)"
        outcome = Outcome("ok" if ok else "failed", reason)
        recorded = await self._recorder.finish(row, service, outcome, sentence, time.monotonic() - began)
        answer: dict[str, Any] = {
            "service": name,
            "ping": "ok" if ok else "failed",
            "state": service.health.state.value,
            "latency_seconds": round(latency, 6) if latency is not None else None,
            "reason": reason,
            "action_id": row.action_id,
            "recorded": recorded,
        }
        if not ok:
            answer["kind"] = "service-down"
            answer["message"] = f"cannot ping {name}: {reason}"
        return answer

    async def _treat(self, service: Service, remedy: Remedy) -> Outcome:
        """What automatic recovery does about a service."""
        return (await self._remedies.treat(service, remedy)).outcome

    async def plan(self) -> Plan:
        """What remediation would do now."""
        return await self._remediation.plan()

    async def remediate(self, who: Actor, wanted: str = "") -> dict[str, Any]:
        """Bring back what is down, in dependency order; with the id of a plan only by exactly that one. A second
        request gets the result of the one that runs."""
        return await self._remediation.run(who, wanted)
