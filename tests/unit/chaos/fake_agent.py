"""The agent as the chaos service sees it: a real server on a unix socket, on which faults can be played."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

KINDS = {"hang": None, "kill": None, "network-partition": "peer", "stop": None}


class FakeAgent:
    """``refuses``: what orders are answered with, as (status, kind, message). ``deaf``: answers are never given."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: dict[str, dict[str, Any]] = {}
        self.incidents: list[dict[str, Any]] = []
        self.orders: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.reverted: list[str] = []
        self.most = 0
        self.refuses: tuple[int, str, str] | None = None
        self.stuck = ""
        self.deaf = False
        self.slow = 0.0
        self.busy = ""
        self._site: web.AppRunner | None = None

    async def open(self) -> None:
        app = web.Application()
        app.add_routes([
            web.get("/faults/catalogue", self._catalogue),
            web.get("/faults", self._every),
            web.post("/faults", self._inject),
            web.delete("/faults/{fault}", self._revert),
            web.get("/incidents", self._incidents),
            web.get("/services", self._services),
        ])  # fmt: skip
        self._site = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._site.setup()
        self.path.unlink(missing_ok=True)
        await web.UnixSite(self._site, str(self.path)).start()

    async def close(self) -> None:
        site, self._site = self._site, None
        if site is not None:
            await site.cleanup()
            self.path.unlink(missing_ok=True)

    def active(self) -> list[dict[str, Any]]:
        now = time.monotonic()
        return [one for one in self.faults.values() if one["ends"] > now]

    async def _catalogue(self, _request: web.Request) -> web.Response:
        services = [{"service": name, "available": False, "reason": "x"} for name in ("chaos", "postgres", "redis")]
        kinds = [
            {
                "kind": kind,
                "parameters": [{"name": needed, "default": None}] if needed else [{"name": "some", "default": 1}],
                "services": services,
            }
            for kind, needed in KINDS.items()
        ]
        return web.json_response({"duration": {"low": 1, "most": 3600}, "kinds": kinds})

    async def _every(self, _request: web.Request) -> web.Response:
        return web.json_response(self.active())

    async def _incidents(self, request: web.Request) -> web.Response:
        assert request.query["state"] == "open"
        return web.json_response(self.incidents)

    async def _services(self, _request: web.Request) -> web.Response:
        busy = {"action": "inject", "user": self.busy} if self.busy else None
        return web.json_response({"redis": {"busy": busy}})

    async def _inject(self, request: web.Request) -> web.Response:
        order = await request.json()
        self.orders.append(order)
        self.keys.append(request.headers["Idempotency-Key"])
        if self.refuses:
            status, kind, message = self.refuses
            return web.json_response({"kind": kind, "message": message}, status=status)
        await asyncio.sleep(self.slow)
        fault = self.add(order["kind"], order["service"], order["duration"])
        if self.deaf:
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"fault": fault})

    def add(self, kind: str, service: str, seconds: float, user: str = "me") -> dict[str, Any]:
        fault: dict[str, Any] = {
            "id": f"{len(self.faults) + 1:012x}",
            "kind": kind,
            "service": service,
            "requested_by": user,
            "ends": time.monotonic() + seconds,
        }
        self.faults[fault["id"]] = fault
        self.most = max(self.most, len(self.active()))
        return fault

    async def _revert(self, request: web.Request) -> web.Response:
        fault_id = request.match_info["fault"]
        if fault_id not in self.faults:
            return web.json_response({"kind": "unknown-fault", "message": "cannot find it"}, status=404)
        if self.stuck:
            return web.json_response({"kind": "undo-failed", "message": self.stuck}, status=503)
        self.faults[fault_id]["ends"] = 0.0
        self.reverted.append(fault_id)
        return web.json_response({"fault": {"id": fault_id}})


@contextlib.asynccontextmanager
async def agent_at(path: Path) -> AsyncIterator[FakeAgent]:
    fake = FakeAgent(path)
    await fake.open()
    try:
        yield fake
    finally:
        await fake.close()
