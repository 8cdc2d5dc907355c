"""Remediation: bring back what is down, in dependency order, each step verified by its probe."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import rules
from .engine import Busy
from .jobs import Outcome
from .model import State
from .ports import BusError

if TYPE_CHECKING:
    from .engine import Engine, Service
    from .jobs import Jobs
    from .model import Actor
    from .ports import Bus
    from .recorder import Recorder

RECOVERY_GRACE = 3.0
"""Seconds in which an unresponsive service may come back by itself once its dependencies are back."""


class Remediation:
    """One run at a time."""

    def __init__(self, engine: Engine, bus: Bus, jobs: Jobs, recorder: Recorder) -> None:
        self._engine = engine
        self._bus = bus
        self._jobs = jobs
        self._recorder = recorder
        self._run: asyncio.Task[dict[str, Any]] | None = None

    async def run(self, who: Actor) -> dict[str, Any]:
        """Bring back what is down, in dependency order; a second request gets the result of the one that runs."""
        if self._run is not None and not self._run.done():
            return await self._join(self._run, who)
        self._run = asyncio.create_task(self._remediate(who), name="remediation")
        return await asyncio.shield(self._run)

    async def _join(self, run: asyncio.Task[dict[str, Any]], who: Actor) -> dict[str, Any]:
        """Wait for the run that is under way; that somebody else asked too is written down as well."""
        began = time.monotonic()
        row = self._recorder.requested("remediate", "", who)
        recorded = await self._recorder.write(row)
        answer = await asyncio.shield(run)
        joined = Outcome("joined", f"the same was under way already, as {answer['action_id']}")
        recorded &= await self._recorder.finish(row, None, joined, "", time.monotonic() - began)
        return {**answer, "joined": True, "recorded": recorded}

    async def cut(self) -> None:
        """End a run that is under way."""
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    async def _remediate(self, who: Actor) -> dict[str, Any]:
        engine = self._engine
        began = time.monotonic()
        row = self._recorder.requested("remediate", "", who)
        recorded = await self._recorder.write(row)
        services, catalogue = engine.visible(), engine.catalogue  # a reload does not change a run under way
        plan = {name: rules.remediation_action(service.health.state) for name, service in services.items()}
        steps: dict[str, dict[str, Any]] = {}
        failed: set[str] = set()
        for level in rules.levels((name for name, action in plan.items() if action != "none"), catalogue):
            results = await asyncio.gather(*(self._step(services[name], plan[name], failed, who) for name in level))
            steps.update(zip(level, results, strict=True))
            failed.update(name for name in level if not services[name].health.up)
        done = [name for name, step in steps.items() if step["outcome"] == "ok"]
        skipped = [name for name in steps if name not in done]
        partial = any(not services[name].health.up for name in skipped)
        outcome = Outcome("failed" if partial else "ok", "; ".join(f"{n}: {steps[n]['reason']}" for n in skipped))
        recorded &= await self._recorder.finish(row, None, outcome, "", time.monotonic() - began)
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

    async def _step(self, service: Service, action: str, failed: set[str], who: Actor) -> dict[str, Any]:
        blocked = sorted(set(service.spec.depends_on) & failed)
        if action == "skip" or blocked:
            reason = f"waits for {', '.join(blocked)}, which did not come back" if blocked else service.health.reason
            return {"action": "skip", "outcome": "skipped", "reason": reason, "duration_seconds": 0.0}
        async with service.lock:
            began = time.monotonic()
            row = self._recorder.requested(f"remediate-{action}", service.spec.name, who)
            self._engine.set_busy(service, Busy("remediate", row.at, who.user))
            try:
                await self._recorder.write(replace(row, sentence="Auto-remediation started"))
                result = await self._remedy(service, action)
            finally:
                self._engine.set_busy(service, None)
            sentence = "Auto-remediation completed"
            if result.outcome == "failed":
                sentence = f"Auto-remediation failed ({result.reason})"
            seconds = time.monotonic() - began
            await self._recorder.finish(row, service, result, sentence, seconds)
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
        return await self._jobs.perform(service, "restart" if action == "restart" else "start")

    async def _await_recovery(self, service: Service, seconds: float) -> None:
        if not service.spec.depends_on and service.health.state is State.UNRESPONSIVE:
            return  # nothing that it could have waited for
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not service.health.up and service.probeable:
                    await self._engine.changed(service).wait()
