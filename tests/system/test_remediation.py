"""Remediation on real units: causes, plan and order; what can't be recovered says why, and costs nobody else."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest
from system.machine import Lab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

REDIS, POSTGRES = "redis-server.service", "postgresql@17-main.service"
RABBITMQ, WORKER = "rabbitmq-server.service", "incidentops-worker.service"
LIMITED = "[Unit]\nStartLimitIntervalSec=1h\nStartLimitBurst=3\n[Service]\nRestart=on-failure\nRestartSec=0\n"
TIMES = 20


@contextlib.contextmanager
def drop_in(lab: Lab, unit: str, text: str) -> Iterator[None]:
    """A change of a unit that is gone afterwards, whatever happens."""
    folder = f"/run/systemd/system/{unit}.d"
    lab.run("mkdir", "-p", folder)
    lab.run("tee", f"{folder}/99-test.conf", input=text)
    lab.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        lab.run("rm", "-r", folder)
        lab.run("systemctl", "daemon-reload")
        lab.run("systemctl", "reset-failed", unit, check=False)


def causes(plan: dict[str, Any]) -> dict[str, str]:
    return {step["service"]: step["cause"] for step in plan["steps"]}


FOUR = {"postgres": "stopped", "rabbitmq": "frozen", "redis": "stopped", "worker": "start-limit"}


def break_four(lab: Lab) -> str:
    """Redis and PostgreSQL stopped, RabbitMQ frozen, the worker crashed into its start limit; the plan's id."""
    killed = "for i in 1 2 3 4 5 6 7 8; do systemctl kill -s KILL {unit} 2>/dev/null; sleep 0.1; done"
    lab.run("sh", "-c", killed.format(unit=WORKER))
    lab.run("systemctl", "stop", REDIS, POSTGRES)
    lab.run("systemctl", "freeze", RABBITMQ)
    shown: dict[str, Any] = eventually(lambda: ready(lab.get("/remediate/plan")))
    return str(shown["plan"])


def ready(plan: dict[str, Any]) -> dict[str, Any] | None:
    return plan if causes(plan) == FOUR else None


def answers(lab: Lab) -> None:
    """The servers say it themselves."""
    assert lab.output("redis-cli", "ping") == "PONG"
    assert lab.output("runuser", "-u", "postgres", "--", "psql", "-tAc", "SELECT 1") == "1"
    lab.run("rabbitmqctl", "--quiet", "ping")
    assert lab.output("systemctl", "is-active", WORKER) == "active"


def test_four_causes_are_named_and_recovered_in_order_by_the_same_plan_each_time(lab: Lab) -> None:
    ids = set()
    with drop_in(lab, WORKER, LIMITED):
        for again in range(3):
            ids.add(break_four(lab))
            seen = {lab.get("/remediate/plan")["plan"] for _ in range(TIMES)}
            assert seen == ids, "the same plan id for the same state"
            plan = lab.get("/remediate/plan")
            assert [(step["service"], step["level"]) for step in plan["steps"]] == [
                ("postgres", 1),
                ("rabbitmq", 1),
                ("redis", 1),
                ("worker", 2),
            ]
            said = [step["action"] for step in plan["steps"]]
            assert said == ["start", "thaw", "start", "reset-failed and start"]
            done = lab.request("POST", "/remediate", body={"plan": plan["plan"]})
            assert (done.status, done.body["status"], done.body["plan"]) == (200, "completed", plan["plan"]), done
            assert done.body["services_remediated"] == list(FOUR)
            assert done.body["services_skipped"] == []
            assert {step["service"]: step["cause"] for step in done.body["steps"]} == FOUR
            assert all(step["verified"] and step["outcome"] == "ok" for step in done.body["steps"])
            assert lab.all_up()
            if not again:
                answers(lab)
        assert len(ids) == 1


