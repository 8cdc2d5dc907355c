"""What goes wrong is seen in time: by signal, by pidfd, by probe."""

from __future__ import annotations

import os
import signal
import time

from system.machine import Lab, eventually

REDIS = "redis-server.service"


def test_a_killed_service_is_known_within_100_ms_without_a_request(lab: Lab) -> None:
    victim = lab.host_pid(lab.main_pid(REDIS))
    events = lab.events()
    assert events.next()[0] == "snapshot"
    began = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    _, data, at = events.until(lambda kind, data: kind == "service" and data["name"] == "redis")
    events.close()
    assert data["status"] == "down"
    assert at - began < 0.1
    about = lab.get("/services")["redis"]
    assert about["status"] == "down"
    eventually(lambda: lab.get("/services")["redis"]["state"] == "failed")
    about = lab.get("/services")["redis"]
    assert about["reason"] == "its main process was killed by SIGKILL"
    assert about["unit"]["exit_status"] == int(signal.SIGKILL)


def test_a_killed_service_is_not_called_up_in_passing(lab: Lab) -> None:
    """PID 1 takes its steps one by one, and none of them may look like an answer."""
    events = lab.events()
    assert events.next()[0] == "snapshot"
    os.kill(lab.host_pid(lab.main_pid(REDIS)), signal.SIGKILL)
    seen: list[str] = []
    while "failed" not in seen:
        kind, data, _ = events.next()
        if kind == "service" and data["name"] == "redis":
            seen.append(data["state"])
    events.close()
    assert "healthy" not in seen


def test_a_postgres_whose_main_process_hangs_is_unresponsive(lab: Lab) -> None:
    """Its kept connections go on being served; only new ones are not."""
    postmaster = lab.host_pid(lab.main_pid("postgresql@17-main.service"))
    os.kill(postmaster, signal.SIGSTOP)
    try:
        eventually(lambda: lab.states()["postgres"] == "unresponsive", deadline=5)
    finally:
        os.kill(postmaster, signal.SIGCONT)
    eventually(lambda: lab.states()["postgres"] == "healthy", deadline=5)


def test_services_says_down_100_ms_after_a_kill(lab: Lab) -> None:
    """The same without an event stream: nothing is asked in between."""
    victim = lab.host_pid(lab.main_pid(REDIS))
    os.kill(victim, signal.SIGKILL)
    time.sleep(0.1)  # the claim itself: this long after the kill the first question is asked
    assert lab.get("/services")["redis"]["status"] == "down"


def test_a_hang_is_unresponsive_within_5_s_and_over_within_5_s(lab: Lab) -> None:
    victim = lab.host_pid(lab.main_pid(REDIS))
    events = lab.events()
    os.kill(victim, signal.SIGSTOP)
    began = time.monotonic()
    try:
        _, data, at = events.until(
            lambda kind, data: kind == "service" and data["name"] == "redis" and data["state"] == "unresponsive"
        )
    finally:
        os.kill(victim, signal.SIGCONT)
    resumed = time.monotonic()
    assert at - began < 5
    assert data["status"] == "down"
    assert data["unit"]["active"] == "active"
    assert "no answer within" in data["reason"]
    _, data, at = events.until(
        lambda kind, data: kind == "service" and data["name"] == "redis" and data["state"] == "healthy"
    )
    events.close()
    assert at - resumed < 5


def test_a_hang_of_postgres_and_rabbitmq_is_seen_too(lab: Lab) -> None:
    """Their clients block in other places than Redis's: each must honour its deadline."""
    for service, unit in (("postgres", "postgresql@17-main.service"), ("rabbitmq", "rabbitmq-server.service")):
        lab.run("systemctl", "kill", "--signal=STOP", unit)
        try:
            eventually(lambda name=service: lab.states()[name] == "unresponsive", deadline=6)  # type: ignore[misc]
        finally:
            lab.run("systemctl", "kill", "--signal=CONT", unit)
        eventually(lambda name=service: lab.states()[name] == "healthy", deadline=6)  # type: ignore[misc]


def test_a_frozen_unit_is_told_as_frozen(lab: Lab) -> None:
    lab.run("systemctl", "freeze", REDIS)
    try:
        eventually(lambda: "frozen" in lab.get("/services")["redis"]["reason"], deadline=6)
        assert lab.states()["redis"] == "unresponsive"
        answer = lab.post("/ping/redis")
        assert (answer.status, answer.body["ping"]) == (503, "failed")
    finally:
        lab.run("systemctl", "thaw", REDIS)
    eventually(lambda: lab.states()["redis"] == "healthy", deadline=6)


def test_facts_of_a_unit(lab: Lab) -> None:
    about = lab.get("/services/redis")
    shown = dict(
        line.partition("=")[::2]
        for line in lab.output(
            "systemctl", "show", REDIS, "--property=MainPID,NRestarts,Result,InvocationID,UnitFileState"
        ).splitlines()
    )
    unit = about["unit"]
    assert unit["main_pid"] == int(shown["MainPID"])
    assert unit["invocation_id"] == shown["InvocationID"]
    assert unit["restarts"] == int(shown["NRestarts"])
    assert unit["enabled"] == shown["UnitFileState"]
    assert about["resources"]["memory_bytes"] > 2**20
    assert about["resources"]["source"] in ("cgroup", "processes")
    assert about["recovery"] == "manual"


def test_a_unit_that_restarts_itself_is_shown_so(lab: Lab) -> None:
    folder = "/run/systemd/system/redis-server.service.d"
    lab.run("mkdir", "-p", folder)
    lab.run("tee", f"{folder}/99-self.conf", input="[Service]\nRestart=always\n")
    lab.run("systemctl", "daemon-reload")
    try:
        eventually(lambda: lab.get("/services")["redis"]["recovery"] == "self (systemd)")
    finally:
        lab.run("rm", "-r", folder)
        lab.run("systemctl", "daemon-reload")
    eventually(lambda: lab.get("/services")["redis"]["recovery"] == "manual")
