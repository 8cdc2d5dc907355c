"""Remediation: bring back what is down, by a plan, in dependency order, each step verified by its probe."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from . import plan
from .causes import Remedy, remedy
from .engine import Busy
from .jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Engine, Service
    from .model import Actor
    from .plan import Plan, Step
    from .planner import Planner
    from .recorder import Recorder
    from .remedies import Remedies

STOPPED_MEANWHILE = "an operator stopped it while remediation was under way"
PLANS_MOST = 64
"""Plans that are remembered, to say how the present one differs from them."""


@dataclass(frozen=True, slots=True)
class _Run:
    """One run. ``stops``: how often operators had asked for a stop of each service when it was asked for; ``failed``
    grows by what does not come back."""

    plan: Plan
    services: Mapping[str, Service]
    stops: Mapping[str, int]
    exactly: bool
    who: Actor
    failed: set[str] = field(default_factory=set)


class Remediation:
    """One run at a time. A run makes each step of its plan once: it never goes round."""

    def __init__(self, engine: Engine, planner: Planner, remedies: Remedies, recorder: Recorder) -> None:
        self._engine = engine
        self._planner = planner
        self._remedies = remedies
        self._recorder = recorder
        self._deciding = asyncio.Lock()
        self._plans: OrderedDict[str, Plan] = OrderedDict()
        self._run: asyncio.Task[dict[str, Any]] | None = None
        self._running = ""

    # -- the plan

    async def plan(self) -> Plan:
        """The plan for what is down now; it is remembered."""
        made = await self._planner.plan()
        self._plans[made.id] = made
        self._plans.move_to_end(made.id)
        while len(self._plans) > PLANS_MOST:
            self._plans.popitem(last=False)
        return made

    def _changed(self, wanted: str, now: Plan) -> dict[str, Any]:
        """The refusal of a plan that is not the present one."""
        old = self._plans.get(wanted)
        differences = plan.difference(old, now)
        why = "the world has changed" if old is not None else "this agent does not know it"
        listed = f": {'; '.join(differences)}" if differences else ""
        return {
            "kind": "plan-changed",
            "message": f"cannot run plan {wanted}: {why}; the plan is {now.id} now{listed}",
            "plan": now.id,
            "difference": differences,
        }

    # -- running it

    async def run(self, who: Actor, wanted: str = "") -> dict[str, Any]:
        """Bring back what is down, in dependency order; a second request gets the result of the one that runs.

        Args:
            wanted: the id of the plan to run, and no other; empty for whatever the plan is now.
        """
        async with self._deciding:
            run = self._run
            if run is None or run.done():
                services = self._engine.services  # a reload does not change a run under way
                stops = {name: service.stops_asked for name, service in services.items()}
                made = await self.plan()
                if wanted not in ("", made.id):
                    return self._changed(wanted, made)
                self._running = made.id
                going = self._remediate(_Run(made, services, stops, bool(wanted), who))
                run = self._run = asyncio.create_task(going, name="remediation")
                joining = False
            elif wanted not in ("", self._running):
                message = f"cannot run plan {wanted}: plan {self._running} is being run"
                return {"kind": "busy", "message": message, "plan": self._running}
            else:
                joining = True
        return await self._join(run, who) if joining else await asyncio.shield(run)

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

    async def _remediate(self, run: _Run) -> dict[str, Any]:
        began = time.monotonic()
        made, services = run.plan, run.services
        row = replace(self._recorder.requested("remediate", "", run.who), detail={"plan": made.id})
        recorded = await self._recorder.write(row)
        made_steps: list[tuple[dict[str, Any], str]] = []
        for level in sorted({step.level for step in made.steps}):
            steps = [step for step in made.steps if step.level == level]
            made_steps += await asyncio.gather(*(self._step(run, step) for step in steps))
            run.failed.update(step.service for step in steps if not services[step.service].health.up)
        results = [result for result, _ in made_steps]
        done = [result["service"] for result in results if result["outcome"] == "ok"]
        skipped = [result for result in results if result["outcome"] != "ok"]
        partial = any(not services[result["service"]].health.up for result in skipped)
        reasons = "; ".join(f"{result['service']}: {why}" for result, why in made_steps if result in skipped)
        outcome = Outcome("failed" if partial else "ok", reasons)
        recorded &= await self._recorder.finish(row, None, outcome, "", time.monotonic() - began)
        return {
            "status": "partial" if partial else "completed",
            "services_remediated": done,
            "services_skipped": [result["service"] for result in skipped],
            "plan": made.id,
            "steps": results,
            "message": "" if results else "No services required remediation.",
            "action_id": row.action_id,
            "duration_seconds": round(time.monotonic() - began, 4),
            "recorded": recorded,
        }

    # -- one step

    async def _step(self, run: _Run, step: Step) -> tuple[dict[str, Any], str]:
        """Make a step; its result for the answer, and the reason as everybody may read it."""
        service, who = run.services[step.service], run.who
        blocked = sorted(set(service.spec.depends_on) & run.failed)
        if blocked:
            reason = f"waits for {', '.join(blocked)}, which did not come back"
            return self._result(service, step, Remedy.SKIP, "skipped", reason, 0.0), reason
        if step.action is Remedy.SKIP and (run.exactly or await self._must_be_skipped(service)):
            return self._result(service, step, Remedy.SKIP, "skipped", step.sentence, 0.0), step.sentence
        async with service.lock:
            began = time.monotonic()
            if service.stops_asked != run.stops[step.service]:  # the last word was to stop it
                return self._result(service, step, Remedy.SKIP, "skipped", STOPPED_MEANWHILE, 0.0), STOPPED_MEANWHILE
            row = self._recorder.requested(f"remediate-{step.action.replace(' ', '-')}", service.spec.name, who)
            detail = {"plan": run.plan.id, "cause": step.cause, "why": step.sentence, "evidence": list(step.evidence)}
            self._engine.set_busy(service, Busy("remediate", row.at, who.user))
            try:
                await self._recorder.write(replace(row, sentence="Auto-remediation started", detail=detail))
                done = await self._remedies.treat(service, step.action, run.exactly)
            finally:
                self._engine.set_busy(service, None)
            result = done.outcome
            sentence = "Auto-remediation completed"
            if result.outcome in ("failed", "unknown"):
                sentence = f"Auto-remediation failed ({result.reason})"
            seconds = time.monotonic() - began
            await self._recorder.finish(replace(row, detail=detail), service, result, sentence, seconds)
        outcome = {"ok": "ok", "unchanged": "skipped"}.get(result.outcome, "failed")
        return self._result(service, step, done.action, outcome, result.told, seconds), result.reason

    async def _must_be_skipped(self, service: Service) -> bool:
        """Whether it still can't be brought back: what stood in the way may be gone since the plan was made."""
        found = await self._planner.diagnose(service)
        return found is None or remedy(found.cause) is Remedy.SKIP

    @staticmethod
    def _result(
        service: Service, step: Step, action: Remedy, outcome: str, reason: str, seconds: float
    ) -> dict[str, Any]:
        return {
            "service": step.service,
            "action": action.value,
            "outcome": outcome,
            "reason": reason,
            "duration_seconds": round(seconds, 4),
            "cause": step.cause.value,
            "sentence": step.sentence,
            "level": step.level,
            "verified": service.health.up,
        }
