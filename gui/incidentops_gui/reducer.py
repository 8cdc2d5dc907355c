"""The one place where the state changes: a state and a fact give the next state and what is different in it.

Pure: no Qt, no I/O, no clock. The same facts in the same order give the same state, always.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import singledispatch
from typing import TYPE_CHECKING

from . import facts, wording
from .state import HISTORY, Card, Connection, Note, Pending, Phase, State, SystemHistory, Tone

if TYPE_CHECKING:
    from .wire import Service

CLOCKS_APART = 2.0
"""Seconds by which the agent's clock may differ from ours before we correct for it."""
CPU_INTERVAL = 3.0
"""Seconds over which a unit's share of a processor is measured at least."""
CLOSED_MOST = 50
"""Incidents that are remembered after they were closed; the agent has them all."""
OVER_MOST = 20
"""Faults that are remembered after their end; the audit trail has them all."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different. ``cards``: their names; ``roster``: which cards there are; ``logs``: logs to read anew;
    ``incidents`` and ``faults`` (what ended, or is being reverted): their ids."""

    cards: frozenset[str] = frozenset()
    roster: bool = False
    system: bool = False
    connection: bool = False
    agent: bool = False
    remediation: bool = False
    logs: frozenset[str] = frozenset()
    incidents: frozenset[str] = frozenset()
    faults: frozenset[str] = frozenset()
    chaos: bool = False

    def __or__(self, other: Changes) -> Changes:
        return Changes(
            self.cards | other.cards,
            self.roster or other.roster,
            self.system or other.system,
            self.connection or other.connection,
            self.agent or other.agent,
            self.remediation or other.remediation,
            self.logs | other.logs,
            self.incidents | other.incidents,
            self.faults | other.faults,
            self.chaos or other.chaos,
        )


NOTHING = Changes()


@singledispatch
def reduce(fact: facts.Fact, state: State) -> tuple[State, Changes]:
    """The state after ``fact``, and what changed."""
    raise TypeError(f"no rule for {type(fact).__name__} in {state.connection.phase}")


def _only(name: str) -> Changes:
    return Changes(cards=frozenset((name,)))


def _put(state: State, name: str, card: Card) -> State:
    return replace(state, cards={**state.cards, name: card})


# -- what the stream says


@reduce.register
def _snapshot(fact: facts.Snapshot, state: State) -> tuple[State, Changes]:
    cards = {name: _take(state.cards.get(name), service) for name, service in fact.snapshot.services.items()}
    offset = fact.snapshot.at - fact.at
    after = replace(
        state,
        connection=Connection(Phase.LIVE, as_of=fact.at),
        cards=cards,
        agent=fact.snapshot.agent,
        clock_offset=offset if abs(offset) > CLOCKS_APART else 0.0,
        incidents=fact.snapshot.incidents,
    )
    names = frozenset(cards)
    return after, Changes(
        cards=names,
        roster=names != set(state.cards),
        connection=True,
        agent=after.agent != state.agent,
        logs=names,
        incidents=frozenset((*(state.incidents or ()), *(after.incidents or ()))),
    )


@reduce.register
def _service_changed(fact: facts.ServiceChanged, state: State) -> tuple[State, Changes]:
    name = fact.service.name
    before = state.cards.get(name)
    card = _take(before, fact.service)
    state = _alive(state, fact.at)
    if card == before:
        return state, NOTHING
    if before is not None and _only_figures(before, card):
        # A probe that was answered as before: its latency is shown with the figures that are read each few seconds.
        # On its own, each answer of each service would paint a card anew.
        return _put(state, name, card), NOTHING
    fresh = frozenset((name,)) if before is None else frozenset[str]()
    return _put(state, name, card), Changes(cards=frozenset((name,)), roster=before is None, logs=fresh)


@reduce.register
def _system_sampled(fact: facts.SystemSampled, state: State) -> tuple[State, Changes]:
    now, before = fact.system, state.history
    history = SystemHistory(
        cpu=_append(before.cpu, 100.0 - now.cpu_free),
        ram=_append(before.ram, _used(now.ram_total, now.ram_free)),
        disk=_append(before.disk, _used(now.disk_total, now.disk_free)),
        load=_append(before.load, now.load[0] if now.load else 0.0),
    )
    return replace(_alive(state, fact.at), system=now, history=history), Changes(system=True)


@reduce.register
def _agent_changed(fact: facts.AgentChanged, state: State) -> tuple[State, Changes]:
    changed = fact.agent != state.agent
    return replace(_alive(state, fact.at), agent=fact.agent), Changes(agent=changed)


