"""Settings and plans: what is taken, what is refused, and that a seed means one sequence."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_chaos.schedule import NEAREST, Step, plan
from incidentops_chaos.settings import SEEDS, Offer, Settings, SettingsError, Window, read

PAIRS = tuple(itertools.product(("hang", "kill", "stop"), ("postgres", "rabbitmq", "redis")))
OFFER = Offer(PAIRS, 1, 3600, ("network-partition",))

some_settings = st.builds(
    Settings,
    seed=st.integers(0, SEEDS),
    seconds=st.floats(60, 7200),
    interval=st.floats(5, 600),
    jitter=st.floats(0, 1),
    duration=st.floats(1, 60),
    concurrency=st.integers(1, 10),
    kinds=st.sets(st.sampled_from(OFFER.kinds)).map(lambda found: tuple(sorted(found))),
    services=st.sets(st.sampled_from(OFFER.services)).map(lambda found: tuple(sorted(found))),
)


@given(some_settings, st.permutations(PAIRS))
def test_the_same_seed_gives_the_same_plan_whatever_the_order_of_what_is_offered(
    settings: Settings, pairs: list[tuple[str, str]]
) -> None:
    assert plan(settings, pairs) == plan(settings, PAIRS)


@given(some_settings)
def test_a_plan_keeps_its_bounds(settings: Settings) -> None:
    steps = plan(settings, PAIRS)
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    for step in steps:
        assert step.at >= NEAREST
        assert step.at + step.duration <= settings.seconds
        assert step.kind in (settings.kinds or OFFER.kinds)
        assert step.service in (settings.services or OFFER.services)
        together = [one for one in steps if one.at <= step.at + 1e-6 < one.at + one.duration]
        assert len(together) <= settings.concurrency
        assert len({one.service for one in together}) == len(together)
    for one, following in itertools.pairwise(steps):
        assert following.at - one.at >= min(NEAREST, settings.interval * (1 - settings.jitter))


def test_a_plan_is_the_same_for_ever() -> None:
    settings = Settings(42, seconds=200, interval=30, duration=20)
    assert [(step.at, step.kind, step.service) for step in plan(settings, PAIRS)] == [
        (34.2, "hang", "postgres"),
        (55.9, "stop", "redis"),
        (97.7, "kill", "postgres"),
        (117.7, "kill", "postgres"),
        (137.7, "kill", "postgres"),
        (169.1, "kill", "postgres"),
    ]


def test_intervals_have_the_mean_that_was_asked_for() -> None:
    steps = plan(Settings(1, seconds=86_400, interval=60, jitter=1, duration=5, concurrency=10), PAIRS)
    assert len(steps) == pytest.approx(1440, rel=0.1)
    assert {step.service for step in steps} == {"postgres", "rabbitmq", "redis"}


def test_nothing_is_planned_of_nothing() -> None:
    assert plan(Settings(1), []) == []
    assert plan(Settings(1, seconds=60, interval=600), PAIRS) == []


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        ({"seed": -1}, {"seed"}),
        ({"seed": True}, {"seed"}),
        ({"seed": 2**53}, {"seed"}),
        ({"seed": "1"}, {"seed"}),
        ({"seconds": 59, "interval": 4, "jitter": 1.1, "duration": 0}, {"seconds", "interval", "jitter", "duration"}),
        ({"seconds": float("nan"), "interval": float("inf")}, {"seconds", "interval"}),
        ({"seconds": None}, {"seconds"}),
        ({"seconds": 86_401, "concurrency": 11}, {"seconds", "concurrency"}),
        ({"concurrency": 1.5}, {"concurrency"}),
        ({"seconds": 60, "duration": 61}, {"duration"}),
        ({"duration": 3601}, {"duration"}),
        ({"kinds": "hang"}, {"kinds"}),
        ({"kinds": ["hang", 1, "../hang", "network-partition"]}, {"kinds[1]", "kinds[2]", "kinds[3]"}),
        ({"services": ["mysql", "chaos"]}, {"services[0]", "services[1]"}),
        ({"pause_on_incident": "yes"}, {"pause_on_incident"}),
        ({"quiet": ["22:00-06:00", "24:00-01:00", "1:00-2:00", "05:00-05:00"]}, {"quiet[1]", "quiet[2]", "quiet[3]"}),
        ({"Seed": 1, "user": "root"}, {"Seed", "user"}),
    ],
)
def test_every_mistake_is_named(given: dict[str, Any], problems: set[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read(given, 7, OFFER)
    assert {key for key, _ in caught.value.problems} == problems
    assert all(f"{key}: {message}" in str(caught.value) for key, message in caught.value.problems)


def test_what_is_not_given_is_usual_and_what_is_read_reads_again() -> None:
    assert read({}, 7, OFFER) == Settings(7)
    whole = {"seed": 1, "seconds": 60, "kinds": ["stop", "hang", "stop"], "quiet": ["22:00-06:00"]}
    settings = read(whole, 7, OFFER)
    assert (settings.seed, settings.kinds, settings.quiet) == (1, ("hang", "stop"), (Window(1320, 360),))
    assert read(settings.view(), 9, OFFER) == settings


@pytest.mark.parametrize(
    ("window", "inside", "outside"),
    [
        (Window(22 * 60, 6 * 60), (22 * 60, 23 * 60 + 59, 0, 5 * 60 + 59), (6 * 60, 12 * 60, 21 * 60 + 59)),
        (Window(9 * 60, 17 * 60), (9 * 60, 16 * 60 + 59), (17 * 60, 0, 8 * 60 + 59)),
    ],
)
def test_quiet_windows_may_pass_midnight(window: Window, inside: tuple[int, ...], outside: tuple[int, ...]) -> None:
    assert all(window.holds(minute) for minute in inside)
    assert not any(window.holds(minute) for minute in outside)


def test_a_step_as_json() -> None:
    assert Step(1, 2.5, "hang", "redis", 3).view() == {
        "number": 1,
        "at_seconds": 2.5,
        "kind": "hang",
        "service": "redis",
        "duration_seconds": 3,
    }
