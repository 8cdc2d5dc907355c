"""Evidence that is looked up only when something is down: who holds its port, and what its journal says."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from . import causes
from .ports import BusError

if TYPE_CHECKING:
    from .engine import Service
    from .ports import Bus, Journal, Listeners

JOURNAL_LINES = 20
JOURNAL_DEADLINE = 0.5
"""Seconds that a sentence waits for the journal to say something; what a process said last takes a moment."""
JOURNAL_PAUSE = 0.1


class Evidence:
    def __init__(self, bus: Bus, journal: Journal, listeners: Listeners) -> None:
        self._bus = bus
        self._journal = journal
        self._listeners = listeners

    async def port_holder(self, service: Service) -> str:
        """A sentence that says who else holds the port of a service of which nothing runs; empty when nobody does."""
        at, unit = causes.listens_at(service.spec), service.unit
        if at is None or unit is None or causes.runs(unit):
            return ""
        user = self._listeners.user(*at)
        if user is None:
            return ""
        try:
            sockets = [name for name in await self._bus.triggered_by(unit.unit) if name.endswith(".socket")]
        except BusError:
            return ""
        # systemd itself listens for the service, and passes the socket on.
        return "" if sockets else f"port {at[1]} is taken by a program of user {user}"

    async def last_words(self, service: Service, before: str) -> str:
        """What the run that failed said last of why; empty when it said nothing or there was none but the one
        ``before``."""
        unit = service.unit
        if unit is None or unit.invocation_id in ("", before):
            return ""
        try:
            async with asyncio.timeout(JOURNAL_DEADLINE):
                while True:
                    entries = await self._journal.recent(unit.unit, JOURNAL_LINES, unit.invocation_id)
                    if entries:
                        return causes.last_words(entries)
                    await asyncio.sleep(JOURNAL_PAUSE)
        except (OSError, TimeoutError):
            return ""
