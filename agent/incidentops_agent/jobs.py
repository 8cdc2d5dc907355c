"""Jobs of systemd, followed until what they were for is true: a start until the probe answers, a stop until down."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from . import rules
from .model import ProbeOutcome, State
from .ports import LATE, BusError

if TYPE_CHECKING:
    from .engine import Engine, Service
    from .evidence import Evidence
    from .ports import Bus, Job

FASTEST_PROBE, SLOWEST_PROBE, PROBE_GROWTH = 0.01, 0.1, 1.2
"""Seconds between the probes that await a start; each pause is PROBE_GROWTH times the one before."""
STOP_CHECK = 0.05
"""Seconds that a probe may take to show that something still answers after a stop."""
NOTICED = 2.0
"""Seconds that systemd may take to notice the end of a process that the kernel has told us of."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended: ``ok``, ``unchanged`` (nothing was to be done), ``failed``, ``joined`` (another was under
    way), or ``unknown`` (systemd was asked and may still do it). ``kind`` is set when it did not succeed.

    ``last_words`` is what the unit's journal says of a start that failed. It is for those who may act, as journals are:
    it is in answers to them and not in the audit trail, which everybody may read."""

    outcome: str
    reason: str = ""
    kind: str = ""
    job_id: int | None = None
    last_words: str = ""

    @property
    def told(self) -> str:
        """The reason as those who may act are told it."""
        return f"{self.reason}; its journal says: {self.last_words}" if self.last_words else self.reason


_ENDED_BY_ITSELF = ("ended-at-once", "job-failed", "job-timeout", "timeout")
"""The kinds of failure of which a unit's own journal may know why."""
_SUPERSEDED = Outcome("failed", "it was superseded by a stop", "superseded")


def _of(error: BusError) -> Outcome:
    return Outcome("unknown" if error.kind == LATE else "failed", str(error), error.kind)


