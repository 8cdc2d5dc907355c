"""The plan of a run: the same seed, settings and pairs of kind and service give the same steps, always."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from incidentops_chaos.settings import Settings

NEAREST = 1.0
"""Seconds that lie at least between two steps."""
ROUNDING = 1e-6
"""Seconds by which sums of times may be wrong."""


@dataclass(frozen=True, slots=True)
class Step:
    """A fault that is to be injected ``at`` seconds after the arming, for ``duration`` seconds."""

    number: int
    at: float
    kind: str
    service: str
    duration: float

    def view(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "at_seconds": self.at,
            "kind": self.kind,
            "service": self.service,
            "duration_seconds": self.duration,
        }


def plan(settings: Settings, pairs: Iterable[tuple[str, str]]) -> list[Step]:
    """All steps, in order. Never more than ``concurrency`` at a time, never two on one service, and each is over before
    the run is.

    Only ``Random.random`` is used: of all its methods it alone is promised to give the same numbers for a seed in every
    version of Python. First the service is drawn and then the kind, so that a service is not met more often because
    more can be done to it.
    """
    kinds: dict[str, list[str]] = {}
    for kind, service in sorted(set(pairs)):
        if kind in (settings.kinds or (kind,)) and service in (settings.services or (service,)):
            kinds.setdefault(service, []).append(kind)
    drawn = Random(settings.seed)  # noqa: S311 - a plan that can be repeated, not a secret
    steps: list[Step] = []
    at = 0.0
    while kinds:
        at += max(settings.interval * (1 + settings.jitter * (2 * drawn.random() - 1)), NEAREST)
        at = math.ceil(_free(at, steps, settings.concurrency, len(kinds)) * 10) / 10
        if at + settings.duration > settings.seconds:
            break
        taken = {step.service for step in steps[-settings.concurrency :] if step.at + step.duration > at + ROUNDING}
        service = _one_of([name for name in sorted(kinds) if name not in taken], drawn)
        steps.append(Step(len(steps) + 1, at, _one_of(kinds[service], drawn), service, settings.duration))
    return steps


def _free(at: float, steps: Sequence[Step], concurrency: int, services: int) -> float:
    """The first time from ``at`` at which one more fault may be in effect. All last equally long, so that the one that
    began first ends first."""
    most = min(concurrency, services)
    if len(steps) < most:
        return at
    return max(at, steps[-most].at + steps[-most].duration)


def _one_of(choices: Sequence[str], drawn: Random) -> str:
    return choices[int(drawn.random() * len(choices))]
