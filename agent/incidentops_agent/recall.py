"""Pure: what automatic recovery knew before the agent was started again, rebuilt from the rows of the audit trail.

A wall clock may have been set meanwhile. So no wait comes out longer than it was when it was written down, and what
lies in the future counts as now.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .policy import Breaker, Deliberate, Note, Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .model import AuditRow

ATTEMPT = "auto-start"
MODE_SET, MODE_RESET = "recovery-set", "recovery-reset"
BEGUN, ENDED = "maintenance-begun", "maintenance-ended"
STOPS = ("stop", "incident")
STARTS = ("start", "restart", "resolve", "remediate-start", "remediate-restart")
ACTIONS = (ATTEMPT, MODE_SET, MODE_RESET, BEGUN, ENDED, *Note, *STOPS, *STARTS)
"""The actions whose rows ``recall`` reads."""


@dataclass(frozen=True, slots=True)
class Span:
    """A setting that ends by itself: ``ends`` on the clock that only goes forward. ``value`` is the recovery mode, or
    the reason of a maintenance window."""

    value: str
    user: str
    ends: float


@dataclass(slots=True)
class Memory:
    """By the names of services; what is not in it has nothing to be remembered."""

    tracks: dict[str, Track] = field(default_factory=dict)
    modes: dict[str, Span] = field(default_factory=dict)
    maintenance: dict[str, Span] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Clocks:
    """The wall clock and the one that only goes forward, read at once."""

    wall: float
    now: float

    def past(self, at: float) -> float:
        """When that was."""
        return self.now - max(self.wall - at, 0.0)

    def ahead(self, at: float, seconds: float) -> float:
        """When ``seconds`` after it will be over."""
        return self.now + min(max(at + seconds - self.wall, 0.0), seconds)


def recall(rows: Iterable[AuditRow], wall: float, now: float) -> Memory:
    """Rebuild from rows of ``ACTIONS``, oldest first.

    Args:
        wall: seconds since the epoch.
        now: the same moment on the clock that policy.Track counts by.
    """
    memory, clocks = Memory(), _Clocks(wall, now)
    for row in rows:
        if row.action in (MODE_SET, MODE_RESET):
            _mode(memory, row, clocks)
        elif row.action in (BEGUN, ENDED):
            memory.maintenance.pop(row.service, None)
            if row.action == BEGUN:
                ends = clocks.ahead(row.at, _number(row.detail, "seconds"))
                memory.maintenance[row.service] = Span(row.reason, row.actor.user, ends)
        else:
            track = memory.tracks.get(row.service, Track())
            memory.tracks[row.service] = _step(track, row, clocks)
    return memory


def _mode(memory: Memory, row: AuditRow, clocks: _Clocks) -> None:
    memory.modes.pop(row.service, None)
    if row.action == MODE_SET:
        ends = clocks.ahead(row.at, _number(row.detail, "seconds"))
        memory.modes[row.service] = Span(str(row.detail.get("mode", "manual")), row.actor.user, ends)
        before = memory.tracks.get(row.service, Track())
        memory.tracks[row.service] = Track(drawn=before.drawn, deliberate=before.deliberate)


def _step(track: Track, row: AuditRow, clocks: _Clocks) -> Track:
    if row.action in STOPS:
        # From its request on: an operator who said stop was heard, whatever became of the agent then.
        return replace(track, deliberate=Deliberate(row.actor.user, row.invocation_id))
    if row.action in STARTS:
        return replace(track, deliberate=None)
    if row.action == ATTEMPT:
        return _attempt(track, row, clocks)
    if row.action == Note.CLOSED:
        return Track(drawn=track.drawn, deliberate=track.deliberate)
    if row.action == Note.HALF_OPENED:
        return replace(track, breaker=Breaker.HALF_OPEN)
    wait = _number(row.detail, "wait_seconds")
    return replace(
        track,
        breaker=Breaker.OPEN,
        trips=int(_number(row.detail, "trips")),
        wait=wait,
        retry_at=clocks.ahead(row.at, wait),
        opened=str(row.detail.get("why", "")),
    )


def _attempt(track: Track, row: AuditRow, clocks: _Clocks) -> Track:
    if row.phase != "requested":
        return track
    trial = track.breaker is Breaker.HALF_OPEN
    return replace(
        track,
        attempts=track.attempts if trial else (*track.attempts, clocks.past(row.at)),
        failures=int(_number(row.detail, "failures")),
        drawn=track.drawn + 1,
    )


def _number(detail: Mapping[str, Any], key: str) -> float:
    """A number of a row's detail; 0 when there is none, for rows that another version wrote."""
    value = detail.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
