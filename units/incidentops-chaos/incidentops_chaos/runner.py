"""Arms and disarms: at most one run at a time."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Any

from incidentops_chaos.run import Run
from incidentops_chaos.schedule import plan
from incidentops_chaos.settings import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incidentops_chaos.agent import Agent
    from incidentops_chaos.reverting import Memory
    from incidentops_chaos.schedule import Step
    from incidentops_chaos.settings import Settings

log = logging.getLogger(__name__)


class ConflictError(Exception):
    """It can't be armed in the present state. ``kind`` is stable, the text a sentence."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class Runner:
    """``on_change`` is told the new status word, idle, armed or disarming."""

    def __init__(self, agent: Agent, memory: Memory, on_change: Callable[[str], None] = lambda _status: None) -> None:
        self._agent = agent
        self._memory = memory
        self._run: Run | None = None
        self._task: asyncio.Task[None] | None = None
        self._on_change = on_change

    @property
    def status(self) -> str:
        if self._run is None or self._task is None or self._task.done():
            return "idle"
        return "disarming" if self._run.ended_by else "armed"

    def view(self) -> dict[str, Any]:
        """The present run, or the last one when it is over."""
        return {"status": self.status, **(self._run.view() if self._run else {"run": None})}

    async def plan(self, given: Mapping[str, Any]) -> tuple[Settings, list[Step]]:
        """What would be done by these settings. Changes nothing.

        Raises:
            settings.SettingsError, agent.AwayError, agent.RefusedError
        """
        offer = await self._agent.offer()
        settings = read(given, secrets.randbelow(2**32), offer)
        return settings, plan(settings, offer.pairs)

    async def arm(self, given: Mapping[str, Any]) -> None:
        """Begin a run.

        Raises:
            ConflictError: there is one already, or nothing would be done.
            settings.SettingsError, agent.AwayError, agent.RefusedError
        """
        self._refuse_second()
        settings, steps = await self.plan(given)
        self._refuse_second()  # another may have been quicker
        if not steps:
            raise ConflictError("nothing-planned", f"no fault would begin within the {settings.seconds:g} s")
        self._run = Run(self._agent, self._memory, settings, steps)
        self._task = asyncio.create_task(self._go(self._run), name="run")
        log.info("armed for %g s with the seed %d: %d steps", settings.seconds, settings.seed, len(steps))

    def _refuse_second(self) -> None:
        if self.status != "idle":
            raise ConflictError("armed", f"it is {self.status} already; disarm it first")

    async def _go(self, run: Run) -> None:
        self._on_change("armed")
        try:
            await run.go()
        finally:
            self._on_change("idle")
        left = run.undone.problem if run.undone else ""
        if left:
            log.warning("not everything is undone yet: %s", left)
        log.info("idle again, ended by %s", run.ended_by)

    async def disarm(self, why: str = "disarm") -> None:
        """End the run, if there is one, and wait until all that it injected is undone; ``view`` says what is left."""
        if self._run is not None and self._task is not None and not self._task.done():
            self._run.stop(why)
            self._on_change("disarming")
            await asyncio.shield(self._task)
