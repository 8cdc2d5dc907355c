"""Automatic recovery on a real systemd: what it brings back, when it gives up, and what it leaves alone."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from system.machine import Lab, bring_back, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "incidentops-agent.service"
REDIS = "redis-server.service"
OVERRIDE = "/etc/incidentops/services.d/redis.yaml"
CRASHES = f"/run/systemd/system/{REDIS}.d/99-crash.conf"
BUDGET = 3
HALF_OPEN_AFTER = 4.0

CATALOGUE = f"""\
title: Redis
unit: {REDIS}
probe:
  kind: redis
recovery: auto
auto:
  backoff: 0.1
  budget: {BUDGET}
  half_open_after: {HALF_OPEN_AFTER}
  stable: 2
"""


@contextlib.contextmanager
def automatic(lab: Lab) -> Iterator[None]:
    """redis is brought back automatically, by short waits, and nothing is remembered of what was before."""
    lab.run("sh", "-c", f"cat >{OVERRIDE}", input=CATALOGUE)
    try:
        lab.run("systemctl", "reload", AGENT)
        eventually(lambda: redis(lab)["auto"])
        arm(lab)
        yield
    finally:
        lab.run("rm", "-f", OVERRIDE)
        lab.run("systemctl", "reload", AGENT)
        lab.request("DELETE", "/recovery/redis")
        bring_back(lab)


def arm(lab: Lab) -> None:
    """As an operator does: the breaker closes, the budget is full, and the catalogue's mode holds again."""
    assert lab.post("/recovery/redis", {"mode": "auto", "seconds": 600}).status == 200
    assert lab.request("DELETE", "/recovery/redis").status == 200


@contextlib.contextmanager
def crash_looping(lab: Lab) -> Iterator[None]:
    """redis starts, answers, and is ended as failed soon after, each time; also the one that runs now."""
    text = "[Service]\nRuntimeMaxSec=400ms\n"
    lab.run("sh", "-c", f"mkdir -p $(dirname {CRASHES}); cat >{CRASHES}", input=text)
    lab.run("systemctl", "daemon-reload")
    try:
        yield
    finally:
        lab.run("rm", "-f", CRASHES)
        lab.run("systemctl", "daemon-reload")


def redis(lab: Lab) -> dict[str, Any]:
    view: dict[str, Any] = lab.get("/services")["redis"]
    return view


def kill_redis(lab: Lab) -> None:
    os.kill(lab.host_pid(lab.main_pid(REDIS)), signal.SIGKILL)


def newest(lab: Lab) -> int:
    rows = lab.get("/audit?limit=1")
    return int(rows[0]["seq"]) if rows else 0


def attempts(lab: Lab, since: int) -> list[dict[str, Any]]:
    """The attempts that began after a row of the trail, newest first."""
    rows = lab.get("/audit?service=redis&limit=500")
    return [r for r in rows if r["seq"] > since and (r["action"], r["phase"]) == ("auto-start", "requested")]


def test_a_killed_service_comes_back_by_itself(lab: Lab) -> None:
    with automatic(lab):
        before = newest(lab)
        run = redis(lab)["unit"]["invocation_id"]
        kill_redis(lab)
        eventually(lambda: redis(lab)["status"] == "up" and redis(lab)["unit"]["invocation_id"] != run)
        (row,) = eventually(lambda: attempts(lab, before))
        assert (row["actor"]["user"], row["actor"]["door"]) == ("incidentops", "agent")
        assert lab.get("/logs/redis")[-1].endswith(" | Auto-remediation completed")
        assert "redis: automatic recovery is running: attempt 1 of 3" in lab.journal("--since=-1min")


def test_a_hang_is_recovered_too(lab: Lab) -> None:
    with automatic(lab):
        before = newest(lab)
        os.kill(lab.host_pid(lab.main_pid(REDIS)), signal.SIGSTOP)
        # systemd kills what does not react to its SIGTERM, after the training mode's TimeoutStopSec.
        eventually(lambda: attempts(lab, before) and lab.states()["redis"] == "healthy", deadline=30)


