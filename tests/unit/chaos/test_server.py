"""The chaos service's own API: its answers, and who gets none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from api.callers import STRANGER, caller, is_root
from incidentops_chaos import reverting, run, server
from incidentops_chaos.agent import Agent
from incidentops_chaos.reverting import Memory
from incidentops_chaos.runner import Runner
from unit.chaos.fake_agent import FakeAgent, agent_at
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SHORT = {"seed": 31, "seconds": 60, "interval": 5, "jitter": 1, "duration": 2, "kinds": ["hang"]}


class Service:
    def __init__(self, path: Path, fake: FakeAgent) -> None:
        self.path = path
        self.fake = fake

    async def raw(self, data: bytes) -> bytes:
        """All that is answered to exactly these bytes."""
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_unix_connection(self.path)
            answer = b""
            with contextlib.suppress(ConnectionError):
                writer.write(data)
                answer = await reader.read()
            writer.close()
            return answer

    async def ask(self, method: str, path: str, body: Any = None, status: int = 200, headers: str = "") -> Any:
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(sent)}\r\n{headers}"
        found, _, text = (await self.raw(head.encode() + b"\r\n" + sent)).partition(b"\r\n\r\n")
        assert int(found.split()[1]) == status, text
        return json.loads(text) if text else None


@contextlib.asynccontextmanager
async def service(folder: Path) -> AsyncIterator[Service]:
    async with agent_at(folder / "agent.sock") as fake:
        agent = Agent(folder / "agent.sock", "me")
        runner = Runner(agent, Memory(folder / "injected.json"))
        serving = server.Server(runner)
        await serving.open(folder / "chaos.sock")
        try:
            yield Service(folder / "chaos.sock", fake)
        finally:
            await runner.disarm("stop")
            await serving.close()
            await agent.close()


@pytest.mark.parametrize(
    ("request_head", "status", "kind"),
    [
        (b"GET /health?x=1 HTTP/1.0\r\n\r\n", b"200", ""),
        (b"HEAD /health HTTP/1.1\r\nConnection: close\r\n\r\n", b"200", ""),
        (b"POST /health HTTP/1.1\r\nConnection: close\r\n\r\n", b"405", "bad-method"),
        (b"GET /arm HTTP/1.1\r\nConnection: close\r\n\r\n", b"405", "bad-method"),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"404", "not-found"),
        (b"GET /health HTTP/1.1\r\nOrigin: http://x\r\nConnection: close\r\n\r\n", b"403", "foreign"),
        (b"POST /disarm HTTP/1.1\r\nReferer: http://x\r\nConnection: close\r\n\r\n", b"403", "foreign"),
        (b"\xff\xff\r\n\r\n", b"400", "bad-request"),
        (b"GET /health\r\n\r\n", b"400", "bad-request"),
    ],
)
async def test_what_is_answered(tmp_path: Path, request_head: bytes, status: bytes, kind: str) -> None:
    async with service(tmp_path) as chaos:
        assert stat.S_IMODE(chaos.path.stat().st_mode) == 0o666
        head, _, text = (await chaos.raw(request_head)).partition(b"\r\n\r\n")
        assert head.split()[1] == status
        if kind:
            assert json.loads(text)["kind"] == kind
        elif b"HEAD" not in request_head:
            assert json.loads(text) == {"status": "idle"}


async def test_slow_endless_and_too_many_clients_are_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CLIENT_SECONDS", 0.1)
    monkeypatch.setattr(server, "CONNECTIONS_EACH", 2)
    async with service(tmp_path) as chaos:
        for request in (b"", b"GET /health HT"):
            assert await chaos.raw(request) == b""
        assert b" 400 " in await chaos.raw(b"x" * 100_000)
        slow = b"POST /plan HTTP/1.1\r\nConnection: close\r\nContent-Length: 5\r\n\r\n{"
        assert b" 408 " in await chaos.raw(slow)
        answers = await asyncio.gather(*(chaos.raw(b"") for _ in range(5)))
        assert answers == [b""] * 5
        assert await chaos.ask("GET", "/health") == {"status": "idle"}


@pytest.mark.skipif(not is_root(), reason="needs root, to be somebody else")
async def test_who_may_change_something(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root, its own user, and the agent's; a stranger may look."""
    monkeypatch.setattr(server, "AGENT_USER", "daemon")
    async with service(open_folder) as chaos, caller(STRANGER) as stranger, caller(1) as the_agent:
        assert await stranger.ask("GET", "/status", chaos.path) == (200, {"status": "idle", "run": None})
        for path in ("/plan", "/arm", "/disarm"):
            status, answer = await stranger.ask("POST", path, chaos.path)
            assert (status, answer["kind"]) == (403, "denied")
            assert (await the_agent.ask("POST", path, chaos.path))[0] == 200


