"""What automatic recovery remembers across restarts comes from the audit trail, and no clock can stretch it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import policy, recall
from incidentops_agent.access import agent_actor
from incidentops_agent.model import AuditRow, AutoSettings, Health, State
from incidentops_agent.policy import Breaker, Deliberate, Facts, Note, Phase, Track
from samples import NOW, ROOT

CLOCK = 5000.0
DEAD = Facts(Health(State.FAILED, "killed"), remedy="start", why="killed", invocation="a")


def row(action: str, ago: float, phase: str = "noted", **more: Any) -> AuditRow:
    return AuditRow("1", phase, NOW - ago, action, "redis", ROOT, **more)


def attempt(ago: float, failures: int) -> AuditRow:
    return replace(row("auto-start", ago, "requested", detail={"failures": failures}), actor=agent_actor())


def test_nothing_comes_of_nothing() -> None:
    memory = recall.recall([], NOW, CLOCK)
    assert (memory.tracks, memory.modes, memory.maintenance) == ({}, {}, {})


def test_attempts_count_from_when_they_were_made() -> None:
    rows = [attempt(100, 1), row("auto-start", 99, "finished"), attempt(60, 2)]
    track = recall.recall(rows, NOW, CLOCK).tracks["redis"]
    assert (track.attempts, track.failures, track.drawn) == ((CLOCK - 100, CLOCK - 60), 2, 2)


def test_an_open_breaker_stays_open_for_what_is_left() -> None:
    opened = row(Note.OPENED, 100, detail={"wait_seconds": 300.0, "trips": 2, "why": "5 attempts in 600 s"})
    track = recall.recall([attempt(101, 5), opened], NOW, CLOCK).tracks["redis"]
    assert (track.breaker, track.trips, track.retry_at) == (Breaker.OPEN, 2, CLOCK + 200)
    _, decision = policy.decide(AutoSettings(), track, DEAD, CLOCK, "")
    assert decision.reason == "5 attempts in 600 s; the breaker is open for 300 s"


def test_a_trial_that_the_agent_did_not_survive_has_failed_unless_it_is_up() -> None:
    rows = [
        row(Note.OPENED, 400, detail={"wait_seconds": 300.0, "trips": 1}),
        row(Note.HALF_OPENED, 100),
        attempt(99, 6),
    ]
    track = recall.recall(rows, NOW, CLOCK).tracks["redis"]
    assert (track.breaker, track.attempts) == (Breaker.HALF_OPEN, ())
    again, decision = policy.decide(AutoSettings(), track, DEAD, CLOCK, "")
    assert (decision.phase, again.wait) == (Phase.BREAKER_OPEN, 600.0)
    up = replace(DEAD, health=Health(State.HEALTHY))
    assert policy.decide(AutoSettings(), track, up, CLOCK, "")[1].phase is Phase.HALF_OPEN
    closed = recall.recall([*rows, row(Note.CLOSED, 10)], NOW, CLOCK).tracks["redis"]
    assert closed == Track(drawn=1)


def test_operators_stops_and_starts() -> None:
    stop = row("stop", 10, "requested")
    done = row("stop", 9, "finished", invocation_id="a")
    assert recall.recall([stop], NOW, CLOCK).tracks["redis"].deliberate == Deliberate("root")
    assert recall.recall([stop, done], NOW, CLOCK).tracks["redis"].deliberate == Deliberate("root", "a")
    for action in recall.STARTS:
        rows = [stop, done, row(action, 8, "requested")]
        assert recall.recall(rows, NOW, CLOCK).tracks["redis"].deliberate is None


def test_modes_and_maintenance_with_their_ends() -> None:
    mode = row("recovery-set", 100, detail={"mode": "auto", "seconds": 3600})
    window = row("maintenance-begun", 50, reason="new disk", detail={"seconds": 60.0})
    memory = recall.recall([attempt(200, 1), mode, window], NOW, CLOCK)
    assert memory.modes == {"redis": recall.Span("auto", "root", CLOCK + 3500)}
    assert memory.maintenance == {"redis": recall.Span("new disk", "root", CLOCK + 10)}
    assert memory.tracks["redis"].attempts == (), "setting the mode arms it anew"
    over = [row("recovery-reset", 1), row("maintenance-ended", 1)]
    memory = recall.recall([mode, window, *over], NOW, CLOCK)
    assert (memory.modes, memory.maintenance) == ({}, {})


@given(st.floats(-1e9, 1e9), st.sampled_from(["nothing", None, True, [1]]))
def test_no_clock_and_no_odd_row_stretches_a_wait(ago: float, odd: Any) -> None:
    rows = [
        row(Note.OPENED, ago, detail={"wait_seconds": 300.0, "trips": 1}),
        row("maintenance-begun", ago, reason="x", detail={"seconds": 60}),
        attempt(ago, 1),
    ]
    memory = recall.recall(rows, NOW, CLOCK)
    assert CLOCK <= memory.tracks["redis"].retry_at <= CLOCK + 300
    assert CLOCK <= memory.maintenance["redis"].ends <= CLOCK + 60
    assert all(at <= CLOCK for at in memory.tracks["redis"].attempts)
    strange = [row(action, ago, detail={"seconds": odd, "wait_seconds": odd}) for action in recall.ACTIONS]
    recall.recall(strange, NOW, CLOCK)
