"""Lets the oldest rows of the audit trail go, and has a checkpoint sign them off."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from . import audit_store, chain
from .ports import Checkpoint
from .views import iso

if TYPE_CHECKING:
    import sqlite3

    from .chain import Head
    from .model import Actor, AuditRow

CARRIED_FACTS = (
    *("maintenance-*", "recovery-*", "breaker-*"),
    *("agent-*", "service-observed", "down-under-maintenance"),
)
"""Facts of which the newest is carried forward for each service: they say what holds now."""
CARRIED_ACTIONS = ("start", "stop", "restart", "incident", "resolve", "remediate-*")
"""Actions of which the last is: whether a service was stopped on purpose is known by them."""
ATTEMPT = "auto-start"
"""Attempts of automatic recovery count against a budget: those of the longest window are carried, by their requests."""
WINDOW, ATTEMPTS_MOST = 86400.0, 100

# Why rows are kept, and the first that is.
_KEPT = {
    "an action that is under way": f"SELECT min(seq) FROM audit WHERE {audit_store.OPEN_ACTIONS}",  # noqa: S608
    "an incident that is open": "SELECT min(seq) FROM audit WHERE action = 'incident-opened' AND incident NOT IN"
    " (SELECT incident FROM audit WHERE incident != '' AND action = 'incident-closed' UNION"
    " SELECT ifnull(json_extract(detail, '$.from'), '') FROM audit WHERE action = 'incident-merged')",
}


def through(database: sqlite3.Connection, before: float) -> tuple[int, str]:
    """The last row of those from the beginning that may go, 0 for none; what keeps older rows, empty for nothing."""
    (first_kept,) = database.execute("SELECT min(seq) FROM audit WHERE at >= ?", (before,)).fetchone()
    if first_kept is None:
        (newest,) = database.execute("SELECT max(seq) FROM audit").fetchone()
        first_kept = (newest or 0) + 1
    kept_by = ""
    for what, query in _KEPT.items():
        (seq,) = database.execute(query).fetchone()
        if seq is not None and seq < first_kept:
            first_kept, kept_by = seq, what
    (first,) = database.execute("SELECT min(seq) FROM audit").fetchone()
    return (first_kept - 1 if first is not None and first < first_kept else 0), kept_by


def checkpoint(
    database: sqlite3.Connection, last: Head, before: float, who: Actor
) -> tuple[Checkpoint, AuditRow | None]:
    """Remove what may go of the rows before a time (seconds since the epoch), in the transaction that is open.

    Gives what was done, and the row that signs it off, None when there was nothing to do.
    """
    end, kept_by = through(database, before)
    if not end:
        return Checkpoint(0, 0, before, kept_by, last), None
    (digest,) = database.execute("SELECT hash FROM audit WHERE seq = ?", (end,)).fetchone()
    (rows,) = database.execute("SELECT count(*) FROM audit WHERE seq <= ?", (end,)).fetchone()
    detail = {
        "through": end,
        "hash": digest,
        "rows": rows,
        "before": iso(before),
        "carried": _carried(database, end, time.time() - WINDOW),
    }
    row = audit_store.noted(chain.CHECKPOINT, who, detail)
    (head,) = audit_store.append(database, last, [row])
    database.execute("DELETE FROM audit WHERE seq <= ?", (end,))
    return Checkpoint(rows, end, before, kept_by, head), row


def _carried(database: sqlite3.Connection, end: int, since: float) -> list[dict[str, Any]]:
    """The rows that must outlive a checkpoint, oldest first; of those that an earlier one has carried too."""
    facts, names = audit_store.any_of(CARRIED_FACTS)
    actions, more = audit_store.any_of(CARRIED_ACTIONS)
    text = (
        f"SELECT action, service, max(seq) FROM audit WHERE (phase != 'requested' AND {facts})"  # noqa: S608
        f" OR (phase = 'finished' AND {actions}) GROUP BY action, service"
    )
    newest = {(action, service): seq for action, service, seq in database.execute(text, (*names, *more))}
    old = [dict(zip(audit_store.NAMES, values, strict=True)) for values in audit_store.carried(database)]
    kept = [row for row in old if row["action"] != ATTEMPT and (row["action"], row["service"]) not in newest]
    kept += _rows(database, "seq IN (SELECT value FROM json_each(?))", json.dumps(list(newest.values())), end)
    attempts = [row for row in old if row["action"] == ATTEMPT]
    attempts += _rows(database, "phase = 'requested' AND action = ?", ATTEMPT, end)
    kept += _that_count(attempts, since)
    return sorted(kept, key=lambda row: int(row["seq"]))


def _rows(database: sqlite3.Connection, condition: str, value: str, end: int) -> list[dict[str, Any]]:
    text = f"SELECT {audit_store.COLUMNS} FROM audit WHERE {condition} AND seq <= ? ORDER BY seq"  # noqa: S608
    return [dict(zip(audit_store.NAMES, found, strict=True)) for found in database.execute(text, (value, end))]


def _that_count(attempts: list[dict[str, Any]], since: float) -> list[dict[str, Any]]:
    """Of each service the newest, and those in the longest window, of which no budget takes more than some."""
    by_service: dict[str, list[dict[str, Any]]] = {}
    for row in attempts:
        by_service.setdefault(row["service"], []).append(row)
    return [
        row
        for rows in by_service.values()
        for row in rows[-ATTEMPTS_MOST:]
        if row is rows[-1] or float(row["at"]) >= since
    ]
