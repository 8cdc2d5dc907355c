"""The public contract by plain curl, inside the machine and from the host, and the services agree with it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from system.machine import SERVICES, Lab, eventually

Curl = Callable[..., tuple[int, Any]]


def split(printed: str) -> tuple[int, Any]:
    body, _, status = printed.rpartition("\n")
    return int(status), json.loads(body) if body.lstrip().startswith(("{", "[")) else body


@pytest.fixture(params=["inside", "inside ::1", "inside, unix socket", "host", "host, unix socket"])
def curl(request: pytest.FixtureRequest, lab: Lab) -> Curl:
    """curl as a user types it, through each door."""
    door = str(request.param)

    def call(method: str, path: str) -> tuple[int, Any]:
        words = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", "--request", method]
        if door == "inside":
            return split(lab.run(*words, f"http://localhost:8000{path}").stdout)
        if door == "inside ::1":
            return split(lab.run(*words, "--globoff", f"http://[::1]:8000{path}").stdout)
        if door == "inside, unix socket":
            return split(
                lab.run(*words, "--unix-socket", "/run/incidentops/agent.sock", f"http://localhost{path}").stdout
            )
        where = [f"http://localhost:{lab.port}{path}"]
        if door == "host, unix socket":
            where = ["--unix-socket", str(lab.socket), f"http://localhost{path}"]
        return split(subprocess.run([*words, *where], capture_output=True, text=True, check=True).stdout)

    return call


ANSWERS: dict[str, tuple[str, ...]] = {
    "redis": ("redis-cli", "ping"),
    "postgres": ("runuser", "-u", "postgres", "--", "psql", "-tAc", "SELECT 1"),
    "rabbitmq": ("rabbitmqctl", "--quiet", "ping"),
}
UNITS = {
    "redis": "redis-server.service",
    "postgres": "postgresql@17-main.service",
    "rabbitmq": "rabbitmq-server.service",
    "worker": "incidentops-worker.service",
    "chaos": "incidentops-chaos.service",
}


def the_machine_agrees(lab: Lab, service: str, up: bool) -> None:
    """systemctl at once, except that a start is over when the service answers, which may be before systemd says so."""
    active = ("active", "activating") if up else ("inactive",)
    assert lab.run("systemctl", "is-active", UNITS[service], check=False).stdout.strip() in active
    if service in ANSWERS:
        asked = lab.run(*ANSWERS[service], check=False)
        assert (asked.returncode == 0) is up, asked


def test_reading_endpoints(curl: Curl) -> None:
    status, services = curl("GET", "/services")
    assert status == 200
    assert set(services) == set(SERVICES)
    for about in services.values():
        assert about["status"] == "up"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", about["started"])
        assert about["recovery"]
    status, system = curl("GET", "/system")
    assert status == 200
    assert re.fullmatch(r"\d+ units, \d+\.\d% free", system["cpu"])
    assert re.fullmatch(r"\d+\.\d GB total, \d+\.\d GB free", system["ram"])
    assert re.fullmatch(r"\d+\.\d GB total, \d+\.\d GB free", system["disk"])
    status, metrics = curl("GET", "/metrics")
    assert status == 200
    assert 'incidentops_service_up{service="redis"} 1.0' in metrics


@pytest.mark.parametrize("service", ["redis", "postgres"])
def test_stop_ping_start(curl: Curl, lab: Lab, service: str) -> None:
    status, answer = curl("POST", f"/stop/{service}")
    assert (status, answer["service"], answer["status"]) == (200, service, "down")
    the_machine_agrees(lab, service, up=False)
    status, answer = curl("POST", f"/ping/{service}")
    assert (status, answer["service"], answer["ping"]) == (503, service, "failed")
    status, answer = curl("POST", f"/start/{service}")
    assert (status, answer["service"], answer["status"]) == (200, service, "up")
    the_machine_agrees(lab, service, up=True)
    status, answer = curl("POST", f"/ping/{service}")
    assert (status, answer["service"], answer["ping"]) == (200, service, "ok")
    status, log = curl("GET", f"/logs/{service}")
    assert status == 200
    assert [line.partition(" | ")[2] for line in log[-4:]] == [
        "Service stopped manually",
        "Ping failed (service DOWN)",
        "Service started manually",
        "Ping succeeded",
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ \| .+", line) for line in log)


def test_remediate_and_incident(curl: Curl, lab: Lab) -> None:
    status, answer = curl("POST", "/incident/redis")
    assert (status, answer["status"]) == (200, "down")
    curl("POST", "/stop/postgres")
    the_machine_agrees(lab, "redis", up=False)
    the_machine_agrees(lab, "postgres", up=False)
    status, answer = curl("POST", "/remediate")
    assert status == 200
    assert answer["status"] == "completed"
    assert answer["services_remediated"][:2] == ["postgres", "redis"]
    assert set(answer) >= {"status", "services_remediated", "services_skipped"}
    the_machine_agrees(lab, "redis", up=True)
    the_machine_agrees(lab, "postgres", up=True)
    status, log = curl("GET", "/logs/redis")
    assert [line.partition(" | ")[2] for line in log[-2:]] == ["Auto-remediation started", "Auto-remediation completed"]
    eventually(lab.all_up, deadline=20)
    status, answer = curl("POST", "/remediate")
    assert (status, answer["services_remediated"], answer["message"]) == (200, [], "No services required remediation.")
    curl("POST", "/incident/redis")
    status, answer = curl("POST", "/resolve/redis")
    assert (status, answer["status"]) == (200, "up")
    the_machine_agrees(lab, "redis", up=True)


@pytest.mark.parametrize("service", ["rabbitmq", "worker", "chaos"])
def test_the_other_services_stop_and_start(lab: Lab, service: str) -> None:
    assert lab.post(f"/stop/{service}").body["status"] == "down"
    the_machine_agrees(lab, service, up=False)
    answer = lab.post(f"/start/{service}")
    assert (answer.status, answer.body["status"]) == (200, "up"), answer
    the_machine_agrees(lab, service, up=True)


def test_unknown_service(curl: Curl) -> None:
    for method, path in (("POST", "/stop/nosuch"), ("GET", "/logs/nosuch"), ("POST", "/ping/nosuch")):
        status, answer = curl(method, path)
        assert status == 404
        assert answer["kind"] == "unknown-service"
        assert answer["known"] == sorted(SERVICES)
        assert "redis" in answer["message"]


def test_a_masked_service_says_so(lab: Lab) -> None:
    lab.post("/stop/redis")
    lab.run("systemctl", "mask", "--runtime", "redis-server.service")
    try:
        eventually(lambda: "masked" in lab.get("/services")["redis"]["reason"])
        answer = lab.post("/start/redis")
        assert (answer.status, answer.body["kind"]) == (409, "masked")
    finally:
        lab.run("systemctl", "unmask", "--runtime", "redis-server.service")
    eventually(lambda: "masked" not in lab.get("/services")["redis"]["reason"])


def test_a_start_that_fails_gives_the_reason(lab: Lab) -> None:
    lab.post("/stop/redis")
    folder = "/run/systemd/system/redis-server.service.d"
    lab.run("mkdir", "-p", folder)
    lab.run(
        "tee",
        f"{folder}/99-bad.conf",
        input="[Service]\nExecStart=\nExecStart=/usr/bin/redis-server --port none\nType=simple\n",
    )
    lab.run("systemctl", "daemon-reload")
    try:
        answer = lab.post("/start/redis")
        assert answer.status == 503, answer
        assert answer.body["status"] == "down"
        assert "exited with status 1" in answer.body["message"], answer.body
        assert lab.get("/services")["redis"]["state"] == "failed"
    finally:
        lab.run("rm", "-r", folder)
        lab.run("systemctl", "daemon-reload")


def test_what_a_stop_takes_down_is_told_before(lab: Lab) -> None:
    folder = "/run/systemd/system/incidentops-chaos.service.d"
    lab.run("mkdir", "-p", folder)
    lab.run(
        "tee", f"{folder}/50-needs.conf", input="[Unit]\nBindsTo=redis-server.service\nAfter=redis-server.service\n"
    )
    lab.run("systemctl", "daemon-reload")
    try:
        assert lab.get("/services/redis")["stops_with"] == ["incidentops-chaos.service"]
        lab.post("/stop/redis")
        eventually(lambda: lab.states()["chaos"] == "stopped")
    finally:
        lab.run("rm", "-r", folder)
        lab.run("systemctl", "daemon-reload")
