"""What goes down in a maintenance window is no incident; what is down when it ends is one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from api.agent import running
from incidentops_agent import incident
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _stays_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "STAYED", 0.15)


async def test_under_maintenance_there_is_only_a_note(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/maintenance/redis", body=b'{"seconds": 60, "reason": "new disk"}')
        agent.systemd.kill("redis.service")
        assert await agent.get("/incidents") == []
        row = await agent.noted("down-under-maintenance")
        assert (row.service, row.detail["state"]) == ("redis", "failed")


async def test_what_is_down_when_its_maintenance_ends_is_an_incident_from_then_on(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for name in ("redis", "chaos", "postgres"):
            await agent.post(f"/maintenance/{name}", body=b'{"seconds": 60, "reason": "new disk"}')
        agent.systemd.kill("redis.service")
        agent.systemd.kill("postgres.service")
        await agent.post("/stop/chaos")
        await agent.post("/start/postgres")
        before = time.time()
        for name in ("redis", "chaos", "postgres"):
            await agent.request("DELETE", f"/maintenance/{name}")
        chaos, redis = await agent.get("/incidents")
        assert (redis["root"], redis["cause"], redis["deliberate"]) == ("redis", "killed", False)
        assert (redis["began_source"], redis["ttd_seconds"]) == ("agent", 0)
        assert agent.incidents.book.live()[0].began >= before
        assert (chaos["root"], chaos["sentence"], chaos["deliberate"]) == ("chaos", "chaos was stopped by root", True)
        await agent.post("/start/redis")
        await agent.post("/start/chaos")
        await soon(lambda: not agent.incidents.book.live())


async def test_a_maintenance_window_ends_by_itself_or_while_no_agent_runs(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/maintenance/chaos", body=b'{"seconds": 1, "reason": "new disk"}')
        agent.systemd.kill("chaos.service")
        await soon(lambda: bool(agent.incidents.book.live()))
        await agent.post("/maintenance/redis", body=b'{"seconds": 60, "reason": "new disk"}')
        agent.systemd.kill("redis.service")
        await agent.noted("down-under-maintenance")
        later = time.time() + 61
    async with running(tmp_path, down=["chaos", "redis"], now=lambda: later) as agent:
        assert {one.root for one in agent.incidents.book.live()} == {"chaos", "redis"}
        assert {"chaos", "redis"} <= set(agent.incidents.watch.names())


async def test_a_window_that_ends_while_somebody_is_at_it(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/maintenance/redis", body=b'{"seconds": 60, "reason": "new disk"}')
        agent.systemd.kill("redis.service")
        agent.systemd.program("redis.service", start_seconds=0.2)
        starting = asyncio.create_task(agent.post("/start/redis"))
        await agent.busy("redis", "start")
        await agent.request("DELETE", "/maintenance/redis")
        await starting
        assert await agent.get("/incidents") == []
