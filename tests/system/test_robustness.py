"""The agent's own bad days: killed, cut off from PID 1, without a bus, on a full disk, with a wrong catalogue."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import pytest
from system.machine import Answer, Lab, eventually

AGENT = "incidentops-agent.service"


def test_kill_of_the_agent_loses_nothing_and_refuses_nobody(lab: Lab) -> None:
    before = lab.post("/stop/redis").body
    stop, refused, answered = threading.Event(), list[str](), list[float]()

    def knock() -> None:
        while not stop.is_set():
            try:
                with socket.socket(socket.AF_UNIX) as door:
                    door.settimeout(10)
                    door.connect(str(lab.socket))
                    door.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    if door.recv(1):
                        answered.append(time.monotonic())
            except ConnectionRefusedError as error:
                refused.append(str(error))
            except OSError:
                continue  # cut off in the middle by the kill: it was not refused

    knocking = threading.Thread(target=knock)
    knocking.start()
    try:
        for _ in range(3):
            started = lab.output("systemctl", "show", "--property=InvocationID", AGENT)
            os.kill(lab.host_pid(lab.main_pid(AGENT)), signal.SIGKILL)
            eventually(lambda old=started: lab.output("systemctl", "show", "--property=InvocationID", AGENT) != old)  # type: ignore[misc]
            eventually(lambda: lab.states()["redis"] == "stopped")
    finally:
        stop.set()
        knocking.join()
    assert refused == []
    assert answered
    rows = lab.get("/audit?service=redis&limit=1000")
    assert [row["phase"] for row in rows if row["action_id"] == before["action_id"]] == ["finished", "requested"]
    assert lab.states()["redis"] == "stopped"


def test_every_acknowledged_ping_is_in_the_trail_after_a_kill(lab: Lab) -> None:
    acknowledged: list[str] = []
    stop = threading.Event()

    def ping() -> None:
        while not stop.is_set():
            try:
                acknowledged.append(lab.request("POST", "/ping/redis", timeout=10).body["action_id"])
            except (OSError, ValueError):
                continue

    pinging = threading.Thread(target=ping)
    pinging.start()
    try:
        eventually(lambda: len(acknowledged) > 50)
        os.kill(lab.host_pid(lab.main_pid(AGENT)), signal.SIGKILL)
        count = len(acknowledged)
        eventually(lambda: len(acknowledged) > count + 20)
    finally:
        stop.set()
        pinging.join()
    recorded: set[str] = set()
    before = ""
    while rows := lab.get(f"/audit?limit=1000{before}"):
        recorded.update(row["action_id"] for row in rows)
        before = f"&before={rows[-1]['seq']}"
    assert set(acknowledged) <= recorded


def test_an_interrupted_action_is_closed_by_the_next_run(lab: Lab) -> None:
    lab.post("/stop/rabbitmq")
    done = threading.Event()

    def start() -> None:
        try:
            lab.request("POST", "/start/rabbitmq", timeout=20)
        except (OSError, ValueError):
            pass
        finally:
            done.set()

    threading.Thread(target=start).start()
    eventually(lambda: lab.get("/services")["rabbitmq"]["busy"])
    os.kill(lab.host_pid(lab.main_pid(AGENT)), signal.SIGKILL)
    done.wait(20)
    row = eventually(lambda: lab.get("/audit?service=rabbitmq&limit=1"))[0]
    assert (row["action"], row["outcome"]) == ("start", "interrupted")
    eventually(lambda: lab.states()["rabbitmq"] == "healthy", deadline=15)


def test_while_pid_1_does_not_answer(lab: Lab) -> None:
    leader = lab.leader
    os.kill(leader, signal.SIGSTOP)
    try:
        eventually(lambda: lab.get("/services")["redis"]["stale"], deadline=6)
        times = []
        for _ in range(20):
            answer = lab.request("GET", "/services")
            times.append(answer.seconds)
            assert answer.status == 200
            assert all(about["stale"] for about in answer.body.values())
        assert max(times) < 0.05
        assert lab.get("/health")["status"] == "degraded"
        refused = lab.post("/stop/redis")
        assert (refused.status, refused.body["kind"]) == (503, "systemd-unreachable")
    finally:
        os.kill(leader, signal.SIGCONT)
    eventually(lambda: not lab.get("/services")["redis"]["stale"])
    assert lab.post("/restart/redis").body["status"] == "up"


def still_in_touch(lab: Lab) -> None:
    """State is right and follows: a stop behind the agent's back is seen."""
    eventually(lambda: lab.get("/health")["status"] == "ok")
    lab.run("systemctl", "stop", "redis-server")
    eventually(lambda: lab.states()["redis"] == "stopped", deadline=2)
    lab.run("systemctl", "start", "redis-server")
    eventually(lambda: lab.states()["redis"] == "healthy", deadline=3)


