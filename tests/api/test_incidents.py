"""Incidents from the first sign to the last, through the API, over restarts of the agent too."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest
from api.agent import five_services, running
from incidentops_agent import incident, incidents
from incidentops_agent.model import JournalEntry
from samples import catalogue_of, spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from api.agent import Agent
    from leaks import LogWatch


@pytest.fixture(autouse=True)
def _stays_briefly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "STAYED", 0.15)


async def only(agent: Agent) -> dict[str, Any]:
    (found,) = await agent.get("/incidents")
    assert isinstance(found, dict)
    return found


async def closed(agent: Agent) -> dict[str, Any]:
    await soon(lambda: not agent.incidents.book.live())
    return await only(agent)


def whats(found: dict[str, Any]) -> list[str]:
    return [moment["what"] for moment in found["timeline"]]


async def test_a_killed_service_from_death_to_the_end(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.events() as stream:
        assert (await stream.until("snapshot"))["incidents"] == []
        before = time.time()
        agent.exits.die("redis")
        agent.systemd.kill("redis.service")
        after = time.time()
        seen = await stream.until("incident", cause="killed")
        found = await only(agent)
        assert found == seen
        assert (found["state"], found["root"], found["services"]) == ("open", "redis", ["redis"])
        assert found["sentence"] == "its main process was killed by SIGKILL"
        assert "Result=signal" in found["evidence"]
        assert (found["began_source"], found["deliberate"], found["fault"]) == ("kernel", False, None)
        assert before - 0.002 <= agent.incidents.book.live()[0].began <= after
        assert 0 <= found["ttd_seconds"] < 0.1
        assert whats(found) == ["began", "detected", "cause"]
        assert (await agent.get("/services"))["redis"]["incident"] == found["id"]
        assert await agent.get(f"/incidents/{found['id']}") == found
        text = (await agent.request("GET", "/metrics")).body.decode()
        assert "incidentops_incidents_open 1.0" in text

        await agent.post("/start/redis")
        back = await stream.until("incident", state="recovered")
        assert whats(back) == ["began", "detected", "cause", "action", "recovered"]
        assert back["timeline"][-1]["source"] == "probe"
        assert 0 < back["ttr_seconds"] < 2
        over = await closed(agent)
        assert (over["state"], over["timeline"][-1]["what"]) == ("closed", "closed")
        assert (await agent.get("/services"))["redis"]["incident"] is None
        text = (await agent.request("GET", "/metrics")).body.decode()
        assert 'incidentops_incidents_total{cause="killed",service="redis"} 1.0' in text
        assert 'incidentops_incident_recovery_seconds_count{cause="killed",service="redis"} 1.0' in text
        assert "incidentops_incidents_open 0.0" in text


async def test_what_needs_it_is_down_with_it(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.kill("redis.service")
        agent.systemd.kill("chaos.service")
        agent.systemd.program("worker.service", answers="failed")
        await agent.in_state("worker", "unresponsive")
        worker, chaos = (await agent.get("/incidents"))[::-1]
        assert (worker["root"], worker["services"]) == ("redis", ["redis", "worker"])
        assert worker["timeline"][-1]["text"].startswith("worker is down too: it needs redis, which is down")
        assert (chaos["root"], chaos["services"]) == ("chaos", ["chaos"])
        assert [one["root"] for one in await agent.get("/incidents?service=worker")] == ["redis"]


async def test_a_dependency_that_is_seen_later_takes_over(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("worker.service", answers="failed")
        await agent.in_state("worker", "unresponsive")
        assert (await only(agent))["cause"] == "unresponsive"
        await agent.post("/stop/redis")
        found = await only(agent)
        assert (found["root"], found["services"], found["cause"]) == ("redis", ["worker", "redis"], "stopped")
        assert found["deliberate"] is True


async def test_two_that_turn_out_to_be_one(tmp_path: Path) -> None:
    services = [spec("redis"), spec("a", "redis"), spec("b", "redis")]
    async with running(tmp_path, services) as agent, agent.events() as stream:
        agent.systemd.kill("a.service")
        agent.systemd.kill("b.service")
        gone = (await agent.get("/incidents"))[0]
        agent.systemd.kill("redis.service")
        found = await only(agent)
        assert (found["root"], sorted(found["services"])) == ("redis", ["a", "b", "redis"])
        last = await stream.until("incident", id=gone["id"], state="closed")
        assert last["merged_into"] == found["id"]
        assert {about["incident"] for about in (await agent.get("/services")).values()} == {found["id"]}
        assert (await agent.get(f"/incidents/{gone['id']}"))["id"] == found["id"]
        for name in ("redis", "a", "b"):
            await agent.post(f"/start/{name}")
        assert (await closed(agent))["state"] == "closed"


async def test_a_stop_by_an_operator_is_deliberate_and_says_who(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/stop/redis")
        found = await only(agent)
        who = (await agent.get("/audit?service=redis&limit=1"))[0]["actor"]["user"]
        assert (found["deliberate"], found["cause"]) == (True, "stopped")
        assert found["sentence"] == f"redis was stopped by {who}"
        done = [row for row in await agent.rows() if row.action == "stop" and row.phase == "finished"]
        assert done[0].incident == found["id"]


async def test_a_broken_service_counts_from_its_breaking(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        before = time.time()
        await agent.post("/incident/redis")
        found = await only(agent)
        assert (found["began_source"], found["fault"]["kind"], found["deliberate"]) == ("fault", "stop", False)
        one = agent.incidents.book.live()[0]
        assert before - 0.002 <= one.began <= one.detected
        assert one.ttd == one.detected - one.began
        await agent.post("/resolve/redis")
        over = await closed(agent)
        assert over["first_action"] is not None
        agent.systemd.kill("redis.service")
        assert (await agent.get("/incidents"))[0]["fault"] is None


async def test_a_fault_that_is_announced_is_the_beginning(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        at = time.time()
        agent.incidents.fault_injected("redis", "f-1", "hang", at)
        agent.systemd.program("redis.service", answers="failed")
        await agent.in_state("redis", "unresponsive")
        found = await only(agent)
        assert found["fault"] == {"id": "f-1", "kind": "hang"}
        assert found["ttd_seconds"] == pytest.approx(agent.engine.services["redis"].since - at, abs=0.005)
        agent.incidents.fault_cleared("redis", "f-1")
        agent.systemd.program("redis.service", answers="ok")
        await closed(agent)
        agent.systemd.kill("redis.service")
        assert (await agent.get("/incidents"))[0]["fault"] is None


async def test_what_one_fault_does_again_and_again_is_one_incident(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.incidents.fault_injected("redis", "f-1", "crash-loop", time.time() - 5)
        for _ in range(3):
            agent.systemd.kill("redis.service")
            await agent.systemd.job("start", "redis.service")
            await agent.in_state("redis", "healthy")
        (one,) = agent.incidents.book.live()
        assert (one.phase, one.fault) == ("recovered", {"id": "f-1", "kind": "crash-loop"})
        assert whats(await only(agent)).count("relapsed") == 2
        first, *again = one.members[0].spans
        assert first.begin == one.began
        assert one.detected - first.begin >= 5
        assert all(span.begin > (first.end or 0) for span in again), "the time between is not counted as down"
        agent.incidents.fault_injected("redis", "f-2", "kill", time.time())
        agent.systemd.kill("redis.service")
        newest, before = await agent.get("/incidents")
        assert (newest["fault"]["id"], before["state"]) == ("f-2", "closed")


async def test_a_hang_began_after_its_last_good_answer(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("redis.service", answers="failed")
        await agent.in_state("redis", "unresponsive")
        found = await only(agent)
        assert (found["began_source"], found["timeline"][1]["source"]) == ("probe", "probe")
        assert found["began"] < found["detected"]


async def test_a_restart_that_succeeds_is_no_incident_and_one_that_fails_is(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/restart/redis")
        assert await agent.get("/incidents") == []
        agent.systemd.program("redis.service", start="fails")
        await agent.post("/restart/redis", 503)
        found = await only(agent)
        assert (found["cause"], found["deliberate"]) == ("exited", False)


async def test_a_relapse_opens_the_same_incident_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "STAYED", 60.0)
    async with running(tmp_path) as agent:
        agent.systemd.kill("redis.service")
        await agent.post("/start/redis")
        assert (await only(agent))["state"] == "recovered"
        agent.systemd.kill("redis.service")
        again = await only(agent)
        assert (again["state"], again["recovered"], again["ttr_seconds"]) == ("open", None, None)
        await agent.post("/restart/redis")  # a restart of what is back is no relapse
        await agent.post("/restart/redis")
        assert whats(await only(agent)).count("relapsed") == 1


async def test_a_stop_of_what_has_just_come_back_is_another_incident(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incident, "STAYED", 60.0)
    async with running(tmp_path) as agent:
        agent.systemd.kill("redis.service")
        await agent.post("/start/redis")
        await agent.post("/incident/redis")
        fault, kill = await agent.get("/incidents")
        assert (kill["state"], fault["state"]) == ("closed", "open")
        assert "a cause of its own" in kill["timeline"][-1]["text"]
        assert fault["fault"]["kind"] == "stop"
        await agent.post("/resolve/redis")
        await agent.post("/stop/redis")
        stop = (await agent.get("/incidents"))[0]
        assert stop["deliberate"] is True
        assert (await agent.get("/services"))["redis"]["incident"] == stop["id"]


async def test_somebody_takes_it_up(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.kill("redis.service")
        name = (await only(agent))["id"]
        path = f"/incidents/{name}/acknowledge"
        answer = await agent.post(path, body=b'{"note": " on it\\n"}')
        assert (answer["note"], answer["recorded"], answer["state"]) == ("on it", True, "open")
        assert answer["acknowledged_by"]
        assert answer["tta_seconds"] >= 0
        again = await agent.post(path)
        assert (again["acknowledged"], again["note"]) == (answer["acknowledged"], "on it")
        refused = await agent.post(path, 400, body=b'{"note": 1, "who": "me"}')
        assert [one["key"] for one in refused["problems"]] == ["note", "who"]
        assert (await agent.post(path, 400, body=b'{"note": "' + b"x" * 1001 + b'"}'))["kind"] == "malformed"
        await agent.post("/start/redis")
        await closed(agent)
        refused = await agent.post(path, 409)
        assert refused["kind"] == "incident-closed"
        assert (await agent.post("/incidents/nothing/acknowledge", 404))["kind"] == "unknown-incident"


async def test_the_list_is_filtered_and_paged(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for name in ("redis", "chaos", "postgres"):
            agent.systemd.kill(f"{name}.service")
        await agent.post("/start/redis")
        every = await agent.get("/incidents")
        assert [one["root"] for one in every] == ["postgres", "chaos", "redis"]
        assert [one["root"] for one in await agent.get("/incidents?state=open")] == ["postgres", "chaos"]
        assert [one["root"] for one in await agent.get("/incidents?limit=1")] == ["postgres"]
        assert [one["root"] for one in await agent.get(f"/incidents?before={every[0]['id']}")] == ["chaos", "redis"]
        assert await agent.get("/incidents?service=rabbitmq") == []
        for query, status in (("state=up", 400), ("service=mysql", 404), ("before=x", 404), ("limit=-1", 400)):
            assert (await agent.request("GET", f"/incidents?{query}")).status == status


async def test_incidents_go_on_over_a_restart_of_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incident, "STAYED", 0.5)
    async with running(tmp_path) as agent:
        agent.systemd.kill("redis.service")
        agent.systemd.kill("chaos.service")
        agent.systemd.kill("postgres.service")
        await agent.post("/start/postgres")
        before = await agent.get("/incidents")
    async with running(tmp_path, down=["redis"]) as agent:
        postgres, chaos, redis = await agent.get("/incidents")
        assert (redis, postgres) == (before[2], before[0])
        assert (chaos["id"], chaos["state"]) == (before[1]["id"], "recovered")
        assert chaos["timeline"][-1]["source"] == "systemd", "it was started while no agent ran"
        assert (await agent.get("/services"))["redis"]["incident"] == redis["id"]
        await soon(lambda: len(agent.incidents.book.live()) == 1)
        await agent.post("/start/redis")
        await soon(lambda: not agent.incidents.book.live())
        before = await agent.get("/incidents")
        assert all(one["ttr_seconds"] > 0 for one in before)
    async with running(tmp_path) as agent:
        assert await agent.get("/incidents") == before


async def test_what_fell_between_two_runs_of_the_agent_is_an_incident(tmp_path: Path) -> None:
    async with running(tmp_path, down=["chaos"]):
        pass
    async with running(tmp_path, down=["chaos", "redis"]) as agent:
        assert (await only(agent))["root"] == "redis", "chaos was down before"


async def test_a_row_that_can_not_be_understood_is_left_out(tmp_path: Path, logs: LogWatch) -> None:
    logs.expect("a row of the audit trail can't be understood")
    async with running(tmp_path) as agent:
        agent.systemd.kill("redis.service")
        agent.incidents._ledger.note("incident-joined", "chaos", {"began": "yesterday"})
        row = await agent.noted("incident-opened")
        agent.incidents._ledger.note("incident-opened", "chaos", {"began": "yesterday"})
    async with running(tmp_path, down=["redis"]) as agent:
        assert (await only(agent))["id"] == row.incident


async def test_what_is_no_service_any_more_holds_no_incident_open(tmp_path: Path) -> None:
    services = five_services()
    async with running(tmp_path, services) as agent:
        agent.systemd.kill("chaos.service")
        agent.systemd.kill("redis.service")
        await agent.engine.adopt(catalogue_of(*(one for one in services if one.name != "chaos")))
        agent.incidents.catalogue_changed()
        agent.systemd.change("redis.service", load_state="not-found", active_state="inactive")
        await soon(lambda: not agent.incidents.book.live())
        redis, chaos = await agent.get("/incidents")
        assert "is no longer in the catalogue" in chaos["timeline"][-2]["text"]
        assert "is not installed any more" in redis["timeline"][-2]["text"]


async def test_the_figures(tmp_path: Path) -> None:
    async with running(tmp_path, down=["chaos"]) as agent:
        agent.systemd.kill("redis.service")
        await agent.post("/start/redis")
        await closed(agent)
        found = await agent.get("/statistics?period=60")
        assert (found["period_seconds"], found["incidents"], found["open"]) == (60, 1, 0)
        assert found["mttr_seconds"]["count"] == found["by_cause"]["killed"]["mttr_seconds"]["count"] == 1
        assert list(found["by_service"]) == ["redis"]
        shares = found["availability"]
        assert shares["chaos"] == {"1h": None, "24h": None, "7d": None, "30d": None}, "it was never seen up"
        assert 0 < shares["redis"]["1h"] < 1
        assert shares["postgres"]["30d"] == 1
        await agent.post("/start/chaos")
        await asyncio.sleep(0)
        assert (await agent.get("/statistics"))["availability"]["chaos"]["1h"] == 1
        for period in ("0", "x", "99999999999"):
            assert (await agent.request("GET", f"/statistics?period={period}")).status == 400
        rows = [row.action for row in await agent.facts()]
        assert "service-observed" in rows


async def test_the_report_is_the_same_after_a_restart(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> ``` | **bold** \x1b[31m \u202e"
    async with running(tmp_path, five_services()) as agent:
        agent.systemd.kill("redis.service")
        agent.journal.entries = [JournalEntry(time.time(), 3, "redis-server", 77, hostile)]
        name = (await only(agent))["id"]
        early = (await agent.request("GET", f"/incidents/{name}/report")).body.decode()
        assert "still open" in early
        await agent.post(f"/incidents/{name}/acknowledge", body=b'{"note": "<b>mine</b>"}')
        await agent.post("/start/redis")
        await closed(agent)
        await agent.noted("incident-closed")
        html = await agent.request("GET", f"/incidents/{name}/report?format=html")
        assert html.headers["content-type"] == "text/html; charset=utf-8"
        page = html.body.decode()
        assert "<script" not in page
        assert "&lt;script&gt;alert(1)" in page
        assert "<b>mine" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page
        assert "<svg" in page
        assert "start</td><td>redis</td>" in page
        text = (await agent.request("GET", f"/incidents/{name}/report?format=markdown")).body.decode()
        assert "````text" in text
        entries = agent.journal.entries
        for query, status in (("format=pdf", 400), ("lines=3", 400)):
            assert (await agent.request("GET", f"/incidents/{name}/report?{query}")).status == status
        agent.journal.error = OSError("cannot read the journal")
        without = (await agent.request("GET", f"/incidents/{name}/report")).body.decode()
        assert "the journal of redis.service is missing: cannot read the journal" in without
    async with running(tmp_path, five_services()) as agent:
        agent.journal.entries = entries
        again = (await agent.request("GET", f"/incidents/{name}/report?format=html")).body.decode()
        assert again.partition("<footer>")[0] == page.partition("<footer>")[0]


async def test_a_sign_of_life_is_written_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incidents, "ALIVE_EVERY", 0.02)
    async with running(tmp_path) as agent:
        row = await agent.noted("agent-alive")
        assert row.detail == {"up": sorted(agent.engine.services), "boot": "this boot"}
        await soon(lambda: agent.incidents.watch.last_sign > row.at)
