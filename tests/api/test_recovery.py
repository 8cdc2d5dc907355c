"""Automatic recovery and maintenance through the whole agent, on a PID 1 that a test can script."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from api.agent import running
from incidentops_agent import evidence
from incidentops_agent.model import AutoSettings, ServiceSpec
from samples import spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from api.agent import Agent
    from incidentops_agent.model import AuditRow

START = ("start", "redis.service")
QUICK = AutoSettings(debounce_unresponsive=0.02, backoff=0.01, backoff_most=0.03, budget=3, half_open_after=0.1)
"""Waits that a test can afford; a run of a service here is over long before it counts as stable."""


@pytest.fixture(autouse=True)
def _journal_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits long for what it might say of a start that failed."""
    monkeypatch.setattr(evidence, "JOURNAL_DEADLINE", 0.01)


def auto(name: str = "redis", *depends_on: str, settings: AutoSettings = QUICK, **changes: Any) -> ServiceSpec:
    return spec(name, *depends_on, **{"recovery": "auto", "auto": settings, "start_deadline": 0.5, **changes})


def crash_looping(agent: Agent, name: str = "redis") -> None:
    agent.systemd.program(f"{name}.service", start="fails")
    agent.systemd.kill(f"{name}.service")


def auto_state(agent: Agent, name: str = "redis") -> str:
    found = agent.engine.services[name].auto
    return found.state if found is not None else "none"


async def rows_of(agent: Agent, count: int, *phases: str) -> list[AuditRow]:
    """The first ``count`` rows of the trail in one of the phases; what the agent does by itself nobody waits for."""
    while True:
        found = [row for row in await agent.rows() if row.phase in phases]
        if len(found) >= count:
            return found
        await asyncio.sleep(0.002)


async def send(agent: Agent, method: str, path: str, status: int = 200, **body: Any) -> Any:
    answer = await agent.request(method, path, body=json.dumps(body).encode() if body else b"")
    assert answer.status == status, answer
    return answer.json()


