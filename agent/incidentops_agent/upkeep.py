"""Looks after the audit trail once a day: verifies its chain, and lets go what is older than the settings keep."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from . import access
from .ports import BrokenTrailError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ports import Audit

FIRST, EVERY = 60.0, 86400.0
"""Seconds from the agent's start to the first look, and between two."""
DAY = 86400.0


class Upkeep:
    """``report`` is told what is wrong with the trail, and an empty text when nothing is; ``now`` gives seconds since
    the epoch. ``keep_days`` is 0 to keep every row."""

    def __init__(
        self, audit: Audit, report: Callable[[str], None], now: Callable[[], float], keep_days: int = 0
    ) -> None:
        self._audit = audit
        self._report = report
        self._now = now
        self._keep_days = keep_days
        self._changed = asyncio.Event()

    def use(self, keep_days: int) -> None:
        """Keep rows for so many days from now on."""
        if keep_days != self._keep_days:
            self._keep_days = keep_days
            self._changed.set()

    async def run(self) -> None:
        """Go on until cancelled."""
        pause = FIRST
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), pause)
            self._changed.clear()
            pause = EVERY
            await self.look()

    async def look(self) -> None:
        """Verify once, and remove what is too old."""
        problem = ""
        try:
            if self._keep_days:
                await self._audit.checkpoint(self._now() - self._keep_days * DAY, access.agent_actor())
            else:
                verdict = await self._audit.verify()
                problem = verdict.problem.message if verdict.problem else ""
        except BrokenTrailError as error:
            problem = str(error)
        except OSError as error:
            self._report(f"the audit trail could not be verified: {error}")
            return
        self._report(problem and f"the audit trail is not as it was written: {problem}")