@reduce.register
def _action_done(fact: facts.ActionDone, state: State) -> tuple[State, Changes]:
    action, state = fact.action, _alive(state, fact.at)
    card = state.cards.get(action.service)
    if card is None:
        return state, NOTHING
    # The line is shown at once, and the log read anew: what remediation began with is not on the stream, and a reading
    # that is under way may have this line already, or miss it. The last reading is right.
    changes = Changes(logs=frozenset((action.service,)))
    if not action.sentence or action.action.startswith("remediate"):
        return state, changes
    line = f"{datetime.fromtimestamp(action.at, UTC):%Y-%m-%dT%H:%M:%SZ} | {action.sentence}"
    return _put(state, action.service, replace(card, log=(*card.log, line))), changes | _only(action.service)


@reduce.register
def _incident_changed(fact: facts.IncidentChanged, state: State) -> tuple[State, Changes]:
    state, fresh = _alive(state, fact.at), fact.incident
    known = dict(state.incidents or {})
    if known.get(fresh.id) == fresh:
        return state, NOTHING
    known[fresh.id] = fresh
    closed = [one.id for one in known.values() if one.state == "closed"]
    for name in closed[:-CLOSED_MOST]:
        del known[name]
    touched = frozenset(name for name in fresh.services if name in state.cards)
    return replace(state, incidents=known), Changes(cards=touched, incidents=frozenset((fresh.id,)))


@reduce.register
def _fault_changed(fact: facts.FaultChanged, state: State) -> tuple[State, Changes]:
    """What is injected is told by the services; only ends are kept here, of what had begun."""
    state, fresh = _alive(state, fact.at), fact.fault
    if not fresh.over or fresh.began is None or fresh in state.faults_over:
        return state, NOTHING
    others = [one for one in state.faults_over if one.id != fresh.id]
    return replace(state, faults_over=(fresh, *others)[:OVER_MOST]), Changes(faults=frozenset((fresh.id,)))


@reduce.register
def _chaos_changed(fact: facts.ChaosChanged, state: State) -> tuple[State, Changes]:
    changed = fact.chaos != state.chaos
    return replace(_alive(state, fact.at), chaos=fact.chaos), Changes(chaos=changed)


@reduce.register
def _heartbeat(fact: facts.Heartbeat, state: State) -> tuple[State, Changes]:
    return _alive(state, fact.at), NOTHING


@reduce.register
def _link_changed(fact: facts.LinkChanged, state: State) -> tuple[State, Changes]:
    connection = Connection(fact.phase, fact.trouble, fact.message, fact.detail, fact.retry_at, state.connection.as_of)
    if connection == state.connection:
        return state, NOTHING
    was_live = state.connection.live
    cards = frozenset(state.cards) if was_live else frozenset[str]()
    return replace(state, connection=connection), Changes(connection=True, cards=cards, system=was_live)


def _alive(state: State, at: float) -> State:
    """A sign of life: it moves the time that values are known of, nothing that anybody would paint anew."""
    if not state.connection.live:
        return state
    return replace(state, connection=replace(state.connection, as_of=at))


# -- what we read


@reduce.register
def _figures_read(fact: facts.FiguresRead, state: State) -> tuple[State, Changes]:
    cards, changed = dict(state.cards), set()
    for name, read in fact.services.items():
        card = cards.get(name)
        if card is None or card.service.unit.invocation_id != read.unit.invocation_id:
            continue
        probe = read.probe if (read.probe.at or 0) > (card.service.probe.at or 0) else card.service.probe
        known = replace(card.service, resources=read.resources, probe=probe)
        cards[name] = _measure(_take(card, known), fact.at)
        changed.add(name)  # also what has come by the stream since and was not told
    gone = {name for name in cards if name not in fact.services and cards[name].service.state == "not-installed"}
    for name in gone:
        del cards[name]
    return replace(state, cards=cards), Changes(cards=frozenset(changed), roster=bool(gone))


@reduce.register
def _log_read(fact: facts.LogRead, state: State) -> tuple[State, Changes]:
    card = state.cards.get(fact.service)
    if card is None or card.log == fact.log:
        return state, NOTHING
    return _put(state, fact.service, replace(card, log=fact.log)), _only(fact.service)


# -- what we ask


@reduce.register
def _asked(fact: facts.Asked, state: State) -> tuple[State, Changes]:
    pending = Pending(fact.action, fact.at, fact.key)
    if not fact.service:
        return replace(state, remediating=pending, remediation_note=None), Changes(remediation=True)
    card = state.cards[fact.service]
    return _put(state, fact.service, replace(card, pending=pending, note=None)), _only(fact.service)


@reduce.register
def _changed(fact: facts.Changed, state: State) -> tuple[State, Changes]:
    text = wording.change_note(fact.action, fact.answer)
    tone = Tone.GOOD if fact.answer.outcome == "ok" else Tone.PLAIN
    undo = "start" if fact.action == "stop" and fact.answer.outcome == "ok" else ""
    return _answered(state, fact.service, Note(text, tone, fact.at, undo))


