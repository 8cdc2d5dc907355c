"""What the agent says about itself is true: openapi.json against the routes and real answers, and the metrics."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from api.agent import five_services, running
from incidentops_agent import __version__, openapi
from incidentops_agent.ports import BusError
from incidentops_agent.routes import ROUTES
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from pathlib import Path

    from api.agent import Agent
    from api.http11 import Answer

# -- openapi.json


async def test_openapi_is_the_route_table(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        document = await agent.get("/openapi.json")
    assert document == openapi.document()
    assert document["openapi"] == "3.1.0"
    assert document["info"]["version"] == __version__
    described = {
        (method.upper(), path): operation
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert set(described) == {(route.method, route.path) for route in ROUTES}
    for route in ROUTES:
        operation = described[route.method, route.path]
        assert operation["x-level"] == route.level.value
        assert operation["summary"]
        assert {int(code) for code in operation["responses"]} >= set(route.answers) | {400, 403, 404, 405, 500}
        names = {parameter["name"]: parameter["in"] for parameter in operation["parameters"]}
        assert {name for name, place in names.items() if place == "path"} == set(re.findall(r"{(\w+)}", route.path))
        assert {name for name, place in names.items() if place == "query"} == set(route.query)
        assert ("Idempotency-Key" in names) == (route.method != "GET")
        assert ("requestBody" in operation) == (route.body is not None)
    assert len({operation["operationId"] for operation in described.values()}) == len(ROUTES)


def test_every_reference_leads_somewhere() -> None:
    document = openapi.document()

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [found for key, one in value.items() for found in ([one] if key == "$ref" else references(one))]
        return [found for one in value for found in references(one)] if isinstance(value, list) else []

    for reference in references(document):
        target: Any = document
        for part in reference.removeprefix("#/").split("/"):
            target = target[part]


TYPES = {"object": dict, "array": list, "string": str}


def hold_against(route_path: str, method: str, answer: Answer) -> None:
    """The answer's status, media type and the type of its body are those that openapi.json has."""
    document = openapi.document()
    responses = document["paths"][route_path][method.lower()]["responses"]
    assert str(answer.status) in responses, f"{method} {route_path} answered {answer.status}, which is not described"
    ((media, about),) = responses[str(answer.status)]["content"].items()
    assert answer.headers["content-type"].partition(";")[0] == media
    schema: dict[str, Any] = about["schema"]
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    body = answer.json() if media == "application/json" else answer.body.decode()
    assert isinstance(body, TYPES[schema["type"]])
    for name in schema.get("required", ()):
        assert name in body
    if answer.status >= 400:
        assert isinstance(body, dict)
        assert re.fullmatch(r"[a-z-]+", body["kind"])
        assert body["message"].startswith("cannot ")


async def ask_everything(agent: Agent, **headers: str) -> set[int]:
    """Every route but the endless one, for a service that is there and for one that is not; the statuses seen."""
    seen = set()
    for route in ROUTES:
        for name in ("redis", "mysql"):
            if route.path != "/events" and (name == "redis" or "{service}" in route.path):
                path = route.path.replace("{service}", name)
                answer = await agent.request(route.method, path, headers=headers)
                hold_against(route.path, route.method, answer)
                seen.add(answer.status)
    return seen


async def test_real_answers_are_those_that_are_described(tmp_path: Path) -> None:
    async with running(tmp_path, five_services(start_deadline=0.05, stop_deadline=0.05)) as agent:
        assert await ask_everything(agent) == {200, 400, 404}, "400 for a body that is missing"
        assert await ask_everything(agent, **{"Idempotency-Key": "no good"}) == {200, 400, 404}
        assert await ask_everything(agent, Origin="http://localhost") == {403}
        agent.systemd.program("redis.service", start="fails", answers="failed")
        agent.systemd.kill("redis.service")
        assert await ask_everything(agent) >= {200, 400, 404, 503}
        agent.systemd.change("redis.service", load_state="masked", active_state="inactive")
        assert await ask_everything(agent) >= {200, 400, 404, 409, 503}
        agent.systemd.change("redis.service", active_state="inactive")  # the fault that was reverted has started it
        agent.journal.error = OSError("cannot read the journal")
        agent.systemd.refuses = BusError("systemd-unreachable", "systemd did not answer within 5 s")
        agent.engine._bus_answering = False
        assert 503 in await ask_everything(agent)
        for query, status in (("limit=x", 400), ("service=mysql", 404), ("order=up", 400), ("before=1&limit=2", 200)):
            answer = await agent.request("GET", f"/audit?{query}")
            hold_against("/audit", "GET", answer)
            assert answer.status == status


# -- the audit trail


