"""A stand-in for the chaos service."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from incidentops_agent.ports import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping


class FakeChaos:
    """ports.Chaos: takes any settings. ``refuses`` is raised instead of the next answers."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {"status": "idle", "run": None}
        self.armed: list[dict[str, Any]] = []
        self.refuses: ChaosError | None = None

    async def status(self) -> dict[str, Any]:
        await self._answers()
        return dict(self.said)

    async def plan(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        await self._answers()
        step = {"number": 1, "at_seconds": 9.5, "kind": "hang", "service": "redis", "duration_seconds": 30}
        return {"settings": {"seed": 7, "seconds": 600, **settings}, "steps": [step], "message": ""}

    async def arm(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        await self._answers()
        if self.said["status"] != "idle":
            raise ChaosError(409, "armed", "cannot arm: it is armed already; disarm it first")
        self.armed.append(dict(settings))
        self.said = {"status": "armed", "run": "0a1b2c3d", "settings": dict(settings)}
        return dict(self.said)

    async def disarm(self) -> dict[str, Any]:
        await self._answers()
        self.said = {**self.said, "status": "idle"}
        return dict(self.said)

    async def _answers(self) -> None:
        await asyncio.sleep(0)
        if self.refuses:
            raise self.refuses