def test_a_crash_loop_trips_the_breaker_which_outlives_the_agent(lab: Lab) -> None:
    with automatic(lab):
        before = newest(lab)
        with crash_looping(lab):
            eventually(lambda: redis(lab)["recovery"] == "auto (breaker open)", deadline=20)
            opened = redis(lab)["auto"]
            assert (opened["attempts"], opened["budget"]) == (BUDGET, BUDGET)
            assert opened["reason"].startswith(f"{BUDGET} attempts in 600 s did not keep it up")
            assert len(attempts(lab, before)) == BUDGET
            lab.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", AGENT)
            eventually(lambda: lab.get("/services")["redis"]["state"] == "failed")
            again = redis(lab)["auto"]
            assert again["state"] == "breaker-open"
            assert again["until"][:19] == opened["until"][:19] or abs(_ms(again) - _ms(opened)) < 1000
            assert len(attempts(lab, before)) == BUDGET
            # The trial comes by itself; it does not last, and the breaker stays open for longer.
            eventually(lambda: len(attempts(lab, before)) == BUDGET + 1, deadline=HALF_OPEN_AFTER + 5)
            eventually(lambda: redis(lab)["auto"]["state"] == "breaker-open")
            assert f"the breaker is open for {2 * HALF_OPEN_AFTER:g} s" in redis(lab)["auto"]["reason"]
        eventually(lambda: redis(lab)["recovery"] == "auto (half-open)", deadline=2 * HALF_OPEN_AFTER + 5)
        eventually(lambda: redis(lab)["recovery"] == "auto (idle)")
        assert lab.states()["redis"] == "healthy"
        assert len(attempts(lab, before)) == BUDGET + 2
        noted = [row["action"] for row in lab.get("/audit?service=redis&limit=500") if row["seq"] > before]
        notes = [action for action in reversed(noted) if action.startswith("breaker-")]
        assert notes == [
            "breaker-opened",
            "breaker-half-open",
            "breaker-opened",
            "breaker-half-open",
            "breaker-closed",
        ]


def _ms(auto: dict[str, Any]) -> int:
    """The milliseconds of the hour at which something ends."""
    text = auto["until"]
    return int(text[14:16]) * 60_000 + int(text[17:19]) * 1000 + int(text[20:23])


def test_an_operators_stop_is_left_alone(lab: Lab) -> None:
    with automatic(lab):
        before = newest(lab)
        lab.post("/stop/redis")
        assert "stopped it; it is left alone until somebody starts it" in redis(lab)["auto"]["reason"]
        lab.run("systemctl", "restart", AGENT)
        eventually(lambda: lab.states()["redis"] == "stopped")
        assert "stopped it; it is left alone until somebody starts it" in redis(lab)["auto"]["reason"]
        assert redis(lab)["recovery"] == "auto (idle)"
        assert attempts(lab, before) == []
        lab.post("/start/redis")
        kill_redis(lab)
        eventually(lambda: attempts(lab, before) and lab.states()["redis"] == "healthy")


def test_a_stop_behind_the_agents_back_is_left_alone(lab: Lab) -> None:
    with automatic(lab):
        before = newest(lab)
        lab.run("systemctl", "stop", REDIS)
        eventually(lambda: lab.states()["redis"] == "stopped")
        assert redis(lab)["auto"]["reason"] == "it did not die, so it is left alone: stopped"
        assert attempts(lab, before) == []


def test_maintenance_is_respected_also_by_the_next_agent(lab: Lab) -> None:
    with automatic(lab):
        before = newest(lab)
        lab.run("incidentops", "maintenance", "redis", "--for", "10m", "--reason", "new disk")
        assert redis(lab)["recovery"].startswith("maintenance until ")
        kill_redis(lab)
        eventually(lambda: lab.states()["redis"] == "failed")
        lab.run("systemctl", "restart", AGENT)
        eventually(lambda: lab.states()["redis"] == "failed")
        assert redis(lab)["maintenance"]["reason"] == "new disk"
        assert redis(lab)["auto"]["reason"] == "it is under maintenance: new disk"
        assert attempts(lab, before) == []
        assert 'incidentops_maintenance{service="redis"} 1.0' in lab.get("/metrics")
        lab.run("incidentops", "maintenance", "redis", "--end")
        eventually(lambda: lab.states()["redis"] == "healthy")
        assert len(attempts(lab, before)) == 1
