"""Start, stop and restart: answered when it is done and verified, one at a time, none lost, with systemd's reasons."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from api.agent import five_services, running
from api.http11 import request_bytes
from incidentops_agent.ports import BusError
from samples import spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from api.agent import Agent


async def post(agent: Agent, path: str, headers: dict[str, str] | None = None) -> tuple[int, dict[str, object]]:
    answer = await agent.request("POST", path, headers=headers)
    return answer.status, answer.json()


# -- what "done" means


async def test_a_start_is_over_when_the_probe_answers_not_when_the_job_is(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("redis.service", answers_after=0.1)
        answer = await agent.post("/start/redis")
        assert (answer["status"], answer["outcome"]) == ("up", "ok")
        assert answer["duration_seconds"] >= 0.1


async def test_a_start_is_over_when_the_probe_answers_although_systemd_still_waits(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("redis.service", start="never", answers_while_activating=True)
        answer = await agent.post("/start/redis")
        assert (answer["status"], answer["state"], answer["outcome"]) == ("up", "healthy", "ok")


async def test_a_start_that_never_answers_fails_at_its_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=0.1), down=["redis"]) as agent:
        agent.systemd.program("redis.service", answers="failed")
        status, answer = await post(agent, "/start/redis")
        assert (status, answer["kind"], answer["outcome"], answer["status"]) == (503, "timeout", "failed", "down")
        assert str(answer["message"]).startswith("cannot start redis: it does not answer its probe after 0.1 s")


async def test_a_start_job_that_hangs_fails_at_its_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=0.1), down=["redis"]) as agent:
        agent.systemd.program("redis.service", start="never")
        status, answer = await post(agent, "/start/redis")
        assert (status, answer["kind"], answer["job_id"]) == (503, "timeout", 101)
        assert "systemd is starting it" in str(answer["message"])


async def test_a_stop_that_hangs_fails_at_its_deadline_and_says_that_systemd_goes_on(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(stop_deadline=0.1)) as agent:
        agent.systemd.program("redis.service", stop="never")
        status, answer = await post(agent, "/stop/redis")
        assert (status, answer["kind"], answer["state"]) == (503, "timeout", "stopping")
        assert "has not stopped it within 0.1 s and goes on trying" in str(answer["message"])


async def test_a_stop_notices_what_answers_in_its_place(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.prober.impostors.add("redis")
        answer = await agent.post("/stop/redis")
        assert (answer["status"], answer["outcome"]) == ("down", "ok")
        assert answer["reason"] == "its unit is stopped, but something else still answers in its place"


@pytest.mark.parametrize(
    ("start", "kind", "reason"),
    [
        ("fails", "job-failed", "its main process exited with status 1"),
        ("falls", "ended-at-once", "it ended at once: its main process exited with status 7"),
        ("dependency", "job-dependency", "a unit that it requires could not be started"),
    ],
)
async def test_why_a_start_failed(tmp_path: Path, start: str, kind: str, reason: str) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("redis.service", start=start, answers_after=0.05)
        status, answer = await post(agent, "/start/redis")
        assert (status, answer["kind"], answer["status"], answer["outcome"]) == (503, kind, "down", "failed")
        assert answer["reason"] == reason
        assert answer["message"] == f"cannot start redis: {reason}"
        assert (await agent.get("/logs/redis"))[-1].endswith(f" | Start failed ({reason})")


async def test_masked_is_said_and_not_tried(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.change("redis.service", load_state="masked", unit_file_state="masked")
        for path in ("/start/redis", "/restart/redis", "/resolve/redis"):
            status, answer = await post(agent, path)
            assert (status, answer["kind"]) == (409, "masked")
            assert "redis.service is masked" in str(answer["message"])
        assert agent.systemd.log == []
        assert (await agent.post("/stop/redis"))["outcome"] == "unchanged"


async def test_not_installed_is_said_and_not_tried(tmp_path: Path) -> None:
    async with running(tmp_path, missing=["redis"]) as agent:
        assert (await agent.states())["redis"] == "not-installed"
        for path in ("/start/redis", "/stop/redis", "/restart/redis"):
            status, answer = await post(agent, path)
            assert (status, answer["kind"]) == (409, "not-installed")
            assert answer["reason"] == "there is no unit redis.service"
        assert agent.systemd.log == []


async def test_an_optional_service_is_only_there_while_its_unit_is(tmp_path: Path) -> None:
    specs = [spec("redis"), spec("loki", optional=True)]
    async with running(tmp_path, specs, missing=["loki"]) as agent:
        assert list(await agent.get("/services")) == ["redis"]
        assert (await post(agent, "/start/loki"))[0] == 404
        agent.systemd.install("loki.service")
        await agent.in_state("loki", "healthy")
        assert list(await agent.get("/services")) == ["loki", "redis"]


async def test_systemds_refusal_is_passed_on(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.refuses = BusError("not-permitted", "Interactive authentication required.")
        status, answer = await post(agent, "/stop/redis")
        assert (status, answer["kind"], answer["status"]) == (503, "not-permitted", "up")
        assert answer["message"] == "cannot stop redis: Interactive authentication required."


async def test_what_is_as_it_should_be_is_left_alone(tmp_path: Path) -> None:
    async with running(tmp_path, down=["chaos"]) as agent:
        answer = await agent.post("/start/redis")
        assert (answer["outcome"], answer["reason"], answer["status"]) == ("unchanged", "it was already running", "up")
        assert agent.systemd.log == []
        answer = await agent.post("/stop/chaos")
        assert (answer["outcome"], answer["reason"], answer["status"]) == ("unchanged", "it was not running", "down")
        assert agent.systemd.log == [("stop", "chaos.service")], "which also ends a start that systemd has in mind"
        assert await agent.get("/logs/redis") == []


async def test_a_start_of_what_is_active_and_hangs_says_to_restart_it(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("redis.service", answers="failed")
        await agent.in_state("redis", "unresponsive")
        status, answer = await post(agent, "/start/redis")
        assert (status, answer["kind"]) == (409, "unresponsive")
        assert str(answer["reason"]).endswith("restart it instead")
        agent.systemd.program("redis.service", answers="ok")
        assert (await agent.post("/restart/redis"))["status"] == "up"


async def test_a_start_right_after_the_death_of_its_process_waits_for_systemd_to_notice(tmp_path: Path) -> None:
    """Until PID 1 has reaped the process, its unit is active and a start would do nothing."""
    async with running(tmp_path) as agent:
        agent.exits.die("redis")
        assert agent.health("redis") == "stopping"
        start = asyncio.create_task(agent.post("/start/redis"))
        await asyncio.wait([start], timeout=0.05)
        assert agent.systemd.log == []
        agent.systemd.kill("redis.service")
        answer = await start
        assert (answer["status"], answer["outcome"]) == ("up", "ok")
        assert agent.systemd.log == [("start", "redis.service")]


# -- many at once


async def test_a_stop_before_a_start_both_happen_in_this_order(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("redis.service", stop_seconds=0.05)
        stop = asyncio.create_task(agent.post("/stop/redis"))
        await agent.busy("redis", "stop")
        start = asyncio.create_task(agent.post("/start/redis"))
        stopped, started = await asyncio.gather(stop, start)
        assert (stopped["status"], started["status"]) == ("down", "up")
        assert agent.systemd.log == [("stop", "redis.service"), ("start", "redis.service")]
        assert [row.action for row in await agent.rows() if row.phase == "finished"] == ["stop", "start"]


async def test_many_requests_for_one_service_are_done_one_after_the_other_none_lost(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=10, stop_deadline=10)) as agent:
        words = ["restart"] * 12
        answers = await asyncio.gather(*(agent.post(f"/{word}/redis") for word in words))
        assert [answer["outcome"] for answer in answers] == ["ok"] * 12
        assert len({answer["invocation_id"] for answer in answers}) == 12
        rows = [row for row in await agent.rows() if row.service == "redis"]
        assert [row.phase for row in rows] == ["requested", "finished"] * 12, "never two at once"
        assert len({row.action_id for row in rows}) == 12


async def test_requests_for_different_services_do_not_wait_for_each_other(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(stop_deadline=10)) as agent:
        agent.systemd.program("redis.service", stop="never")
        stuck = asyncio.create_task(agent.request("POST", "/stop/redis"))
        await agent.busy("redis", "stop")
        assert (await agent.post("/stop/chaos"))["status"] == "down"
        assert (await agent.get("/services"))["redis"]["busy"]["action"] == "stop"
        stuck.cancel()
        agent.systemd.program("redis.service", stop="ok")
        await agent.systemd.job("stop", "redis.service")
        await soon(lambda: agent.engine.services["redis"].busy is None)


async def test_a_start_is_superseded_by_a_stop(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=10), down=["redis"]) as agent:
        agent.systemd.program("redis.service", answers="failed")
        start = asyncio.create_task(post(agent, "/start/redis"))
        await agent.busy("redis", "start")
        await soon(lambda: agent.systemd.log)
        stopped = await agent.post("/stop/redis")
        status, started = await start
        assert (status, started["kind"], started["reason"]) == (409, "superseded", "it was superseded by a stop")
        assert (stopped["status"], stopped["outcome"]) == ("down", "ok")


async def test_a_stop_supersedes_also_the_starts_that_wait_before_it_and_none_after_it(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=10), down=["redis"]) as agent:
        agent.systemd.program("redis.service", start="never")
        starts = [asyncio.create_task(post(agent, "/start/redis"))]
        await agent.busy("redis", "start")
        starts.append(asyncio.create_task(post(agent, "/restart/redis")))
        await soon(lambda: len(agent.actions._running) == 2)
        stop = asyncio.create_task(post(agent, "/stop/redis"))
        await soon(lambda: len(agent.actions._running) == 3 or stop.done())
        agent.systemd.program("redis.service", start="ok")
        late = asyncio.create_task(post(agent, "/start/redis"))
        assert [(await start)[1]["kind"] for start in starts] == ["superseded", "superseded"]
        assert (await stop)[0] == 200
        status, answer = await late
        assert (status, answer["status"]) == (200, "up")
        assert [verb for verb, _ in agent.systemd.log] == ["start", "stop", "start"]


async def test_a_start_between_two_stops_is_superseded_by_the_second(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=10, stop_deadline=10)) as agent:
        asking: list[asyncio.Task[tuple[int, dict[str, object]]]] = []
        async with agent.engine.services["redis"].lock:  # something else is under way
            for word in ("stop", "start", "stop"):
                asking.append(asyncio.create_task(post(agent, f"/{word}/redis")))
                await soon(lambda: len(agent.actions._running) == len(asking))
        first, between, second = await asyncio.gather(*asking)
        assert (first[1]["outcome"], second[1]["outcome"]) == ("ok", "unchanged")
        assert between[1]["kind"] == "superseded"
        assert ("start", "redis.service") not in agent.systemd.log


# -- clients that go, and come again


async def test_an_action_goes_on_and_is_written_down_when_its_client_goes_away(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("redis.service", answers_after=0.05)
        async with agent.connected() as connection:
            connection.send(request_bytes("POST", "/start/redis", "localhost"))
            await agent.busy("redis", "start")
        await soon(lambda: agent.journalled)
        assert agent.health("redis") == "healthy"
        (row,) = [row for row in await agent.rows() if row.phase == "finished"]
        assert (row.action, row.outcome, row.sentence) == ("start", "ok", "Service started manually")


async def test_the_same_idempotency_key_gives_the_same_answer_and_acts_once(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        keyed = {"Idempotency-Key": "a-key"}
        agent.systemd.program("redis.service", stop_seconds=0.05)
        first = asyncio.create_task(post(agent, "/restart/redis", keyed))
        await agent.busy("redis", "restart")
        again = await post(agent, "/restart/redis", keyed)
        later = await post(agent, "/restart/redis", keyed)
        assert again == later
        assert again == await first
        assert agent.systemd.log == [("restart", "redis.service")]
        other_path = await agent.post("/stop/redis", headers=keyed)
        assert other_path["status"] == "down", "a key belongs to one thing that was asked for"
        assert await post(agent, "/restart/redis", {"Idempotency-Key": "b"}) != later
        assert [verb for verb, _ in agent.systemd.log] == ["restart", "stop", "restart"]


async def test_the_same_key_with_another_body_is_another_request(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:

        async def window(seconds: int) -> str:
            body = json.dumps({"seconds": seconds, "reason": "new disk"}).encode()
            answer = await agent.request("POST", "/maintenance/redis", headers={"Idempotency-Key": "k"}, body=body)
            return str(answer.json()["maintenance"]["until"])

        assert await window(600) == await window(600)
        assert await window(3600) > await window(600)


async def test_a_failed_answer_is_repeated_too(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis"]) as agent:
        agent.systemd.program("redis.service", start="fails")
        first = await post(agent, "/start/redis", {"Idempotency-Key": "k"})
        agent.systemd.program("redis.service", start="ok")
        assert await post(agent, "/start/redis", {"Idempotency-Key": "k"}) == first
        assert first[0] == 503


@pytest.mark.parametrize("key", ["x" * 129, "two words", "caf\u00e9", "tab\there"])
async def test_a_key_that_is_none_is_refused_before_anything_is_done(tmp_path: Path, key: str) -> None:
    async with running(tmp_path) as agent:
        status, answer = await post(agent, "/stop/redis", {"Idempotency-Key": key})
        assert (status, answer["kind"]) == (400, "malformed")
        assert agent.systemd.log == []


async def test_what_ran_when_the_agent_was_told_to_stop_comes_to_its_end_or_is_cut_off(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=60), down=["redis", "postgres"]) as agent:
        agent.systemd.program("redis.service", answers_after=0.05)
        agent.systemd.program("postgres.service", start="never")
        asking = [asyncio.create_task(agent.request("POST", f"/start/{name}")) for name in ("redis", "postgres")]
        await agent.busy("redis", "start")
        await agent.busy("postgres", "start")
        await agent.actions.finish(0.2)
        rows = {(row.service, row.phase) for row in await agent.rows()}
        assert rows == {("redis", "requested"), ("redis", "finished"), ("postgres", "requested")}
        await asyncio.gather(*asking, return_exceptions=True)
