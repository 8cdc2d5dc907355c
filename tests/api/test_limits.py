"""What one caller holds can't keep the others out."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

import pytest
from api.agent import running
from api.callers import STRANGER, caller, is_root
from api.http11 import request_bytes
from incidentops_agent import server
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

GET = request_bytes("GET", "/services", "localhost")


async def test_a_user_who_holds_too_many_connections_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_EACH", 3)
    async with running(tmp_path) as agent:
        async with contextlib.AsyncExitStack() as held:
            for _ in range(3):
                connection = await held.enter_async_context(agent.connected())
                connection.send(GET)
                assert (await connection.answer()).status == 200
            async with agent.connected() as one_more:
                answer = await one_more.answer()
                assert (answer.status, answer.json()["kind"]) == (503, "too-many-connections")
                assert answer.headers["connection"] == "close"
                assert await one_more.is_closed()
        await soon(lambda: not agent.server._http._held)
        assert (await agent.get("/services"))["redis"]["status"] == "up"


@pytest.mark.skipif(not is_root(), reason="needs root, to be another user")
async def test_a_users_connections_count_for_that_user_alone(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_EACH", 1)
    async with running(open_folder) as agent, agent.connected() as ours, caller(STRANGER) as stranger:
        ours.send(GET)
        assert (await ours.answer()).status == 200
        assert (await stranger.ask("GET", "/services", agent.doors["unix"]))[0] == 200
        assert (await stranger.ask("GET", "/services", agent.doors["tcp"]))[0] == 200


@pytest.mark.skipif(not is_root(), reason="needs root, to be root and another user")
async def test_when_all_places_are_taken_root_still_gets_in(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECTIONS_ALL", 1)
    async with running(open_folder) as agent, agent.connected() as ours, caller(STRANGER) as stranger:
        ours.send(GET)
        assert (await ours.answer()).status == 200
        status, body = await stranger.ask("GET", "/services", agent.doors["unix"])
        assert (status, body["kind"]) == (503, "too-many-connections")
        assert (await agent.get("/services"))["redis"]["status"] == "up"


@pytest.mark.parametrize("begun", [b"", b"GET /serv", b"POST /stop/redis HTTP/1.1\r\nHost: localhost\r\n"])
async def test_who_connects_must_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begun: bytes) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST", 0.05)
    async with running(tmp_path) as agent, agent.connected() as connection:
        began = time.monotonic()
        connection.send(begun)
        assert await connection.is_closed()
        assert time.monotonic() - began < 2
        assert agent.systemd.log == []


async def test_who_has_asked_may_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "FIRST_REQUEST", 0.05)
    async with running(tmp_path, down=["redis"]) as agent, agent.events() as stream, agent.connected() as slow:
        await stream.next()
        agent.systemd.program("redis.service", answers_after=0.2)
        slow.send(request_bytes("POST", "/start/redis", "localhost"))
        assert (await slow.answer()).json()["status"] == "up"
        assert (await stream.until("action"))["outcome"] == "ok"
        slow.send(GET)
        assert json.loads((await slow.answer()).body)["redis"]["status"] == "up"
