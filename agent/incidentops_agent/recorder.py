"""Writes down what operators do: the audit trail, the metrics and the event stream get the same row."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import views
from .model import AuditRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .engine import Engine, Service
    from .jobs import Outcome
    from .model import Actor
    from .ports import Audit


class Recorder:
    """Makes and writes audit rows."""

    def __init__(self, engine: Engine, audit: Audit) -> None:
        self._engine = engine
        self._audit = audit

    async def write(self, row: AuditRow) -> bool:
        """True when the row is safely stored. Who watches actions is told once it is: what follows is the action."""
        stored = await self._audit.append(row)
        self._engine.acted(row)
        return stored

    def requested(self, action: str, name: str, who: Actor) -> AuditRow:
        """The row that an action begins with; not written yet."""
        return AuditRow(uuid.uuid4().hex, "requested", self._engine.now(), action, name, who)

    async def noted(
        self, action: str, name: str, who: Actor, reason: str, sentence: str, detail: Mapping[str, Any]
    ) -> bool:
        """Write down a fact that is no action of its own, in one row; True when it is safely stored."""
        row = AuditRow(
            uuid.uuid4().hex,
            "noted",
            self._engine.now(),
            action,
            name,
            who,
            outcome="ok",
            reason=reason,
            sentence=sentence,
            detail=detail,
        )
        recorded = await self._audit.append(row)
        self._engine.broker.publish("action", views.audit_row(row))
        return recorded

    async def finish(
        self, row: AuditRow, service: Service | None, result: Outcome, sentence: str, seconds: float
    ) -> bool:
        self._engine.metrics.action(row.action, row.service, result.outcome, seconds)
        finished = replace(
            row,
            phase="finished",
            at=self._engine.now(),
            outcome=result.outcome,
            reason=result.reason,
            sentence=sentence,
            job_id=result.job_id,
            invocation_id=service.unit.invocation_id if service and service.unit else "",
            duration=seconds,
            incident=row.incident or (service.incident if service else None) or "",
        )
        self._engine.acted(finished)
        recorded = await self._audit.append(finished)
        self._engine.broker.publish("action", views.audit_row(finished))
        return recorded
