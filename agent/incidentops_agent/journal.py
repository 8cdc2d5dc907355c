"""Actions in the journal, with structured fields: journalctl INCIDENTOPS_SERVICE=redis finds them."""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import TYPE_CHECKING

from systemd import journal

if TYPE_CHECKING:
    from .model import AuditRow

# sd-daemon(3): notice for what went as asked, warning for the rest.
_NOTICE, _WARNING = 5, 4


WAITING_MOST = 1000


class JournalWriter:
    """Writes finished actions in a thread of its own: a journald that is stopped makes its writers wait, and nobody
    who asked for an action should. When more than WAITING_MOST rows wait, further ones are left out of the journal."""

    def __init__(self) -> None:
        self._queue: queue.Queue[AuditRow] = queue.Queue(WAITING_MOST)
        threading.Thread(target=self._write_forever, name="journal", daemon=True).start()

    def put(self, row: AuditRow) -> None:
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(row)

    def _write_forever(self) -> None:
        while True:
            row = self._queue.get()
            with contextlib.suppress(OSError):
                send(row)


def send(row: AuditRow) -> None:
    """Write one finished action; raises OSError when there is no journal."""
    who = row.actor
    fields = {
        "INCIDENTOPS_ACTION": row.action,
        "INCIDENTOPS_ACTION_ID": row.action_id,
        "INCIDENTOPS_SERVICE": row.service,
        "INCIDENTOPS_OUTCOME": row.outcome,
        "INCIDENTOPS_REASON": row.reason,
        "INCIDENTOPS_ACTOR": who.user,
        "INCIDENTOPS_ACTOR_UID": "" if who.uid is None else str(who.uid),
        "INCIDENTOPS_ACTOR_PROGRAM": who.program,
        "INCIDENTOPS_DOOR": who.door,
        "INCIDENTOPS_JOB_ID": "" if row.job_id is None else str(row.job_id),
        "INCIDENTOPS_INVOCATION_ID": row.invocation_id,
    }
    message = f"{row.action} {row.service}: {row.outcome}, by {who.user or 'nobody known'} through {who.door}"
    if row.reason:
        message += f" ({row.reason})"
    priority = _NOTICE if row.outcome in ("ok", "unchanged") else _WARNING
    journal.send(message, PRIORITY=str(priority), SYSLOG_IDENTIFIER="incidentops-agent", **fields)
