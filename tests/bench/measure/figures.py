"""What is measured, as values: samples, what they are compared with, and whether a goal is met. No I/O."""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Series:
    """The samples of one contender under one name, in the unit of their row."""

    who: str
    median: float
    p99: float
    count: int
    note: str = ""


def series(who: str, samples: Sequence[float], note: str = "") -> Series:
    """Sum up samples; p99 by nearest rank, so that it is the largest of fewer than 100.

    Raises:
        ValueError: there is no sample.
    """
    if not samples:
        raise ValueError(f"nothing was measured of {who}")
    ordered = sorted(samples)
    p99 = ordered[math.ceil(0.99 * len(ordered)) - 1]
    return Series(who, statistics.median(ordered), p99, len(ordered), note)


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit for ours: ``factor`` times what the contender ``against`` has or, without ``against``, ``factor`` itself.

    ``of`` says which figures must keep it, "median" or "p99"; with ``at_least`` more is better.
    """

    factor: float
    against: str = ""
    of: tuple[str, ...] = ("median",)
    at_least: bool = False

    def text(self) -> str:
        sign = ">=" if self.at_least else "<="
        limit = f"{self.factor:g} x {self.against}" if self.against else f"{self.factor:g}"
        return f"{sign} {limit}" + ("" if self.of == ("median",) else f" ({', '.join(self.of)})")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table and those under it: ours beside each peer or floor of the same run."""

    what: str
    unit: str
    ours: Series
    beside: list[Series] = field(default_factory=list)
    goal: Goal | None = None

    def peer(self, who: str) -> Series:
        return next(one for one in self.beside if one.who == who)

    def ratio(self, peer: Series, of: str = "median") -> float:
        below: float = getattr(peer, of)
        above: float = getattr(self.ours, of)
        return above / below if below else math.inf

    def met(self) -> bool | None:
        """Whether the goal is met; None without one."""
        if self.goal is None:
            return None
        for of in self.goal.of:
            limit = self.goal.factor * (getattr(self.peer(self.goal.against), of) if self.goal.against else 1.0)
            ours: float = getattr(self.ours, of)
            if (ours < limit) if self.goal.at_least else (ours > limit):
                return False
        return True

    def plain(self) -> dict[str, Any]:
        """As JSON knows it, with the verdict."""
        return {
            **asdict(self),
            "ratios": {peer.who: {of: self.ratio(peer, of) for of in ("median", "p99")} for peer in self.beside},
            "goal_text": self.goal.text() if self.goal else "",
            "met": self.met(),
        }


def row(plain: dict[str, Any]) -> Row:
    """The inverse of Row.plain."""
    goal = plain["goal"]
    return Row(
        plain["what"],
        plain["unit"],
        Series(**plain["ours"]),
        [Series(**one) for one in plain["beside"]],
        Goal(**{**goal, "of": tuple(goal["of"])}) if goal else None,
    )
