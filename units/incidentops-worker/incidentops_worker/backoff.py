"""Waiting times between attempts that keep failing: exponential, bounded, jittered."""

import random


class Backoff:
    """Gives the seconds to wait before the next attempt.

    The n-th wait is drawn evenly from the upper half of `min(limit, first * 2**n)` ("equal jitter"), so that waits
    grow, never exceed `limit`, never fall to nothing, and two clients of one server drift apart.
    """

    def __init__(self, first: float = 0.1, limit: float = 2.0, draw: random.Random | None = None) -> None:
        """`first` and `limit` are seconds, both above 0. `draw` makes the jitter repeatable in a test."""
        if not 0 < first <= limit:
            raise ValueError(f"backoff needs 0 < first <= limit, not {first} and {limit}")
        self._first = first
        self._limit = limit
        self._next = first
        self._draw = draw or random.Random()  # noqa: S311 - jitter is no secret

    def next(self) -> float:
        """The seconds to wait now; the following wait may be up to twice as long."""
        ceiling = self._next
        self._next = min(self._limit, self._next * 2)
        return self._draw.uniform(ceiling / 2, ceiling)

    def reset(self) -> None:
        """Start over: the attempt succeeded."""
        self._next = self._first
