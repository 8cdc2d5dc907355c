"""What operators ask for: start, stop, restart, ping, remediate. Each is done, verified, written down and answered."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import rules, views
from .engine import Busy
from .model import AuditRow, ProbeOutcome, State
from .ports import BusError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .engine import Engine, Service
    from .model import Actor
    from .ports import Audit, Bus, Job

FASTEST_PROBE, SLOWEST_PROBE, PROBE_GROWTH = 0.01, 0.1, 1.2
"""Seconds between the probes that await a start; each pause is PROBE_GROWTH times the one before."""
STOP_CHECK = 0.05
"""Seconds that a probe may take to show that something still answers after a stop."""
RECOVERY_GRACE = 3.0
"""Seconds in which an unresponsive service may come back by itself once its dependencies are back."""
KEYS_MOST = 1000

_SENTENCES = {
    "start": "Service started manually",
    "stop": "Service stopped manually",
    "restart": "Service restarted manually",
    "incident": "Incident injected: service stopped",
    "resolve": "Incident resolved: service started",
}

_VERBS = {"start": "start", "stop": "stop", "restart": "restart", "incident": "stop", "resolve": "start"}


class ActionError(Exception):
    """An action did not succeed. ``kind`` is stable, the text a sentence that begins with "cannot"."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


@dataclass(slots=True)
class Outcome:
    """How an action ended: ``ok``, ``unchanged`` (nothing was to be done) or ``failed``."""

    outcome: str
    reason: str = ""
    kind: str = ""
    job_id: int | None = None


