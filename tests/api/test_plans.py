"""The plan of a remediation is shown before, run as shown or refused; and what each cause is answered with."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING

from api.agent import five_services, running
from incidentops_agent import evidence, rules
from incidentops_agent.model import JournalEntry, ProbeSpec
from incidentops_agent.ports import BusError
from samples import NOW, spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from api.agent import Agent

REDIS = "redis.service"
TCP = ProbeSpec("redis", options={"host": "127.0.0.1", "port": 6379})


def body(plan_id: str) -> bytes:
    return json.dumps({"plan": plan_id}).encode()


def at_start_limit(agent: Agent, unit: str) -> None:
    agent.systemd.process_began.pop(unit, None)
    agent.systemd.change(unit, active_state="failed", sub_state="failed", result="start-limit-hit", main_pid=0)


async def test_the_plan_names_cause_action_and_order_and_is_the_same_each_time(tmp_path: Path) -> None:
    async with running(tmp_path, down=["postgres", "redis"]) as agent:
        agent.systemd.change("rabbitmq.service", freezer_state="frozen")
        at_start_limit(agent, "worker.service")
        shown = await agent.get("/remediate/plan")
        assert [(step["service"], step["level"], step["cause"], step["action"]) for step in shown["steps"]] == [
            ("postgres", 1, "stopped", "start"),
            ("rabbitmq", 1, "frozen", "thaw"),
            ("redis", 1, "stopped", "start"),
            ("worker", 2, "start-limit", "reset-failed and start"),
        ]
        assert "FreezerState=frozen" in shown["steps"][1]["evidence"]
        assert all(step["sentence"] and step["effect"] and step["deadline_seconds"] for step in shown["steps"])
        assert {(await agent.get("/remediate/plan"))["plan"] for _ in range(20)} == {shown["plan"]}
        answer = await agent.post("/remediate", body=body(shown["plan"]))
        assert (answer["status"], answer["plan"]) == ("completed", shown["plan"])
        assert answer["services_remediated"] == ["postgres", "rabbitmq", "redis", "worker"]
        assert all(step["verified"] and step["outcome"] == "ok" for step in answer["steps"])
        assert [step["cause"] for step in answer["steps"]] == ["stopped", "frozen", "stopped", "start-limit"]
        assert set(agent.systemd.log[:3]) == {
            ("start", "postgres.service"),
            ("start", REDIS),
            ("thaw", "rabbitmq.service"),
        }
        assert agent.systemd.log[3:] == [("start", "worker.service")]
        assert agent.systemd.resets == ["worker.service"]
        shown = await agent.get("/remediate/plan")
        assert (shown["steps"], shown["message"]) == ([], "No services required remediation.")


async def test_a_plan_that_is_not_the_present_one_is_refused_with_the_difference(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis", "chaos"]) as agent:
        shown = await agent.get("/remediate/plan")
        await agent.post("/start/chaos")
        agent.systemd.change("postgres.service", freezer_state="frozen")
        refused = await agent.post("/remediate", 409, body=body(shown["plan"]))
        now = (await agent.get("/remediate/plan"))["plan"]
        assert (refused["kind"], refused["plan"]) == ("plan-changed", now)
        assert refused["difference"] == ["chaos: start (stopped) -> nothing", "postgres: nothing -> thaw (frozen)"]
        assert refused["message"].startswith(
            f"cannot run plan {shown['plan']}: the world has changed; the plan is {now}"
        )
        assert agent.systemd.log == [("start", "chaos.service")], "nothing was done"
        assert not [row for row in await agent.rows() if row.action.startswith("remediate")]
        stranger = await agent.post("/remediate", 409, body=body("0" * 16))
        assert "this agent does not know it" in stranger["message"]
        assert (await agent.post("/remediate", body=body(now)))["status"] == "completed"


async def test_what_a_plans_id_must_look_like(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for wrong in (b'{"plan": "xyz"}', b'{"plan": 7}', b'{"plans": "0123456789abcdef"}', b"[]", b"{"):
            refused = await agent.post("/remediate", 400, body=wrong)
            assert refused["kind"] == "malformed"


async def test_while_one_plan_is_run_another_is_refused_and_the_same_one_joins(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program(REDIS, answers_after=0.1)
        shown = (await agent.get("/remediate/plan"))["plan"]
        first = asyncio.create_task(agent.post("/remediate", body=body(shown)))
        await agent.busy("redis", "remediate")
        refused = await agent.post("/remediate", 409, body=body("0" * 16))
        assert (refused["kind"], refused["plan"]) == ("busy", shown)
        joined = await agent.post("/remediate", body=body(shown))
        assert joined == {**await first, "joined": True}
        assert agent.systemd.log == [("start", REDIS)]


async def test_two_requests_at_once_are_one_run(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        answers = await asyncio.gather(*(agent.post("/remediate") for _ in range(5)))
        assert len({answer["action_id"] for answer in answers}) == 1
        assert sum("joined" in answer for answer in answers) == 4
        assert agent.systemd.log == [("start", REDIS)]


async def test_what_came_back_before_its_turn_is_not_touched(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("a", start_deadline=5), spec("b", "a")], down=["a", "b"]) as agent:
        agent.systemd.program("a.service", answers_after=0.1)
        remedied = asyncio.create_task(agent.post("/remediate"))
        await agent.busy("a", "remediate")
        await agent.post("/start/b")
        answer = await remedied
        assert [(step["service"], step["outcome"]) for step in answer["steps"]] == [("a", "ok"), ("b", "skipped")]
        assert answer["steps"][1]["reason"] == "it came back by itself"
        assert answer["steps"][1]["verified"]
        assert agent.systemd.log.count(("start", "b.service")) == 1


async def test_exactly_a_plan_does_no_more_than_it_says(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("a", start_deadline=5), spec("b", "a")], down=["a", "b"]) as agent:
        agent.systemd.program("a.service", answers_after=0.1)
        shown = await agent.get("/remediate/plan")
        remedied = asyncio.create_task(agent.post("/remediate", body=body(shown["plan"])))
        await agent.busy("a", "remediate")
        agent.systemd._run("b.service", "active")
        agent.systemd.change("b.service", freezer_state="frozen")
        answer = await remedied
        assert answer["status"] == "partial"
        step = answer["steps"][1]
        assert (step["outcome"], step["verified"]) == ("failed", False)
        assert step["reason"].startswith(
            "its state has changed since the plan, which said start: now its processes are"
        )
        assert not [entry for entry in agent.systemd.log if entry[1] == "b.service"]


async def test_what_does_not_answer_after_the_thaw_is_restarted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "START_GRACE", 0.1)
    async with running(tmp_path, five_services(start_deadline=5)) as agent:
        agent.systemd.change(REDIS, freezer_state="frozen")
        agent.systemd.program(REDIS, answers="failed")
        remedied = asyncio.create_task(agent.post("/remediate"))
        await soon(lambda: ("restart", REDIS) in agent.systemd.log)
        agent.systemd.program(REDIS, answers="ok")
        step = (await remedied)["steps"][0]
        assert (step["action"], step["outcome"], step["verified"]) == ("restart", "ok", True)
        assert step["reason"] == "it was thawed and does not answer after 0.1 s, so it was restarted"
        assert agent.systemd.log == [("thaw", REDIS), ("restart", REDIS)]


async def test_a_thaw_counts_only_when_the_probe_answers_after_it(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=5)) as agent:
        await soon(lambda: agent.engine.services["redis"].probe.ever_ok)
        agent.systemd.change(REDIS, freezer_state="frozen")
        asked = agent.prober.asked.count("redis")
        assert (await agent.post("/remediate"))["services_remediated"] == ["redis"]
        assert agent.prober.asked.count("redis") > asked
        assert agent.systemd.log == [("thaw", REDIS)]


async def test_what_may_not_be_thawed_is_restarted(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.change(REDIS, freezer_state="frozen")
        agent.systemd.refuses = BusError("not-permitted", "not for you")
        step = (await agent.post("/remediate"))["steps"][0]
        assert step["reason"] == "not for you, so it was restarted: not for you"
        assert (step["outcome"], step["verified"]) == ("failed", False)


async def test_a_port_that_somebody_else_has_taken(tmp_path: Path) -> None:
    specs = [replace(spec("redis"), probe=TCP), spec("worker", "redis"), spec("chaos")]
    async with running(tmp_path, specs, down=["chaos", "redis", "worker"]) as agent:
        agent.listeners.held[6379] = "nobody"
        answer = await agent.post("/remediate")
        assert answer["status"] == "partial"
        assert answer["services_remediated"] == ["chaos"]
        redis = answer["steps"][1]
        assert (redis["cause"], redis["action"]) == ("port-taken", "skip")
        assert redis["reason"] == "port 6379 is taken by a program of user nobody"
        assert answer["steps"][2]["reason"] == "waits for redis, which did not come back"
        agent.systemd.triggers[REDIS] = ["redis.timer", "redis.socket"]
        assert (await agent.post("/remediate"))["services_remediated"] == ["redis", "worker"], "systemd holds it for it"


async def test_a_start_that_failed_says_why_to_those_who_may_act(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program(REDIS, start="fails")
        said = [
            JournalEntry(NOW, 6, "redis", 7, words) for words in ("oO0 Redis", "FATAL: bad directive \x1b[1m", "bye")
        ]
        agent.journal.last_words[REDIS] = said
        step = (await agent.post("/remediate"))["steps"][0]
        assert step["reason"] == "its main process exited with status 1; its journal says: FATAL: bad directive [1m"
        failed = await agent.post("/start/redis", 503)
        assert failed["message"].endswith("exited with status 1; its journal says: FATAL: bad directive [1m")
        assert not [row for row in await agent.rows() if "bad directive" in row.reason + row.sentence]
        assert "bad directive" not in "".join(await agent.get("/logs/redis"))


async def test_an_unreadable_journal_costs_the_quotation_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "JOURNAL_DEADLINE", 0.05)
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program(REDIS, start="fails")
        assert (await agent.post("/remediate"))["steps"][0]["reason"] == "its main process exited with status 1"
        agent.journal.error = OSError("no journal")
        assert (await agent.post("/remediate"))["steps"][0]["reason"] == "its main process exited with status 1"


async def test_what_else_a_restart_hits_is_in_the_plan(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.takes_down = ["chaos.service", "other.service"]
        agent.systemd.program(REDIS, answers="failed")
        await agent.in_state("redis", "unresponsive")
        step = (await agent.get("/remediate/plan"))["steps"][0]
        assert step["touches"] == ["chaos", "other.service", "worker"]
        agent.systemd.refuses = BusError("systemd-unreachable", "systemd did not answer in time")
        step = (await agent.get("/remediate/plan"))["steps"][0]
        assert step["touches"] == ["(not known: systemd does not answer)", "worker"]


async def test_a_start_that_only_the_start_limit_refuses_is_made_once_more_without_it(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        start, limited = agent.systemd._start, iter([True])

        async def refuse_once(unit: str) -> None:
            if next(limited, False):
                at_start_limit(agent, unit)
                agent.systemd._end_job(unit, "failed")
            else:
                await start(unit)

        agent.systemd._start = refuse_once  # type: ignore[method-assign]
        step = (await agent.post("/remediate"))["steps"][0]
        assert (step["action"], step["outcome"]) == ("reset-failed and start", "ok")
        assert agent.systemd.resets == [REDIS]


async def test_the_steps_rows_carry_the_evidence(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        answer = await agent.post("/remediate")
        rows = [row for row in agent.journalled if row.action == "remediate-start"]
        assert [row.phase for row in rows] == ["finished"]
        assert rows[0].detail == {
            "plan": answer["plan"],
            "cause": "stopped",
            "why": "it is stopped",
            "evidence": ["ActiveState=inactive", "SubState=dead"],
        }


async def test_everybody_may_look_at_the_plan(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        description = await agent.get("/openapi.json")
        assert description["paths"]["/remediate/plan"]["get"]["x-level"] == "observe"
        assert description["paths"]["/remediate"]["post"]["x-level"] == "operate"