async def test_a_killed_service_is_back_and_that_is_written_down(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        assert (await agent.get("/services"))["redis"]["recovery"] == "auto (idle)"
        agent.systemd.kill("redis.service")
        assert auto_state(agent) == "running", "decided in the very turn in which PID 1's word came"
        await agent.in_state("redis", "healthy")
        requested, finished = await rows_of(agent, 2, "requested", "finished")
        assert [line.partition(" | ")[2] for line in agent.audit.sentences("redis")] == [
            "Auto-remediation started",
            "Auto-remediation completed",
        ]
        assert agent.systemd.log == [START]
        assert (requested.action, finished.action, finished.outcome) == ("auto-start", "auto-start", "ok")
        assert (requested.actor.program, requested.actor.door) == ("incidentops-agent", "agent")
        assert requested.detail == {"remedy": "start", "trial": False, "attempt": 1, "budget": 3, "failures": 1}
        assert 'incidentops_recovery_attempts_total{outcome="ok",service="redis"} 1.0' in agent.metrics.text().decode()
        await soon(lambda: auto_state(agent) == "idle")


async def test_off_by_default(tmp_path: Path) -> None:
    async with running(tmp_path, [spec()]) as agent:
        view = (await agent.get("/services"))["redis"]
        assert (view["recovery"], view["auto"], view["maintenance"]) == ("manual", None, None)
        agent.systemd.kill("redis.service")
        await agent.in_state("redis", "failed")
        assert agent.systemd.log == []


async def test_a_hang_is_restarted(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        agent.systemd.program("redis.service", answers="failed")
        await agent.in_state("redis", "unresponsive")
        await soon(lambda: ("restart", "redis.service") in agent.systemd.log)
        agent.systemd.program("redis.service", answers="ok")
        await agent.in_state("redis", "healthy")


async def test_a_crash_loop_opens_the_breaker_at_the_budget_and_half_open_works(tmp_path: Path) -> None:
    async with running(tmp_path, [auto(settings=AutoSettings(**{**vars_of(QUICK), "stable": 0.1}))]) as agent:
        async with agent.events() as stream:
            crash_looping(agent)
            event = await stream.until("service", recovery="auto (breaker open)")
        assert event["auto"]["state"] == "breaker-open"
        assert event["auto"]["until"]
        assert (event["auto"]["attempts"], event["auto"]["budget"]) == (3, 3)
        assert event["auto"]["reason"] == "3 attempts in 600 s did not keep it up; the breaker is open for 0.1 s"
        assert 'incidentops_breaker_open{service="redis"} 1.0' in agent.metrics.text().decode()
        assert agent.systemd.log == [START] * 3
        await soon(lambda: len(agent.systemd.log) == 4)  # the trial
        await soon(lambda: auto_state(agent) == "breaker-open")
        agent.systemd.program("redis.service", start="ok")
        await soon(lambda: auto_state(agent) == "half-open")
        assert (await agent.get("/services"))["redis"]["recovery"] == "auto (half-open)"
        await soon(lambda: auto_state(agent) == "idle")
        assert agent.systemd.log == [START] * 5
        assert agent.health("redis") == "healthy"
        notes = [row.action for row in await rows_of(agent, 5, "noted")]
        assert notes == [
            "breaker-opened",
            "breaker-half-open",
            "breaker-opened",
            "breaker-half-open",
            "breaker-closed",
        ]


def vars_of(settings: AutoSettings) -> dict[str, Any]:
    return {key: getattr(settings, key) for key in AutoSettings.__dataclass_fields__}


SLOW = AutoSettings(**{**vars_of(QUICK), "half_open_after": 60.0})


async def test_the_breaker_is_still_open_after_a_restart_of_the_agent(tmp_path: Path) -> None:
    async with running(tmp_path, [auto(settings=SLOW)]) as agent:
        crash_looping(agent)
        await soon(lambda: auto_state(agent) == "breaker-open")
        before = (await agent.get("/services"))["redis"]["auto"]
    (tmp_path / "agent.sock").unlink()
    async with running(tmp_path, [auto(settings=SLOW)], down=["redis"]) as agent:
        crash_looping(agent)
        after = (await agent.get("/services"))["redis"]["auto"]
        assert after["state"] == "breaker-open"
        assert (after["reason"], after["attempts"]) == (before["reason"], 3)
        assert abs(moment(after["until"]) - moment(before["until"])) < 0.5
        assert agent.systemd.log == []


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def test_an_operators_stop_is_left_alone_also_after_a_restart_of_the_agent(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        agent.systemd.program("redis.service", stop="ok")
        await agent.post("/stop/redis")
        agent.systemd.change("redis.service", active_state="failed", sub_state="failed", result="exit-code")
        found = agent.engine.services["redis"].auto
        assert found is not None
        assert found.reason.endswith("stopped it; it is left alone until somebody starts it")
        run = agent.systemd.units["redis.service"].invocation_id
    (tmp_path / "agent.sock").unlink()
    async with running(tmp_path, [auto()], down=["redis"]) as agent:
        # A unit that ends with an error when it is stopped: failed, of the run that the operator stopped.
        agent.systemd.kill("redis.service", invocation_id=run)
        assert auto_state(agent) == "idle"
        assert agent.systemd.log == []
        await agent.post("/start/redis")
        agent.systemd.kill("redis.service")
        await agent.in_state("redis", "healthy")
        assert agent.systemd.log == [START, START]


async def test_a_stop_ends_an_attempt_that_is_under_way(tmp_path: Path) -> None:
    async with running(tmp_path, [auto(start_deadline=10)]) as agent:
        agent.systemd.program("redis.service", start="never")
        agent.systemd.kill("redis.service")
        await soon(lambda: agent.systemd.log == [START])
        await agent.busy("redis", "auto-start")
        assert (await agent.post("/stop/redis"))["status"] == "down"
        finished = await rows_of(agent, 2, "finished")
        assert [(row.action, row.reason) for row in finished] == [
            ("auto-start", "it was superseded by a stop"),
            ("stop", ""),
        ]
        assert agent.systemd.log == [START, ("stop", "redis.service")]


async def test_a_stop_by_somebody_else_is_left_alone_too(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        job = await agent.systemd.job("stop", "redis.service")
        await job.done
        await agent.in_state("redis", "stopped")
        found = agent.engine.services["redis"].auto
        assert found is not None
        assert (found.state, found.reason) == ("idle", "it did not die, so it is left alone: stopped")
        assert agent.systemd.log == [("stop", "redis.service")]


async def test_what_it_needs_goes_first(tmp_path: Path) -> None:
    async with running(tmp_path, [auto("postgres"), auto("worker", "postgres")]) as agent:
        agent.systemd.program("postgres.service", answers_after=0.03)
        agent.systemd.kill("postgres.service")
        agent.systemd.kill("worker.service")
        assert (await agent.get("/services"))["worker"]["recovery"] == "auto (waiting)"
        await agent.in_state("worker", "healthy")
        assert agent.systemd.log == [("start", "postgres.service"), ("start", "worker.service")]


async def test_a_unit_that_restarts_itself_is_left_to_systemd_until_that_gives_up(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        agent.systemd.change("redis.service", restart_policy="always")
        assert (await agent.get("/services"))["redis"]["recovery"] == "self (systemd)"
        agent.systemd.change("redis.service", active_state="activating", sub_state="auto-restart", main_pid=0)
        assert auto_state(agent) == "idle"
        agent.systemd.change(
            "redis.service", active_state="failed", sub_state="failed", result="start-limit-hit", main_pid=0
        )
        view = (await agent.get("/services"))["redis"]
        assert view["recovery"] == "auto (waiting 1 s)"
        await agent.in_state("redis", "healthy")
        assert agent.systemd.log == [START]
        assert agent.systemd.resets == ["redis.service"]


@pytest.mark.parametrize("state", ["masked", "bad-setting"])
async def test_what_can_not_be_started_is_not_tried(tmp_path: Path, state: str) -> None:
    async with running(tmp_path, [auto()]) as agent:
        agent.systemd.kill("redis.service", load_state=state)
        found = agent.engine.services["redis"].auto
        assert found is not None
        assert found.state == "idle"
        assert "redis.service" in found.reason
        assert agent.systemd.log == []


# -- maintenance


async def test_maintenance_keeps_it_down_until_it_ends(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        answer = await send(agent, "POST", "/maintenance/redis", seconds=600, reason="new disk")
        assert answer["outcome"] == "ok"
        assert answer["maintenance"]["reason"] == "new disk"
        assert 598 < moment(answer["maintenance"]["until"]) - time.time() < 601
        assert answer["recovery"] == f"maintenance until {answer['maintenance']['until'][11:19]}Z"
        agent.systemd.kill("redis.service")
        await agent.in_state("redis", "failed")
        assert auto_state(agent) == "idle"
        assert 'incidentops_maintenance{service="redis"} 1.0' in agent.metrics.text().decode()
        assert (await send(agent, "DELETE", "/maintenance/redis"))["maintenance"] is None
        await agent.in_state("redis", "healthy")
        assert (await send(agent, "DELETE", "/maintenance/redis"))["outcome"] == "unchanged"
        noted = [(row.action, row.reason) for row in await rows_of(agent, 2, "noted")]
        assert noted == [("maintenance-begun", "new disk"), ("maintenance-ended", "")]


async def test_maintenance_survives_a_restart_and_ends_by_itself(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        await send(agent, "POST", "/maintenance/redis", seconds=1, reason="new disk")
        until = (await agent.get("/services"))["redis"]["maintenance"]["until"]
    (tmp_path / "agent.sock").unlink()
    async with running(tmp_path, [auto()]) as agent:
        agent.systemd.kill("redis.service")
        window = (await agent.get("/services"))["redis"]["maintenance"]
        assert abs(moment(window["until"]) - moment(until)) < 0.1
        assert agent.systemd.log == []
        await agent.in_state("redis", "healthy")
        ended = (await rows_of(agent, 2, "noted"))[-1]
        assert (ended.actor.program, ended.reason) == ("incidentops-agent", "its time is over")


async def test_every_mistake_of_a_body_is_said(tmp_path: Path) -> None:
    async with running(tmp_path, [auto()]) as agent:
        answer = await send(agent, "POST", "/maintenance/redis", 400, seconds=0, why="x")
        assert answer["kind"] == "malformed"
        assert [one["key"] for one in answer["problems"]] == ["reason", "seconds", "why"]
        assert answer["problems"][0]["message"] == "is missing; it has no default"
        answer = await send(agent, "POST", "/recovery/redis", 400, mode="magic", seconds=1e9)
        assert [one["key"] for one in answer["problems"]] == ["mode", "seconds"]
        assert await agent.rows() == []


# -- the mode


async def test_the_mode_is_set_for_a_time_and_reset(tmp_path: Path) -> None:
    async with running(tmp_path, [spec(start_deadline=0.5)]) as agent:
        agent.systemd.kill("redis.service")
        await agent.in_state("redis", "failed")
        answer = await send(agent, "POST", "/recovery/redis", mode="auto")
        assert answer["auto"]["state"] == "running"
        await agent.in_state("redis", "healthy")
        assert (await send(agent, "DELETE", "/recovery/redis"))["recovery"] == "manual"
        assert (await send(agent, "DELETE", "/recovery/redis"))["outcome"] == "unchanged"
        agent.systemd.kill("redis.service")
        await agent.in_state("redis", "failed")
        noted = [(row.action, dict(row.detail)) for row in await rows_of(agent, 2, "noted")]
        assert noted == [("recovery-set", {"mode": "auto", "seconds": 3600.0}), ("recovery-reset", {})]


async def test_the_mode_survives_a_restart_and_its_time_ends_it(tmp_path: Path) -> None:
    async with running(tmp_path, [spec(start_deadline=0.5)]) as agent:
        await send(agent, "POST", "/recovery/redis", mode="auto", seconds=1)
    (tmp_path / "agent.sock").unlink()
    async with running(tmp_path, [spec(start_deadline=0.5)]) as agent:
        assert auto_state(agent) == "idle"
        await soon(lambda: auto_state(agent) == "none")
        await soon(lambda: len(agent.audit.sentences("redis")) == 2)
        assert agent.audit.sentences("redis")[-1].endswith(" | Recovery set back to manual (its time is over)")


async def test_setting_the_mode_arms_it_anew(tmp_path: Path) -> None:
    async with running(tmp_path, [auto(settings=SLOW)]) as agent:
        crash_looping(agent)
        await soon(lambda: auto_state(agent) == "breaker-open")
        agent.systemd.program("redis.service", start="ok")
        await send(agent, "POST", "/recovery/redis", mode="auto", seconds=60)
        await agent.in_state("redis", "healthy")


async def test_what_happens_to_one_service_is_no_news_of_those_that_need_it(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("redis"), spec("worker", "redis")]) as agent:
        at = agent.engine.services["worker"].probe.at
        await soon(lambda: agent.engine.services["worker"].probe.at > at)  # its figures are others than those told
        async with agent.events() as stream:
            await stream.next()
            agent.systemd.kill("redis.service")
            kind, data = await stream.next()
            assert (kind, data["name"]) == ("service", "redis")


async def test_a_wait_is_counted_when_asked_and_not_published_each_second(tmp_path: Path) -> None:
    waits = AutoSettings(**{**vars_of(QUICK), "debounce": 300.0})
    set_by = [0.0]

    async def recovery(agent: Agent) -> str:
        return str((await agent.get("/services"))["redis"]["recovery"])

    async with running(tmp_path, [auto(settings=waits)], now=lambda: time.time() + set_by[0]) as agent:
        agent.systemd.kill("redis.service")
        assert await recovery(agent) == "auto (waiting 300 s)"
        told = agent.engine.services["redis"].shown
        await soon(lambda: b"auto (waiting 299 s)" in agent.engine.services_body())
        assert agent.engine.services["redis"].shown is told, "nobody was told of a second that went by"
        set_by[0] = -100_000.0
        assert await recovery(agent) == "auto (waiting 300 s)", "a clock that was set back: at most the whole wait"
        set_by[0] = 100_000.0
        agent.engine.set_busy(agent.engine.services["redis"], None)  # whatever happens: it is shown by the new clock
        assert await recovery(agent) in ("auto (waiting 300 s)", "auto (waiting 299 s)")
