"""Lets the oldest rows of the audit trail go, and has a checkpoint sign them off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import audit_store, chain
from .ports import Checkpoint
from .views import iso

if TYPE_CHECKING:
    import sqlite3

    from .chain import Head
    from .model import Actor, AuditRow

CARRIED_FACTS = ("maintenance-*", "recovery-*", "breaker-*")
"""Facts of which the newest is carried forward for each service: they say what holds now."""
CARRIED_ACTIONS = ("start", "stop", "restart", "incident", "resolve")
"""Actions of which the last is: whether a service was stopped on purpose is known by them."""

# Why rows are kept, and the first that is.
_KEPT = {
    "an action that is under way": f"SELECT min(seq) FROM audit WHERE {audit_store.OPEN_ACTIONS}",  # noqa: S608
    "an incident that is open": "SELECT min(seq) FROM audit WHERE action = 'incident-opened' AND incident NOT IN"
    " (SELECT incident FROM audit WHERE incident != '' AND action IN ('incident-closed', 'incident-merged'))",
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
        "carried": _carried(database, end),
    }
    row = audit_store.noted(chain.CHECKPOINT, who, detail)
    (head,) = audit_store.append(database, last, [row])
    database.execute("DELETE FROM audit WHERE seq <= ?", (end,))
    return Checkpoint(rows, end, before, kept_by, head), row


def _carried(database: sqlite3.Connection, end: int) -> list[dict[str, Any]]:
    """The rows that must outlive a checkpoint, oldest first: those of an earlier one too, while nothing is newer."""
    facts, names = audit_store.any_of(CARRIED_FACTS)
    actions, more = audit_store.any_of(CARRIED_ACTIONS)
    text = (
        f"SELECT action, service, max(seq) FROM audit WHERE (phase != 'requested' AND {facts})"  # noqa: S608
        f" OR (phase = 'finished' AND {actions}) GROUP BY action, service"
    )
    newest = {(action, service): seq for action, service, seq in database.execute(text, (*names, *more))}
    action, service = audit_store.NAMES.index("action"), audit_store.NAMES.index("service")
    kept = [values for values in audit_store.carried(database) if (values[action], values[service]) not in newest]
    kept += [
        list(database.execute(f"SELECT {audit_store.COLUMNS} FROM audit WHERE seq = ?", (seq,)).fetchone())  # noqa: S608
        for seq in sorted(newest.values())
        if seq <= end
    ]
    return [dict(zip(audit_store.NAMES, values, strict=True)) for values in kept]
