"""One armed time: each step of the plan is injected at its time, or skipped with the reason why not."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from incidentops_chaos.agent import AwayError, RefusedError
from incidentops_chaos.reverting import Undone, ours, revert_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from incidentops_chaos.agent import Agent
    from incidentops_chaos.reverting import Memory
    from incidentops_chaos.schedule import Step
    from incidentops_chaos.settings import Settings

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks at the agent while armed, and between two tries of a step that has to wait."""
STALE = 5.0
"""Seconds after which what was seen last is no ground to inject on."""
KEPT = 1000
"""Steps whose outcome is remembered; the plan itself can be printed again."""
SHORTEST = 1.0
"""Seconds that a fault lasts at least; one that would have to be shorter is not begun any more."""
LOST = 60.0
"""Seconds for which a fault whose answer was lost counts as one that may be in effect."""


@dataclass
class Record:
    """What became of a step: waiting, injecting, injected, over, skipped, failed, or lost when the agent's answer was;
    ``reason`` says why."""

    step: Step
    outcome: str = "waiting"
    reason: str = ""
    fault: str = ""
    at: float | None = None

    def view(self) -> dict[str, Any]:
        at = None if self.at is None else iso(self.at)
        return {**self.step.view(), "outcome": self.outcome, "reason": self.reason, "fault": self.fault, "at": at}


@dataclass
class _Seen:
    """What the last look at the agent has shown; times are of the monotonic clock."""

    at: float
    problem: str = "the agent has not been asked yet"
    services: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()


