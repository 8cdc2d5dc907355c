"""GET /events and the journal's stream: first the snapshot, nothing missed, a sign of life, no memory for the slow."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from api.agent import running
from api.http11 import Events, host_of, request_bytes
from incidentops_agent import events
from incidentops_agent.handlers import streams
from incidentops_agent.model import JournalEntry
from samples import NOW
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("door", ["unix", "tcp", "tcp6"])
async def test_first_the_snapshot_then_every_change_then_a_sign_of_life(
    tmp_path: Path, door: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    async with running(tmp_path) as agent, agent.events(door=door) as stream:
        kind, data = await stream.next()
        assert (kind, sorted(data["services"])) == ("snapshot", ["chaos", "postgres", "rabbitmq", "redis", "worker"])
        assert data["agent"] == {"status": "ok", "problems": {}}
        first_id = stream.last_id
        agent.systemd.kill("redis.service")
        data = await stream.until("service", name="redis", state="failed")
        assert (data["status"], data["reason"]) == ("down", "its main process was killed by SIGKILL")
        assert stream.last_id != first_id
        assert (await stream.until("heartbeat")) == {}


async def test_an_action_is_seen_from_its_begin_to_its_end(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as stream:
        await stream.next()
        await agent.post("/stop/redis")
        data = await stream.until("service", name="redis")
        assert (data["busy"]["action"], data["status"]) == ("stop", "up")
        await stream.until("service", name="redis", state="stopped")
        data = await stream.until("action", action="stop")
        assert (data["phase"], data["outcome"], data["service"]) == ("finished", "ok", "redis")
        assert data["sentence"] == "Service stopped manually"


async def test_what_one_reader_hears_all_readers_hear(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as one, agent.events(door="tcp") as other:
        for stream in (one, other):
            await stream.next()
        agent.systemd.kill("redis.service")
        for stream in (one, other):
            await stream.until("service", name="redis", state="failed")
        assert one.last_id == other.last_id
        assert agent.engine.broker.readers == 2
    assert agent.engine.broker.readers == 0


async def test_who_comes_back_gets_what_was_missed_and_no_snapshot(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        async with agent.events() as stream:
            await stream.next()
            last_id = stream.last_id
        await soon(lambda: agent.engine.broker.readers == 0)
        agent.systemd.kill("redis.service")
        agent.systemd.kill("chaos.service")
        async with agent.events(last_id) as stream:
            found = [await stream.next() for _ in range(4)]
            assert [(kind, data.get("name") or data["root"], data["state"]) for kind, data in found] == [
                ("service", "redis", "failed"),
                ("incident", "redis", "open"),
                ("service", "chaos", "failed"),
                ("incident", "chaos", "open"),
            ]


async def test_who_comes_back_having_missed_nothing_hears_nothing_old(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        async with agent.events() as stream:
            await stream.next()
            last_id = stream.last_id
        async with agent.events(last_id) as stream:
            agent.systemd.kill("redis.service")
            kind, data = await stream.next()
            assert (kind, data["name"]) == ("service", "redis")


@pytest.mark.parametrize("last_id", ["0123456789ab-1", "nonsense", "-", "x" * 4000])
async def test_after_a_gap_the_snapshot_comes_again(tmp_path: Path, last_id: str) -> None:
    async with running(tmp_path) as agent, agent.events(last_id) as stream:
        assert (await stream.next())[0] == "snapshot"


async def test_a_probe_that_only_took_another_time_is_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.2)
    async with running(tmp_path) as agent, agent.events() as stream:
        await stream.next()
        asked = len(agent.prober.asked)
        await soon(lambda: len(agent.prober.asked) > asked + 10)
        assert (await stream.next())[0] == "heartbeat"


async def test_a_reader_that_takes_nothing_is_cut_off_and_held_no_more_than_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "STALLED", 0.2)
    async with running(tmp_path) as agent, agent.connected() as slow:
        slow.send(request_bytes("GET", "/events", "localhost"))
        await soon(lambda: agent.engine.broker.readers == 1)
        slow.reader._transport.pause_reading()  # type: ignore[attr-defined]
        (reader,) = agent.engine.broker._readers
        began = time.monotonic()
        while agent.engine.broker.readers:
            agent.engine.broker.publish("noise", {"text": "x" * 10_000})
            assert len(reader._pending) <= events.BACKLOG
            assert time.monotonic() - began < 10
            await asyncio.sleep(0)
        slow.reader._transport.resume_reading()  # type: ignore[attr-defined]


async def test_a_reader_that_was_slow_for_a_while_gets_a_snapshot_and_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as stream:
        await stream.next()
        for number in range(events.BACKLOG + 5):  # without a turn of the loop in which it could take them
            agent.engine.broker.publish("noise", {"n": number})
        assert (await stream.next())[0] == "snapshot"
        agent.systemd.kill("redis.service")
        assert (await stream.next())[1]["name"] == "redis"


async def test_a_reader_that_goes_is_forgotten_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        async with agent.events():
            assert agent.engine.broker.readers == 1
        await soon(lambda: agent.engine.broker.readers == 0, deadline=1)


async def test_open_streams_do_not_hold_up_the_agents_end(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as stream, agent.connected() as journal:
        await stream.next()
        journal.send(request_bytes("GET", "/journal/redis?follow=1", "localhost"))
        await soon(lambda: agent.journal.followers == 1)
        began = time.monotonic()
        await agent.server.close()
        assert time.monotonic() - began < 1
        assert agent.engine.broker.readers == agent.journal.followers == 0


async def test_a_head_of_a_stream_is_only_its_head(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for path in ("/events", "/journal/redis?follow=1"):
            async with agent.connected() as connection:
                connection.send(request_bytes("HEAD", path, "localhost", {"Connection": "close"}))
                status, headers = await connection.head()
                assert (status, headers["content-type"]) == (200, "text/event-stream")
                assert await connection.is_closed()
        assert agent.engine.broker.readers == 0


async def test_the_stream_is_not_to_be_kept_by_anybody(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected("tcp") as connection:
        connection.send(request_bytes("GET", "/events", host_of(agent.doors["tcp"])))
        _, headers = await connection.head()
        assert headers["cache-control"] == "no-store"


def entry(number: int) -> JournalEntry:
    return JournalEntry(NOW + number, 6, "redis-server", 1000, f"line {number}")


async def test_the_journal_of_a_unit(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.journal.entries = [entry(number) for number in range(5)]
        assert [line["message"] for line in await agent.get("/journal/redis?lines=2")] == ["line 3", "line 4"]
        assert len(await agent.get("/journal/redis")) == 5
        assert await agent.get("/journal/redis?lines=0") == []
        agent.journal.error = OSError("cannot read the journal of redis.service: no answer within 10 s")
        answer = await agent.request("GET", "/journal/redis")
        assert (answer.status, answer.json()["kind"]) == (503, "journal-unreadable")


@pytest.mark.parametrize("query", ["lines=x", "lines=-1", "lines=1e3", "depth=3", "lines=" + "9" * 16])
async def test_a_wrong_query_of_the_journal_is_refused(tmp_path: Path, query: str) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.request("GET", f"/journal/redis?{query}")
        assert (answer.status, answer.json()["kind"]) == (400, "malformed")


async def test_the_journal_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    async with running(tmp_path) as agent:
        agent.journal.entries = [entry(1)]
        async with agent.connected() as connection:
            connection.send(request_bytes("GET", "/journal/redis?lines=1&follow=1", "localhost"))
            assert (await connection.head())[0] == 200
            stream = Events(connection)
            assert (await stream.next())[1]["message"] == "line 1"
            assert await stream.next() == ("heartbeat", {})
            await agent.journal.coming.put(entry(2))
            assert (await stream.until("entry"))["message"] == "line 2"
        await soon(lambda: agent.journal.followers == 0)


async def test_a_journal_that_ends_ends_its_stream(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        connection.send(request_bytes("GET", "/journal/redis?follow=1", "localhost"))
        await connection.head()
        await agent.journal.coming.put(None)
        assert await connection.chunk() == b""
