"""When something around the agent breaks, it says so, keeps answering and keeps control."""

from __future__ import annotations

import asyncio
import re
import time
from typing import TYPE_CHECKING, Any

from api.agent import running
from api.http11 import request_bytes
from incidentops_agent import audit
from incidentops_agent.model import ProbeOutcome
from incidentops_agent.ports import LATE, BusError
from samples import spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from leaks import LogWatch

GET = request_bytes("GET", "/services", "localhost")


async def test_while_systemd_does_not_answer_everything_is_still_answered_and_marked_stale(
    tmp_path: Path, logs: LogWatch
) -> None:
    logs.expect("systemd does not answer; what is shown is the last that it said", "over: systemd does not answer")
    async with running(tmp_path) as agent, agent.events() as stream:
        await stream.next()
        agent.systemd.refuses = BusError("systemd-unreachable", "systemd did not answer within 5 s")
        agent.engine.on_bus(False)
        assert (await stream.until("agent"))["status"] == "degraded"
        assert (await stream.until("service", name="redis"))["stale"] is True

        began = time.monotonic()
        found = await agent.get("/services")
        assert time.monotonic() - began < 0.05
        assert {about["stale"] for about in found.values()} == {True}
        assert found["redis"]["status"] == "up", "the last that was known"
        assert (await agent.get("/services/redis"))["stops_with"] is None
        health = await agent.get("/health")
        assert health["status"] == "degraded"
        assert list(health["problems"]) == ["systemd"]
        answer = await agent.request("POST", "/stop/redis")
        assert (answer.status, answer.json()["kind"]) == (503, "systemd-unreachable")
        assert agent.systemd.log == [], "it is not even tried"
        assert "incidentops_systemd_answering 0.0" in (await agent.request("GET", "/metrics")).body.decode()

        agent.systemd.refuses = None
        agent.engine.on_bus(True)
        assert (await agent.get("/health")) == {"status": "ok", "problems": {}}
        assert {about["stale"] for about in (await agent.get("/services")).values()} == {False}
        assert (await agent.post("/stop/redis"))["status"] == "down"


async def test_a_job_whose_connection_is_lost_fails_and_says_so(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("redis.service", stop="never")
        stop = asyncio.create_task(agent.request("POST", "/stop/redis"))
        await agent.in_state("redis", "stopping")
        job, task = agent.systemd._jobs.pop("redis.service")
        job.done.set_exception(BusError("systemd-unreachable", "the connection to systemd was lost"))
        answer = await stop
        assert (answer.status, answer.json()["kind"]) == (503, "systemd-unreachable")
        task.cancel()


async def test_an_audit_trail_that_can_not_be_written_is_loud_and_control_works(
    tmp_path: Path, logs: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.02)
    logs.expect("the audit trail can't be written", "over: the audit trail can't be written")
    async with running(tmp_path) as agent, agent.events() as stream:
        await stream.next()
        await agent.noted("agent-started")  # from here on the writer has nothing to do
        good = agent.audit._path
        agent.audit._path = tmp_path / "gone" / "audit.db"
        agent.audit._forget_connection()

        answer = await agent.post("/stop/redis")
        assert (answer["status"], answer["outcome"], answer["recorded"]) == ("down", "ok", False)
        assert "can't be written" in (await stream.until("agent", status="degraded"))["problems"]["audit"]
        assert "can't be written" in (await agent.get("/health"))["problems"]["audit"]
        text = (await agent.request("GET", "/metrics")).body.decode()
        assert "incidentops_audit_failing 1.0" in text
        waiting = re.search(r"^incidentops_audit_unwritten_rows ([0-9.]+)$", text, re.MULTILINE)
        assert waiting is not None
        assert float(waiting[1]) >= 2, "the stop's two rows, and its incident's"
        answer = await agent.request("GET", "/audit")
        assert (answer.status, answer.json()["kind"]) == (503, "audit-unreadable")
        assert (await agent.get("/logs/redis"))[-1].endswith(" | Service stopped manually")
        assert (await agent.post("/ping/redis", 503))["recorded"] is False

        agent.audit._path = good
        await soon(lambda: not agent.audit.failing)
        assert (await agent.get("/health"))["status"] == "ok"
        assert [(row.action, row.phase) for row in await agent.rows()] == [
            ("stop", "requested"),
            ("stop", "finished"),
            ("ping", "finished"),
        ]
        assert (await agent.post("/start/redis"))["recorded"] is True


async def test_a_probe_that_can_not_judge_leaves_it_to_systemd(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("redis.service", answers="unavailable")
        await soon(lambda: agent.engine.services["redis"].probe.last.outcome is ProbeOutcome.UNAVAILABLE)
        found = (await agent.get("/services"))["redis"]
        assert (found["status"], found["reason"]) == ("up", "not probed: the login is refused")
        assert (await agent.post("/ping/redis"))["ping"] == "ok"
        assert (await agent.post("/restart/redis"))["status"] == "up"


async def test_a_hang_is_found_by_two_probes_and_over_with_one(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("redis")]) as agent, agent.events() as stream:
        await stream.next()
        agent.systemd.program("redis.service", answers="failed")
        data = await stream.until("service", state="healthy", reason="one probe failed: it said nonsense")
        assert data["status"] == "up"
        data = await stream.until("service", state="unresponsive")
        assert (data["status"], data["reason"]) == ("down", "active, but its probe fails: it said nonsense")
        assert (await agent.post("/ping/redis", 503))["ping"] == "failed"
        agent.systemd.program("redis.service", answers="ok")
        assert (await stream.until("service", state="healthy"))["reason"] == ""


async def test_one_failure_between_successes_is_never_two_in_a_row(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("redis")]) as agent, agent.events() as stream:
        await stream.next()
        for _ in range(3):
            agent.systemd.program("redis.service", answers="failed")
            _, data = await stream.next()
            assert (data["state"], data["reason"]) == ("healthy", "one probe failed: it said nonsense")
            agent.systemd.program("redis.service", answers="ok")
            _, data = await stream.next()
            assert (data["state"], data["reason"]) == ("healthy", "")


