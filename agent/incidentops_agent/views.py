"""The public JSON of the API: pure functions from live values to plain dictionaries."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from . import chain, rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .chain import Verdict
    from .incident import Incident
    from .live import Busy, Service
    from .model import (
        Actor,
        AuditRow,
        Automatic,
        Health,
        JournalEntry,
        Maintenance,
        ProbeView,
        Resources,
        ServiceSpec,
        UnitView,
    )
    from .ports import Checkpoint

DAY = 86400.0
"""Seconds from which on a time of day alone would be taken for another day's."""


def iso(seconds: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_seconds(seconds: float) -> str:
    """The same to the second, as the action log has it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def started(unit: UnitView | None, health: Health) -> str | None:
    """When the present run began; None when there is none."""
    if unit is None or not (health.up or unit.active_state in ("active", "reloading", "activating", "deactivating")):
        return None
    usec = unit.active_enter_usec if unit.active_state == "active" else unit.inactive_exit_usec
    return iso(usec / 1e6) if usec else None


def probe(spec: ServiceSpec, view: ProbeView) -> dict[str, Any]:
    last = view.last
    return {
        "kind": spec.probe.kind,
        "outcome": last.outcome.value,
        "latency_seconds": round(last.latency, 6) if view.at else None,
        "message": last.message,
        "at": iso(view.at) if view.at else None,
        "failures_in_a_row": view.failures,
        "detail": last.detail,
    }


def resources(used: Resources | None) -> dict[str, Any]:
    return {
        "memory_bytes": used.memory_bytes if used else None,
        "cpu_seconds": round(used.cpu_seconds, 3) if used else None,
        "tasks": used.tasks if used else None,
        "source": used.source if used else None,
        "read_at": iso(used.read_at) if used else None,
    }


def unit(view: UnitView | None, wanted: str) -> dict[str, Any]:
    """What systemd says, in systemd's own words."""
    if view is None:
        return {"name": wanted}
    return {
        "name": view.unit,
        "description": view.description,
        "load": view.load_state,
        "active": view.active_state,
        "sub": view.sub_state,
        "result": view.result,
        "main_pid": view.main_pid or None,
        "exit_code": view.exec_main_code,
        "exit_status": view.exec_main_status,
        "restarts": view.n_restarts,
        "restart_policy": view.restart_policy,
        "invocation_id": view.invocation_id.strip("0") and view.invocation_id,
        "enabled": view.unit_file_state,
        "freezer": view.freezer_state,
    }


def actor(who: Actor) -> dict[str, Any]:
    return {
        "uid": who.uid,
        "user": who.user,
        "pid": who.pid,
        "pid_started": who.pid_started,
        "program": who.program,
        "door": who.door,
        "note": who.note,
    }


def audit_row(row: AuditRow) -> dict[str, Any]:
    return {
        "action_id": row.action_id,
        "phase": row.phase,
        "at": iso(row.at),
        "action": row.action,
        "service": row.service,
        "actor": actor(row.actor),
        "outcome": row.outcome,
        "reason": row.reason,
        "sentence": row.sentence,
        "job_id": row.job_id,
        "invocation_id": row.invocation_id,
        "duration_seconds": round(row.duration, 4) if row.duration is not None else None,
        "incident": row.incident,
        "detail": dict(row.detail),
    }


def verdict(found: Verdict) -> dict[str, Any]:
    """What came out of verifying the trail; ``first_seq`` to ``last_seq`` are the rows that were found right."""
    problem = found.problem
    return {
        "verified": problem is None,
        "message": chain.sentence(found),
        "rows": found.rows,
        "first_seq": found.first,
        "last_seq": found.head.seq if found.rows else None,
        "head": str(found.head),
        "checked_seconds": round(found.seconds, 4),
        "problem": problem and {"seq": problem.seq, "what": problem.what, "message": problem.message},
    }


def checkpoint(done: Checkpoint) -> dict[str, Any]:
    kept = f"; older ones are kept because of {done.kept_by}" if done.kept_by else ""
    if done.rows:
        said = f"{done.rows} row{'s are' if done.rows > 1 else ' is'} gone, up to row {done.through}{kept}"
    else:
        said = f"there are no rows to remove{kept}"
    return {
        "status": "completed",
        "rows": done.rows,
        "through": done.through or None,
        "before": iso(done.before),
        "kept_by": done.kept_by,
        "head": str(done.head),
        "message": said,
    }


def journal_entry(entry: JournalEntry) -> dict[str, Any]:
    return {
        "at": iso(entry.at),
        "priority": entry.priority,
        "identifier": entry.identifier,
        "pid": entry.pid,
        "message": entry.message,
    }


def busy(what: Busy) -> dict[str, Any]:
    return {"action": what.action, "since": iso(what.since), "user": what.user}


def maintenance(window: Maintenance) -> dict[str, Any]:
    return {"until": iso(window.until), "reason": window.reason, "user": window.user}


def automatic(what: Automatic) -> dict[str, Any]:
    return {
        "state": what.state,
        "until": iso(what.until) if what.until is not None else None,
        "attempts": what.attempts,
        "budget": what.budget,
        "window_seconds": what.window,
        "since": iso(what.since),
        "reason": what.reason,
    }


def recovery(live: Service, now: float) -> str:
    """What brings a service back when it dies, in a few words: ``manual``, ``self (systemd)``, ``auto (waiting 8 s)``,
    ``maintenance until 12:03:11Z``."""
    if live.maintenance is not None:
        until = iso_seconds(live.maintenance.until)
        return f"maintenance until {until if live.maintenance.until - now >= DAY else until[11:]}"
    if rules.restarts_itself(live.unit) and not (live.auto and live.unit and rules.given_up(live.unit)):
        return "self (systemd)"
    auto = live.auto
    if auto is None:
        return "manual"
    said = auto.state.replace("breaker-", "breaker ")
    if auto.state == "waiting" and auto.until is not None:
        left = min(max(auto.until - now, 0.0), auto.wait)
        said += f" {math.ceil(round(left, 3))} s"  # what the sums of two clocks add is no second
    return f"auto ({said})"


def service(live: Service, stale: bool, now: float) -> dict[str, Any]:
    """One service as GET /services shows it; ``now`` is seconds since the epoch."""
    spec, health = live.spec, live.health
    return {
        "status": health.status,
        "started": started(live.unit, health),
        "recovery": recovery(live, now),
        "state": health.state.value,
        "reason": health.reason,
        "since": iso(live.since) if live.since else None,
        "stale": stale,
        "title": spec.title,
        "depends_on": list(spec.depends_on),
        "busy": busy(live.busy) if live.busy else None,
        "fault": live.fault,
        "incident": live.incident,
        "maintenance": maintenance(live.maintenance) if live.maintenance else None,
        "auto": automatic(live.auto) if live.auto else None,
        "probe": probe(spec, live.probe),
        "resources": resources(live.used),
        "unit": unit(live.unit, spec.unit),
    }


def fault(fault_id: str, status: Mapping[str, Any], now: float) -> dict[str, Any]:
    """One fault, from what the root code says of it."""

    def when(key: str) -> str | None:
        return iso(status[key]) if isinstance(status.get(key), int | float) else None

    until = status.get("until")
    holds = status.get("phase") == "active" and isinstance(until, int | float)
    return {
        "id": fault_id,
        **{key: str(status.get(key, "")) for key in ("kind", "service", "unit", "phase", "message", "failure")},
        "parameters": status.get("parameters", {}),
        "requested_by": str(status.get("requested_by", "")),
        "ended_by": str(status.get("ended_by", "")),
        "began": when("began"),
        "verified": when("verified"),
        "until": when("until"),
        "ended": when("ended"),
        "duration_seconds": status.get("duration"),
        "remaining_seconds": round(max(0.0, until - now), 1) if holds and isinstance(until, int | float) else None,
    }


def incident(one: Incident) -> dict[str, Any]:
    """One incident; durations are seconds."""

    def moment(at: float | None) -> str | None:
        return None if at is None else iso(at)

    def seconds(value: float | None) -> float | None:
        return None if value is None else round(value, 4)

    return {
        "id": one.id,
        "state": one.phase.value,
        "root": one.root,
        "services": list(one.services),
        "cause": one.cause,
        "sentence": one.sentence,
        "evidence": list(one.evidence),
        "deliberate": one.deliberate,
        "fault": dict(one.fault) if one.fault is not None else None,
        "began": iso(one.began),
        "began_source": one.began_source,
        "detected": iso(one.detected),
        "acknowledged": moment(one.acknowledged),
        "acknowledged_by": one.acknowledged_by,
        "note": one.note,
        "first_action": moment(one.first_action),
        "recovered": moment(one.recovered),
        "closed": moment(one.closed),
        "ttd_seconds": seconds(one.ttd),
        "tta_seconds": seconds(one.tta),
        "ttr_seconds": seconds(one.ttr),
        "timeline": [
            {"at": iso(on.at), "what": on.what, "service": on.service, "text": on.text, "source": on.source}
            for on in one.timeline
        ],
    }
