"""Faults: asked for here, made by root's code in units of their own, and watched until they are undone."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import fault_answers, views
from .fault_answers import Flight
from .fault_kinds import Kinds
from .jobs import Outcome
from .live import Busy
from .model import AuditRow
from .ports import BusError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .engine import Engine
    from .fault_kinds import FaultOrder
    from .model import Actor
    from .ports import Bus, FaultFiles
    from .recorder import Recorder

log = logging.getLogger(__name__)

OVER = ("recovered", "failed", "refused", "checked")
"""The phases after which nothing more happens; a fault in any other one is, or may be, in effect."""
LOOK, LOOK_BUSY = 5.0, 0.5
"""Seconds between two looks at the statuses while nothing is known to be injected, and while something is."""
CAPABLE_AGE = 20.0
"""Seconds for which it stays true what is possible on this machine."""
APPLYING = 330.0
"""Seconds within which a fault must have taken effect or failed; systemd's own limit is a little less."""
UNDOING = 700.0
"""Seconds within which a fault must be undone."""


def unit_of(fault_id: str) -> str:
    return f"incidentops-fault@{fault_id}.service"


def busy(status: dict[str, Any]) -> bool:
    return bool(status) and status.get("phase") not in OVER


class Faults:
    """Injects, reverts and shows faults. What is injected is what the root code says, also after a restart."""

    def __init__(self, engine: Engine, bus: Bus, recorder: Recorder, files: FaultFiles, agent: Actor) -> None:
        self._engine = engine
        self._bus = bus
        self._recorder = recorder
        self._files = files
        self._agent = agent
        self._known: dict[str, dict[str, Any]] = {}
        self._reverted: set[str] = set()
        self._flights: dict[str, Flight] = {}
        self._down_before: set[str] = set()
        self._capable: asyncio.Task[list[dict[str, Any]]] | None = None
        self._capable_at = -CAPABLE_AGE
        self._news = asyncio.Event()
        self._notes: set[asyncio.Task[bool]] = set()
        self.kinds = Kinds()
        self.on_begin: list[Callable[[str, str, str, float], None]] = []
        """Are told of service, fault id, kind, and when it began, in seconds since the epoch."""
        self.on_end: list[Callable[[str, str], None]] = []
        """Are told of service and fault id."""
        self.load()

    def load(self) -> None:
        """Read the kinds of faults that are installed."""
        try:
            self.kinds = self._files.kinds()
        except OSError as error:
            self._engine.report("faults", f"no faults can be injected: {error}")
        else:
            self._engine.report("faults", "")

    # -- watching

    async def watch(self) -> None:
        """Follow the statuses for ever; begins with what an earlier run of the agent has left."""
        self.look()
        while True:
            await asyncio.sleep(LOOK_BUSY if self._active() else LOOK)
            self.look()

    def look(self) -> None:
        """Take note of what the root code says now."""
        if not self._files.changed():
            return
        statuses = self._files.statuses()
        for fault_id in self._known.keys() - statuses.keys():
            # Root takes a story away only of what is over, when a full /run does not let it tell the end.
            end = {"phase": "recovered", "message": "it is undone, and could not tell"}
            self._took(fault_id, self._known[fault_id], {**self._known[fault_id], **end})
        for fault_id, status in statuses.items():
            before = self._known.get(fault_id, {})
            if status != before:
                self._took(fault_id, before, status)
        self._known = statuses
        self._show()
        self._news.set()
        self._news = asyncio.Event()

    def _took(self, fault_id: str, before: dict[str, Any], status: dict[str, Any]) -> None:
        service, kind = str(status.get("service", "")), str(status.get("kind", ""))
        began = status.get("began")
        if isinstance(began, int | float) and busy(status) and not before.get("began"):
            for told in self.on_begin:
                told(service, fault_id, kind, float(began))
        if not busy(status) and busy(before):
            for ended in self.on_end:
                ended(service, fault_id)
            self._note_end(fault_id, status)
        if "kind" in status and status.get("phase") != before.get("phase"):
            self._engine.broker.publish("fault", self._view(fault_id, status))

    def _note_end(self, fault_id: str, status: dict[str, Any]) -> None:
        kind, why = str(status.get("kind", "")), str(status.get("ended_by", ""))
        self._engine.metrics.fault(kind, str(status.get("service", "")), str(status.get("phase", "")))
        sentence = "" if fault_id in self._reverted else f"Fault {kind} undone ({why})"
        self._reverted.discard(fault_id)
        self._down_before.discard(fault_id)
        row = AuditRow(
            uuid.uuid4().hex,
            "noted",
            self._engine.now(),
            "fault-ended",
            str(status.get("service", "")),
            self._agent,
            str(status.get("phase", "")),
            str(status.get("failure", "") or status.get("message", "")),
            sentence,
            detail={"fault": fault_id, "kind": kind, "ended_by": why},
        )
        task = asyncio.create_task(self._recorder.write(row), name="fault-ended")
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def finish(self) -> None:
        """Wait for what is being written down, and end a check that is under way."""
        if self._capable is not None:
            self._capable.cancel()
            await asyncio.gather(self._capable, return_exceptions=True)
        await asyncio.gather(*self._notes, return_exceptions=True)

    def _show(self) -> None:
        faults = {str(status.get("service")): self._view(one, status) for one, status in self._active().items()}
        for name, service in self._engine.services.items():
            shown = faults.get(name)
            if shown is not None:
                shown.pop("remaining_seconds")  # changes by itself; whoever shows it has ``until``
            self._engine.set_fault(service, shown)

    def _view(self, fault_id: str, status: dict[str, Any]) -> dict[str, Any]:
        return views.fault(fault_id, status, self._engine.now())

    def _active(self) -> dict[str, dict[str, Any]]:
        return {fault_id: status for fault_id, status in self._known.items() if busy(status) and "kind" in status}

    # -- showing

    def active(self) -> list[dict[str, Any]]:
        """What is injected, the one that ends last first."""
        self.look()
        found = [self._view(fault_id, status) for fault_id, status in self._active().items()]
        return sorted(found, key=lambda one: (one["until"] or "9", one["id"]), reverse=True)

    def one(self, fault_id: str) -> dict[str, Any] | None:
        """A fault that is injected or was a while ago."""
        self.look()
        status = self._known.get(fault_id, {})
        return self._view(fault_id, status) if "kind" in status else None

    async def catalogue(self) -> dict[str, Any]:
        """All kinds, with what is possible on this machine for each service."""
        capable = await self.capabilities()
        by_kind: dict[str, list[dict[str, Any]]] = {}
        for one in capable:
            about = {"service": one["service"], "available": one["available"], "reason": one["reason"]}
            by_kind.setdefault(one["kind"], []).append(about)
        described = self.kinds.described
        return {
            "duration": described.get("duration", {}),
            "kinds": [{**one, "services": by_kind.get(one["kind"], [])} for one in described.get("kinds", [])],
        }

    async def capabilities(self) -> list[dict[str, Any]]:
        """What the root code says is possible now; asked once for all who ask meanwhile, and not more often than
        each CAPABLE_AGE seconds.

        Raises:
            BusError: it can't be asked.
        """
        old = time.monotonic() - self._capable_at > CAPABLE_AGE
        failed = self._capable is not None and self._capable.done() and self._capable.exception() is not None
        if self._capable is None or failed or (old and self._capable.done()):
            self._capable_at = time.monotonic()
            self._capable = asyncio.create_task(self._check(), name="fault-check")
        return await asyncio.shield(self._capable)

    async def _check(self) -> list[dict[str, Any]]:
        status = await self._answered({"mode": "check"})
        shown = self._engine.visible()
        capable: list[dict[str, Any]] = status.get("capabilities", [])
        return [one for one in capable if one["service"] in shown]

    async def preview(self, order: FaultOrder) -> dict[str, Any]:
        """What a fault would do. Changes nothing.

        Raises:
            BusError: the root code can't be asked, or refuses.
        """
        status = await self._answered({"mode": "preview", **fault_answers.asked(order)})
        return {
            "kind": order.kind,
            "service": order.service,
            "parameters": dict(order.values),
            "duration_seconds": order.duration,
            "preview": status.get("preview", []),
            "available": not status.get("unavailable"),
            "reason": status.get("unavailable", ""),
        }

    async def _answered(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask the root code something that changes nothing."""
        fault_id = uuid.uuid4().hex
        status, _ = await self._ask(fault_id, request)
        if status.get("phase") != "checked":
            raise BusError("refused", str(status.get("message") or "the unit of the fault ended without an answer"))
        return status

    async def _ask(self, fault_id: str, request: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Hand over a request and start its unit; what the root code says then, and the job's number."""
        try:
            self._files.ask(fault_id, request)
        except OSError as error:
            raise BusError("not-asked", f"the request can't be handed over: {error}") from error
        try:
            job = await self._bus.job("start", unit_of(fault_id))
            async with asyncio.timeout(APPLYING):
                await asyncio.shield(job.done)
        except TimeoutError as error:
            raise BusError("timeout", f"it has not taken effect within {APPLYING:g} s") from error
        finally:
            self._files.withdraw(fault_id)
        self.look()
        return self._known.get(fault_id, {}), job.job_id

    # -- acting

    async def inject(self, order: FaultOrder, who: Actor, action: str = "fault-inject") -> dict[str, Any]:
        """Inject a fault; answers when its effect was measured, or why there is none."""
        fault_id = uuid.uuid4().hex[:12]
        flight = self._flights[fault_id] = Flight(order)
        try:
            return await self._inject(fault_id, flight, who, action)
        finally:
            del self._flights[fault_id]
            flight.over.set()

    async def _inject(self, fault_id: str, flight: Flight, who: Actor, action: str) -> dict[str, Any]:
        order = flight.order
        service = self._engine.services[order.service]
        async with service.lock:
            began = time.monotonic()
            detail = {"fault": fault_id, **fault_answers.asked(order)}
            row = replace(self._recorder.requested(action, order.service, who), detail=detail)
            self._engine.set_busy(service, Busy("inject", row.at, who.user))
            try:
                recorded = await self._recorder.write(row)
                outcome = await self._injected(fault_id, flight, who)
            finally:
                self._engine.set_busy(service, None)
            sentence = f"Fault {order.kind} injected for {order.duration:g} s"
            if outcome.kind:
                sentence = f"Fault {order.kind} not injected ({outcome.reason})"
            recorded &= await self._recorder.finish(row, service, outcome, sentence, time.monotonic() - began)
        answer = fault_answers.answer(row, outcome, recorded, service)
        answer["fault"] = self.one(fault_id)
        answer["duration_seconds"] = round(time.monotonic() - began, 4)
        if outcome.kind:
            answer["message"] = f"cannot inject {order.kind} into {order.service}: {outcome.reason}"
        return answer

    async def _injected(self, fault_id: str, flight: Flight, who: Actor) -> Outcome:
        if flight.called_off.is_set():
            return Outcome("failed", "it was reverted before it had begun", "superseded")
        if not self._engine.services[flight.order.service].health.up:
            self._down_before.add(fault_id)
        flight.asked = True
        user = "".join(letter for letter in who.user if letter.isascii() and (letter.isalnum() or letter in "_.@-"))
        try:
            status, job_id = await self._ask(fault_id, {**fault_answers.asked(flight.order), "user": user[:64]})
        except BusError as error:
            return Outcome("failed", str(error), error.kind)
        if status.get("verified") and not flight.called_off.is_set():
            return Outcome("ok", str(status.get("message", "")), job_id=job_id)
        if status.get("phase") == "refused":
            return Outcome("failed", str(status.get("message", "")), str(status.get("refusal", "refused")), job_id)
        # Its unit failed; the undoing is a part of that, and may be under way still.
        if flight.called_off.is_set():
            return Outcome("failed", "it was reverted before it was in effect", "superseded", job_id)
        reason = str(status.get("failure") or status.get("message") or "its unit ended without a word")
        return Outcome("failed", reason, "no-effect", job_id)

    async def revert(self, fault_id: str, who: Actor) -> dict[str, Any]:
        """End a fault and wait until it is undone and the service has recovered."""
        flight = self._flights.get(fault_id)
        status = self._known.get(fault_id) or (flight.status if flight else {})
        service = self._engine.services.get(str(status.get("service")))
        began = time.monotonic()
        row = replace(
            self._recorder.requested("fault-revert", str(status.get("service", "")), who),
            detail={"fault": fault_id, "kind": status.get("kind", "")},
        )
        recorded = await self._recorder.write(row)
        outcome = await self._undone(fault_id)
        if outcome.outcome == "ok" and service is not None and fault_id not in self._down_before:
            outcome = await fault_answers.answering(self._engine, service, outcome)
        sentence = f"Fault {status.get('kind')} reverted"
        if outcome.kind:
            sentence = f"Fault {status.get('kind')} not reverted ({outcome.reason})"
        elif outcome.outcome == "unchanged":
            sentence = ""
        recorded &= await self._recorder.finish(row, service, outcome, sentence, time.monotonic() - began)
        answer = fault_answers.answer(row, outcome, recorded, service)
        answer["fault"] = self.one(fault_id) or self._view(fault_id, status)
        answer["duration_seconds"] = round(time.monotonic() - began, 4)
        if outcome.kind:
            answer["message"] = f"cannot revert {fault_id}: {outcome.reason}"
        return answer

    async def _undone(self, fault_id: str) -> Outcome:
        self.look()
        flight = self._flights.get(fault_id)
        if flight is not None:
            flight.called_off.set()
            if not flight.asked:  # and it won't be
                return Outcome("ok", "it had not begun")
        elif not busy(self._known.get(fault_id, {})):
            return Outcome("unchanged", "it was over already")
        self._reverted.add(fault_id)
        job_id = None
        try:
            job = await self._bus.job("stop", unit_of(fault_id))
            job_id = job.job_id
            async with asyncio.timeout(UNDOING):
                await asyncio.shield(job.done)
                if flight is not None:
                    await flight.over.wait()
                # An undoing that was killed is taken up by another unit.
                self.look()
                while busy(self._known.get(fault_id, {})):
                    await self._news.wait()
        except TimeoutError:
            why = self._known.get(fault_id, {}).get("failure", "")
            reason = f"it is not undone after {UNDOING:g} s and systemd goes on trying" + (f" ({why})" if why else "")
            return Outcome("failed", reason, "undo-failed", job_id)
        except BusError as error:
            return Outcome("failed", str(error), error.kind, job_id)
        return Outcome("ok", str(self._known.get(fault_id, {}).get("message", "")), job_id=job_id)

    async def panic(self, who: Actor) -> dict[str, Any]:
        """Revert everything, all at once, also what is only just being injected; waits for nobody's turn."""
        self.look()
        ids = sorted(self._active().keys() | self._flights.keys())
        answers = await asyncio.gather(*(self.revert(fault_id, who) for fault_id in ids))
        failed = [one for one in answers if one["outcome"] == "failed"]
        answer: dict[str, Any] = {
            "status": "partial" if failed else "completed",
            "faults_reverted": [one["fault"]["id"] for one in answers if one not in failed],
            "faults_left": [one["fault"]["id"] for one in failed if one["fault"]["id"] in self._active()],
            "steps": answers,
            "message": "" if ids else "No fault is injected.",
        }
        if failed:
            answer["kind"] = "undo-failed"
            answer["message"] = "cannot revert everything: " + "; ".join(one["message"] for one in failed)
        return answer

    def of_service(self, name: str) -> list[str]:
        """The ids of the faults that are injected into a service, or are only just being."""
        self.look()
        injected = [fault_id for fault_id, status in self._active().items() if status.get("service") == name]
        under_way = [fault_id for fault_id, flight in self._flights.items() if flight.order.service == name]
        return list(dict.fromkeys(injected + under_way))
