"""What a chaos run may be: a JSON object read into typed values, all mistakes at once. Nothing here does anything."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

ITSELF = "chaos"
"""The name under which the agent knows this service. It never breaks itself: who would undo that?"""
SEEDS = 2**53 - 1
"""The largest seed: whole numbers up to it mean the same to every program that reads JSON."""


@dataclass(frozen=True, slots=True)
class Window:
    """A time of day in minutes after midnight, local time; over midnight when it ends before it begins."""

    begin: int
    end: int

    def holds(self, minute: int) -> bool:
        """Whether a minute of the day lies in it; its end does not."""
        if self.begin < self.end:
            return self.begin <= minute < self.end
        return minute >= self.begin or minute < self.end

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in (self.begin, self.end))


@dataclass(frozen=True, slots=True)
class Settings:
    """``seconds``: armed for so long. ``interval``: mean seconds between the beginnings of two faults, and ``jitter``
    the share of it by which each may differ. ``duration``: seconds of each fault. Empty kinds or services mean all."""

    seed: int
    seconds: float = 600.0
    interval: float = 60.0
    jitter: float = 0.5
    duration: float = 30.0
    concurrency: int = 1
    kinds: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    pause_on_incident: bool = False
    quiet: tuple[Window, ...] = ()

    def view(self) -> dict[str, Any]:
        """As JSON; ``read`` takes it."""
        return {
            "seed": self.seed,
            "seconds": self.seconds,
            "interval": self.interval,
            "jitter": self.jitter,
            "duration": self.duration,
            "concurrency": self.concurrency,
            "kinds": list(self.kinds),
            "services": list(self.services),
            "pause_on_incident": self.pause_on_incident,
            "quiet": [str(window) for window in self.quiet],
        }


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be planned at all: kinds by services, and the bounds of a fault's duration in seconds."""

    pairs: tuple[tuple[str, str], ...]
    low: float = 1.0
    most: float = 86_400.0
    asking: tuple[str, ...] = ()
    """Kinds with a parameter that has no default: they can't be planned."""

    @property
    def kinds(self) -> list[str]:
        return sorted({kind for kind, _ in self.pairs})

    @property
    def services(self) -> list[str]:
        return sorted({service for _, service in self.pairs})


class SettingsError(Exception):
    """Settings can't be used. ``problems``: pairs of a key path and what is wrong with it."""

    def __init__(self, problems: list[tuple[str, str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{key}: {message}" if key else message for key, message in problems))


def read(given: Mapping[str, Any], seed: int, offer: Offer) -> Settings:
    """Settings from a JSON object; ``seed`` is taken when it has none.

    Raises:
        SettingsError: with every mistake.
    """
    reader = _Reader(given)
    usual = Settings(seed)
    settings = Settings(
        reader.whole("seed", seed, 0, SEEDS),
        reader.number("seconds", usual.seconds, 60, 86_400),
        reader.number("interval", usual.interval, 5, 86_400),
        reader.number("jitter", usual.jitter, 0, 1),
        reader.number("duration", usual.duration, offer.low, offer.most),
        reader.whole("concurrency", usual.concurrency, 1, 10),
        reader.names("kinds", offer.kinds, dict.fromkeys(offer.asking, "has a parameter that must be given")),
        reader.names("services", offer.services, {ITSELF: "is the chaos service itself"}),
        reader.flag("pause_on_incident", usual.pause_on_incident),
        reader.windows("quiet"),
    )
    reader.close()
    if not reader.problems and settings.duration > settings.seconds:
        reader.problems.append(
            ("duration", f"is {settings.duration:g} s, longer than it is armed ({settings.seconds:g} s)")
        )
    if reader.problems:
        raise SettingsError(sorted(reader.problems))
    return settings


class _Reader:
    """Takes keys out of an object; what nobody asked for is a mistake."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._asked: list[str] = []
        self.problems: list[tuple[str, str]] = []

    def _take(self, key: str) -> Any:
        self._asked.append(key)
        return self._given.get(key)

    def _wrong(self, key: str, value: Any, wanted: str) -> None:
        self.problems.append((key, f"is {_shown(value)} but must be {wanted}"))

    def number(self, key: str, default: float, low: float, high: float) -> float:
        value = self._take(key)
        if key not in self._given:
            return default
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or not low <= value <= high:
            unit = "" if key == "jitter" else " of seconds"
            self._wrong(key, value, f"a number{unit} from {low:g} to {high:g}")
            return default
        return float(value)

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        value = self._take(key)
        if key not in self._given:
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self._wrong(key, value, f"a whole number from {low} to {high}")
            return default
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._take(key)
        if key in self._given and not isinstance(value, bool):
            self._wrong(key, value, "true or false")
        return value if isinstance(value, bool) else default

    def _texts(self, key: str) -> list[tuple[str, str]]:
        """The texts of a list, each with its key path."""
        value = self._take(key)
        if key not in self._given:
            return []
        if not isinstance(value, list) or len(value) > 1000:
            self._wrong(key, value, "a list of texts")
            return []
        for place, one in enumerate(value):
            if not isinstance(one, str):
                self._wrong(f"{key}[{place}]", one, "a text")
        return [(f"{key}[{place}]", one) for place, one in enumerate(value) if isinstance(one, str)]

    def names(self, key: str, known: Collection[str], because: Mapping[str, str]) -> tuple[str, ...]:
        found = self._texts(key)
        for path, one in found:
            if one in because:
                self.problems.append((path, f"is {one!r}, which {because[one]}"))
            elif one not in known:
                self._wrong(path, one, f"one of {', '.join(known) or 'none: nothing can be injected here'}")
        return tuple(sorted({one for _, one in found}))

    def windows(self, key: str) -> tuple[Window, ...]:
        found = []
        for path, text in self._texts(key):
            window = _window(text)
            if window is None:
                self._wrong(path, text, "a window of local time such as 22:00-06:00")
            else:
                found.append(window)
        return tuple(found)

    def close(self) -> None:
        known = ", ".join(sorted(self._asked))
        self.problems += [
            (_shown(key)[1:-1], f"is not a known key; known here: {known}")
            for key in self._given
            if key not in self._asked
        ]


def _shown(value: Any) -> str:
    try:
        return repr(value)[:50]
    except ValueError:  # a whole number of thousands of digits
        return "too long a number"


def _window(text: str) -> Window | None:
    match = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])", text)
    if match is None:
        return None
    hours, minutes, end_hours, end_minutes = map(int, match.groups())
    window = Window(hours * 60 + minutes, end_hours * 60 + end_minutes)
    return window if window.begin != window.end else None
