"""What brings a service back when it dies, as the agent says it and as the card shows it. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .translate import marked, tr

if TYPE_CHECKING:
    from .fields import Fields

STATES = {
    "idle": marked("auto (idle)"),
    "running": marked("auto (running)"),
    "waiting": marked("auto (waiting {n} s)"),
    "breaker-open": marked("auto (breaker open)"),
    "half-open": marked("auto (half-open)"),
}


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which nothing is recovered by itself. ``until`` is seconds since the epoch, the agent's clock."""

    until: float
    reason: str
    user: str


@dataclass(frozen=True, slots=True)
class Auto:
    """Automatic recovery. ``until`` is when it acts or tries next, or when the mode ends; ``since`` since when the
    state is so (both seconds since the epoch); ``attempts`` of ``budget`` in ``window`` seconds."""

    state: str
    until: float | None
    attempts: int
    budget: int
    window: float | None
    since: float | None
    reason: str


def maintenance(fields: Fields | None) -> Maintenance | None:
    if fields is None:
        return None
    return Maintenance(fields.time("until"), fields.text_or("reason"), fields.text_or("user"))


def auto(fields: Fields | None) -> Auto | None:
    if fields is None:
        return None
    return Auto(
        state=fields.text("state"),
        until=fields.time_or_none("until") if fields.has("until") else None,
        attempts=fields.whole_or("attempts"),
        budget=fields.whole_or("budget"),
        window=fields.number_or_none("window_seconds") if fields.has("window_seconds") else None,
        since=fields.time_or_none("since") if fields.has("since") else None,
        reason=fields.text_or("reason"),
    )


def words(mode: str, window: Maintenance | None, known: Auto | None, now: float) -> str:
    """The ``mode`` in the agent's words; what is waited for is counted down. ``now`` is by the agent's clock."""
    if window is not None:
        return tr("maintenance")
    if known is None or not mode.startswith("auto") or known.state not in STATES:
        plain = {"manual": tr("manual"), "automatic": tr("automatic"), "self (systemd)": tr("self (systemd)")}
        return plain.get(mode, mode)
    left = max(math.ceil(known.until - now), 0) if known.until is not None else 0
    if known.state == "waiting" and known.until is None:
        return mode
    return tr(STATES[known.state]).format(n=left)


def line(window: Maintenance | None, known: Auto | None, clock: str) -> tuple[str, str]:
    """What the card says of it in a line of its own, and in which colour; empty when there is nothing to say.

    ``clock`` is the time of day at which maintenance ends.
    """
    if window is not None:
        about = ", ".join(part for part in (window.reason, window.user) if part)
        return tr("maintenance until {time} ({about})").format(time=clock, about=about or "–"), "warn"  # noqa: RUF001
    if known is None or known.state in ("idle", ""):
        return "", "muted"
    attempts = tr("attempt {n} of {budget}").format(n=known.attempts, budget=known.budget) if known.budget else ""
    text = {
        "waiting": tr("Automatic recovery waits"),
        "running": tr("Automatic recovery at work"),
        "breaker-open": tr("Automatic recovery has given up"),
        "half-open": tr("Automatic recovery tries once more"),
    }.get(known.state, known.state)
    said = [text, known.reason if known.state in ("breaker-open", "half-open") else attempts]
    return ": ".join(part for part in said if part), "bad" if known.state == "breaker-open" else "warn"
