"""Faults as a client sees them; behind them is a fake of the root code, which tests/system has for real."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from api.agent import Agent, running
from incidentops_agent import faults
from incidentops_agent.ports import ChaosError
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HANG = {"kind": "hang", "service": "redis", "duration": 30}


async def send(
    agent: Agent, path: str, body: Any, status: int = 200, method: str = "POST", headers: dict[str, str] | None = None
) -> Any:
    answer = await agent.request(method, path, headers=headers, body=json.dumps(body).encode())
    assert answer.status == status, answer
    return answer.json()


@contextlib.asynccontextmanager
async def watching(agent: Agent) -> AsyncIterator[None]:
    task = asyncio.create_task(agent.faults.watch())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_fault_is_injected_shown_and_reverted(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        answer = await send(agent, "/faults", HANG)
        assert (answer["outcome"], answer["recorded"], answer["fault"]["phase"]) == ("ok", True, "active")
        fault_id = answer["fault"]["id"]
        assert agent.systemd.log == [("start", f"incidentops-fault@{fault_id}.service")]
        (shown,) = await agent.get("/faults")
        assert (shown["kind"], shown["service"], shown["requested_by"]) == ("hang", "redis", "root")
        assert 29 < shown["remaining_seconds"] <= 30
        on_card = (await agent.get("/services"))["redis"]["fault"]
        assert (on_card["id"], on_card["until"]) == (fault_id, shown["until"])
        reverted = await send(agent, f"/faults/{fault_id}", {}, method="DELETE")
        assert (reverted["outcome"], reverted["fault"]["phase"], reverted["fault"]["ended_by"]) == (
            "ok",
            "recovered",
            "revert",
        )
        assert await agent.get("/faults") == []
        assert (await agent.get("/services"))["redis"]["fault"] is None
        assert (await agent.get(f"/faults/{fault_id}"))["phase"] == "recovered"
        again = await send(agent, f"/faults/{fault_id}", {}, method="DELETE")
        assert again["outcome"] == "unchanged"
        assert [line.partition(" | ")[2] for line in await agent.get("/logs/redis")] == [
            "Fault hang injected for 30 s",
            "Fault hang reverted",
        ]
        rows = [row for row in await agent.rows() if row.action == "fault-inject"]
        assert [row.phase for row in rows] == ["requested", "finished"]
        assert rows[0].detail == {"fault": fault_id, "parameters": {}, **HANG}


@pytest.mark.parametrize(
    ("body", "problems"),
    [
        ({}, {"kind", "service"}),
        ({"kind": "hang", "service": "mysql"}, {"service"}),
        ({"kind": "../hang", "service": "redis"}, {"kind"}),
        ({"kind": "hang", "service": "redis/../.."}, {"service"}),
        ({**HANG, "duration": 0}, {"duration"}),
        ({**HANG, "duration": "long"}, {"duration"}),
        ({**HANG, "duration": 1e9}, {"duration"}),
        ({**HANG, "parameters": {"signal": 9}}, {"parameters.signal"}),
        ({**HANG, "parameters": []}, {"parameters"}),
        ({**HANG, "mode": "check", "user": "root"}, {"mode", "user"}),
    ],
)
async def test_every_mistake_is_named_and_nothing_is_asked_for(
    tmp_path: Path, body: dict[str, Any], problems: set[str]
) -> None:
    async with running(tmp_path) as agent:
        for path in ("/faults", "/faults/preview"):
            answer = await send(agent, path, body, 400)
            assert answer["kind"] == "malformed"
            assert {one["key"] for one in answer["problems"]} == problems
        assert agent.systemd.log == []
        assert await agent.rows() == []


async def test_what_the_root_code_says_is_passed_on(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.fault_files.refuses = "hang of redis is unavailable here because it is Tuesday"
        refused = await send(agent, "/faults", HANG, 409)
        assert (refused["kind"], refused["message"]) == (
            "refused",
            "cannot inject hang into redis: hang of redis is unavailable here because it is Tuesday",
        )
        agent.fault_files.refuses = ""
        agent.fault_files.ineffective = "hang of redis had no effect: it answers still"
        failed = await send(agent, "/faults", HANG, 503)
        assert (failed["kind"], failed["reason"]) == ("no-effect", "hang of redis had no effect: it answers still")
        assert await agent.get("/faults") == []
        assert "Fault hang not injected (hang of redis had no effect" in (await agent.get("/logs/redis"))[-1]


async def test_the_catalogue_says_what_is_possible_here_and_is_not_asked_for_by_each(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.fault_files.unavailable["hang", "postgres"] = "systemd can't freeze it"
        first, second = await asyncio.gather(agent.get("/faults/catalogue"), agent.get("/faults/catalogue"))
        assert first == second
        assert agent.fault_files.checks == 1
        kinds = {one["kind"]: one for one in first["kinds"]}
        assert kinds["hang"]["services"] == [
            {"service": "postgres", "available": False, "reason": "systemd can't freeze it"},
            {"service": "redis", "available": True, "reason": ""},
        ]
        assert await agent.get("/faults") == []
        preview = await send(agent, "/faults/preview", {"kind": "hang", "service": "postgres"})
        assert (preview["available"], preview["reason"], preview["duration_seconds"]) == (
            False,
            "systemd can't freeze it",
            60.0,
        )


async def test_panic_reverts_everything(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        nothing = await agent.post("/faults/panic")
        assert (nothing["status"], nothing["message"]) == ("completed", "No fault is injected.")
        for name in ("redis", "postgres"):
            await send(agent, "/faults", {"kind": "stop", "service": name})
        assert {name for name, state in (await agent.states()).items() if state == "stopped"} == {"redis", "postgres"}
        answer = await agent.post("/faults/panic")
        assert (answer["status"], len(answer["faults_reverted"]), answer["faults_left"]) == ("completed", 2, [])
        assert set((await agent.states()).values()) == {"healthy"}


async def test_an_undoing_that_does_not_succeed_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "LOOK_BUSY", 0.02)
    async with running(tmp_path) as agent, watching(agent):
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        agent.fault_files.stuck = "redis does not start"
        reverting = asyncio.create_task(send(agent, f"/faults/{fault_id}", {}, method="DELETE"))
        await soon(lambda: agent.fault_files.told[fault_id]["phase"] == "undo-failed")
        assert (await agent.get("/faults"))[0]["phase"] == "undo-failed"
        agent.fault_files.end(fault_id, "revert")  # the undo unit's next try
        assert (await reverting)["fault"]["phase"] == "recovered"
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        monkeypatch.setattr(faults, "UNDOING", 0.05)
        late = await agent.post("/faults/panic", 503)
        assert (late["status"], late["faults_left"], late["kind"]) == ("partial", [fault_id], "undo-failed")
        assert "redis does not start" in late["message"]


async def test_an_end_by_itself_is_noticed_and_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "LOOK_BUSY", 0.02)
    began, ended = [], []
    async with running(tmp_path) as agent, watching(agent), agent.events() as events:
        agent.faults.on_begin.append(lambda *about: began.append(about))
        agent.faults.on_end.append(lambda *about: ended.append(about))
        fault = (await send(agent, "/faults", HANG))["fault"]
        agent.fault_files.end(fault["id"], "deadline")
        await soon(lambda: agent.engine.services["redis"].fault is None)
        assert [one[:3] for one in began] == [("redis", fault["id"], "hang")]
        assert ended == [("redis", fault["id"])]
        assert (await events.until("fault"))["phase"] == "active"
        assert (await events.until("fault"))["phase"] == "recovered"
        await agent.faults.finish()
        assert [row.phase for row in await agent.rows() if row.action == "fault-ended"] == ["noted"]
        assert (await agent.get("/logs/redis"))[-1].endswith("| Fault hang undone (deadline)")


async def test_an_idempotency_key_stands_for_one_order(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        key = {"Idempotency-Key": "one"}
        first = await send(agent, "/faults", HANG, headers=key)
        again = await send(agent, "/faults", HANG, headers=key)
        other = await send(agent, "/faults", {**HANG, "service": "postgres"}, headers=key)
        assert first == again
        assert other["fault"]["service"] == "postgres"
        assert len(agent.systemd.log) == 2


async def test_what_is_not_there(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for method in ("GET", "DELETE"):
            answer = await agent.request(method, "/faults/0123456789ab")
            assert (answer.status, answer.json()["kind"]) == (404, "unknown-fault")
        answer = await agent.request("POST", "/incident/mysql")
        assert answer.status == 404


@pytest.mark.parametrize("path", ["/faults/panic", "/resolve/redis"])
async def test_what_is_only_just_being_injected_is_reverted_too(tmp_path: Path, path: str) -> None:
    async with running(tmp_path) as agent:
        agent.fault_files.slow = asyncio.Event()
        injecting = asyncio.create_task(send(agent, "/faults", HANG, 409))
        await soon(lambda: agent.fault_files.told)
        (fault_id,) = agent.fault_files.told
        answer = await agent.post(path)
        assert answer["faults_reverted"] == [fault_id]
        injected = await injecting
        assert (injected["kind"], injected["reason"]) == ("superseded", "it was reverted before it was in effect")
        assert await agent.get("/faults") == []


async def test_what_waits_to_be_injected_is_called_off(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.engine.services["redis"].lock.acquire()
        injecting = asyncio.create_task(send(agent, "/faults", HANG, 409))
        await soon(lambda: agent.faults.of_service("redis"))
        answer = await agent.post("/faults/panic")  # waits for nobody's turn
        assert (answer["status"], len(answer["faults_reverted"])) == ("completed", 1)
        agent.engine.services["redis"].lock.release()
        assert (await injecting)["reason"] == "it was reverted before it had begun"
        assert agent.systemd.log == []
        assert agent.fault_files.told == {}


async def test_two_reverts_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        both = (send(agent, f"/faults/{fault_id}", {}, method="DELETE") for _ in range(2))
        assert {answer["fault"]["phase"] for answer in await asyncio.gather(*both)} == {"recovered"}


async def test_an_injection_that_could_not_be_taken_back_is_no_success(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.fault_files.ineffective = "it answers still"
        applied = agent.fault_files._applied
        agent.fault_files._applied = lambda request: {**applied(request), "phase": "undo-failed"}  # type: ignore[method-assign]
        failed = await send(agent, "/faults", HANG, 503)
        assert (failed["kind"], failed["reason"], failed["fault"]["phase"]) == (
            "no-effect",
            "it answers still",
            "undo-failed",
        )


async def test_a_revert_is_answered_when_the_service_answers_its_probe(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        unit = agent.engine.services["redis"].spec.unit
        agent.systemd.program(unit, answers="failed")
        await agent.engine.probe_now(agent.engine.services["redis"])
        reverting = asyncio.create_task(send(agent, f"/faults/{fault_id}", {}, method="DELETE"))
        await soon(lambda: agent.fault_files.told[fault_id]["phase"] == "recovered")
        assert not reverting.done()
        agent.systemd.program(unit, answers="ok")
        answer = await reverting
        assert (answer["outcome"], answer["state"]) == ("ok", "healthy")


async def test_what_is_masked_meanwhile_is_not_waited_for(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        unit = agent.engine.services["redis"].spec.unit
        agent.systemd.change(unit, load_state="masked", active_state="inactive", sub_state="dead")
        answer = await send(agent, f"/faults/{fault_id}", {}, method="DELETE")
        assert answer["outcome"] == "ok"


async def test_a_story_that_is_gone_is_of_a_fault_that_is_over(tmp_path: Path) -> None:
    ended = []
    async with running(tmp_path) as agent:
        agent.faults.on_end.append(lambda *about: ended.append(about))
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        del agent.fault_files.told[fault_id]
        assert await agent.get("/faults") == []
        assert (await agent.get("/services"))["redis"]["fault"] is None
        assert ended == [("redis", fault_id)]
        await agent.faults.finish()


@pytest.mark.parametrize("armed", [True, False])
async def test_panic_disarms_chaos_too(tmp_path: Path, armed: bool) -> None:
    async with running(tmp_path) as agent:
        fault_id = (await send(agent, "/faults", HANG))["fault"]["id"]
        if armed:
            agent.chaos.said = {"status": "armed", "run": "0a1b2c3d"}
        else:
            agent.chaos.refuses = ChaosError(503, "chaos-down", "it does not answer")
        answer = await agent.post("/faults/panic")
        assert (answer["status"], answer["faults_reverted"]) == ("completed", [fault_id])
        assert answer["chaos_disarmed"] is armed
        assert agent.chaos.said["status"] == "idle"
        assert ("chaos-disarm" in {row.action for row in await agent.rows()}) is armed
