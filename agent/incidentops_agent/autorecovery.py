"""Automatic recovery, live: shows policy.py the facts, does what it decides, and remembers by the audit trail."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from . import access, causes, live, policy, rules
from .engine import Busy
from .model import Automatic, Maintenance
from .policy import Deliberate, Facts, Note, Phase, Track
from .recall import ACTIONS, ATTEMPT, BEGUN, ENDED, MODE_RESET, MODE_SET, Memory, Span, recall

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from .causes import Diagnosis
    from .engine import Engine, Service
    from .jobs import Outcome
    from .model import Actor
    from .policy import Decision
    from .ports import Audit
    from .recorder import Recorder

    Treat = Callable[[Service, causes.Remedy], Coroutine[Any, Any, Outcome]]

log = logging.getLogger(__name__)

REPLAY_MOST = 20_000
"""Rows of the audit trail that are read at the start; far more than any budget leaves in its window."""
LONGEST = 7 * 86400.0
"""Seconds that a recovery mode set at run time or a maintenance window may last at most."""
SHORTEST = 1.0
SAME_MOMENT = 0.5
"""Seconds."""


class AutoRecovery:
    """Brings services back by itself, where it may. ``clock`` only goes forward, and is the event loop's."""

    def __init__(
        self,
        engine: Engine,
        recorder: Recorder,
        treat: Treat,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine = engine
        self._recorder = recorder
        self._treat = treat
        self._seed = ""
        self._clock = clock
        self._memory = Memory()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._said: dict[str, tuple[Phase, str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._who = access.agent_actor()
        self._ending = False
        self.on_maintenance_over: list[Callable[[Service], None]] = []
        """Called with a service when its maintenance window has ended, in whatever way."""

    # -- from start to end

    def start(self, audit: Audit, seed: str) -> None:
        """Remember what was before, and look at all services from now on. ``seed``: what jitter is drawn from."""
        self._seed = seed
        self._memory = recall(audit.replay(ACTIONS, REPLAY_MOST), self._engine.now(), self._clock())
        self._engine.on_update(self._updated)
        for service in self._engine.services.values():
            self.look(service)

    def begin_nothing(self) -> None:
        """From now on only what is under way goes on."""
        self._ending = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def finish(self, deadline: float) -> None:
        """Let what is under way come to its end, at most ``deadline`` seconds; then cut it off."""
        self.begin_nothing()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=deadline)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:  # nobody waits for it; whatever it was, the other services still need to be looked after
                log.exception("%s ended by a mistake of the agent's", name)

        task = asyncio.create_task(run(), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- looking

    def _updated(self, service: Service) -> None:
        """Something about a service has changed; the engine shows it when this returns."""
        self._decide(service)
        for name in self._engine.catalogue.dependants(service.spec.name):
            if name in self._engine.services:
                self.look(self._engine.services[name])

    def look(self, service: Service) -> None:
        """Judge a service anew, and show what has become of that, if anything."""
        before = service.auto, service.maintenance
        self._decide(service)
        if (service.auto, service.maintenance) != before:
            self._engine.show(service)

    def _look_again(self, name: str) -> None:
        self._timers.pop(name, None)
        if name in self._engine.services:
            self.look(self._engine.services[name])

    def _decide(self, service: Service) -> None:
        if self._ending:
            return
        name, now = service.spec.name, self._clock()
        was_maintained = service.maintenance is not None
        self._expire(service, now)
        found = self._diagnose(service)
        track = self._memory.tracks.get(name, Track())
        track, decision = policy.decide(
            service.spec.auto, track, self._facts(service, found), now, f"{self._seed} {name}"
        )
        self._memory.tracks[name] = track
        for note in decision.notes:
            self._note(service, note, track, decision)
        if decision.act:
            self._memory.tracks[name] = policy.begun(track, now, decision.reason)
            remedy = causes.remedy(found.cause) if found else causes.Remedy.NONE
            self._spawn(self._attempt(service, remedy, decision, track), f"recovery {name}")
        self._say(service, decision)
        self._show(service, decision, now)
        self._wake(service, decision, now)
        if was_maintained and service.maintenance is None:
            for tell in self.on_maintenance_over:
                tell(service)

    def _diagnose(self, service: Service) -> Diagnosis | None:
        return live.diagnose(service, self._engine.visible())

    def _facts(self, service: Service, found: Diagnosis | None) -> Facts:
        name, unit = service.spec.name, service.unit
        window = self._memory.maintenance.get(name)
        restarts = rules.restarts_itself(unit)
        return Facts(
            health=service.health,
            automatic=self.mode(service) == "auto",
            remedy=causes.remedy(found.cause).value if found else causes.Remedy.NONE.value,
            why=found.sentence if found else "",
            answering=self._engine.bus_answering,
            restarts_itself=restarts,
            restart_due=restarts and unit is not None and unit.active_state == "failed" and not rules.given_up(unit),
            dependencies_down=live.down(service, self._engine.visible()),
            busy=self._busy(service),
            maintenance=window.value if window else "",
            invocation=unit.invocation_id if unit and unit.invocation_id.strip("0") else "",
        )

    @staticmethod
    def _busy(service: Service) -> str:
        """Whose action is under way or waits for its turn."""
        if service.busy is not None and service.busy.action != ATTEMPT:
            return f"the {service.busy.action} of {service.busy.user or 'an operator'}"
        if service.stops_waiting:
            return "an operator's stop"
        if service.lock.locked() and service.busy is None:
            return "an operator's action"
        return ""

    # -- telling

    def _say(self, service: Service, decision: Decision) -> None:
        """Each decision once, with its reason."""
        said = decision.phase, decision.reason
        if self._said.get(service.spec.name) != said and (service.auto is not None or self.mode(service) == "auto"):
            log.info("%s: automatic recovery is %s: %s", service.spec.name, decision.phase, decision.reason)
        self._said[service.spec.name] = said

    def _show(self, service: Service, decision: Decision, now: float) -> None:
        name, wall = service.spec.name, self._engine.now()
        window = self._memory.maintenance.get(name)
        if window is None:
            service.maintenance = None
        else:
            shown = service.maintenance.until if service.maintenance else None
            ends = _steady(wall + window.ends - now, shown)
            service.maintenance = Maintenance(ends, window.value, window.user)
        before = service.auto
        if self.mode(service) != "auto":
            service.auto = None
            return
        settings, track = service.spec.auto, self._memory.tracks[name]
        same = before is not None and before.state == decision.phase
        until: float | None = None
        wait = 0.0
        if decision.phase is not Phase.IDLE and decision.until is not None:
            wait = decision.until - now
            until = _steady(wall + wait, before.until if before is not None else None)
            if same and before is not None and until == before.until:
                wait = before.wait
        service.auto = Automatic(
            state=decision.phase.value,
            reason=decision.reason,
            since=before.since if same and before is not None else wall,
            until=until,
            wait=wait,
            attempts=len(policy.recent(settings, track, now)),
            budget=settings.budget,
            window=settings.window,
        )

    def _wake(self, service: Service, decision: Decision, now: float) -> None:
        """Look again when the decision says so, or when a setting ends."""
        name = service.spec.name
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        spans = (self._memory.modes.get(name), self._memory.maintenance.get(name))
        due = [span.ends for span in spans if span is not None]
        if decision.until is not None:
            due.append(decision.until)
        if due:
            loop = asyncio.get_running_loop()
            self._timers[name] = loop.call_later(max(min(due) - now, 0.0), self._look_again, name)

    def _note(self, service: Service, note: Note, track: Track, decision: Decision) -> None:
        detail: dict[str, Any] = {}
        sentence = ""
        if note is Note.OPENED:
            detail = {"wait_seconds": track.wait, "trips": track.trips, "why": track.opened}
            sentence = "Automatic recovery gave up for now (breaker open)"
        elif note is Note.CLOSED:
            sentence = "Automatic recovery is back (breaker closed)"
        reason = decision.reason
        self._noted(note.value, service.spec.name, self._who, reason, sentence, detail)

    def _noted(self, action: str, name: str, who: Actor, reason: str, sentence: str, detail: dict[str, Any]) -> None:
        async def write() -> None:
            await self._recorder.noted(action, name, who, reason, sentence, detail)

        self._spawn(write(), f"note {action} {name}")

    # -- acting

    async def _attempt(self, service: Service, remedy: causes.Remedy, decision: Decision, before: Track) -> None:
        """One attempt: written down before, done, verified, written down after. ``before``: what was remembered when it
        was decided upon."""
        name, needed = service.spec.name, True
        try:
            async with service.lock:
                # Between the decision and this turn somebody may have brought it back, or stopped it.
                needed = not service.health.up and self._memory.tracks[name].deliberate is None
                if needed:
                    await self._bring_back(service, remedy, decision, before)
        finally:
            track = policy.ended(self._memory.tracks[name], self._clock())
            if not needed:
                track = replace(track, attempts=before.attempts, failures=before.failures)
            self._memory.tracks[name] = track
            self.look(service)

    async def _bring_back(self, service: Service, remedy: causes.Remedy, decision: Decision, track: Track) -> None:
        name, began = service.spec.name, time.monotonic()
        row = replace(
            self._recorder.requested(ATTEMPT, name, self._who),
            sentence="Auto-remediation started",
            reason=decision.reason,
            detail={
                "remedy": remedy.value,
                "trial": decision.phase is Phase.HALF_OPEN,
                "attempt": len(track.attempts) + 1,
                "budget": service.spec.auto.budget,
                "failures": track.failures + 1,
            },
        )
        self._engine.set_busy(service, Busy(ATTEMPT, row.at, self._who.user))
        try:
            await self._recorder.write(row)
            result = await self._treat(service, remedy)
        finally:
            self._engine.set_busy(service, None)
        failed = result.outcome not in ("ok", "unchanged")
        sentence = f"Auto-remediation failed ({result.reason})" if failed else "Auto-remediation completed"
        self._engine.metrics.recovery(name, result.outcome)
        await self._recorder.finish(row, service, result, sentence, time.monotonic() - began)

    # -- what operators say

    def mode(self, service: Service) -> str:
        """The recovery mode in force, ``auto`` or ``manual``."""
        span = self._memory.modes.get(service.spec.name)
        return span.value if span is not None else service.spec.recovery

    def stopping(self, service: Service, who: Actor) -> None:
        """An operator wants it down, and waits for that: it is left alone until somebody starts it."""
        self._remember(service, deliberate=Deliberate(who.user))

    def stopped(self, service: Service) -> None:
        """The stop is over; the run that it ended is the one that counts."""
        track = self._memory.tracks.get(service.spec.name, Track())
        if track.deliberate is not None and service.unit is not None:
            invocation = service.unit.invocation_id
            self._remember(service, deliberate=replace(track.deliberate, invocation=invocation))

    def wanted_up(self, service: Service) -> None:
        """An operator wants it up, and is at it."""
        self._remember(service, deliberate=None)

    def _remember(self, service: Service, deliberate: Deliberate | None) -> None:
        name = service.spec.name
        self._memory.tracks[name] = replace(self._memory.tracks.get(name, Track()), deliberate=deliberate)
        self.look(service)

    async def set_mode(self, service: Service, mode: str, seconds: float, who: Actor) -> dict[str, Any]:
        """Put a recovery mode in force for some time. It arms automatic recovery anew: the breaker closes."""
        name = service.spec.name
        self._memory.modes[name] = Span(mode, who.user, self._clock() + seconds)
        self._memory.tracks[name] = policy.armed_anew(self._memory.tracks.get(name, Track()))
        self.look(service)
        detail = {"mode": mode, "seconds": seconds}
        sentence = f"Recovery set to {mode} for {seconds:g} s"
        return self._answer(service, await self._recorder.noted(MODE_SET, name, who, "", sentence, detail))

    async def reset_mode(self, service: Service, who: Actor) -> dict[str, Any]:
        """Go back to the catalogue's recovery mode."""
        name = service.spec.name
        if self._memory.modes.pop(name, None) is None:
            return self._answer(service, True, "the catalogue's mode is in force already")
        self.look(service)
        sentence = f"Recovery set back to {service.spec.recovery}"
        return self._answer(service, await self._recorder.noted(MODE_RESET, name, who, "", sentence, {}))

    async def begin_maintenance(self, service: Service, seconds: float, reason: str, who: Actor) -> dict[str, Any]:
        """Begin a window in which nothing is done automatically, or replace the one that there is."""
        name = service.spec.name
        self._memory.maintenance[name] = Span(reason, who.user, self._clock() + seconds)
        self.look(service)
        sentence = f"Maintenance begun for {seconds:g} s ({reason})"
        detail = {"seconds": seconds}
        return self._answer(service, await self._recorder.noted(BEGUN, name, who, reason, sentence, detail))

    async def end_maintenance(self, service: Service, who: Actor) -> dict[str, Any]:
        name = service.spec.name
        if self._memory.maintenance.pop(name, None) is None:
            return self._answer(service, True, "it is not under maintenance")
        self.look(service)
        return self._answer(service, await self._recorder.noted(ENDED, name, who, "", "Maintenance ended", {}))

    def _expire(self, service: Service, now: float) -> None:
        name, over = service.spec.name, "its time is over"
        span = self._memory.modes.get(name)
        if span is not None and span.ends <= now:
            del self._memory.modes[name]
            sentence = f"Recovery set back to {service.spec.recovery} ({over})"
            self._noted(MODE_RESET, name, self._who, over, sentence, {})
        span = self._memory.maintenance.get(name)
        if span is not None and span.ends <= now:
            del self._memory.maintenance[name]
            self._noted(ENDED, name, self._who, over, f"Maintenance ended ({over})", {})

    def _answer(self, service: Service, recorded: bool, unchanged: str = "") -> dict[str, Any]:
        view = self._engine.view(service)
        return {
            "service": service.spec.name,
            "outcome": "unchanged" if unchanged else "ok",
            "reason": unchanged,
            **{key: view[key] for key in ("recovery", "auto", "maintenance")},
            "recorded": recorded,
        }


def _steady(at: float, shown: float | None) -> float:
    """A moment that is computed anew each time, as it is shown already: that two clocks never agree to the last bit is
    no news; that the wall clock was set is."""
    return shown if shown is not None and abs(at - shown) < SAME_MOMENT else at
