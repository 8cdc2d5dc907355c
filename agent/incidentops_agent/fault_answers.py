"""What those who inject and revert faults are told, and that the service answers again before they are."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .jobs import FASTEST_PROBE, PROBE_GROWTH, SLOWEST_PROBE, Outcome
from .model import ProbeOutcome

if TYPE_CHECKING:
    from .engine import Engine
    from .fault_kinds import FaultOrder
    from .live import Service
    from .model import AuditRow


@dataclass(slots=True)
class Flight:
    """An injection that is under way. ``asked``: systemd was asked to make it; ``called_off`` is set when it must not
    be asked any more, ``over`` when the injection has ended, well or not."""

    order: FaultOrder
    asked: bool = False
    called_off: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def status(self) -> dict[str, Any]:
        """In the form of what the root code says of faults, while it has said nothing."""
        failure = "it was called off before it was in effect"
        return {**asked(self.order), "phase": "failed", "failure": failure, "message": failure}


def asked(order: FaultOrder) -> dict[str, Any]:
    """An order as a request, a row of the audit trail and an answer have it."""
    return {
        "kind": order.kind,
        "service": order.service,
        "parameters": dict(order.values),
        "duration": order.duration,
    }


def answer(row: AuditRow, outcome: Outcome, recorded: bool, service: Service | None) -> dict[str, Any]:
    """What all answers to actions on faults have."""
    made: dict[str, Any] = {
        "service": row.service,
        "status": service.health.status if service else "down",
        "state": service.health.state.value if service else "unknown",
        "outcome": outcome.outcome,
        "reason": outcome.reason,
        "action_id": row.action_id,
        "job_id": outcome.job_id,
        "recorded": recorded,
    }
    if outcome.kind:
        made["kind"] = outcome.kind
    return made


async def answering(engine: Engine, service: Service, outcome: Outcome) -> Outcome:
    """Wait until the service of a fault that is undone answers its probe; what the root code looks at is its unit and
    whether it takes connections. What was masked, removed or is being stopped meanwhile need not."""
    pause, seconds = FASTEST_PROBE, service.spec.start_deadline
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not (_kept_down(service) or service.superseded.is_set()):
                # Only an answer after the end counts: the last one before may have been given in time.
                last = await engine.probe_now(service) if service.probeable else None
                if service.health.up and (last is None or last.outcome is not ProbeOutcome.FAILED):
                    return outcome
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(service.superseded.wait(), pause)
                pause = min(pause * PROBE_GROWTH, SLOWEST_PROBE)
            return outcome
    reason = f"it is undone, and {service.spec.name} does not answer after {seconds:g} s ({service.health.reason})"
    return Outcome("failed", reason, "not-recovered", outcome.job_id)


def _kept_down(service: Service) -> bool:
    return service.unit is not None and service.unit.load_state in ("masked", "not-found")
