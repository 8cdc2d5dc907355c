"""What incidents say, held against somebody outside who has a clock of his own and asks the servers himself."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from system.machine import Lab, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REDIS = "redis-server.service"
AGREE = 0.05
"""Seconds by which the agent and the observer may differ."""

# Asks a redis each few milliseconds, and says when it began and ceased to answer.
OBSERVER = """
import json, socket, sys, time
was = None
while True:
    try:
        with socket.create_connection(("127.0.0.1", 6379), 0.5) as sock:
            sock.settimeout(0.5)
            sock.sendall(b"PING\\r\\n")
            answers = sock.recv(16).startswith(b"+PONG")
    except OSError:
        answers = False
    if answers is not was:
        was = answers
        print(json.dumps({"answers": answers, "at": time.time()}), flush=True)
    time.sleep(0.002)
"""


class Observer:
    """A program in the machine's network that shares nothing with the agent."""

    def __init__(self, lab: Lab) -> None:
        words = ["nsenter", f"--target={lab.leader}", "--net", sys.executable, "-c", OBSERVER]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert self.until(answers=True) > 0

    def until(self, *, answers: bool) -> float:
        """When it next began, or ceased, to answer; seconds since the epoch."""
        assert self.process.stdout is not None
        while True:
            seen = json.loads(self.process.stdout.readline())
            if seen["answers"] is answers:
                return float(seen["at"])

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(autouse=True)
def _none_before(lab: Lab) -> None:
    """Who falls within 10 s of its recovery goes on with the incident before."""
    eventually(lambda: not lab.get("/incidents?state=recovered"), deadline=20)


@pytest.fixture
def observer(lab: Lab) -> Iterator[Observer]:
    made = Observer(lab)
    yield made
    made.end()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def newest(lab: Lab) -> dict[str, Any]:
    found: dict[str, Any] = lab.get("/incidents?service=redis&limit=1")[0]
    return found


def recovered(lab: Lab) -> dict[str, Any]:
    eventually(lambda: newest(lab)["state"] != "open")
    return newest(lab)


def agrees(found: dict[str, Any], injected: float, dead: float, back: float) -> None:
    """The incident's times and measures are those of the observer; ``dead`` is when it was known to be down."""
    told = {key: at(found[key]) for key in ("began", "detected", "recovered")}
    seen = {"began": injected, "detected": dead, "recovered": back}
    assert told == pytest.approx(seen, abs=AGREE), found
    assert found["ttd_seconds"] == pytest.approx(dead - injected, abs=AGREE)
    assert found["ttr_seconds"] == pytest.approx(back - injected, abs=AGREE)


@pytest.mark.parametrize("how", ["agent", "systemctl"])
def test_a_kill_is_measured_as_somebody_outside_measures_it(lab: Lab, observer: Observer, how: str) -> None:
    victim = lab.host_pid(lab.main_pid(REDIS))
    killed = time.time()
    os.kill(victim, signal.SIGKILL)
    dead = observer.until(answers=False)
    eventually(lambda: lab.states()["redis"] == "failed")
    if how == "agent":
        assert lab.post("/start/redis").status == 200
    else:
        lab.run("systemctl", "start", REDIS)
    back = observer.until(answers=True)
    found = recovered(lab)
    assert (found["cause"], found["root"], found["began_source"]) == ("killed", "redis", "kernel")
    agrees(found, killed, dead, back)


def test_a_fault_of_the_agents_is_measured_from_its_own_beginning(lab: Lab, observer: Observer) -> None:
    events = lab.events()
    assert events.next()[0] == "snapshot"
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(lab.post, "/incident/redis")
        # Redis answers for some 80 ms while it is being stopped; the agent knows, and says, at once what is coming.
        events.until(lambda kind, data: kind == "service" and data["name"] == "redis" and data["status"] == "down")
        told = time.time()
        assert asked.result().status == 200
    events.close()
    observer.until(answers=False)
    found = newest(lab)
    assert found["fault"]["kind"] == "stop"
    injected = at(lab.get(f"/faults/{found['fault']['id']}")["began"])
    assert lab.post("/resolve/redis").status == 200
    back = observer.until(answers=True)
    agrees(recovered(lab), injected, told, back)


def test_the_recovery_from_a_hang_is_measured(lab: Lab, observer: Observer) -> None:
    events = lab.events()
    order = {"kind": "hang", "service": "redis", "duration": 60}
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(lab.post, "/faults", order)
        events.until(lambda kind, data: kind == "service" and data["name"] == "redis" and data["status"] == "down")
        told = time.time()
        fault = asked.result().body["fault"]
    events.close()
    observer.until(answers=False)
    assert lab.request("DELETE", f"/faults/{fault['id']}").status == 200
    back = observer.until(answers=True)
    found = recovered(lab)
    assert (found["fault"]["kind"], found["root"]) == ("hang", "redis")
    agrees(found, at(fault["began"]), told, back)


def test_incidents_go_on_over_a_kill_of_the_agent(lab: Lab) -> None:
    os.kill(lab.host_pid(lab.main_pid(REDIS)), signal.SIGKILL)
    eventually(lambda: lab.states()["redis"] == "failed")
    before = newest(lab)
    os.kill(lab.host_pid(lab.main_pid("incidentops-agent.service")), signal.SIGKILL)
    lab.run("systemctl", "start", REDIS)

    def again() -> bool:
        with contextlib.suppress(OSError, AssertionError):
            return bool(newest(lab)["state"] != "open")
        return False

    eventually(again, deadline=20)
    after = newest(lab)
    assert (after["id"], after["began"], after["cause"]) == (before["id"], before["began"], "killed")
    eventually(lambda: newest(lab)["state"] == "closed", deadline=20)


def on_the_command_line(lab: Lab) -> Callable[..., str]:
    return lambda *words: lab.output("incidentops", *words)


def test_the_words_and_the_report(lab: Lab) -> None:
    run = on_the_command_line(lab)
    run("stop", "--yes", "redis")
    name = newest(lab)["id"]
    assert "redis was stopped by root" in run("incidents")
    run("incident", "ack", name, "--note", "mine <b>")
    assert "acknowledged by root: mine <b>" in run("incident", "show", name)
    assert "still open" in run("incident", "report", name)
    run("start", "redis")
    page = run("incident", "report", name, "--html")
    assert "<svg" in page
    assert "mine &lt;b&gt;" in page
    assert "systemd" in page, "the unit's journal says that it was stopped"
    figures = json.loads(run("--json", "incidents", "stats", "--period", "1h"))
    assert figures["mttr_seconds"]["count"] >= 1
    assert 0 < figures["availability"]["redis"]["1h"] < 1
