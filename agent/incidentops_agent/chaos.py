"""Chaos runs: the chaos service plans and injects them; here they are armed and disarmed, and that is written down."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .jobs import Outcome
from .ports import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Engine
    from .model import Actor, AuditRow
    from .ports import Chaos
    from .recorder import Recorder

SERVICE = "chaos"
"""The service that arming and disarming are recorded of."""
LOOK, LOOK_ARMED = 15.0, 2.0
"""Seconds between two looks whether something is armed, and whether it is still."""


class ChaosRuns:
    """Arms and disarms the chaos service, and tells the event stream when its state has changed."""

    def __init__(self, engine: Engine, recorder: Recorder, chaos: Chaos) -> None:
        self._engine = engine
        self._recorder = recorder
        self._chaos = chaos
        self._told: dict[str, Any] = {}
        self._acted = asyncio.Event()

    async def status(self) -> dict[str, Any]:
        """What the chaos service says of itself. Raises ChaosError."""
        return await self._chaos.status()

    async def plan(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What it would do. Changes nothing. Raises ChaosError."""
        return await self._chaos.plan(settings)

    async def arm(self, planned: Mapping[str, Any], who: Actor) -> dict[str, Any]:
        """Arm it by the settings of a plan: with the seed in the audit trail, the run can be had again."""
        settings: dict[str, Any] = dict(planned["settings"])
        row = replace(self._recorder.requested("chaos-arm", SERVICE, who), detail={"settings": settings})
        began = time.monotonic()
        recorded = await self._recorder.write(row)
        try:
            said = await self._chaos.arm(settings)
        except ChaosError as error:
            return await self._refused(row, error, "Chaos not armed", began, recorded)
        row = replace(row, detail={"settings": settings, "run": said.get("run", "")})
        sentence = f"Chaos armed for {settings['seconds']:g} s (seed {settings['seed']})"
        return await self._done(row, Outcome("ok", sentence), sentence, began, recorded, said)

    async def disarm(self, who: Actor) -> dict[str, Any]:
        """Disarm it; answers when all that it injected is undone."""
        row = self._recorder.requested("chaos-disarm", SERVICE, who)
        began = time.monotonic()
        recorded = await self._recorder.write(row)
        try:
            was_idle = (await self._chaos.status()).get("status") == "idle"
            said = await self._chaos.disarm()
        except ChaosError as error:
            return await self._refused(row, error, "Chaos not disarmed", began, recorded)
        row = replace(row, detail={"run": said.get("run") or ""})
        outcome = Outcome("unchanged" if was_idle else "ok", "it was idle already" if was_idle else "it is disarmed")
        return await self._done(row, outcome, "" if was_idle else "Chaos disarmed", began, recorded, said)

    async def _refused(
        self, row: AuditRow, error: ChaosError, sentence: str, began: float, recorded: bool
    ) -> dict[str, Any]:
        outcome = Outcome("failed", str(error), error.kind)
        answer = await self._done(row, outcome, f"{sentence} ({error})", began, recorded, {})
        return {**answer, **error.extra, "kind": error.kind, "message": str(error)}

    async def _done(
        self, row: AuditRow, outcome: Outcome, sentence: str, began: float, recorded: bool, said: dict[str, Any]
    ) -> dict[str, Any]:
        seconds = time.monotonic() - began
        recorded &= await self._recorder.finish(row, self._engine.services.get(SERVICE), outcome, sentence, seconds)
        self._acted.set()
        return {
            **said,
            "outcome": outcome.outcome,
            "reason": outcome.reason,
            "action_id": row.action_id,
            "recorded": recorded,
            "duration_seconds": round(seconds, 4),
        }

    # -- watching

    async def watch(self) -> None:
        """Follow the state for ever: an event ``chaos`` when it is another than before."""
        while True:
            self._acted.clear()
            try:
                said = await self._chaos.status()
            except ChaosError:  # the service's own card says that it is down
                said = {"status": "idle"}
            shown = {key: said.get(key) for key in ("status", "run", "until", "ended_by")}
            if shown != self._told:
                if self._told or shown["status"] != "idle":
                    self._engine.broker.publish("chaos", shown)
                self._told = shown
            try:
                async with asyncio.timeout(LOOK if shown["status"] == "idle" else LOOK_ARMED):
                    await self._acted.wait()
            except TimeoutError:
                continue
