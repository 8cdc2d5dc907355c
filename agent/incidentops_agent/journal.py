"""Actions in the journal, with structured fields: journalctl INCIDENTOPS_SERVICE=redis finds them."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from typing import TYPE_CHECKING

from systemd import journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .chain import Head
    from .model import AuditRow

# sd-daemon(3): notice for what went as asked, warning for the rest.
_NOTICE, _WARNING = 5, 4


WAITING_MOST = 1000


class JournalWriter:
    """Writes finished actions in a thread of its own: a journald that is stopped makes its writers wait, and nobody
    who asked for an action should. When more than WAITING_MOST rows wait, further ones are left out of the journal.
    ``report`` is called in the event loop with a sentence when writing fails, and with an empty text when it works
    again."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._loop = asyncio.get_running_loop()
        self._problem = ""
        self._queue: queue.Queue[tuple[AuditRow, Head | None]] = queue.Queue(WAITING_MOST)
        threading.Thread(target=self._write_forever, name="journal", daemon=True).start()

    def put(self, row: AuditRow, place: Head | None) -> None:
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait((row, place))

    def _write_forever(self) -> None:
        while True:
            row, place = self._queue.get()
            try:
                send(row, place)
            except Exception as error:  # the thread goes on, whatever a row holds
                self._complain(f"an action could not be written to the journal: {error}")
            else:
                self._complain("")

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            self._problem = problem
            self._loop.call_soon_threadsafe(self._report, problem)


def send(row: AuditRow, place: Head | None) -> None:
    """Write one finished action and its place in the audit trail; raises OSError when there is no journal."""
    who = row.actor
    fields = {
        "INCIDENTOPS_ACTION": row.action,
        "INCIDENTOPS_ACTION_ID": row.action_id,
        "INCIDENTOPS_SERVICE": row.service,
        "INCIDENTOPS_OUTCOME": row.outcome,
        "INCIDENTOPS_REASON": row.reason,
        "INCIDENTOPS_ACTOR": who.user,
        "INCIDENTOPS_ACTOR_UID": "" if who.uid is None else str(who.uid),
        "INCIDENTOPS_ACTOR_PID": "" if who.pid is None else str(who.pid),
        "INCIDENTOPS_ACTOR_PID_STARTED": "" if who.pid_started is None else str(who.pid_started),
        "INCIDENTOPS_ACTOR_PROGRAM": who.program,
        "INCIDENTOPS_DOOR": who.door,
        "INCIDENTOPS_JOB_ID": "" if row.job_id is None else str(row.job_id),
        "INCIDENTOPS_INVOCATION_ID": row.invocation_id,
        "INCIDENTOPS_DURATION_SECONDS": "" if row.duration is None else f"{row.duration:.4f}",
    }
    if place is not None:
        fields |= {"INCIDENTOPS_AUDIT_SEQ": str(place.seq), "INCIDENTOPS_AUDIT_HASH": place.hash}
    message = f"{row.action} {row.service}: {row.outcome}, by {who.user or 'nobody known'} through {who.door}"
    if row.reason:
        message += f" ({row.reason})"
    priority = _NOTICE if row.outcome in ("ok", "unchanged") else _WARNING
    # Half a character, which a service's own words may hold, can't be sent.
    message, *values = (text.encode(errors="replace").decode() for text in (message, *fields.values()))
    fields = dict(zip(fields, values, strict=True))
    journal.send(message, PRIORITY=str(priority), SYSLOG_IDENTIFIER="incidentops-agent", **fields)
