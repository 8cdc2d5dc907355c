"""Waits grow, are bounded, and are never nothing."""

import random

import pytest
from incidentops_worker.backoff import Backoff


@pytest.mark.parametrize("seed", range(20))
def test_waits_double_up_to_the_limit_with_at_most_half_taken_off(seed: int) -> None:
    backoff = Backoff(first=0.1, limit=2.0, draw=random.Random(seed))
    for ceiling in (0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0, 2.0):
        assert ceiling / 2 <= backoff.next() <= ceiling


def test_success_starts_over() -> None:
    backoff = Backoff(first=0.1, limit=2.0)
    for _ in range(10):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 0.1


def test_two_clients_drift_apart() -> None:
    one, other = Backoff(), Backoff()
    assert [one.next() for _ in range(5)] != [other.next() for _ in range(5)]


@pytest.mark.parametrize(("first", "limit"), [(0, 1), (-1, 1), (2, 1)])
def test_a_backoff_that_cannot_work_is_refused(first: float, limit: float) -> None:
    with pytest.raises(ValueError, match="backoff needs"):
        Backoff(first, limit)
