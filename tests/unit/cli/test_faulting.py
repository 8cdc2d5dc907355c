"""fault: what it asks for, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import FakeAgent, Run

FAULT = {
    "id": "7371a2ede5fe",
    "kind": "hang",
    "service": "redis",
    "phase": "active",
    "failure": "",
    "requested_by": "jane",
    "until": "2026-11-25T12:03:11.000Z",
    "remaining_seconds": 42.4,
}
CATALOGUE = {
    "duration": {"default": 60.0, "low": 1, "high": 3600, "most": 86400},
    "kinds": [
        {
            "kind": "kill",
            "title": "Kill",
            "summary": "Processes of the unit are killed.",
            "needs": "",
            "parameters": [
                {"name": "signal", "type": "choice", "choices": ["KILL", "TERM"], "default": "KILL", "help": "Which."},
                {
                    "name": "every",
                    "type": "number",
                    "low": 0,
                    "high": 60,
                    "unit": "s",
                    "default": 0,
                    "help": "How often.",
                },
            ],
            "services": [
                {"service": "redis", "available": True, "reason": ""},
                {"service": "worker", "available": False, "reason": "it is not active"},
            ],
        }
    ],
}
PREVIEW = {
    "kind": "hang",
    "service": "redis",
    "duration_seconds": 30.0,
    "preview": ["The 5 processes of redis-server.service stand still."],
    "available": True,
    "reason": "",
}


def answer(**more: Any) -> dict[str, Any]:
    made = {"service": "redis", "state": "unresponsive", "outcome": "ok", "reason": "hang of redis is in effect"}
    return {**made, "recorded": True, "fault": FAULT, "duration_seconds": 0.4, **more}


def test_what_is_injected(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/faults", [], [FAULT, {**FAULT, "phase": "undo-failed", "failure": "redis does not start"}])
    assert run("fault").out == "no fault is injected\n"
    lines = run("fault", "list").out.splitlines()
    assert lines[1].split() == ["7371a2ede5fe", "hang", "redis", "active", "42", "s", "jane"]
    assert lines[3] == "7371a2ede5fe: redis does not start"


def test_the_catalogue(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/faults/catalogue", CATALOGUE)
    assert run("fault", "catalogue").out.splitlines()[1] == "kill   redis        Processes of the unit are killed."
    assert run("fault", "catalogue", "kill").out.splitlines() == [
        "kill: Processes of the unit are killed.",
        "  • signal (choice, one of KILL, TERM; default KILL): Which.",
        "  • every (number, 0 to 60 s; default 0): How often.",
        "  redis: available",
        "  worker: unavailable here because it is not active",
    ]
    wrong = run("fault", "catalogue", "explode")
    assert (wrong.code, wrong.err) == (2, "incidentops: cannot find a kind of fault 'explode'; known: kill\n")


def test_a_preview(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/faults/preview", PREVIEW, {**PREVIEW, "available": False, "reason": "it is not active"})
    result = run("fault", "preview", "hang", "redis", "--for", "30s")
    assert (result.code, result.out.splitlines()) == (
        0,
        ["hang of redis, undone after 30 s:", "  The 5 processes of redis-server.service stand still."],
    )
    result = run("fault", "preview", "hang", "redis")
    assert (result.code, result.out) == (1, "hang of redis is unavailable here because it is not active\n")
    assert agent.bodies == [
        {"kind": "hang", "service": "redis", "duration": 30.0},
        {"kind": "hang", "service": "redis"},
    ]


def test_one_is_injected_with_its_parameters(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/faults", answer())
    result = run(
        "fault", "inject", "kill", "redis", "-p", "signal=TERM", "-p", "every=2.5", "-p", "name=a=b", "-p", "x=["
    )
    assert result.code == 0
    first, second = result.out.splitlines()
    assert first.startswith("▲ redis: hang of redis is in effect, undone by itself at ")
    assert second == "  incidentops fault revert 7371a2ede5fe"
    assert agent.bodies[0]["parameters"] == {"signal": "TERM", "every": 2.5, "name": "a=b", "x": "["}
    assert all(headers.get("Idempotency-Key") for _, _, headers in agent.requests)
    assert run("fault", "inject", "kill", "redis", "-p", "signal").code == 2


@pytest.mark.parametrize(("status", "code"), [(400, 2), (409, 1), (503, 1), (403, 4)])
def test_a_refusal_is_told(agent: FakeAgent, run: Run, status: int, code: int) -> None:
    agent.on("POST", "/faults", {"kind": "any", "message": "cannot inject it"}, status=status)
    result = run("fault", "inject", "hang", "redis")
    assert "cannot inject it" in result.err
    assert result.code == code


def test_faults_are_reverted_by_id_and_by_service(agent: FakeAgent, run: Run) -> None:
    over = {**FAULT, "id": "0123456789ab", "phase": "recovered"}
    agent.on("GET", "/faults", [FAULT])
    agent.on("DELETE", "/faults/7371a2ede5fe", answer(state="healthy"))
    agent.on("DELETE", "/faults/0123456789ab", answer(state="healthy", outcome="unchanged", fault=over))
    result = run("fault", "revert", "redis", "0123456789ab")
    assert result.out.splitlines() == [
        "● redis: hang 7371a2ede5fe undone after 400 ms",
        "● redis: hang 0123456789ab was over already",
    ]


def test_panic(agent: FakeAgent, run: Run) -> None:
    done = {"status": "completed", "steps": [answer(state="healthy")], "message": ""}
    agent.on("POST", "/faults/panic", done, {"status": "completed", "steps": [], "message": "No fault is injected."})
    assert run("fault", "panic").out.splitlines() == [
        "● redis: hang 7371a2ede5fe undone after 400 ms",
        "nothing is injected any more",
    ]
    assert run("fault", "panic").out == "No fault is injected.\n"