def iso(at: float) -> str:
    """Seconds since the epoch as the agent's API writes times."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local_minute() -> int:
    now = time.localtime()
    return now.tm_hour * 60 + now.tm_min


class Run:
    """Made when armed; ``go`` ends when all that was injected is undone."""

    def __init__(
        self,
        agent: Agent,
        memory: Memory,
        settings: Settings,
        steps: Sequence[Step],
        minute: Callable[[], int] = local_minute,
    ) -> None:
        self.id = secrets.token_hex(4)
        self.settings = settings
        self.steps = steps
        self.records: list[Record] = []
        self.began = time.time()
        self.ended: float | None = None
        self.ended_by = ""
        self.undone: Undone | None = None
        self._agent = agent
        self._memory = memory
        self._minute = minute
        self._origin = time.monotonic()
        self._stop = asyncio.Event()
        self._seen = _Seen(self._origin)
        self._live: dict[str, float] = {}
        self._injecting: dict[asyncio.Task[None], str] = {}
        self._lost: dict[int, float] = {}

    @property
    def over(self) -> bool:
        return self.undone is not None

    @property
    def until(self) -> float:
        return self.began + self.settings.seconds

    @property
    def remaining(self) -> float:
        """Seconds until it ends by itself."""
        return max(0.0, self.settings.seconds - self._elapsed()) if not self.ended_by else 0.0

    def stop(self, why: str) -> None:
        """Inject nothing more, and revert."""
        if not self.ended_by:
            self.ended_by = why
            self._stop.set()

    def _elapsed(self) -> float:
        return time.monotonic() - self._origin

    async def go(self) -> None:
        """Run the plan until its end or until stopped, then revert all and wait for that."""
        watching = asyncio.create_task(self._watch(), name="watch")
        try:
            await self._take_all()
            self.stop("time")
        except Exception:
            log.exception("the run ends by a mistake of this program")
            self.stop("mistake")
        # What was asked for is waited for, not let alone: its id is known only then.
        await asyncio.gather(*self._injecting, return_exceptions=True)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        undone = await revert_all(self._agent, self._memory)
        for record in self.records:
            if record.fault in undone.reverted:
                record.reason = "reverted"
            if record.outcome == "injected" and record.fault not in undone.left:
                record.outcome = "over"
        self.ended = time.time()
        self.undone = undone

    async def _take_all(self) -> None:
        for place, step in enumerate(self.steps):
            if await self._stopped_before(step.at):
                return
            following = self.steps[place + 1].at if place + 1 < len(self.steps) else self.settings.seconds
            await self._take(step, following)
        await self._stopped_before(self.settings.seconds)

    async def _stopped_before(self, at: float) -> bool:
        """Wait until ``at`` seconds after the arming; true when it is stopped meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, at - self._elapsed())):
                await self._stop.wait()
        return self._stop.is_set()

    # -- steps

    async def _take(self, step: Step, latest: float) -> None:
        """Inject a step as soon as that may be, but not once the next one is due: steps never pile up."""
        record = Record(step)
        self.records.append(record)
        del self.records[:-KEPT]
        while True:
            record.reason = self._obstacle(step)
            left = self.settings.seconds - self._elapsed()
            if not record.reason:
                if left < SHORTEST:
                    record.reason = "the time is over"
                else:
                    self._begin(record, min(step.duration, left))
                    return
            elif self._elapsed() < latest and not await self._stopped_before(min(self._elapsed() + LOOK, latest)):
                continue
            record.outcome = "skipped"
            return

    def _obstacle(self, step: Step) -> str:
        """Why a step can't be taken just now; empty when nothing speaks against it."""
        seen, settings = self._seen, self.settings
        minute = self._minute()
        for window in settings.quiet:
            if window.holds(minute):
                return f"it is quiet time, {window}"
        if seen.problem or time.monotonic() - seen.at > STALE:
            return seen.problem or "the agent has not answered for a while"
        at_work = len(self._injecting) + len(self._live) + len(self._lost)
        if at_work >= settings.concurrency:
            return f"{at_work} of its faults are in effect already"
        if step.service in seen.services or step.service in self._injecting.values():
            return f"{step.service} has a fault already"
        if settings.pause_on_incident and seen.incidents:
            return f"the incident {seen.incidents[0]} is open"
        return ""

    def _begin(self, record: Record, duration: float) -> None:
        try:
            self._memory.ask(record.step.kind, record.step.service)
        except OSError as error:  # what can't be remembered might be left behind
            record.outcome, record.reason = "failed", f"it can't be written down first: {error}"
            return
        record.outcome, record.at = "injecting", time.time()
        task = asyncio.create_task(self._inject(record, round(duration, 1)), name=f"step {record.step.number}")
        self._injecting[task] = record.step.service
        task.add_done_callback(self._injecting.pop)

    async def _inject(self, record: Record, duration: float) -> None:
        step = record.step
        try:
            key = f"chaos-{self.id}-{step.number}"
            record.fault = await self._agent.inject(step.kind, step.service, duration, key)
        except RefusedError as error:
            record.outcome, record.reason = "skipped" if error.status == 409 else "failed", str(error)
            self._memory.answered(step.kind, step.service)
        except AwayError as error:
            record.reason = str(error)
            if error.sent:  # it may be in effect, and is looked for
                record.outcome = "lost"
                self._lost[step.number] = time.monotonic()
            else:
                record.outcome = "skipped"
                self._memory.answered(step.kind, step.service)
        else:
            record.outcome = "injected"
            self._live[record.fault] = time.monotonic()
            self._memory.answered(step.kind, step.service, record.fault)

    # -- looking

    async def _watch(self) -> None:
        while True:
            began = time.monotonic()
            try:
                faults = await self._agent.faults()
                incidents = await self._agent.open_incidents() if self.settings.pause_on_incident else []
            except (AwayError, RefusedError) as error:
                self._seen.problem = str(error)
            else:
                self._seen = _Seen(
                    began,
                    "",
                    tuple(str(one["service"]) for one in faults),
                    tuple(str(one["id"]) for one in incidents),
                )
                self._compare(faults, began)
            await asyncio.sleep(LOOK)

    def _compare(self, faults: list[dict[str, Any]], began: float) -> None:
        """Take note of what is over, and of what is in effect although its answer was lost."""
        there = {str(one["id"]) for one in faults}
        for fault_id, since in list(self._live.items()):
            if since < began and fault_id not in there:
                del self._live[fault_id]
                self._memory.over(fault_id)
                for record in self.records:
                    if record.fault == fault_id:
                        record.outcome = "over"
        for record in [one for one in self.records if one.step.number in self._lost]:
            step = record.step
            for one in ours(self._memory, faults, self._agent.user):
                if (one["kind"], one["service"]) == (step.kind, step.service) and one["id"] not in self._live:
                    record.outcome, record.fault = "injected", str(one["id"])
                    self._live[record.fault] = began
                    self._memory.answered(step.kind, step.service, record.fault)
                    del self._lost[step.number]
                    break
            else:
                if began - self._lost[step.number] > LOST:
                    del self._lost[step.number]  # remembered still, and looked for at the end

    # -- showing

    def view(self) -> dict[str, Any]:
        taken = self.records[-1].step.number if self.records else 0
        coming = self.steps[taken].view() if taken < len(self.steps) and not self.ended_by else None
        waiting = self.records[-1].reason if self.records and self.records[-1].outcome == "waiting" else ""
        return {
            "run": self.id,
            "settings": self.settings.view(),
            "began": iso(self.began),
            "until": iso(self.until),
            "remaining_seconds": round(self.remaining, 1),
            "ended": None if self.ended is None else iso(self.ended),
            "ended_by": self.ended_by,
            "steps_planned": len(self.steps),
            "next": coming,
            "waiting": waiting,
            "faults": sorted(self._memory.faults),
            "left": dict(self.undone.left) if self.undone else {},
            "steps": [record.view() for record in self.records],
        }
