"""The root code of the faults as the agent sees it, in memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incidentops_agent import fault_kinds

if TYPE_CHECKING:
    from collections.abc import Callable

FAULTS = Path(__file__).parents[2] / "agent/faults.json"


class FakeFaultFiles:
    """ports.FaultFiles, and the root code of the faults behind them, in memory: the real list of kinds, but nothing is
    broken. ``refuses`` and ``ineffective`` are sentences with which the next faults are refused, or have no effect."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.requests: dict[str, dict[str, Any]] = {}
        self.told: dict[str, dict[str, Any]] = {}
        self.refuses = ""
        self.ineffective = ""
        self.unavailable: dict[tuple[str, str], str] = {}
        self.stuck = ""
        self.checks = 0
        self.slow: asyncio.Event | None = None
        """While it is there, a fault that is applied takes no effect before it is set, or the fault is stopped."""

    def kinds(self) -> fault_kinds.Kinds:
        return fault_kinds.parse(FAULTS.read_text())

    def ask(self, fault_id: str, request: dict[str, Any]) -> None:
        self.requests[fault_id] = request

    def withdraw(self, fault_id: str) -> None:
        self.requests.pop(fault_id, None)

    def changed(self) -> bool:
        return True

    def statuses(self) -> dict[str, dict[str, Any]]:
        return {fault_id: dict(status) for fault_id, status in self.told.items()}

    def end(self, fault_id: str, by: str) -> None:
        """A fault is undone."""
        self.told[fault_id] |= {"phase": "recovered", "ended_by": by, "ended": self.now(), "message": "it is undone"}

    async def work(self, verb: str, fault_id: str) -> None:
        await asyncio.sleep(0)
        if verb == "start" and self.slow is not None:
            self.told[fault_id] = {**self._applied(self.requests[fault_id]), "phase": "applying"}
            del self.told[fault_id]["verified"]
            await self.slow.wait()
            return
        if verb == "stop":
            if self.slow is not None:
                self.told[fault_id] |= {"phase": "failed", "failure": "it ended by revert", "ended": self.now()}
                self.slow.set()
            elif self.stuck:
                self.told[fault_id] |= {"phase": "undo-failed", "failure": self.stuck}
            elif self.told[fault_id]["phase"] == "active":
                self.end(fault_id, "revert")
            return
        request = self.requests[fault_id]
        mode = request.pop("mode", "apply")
        if mode == "apply":
            self.told[fault_id] = self._applied(request)
            return
        self.checks += mode == "check"
        pair = (request.get("kind", ""), request.get("service", ""))
        self.told[fault_id] = {
            "phase": "checked",
            "capabilities": [
                {"kind": kind, "service": service, "available": not reason, "reason": reason}
                for kind in self.kinds().kinds
                for service in ("postgres", "redis")
                for reason in (self.unavailable.get((kind, service), ""),)
            ],
            "preview": ["It stops."],
            "unavailable": self.unavailable.get(pair, ""),
        }

    def _applied(self, request: dict[str, Any]) -> dict[str, Any]:
        now = self.now()
        about = {key: request[key] for key in ("kind", "service", "parameters", "duration")}
        about |= {"unit": f"{request['service']}.service", "requested_by": request["user"]}
        if self.refuses:
            return {**about, "phase": "refused", "message": self.refuses}
        if self.ineffective:
            return {**about, "phase": "failed", "failure": self.ineffective, "began": now, "ended": now}
        until = now + request["duration"]
        return {**about, "phase": "active", "message": "it is in effect", "began": now, "verified": now, "until": until}
