"""chaos: what it asks for, and what it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from incidentops_agent.cli.terminal import Style
from incidentops_agent.cli.watching import Story

if TYPE_CHECKING:
    from .conftest import FakeAgent, Run

SETTINGS = {
    "seed": 42,
    "seconds": 600.0,
    "interval": 60.0,
    "concurrency": 1,
    "pause_on_incident": True,
    "quiet": ["22:00-06:00"],
}
STEPS = [
    {"number": 1, "at_seconds": 68.4, "kind": "hang", "service": "postgres", "duration_seconds": 30.0},
    {"number": 2, "at_seconds": 3700.2, "kind": "stop", "service": "redis", "duration_seconds": 30.0},
]
PLAN = {"settings": SETTINGS, "steps": STEPS, "message": ""}
ABOUT = (
    "seed 42, for 10:00, a fault each 1:00 on average, at most 1 at a time, none while an incident is open,"
    " none at 22:00-06:00"
)


def run_of(**more: Any) -> dict[str, Any]:
    records = [
        {**STEPS[0], "outcome": "skipped", "reason": "it is quiet time"},
        {**STEPS[1], "outcome": "injected", "reason": ""},
    ]
    about = {"run": "0a1b2c3d", "settings": SETTINGS, "ended": None, "ended_by": "", "left": {}, "recorded": True}
    until = "2026-01-25T12:03:11.000Z"
    return {"status": "armed", **about, "until": until, "next": STEPS[1], "steps": records, **more}


def test_the_status_is_shown(agent: FakeAgent, run: Run) -> None:
    ended = run_of(status="idle", ended="2026-01-25T12:00:00Z", ended_by="time", next=None, left={"0a": "stuck"})
    agent.on("GET", "/chaos", {"status": "idle", "run": None}, run_of(), ended)
    assert run("chaos").out == "the chaos service is idle, and was not armed since it was started\n"
    first, *lines = run("chaos", "status").out.splitlines()
    assert first.startswith("armed until 2026-01-25")
    assert first.endswith(ABOUT)
    assert [line.split() for line in lines] == [
        ["STEP", "AFTER", "FOR", "SERVICE", "FAULT", "OUTCOME"],
        ["1", "1:08", "30", "s", "postgres", "hang", "skipped", "(it", "is", "quiet", "time)"],
        ["2", "1:01:40", "30", "s", "redis", "stop", "injected"],
        ["next:", "stop", "of", "redis", "after", "1:01:40"],
    ]
    first, *lines = run("chaos").out.splitlines()
    assert "idle; the last run ended at" in first
    assert lines[-1] == "not undone yet: 0a: stuck"


def test_a_plan_is_asked_for_with_what_was_given_alone(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/chaos/plan", PLAN, {**PLAN, "steps": [], "message": "No fault would begin within the 60 s."})
    lines = run(
        *("chaos", "plan", "--seed", "42", "--for", "10m", "--interval", "5s", "--jitter", "0.2", "--duration", "3"),
        *("--concurrency", "2", "--kinds", "hang,stop", "--services", "redis", "--quiet", "22:00-06:00,12:00-13:00"),
        "--pause-on-incident",
    ).out.splitlines()
    assert (lines[0], lines[-1]) == (ABOUT, "2 faults; what is not possible at its time is skipped")
    assert lines[2].split() == ["1", "1:08", "30", "s", "postgres", "hang"]
    assert agent.bodies[-1] == {
        "seed": 42,
        "seconds": 600.0,
        "interval": 5.0,
        "jitter": 0.2,
        "duration": 3.0,
        "concurrency": 2,
        "pause_on_incident": True,
        "kinds": ["hang", "stop"],
        "services": ["redis"],
        "quiet": ["22:00-06:00", "12:00-13:00"],
    }
    assert run("chaos", "plan").out.splitlines()[-1] == "No fault would begin within the 60 s."
    assert agent.bodies[-1] == {}


def test_it_is_armed_and_disarmed(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/chaos/arm", run_of(steps=[]))
    agent.on("POST", "/chaos/disarm", run_of(status="idle", ended="2026-01-25T12:00:00Z", ended_by="disarm", next=None))
    assert run("chaos", "arm", "--seed", "42").out.startswith("armed until")
    assert agent.bodies[-1] == {"seed": 42}
    assert json.loads(run("--json", "chaos", "disarm").out)["status"] == "idle"


def test_a_refusal_is_passed_on(agent: FakeAgent, run: Run) -> None:
    sentence = "cannot reach the chaos service: Connection refused; see incidentops status chaos"
    agent.on("POST", "/chaos/arm", {"kind": "chaos-unreachable", "message": sentence}, status=503)
    result = run("chaos", "arm")
    assert (result.code, result.err) == (1, f"incidentops: {sentence}\n")
    assert run("chaos", "plan", "--seed", "x").code == 2


def test_events_tell_of_runs() -> None:
    now = datetime(2026, 1, 25, 12, 0, tzinfo=UTC)
    story = Story(Style())
    armed = {"status": "armed", "run": "0a1b2c3d", "until": "2026-01-25T12:03:11Z", "ended_by": ""}
    assert story.lines("chaos", armed, now) == ["12:00:00 ◐ chaos run: armed until 12:03:11"]
    ended = {**armed, "status": "idle", "ended_by": "time"}
    assert story.lines("chaos", ended, now) == ["12:00:00 ● chaos run: idle, ended by time"]
