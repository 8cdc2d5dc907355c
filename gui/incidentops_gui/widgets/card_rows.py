"""What the figures of a card say: names, values and what is shown on hover."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import recovery, wording
from ..translate import tr
from .figures import Row

if TYPE_CHECKING:
    from ..state import Card, State


def rows(state: State, name: str, there: float) -> tuple[Row, ...]:
    """The figures of a service; ``there`` is the time by the agent's clock, in seconds since the epoch."""
    card = state.cards[name]
    service = card.service
    runs = service.unit.active not in ("inactive", "failed")
    share = card.cpu_percent if runs else None
    mode = recovery.words(service.recovery, service.maintenance, service.auto, there)
    brings = "\n".join([tr("What brings it back when it dies"), service.recovery])
    needed_by = ", ".join(state.dependants(name)) or wording.MISSING
    started = tr("Started: {time}").format(time=wording.exact(service.started))
    return (
        Row(tr("Started"), wording.ago(service.started, there), started),
        Row(tr("Probe"), wording.latency(service.probe.latency), _probe_hint(card), card.latency),
        Row(tr("Recovery"), mode, brings),
        Row(tr("Memory"), wording.size(service.resources.memory if runs else None), _used_hint(card, "")),
        Row(tr("Needed by"), needed_by, tr("Needed by: {names}").format(names=needed_by)),
        Row(
            tr("CPU"),
            wording.percent(share),
            _used_hint(card, tr("Share of one processor")),
            card.cpu_history,
        ),
    )


def _probe_hint(card: Card) -> str:
    probe = card.service.probe
    when = wording.exact(probe.at)
    return tr("{kind} probe: {outcome}, last at {time}").format(kind=probe.kind, outcome=probe.outcome, time=when)


def _used_hint(card: Card, text: str) -> str:
    """What the figure is, and of when: they are read now and then, and none is newer than it says."""
    at = card.service.resources.at
    when = tr("Read at {time}").format(time=wording.exact(at)) if at is not None else ""
    return "\n".join(part for part in (text, when) if part)