async def test_what_systemd_may_still_do_is_not_called_failed(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.refuses = BusError(LATE, "it was asked for and may still be done, but systemd did not answer")
        answer = await agent.request("POST", "/stop/redis")
        found = answer.json()
        assert (answer.status, found["kind"], found["outcome"]) == (503, "systemd-late", "unknown")
        assert [row.outcome for row in await agent.rows()] == ["", "unknown"]


async def test_a_death_that_the_kernel_tells_counts_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as stream:
        await stream.next()
        agent.exits.die("redis")
        data = await stream.until("service", name="redis")
        assert (data["status"], data["state"]) == ("down", "stopping")
        agent.systemd.kill("redis.service")
        data = await stream.until("service", name="redis", state="failed")
        assert data["reason"] == "its main process was killed by SIGKILL"


async def test_a_mistake_in_a_handler_is_an_answer_and_a_line_in_the_journal(
    tmp_path: Path, logs: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.expect("a request to /services failed by a mistake of the agent's")
    async with running(tmp_path) as agent, agent.connected() as connection:

        def broken() -> bytes:
            raise RuntimeError("secret detail")

        monkeypatch.setattr(agent.engine, "services_body", broken)
        connection.send(GET)
        answer = await connection.answer()
        assert (answer.status, answer.json()["kind"]) == (500, "internal")
        assert b"secret" not in answer.body
        assert b"Traceback" not in answer.body
        connection.send(request_bytes("GET", "/health", "localhost"))
        assert (await connection.answer()).status == 200


async def test_a_mistake_in_judging_a_service_does_not_end_the_watching_of_it(
    tmp_path: Path, logs: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.expect("redis could not be judged by a mistake of the agent's")
    async with running(tmp_path, [spec("redis")]) as agent:
        right = agent.engine.on_probe
        wrong: list[Any] = []

        def once_wrong(*arguments: Any) -> None:
            if not wrong:
                wrong.append(arguments)
                raise ZeroDivisionError
            right(*arguments)

        monkeypatch.setattr(agent.engine, "on_probe", once_wrong)
        await soon(lambda: wrong)
        agent.systemd.program("redis.service", answers="failed")
        await agent.in_state("redis", "unresponsive")


# -- the same request again and again on one connection takes a short way


async def test_a_repeated_request_is_always_answered_with_the_truth(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:

        async def state() -> Any:
            connection.send(GET)
            return (await connection.answer()).json()["redis"]["state"]

        assert [await state() for _ in range(3)] == ["healthy"] * 3
        agent.systemd.kill("redis.service")
        assert [await state() for _ in range(2)] == ["failed"] * 2
        connection.send(request_bytes("POST", "/start/redis", "localhost"))
        assert (await connection.answer()).json()["status"] == "up"
        assert [await state() for _ in range(2)] == ["healthy"] * 2


async def test_repeated_requests_are_counted(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        for _ in range(7):
            connection.send(GET)
            await connection.answer()
        text = (await agent.request("GET", "/metrics")).body.decode()
        assert 'incidentops_http_requests_total{code="200",method="GET",route="/services"} 7.0' in text


async def test_a_repeated_request_from_a_page_is_refused_again(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        page = request_bytes("GET", "/services", "localhost", {"Origin": "http://evil.example"})
        for raw, status in [(GET, 200), (page, 403), (GET, 200), (GET, 200), (page, 403), (page, 403)]:
            connection.send(raw)
            assert (await connection.answer()).status == status
