"""Automatic recovery is a pure state machine: what it decides, and what it never does whatever happens."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from incidentops_agent import policy
from incidentops_agent.model import AutoSettings, Health, State
from incidentops_agent.policy import Breaker, Deliberate, Facts, Note, Phase, Track

UP = Health(State.HEALTHY)
DEAD = Health(State.FAILED, "its main process was killed by SIGKILL")
HUNG = Health(State.UNRESPONSIVE, "active, but its probe fails: no answer")
STOPPED = Health(State.STOPPED, "stopped")
STARTING = Health(State.STARTING, "systemd is starting it")
PLAIN = AutoSettings(jitter=0.0)
SEED = "seed redis"

FINE = Facts(UP, invocation="a")
KILLED = Facts(DEAD, remedy="start", why=DEAD.reason, invocation="a")
HANGING = Facts(HUNG, remedy="restart", why=HUNG.reason, invocation="a")


@dataclass
class Play:
    """A service whose automatic recovery is played by hand: ``look`` decides, and an attempt that is to begin does."""

    settings: AutoSettings = PLAIN
    facts: Facts = FINE
    track: Track = field(default_factory=Track)
    now: float = 1000.0
    acts: list[float] = field(default_factory=list)
    trials: list[float] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def look(self, after: float = 0.0, **changes: Any) -> policy.Decision:
        self.now += after
        self.facts = replace(self.facts, **changes)
        self.track, decision = policy.decide(self.settings, self.track, self.facts, self.now, SEED)
        self.notes += decision.notes
        if decision.act:
            (self.trials if self.track.breaker is Breaker.HALF_OPEN else self.acts).append(self.now)
            self.track = policy.begun(self.track, self.now, decision.reason)
        return decision

    def over(self, after: float = 0.1, facts: Facts = KILLED) -> policy.Decision:
        """The attempt ends ``after`` seconds, and leaves these facts."""
        self.now += after
        self.facts = facts
        self.track = policy.ended(self.track, self.now)
        return self.look()

    def die(self, facts: Facts = KILLED) -> policy.Decision:
        self.facts = facts
        return self.look()

    def fail_until_open(self) -> policy.Decision:
        """A crash loop: every attempt fails at once, every wait is waited for."""
        decision = self.die()
        while decision.phase is not Phase.BREAKER_OPEN:
            if self.track.running:
                decision = self.over()
            else:
                assert decision.until is not None
                decision = self.look(decision.until - self.now)
        return decision


def test_a_death_is_answered_at_once_and_a_hang_after_its_debounce() -> None:
    play = Play()
    assert play.look().phase is Phase.IDLE
    decision = play.die()
    assert (decision.act, decision.phase) == (True, Phase.RUNNING)
    assert decision.reason == "attempt 1 of 5: its main process was killed by SIGKILL"
    hung = Play(facts=HANGING)
    decision = hung.look()
    assert (decision.act, decision.phase, decision.until) == (False, Phase.WAITING, 1002.0)
    assert decision.reason == "attempt 1 of 5 comes 2 s after it went down (debounce)"
    assert not hung.look(1.99).act
    assert hung.look(0.01).act


def test_the_pauses_double_up_to_a_bound_and_count_from_the_end_of_the_attempt() -> None:
    play = Play(AutoSettings(jitter=0.0, budget=9, backoff_most=8.0))
    play.die()
    pauses = []
    for _ in range(6):
        decision = play.over()
        assert decision.phase is Phase.WAITING
        assert decision.until is not None
        pauses.append(round(decision.until - play.now, 6))
        assert not play.look(pauses[-1] - 0.001).act
        assert play.look(0.001).act
    assert pauses == [1, 2, 4, 8, 8, 8]


def test_one_that_comes_up_and_dies_again_waits_from_its_death_on() -> None:
    play = Play()
    play.die()
    play.over(facts=FINE)
    assert play.look(20.0).phase is Phase.IDLE
    decision = play.die()
    assert (decision.act, decision.until) == (False, play.now + 1.0)


def test_the_jitter_stays_in_its_bounds_and_is_the_same_for_the_same_seed() -> None:
    drawn = [policy.draw("one", number) for number in range(500)]
    assert all(-1 <= luck <= 1 for luck in drawn)
    assert min(drawn) < -0.9 < 0.9 < max(drawn)
    assert drawn == [policy.draw("one", number) for number in range(500)]
    assert drawn != [policy.draw("two", number) for number in range(500)]
    spread = AutoSettings(jitter=10.0)
    assert policy.backoff(spread, 3, 1.0) == pytest.approx(4.4)
    assert policy.backoff(spread, 3, -1.0) == pytest.approx(3.6)
    assert policy.backoff(spread, 100_000, 0.0) == 60.0


def test_the_breaker_opens_when_the_budget_is_used_up_and_not_before() -> None:
    play = Play()
    decision = play.fail_until_open()
    assert len(play.acts) == 5
    assert play.notes == [Note.OPENED]
    assert decision.reason == "5 attempts in 600 s did not keep it up; the breaker is open for 300 s"
    assert decision.until == play.now + 300.0
    assert play.look(299.9).phase is Phase.BREAKER_OPEN
    assert len(play.acts) == 5


def test_a_half_open_breaker_lets_one_trial_through_and_closes_when_that_lasts() -> None:
    play = Play()
    play.fail_until_open()
    decision = play.look(300.0)
    assert (decision.act, decision.phase) == (True, Phase.HALF_OPEN)
    assert play.look(0.05).phase is Phase.HALF_OPEN
    decision = play.over(facts=FINE)
    assert (decision.phase, decision.until) == (Phase.HALF_OPEN, play.now + 30.0)
    assert play.look(29.5).phase is Phase.HALF_OPEN
    assert play.look(0.5).phase is Phase.IDLE
    assert play.notes == [Note.OPENED, Note.HALF_OPENED, Note.CLOSED]
    assert (len(play.acts), len(play.trials)) == (5, 1)
    assert play.die().act, "what was before does not count any more"


def test_a_trial_that_does_not_last_opens_it_for_longer_up_to_a_bound() -> None:
    play = Play(AutoSettings(jitter=0.0, half_open_most=1000.0))
    play.fail_until_open()
    waits = []
    for number in range(4):
        waits.append(play.track.wait)
        assert play.look(play.track.retry_at - play.now).act
        if number % 2:
            play.over()
        else:
            play.over(facts=FINE)
            play.look(29.0)
            play.die()
        assert play.track.breaker is Breaker.OPEN
    assert waits == [300.0, 600.0, 1000.0, 1000.0]
    assert len(play.trials) == 4
    assert len(play.acts) == 5


def test_an_open_breaker_closes_when_somebody_else_brought_it_up_and_it_stays_so() -> None:
    play = Play()
    play.fail_until_open()
    assert play.look(1.0, health=UP).phase is Phase.BREAKER_OPEN
    assert play.look(30.0).phase is Phase.IDLE
    assert play.notes == [Note.OPENED, Note.CLOSED]


def test_one_that_dies_each_time_after_it_was_stable_still_has_a_budget() -> None:
    play = Play()
    for _ in range(5):
        assert play.die().act, "no backoff: it had been up for long enough"
        play.over(facts=FINE)
        play.look(40.0)
    decision = play.look()
    assert decision.reason == "it is up; the budget of 5 is used up, so that its next death opens the breaker"
    assert decision.until == play.acts[0] + 600.0
    assert play.die().phase is Phase.BREAKER_OPEN


def test_the_budget_has_room_again_when_an_attempt_is_old_enough() -> None:
    play = Play()
    for _ in range(5):
        play.die()
        play.over(facts=FINE)
        play.look(40.0)
    assert play.look(play.acts[0] + 600.0 - play.now).reason == "it is up"
    assert play.die().act


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"automatic": False}, "recovery is by hand"),
        ({"maintenance": "new disk"}, "it is under maintenance: new disk"),
        ({"busy": "jane's stop"}, "jane's stop is under way"),
        ({"health": STOPPED}, "it did not die, so it is left alone: stopped"),
        ({"health": STARTING}, "systemd is starting it"),
        ({"health": Health(State.UNKNOWN, "systemd has not answered yet")}, "systemd does not answer"),
        ({"answering": False}, "systemd does not answer"),
        ({"remedy": "skip", "why": "redis.service is masked"}, "redis.service is masked"),
        ({"health": HUNG, "restarts_itself": True}, "systemd restarts it by itself (Restart= of its unit)"),
        ({"restart_due": True}, "systemd restarts it by itself (Restart= of its unit)"),
    ],
)
def test_what_is_left_alone(changes: dict[str, Any], reason: str) -> None:
    play = Play(facts=KILLED)
    decision = play.look(**changes)
    assert (decision.act, decision.phase, decision.reason, decision.until) == (False, Phase.IDLE, reason, None)
    assert not play.look(10_000.0).act


def test_when_the_hindrance_is_gone_the_debounce_begins_anew() -> None:
    play = Play(facts=HANGING)
    play.look(maintenance="new disk")
    decision = play.look(100.0, maintenance="")
    assert (decision.act, decision.until) == (False, play.now + 2.0)


def test_it_waits_for_what_it_needs() -> None:
    play = Play(facts=KILLED)
    decision = play.look(dependencies_down=("postgres", "redis"))
    assert (decision.act, decision.phase, decision.until) == (False, Phase.WAITING, None)
    assert decision.reason == "waits for postgres, redis, which it needs"
    assert play.look(50.0, dependencies_down=()).act


def test_a_unit_that_systemd_has_given_up_is_brought_back_within_the_budget() -> None:
    play = Play(facts=replace(KILLED, restarts_itself=True))
    assert play.look().until == play.now + policy.SELF_GRACE
    assert play.look(policy.SELF_GRACE).act


def test_an_operators_stop_holds_until_somebody_starts_it() -> None:
    play = Play(track=Track(deliberate=Deliberate("jane", "a")))
    play.look(health=UP, busy="jane's stop")
    assert play.track.deliberate is not None, "it was up only because the stop was not over"
    decision = play.look(busy="", **vars_of(KILLED))
    assert decision.reason == "jane stopped it; it is left alone until somebody starts it"
    assert not play.look(100_000.0).act
    assert play.look(invocation="b").act, "it died in another run: somebody had started it"
    play = Play(track=Track(deliberate=Deliberate("jane", "a")))
    play.look()
    assert play.die().act


def vars_of(facts: Facts) -> dict[str, Any]:
    return {"health": facts.health, "remedy": facts.remedy, "why": facts.why, "invocation": facts.invocation}


def test_an_operator_who_sets_the_mode_arms_it_anew() -> None:
    play = Play()
    play.fail_until_open()
    play.track = policy.armed_anew(play.track)
    assert play.look().act


# -- whatever happens

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pass"), st.floats(0.0, 400.0)),
        st.tuples(st.sampled_from(["up", "die", "hang", "over-up", "over-down"]), st.just(0.0)),
        st.tuples(st.sampled_from(["stop", "started", "maintenance", "busy", "needs", "mode"]), st.booleans()),
    ),
    max_size=60,
)
SETTINGS = st.builds(
    AutoSettings,
    debounce=st.floats(0.0, 3.0),
    backoff=st.floats(0.1, 5.0),
    backoff_most=st.floats(5.0, 60.0),
    jitter=st.floats(0.0, 50.0),
    budget=st.integers(1, 6),
    window=st.floats(10.0, 1000.0),
    half_open_after=st.floats(1.0, 500.0),
    half_open_most=st.floats(500.0, 4000.0),
    stable=st.floats(1.0, 60.0),
)


def step(play: Play, what: str, value: float | bool) -> None:
    states = {"up": FINE, "die": KILLED, "hang": HANGING}
    if what == "pass":
        play.now += value
    elif what in states:
        play.facts = replace(play.facts, **vars_of(states[what]))
    elif what.startswith("over-") and play.track.running:
        play.facts = replace(play.facts, **vars_of(FINE if what == "over-up" else KILLED))
        play.track = policy.ended(play.track, play.now)
    elif what == "stop":
        play.facts = replace(play.facts, **vars_of(KILLED))
        play.track = replace(play.track, deliberate=Deliberate("jane", "a"))
    elif what == "maintenance":
        play.facts = replace(play.facts, maintenance="new disk" if value else "")
    elif what == "busy":
        play.facts = replace(play.facts, busy="jane's start" if value else "")
    elif what == "needs":
        play.facts = replace(play.facts, dependencies_down=("postgres",) if value else ())
    elif what == "mode":
        play.facts = replace(play.facts, automatic=bool(value))


@given(SETTINGS, STEPS)
@settings(max_examples=400)
def test_whatever_happens(given_settings: AutoSettings, steps: list[tuple[str, float | bool]]) -> None:
    play, again = Play(given_settings), Play(given_settings)
    closed_at: list[float] = []
    for what, value in steps:
        before = len(play.acts) + len(play.trials)
        step(play, what, value)
        was_deliberate = play.track.deliberate is not None and not play.facts.health.up
        was_running = play.track.running
        decision = play.look()
        if len(play.acts) + len(play.trials) > before:
            assert (play.facts.maintenance, play.facts.busy, play.facts.dependencies_down) == ("", "", ())
            assert play.facts.automatic
            assert not was_deliberate
            assert not was_running, "one attempt at a time"
            assert not play.facts.health.up, "what is healthy is never touched"
        if Note.CLOSED in decision.notes:
            closed_at.append(play.now)
        if decision.until is not None:
            assert decision.until >= play.now
        if decision.phase is Phase.WAITING and decision.until is not None:
            longest = max(given_settings.backoff_most * (1 + given_settings.jitter / 100), 3.0)
            assert decision.until - play.now <= longest + 1e-6
        step(again, what, value)
        assert again.look() == decision, "the same input gives the same decision"
    for at in play.acts:
        later = [one for one in play.acts if at <= one < at + given_settings.window]
        closings = [one for one in closed_at if at <= one < at + given_settings.window]
        if not closings:
            assert len(later) <= given_settings.budget
    for earlier, later_trial in zip(play.trials, play.trials[1:], strict=False):
        assert later_trial - earlier >= given_settings.half_open_after - 1e-6


@given(SETTINGS, st.floats(0.0, 2.0))
def test_a_crash_loop_opens_the_breaker_exactly_at_the_budget(given_settings: AutoSettings, lasts: float) -> None:
    """However long each run lasts, as long as none is stable and the attempts stay within one window."""
    play = Play(replace(given_settings, window=1e6, stable=10.0))
    decision = play.die()
    for _ in range(100):
        if decision.phase is Phase.BREAKER_OPEN:
            break
        if play.track.running:
            play.over(facts=FINE)
            play.look(lasts)
            decision = play.die()
        else:
            assert decision.until is not None
            decision = play.look(max(decision.until - play.now, 0.0))
    assert len(play.acts) == given_settings.budget
    assert play.notes == [Note.OPENED]
    assert play.trials == []
