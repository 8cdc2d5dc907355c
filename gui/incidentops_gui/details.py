"""Everything about a service as plain text, for Copy details and for a colleague."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from . import wording

if TYPE_CHECKING:
    from .faults import Fault
    from .state import State


def local_clock(iso: str) -> str:
    """The time of day here of an ISO 8601 instant; the text itself when it is none."""
    try:
        return f"{datetime.fromisoformat(iso).astimezone():%H:%M:%S}"
    except ValueError:
        return iso


def text(state: State, name: str) -> str:
    """English, whatever the window's language is: it is made to be pasted into a ticket."""
    card = state.cards[name]
    service, unit = card.service, card.service.unit
    live = state.is_live(name)
    rows = [
        ("service", f"{name} ({service.title})"),
        ("status", f"{'up' if service.up else 'down'}, {service.state}{'' if live else ' (last known, not live)'}"),
        ("reason", service.reason),
        ("message", card.note.text if card.note else ""),
        ("since", wording.exact(service.since)),
        ("started", wording.exact(service.started)),
        ("unit", f"{unit.name}: {unit.active} ({unit.sub}), result {unit.result}" if unit.active else unit.name),
        ("enabled", unit.enabled),
        ("main pid", str(unit.main_pid or "")),
        ("restarts", f"{unit.restarts} (policy {unit.restart_policy})" if unit.restart_policy else ""),
        ("invocation", unit.invocation_id),
        ("recovery", service.recovery),
        ("fault", _fault(service.fault)),
        ("probe", f"{service.probe.kind}: {service.probe.outcome} {service.probe.message}".strip()),
        ("latency", wording.latency(service.probe.latency)),
        ("memory", wording.size(service.resources.memory)),
        ("cpu", wording.percent(card.cpu_percent)),
        ("read", wording.exact(service.resources.at) if service.resources.at is not None else ""),
        ("depends on", ", ".join(service.depends_on)),
        ("needed by", ", ".join(state.dependants(name))),
    ]
    lines = [f"{key + ':':<12}{value}" for key, value in rows if value]
    return "\n".join([*lines, *(f"{'log:':<12}{line}" for line in card.log[-10:])])


def _fault(one: Fault | None) -> str:
    if one is None:
        return ""
    about = [f"{one.kind} ({one.id})", one.phase, one.failure, f"by {one.user}" if one.user else ""]
    about += [f"until {wording.exact(one.until)}"] if one.until is not None else []
    return ", ".join(part for part in about if part)
