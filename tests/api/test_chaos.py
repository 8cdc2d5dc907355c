"""Chaos runs as a client of the agent sees them; the chaos service is a fake, or not there at all."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from api.agent import Agent, running
from api.callers import STRANGER, caller, is_root
from incidentops_agent import chaos
from incidentops_agent.chaos_client import ChaosClient
from incidentops_agent.ports import ChaosError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SETTINGS = {"seed": 42, "seconds": 120, "kinds": ["hang"]}


async def send(agent: Agent, path: str, body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    answer = await agent.request("POST", path, headers=headers, body=json.dumps(body).encode())
    assert answer.status == status, answer
    return answer.json()


async def test_it_is_planned_armed_and_disarmed_and_that_is_written_down(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        assert await agent.get("/chaos") == {"status": "idle", "run": None}
        plan = await send(agent, "/chaos/plan", SETTINGS)
        assert (plan["settings"], len(plan["steps"])) == (SETTINGS, 1)
        assert (agent.chaos.armed, await agent.rows()) == ([], [])
        armed = await send(agent, "/chaos/arm", SETTINGS)
        assert (armed["status"], armed["outcome"], armed["recorded"]) == ("armed", "ok", True)
        assert agent.chaos.armed == [SETTINGS]
        assert (await send(agent, "/chaos/disarm", {}))["status"] == "idle"
        assert (await send(agent, "/chaos/disarm", {}))["outcome"] == "unchanged"
        assert [line.partition(" | ")[2] for line in await agent.get("/logs/chaos")] == [
            "Chaos armed for 120 s (seed 42)",
            "Chaos disarmed",
        ]
        rows = await agent.rows()
        assert [(row.action, row.phase) for row in rows[:2]] == [("chaos-arm", "requested"), ("chaos-arm", "finished")]
        assert rows[0].detail == {"settings": SETTINGS}
        assert rows[1].detail == {"settings": SETTINGS, "run": "0a1b2c3d"}
        assert {row.action for row in rows[2:]} == {"chaos-disarm"}


async def test_a_seed_that_nobody_gave_is_written_down_too(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await send(agent, "/chaos/arm", {})
        assert agent.chaos.armed == [{"seed": 7, "seconds": 600}]
        assert (await agent.rows())[0].detail == {"settings": {"seed": 7, "seconds": 600}}


async def test_an_idempotency_key_stands_for_one_arming(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        key = {"Idempotency-Key": "one"}
        first = await send(agent, "/chaos/arm", SETTINGS, headers=key)
        assert await send(agent, "/chaos/arm", SETTINGS, headers=key) == first
        other = await send(agent, "/chaos/arm", {**SETTINGS, "seed": 1}, 409, headers=key)
        assert (other["kind"], other["outcome"]) == ("armed", "failed")
        assert len(agent.chaos.armed) == 1


async def test_what_the_chaos_service_says_no_to_is_passed_on(tmp_path: Path) -> None:
    problems = [{"key": "seed", "message": "is 'x' but must be a whole number"}]
    async with running(tmp_path) as agent:
        agent.chaos.refuses = ChaosError(400, "malformed", "cannot take the settings: ...", {"problems": problems})
        for path in ("/chaos/plan", "/chaos/arm"):
            answer = await send(agent, path, {"seed": "x"}, 400)
            assert answer == {"kind": "malformed", "message": "cannot take the settings: ...", "problems": problems}
        assert await agent.rows() == []
        for body in (b"[]", b"{", b'{"seed": 1, "seed": 2}'):
            refused = await agent.request("POST", "/chaos/arm", body=body)
            assert (refused.status, refused.json()["kind"]) == (400, "malformed")
        agent.chaos.refuses = ChaosError(503, "undo-failed", "cannot revert everything", {"left": {"0a": "stuck"}})
        answer = await send(agent, "/chaos/disarm", {}, 503)
        assert (answer["kind"], answer["left"]) == ("undo-failed", {"0a": "stuck"})
        assert [row.outcome for row in await agent.rows()] == ["", "failed"]


@pytest.mark.skipif(not is_root(), reason="needs root, to be somebody else")
async def test_who_may(open_folder: Path) -> None:
    async with running(open_folder) as agent, caller(STRANGER) as stranger:
        assert (await stranger.ask("GET", "/chaos", agent.doors["unix"]))[0] == 200
        for path in ("/chaos/plan", "/chaos/arm", "/chaos/disarm"):
            status, answer = await stranger.ask("POST", path, agent.doors["unix"])
            assert (status, answer["kind"]) == (403, "denied")
        assert agent.chaos.armed == []


async def test_changes_are_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chaos, "LOOK_ARMED", 0.02)
    async with running(tmp_path) as agent, agent.events() as events:
        watching = asyncio.create_task(agent.chaos_runs.watch())
        await send(agent, "/chaos/arm", SETTINGS)
        assert (await events.until("chaos"))["status"] == "armed"
        agent.chaos.said = {**agent.chaos.said, "status": "idle", "ended_by": "time"}
        assert await events.until("chaos") == {"status": "idle", "run": "0a1b2c3d", "until": None, "ended_by": "time"}
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


class Service:
    """A chaos service with scripted answers, on a real socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.asked: list[tuple[str, str, Any]] = []
        self.answer: Mapping[str, Any] | list[Any] = {}
        self.status = 200
        self._runner: web.ServerRunner | None = None

    async def __aenter__(self) -> Service:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        await web.UnixSite(self._runner, str(self.path)).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        text = await request.text()
        self.asked.append((request.method, request.path, json.loads(text) if text else None))
        return web.json_response(self.answer, status=self.status)


async def test_the_client_asks_the_socket(tmp_path: Path) -> None:
    client = ChaosClient(tmp_path / "chaos.sock")
    with pytest.raises(ChaosError) as caught:
        await client.status()
    assert (caught.value.status, caught.value.kind) == (503, "chaos-unreachable")
    assert str(caught.value).startswith("cannot reach the chaos service: No such file")
    async with Service(tmp_path / "chaos.sock") as service:
        service.answer = {"status": "idle"}
        assert await client.status() == {"status": "idle"}
        for ask in (client.plan, client.arm):
            await ask(SETTINGS)
        await client.disarm()
        assert service.asked == [
            ("GET", "/status", None),
            ("POST", "/plan", SETTINGS),
            ("POST", "/arm", SETTINGS),
            ("POST", "/disarm", None),
        ]
        service.answer, service.status = {"kind": "armed", "message": "cannot arm", "more": 1}, 409
        with pytest.raises(ChaosError, match="cannot arm") as caught:
            await client.arm({})
        assert (caught.value.status, caught.value.kind, caught.value.extra) == (409, "armed", {"more": 1})
        service.answer = []
        with pytest.raises(ChaosError, match="something else"):
            await client.arm({})