@pytest.mark.parametrize(
    "upset",
    [
        ("systemctl", "restart", "dbus"),
        ("systemctl", "daemon-reload"),
        ("systemctl", "daemon-reexec"),
        ("systemctl", "restart", AGENT),
    ],
    ids=" ".join,
)
def test_the_state_is_right_after(lab: Lab, upset: tuple[str, ...]) -> None:
    lab.run(*upset)
    still_in_touch(lab)
    assert lab.post("/restart/redis").status == 200


def test_the_bus_worker_is_replaced_when_it_dies(lab: Lab) -> None:
    worker = lab.output("pgrep", "-f", "incidentops_agent.bus_worker")
    lab.run("kill", "-9", worker)
    eventually(
        lambda: lab.run("pgrep", "-f", "incidentops_agent.bus_worker", check=False).stdout.strip() not in ("", worker)
    )
    still_in_touch(lab)


def test_a_full_disk_under_the_state_directory(lab: Lab) -> None:
    """Control still works, the failure to record is loud, and what could not be written is written later."""
    state = "/var/lib/incidentops"
    lab.run("systemctl", "stop", AGENT)
    lab.run("mount", "-t", "tmpfs", "-o", "size=600k,mode=0750,uid=incidentops,gid=incidentops", "tmpfs", state)
    try:
        lab.run("systemctl", "start", AGENT)
        assert lab.post("/ping/redis").body["recorded"]
        lab.run("sh", "-c", f"cat /dev/zero > {state}/filler", check=False)
        answer = eventually(lambda: unrecorded(lab.post("/restart/redis")), deadline=20)
        assert answer.body["status"] == "up"
        health = lab.get("/health")
        assert health["status"] == "degraded"
        assert "audit" in health["problems"]
        assert "incidentops_audit_failing 1.0" in lab.get("/metrics")
        assert "the audit trail can't be written" in lab.journal("--priority=err")
        lab.run("rm", f"{state}/filler")
        eventually(lambda: lab.get("/health")["status"] == "ok", deadline=15)
        recorded = {row["action_id"] for row in lab.get("/audit?limit=1000")}
        assert answer.body["action_id"] in recorded
    finally:
        lab.run("systemctl", "stop", AGENT)
        lab.run("umount", state)
        lab.run("systemctl", "start", AGENT)


def unrecorded(answer: Answer) -> Answer | None:
    assert answer.status == 200
    return None if answer.body["recorded"] else answer


def test_a_wrong_catalogue_at_reload_keeps_the_last_good_one(lab: Lab) -> None:
    wrong = "/etc/incidentops/services.d/broken.yaml"
    lab.run("mkdir", "-p", "/etc/incidentops/services.d")
    lab.run("tee", wrong, input="unit: redis-server\nprobes: {}\ndepends_on: [nobody]\n")
    try:
        checked = lab.run("incidentops-agent", "--check-config", check=False)
        assert checked.returncode == 1
        for mistake in (f"{wrong}:1: unit: ", f"{wrong}:2: probes: ", f"{wrong}:3: depends_on: ", "probe: is missing"):
            assert mistake in checked.stderr
        assert lab.run("systemctl", "reload", AGENT, check=False).returncode != 0
        problems = eventually(lambda: lab.get("/health")["problems"])
        assert "the last good one stays in force" in problems["configuration"]
        assert f"{wrong}:1: unit" in problems["configuration"]
        assert lab.all_up()
    finally:
        lab.run("rm", "-r", "/etc/incidentops/services.d")
    lab.run("systemctl", "reload", AGENT)
    eventually(lambda: lab.get("/health")["status"] == "ok")


def test_a_service_is_added_and_taken_away_by_a_file(lab: Lab) -> None:
    unit = "/run/systemd/system/lab-sleeper.service"
    lab.run("tee", unit, input="[Service]\nExecStart=/bin/sleep infinity\n")
    lab.run("systemctl", "daemon-reload")
    lab.run("mkdir", "-p", "/etc/incidentops/services.d")
    lab.run(
        "tee",
        "/etc/incidentops/services.d/sleeper.yaml",
        input="title: Sleeper\nunit: lab-sleeper.service\nprobe: {kind: none}\n",
    )
    try:
        lab.run("systemctl", "reload", AGENT)
        eventually(lambda: lab.states().get("sleeper") == "stopped")
        answer = eventually(lambda: lab.post("/start/sleeper"))
        assert answer.body["status"] == "up", answer
        assert lab.output("systemctl", "is-active", "lab-sleeper") == "active"
        assert lab.post("/stop/sleeper").body["status"] == "down"
    finally:
        lab.run("rm", "-r", "/etc/incidentops/services.d")
        lab.run("systemctl", "reload", AGENT)
        lab.run("rm", unit)
        lab.run("systemctl", "daemon-reload")
    eventually(lambda: "sleeper" not in lab.states())
