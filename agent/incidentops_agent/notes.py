"""Rows of the audit trail that nobody waits for: written in their order by one task, so that no fact delays another."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import AuditRow
    from .ports import Trail

log = logging.getLogger(__name__)

WAITING_MOST = 10_000


class Notes:
    """Writes rows behind the caller's back until closed."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        self._waiting: asyncio.Queue[tuple[AuditRow, asyncio.Future[bool]] | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    def put(self, row: AuditRow) -> asyncio.Future[bool]:
        """Have a row written; the future says whether it was stored, for who wants to know."""
        stored: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if self._waiting.qsize() >= WAITING_MOST:
            log.error("%d rows wait for the audit trail: %s of %s is left out", WAITING_MOST, row.action, row.service)
            stored.set_result(False)
            return stored
        self._waiting.put_nowait((row, stored))
        if self._task is None:
            self._task = asyncio.create_task(self._write_forever(), name="notes")
        return stored

    async def _write_forever(self) -> None:
        while (entry := await self._waiting.get()) is not None:
            row, stored = entry
            done = False
            try:
                done = await self._trail.append(row)
            except Exception:  # the next row must be written all the same
                log.exception("%s of %s could not be noted by a mistake of the agent's", row.action, row.service)
            if not stored.done():
                stored.set_result(done)
            self._waiting.task_done()

    async def written(self) -> None:
        """Wait until what has been put so far is stored, or could not be."""
        await self._waiting.join()

    async def close(self) -> None:
        """Write what waits, and end."""
        if self._task is not None:
            self._waiting.put_nowait(None)
            await self._task
            self._task = None
