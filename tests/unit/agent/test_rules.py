"""A service's state is a pure function of what systemd, the probe and the kernel say; so is the order of repair."""

from __future__ import annotations

import itertools
import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import rules
from incidentops_agent.model import Health, ProbeOutcome, ProbeView, State, UnitView
from samples import ANSWERED, NOT_ASKED, NOW, active, catalogue_of, failed, probed, spec, stopped

FAILED_ONCE = probed(ProbeOutcome.FAILED, "no answer within 1 s", failures=1)
FAILED_TWICE = probed(ProbeOutcome.FAILED, "no answer within 1 s", failures=2)
NEVER_OK = probed(ProbeOutcome.FAILED, "refused", failures=7, ever_ok=False)
REFUSED = probed(ProbeOutcome.UNAVAILABLE, "the login is refused")
JUST_ACTIVE = int((NOW - rules.START_GRACE + 1) * 1e6)
LONG_ACTIVE = int((NOW - rules.START_GRACE - 1) * 1e6)
ACTIVATING = {"active_state": "activating", "sub_state": "start"}
RESTARTING = {"active_state": "activating", "sub_state": "auto-restart"}
NOT_THERE = UnitView("redis.service")
FROZEN = active(freezer_state="frozen")
UNMET = stopped(condition_usec=1, condition_result=False)

# What systemd says, what the probe says, and the verdict: state and a part of the reason.
TABLE = [
    (None, NOT_ASKED, State.UNKNOWN, "systemd has not answered yet"),
    (active(), ANSWERED, State.HEALTHY, ""),
    (active(), FAILED_ONCE, State.HEALTHY, "one probe failed: no answer within 1 s"),
    (active(), FAILED_TWICE, State.UNRESPONSIVE, "active, but its probe fails: no answer within 1 s"),
    (active(), REFUSED, State.HEALTHY, "not probed: the login is refused"),
    (active(), NOT_ASKED, State.STARTING, "its first answer to the probe is awaited"),
    (active(active_enter_usec=JUST_ACTIVE), NEVER_OK, State.STARTING, "its first answer to the probe is awaited"),
    (active(active_enter_usec=LONG_ACTIVE), NEVER_OK, State.UNRESPONSIVE, "its probe fails: refused"),
    (active(active_enter_usec=JUST_ACTIVE), FAILED_TWICE, State.UNRESPONSIVE, "its probe fails"),
    (active(active_state="reloading"), ANSWERED, State.HEALTHY, ""),
    (active(active_state="refreshing"), ANSWERED, State.HEALTHY, ""),
    (FROZEN, ANSWERED, State.UNRESPONSIVE, "its processes are frozen"),
    (active(freezer_state="freezing"), ANSWERED, State.UNRESPONSIVE, "its processes are frozen"),
    (active(**ACTIVATING), NOT_ASKED, State.STARTING, "systemd is starting it"),
    (active(**ACTIVATING), FAILED_TWICE, State.STARTING, "systemd is starting it"),
    (active(**ACTIVATING), ANSWERED, State.HEALTHY, "answers its probe; systemd still calls it activating"),
    (failed(**RESTARTING), NOT_ASKED, State.STARTING, "restarts it by itself; its main process was killed by SIGKILL"),
    (failed(**RESTARTING), ANSWERED, State.STARTING, "restarts it by itself"),
    (stopped(**RESTARTING), NOT_ASKED, State.STARTING, "systemd restarts it by itself"),
    (active(active_state="deactivating"), ANSWERED, State.STOPPING, "systemd is stopping it"),
    (stopped(), NOT_ASKED, State.STOPPED, "stopped"),
    (stopped(load_state="masked"), NOT_ASKED, State.STOPPED, "redis.service is masked"),
    (NOT_THERE, NOT_ASKED, State.NOT_INSTALLED, "there is no unit redis.service"),
    (stopped(load_state="bad-setting"), NOT_ASKED, State.FAILED, "can't be loaded (bad-setting)"),
    (stopped(load_state="error"), NOT_ASKED, State.FAILED, "can't be loaded (error)"),
    (UNMET, NOT_ASKED, State.STOPPED, "a condition of its unit was not met"),
    (failed(), NOT_ASKED, State.FAILED, "its main process was killed by SIGKILL"),
    (active(active_state="maintenance"), ANSWERED, State.UNKNOWN, "systemd calls it 'maintenance'"),
]


@pytest.mark.parametrize(("unit", "probe", "state", "reason"), TABLE)
def test_the_state_table(unit: UnitView | None, probe: ProbeView, state: State, reason: str) -> None:
    found = rules.health(spec(), unit, probe, False, NOW)
    assert found.state is state
    assert reason in found.reason if reason else found.reason == ""
    assert found.up == (state is State.HEALTHY)
    assert found.status == ("up" if found.up else "down")


def test_every_state_is_in_the_table() -> None:
    assert {state for _, _, state, _ in TABLE} == set(State)


def test_a_service_without_a_probe_is_judged_by_systemd_alone() -> None:
    bare = spec(probe="none")
    assert rules.health(bare, active(), NOT_ASKED, False, NOW) == Health(State.HEALTHY)
    assert rules.health(bare, active(**ACTIVATING), NOT_ASKED, False, NOW).state is State.STARTING