def test_a_plan_that_the_world_has_left_behind_is_refused(lab: Lab) -> None:
    lab.post("/stop/redis")
    old = lab.get("/remediate/plan")["plan"]
    lab.post("/start/redis")
    lab.post("/stop/chaos")
    refused = lab.request("POST", "/remediate", body={"plan": old})
    assert (refused.status, refused.body["kind"]) == (409, "plan-changed")
    assert refused.body["difference"] == ["chaos: nothing -> start (stopped)", "redis: start (stopped) -> nothing"]
    assert lab.states()["chaos"] == "stopped"


@contextlib.contextmanager
def masked(lab: Lab) -> Iterator[str]:
    lab.run("systemctl", "mask", "--runtime", REDIS)
    try:
        yield "is masked"
    finally:
        lab.run("systemctl", "unmask", "--runtime", REDIS)
        eventually(lambda: causes(lab.get("/remediate/plan"))["redis"] != "masked")


@contextlib.contextmanager
def misconfigured(lab: Lab) -> Iterator[str]:
    broken = "[Service]\nExecStart=\nExecStart=/usr/bin/redis-server --nonsense 7 --logfile ''\nType=simple\n"
    with drop_in(lab, REDIS, broken):
        yield "its main process exited with status 1; its journal says: "


@contextlib.contextmanager
def port_taken(lab: Lab) -> Iterator[str]:
    squat = "import signal, socket; taken = socket.create_server(('127.0.0.1', 6379)); signal.pause()"
    lab.run("systemd-run", "--unit=lab-squatter", "--property=User=nobody", "python3", "-c", squat)
    try:
        eventually(lambda: "6379" in lab.output("ss", "-Hltn", "sport = :6379"))
        yield "port 6379 is taken by a program of user nobody"
    finally:
        lab.run("systemctl", "stop", "lab-squatter")


@pytest.mark.parametrize("obstacle", [masked, misconfigured, port_taken])
def test_what_can_not_be_recovered_says_why_and_the_rest_is_recovered(lab: Lab, obstacle: Any) -> None:
    for name in ("redis", "postgres", "chaos"):
        lab.post(f"/stop/{name}")
    with obstacle(lab) as why:
        if obstacle is masked:
            eventually(lambda: causes(lab.get("/remediate/plan"))["redis"] == "masked")
        plan = {step["service"]: step for step in lab.get("/remediate/plan")["steps"]}
        began = time.monotonic()
        answer = lab.post("/remediate").body
        seconds = time.monotonic() - began
        assert answer["status"] == "partial"
        assert {"postgres", "chaos"} <= set(answer["services_remediated"])
        step = next(step for step in answer["steps"] if step["service"] == "redis")
        assert why in step["reason"], step
        assert not step["verified"]
        assert seconds < plan["redis"]["deadline_seconds"] + 5
        states = lab.states()
        assert (states["postgres"], states["chaos"]) == ("healthy", "healthy")
        assert states["redis"] != "healthy"


def test_a_thaw_is_the_agents_by_polkit_and_only_of_the_catalogues_units(lab: Lab) -> None:
    as_agent = ("runuser", "-u", "incidentops", "--", "busctl", "call", "org.freedesktop.systemd1")
    thaw = ("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ThawUnit", "s")
    for unit, allowed in ((REDIS, True), ("systemd-logind.service", False)):
        lab.run("systemctl", "freeze", unit)
        try:
            done = lab.run(*as_agent, *thaw, unit, check=False)
            state = lab.output("systemctl", "show", "--property=FreezerState", "--value", unit)
        finally:
            lab.run("systemctl", "thaw", unit)
        assert (done.returncode == 0, state) == (allowed, "running" if allowed else "frozen"), done
    frozen = lab.run(*as_agent, *thaw[:2], "FreezeUnit", "s", REDIS, check=False)
    assert frozen.returncode != 0


def test_a_start_cuts_systemds_own_wait_short(lab: Lab) -> None:
    with drop_in(lab, RABBITMQ, "[Service]\nRestart=on-failure\nRestartSec=60\n"):
        lab.run("systemctl", "kill", "-s", "KILL", RABBITMQ)
        eventually(lambda: causes(lab.get("/remediate/plan")).get("rabbitmq") == "restarting")
        answer = lab.post("/remediate")
        assert "rabbitmq" in answer.body["services_remediated"]
        assert answer.seconds < 30