@reduce.register
def _pinged(fact: facts.Pinged, state: State) -> tuple[State, Changes]:
    return _answered(state, fact.service, Note(wording.ping_note(fact.answer), Tone.GOOD, fact.at))


@reduce.register
def _remediated(fact: facts.Remediated, state: State) -> tuple[State, Changes]:
    tone = Tone.GOOD if fact.answer.status == "completed" else Tone.BAD
    note = Note(wording.remediation_note(fact.answer), tone, fact.at)
    return replace(state, remediating=None, remediated=fact.answer, remediation_note=note), Changes(remediation=True)


@reduce.register
def _refused(fact: facts.Refused, state: State) -> tuple[State, Changes]:
    note = Note(fact.message, Tone.BAD, fact.at, kind=fact.kind)
    if not fact.service:
        return replace(state, remediating=None, remediation_note=note), Changes(remediation=True)
    return _answered(state, fact.service, note)


@reduce.register
def _revert_asked(fact: facts.RevertAsked, state: State) -> tuple[State, Changes]:
    after = replace(state, reverting=state.reverting | fact.faults, panicking=state.panicking or fact.panic)
    return after, _broken(state, fact.faults)


@reduce.register
def _revert_answered(fact: facts.RevertAnswered, state: State) -> tuple[State, Changes]:
    after = replace(state, reverting=state.reverting - fact.faults, panicking=state.panicking and not fact.panic)
    return after, _broken(state, fact.faults)


def _broken(state: State, ids: frozenset[str]) -> Changes:
    """The cards that show these faults are different."""
    return Changes(cards=frozenset(one.service for one in state.faults if one.id in ids), faults=ids)


@reduce.register
def _told(fact: facts.Told, state: State) -> tuple[State, Changes]:
    card = state.cards.get(fact.service)
    if card is None:
        return state, NOTHING
    note = Note(fact.text, fact.tone, fact.at)
    return _put(state, fact.service, replace(card, note=note)), _only(fact.service)


@reduce.register
def _note_dismissed(fact: facts.NoteDismissed, state: State) -> tuple[State, Changes]:
    if not fact.service:
        return replace(state, remediation_note=None), Changes(remediation=True)
    card = state.cards.get(fact.service)
    if card is None or card.note is None:
        return state, NOTHING
    return _put(state, fact.service, replace(card, note=None)), _only(fact.service)


def _answered(state: State, name: str, note: Note) -> tuple[State, Changes]:
    card = state.cards.get(name)
    if card is None:
        return state, NOTHING
    return _put(state, name, replace(card, pending=None, note=note)), _only(name)


# -- figures


def _take(before: Card | None, service: Service) -> Card:
    """The card of a service after the agent's word on it, with the histories that follow from it."""
    card = replace(before, service=service) if before is not None else Card(service)
    same_run = before is None or before.service.unit.invocation_id == service.unit.invocation_id
    if not same_run:
        card = replace(card, cpu_history=(), cpu_read=None)
    if card.note is not None and card.note.undo and service.up:
        card = replace(card, note=None)  # what it offered to undo is undone
    probe = service.probe
    if probe.latency is not None and probe.outcome == "ok" and probe.at is not None and probe.at > card.latency_at:
        card = replace(card, latency=_append(card.latency, probe.latency), latency_at=probe.at)
    return card


def _only_figures(before: Card, after: Card) -> bool:
    """Whether nothing is different but the latency of a probe and what the unit uses."""
    was, now = before.service, after.service
    if was.probe.latency is None or now.probe.latency is None:
        return False
    probe = replace(was.probe, latency=now.probe.latency, at=now.probe.at)
    service = replace(was, probe=probe, resources=now.resources)
    return replace(before, service=service, latency=after.latency, latency_at=after.latency_at) == after


def _measure(card: Card, at: float) -> Card:
    """The unit's share of a processor since the reading before; ``at`` is our time, for an agent that tells none."""
    cpu = card.service.resources.cpu
    if cpu is None:
        return card
    at = card.service.resources.at or at
    elapsed = at - card.cpu_read[0] if card.cpu_read is not None else -1.0
    if card.cpu_read is None or elapsed < 0:  # a clock that was set back begins anew
        return replace(card, cpu_read=(at, cpu))
    if elapsed < CPU_INTERVAL:
        return card
    share = max(cpu - card.cpu_read[1], 0.0) / elapsed * 100.0
    return replace(card, cpu_history=_append(card.cpu_history, share), cpu_read=(at, cpu))


def _append(history: tuple[float, ...], value: float) -> tuple[float, ...]:
    return (*history[-(HISTORY - 1) :], value)


def _used(total: float, free: float) -> float:
    return 100.0 * (total - free) / total if total else 0.0
