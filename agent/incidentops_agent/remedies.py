"""Applies a remedy to one service: diagnoses it anew, does one thing about it, and at most one more when that fails."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from . import plan, rules
from .causes import Cause, Remedy, remedy
from .jobs import Outcome
from .ports import BusError

if TYPE_CHECKING:
    from .causes import Diagnosis
    from .engine import Engine, Service
    from .jobs import Jobs
    from .planner import Planner
    from .ports import Bus


@dataclass(frozen=True, slots=True)
class Treatment:
    """What was done about a service, and how that ended."""

    action: Remedy
    outcome: Outcome


class Remedies:
    """Never touches what is healthy, and tries each service once: the callers decide whether there is another time."""

    def __init__(self, engine: Engine, bus: Bus, jobs: Jobs, planner: Planner) -> None:
        self._engine = engine
        self._bus = bus
        self._jobs = jobs
        self._planner = planner

    async def treat(self, service: Service, planned: Remedy, exactly: bool = False) -> Treatment:
        """Bring a service back. What is found now decides; ``planned`` is what was found before.

        Args:
            exactly: do nothing that goes beyond what was planned.
        """
        found = await self._planner.diagnose(service)
        if found is not None and self._must_wait(planned, found):
            await self._await_recovery(service, found)
            found = await self._planner.diagnose(service)
        elif found is not None and remedy(found.cause) is Remedy.RESTART:
            found = await self._asked_once_more(service)
        if found is None:
            return Treatment(planned, Outcome("unchanged", "it came back by itself"))
        action = self._action(service, found)
        if exactly and not plan.admits(planned, action):
            reason = f"its state has changed since the plan, which said {planned}: now {found.sentence} ({action})"
            return Treatment(Remedy.SKIP, Outcome("failed", reason, "plan-changed"))
        if action is Remedy.SKIP:
            return Treatment(action, Outcome("failed", found.sentence, found.cause.value))
        return await self._apply(service, action)

    @staticmethod
    def _must_wait(planned: Remedy, found: Diagnosis) -> bool:
        """Whether it may come back by itself: it is on its way, or only lacked what has come back meanwhile."""
        action = remedy(found.cause)
        return action is Remedy.WAIT or (planned is Remedy.WAIT and action is Remedy.RESTART)

    async def _await_recovery(self, service: Service, found: Diagnosis) -> None:
        seconds = plan.RECOVERY_GRACE
        if found.cause is Cause.STARTING:
            seconds = plan.start_grace(service.spec, self._is_active(service))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not service.health.up and self._runs(service) and not service.superseded.is_set():
                    await self._engine.changed(service).wait()

    async def _asked_once_more(self, service: Service) -> Diagnosis | None:
        if service.probeable:
            await self._engine.probe_now(service)
        return await self._planner.diagnose(service)

    @staticmethod
    def _runs(service: Service) -> bool:
        """Whether it may still come, be there a probe or not."""
        unit = service.unit
        starting = unit is not None and (unit.active_state in rules.ACTIVE or rules.is_starting(unit))
        return starting and not service.main_exited

    @staticmethod
    def _is_active(service: Service) -> bool:
        return service.unit is not None and service.unit.active_state in rules.ACTIVE

    def _action(self, service: Service, found: Diagnosis) -> Remedy:
        """What is done now; it has been waited for enough."""
        action = remedy(found.cause)
        if action is not Remedy.WAIT:
            return action
        is_up = self._is_active(service) or found.cause is Cause.STARTING
        return Remedy.RESTART if is_up else Remedy.START

    async def _apply(self, service: Service, action: Remedy) -> Treatment:
        if action is Remedy.THAW:
            thawed = await self._jobs.thaw(service, plan.answer_after_thaw(service.spec))
            if thawed.outcome == "ok" or thawed.kind == "superseded":
                return Treatment(action, thawed)
            return Treatment(Remedy.RESTART, await self._after(service, "restart", thawed.reason))
        if action is Remedy.RESET_AND_START:
            with contextlib.suppress(BusError):
                await self._bus.reset_failed(service.unit_name)
        if service.unit is not None and service.unit.freezer_state != "running":
            with contextlib.suppress(BusError):  # killed while it was frozen: the next run would be frozen too
                await self._bus.thaw(service.unit_name)
        result = await self._jobs.perform(service, "restart" if action is Remedy.RESTART else "start")
        if result.kind == "start-limit":  # this start was the first to hit it
            with contextlib.suppress(BusError):
                await self._bus.reset_failed(service.unit_name)
            return Treatment(Remedy.RESET_AND_START, await self._jobs.perform(service, "start"))
        return Treatment(action, result)

    async def _after(self, service: Service, verb: str, reason: str) -> Outcome:
        """The second and last thing that is tried; the outcome tells of the first one too."""
        result = await self._jobs.perform(service, verb)
        return replace(
            result, reason=f"{reason}, so it was restarted" + (f": {result.reason}" if result.reason else "")
        )
