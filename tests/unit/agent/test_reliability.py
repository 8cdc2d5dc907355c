"""Figures over incidents, held against slow and simple ways to reckon them."""

from __future__ import annotations

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import reliability
from incidentops_agent.incident import Fact, Incident, Kind, opened
from incidentops_agent.reliability import Watch, availability, overlap, summary, union
from samples import NOW

SPANS = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(lambda two: (float(two[0]), float(two[1]))))
VALUES = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=2)


def seconds(spans: list[tuple[float, float]]) -> set[int]:
    """The whole seconds that are in some span."""
    return {at for begin, end in spans for at in range(int(begin), int(end))}


@given(VALUES)
def test_a_summary_is_what_the_library_says(values: list[float]) -> None:
    made = summary(values)
    assert made["count"] == len(values)
    assert made["mean"] == pytest.approx(statistics.fmean(values), abs=1e-5)
    assert made["median"] == pytest.approx(statistics.median(values), abs=1e-5)
    cuts = statistics.quantiles(values, n=20, method="inclusive")
    assert made["p95"] == pytest.approx(cuts[18], abs=1e-5, rel=1e-9)
    assert made["max"] == pytest.approx(max(values), abs=1e-5)


def test_a_summary_of_nothing_and_of_one() -> None:
    assert summary([]) == {"count": 0, "mean": None, "median": None, "p95": None, "max": None}
    assert summary([2.5]) == {"count": 1, "mean": 2.5, "median": 2.5, "p95": 2.5, "max": 2.5}


@given(SPANS)
def test_a_union_covers_the_same_time_once(spans: list[tuple[float, float]]) -> None:
    made = union(spans)
    assert seconds(made) == seconds(spans)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(made))


@given(SPANS, SPANS)
def test_an_overlap_is_the_time_in_both(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> None:
    assert overlap(union(one), union(other)) == len(seconds(one) & seconds(other))


@given(SPANS, SPANS, st.integers(0, 100), st.integers(0, 100))
def test_availability_is_of_the_observed_time_alone(
    observed: list[tuple[float, float]], down: list[tuple[float, float]], since: int, until: int
) -> None:
    seen = seconds(observed) & set(range(since, until))
    share = availability(observed, down, since, until)
    if seen:
        assert share == pytest.approx(len(seen - seconds(down)) / len(seen))
    else:
        assert share is None


def an_incident(name: str = "redis", at: float = NOW, cause: str = "killed", ttd: float | None = 0.5) -> Incident:
    return opened(Fact(Kind.OPENED, f"{name}{at:.0f}", name, at, {"cause": cause, "ttd": ttd, "began": at - 1}))


def test_what_is_counted_is_what_was_detected_in_the_period() -> None:
    incidents = [
        an_incident(at=NOW - 100),
        an_incident("postgres", NOW - 30, "exited", 1.5),
        an_incident(at=NOW - 20, ttd=None),
    ]
    made = reliability.statistics(incidents, Watch(), ["redis", "postgres"], 50, NOW)
    assert (made["incidents"], made["open"], made["period_seconds"]) == (2, 2, 50)
    assert made["mttd_seconds"]["count"] == 1
    assert list(made["by_service"]) == ["postgres", "redis"]
    assert made["by_cause"]["exited"]["mttd_seconds"]["mean"] == 1.5
    assert made["by_cause"]["killed"]["mttr_seconds"]["count"] == 0
    nothing = {"1h": None, "24h": None, "7d": None, "30d": None}
    assert made["availability"] == {"postgres": nothing, "redis": nothing}


def test_what_is_down_still_counts_until_now() -> None:
    watch = Watch()
    watch.started(NOW - 1000, ["redis"])
    made = reliability.statistics([an_incident(at=NOW - 99)], watch, ["redis"], 50, NOW)
    assert made["availability"]["redis"]["1h"] == pytest.approx(0.9)


def test_time_without_an_agent_is_not_observed() -> None:
    watch = Watch()
    watch.started(100, ["redis", "postgres"])
    watch.alive(200)  # then it is killed
    watch.started(500, ["redis"])
    watch.observed("postgres", 600)
    watch.observed("redis", 650)
    watch.gone("redis", 700)
    watch.stopped(800)
    assert watch.spans(900) == {"redis": [(100, 200), (500, 700)], "postgres": [(100, 200), (600, 800)]}
    assert watch.names() == []


def test_what_is_older_than_the_longest_window_is_forgotten() -> None:
    watch = Watch()
    for number in range(100):
        watch.started(number * 86400.0, ["redis"])
        watch.stopped(number * 86400.0 + 3600)
    assert len(watch.spans(100 * 86400.0)["redis"]) <= 31