async def test_a_plan_is_shown_and_nothing_begins(tmp_path: Path) -> None:
    async with service(tmp_path) as chaos:
        first, second = [await chaos.ask("POST", "/plan", SHORT) for _ in range(2)]
        assert first == second
        assert (len(first["steps"]), first["steps"][0]["at_seconds"]) == (11, 1.0)
        assert {(step["kind"], step["service"]) for step in first["steps"]} == {("hang", "postgres"), ("hang", "redis")}
        unseeded = [await chaos.ask("POST", "/plan") for _ in range(2)]
        assert unseeded[0]["settings"]["seed"] != unseeded[1]["settings"]["seed"]
        assert await chaos.ask("POST", "/plan", {**unseeded[0]["settings"]}) == unseeded[0]
        assert (await chaos.ask("POST", "/plan", {"interval": 4000}))["message"].startswith("No fault would begin")
        assert await chaos.ask("GET", "/health") == {"status": "idle"}
        assert chaos.fake.orders == []


async def test_armed_once_and_disarmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "LOOK", 0.02)
    monkeypatch.setattr(reverting, "LOOK", 0.02)
    async with service(tmp_path) as chaos:
        armed = await chaos.ask("POST", "/arm", SHORT)
        assert (armed["status"], armed["settings"]["seed"], armed["steps_planned"]) == ("armed", 31, 11)
        assert (armed["next"]["number"], armed["settings"]["seconds"]) == (1, 60)
        assert await chaos.ask("GET", "/health") == {"status": "armed"}
        again = await chaos.ask("POST", "/arm", SHORT, 409)
        assert again == {"kind": "armed", "message": "cannot arm: it is armed already; disarm it first"}
        await soon(lambda: chaos.fake.orders, deadline=10)
        assert (await chaos.ask("POST", "/disarm"))["ended_by"] == "disarm"
        assert chaos.fake.active() == []
        status = await chaos.ask("GET", "/status")
        assert (status["status"], status["run"], status["steps"][0]["outcome"]) == ("idle", armed["run"], "over")
        assert (await chaos.ask("POST", "/disarm"))["status"] == "idle"


@pytest.mark.parametrize(
    ("path", "body", "status", "kind"),
    [
        ("/arm", {"seed": "x", "when": 1}, 400, "malformed"),
        ("/plan", [], 400, "malformed"),
        ("/arm", {"kinds": ["x" * 70_000]}, 413, "too-large"),
        ("/disarm", {"force": True}, 400, "malformed"),
        ("/arm", {"interval": 4000}, 409, "nothing-planned"),
    ],
)
async def test_what_is_refused(tmp_path: Path, path: str, body: Any, status: int, kind: str) -> None:
    async with service(tmp_path) as chaos:
        answer = await chaos.ask("POST", path, body, status)
        assert answer["kind"] == kind
        assert answer["message"].startswith("cannot ")
        if isinstance(body, dict) and "when" in body:
            assert [one["key"] for one in answer["problems"]] == ["seed", "when"]
        assert await chaos.ask("GET", "/health") == {"status": "idle"}


async def test_the_same_key_twice_is_refused(tmp_path: Path) -> None:
    async with service(tmp_path) as chaos:
        body = b'{"seed": 1, "seed": 2}'
        head = f"POST /arm HTTP/1.1\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        assert b"a key is given twice" in await chaos.raw(head + body)


async def test_without_the_agent_nothing_can_be_planned(tmp_path: Path) -> None:
    async with service(tmp_path) as chaos:
        await chaos.fake.close()
        answer = await chaos.ask("POST", "/arm", SHORT, 503)
        assert answer["kind"] == "agent-unreachable"
        assert await chaos.ask("GET", "/health") == {"status": "idle"}
