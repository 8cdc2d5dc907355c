"""Automatic recovery's rules, as a pure state machine: what was seen, the settings and the time give one decision.

No I/O, no clock, no randomness: the same input gives the same decision and the same sentence, always. Times are
seconds of a clock that only goes forward, so that a set wall clock neither hastens nor stops a recovery.

    closed     down > debounce or backoff > attempt > ...; the budget used up and down again: open
    open       left alone for half_open_after, each time in a row twice as long; then half-open
    half-open  one trial: healthy for ``stable`` seconds: closed; down before: open

agent/README.md has it as a table, and who is never acted upon.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum

from .model import AutoSettings, Health, State

SELF_GRACE = 1.0
"""Seconds that a failed unit with Restart= is given at least, so that systemd's own restart is never raced."""


class Breaker(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Phase(StrEnum):
    """What automatic recovery is doing about a service; the words are part of the API."""

    IDLE = "idle"
    WAITING = "waiting"
    RUNNING = "running"
    BREAKER_OPEN = "breaker-open"
    HALF_OPEN = "half-open"


class Note(StrEnum):
    """What is written down of a decision, as the action of a ``noted`` row."""

    OPENED = "breaker-opened"
    HALF_OPENED = "breaker-half-open"
    CLOSED = "breaker-closed"


@dataclass(frozen=True, slots=True)
class Deliberate:
    """An operator's stop. ``invocation`` is the run that it ended, empty when that is not known."""

    user: str
    invocation: str = ""


@dataclass(frozen=True, slots=True)
class Track:
    """What is remembered of one service between two looks."""

    attempts: tuple[float, ...] = ()
    """When attempts began, those that the budget counts; trials are none."""
    failures: int = 0
    """Attempts since it was last up for ``stable`` seconds: the first one of them had no backoff."""
    drawn: int = 0
    """Attempts and trials ever: what the jitter is drawn by."""
    since: float | None = None
    """From when the wait before the next attempt counts; None while it need not be brought back."""
    up_since: float | None = None
    breaker: Breaker = Breaker.CLOSED
    trips: int = 0
    """Openings of the breaker in a row."""
    wait: float = 0.0
    """How long the breaker stays open, this time."""
    retry_at: float = 0.0
    """When an open breaker lets a trial through."""
    opened: str = ""
    """Why the breaker is open."""
    doing: str = ""
    """What the attempt is that is under way, empty for none."""
    deliberate: Deliberate | None = None

    @property
    def running(self) -> bool:
        return bool(self.doing)


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so now. Sentences and names are empty for none.

    Attributes:
        remedy: the diagnosis' word (causes.Remedy): what would bring it back.
        why: the diagnosis' sentence.
        answering: whether PID 1 answers.
        restarts_itself: its unit has Restart=.
        restart_due: systemd is between the end of a run and its own restart.
        dependencies_down: those of ``depends_on`` that are down.
        busy: whose action is under way on it, such as ``jane's stop``.
        maintenance: why it is under maintenance.
        invocation: the unit's present or last run.
    """

    health: Health
    automatic: bool = True
    remedy: str = "none"
    why: str = ""
    answering: bool = True
    restarts_itself: bool = False
    restart_due: bool = False
    dependencies_down: tuple[str, ...] = ()
    busy: str = ""
    maintenance: str = ""
    invocation: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """``until``: when to look again at the latest, None when only a change of the facts can matter. ``act``: begin an
    attempt now. ``reason`` does not change while the decision stands."""

    phase: Phase
    reason: str
    until: float | None = None
    act: bool = False
    notes: tuple[Note, ...] = field(default=())


def room(settings: AutoSettings, track: Track, now: float) -> int:
    """How many attempts the budget has left."""
    return max(settings.budget - len(recent(settings, track, now)), 0)


def recent(settings: AutoSettings, track: Track, now: float) -> tuple[float, ...]:
    """The attempts that still count."""
    return tuple(at for at in track.attempts if now < at + settings.window)


def draw(seed: str, number: int) -> float:
    """A number from -1 to 1 that is the same for the same seed and number."""
    digest = hashlib.blake2b(f"{seed} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / (2**64 - 1) * 2 - 1


def backoff(settings: AutoSettings, failures: int, luck: float) -> float:
    """Seconds before the next attempt after ``failures`` in a row; ``luck`` from -1 to 1 moves it within the jitter."""
    if failures == 0:
        return 0.0
    # 2 to a large power does not fit into a float, and is beyond every bound long before.
    grown = settings.backoff * 2.0 ** min(failures - 1, 60)
    return min(grown, settings.backoff_most) * (1 + settings.jitter / 100 * luck)


def open_for(settings: AutoSettings, trips: int) -> float:
    """Seconds that the breaker stays open when it has opened ``trips`` times in a row before."""
    return min(settings.half_open_after * 2.0 ** min(trips, 60), settings.half_open_most)


def decide(settings: AutoSettings, track: Track, facts: Facts, now: float, seed: str) -> tuple[Track, Decision]:
    """What to do about a service now, and what to remember of it. ``seed``: what its jitter is drawn from."""
    track = _deliberate(replace(track, attempts=recent(settings, track, now)), facts)
    if facts.health.up:
        return _up(settings, track, facts, now)
    track = replace(track, up_since=None)
    aside = _stands_aside(track, facts)
    if track.running:
        phase = Phase.HALF_OPEN if track.breaker is Breaker.HALF_OPEN else Phase.RUNNING
        return track, Decision(phase, track.doing)
    if aside:
        # What keeps it away now may end at any time: the wait counts from then on.
        return replace(track, since=None), Decision(_resting(track, facts), aside, _later(track, now))
    if facts.dependencies_down:
        listed = ", ".join(facts.dependencies_down)
        reason = f"waits for {listed}, which it needs"
        phase = Phase.WAITING if track.breaker is Breaker.CLOSED else _resting(track, facts)
        return replace(track, since=None), Decision(phase, reason, _later(track, now))
    return _down(settings, track, facts, now, seed)


def begun(track: Track, now: float, doing: str) -> Track:
    """An attempt begins, or a trial when the breaker is half-open. ``doing``: the decision's reason."""
    counted = track.attempts if track.breaker is Breaker.HALF_OPEN else (*track.attempts, now)
    return replace(track, attempts=counted, failures=track.failures + 1, drawn=track.drawn + 1, doing=doing)


def ended(track: Track, now: float) -> Track:
    """The attempt is over, however it went: if it is down then, the next wait counts from now on."""
    return replace(track, doing="", since=now)


def armed_anew(track: Track) -> Track:
    """An operator has set the recovery mode: what was before does not count any more."""
    return Track(drawn=track.drawn, doing=track.doing, deliberate=track.deliberate)


def _deliberate(track: Track, facts: Facts) -> Track:
    """An operator's stop holds until somebody starts it: until it is up, or in another run than the one stopped."""
    if track.deliberate is None:
        return track
    stopped = track.deliberate.invocation
    another_run = bool(stopped and facts.invocation and facts.invocation != stopped)
    return replace(track, deliberate=None) if not facts.busy and (facts.health.up or another_run) else track


def _up(settings: AutoSettings, track: Track, facts: Facts, now: float) -> tuple[Track, Decision]:
    """Once up for long enough, the next trouble is a new one."""
    up_since = now if track.up_since is None else track.up_since
    track = replace(track, since=None, up_since=up_since)
    notes: tuple[Note, ...] = ()
    if track.running and track.breaker is not Breaker.HALF_OPEN:
        return track, Decision(Phase.RUNNING, track.doing)
    if now >= up_since + settings.stable and not track.running:
        if track.breaker is not Breaker.CLOSED:
            notes = (Note.CLOSED,)
            track = replace(track, attempts=())
        track = replace(track, failures=0, trips=0, breaker=Breaker.CLOSED)
    until = up_since + settings.stable if track.failures or track.breaker is not Breaker.CLOSED else None
    reason = "it is up" if facts.automatic else "recovery is by hand"
    if track.breaker is not Breaker.CLOSED:
        reason = f"it is up; the breaker closes when it has been so for {settings.stable:g} s"
    elif facts.automatic and not room(settings, track, now):
        reason = f"it is up; the budget of {settings.budget} is used up, so that its next death opens the breaker"
        more = track.attempts[0] + settings.window
        until = more if until is None else min(until, more)
    return track, Decision(_resting(track, facts), reason, until, notes=notes)


def _stands_aside(track: Track, facts: Facts) -> str:
    """Why it must not be brought back automatically, empty when it may."""
    state = facts.health.state
    if not facts.automatic:
        return "recovery is by hand"
    if track.deliberate is not None:
        who = track.deliberate.user or "an operator"
        return f"{who} stopped it; it is left alone until somebody starts it"
    if facts.maintenance:
        return f"it is under maintenance: {facts.maintenance}"
    if facts.busy:
        return f"{facts.busy} is under way"
    if state is State.UNKNOWN or not facts.answering:
        return "systemd does not answer"
    if facts.restart_due or (facts.restarts_itself and state is not State.FAILED):
        return "systemd restarts it by itself (Restart= of its unit)"
    if facts.remedy == "skip":
        return facts.why
    if state is State.STOPPED:
        return f"it did not die, so it is left alone: {facts.health.reason}"
    if state not in (State.FAILED, State.UNRESPONSIVE):
        return facts.health.reason
    return ""


def _resting(track: Track, facts: Facts) -> Phase:
    if track.breaker is Breaker.CLOSED or not facts.automatic:
        return Phase.IDLE
    return Phase.BREAKER_OPEN if track.breaker is Breaker.OPEN else Phase.HALF_OPEN


def _later(track: Track, now: float) -> float | None:
    """When a trial is due, also for who has to wait for more than that."""
    return track.retry_at if track.breaker is Breaker.OPEN and track.retry_at > now else None


def _down(settings: AutoSettings, track: Track, facts: Facts, now: float, seed: str) -> tuple[Track, Decision]:
    """It is down, and nothing but the settings says that it must wait."""
    since = now if track.since is None else track.since
    track = replace(track, since=since)
    if track.breaker is Breaker.HALF_OPEN:
        return _open(settings, track, now, "the trial did not last")
    if track.breaker is Breaker.OPEN:
        if now < track.retry_at:
            return track, Decision(Phase.BREAKER_OPEN, _why_open(track), track.retry_at)
        track = replace(track, breaker=Breaker.HALF_OPEN)
        return track, Decision(Phase.HALF_OPEN, f"one trial: {facts.why}", act=True, notes=(Note.HALF_OPENED,))
    used = len(track.attempts)
    if used >= settings.budget:
        return _open(settings, track, now, f"{used} attempts in {settings.window:g} s did not keep it up")
    debounce = settings.debounce_unresponsive if facts.health.state is State.UNRESPONSIVE else settings.debounce
    if facts.restarts_itself:
        debounce = max(debounce, SELF_GRACE)
    pause = backoff(settings, track.failures, draw(seed, track.drawn))
    due = since + max(debounce, pause)
    if now < due:
        what = f"backoff after {track.failures} in a row" if pause >= debounce else "debounce"
        reason = f"attempt {used + 1} of {settings.budget} comes {due - since:.3g} s after it went down ({what})"
        return track, Decision(Phase.WAITING, reason, due)
    return track, Decision(Phase.RUNNING, f"attempt {used + 1} of {settings.budget}: {facts.why}", act=True)


def _open(settings: AutoSettings, track: Track, now: float, why: str) -> tuple[Track, Decision]:
    wait = open_for(settings, track.trips)
    track = replace(
        track,
        breaker=Breaker.OPEN,
        trips=track.trips + 1,
        wait=wait,
        retry_at=now + wait,
        opened=why,
        since=None,
    )
    return track, Decision(Phase.BREAKER_OPEN, _why_open(track), track.retry_at, notes=(Note.OPENED,))


def _why_open(track: Track) -> str:
    return f"{track.opened}; the breaker is open for {track.wait:g} s"