class Jobs:
    """Starts, stops, restarts and thaws units, and judges how that went."""

    def __init__(self, engine: Engine, bus: Bus, evidence: Evidence) -> None:
        self._engine = engine
        self._bus = bus
        self._evidence = evidence

    async def perform(self, service: Service, verb: str) -> Outcome:
        """Bring a service where ``verb`` (start, stop, restart) wants it; never raises BusError."""
        before = service.unit.invocation_id if service.unit else ""
        result = await self._perform(service, verb)
        if verb == "stop" or result.kind not in _ENDED_BY_ITSELF:
            return result
        words = await self._evidence.last_words(service, before)
        holder = await self._evidence.port_holder(service)
        return replace(result, reason="; ".join(filter(None, [result.reason, holder])), last_words=words)

    async def _perform(self, service: Service, verb: str) -> Outcome:
        if verb == "start" and service.main_exited:
            await self._reaped(service)
        unit = service.unit
        if verb != "stop" and service.superseded.is_set():
            return _SUPERSEDED
        if not self._engine.bus_answering:
            return Outcome("failed", "systemd does not answer", "systemd-unreachable")
        if unit is None or service.health.state is State.NOT_INSTALLED:
            return Outcome("failed", service.health.reason, "not-installed")
        if unit.load_state == "masked" and verb != "stop":
            return Outcome("failed", f"{unit.unit} is masked: it can't be started until it is unmasked", "masked")
        if verb == "start" and (unit.active_state in rules.ACTIVE or service.health.up) and not service.main_exited:
            return await self._already_active(service)
        was_down = unit.active_state in ("inactive", "failed")
        # A start of what is being started already joins that start; any other start or restart is a run of its own.
        old_invocation = "" if verb == "start" and rules.is_starting(unit) else unit.invocation_id
        try:
            job = await self._bus.job(verb, unit.unit)
        except BusError as error:
            return _of(error)
        if verb == "stop":
            stopped = await self._await_stop(service, job)
            if was_down and stopped.outcome == "ok":
                return replace(stopped, outcome="unchanged", reason=stopped.reason or "it was not running")
            return stopped
        return await self._await_start(service, job, old_invocation)

    async def thaw(self, service: Service, seconds: float) -> Outcome:
        """Let the frozen processes of a service go on, until its probe answers; never raises BusError."""
        try:
            await self._bus.thaw(service.unit_name)
        except BusError as error:
            return _of(error)
        pause = FASTEST_PROBE
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not service.superseded.is_set():
                    # Only an answer after the thaw counts: the last one before may have been given in time.
                    asked = await self._engine.probe_now(service) if service.probeable else None
                    if service.health.up and (asked is None or asked.outcome is not ProbeOutcome.FAILED):
                        return Outcome("ok")
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(service.superseded.wait(), pause)
                    pause = min(pause * PROBE_GROWTH, SLOWEST_PROBE)
                return _SUPERSEDED
        return Outcome("failed", f"it was thawed and does not answer after {seconds:g} s", "timeout")

    async def _reaped(self, service: Service) -> None:
        """Wait until systemd has noticed that the main process is gone: until then a start would do nothing."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(NOTICED):
                while service.main_exited:
                    await self._engine.changed(service).wait()

    async def _already_active(self, service: Service) -> Outcome:
        if service.probeable:
            await self._engine.probe_now(service)
        if service.health.up:
            return Outcome("unchanged", "it was already running")
        return Outcome(
            "failed",
            f"{service.unit_name} is active already but does not work ({service.health.reason}); restart it instead",
            "unresponsive",
        )

    async def _await_stop(self, service: Service, job: Job) -> Outcome:
        deadline = service.spec.stop_deadline
        try:
            async with asyncio.timeout(deadline):
                done = await asyncio.shield(job.done)
        except TimeoutError:
            return Outcome(
                "failed", f"systemd has not stopped it within {deadline:g} s and goes on trying", "timeout", job.job_id
            )
        except BusError as error:
            return replace(_of(error), job_id=job.job_id)
        if done.result != "done":
            return Outcome("failed", f"the stop job ended as {done.result!r}", f"job-{done.result}", done.job_id)
        note = ""
        if service.spec.probe.kind != "none":
            still = await self._engine.prober.probe(service.spec, STOP_CHECK)
            if still.outcome is ProbeOutcome.OK:
                note = "its unit is stopped, but something else still answers in its place"
        return Outcome("ok", note, job_id=done.job_id)

    async def _await_start(self, service: Service, job: Job, old_invocation: str) -> Outcome:
        """Until the probe answers, the job fails, the unit falls over after it, a stop supersedes it, or time is up."""
        deadline = service.spec.start_deadline
        prober = asyncio.create_task(self._probe_quickly(service), name=f"start-probe {service.spec.name}")
        try:
            async with asyncio.timeout(deadline):
                return await self._watch_start(service, job, old_invocation)
        except TimeoutError:
            reason = f"it does not answer its probe after {deadline:g} s ({service.health.reason})"
            return Outcome("failed", reason, "timeout", job.job_id)
        finally:
            prober.cancel()
            await asyncio.gather(prober, return_exceptions=True)

    async def _watch_start(self, service: Service, job: Job, old_invocation: str) -> Outcome:
        superseded: asyncio.Future[Any] = asyncio.ensure_future(service.superseded.wait())
        changed: asyncio.Future[Any] = superseded
        try:
            while True:
                changed = asyncio.ensure_future(self._engine.changed(service).wait())
                verdict = self._judge_start(service, job, old_invocation)
                if verdict is None:
                    waits = {superseded, changed} if job.done.done() else {superseded, changed, job.done}
                    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                if verdict is not None:
                    return verdict
                if superseded.done():
                    return replace(_SUPERSEDED, job_id=job.job_id)
        finally:
            superseded.cancel()
            changed.cancel()

    @staticmethod
    def _judge_start(service: Service, job: Job, old_invocation: str) -> Outcome | None:
        """The outcome as far as it can be told now; None while it is open."""
        unit = service.unit
        fresh = unit is not None and unit.invocation_id != old_invocation
        if fresh and service.health.up:
            return Outcome("ok", job_id=job.job_id)
        if not job.done.done():
            return None
        error = job.done.exception()
        if error is not None:
            assert isinstance(error, BusError)
            return replace(_of(error), job_id=job.job_id)
        done = job.done.result()
        if done.result == "failed" and not fresh and unit is not None and unit.active_state == "failed":
            return Outcome("failed", rules.START_LIMIT_HIT, "start-limit", done.job_id)
        if done.result != "done":
            reason = f"the job ended as {done.result!r}"
            if done.result == "frozen":
                reason = f"its processes are frozen; `systemctl thaw {service.unit_name}` releases them"
            if unit is not None and service.health.state is State.FAILED:
                reason = rules.failure_reason(unit)
            elif done.result == "dependency":
                reason = "a unit that it requires could not be started"
            return Outcome("failed", reason, f"job-{done.result}", done.job_id)
        if service.health.state in (State.FAILED, State.STOPPED):
            return Outcome("failed", f"it ended at once: {service.health.reason}", "ended-at-once", done.job_id)
        return None

    async def _probe_quickly(self, service: Service) -> None:
        """Kick the service's probe again and again, sooner at first: a start is over when the probe answers."""
        pause = FASTEST_PROBE
        while True:
            service.kick.set()
            await asyncio.sleep(pause)
            pause = min(pause * PROBE_GROWTH, SLOWEST_PROBE)