def test_a_main_process_that_is_gone_counts_before_systemd_says_so() -> None:
    found = rules.health(spec(), active(), ANSWERED, True, NOW)
    assert (found.state, found.reason) == (
        State.STOPPING,
        "its main process 1000 is gone; systemd has not said yet why",
    )
    assert rules.health(spec(), failed(), NOT_ASKED, True, NOW).state is State.FAILED


@pytest.mark.parametrize(
    ("unit", "sentence"),
    [
        (failed(result="exit-code", exec_main_status=3), "its main process exited with status 3"),
        (failed(result="exit-code", exec_main_status=203), "status 203 (its program can't be executed)"),
        (failed(result="exit-code", exec_main_code=2), "its main process was killed by SIGKILL"),
        (failed(result="exit-code", exec_main_code=3, exec_main_status=6), "killed by SIGABRT and dumped core"),
        (failed(result="exit-code", exec_main_status=0), "a start or stop command of its unit failed"),
        (failed(result="signal", exec_main_status=11), "its main process was killed by SIGSEGV"),
        (failed(result="core-dump", exec_main_status=6), "its main process was killed by SIGABRT and dumped core"),
        (failed(result="signal", exec_main_status=99), "its main process was killed by signal 99"),
        (failed(result="oom-kill"), "memory ran out"),
        (failed(result="timeout"), "longer than systemd allows"),
        (failed(result="start-limit-hit"), "start limit hit"),
        (failed(result="watchdog"), "watchdog"),
        (failed(result="something-new"), "systemd gives the result 'something-new'"),
    ],
)
def test_how_a_run_ended_in_words(unit: UnitView, sentence: str) -> None:
    assert sentence in rules.failure_reason(unit)


def test_signals_have_their_names() -> None:
    assert all(rules.signal_name(number).startswith("SIG") for number in signal.valid_signals() if 0 < number < 32)


UNITS = st.builds(
    UnitView,
    unit=st.just("redis.service"),
    load_state=st.sampled_from(["loaded", "masked", "not-found", "error", "bad-setting", "merged", "new"]),
    active_state=st.sampled_from(["active", "reloading", "inactive", "failed", "activating", "deactivating", "odd"]),
    sub_state=st.sampled_from(["running", "dead", "start", "auto-restart", "auto-restart-queued", "failed", ""]),
    result=st.sampled_from(["success", "exit-code", "signal", "core-dump", "oom-kill", "timeout", "odd"]),
    exec_main_status=st.integers(0, 255),
    freezer_state=st.sampled_from(["running", "frozen", "freezing", "thawing"]),
    condition_result=st.booleans(),
    condition_usec=st.integers(0, 2**62),
    active_enter_usec=st.integers(0, 2**62),
    main_pid=st.integers(0, 4_000_000),
)
PROBES = st.builds(
    lambda outcome, failures, ever_ok: probed(outcome, "so", failures, ever_ok),
    st.sampled_from(list(ProbeOutcome)),
    st.integers(0, 5),
    st.booleans(),
)


@given(st.none() | UNITS, PROBES, st.booleans(), st.floats(0, 1e10))
def test_anything_gets_a_verdict_always_the_same_and_no_bad_news_without_a_reason(
    unit: UnitView | None, probe: ProbeView, exited: bool, now: float
) -> None:
    found = rules.health(spec(), unit, probe, exited, now)
    assert found == rules.health(spec(), unit, probe, exited, now)
    assert found.up or found.reason
    if unit is None or unit.active_state in ("inactive", "failed", "deactivating"):
        assert not found.up


NAMES = [f"s{number}" for number in range(8)]


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, ...]]:
    """Needs without circles: a service may need only those before it in a random order."""
    order = draw(st.permutations(NAMES))
    return {
        name: tuple(draw(st.lists(st.sampled_from(order[:place]), unique=True, max_size=3))) if place else ()
        for place, name in enumerate(order)
    }


@given(graphs(), st.sets(st.sampled_from(NAMES)))
def test_nothing_comes_before_what_it_needs(needs: dict[str, tuple[str, ...]], wanted: set[str]) -> None:
    found = rules.levels(wanted, catalogue_of(*(spec(name, *after) for name, after in needs.items())))
    place = {name: number for number, level in enumerate(found) for name in level}
    assert place.keys() == wanted
    assert sum(map(len, found)) == len(wanted)

    def everything_under(name: str) -> set[str]:
        return set(needs[name]).union(*map(everything_under, needs[name]))

    for name, other in itertools.permutations(wanted, 2):
        if other in everything_under(name):
            assert place[other] < place[name]
    for name in wanted:  # and nothing waits longer than it must
        below = [place[other] for other in everything_under(name) & wanted]
        assert place[name] == max(below, default=-1) + 1
    assert all(level == sorted(level) and level for level in found)


@given(graphs(), st.sets(st.sampled_from(NAMES)))
def test_the_order_depends_on_nothing_else(needs: dict[str, tuple[str, ...]], wanted: set[str]) -> None:
    specs = [spec(name, *after) for name, after in needs.items()]
    once = rules.levels(sorted(wanted), catalogue_of(*specs))
    assert once == rules.levels(sorted(wanted, reverse=True), catalogue_of(*reversed(specs)))


def test_needs_count_also_through_services_that_are_well() -> None:
    found = catalogue_of(spec("a"), spec("b", "a"), spec("c", "b"))
    assert rules.levels(["c", "a"], found) == [["a"], ["c"]]