class Actions:
    """Runs actions on the engine's services; one at a time per service, in the order in which they came."""

    def __init__(self, engine: Engine, bus: Bus, audit: Audit) -> None:
        self._engine = engine
        self._bus = bus
        self._audit = audit
        self._keys: OrderedDict[tuple[int | None, str, str], asyncio.Task[dict[str, Any]]] = OrderedDict()
        self._remediation: asyncio.Task[dict[str, Any]] | None = None
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
        if self._running:
            await asyncio.wait(self._running, timeout=deadline)
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    # -- one service

    async def change(self, name: str, action: str, who: Actor) -> dict[str, Any]:
        """Start, stop, restart, incident or resolve one service; answers when it is done and verified."""
        service = self._engine.services[name]
        verb = _VERBS[action]
        if verb == "stop":
            service.superseded.set()
        async with service.lock:
            service.superseded.clear()
            row = self._row(action, name, who)
            self._engine.set_busy(service, Busy(action, row.at, who.user))
            try:
                recorded = await self._audit.append(row)
                began = time.monotonic()
                result = await self._perform(service, verb)
            finally:
                self._engine.set_busy(service, None)
            sentence = _SENTENCES[action] if result.outcome == "ok" else ""
            if result.outcome == "failed":
                sentence = f"{_SENTENCES[action].split(':')[0]}: failed ({result.reason})"
            recorded &= await self._finish(row, service, result, sentence, time.monotonic() - began)
        return self._answer(service, action, row, result, recorded, time.monotonic() - began)

    def _answer(
        self, service: Service, action: str, row: AuditRow, result: Outcome, recorded: bool, seconds: float
    ) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "service": service.spec.name,
            "status": service.health.status,
            "state": service.health.state.value,
            "outcome": result.outcome,
            "reason": result.reason or service.health.reason,
            "started": views.started(service.unit, service.health),
            "action_id": row.action_id,
            "job_id": result.job_id,
            "invocation_id": service.unit.invocation_id if service.unit else "",
            "duration_seconds": round(seconds, 4),
            "recorded": recorded,
        }
        if result.outcome == "failed":
            answer["kind"] = result.kind
            answer["message"] = f"cannot {action} {service.spec.name}: {result.reason}"
        return answer

    async def ping(self, name: str, who: Actor) -> dict[str, Any]:
        """Probe once, now."""
        service = self._engine.services[name]
        row = self._row("ping", name, who)
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
        recorded = await self._finish(row, service, outcome, sentence, time.monotonic() - began)
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

    def _row(self, action: str, name: str, who: Actor) -> AuditRow:
        return AuditRow(uuid.uuid4().hex, "requested", self._engine.now(), action, name, who)

    async def _finish(
        self, row: AuditRow, service: Service | None, result: Outcome, sentence: str, seconds: float
    ) -> bool:
        self._engine.metrics.action(row.action, row.service, result.outcome, seconds)
        finished = replace(
            row,
            phase="finished",
            at=self._engine.now(),
            outcome=result.outcome,
            reason=result.reason,
            sentence=sentence,
            job_id=result.job_id,
            invocation_id=service.unit.invocation_id if service and service.unit else "",
            duration=seconds,
        )
        recorded = await self._audit.append(finished)
        self._engine.broker.publish("action", views.audit_row(finished))
        return recorded

    # -- systemd

    async def _perform(self, service: Service, verb: str) -> Outcome:
        unit = service.unit
        if not self._engine.bus_answering:
            return Outcome("failed", "systemd does not answer", "systemd-unreachable")
        if unit is None or service.health.state is State.NOT_INSTALLED:
            return Outcome("failed", service.health.reason, "not-installed")
        if unit.load_state == "masked" and verb != "stop":
            return Outcome("failed", service.health.reason, "masked")
        if verb == "start" and unit.active_state == "active" and not service.main_exited:
            return await self._already_active(service)
        if verb == "stop" and unit.active_state in ("inactive", "failed"):
            return Outcome("unchanged", "it was not running")
        try:
            job = await self._bus.job(verb, unit.unit)
        except BusError as error:
            return Outcome("failed", str(error), error.kind)
        if verb == "stop":
            return await self._await_stop(service, job)
        return await self._await_start(service, job, unit.invocation_id)

    async def _already_active(self, service: Service) -> Outcome:
        if service.probeable:
            await self._engine.probe_now(service)
        if service.health.up:
            return Outcome("unchanged", "it was already running")
        return Outcome(
            "failed",
            f"{service.unit_name} is active already but does not work ({service.health.reason}); restart it instead",
            "unresponsive",
        )

    async def _await_stop(self, service: Service, job: Job) -> Outcome:
        deadline = service.spec.stop_deadline
        try:
            done = await asyncio.wait_for(asyncio.shield(job.done), deadline)
        except TimeoutError:
            return Outcome(
                "failed", f"systemd has not stopped it within {deadline:g} s and goes on trying", "timeout", job.job_id
            )
        except BusError as error:
            return Outcome("failed", str(error), error.kind)
        if done.result != "done":
            return Outcome("failed", f"the stop job ended as {done.result!r}", f"job-{done.result}", done.job_id)
        note = ""
        if service.spec.probe.kind != "none":
            still = await self._engine.prober.probe(service.spec, STOP_CHECK)
            if still.outcome is ProbeOutcome.OK:
                note = "its unit is stopped, but something else still answers in its place"
        return Outcome("ok", note, job_id=done.job_id)

    async def _await_start(self, service: Service, job: Job, old_invocation: str) -> Outcome:
        """Until the probe answers, the job fails, the unit falls over after it, a stop supersedes it, or time is up."""
        deadline = service.spec.start_deadline
        prober = asyncio.create_task(self._probe_quickly(service), name=f"start-probe {service.spec.name}")
        try:
            async with asyncio.timeout(deadline):
                return await self._watch_start(service, job, old_invocation)
        except TimeoutError:
            reason = f"it does not answer its probe after {deadline:g} s ({service.health.reason})"
            return Outcome("failed", reason, "timeout", job.job_id)
        finally:
            prober.cancel()
            await asyncio.gather(prober, return_exceptions=True)

    async def _watch_start(self, service: Service, job: Job, old_invocation: str) -> Outcome:
        superseded: asyncio.Future[Any] = asyncio.ensure_future(service.superseded.wait())
        try:
            while True:
                changed: asyncio.Future[Any] = asyncio.ensure_future(self._engine.changed(service).wait())
                verdict = self._judge_start(service, job, old_invocation)
                if verdict is None:
                    waits = {superseded, changed} if job.done.done() else {superseded, changed, job.done}
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if verdict is not None:
                    return verdict
                if superseded.done():
                    return Outcome("failed", "it was superseded by a stop", "superseded", job.job_id)
        finally:
            superseded.cancel()

    @staticmethod
    def _judge_start(service: Service, job: Job, old_invocation: str) -> Outcome | None:
        """The outcome as far as it can be told now; None while it is open."""
        unit = service.unit
        fresh = unit is not None and unit.invocation_id != old_invocation
        if fresh and service.health.up:
            return Outcome("ok", job_id=job.job_id)
        if not job.done.done():
            return None
        error = job.done.exception()
        if error is not None:
            kind = error.kind if isinstance(error, BusError) else "systemd-unreachable"
            return Outcome("failed", str(error), kind)
        done = job.done.result()
        if done.result != "done":
            reason = f"the job ended as {done.result!r}"
            if unit is not None and service.health.state is State.FAILED:
                reason = rules.failure_reason(unit)
            elif done.result == "dependency":
                reason = "a unit that it requires could not be started"
            return Outcome("failed", reason, f"job-{done.result}", done.job_id)
        if service.health.state in (State.FAILED, State.STOPPED):
            return Outcome("failed", f"it ended at once: {service.health.reason}", "ended-at-once", done.job_id)
        return None

    async def _probe_quickly(self, service: Service) -> None:
        """Kick the service's probe again and again, sooner at first: a start is over when the probe answers."""
        pause = FASTEST_PROBE
        while True:
            service.kick.set()
            await asyncio.sleep(pause)
            pause = min(pause * PROBE_GROWTH, SLOWEST_PROBE)

    # -- remediation

    async def remediate(self, who: Actor) -> dict[str, Any]:
        """Bring back what is down, in dependency order; a second request gets the result of the one that runs."""
        if self._remediation is None or self._remediation.done():
            self._remediation = asyncio.create_task(self._remediate(who), name="remediation")
        return await asyncio.shield(self._remediation)

    async def _remediate(self, who: Actor) -> dict[str, Any]:
        engine = self._engine
        began = time.monotonic()
        row = self._row("remediate", "", who)
        recorded = await self._audit.append(row)
        plan = {name: rules.remediation_action(s.health.state) for name, s in engine.visible().items()}
        steps: dict[str, dict[str, Any]] = {}
        failed: set[str] = set()
        for level in rules.levels((name for name, action in plan.items() if action != "none"), engine.catalogue):
            results = await asyncio.gather(*(self._step(name, plan[name], failed, who) for name in level))
            steps.update(zip(level, results, strict=True))
            failed.update(name for name in level if not engine.services[name].health.up)
        done = [name for name, step in steps.items() if step["outcome"] == "ok"]
        skipped = [name for name in steps if name not in done]
        partial = any(not engine.services[name].health.up for name in skipped)
        outcome = Outcome("failed" if partial else "ok", "; ".join(f"{n}: {steps[n]['reason']}" for n in skipped))
        recorded &= await self._finish(row, None, outcome, "", time.monotonic() - began)
        return {
            "status": "partial" if partial else "completed",
            "services_remediated": done,
            "services_skipped": skipped,
            "steps": [{"service": name, **step} for name, step in steps.items()],
            "message": "" if steps else "No services required remediation.",
            "action_id": row.action_id,
            "duration_seconds": round(time.monotonic() - began, 4),
            "recorded": recorded,
        }

    async def _step(self, name: str, action: str, failed: set[str], who: Actor) -> dict[str, Any]:
        service = self._engine.services[name]
        blocked = sorted(set(service.spec.depends_on) & failed)
        if action == "skip" or blocked:
            reason = f"waits for {', '.join(blocked)}, which did not come back" if blocked else service.health.reason
            return {"action": "skip", "outcome": "skipped", "reason": reason, "duration_seconds": 0.0}
        async with service.lock:
            began = time.monotonic()
            row = self._row(f"remediate-{action}", name, who)
            self._engine.set_busy(service, Busy("remediate", row.at, who.user))
            try:
                await self._audit.append(replace(row, sentence="Auto-remediation started"))
                result = await self._remedy(service, action)
            finally:
                self._engine.set_busy(service, None)
            sentence = "Auto-remediation completed"
            if result.outcome == "failed":
                sentence = f"Auto-remediation failed ({result.reason})"
            seconds = time.monotonic() - began
            await self._finish(row, service, result, sentence, seconds)
        outcome = {"ok": "ok", "unchanged": "skipped"}.get(result.outcome, "failed")
        return {"action": action, "outcome": outcome, "reason": result.reason, "duration_seconds": round(seconds, 4)}

    async def _remedy(self, service: Service, action: str) -> Outcome:
        if action in ("wait", "restart"):
            # It may only have lacked what the steps before have brought back, or be on its way already.
            await self._await_recovery(service, RECOVERY_GRACE if action == "restart" else rules.START_GRACE)
        if service.health.up:
            return Outcome("unchanged", "it came back by itself")
        if action == "wait":
            action = "start" if rules.remediation_action(service.health.state) == "start" else "restart"
        if service.unit is not None and service.unit.result == "start-limit-hit":
            with contextlib.suppress(BusError):
                await self._bus.reset_failed(service.unit.unit)
        return await self._perform(service, "restart" if action == "restart" else "start")

    async def _await_recovery(self, service: Service, seconds: float) -> None:
        if not service.spec.depends_on and service.health.state is State.UNRESPONSIVE:
            return  # nothing that it could have waited for
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not service.health.up and service.probeable:
                    await self._engine.changed(service).wait()
