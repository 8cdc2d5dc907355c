"""What the probes said over time, in few points."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import history
from incidentops_agent.history import Recording, Ring, Sample, restored, stored, thin

STATES = st.sampled_from(["healthy", "failed", "starting"])
SAMPLES = st.lists(st.tuples(STATES, st.none() | st.floats(0, 5, allow_nan=False)), max_size=60).map(
    lambda found: [Sample(float(at), state, latency) for at, (state, latency) in enumerate(found)]
)


@given(SAMPLES, st.integers(0, 70))
def test_thinned_is_a_part_in_order_and_no_more_than_wanted(samples: list[Sample], most: int) -> None:
    made = thin(samples, most)
    assert len(made) == min(most, len(samples))
    assert made == sorted(made, key=lambda one: one.at)
    assert set(made) <= set(samples)


@given(SAMPLES)
def test_changes_of_state_and_the_ends_survive(samples: list[Sample]) -> None:
    changes = [one for before, one in itertools.pairwise(samples) if before.state != one.state]
    made = thin(samples, len(changes) + 4)
    assert set(changes) <= set(made)
    assert made[:1] == samples[:1]
    assert made[-1:] == samples[-1:]


def test_the_slowest_answer_survives() -> None:
    samples = [Sample(at, "healthy", 0.001) for at in range(1000)]
    samples[437] = Sample(437, "healthy", 0.9)
    assert samples[437] in thin(samples, 20)


def test_a_recording_is_bounded_however_long_it_lasts() -> None:
    recording = Recording([Sample(0, "healthy", 0.001)])
    for at in range(1, 3 * history.RECORDING_MOST):
        recording.add(Sample(at, "failed" if at > 10 else "healthy"))
    points = recording.points()
    assert len(points) == history.POINTS_MOST
    assert points[0] == Sample(0, "healthy", 0.001)
    assert Sample(11, "failed") in points


def test_a_ring_gives_what_was_so_at_the_beginning_too() -> None:
    ring = Ring()
    for at in range(5):
        ring.add(Sample(at, "healthy", 0.001))
    ring.add(Sample(5, "failed"))
    assert [one.at for one in ring.since(3.5)] == [3, 4, 5]
    assert ring.last_good("healthy") == 4
    assert ring.last_good("starting") is None


@given(SAMPLES)
def test_stored_samples_come_back(samples: list[Sample]) -> None:
    rounded = [Sample(one.at, one.state, None if one.latency is None else round(one.latency, 6)) for one in samples]
    assert restored({"redis": stored(samples)}) == {"redis": rounded}


def test_what_is_no_sample_is_left_out() -> None:
    rows = [[1, "healthy", None], [1, "healthy"], ["1", "healthy", 1], "x", [2.5, "failed", 0.25]]
    assert restored({"redis": rows}) == {"redis": [Sample(1, "healthy"), Sample(2.5, "failed", 0.25)]}