async def test_the_audit_trail_is_paged_from_the_newest(tmp_path: Path) -> None:
    async with running(tmp_path, down=["chaos"]) as agent:
        for _ in range(3):
            await agent.post("/ping/redis")
        await agent.post("/stop/chaos")
        newest = await agent.get("/audit?limit=2")
        assert [(row["service"], row["phase"]) for row in newest] == [("chaos", "finished"), ("chaos", "requested")]
        older = await agent.get(f"/audit?limit=2&before={newest[-1]['seq']}")
        assert [row["service"] for row in older] == ["redis", "redis"]
        assert len(await agent.get("/audit?service=redis")) == 3
        assert await agent.get("/audit?limit=0") == []
        every = await agent.get("/audit?limit=999999999999999")
        assert [row["action"] for row in every] == ["stop", "stop", "ping", "ping", "ping", "agent-started"]


# -- the metrics

EXPECTED = {
    "incidentops_actions": "counter",
    "incidentops_action_duration_seconds": "histogram",
    "incidentops_audit_failing": "gauge",
    "incidentops_audit_unwritten_rows": "gauge",
    "incidentops_breaker_open": "gauge",
    "incidentops_build": "info",
    "incidentops_event_readers": "gauge",
    "incidentops_fault_active": "gauge",
    "incidentops_faults": "counter",
    "incidentops_http_requests": "counter",
    "incidentops_incident_acknowledgement_seconds": "histogram",
    "incidentops_incident_detection_seconds": "histogram",
    "incidentops_incident_recovery_seconds": "histogram",
    "incidentops_incidents": "counter",
    "incidentops_incidents_open": "gauge",
    "incidentops_maintenance": "gauge",
    "incidentops_probe_duration_seconds": "histogram",
    "incidentops_probe_success": "gauge",
    "incidentops_probes": "counter",
    "incidentops_problems": "gauge",
    "incidentops_recovery_attempts": "counter",
    "incidentops_service_memory_bytes": "gauge",
    "incidentops_service_state": "gauge",
    "incidentops_service_up": "gauge",
    "incidentops_system_cpu_free_ratio": "gauge",
    "incidentops_system_cpu_units": "gauge",
    "incidentops_system_disk_free_bytes": "gauge",
    "incidentops_system_disk_total_bytes": "gauge",
    "incidentops_system_ram_free_bytes": "gauge",
    "incidentops_system_ram_total_bytes": "gauge",
    "incidentops_systemd_answering": "gauge",
    "incidentops_unit_state": "gauge",
}


async def busy_metrics(agent: Agent) -> str:
    """The text after some of everything has happened."""
    await agent.post("/ping/redis")
    await agent.post("/stop/redis")
    await agent.post("/ping/redis", 503)
    await agent.request("GET", "/nothing")
    await agent.request("PUT", "/services")
    answer = await agent.request("GET", "/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return answer.body.decode()


async def test_the_metrics_are_what_monitoring_builds_on(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.get("/services")  # whose answer has what they use
        text = await busy_metrics(agent)
    families = {family.name: family for family in text_string_to_metric_families(text)}
    kinds = {name: "info" if name == "incidentops_build_info" else family.type for name, family in families.items()}
    kinds["incidentops_build"] = kinds.pop("incidentops_build_info", "")
    assert kinds == EXPECTED
    assert all(family.documentation for family in families.values())
    assert "_created" not in text
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in families.values()
        for sample in family.samples
    }
    redis = ("service", "redis")
    assert samples["incidentops_service_up", redis] == 0
    assert samples["incidentops_service_state", redis, ("state", "stopped")] == 1
    assert sum(value for key, value in samples.items() if key[0] == "incidentops_service_state" and redis in key) == 1
    unit = ("name", "redis.service")
    assert samples["incidentops_unit_state", unit, ("state", "inactive"), ("type", "service")] == 1
    actions = {key[1:]: value for key, value in samples.items() if key[0] == "incidentops_actions_total"}
    assert actions == {
        (("action", "ping"), ("outcome", "ok"), redis): 1,
        (("action", "ping"), ("outcome", "failed"), redis): 1,
        (("action", "stop"), ("outcome", "ok"), redis): 1,
    }
    requests = {key[1:]: value for key, value in samples.items() if key[0] == "incidentops_http_requests_total"}
    assert requests[("code", "404"), ("method", "other"), ("route", "unknown")] == 1
    assert requests[("code", "405"), ("method", "other"), ("route", "unknown")] == 1
    assert requests[("code", "503"), ("method", "POST"), ("route", "/ping/{service}")] == 1
    assert len(samples) < 400, "the number of series is bounded by the table and the catalogue"


async def test_what_callers_choose_makes_no_series(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        before = len((await busy_metrics(agent)).splitlines())
        for number in range(20):
            await agent.request("POST", f"/stop/no{number}")
            await agent.request("GET", f"/no{number}")
            await agent.request("DELETE", f"/services/no{number}")
        after = (await agent.request("GET", "/metrics")).body.decode().splitlines()
        assert len(after) - before <= 3


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs promtool")
def test_promtool_finds_nothing(tmp_path: Path) -> None:
    async def scrape() -> str:
        async with running(tmp_path) as agent:
            return await busy_metrics(agent)

    text = asyncio.run(scrape())
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
