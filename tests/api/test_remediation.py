"""Remediation: what is down comes back, in dependency order, once, and says what it did."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from api.agent import five_services, running
from incidentops_agent import plan
from samples import spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

ALL = ["chaos", "postgres", "rabbitmq", "redis", "worker"]


async def test_everything_comes_back_in_dependency_order(tmp_path: Path) -> None:
    async with running(tmp_path, down=ALL) as agent:
        for name in ALL[:-1]:
            agent.systemd.program(f"{name}.service", answers_after=0.03)
        answer = await agent.post("/remediate")
        assert answer["status"] == "completed"
        assert answer["services_remediated"] == ALL
        assert {unit for _, unit in agent.systemd.log[:4]} == {f"{name}.service" for name in ALL[:-1]}
        assert agent.systemd.log[4:] == [("start", "worker.service")]
        assert [step["service"] for step in answer["steps"]] == ALL
        assert all(step["outcome"] == "ok" and step["action"] == "start" for step in answer["steps"])
        assert set((await agent.states()).values()) == {"healthy"}


async def test_services_of_one_level_come_back_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, down=ALL) as agent:
        for name in ALL:
            agent.systemd.program(f"{name}.service", answers_after=0.1)
        answer = await agent.post("/remediate")
        assert answer["duration_seconds"] < 0.1 * 3


async def test_each_state_gets_its_remedy(tmp_path: Path) -> None:
    names = ["failed", "hanging", "masked", "missing", "starting", "stopped", "well"]
    specs = [spec(name, start_deadline=0.5) for name in names]
    async with running(tmp_path, specs, down=["masked", "stopped", "starting"], missing=["missing"]) as agent:
        agent.systemd.kill("failed.service")
        agent.systemd.change("masked.service", load_state="masked")
        agent.systemd.program("hanging.service", answers="failed")
        agent.systemd.program("starting.service", start_seconds=0.5)
        await agent.systemd.job("start", "starting.service")
        await agent.in_state("starting", "starting")
        await agent.in_state("hanging", "unresponsive")
        remedied = asyncio.create_task(agent.post("/remediate"))
        await soon(lambda: ("restart", "hanging.service") in agent.systemd.log)
        agent.systemd.program("hanging.service", answers="ok")
        answer = await remedied
        steps = {step["service"]: (step["action"], step["outcome"]) for step in answer["steps"]}
        assert steps == {
            "failed": ("start", "ok"),
            "hanging": ("restart", "ok"),
            "masked": ("skip", "skipped"),
            "missing": ("skip", "skipped"),
            "starting": ("wait", "skipped"),
            "stopped": ("start", "ok"),
        }
        assert answer["status"] == "partial"
        assert answer["services_remediated"] == ["failed", "hanging", "stopped"]
        assert answer["services_skipped"] == ["masked", "missing", "starting"]
        assert ("start", "masked.service") not in agent.systemd.log


async def test_what_needs_a_service_that_did_not_come_back_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path, down=["postgres", "worker"]) as agent:
        agent.systemd.program("postgres.service", start="fails")
        answer = await agent.post("/remediate")
        assert answer["status"] == "partial"
        assert answer["services_remediated"] == []
        assert answer["services_skipped"] == ["postgres", "worker"]
        worker = answer["steps"][1]
        assert (worker["action"], worker["outcome"]) == ("skip", "skipped")
        assert worker["reason"] == "waits for postgres, which did not come back"
        assert ("start", "worker.service") not in agent.systemd.log
        lines = await agent.get("/logs/postgres")
        assert lines[-1].endswith(" | Auto-remediation failed (its main process exited with status 1)")


async def test_what_only_lacked_its_dependency_is_not_restarted(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("worker.service", answers="failed")
        await agent.in_state("worker", "unresponsive")
        remedied = asyncio.create_task(agent.post("/remediate"))
        await agent.busy("worker", "remediate")
        agent.systemd.program("worker.service", answers="ok")
        answer = await remedied
        assert answer["status"] == "completed"
        assert (answer["services_remediated"], answer["services_skipped"]) == (["redis"], ["worker"])
        assert answer["steps"][1]["reason"] == "it came back by itself"
        assert agent.systemd.log == [("start", "redis.service")]


async def test_what_does_not_come_back_by_itself_is_restarted_after_a_grace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "RECOVERY_GRACE", 0.05)
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("worker.service", answers="failed")
        await agent.in_state("worker", "unresponsive")
        remedied = asyncio.create_task(agent.post("/remediate"))
        await soon(lambda: ("restart", "worker.service") in agent.systemd.log)
        agent.systemd.program("worker.service", answers="ok")
        assert (await remedied)["services_remediated"] == ["redis", "worker"]


async def test_a_second_request_gets_the_result_of_the_one_that_runs(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("redis.service", answers_after=0.05)
        first = asyncio.create_task(agent.post("/remediate"))
        await agent.busy("redis", "remediate")
        again = await agent.post("/remediate")
        assert again == {**await first, "joined": True}
        assert agent.systemd.log == [("start", "redis.service")]
        finished = [row for row in await agent.rows() if row.phase == "finished" and row.action == "remediate"]
        assert sorted(row.outcome for row in finished) == ["joined", "ok"], "that two asked is written down"
        fresh = await agent.post("/remediate")
        assert fresh["action_id"] != again["action_id"]


async def test_the_start_limit_is_lifted(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.change(
            "redis.service", active_state="failed", sub_state="failed", result="start-limit-hit", main_pid=0
        )
        answer = await agent.post("/remediate")
        assert answer["services_remediated"] == ["redis"]
        assert agent.systemd.resets == ["redis.service"]


async def test_it_waits_for_an_operator_who_is_at_work_on_the_service(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(stop_deadline=5)) as agent:
        agent.systemd.program("redis.service", stop_seconds=0.05)
        stop = asyncio.create_task(agent.post("/stop/redis"))
        await agent.in_state("redis", "stopping")
        answer = await agent.post("/remediate")
        assert (await stop)["status"] == "down"
        assert answer["services_remediated"] == ["redis"]
        assert agent.systemd.log == [("stop", "redis.service"), ("start", "redis.service")]


async def test_a_stop_ends_the_remediation_of_its_service_and_not_of_the_others(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=10), down=["redis", "chaos"]) as agent:
        agent.systemd.program("redis.service", answers="failed")
        remedied = asyncio.create_task(agent.post("/remediate"))
        await agent.busy("redis", "remediate")
        await soon(lambda: ("start", "redis.service") in agent.systemd.log)
        assert (await agent.post("/stop/redis"))["status"] == "down"
        answer = await remedied
        assert (answer["services_remediated"], answer["services_skipped"]) == (["chaos"], ["redis"])
        assert answer["steps"][1]["reason"] == "it was superseded by a stop"


async def test_every_step_is_written_down_with_its_author(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        answer = await agent.post("/remediate")
        rows = await agent.rows()
        assert [(row.action, row.phase, row.service, row.outcome) for row in rows] == [
            ("remediate", "requested", "", ""),
            ("remediate-start", "requested", "redis", ""),
            ("remediate-start", "finished", "redis", "ok"),
            ("remediate", "finished", "", "ok"),
        ]
        assert rows[0].action_id == rows[3].action_id == answer["action_id"]
        assert {row.actor.uid for row in rows} == {rows[0].actor.uid}


async def test_cut_off_at_the_agents_end_it_leaves_nothing_running(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=60), down=["redis"]) as agent:
        agent.systemd.program("redis.service", start="never")
        asking = asyncio.create_task(agent.request("POST", "/remediate"))
        await agent.busy("redis", "remediate")
        await agent.actions.finish(0.05)
        assert not [task for task in asyncio.all_tasks() if task.get_name() == "remediation"]
        await asyncio.gather(asking, return_exceptions=True)


async def test_a_stop_that_comes_before_its_step_is_the_last_word(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis", "worker"]) as agent:
        agent.systemd.program("redis.service", answers_after=0.2)
        remedied = asyncio.create_task(agent.post("/remediate"))
        await agent.busy("redis", "remediate")
        assert (await agent.post("/stop/worker"))["outcome"] == "unchanged"
        answer = await remedied
        worker = answer["steps"][1]
        assert (answer["status"], answer["services_remediated"]) == ("partial", ["redis"])
        assert (worker["outcome"], worker["verified"]) == ("skipped", False)
        assert worker["reason"] == "an operator stopped it while remediation was under way"
        assert ("start", "worker.service") not in agent.systemd.log
        assert (await agent.post("/remediate"))["services_remediated"] == ["worker"], "asked for after the stop"


async def test_a_start_that_is_under_way_is_awaited_without_a_probe_too(tmp_path: Path) -> None:
    plain = spec("plain", probe="none")
    async with running(tmp_path, [plain], down=["plain"]) as agent:
        agent.systemd.program("plain.service", start_seconds=0.3)
        await agent.systemd.job("start", "plain.service")
        await agent.in_state("plain", "starting")
        answer = await agent.post("/remediate")
        assert (answer["status"], answer["steps"][0]["reason"]) == ("completed", "it came back by itself")
        assert [verb for verb, _ in agent.systemd.log] == ["start"]
