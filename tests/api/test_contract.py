"""The public contract, word for word, on every door."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from api.agent import running

if TYPE_CHECKING:
    from pathlib import Path

INSTANT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
DOORS = pytest.mark.parametrize("door", ["unix", "tcp", "tcp6"])


@DOORS
async def test_services(tmp_path: Path, door: str) -> None:
    async with running(tmp_path, down=["chaos"]) as agent:
        found = await agent.get("/services", door=door)
        assert list(found) == ["chaos", "postgres", "rabbitmq", "redis", "worker"]
        assert (found["redis"]["status"], found["redis"]["state"]) == ("up", "healthy")
        assert re.fullmatch(INSTANT + r"\.\d{3}Z", found["redis"]["started"])
        assert found["redis"]["recovery"] == "manual"
        assert (found["chaos"]["status"], found["chaos"]["state"]) == ("down", "stopped")
        assert found["chaos"]["started"] is None


@DOORS
async def test_system(tmp_path: Path, door: str) -> None:
    async with running(tmp_path, []) as agent:
        found = await agent.get("/system", door=door)
        assert re.fullmatch(r"\d+ units, \d+\.\d% free", found["cpu"])
        assert re.fullmatch(r"\d+\.\d GB total, \d+\.\d GB free", found["ram"])
        assert re.fullmatch(r"\d+\.\d GB total, \d+\.\d GB free", found["disk"])


@DOORS
async def test_ping_stop_ping_start_and_what_the_log_says(tmp_path: Path, door: str) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.post("/ping/redis", door=door)
        assert (answer["service"], answer["ping"]) == ("redis", "ok")

        answer = await agent.post("/stop/redis", door=door)
        assert (answer["service"], answer["status"], answer["state"]) == ("redis", "down", "stopped")
        assert (answer["outcome"], answer["recorded"]) == ("ok", True)

        answer = await agent.post("/ping/redis", 503, door=door)
        assert (answer["service"], answer["ping"], answer["kind"]) == ("redis", "failed", "service-down")
        assert answer["message"] == "cannot ping redis: stopped"

        answer = await agent.post("/start/redis", door=door)
        assert (answer["service"], answer["status"], answer["state"]) == ("redis", "up", "healthy")

        lines = await agent.get("/logs/redis", door=door)
        assert [re.sub(f"^{INSTANT}Z ", "", line) for line in lines] == [
            "| Ping succeeded",
            "| Service stopped manually",
            "| Ping failed (service DOWN)",
            "| Service started manually",
        ]
        assert await agent.get("/logs/postgres", door=door) == []
        assert agent.systemd.log == [("stop", "redis.service"), ("start", "redis.service")]


async def test_incident_and_resolve_and_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        assert (await agent.post("/incident/redis"))["status"] == "down"
        assert (await agent.post("/resolve/redis"))["status"] == "up"
        before = agent.systemd.units["redis.service"].invocation_id
        answer = await agent.post("/restart/redis")
        assert (answer["status"], answer["outcome"]) == ("up", "ok")
        assert answer["invocation_id"] == agent.systemd.units["redis.service"].invocation_id != before
        assert [line.partition(" | ")[2] for line in await agent.get("/logs/redis")] == [
            "Fault stop injected for 60 s",
            "Fault stop reverted",
            "Service restarted manually",
        ]


async def test_remediate(tmp_path: Path) -> None:
    async with running(tmp_path, down=["redis", "postgres"]) as agent:
        answer = await agent.post("/remediate")
        assert answer["status"] == "completed"
        assert answer["services_remediated"] == ["postgres", "redis"]
        assert answer["services_skipped"] == []
        for name in ("postgres", "redis"):
            assert [line.partition(" | ")[2] for line in await agent.get(f"/logs/{name}")] == [
                "Auto-remediation started",
                "Auto-remediation completed",
            ]
        answer = await agent.post("/remediate")
        assert (answer["status"], answer["message"]) == ("completed", "No services required remediation.")
        assert answer["services_remediated"] == answer["services_skipped"] == answer["steps"] == []


async def test_one_service_with_what_a_stop_of_it_takes_down(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.takes_down = ["a.service", "b.service"]
        found = await agent.get("/services/redis")
        assert (found["name"], found["status"]) == ("redis", "up")
        assert found["stops_with"] == ["a.service", "b.service"]
        assert found["dependants"] == ["worker"]
        assert found["log"] == []
        used = found["resources"]
        assert re.fullmatch(INSTANT + r"\.\d{3}Z", used.pop("read_at"))
        assert used == {"memory_bytes": 12345678, "cpu_seconds": 1.5, "tasks": 3, "source": "processes"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", f"/{action}/mysql") for action in ("ping", "start", "stop", "restart", "incident", "resolve")),
        *(("GET", f"/{kind}/mysql") for kind in ("services", "logs", "journal")),
        ("GET", "/audit?service=mysql"),
    ],
)
async def test_an_unknown_service_is_404_with_the_known_ones(tmp_path: Path, method: str, path: str) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.request(method, path)
        assert answer.status == 404
        assert answer.json() == {
            "kind": "unknown-service",
            "message": "cannot find a service 'mysql'; known: chaos, postgres, rabbitmq, redis, worker",
            "known": ["chaos", "postgres", "rabbitmq", "redis", "worker"],
        }
        assert await agent.rows() == []


@pytest.mark.parametrize(
    ("path", "known"),
    [
        *(
            ("/", False),
            ("/service", False),
            ("/services/", False),
            ("/services/redis/x", False),
            ("//services", False),
        ),
        *(("/stop", False), ("/stop/", False), ("/stop/a%2Fb", False), ("/..", False), ("/%00", False)),
        *(("/stop/%00", True), ("/stop/" + "x" * 3000, True), ("/stop/%F0%9F%92%A3", True), ("/stop/red%0Ais", True)),
    ],
    ids=lambda value: str(value)[:30],
)
async def test_what_is_not_there_is_404(tmp_path: Path, path: str, known: bool) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.request("POST" if path.startswith("/stop") else "GET", path)
        assert answer.status == 404
        assert answer.json()["kind"] == ("unknown-service" if known else "not-found")
        assert len(answer.body) < 1000


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/stop/redis", "POST"),
        ("POST", "/services", "GET"),
        ("PUT", "/start/redis", "POST"),
        ("DELETE", "/audit", "GET"),
    ],
)
async def test_the_wrong_method_is_405_and_names_the_right_one(
    tmp_path: Path, method: str, path: str, allowed: str
) -> None:
    async with running(tmp_path) as agent:
        answer = await agent.request(method, path)
        assert answer.status == 405
        assert answer.json() == {
            "kind": "method-not-allowed",
            "message": f"cannot {method} {path}; use {allowed}",
        }
        assert agent.systemd.log == []


async def test_head_is_a_get_without_a_body(tmp_path: Path) -> None:
    async with running(tmp_path) as agent, agent.connected() as connection:
        for path in ("/services", "/system", "/openapi.json", "/metrics", "/logs/redis"):
            connection.send(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = await connection.answer(to_head=True)
            assert head.status == 200
            assert int(head.headers["content-length"]) > 0
        connection.send(b"HEAD /stop/redis HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await connection.answer(to_head=True)).status == 405
        assert agent.systemd.log == []
