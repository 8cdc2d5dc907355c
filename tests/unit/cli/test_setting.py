"""maintenance and recovery: what they ask for, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import FakeAgent, Run

AUTO = {
    "state": "waiting",
    "until": "2026-11-25T12:03:11.000Z",
    "attempts": 2,
    "budget": 5,
    "window_seconds": 600.0,
    "since": "2026-11-25T12:03:03.000Z",
    "reason": "attempt 3 of 5 comes 2.1 s after it went down (backoff after 2 in a row)",
}
WINDOW = {"until": "2026-11-25T12:30:00.000Z", "reason": "new disk", "user": "jane"}


def answer(**more: Any) -> dict[str, Any]:
    made = {"service": "redis", "outcome": "ok", "reason": "", "recovery": "manual", "auto": None, "maintenance": None}
    return {**made, "recorded": True, **more}


def test_maintenance_is_begun_with_a_reason(agent: FakeAgent, run: Run) -> None:
    said = answer(recovery="maintenance until 12:30:00Z", maintenance=WINDOW)
    agent.on("POST", "/maintenance/redis", said)
    result = run("maintenance", "redis", "--for", "2h", "--reason", "new disk")
    assert result.code == 0
    first, second = result.out.splitlines()
    assert first == "redis: recovery is maintenance until 12:30:00Z"
    assert second.startswith("  under maintenance by jane until ")
    assert second.endswith(": new disk")
    run("maintenance", "redis", "--reason", "again")
    assert agent.bodies == [{"seconds": 7200.0, "reason": "new disk"}, {"seconds": 1800.0, "reason": "again"}]
    assert all(headers.get("Idempotency-Key") for _, _, headers in agent.requests)


def test_maintenance_is_ended(agent: FakeAgent, run: Run) -> None:
    agent.on("DELETE", "/maintenance/redis", answer(reason="it is not under maintenance", outcome="unchanged"))
    result = run("maintenance", "redis", "--end")
    assert (result.code, result.out) == (0, "redis: recovery is manual (it is not under maintenance)\n")
    assert agent.asked() == ["DELETE /maintenance/redis"]


def test_the_mode_is_set_and_reset(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/recovery/redis", answer(recovery="auto (waiting 8 s)", auto=AUTO))
    result = run("recovery", "redis", "auto", "--for", "90")
    first, second, third = result.out.splitlines()
    assert first == "redis: recovery is auto (waiting 8 s)"
    assert second.startswith("  waiting until ")
    assert second.endswith(": attempt 3 of 5 comes 2.1 s after it went down (backoff after 2 in a row)")
    assert third == "  2 of 5 attempts used in the last 10 min"
    run("recovery", "redis", "manual")
    assert agent.bodies == [{"mode": "auto", "seconds": 90.0}, {"mode": "manual"}]
    agent.on("DELETE", "/recovery/redis", answer())
    assert run("recovery", "redis", "reset").out == "redis: recovery is manual\n"


@pytest.mark.parametrize("word", ["maintenance", "recovery"])
def test_nothing_said_shows_what_is_in_force(agent: FakeAgent, run: Run, word: str) -> None:
    agent.on("GET", "/services/redis", {**answer(recovery="auto (idle)"), "reason": "answers", "state": "healthy"})
    assert run(word, "redis").out == "redis: recovery is auto (idle)\n"
    assert agent.asked() == ["GET /services/redis"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["maintenance", "redis", "--end", "--reason", "x"], "cannot use --end together with --for or --reason"),
        (["maintenance", "redis", "--for", "5m"], "cannot begin maintenance without a reason"),
        (["maintenance", "redis", "--reason", "x", "--for", "8d"], "'8d' is no time from 1s to 7d"),
        (["fault", "inject", "stop", "redis", "--for", "2d"], "'2d' is no time from 1s to 1d"),
        (["status", "--timeout", "0"], "'0' is no number of seconds above 0, at most 86400"),
        (["recovery", "redis", "--for", "1h"], "cannot use --for without auto or manual"),
        (["recovery", "redis", "reset", "--for", "1h"], "cannot use --for without auto or manual"),
        (["recovery", "redis", "magic"], "invalid choice: 'magic'"),
    ],
)
def test_wrong_usage_asks_for_nothing(agent: FakeAgent, run: Run, words: list[str], sentence: str) -> None:
    result = run(*words)
    assert result.code == 2
    assert sentence in result.err
    assert agent.requests == []
