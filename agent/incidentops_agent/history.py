"""Pure: what the probes said over time, in bounded memory, and few enough points of it to draw."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BEFORE = 600.0
"""Seconds before an incident that its chart shows."""
RING_MOST = 1200
"""Samples that are kept of one service while all is well."""
RECORDING_MOST = 2000
"""Samples of one service that a recording may hold; one more, and it is thinned to half of them."""
POINTS_MOST = 200
"""Points of one service that are stored with a closed incident."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was so from ``at`` (seconds since the epoch) on. ``latency`` is seconds, None without a probe's answer."""

    at: float
    state: str
    latency: float | None = None


def thin(samples: Sequence[Sample], most: int) -> list[Sample]:
    """At most ``most`` of the samples, in their order: the first and the last, changes of state before anything else,
    and of what is left the slowest answer of each stretch, so that no peak is lost."""
    if len(samples) <= most:
        return list(samples)
    if most <= 0:
        return []
    changes = [index for index, one in enumerate(samples) if not index or one.state != samples[index - 1].state]
    kept = {0, len(samples) - 1} if most > 1 else {0}
    kept |= set(_spread(changes, most - len(kept)))
    room = most - len(kept)
    rest = [index for index in range(len(samples)) if index not in kept]
    for stretch in _stretches(rest, room):
        kept.add(max(stretch, key=lambda index: samples[index].latency or 0.0))
    return [samples[index] for index in sorted(kept)]


def _spread(indexes: Sequence[int], most: int) -> list[int]:
    """At most ``most`` of them, evenly."""
    if len(indexes) <= most:
        return list(indexes)
    return [indexes[number * len(indexes) // most] for number in range(most)]


def _stretches(indexes: Sequence[int], count: int) -> Iterable[Sequence[int]]:
    """``count`` pieces of about the same length, none of them empty."""
    count = min(count, len(indexes))
    for number in range(count):
        yield indexes[number * len(indexes) // count : (number + 1) * len(indexes) // count]


class Ring:
    """The newest samples of one service."""

    def __init__(self) -> None:
        self._samples: deque[Sample] = deque(maxlen=RING_MOST)

    def add(self, sample: Sample) -> None:
        self._samples.append(sample)

    def since(self, at: float) -> list[Sample]:
        """The samples from ``at`` on, and the one before that says what was so then."""
        newer = [one for one in self._samples if one.at >= at]
        older = [one for one in self._samples if one.at < at]
        return [*older[-1:], *newer]

    def last_good(self, healthy: str) -> float | None:
        """When a probe last got an answer from a service in the state ``healthy``; None when that is not known."""
        return next(
            (one.at for one in reversed(self._samples) if one.state == healthy and one.latency is not None), None
        )


class Recording:
    """The samples of one service from some minutes before an incident to its end."""

    def __init__(self, begin: Iterable[Sample] = ()) -> None:
        self._samples = list(begin)

    def add(self, sample: Sample) -> None:
        self._samples.append(sample)
        if len(self._samples) > RECORDING_MOST:
            self._samples = thin(self._samples, RECORDING_MOST // 2)

    def points(self) -> list[Sample]:
        return thin(self._samples, POINTS_MOST)


def stored(points: Iterable[Sample]) -> list[list[Any]]:
    """Samples as JSON: [seconds since the epoch, state, latency in seconds or null]."""
    return [[round(one.at, 3), one.state, None if one.latency is None else round(one.latency, 6)] for one in points]


def restored(given: Mapping[str, Any]) -> dict[str, list[Sample]]:
    """What ``stored`` made, by service; what is no sample is left out."""
    return {str(name): [made for one in rows if (made := _sample(one))] for name, rows in given.items()}


def _sample(one: Any) -> Sample | None:
    if not (isinstance(one, list) and len(one) == 3 and isinstance(one[0], int | float) and isinstance(one[1], str)):
        return None
    latency = one[2] if isinstance(one[2], int | float) else None
    return Sample(float(one[0]), one[1], latency)
