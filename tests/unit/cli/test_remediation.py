"""remediate: what it asks for, and what it says."""

from __future__ import annotations

import io
import json

import pytest
from incidentops_agent.cli import acting
from incidentops_agent.cli.client import Client, Endpoint
from incidentops_agent.cli.terminal import Progress

from .conftest import HERE, FakeAgent, Run, answer_file


def test_remediation(agent: FakeAgent, run: Run) -> None:
    steps = [{"service": "redis", "action": "start", "outcome": "ok", "reason": ""}]
    agent.on("POST", "/remediate", {"status": "completed", "steps": steps, "recorded": True})
    result = run("remediate")
    assert (result.code, result.err) == (0, "")
    assert result.out == "The following services were restarted successfully:\n  • redis\n"


def test_a_partial_remediation_has_failed(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/remediate", answer_file("remediate.json"))
    assert run("remediate").code == 1
    result = run("remediate", "--json")
    assert (result.code, json.loads(result.out)) == (1, answer_file("remediate.json"))


PLAN = json.loads((HERE.parents[1] / "golden" / "plan.json").read_text())


def test_the_plan(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/remediate/plan", PLAN)
    result = run("remediate", "--plan")
    assert (result.code, result.err) == (0, "")
    assert result.out == (HERE / "golden" / "plan.txt").read_text()
    assert json.loads(run("remediate", "--plan", "--json").out) == PLAN
    assert agent.asked() == ["GET /remediate/plan"] * 2, "nothing is done"


def test_no_plan_is_needed(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/remediate/plan", {"plan": "0" * 16, "steps": [], "message": "No services required remediation."})
    assert run("remediate", "--plan").out == "No services required remediation.\n"


def test_exactly_a_plan(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/remediate", {"status": "completed", "steps": [], "recorded": True})
    assert run("remediate", "--plan-id", "0123456789abcdef").code == 0
    assert agent.bodies == [{"plan": "0123456789abcdef"}]


def test_what_is_at_work_is_shown_on_a_terminal(agent: FakeAgent) -> None:
    redis = {"state": "starting", "busy": {"action": "remediate"}}
    agent.on("GET", "/services", {"redis": redis, "worker": {"state": "failed", "busy": None}})
    client = Client(Endpoint(str(agent.path)), 5)
    assert acting._at_work(client) == "redis (starting)"
    stream = io.StringIO()
    stream.isatty = lambda: True  # type: ignore[method-assign]
    progress = Progress("Remediating", stream, lambda: acting._at_work(client))
    progress.tick(3)
    assert stream.getvalue() == "\rRemediating redis (starting) ... 3 s\x1b[K"
    progress = Progress("Remediating", stream, lambda: "x" * 300)
    progress.tick(4)
    assert len(stream.getvalue().rpartition("\r")[2]) < 85
    agent.on("GET", "/services", {"kind": "internal", "message": "cannot"}, status=500)
    assert acting._at_work(client) == "", "it is only a look"


def test_a_plan_that_has_changed(agent: FakeAgent, run: Run) -> None:
    changed = json.loads((HERE.parents[1] / "golden" / "plan-changed.json").read_text())
    agent.on("POST", "/remediate", changed, status=409)
    result = run("remediate", "--plan-id", "0123456789abcdef")
    assert result.code == 1
    assert "postgres: nothing -> thaw (frozen)" in result.err


@pytest.mark.parametrize("wrong", [("--plan-id", "x"), ("--plan", "--plan-id", "0" * 16), ("--plan-id",)])
def test_what_is_no_plans_id(agent: FakeAgent, run: Run, wrong: tuple[str, ...]) -> None:
    assert run("remediate", *wrong).code == 2
    assert agent.asked() == []
