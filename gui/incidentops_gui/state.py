"""What the application knows: plain immutable values, no Qt, no I/O, no clock.

All times are seconds since the epoch. Those that the agent gives are by the agent's clock; ``State.clock_offset`` is
what must be added to our own clock to get them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .answers import Remediation
    from .chaos import Brief
    from .faults import Fault
    from .incidents import Incident
    from .wire import Agent, Service, System

HISTORY = 60
"""Samples that a sparkline shows; at one in 5 to 6 s that is five to six minutes."""


class Phase(StrEnum):
    """Where the connection stands. Only in LIVE may a value be shown as the present one."""

    CONNECTING = "connecting"
    LIVE = "live"
    SILENT = "silent"
    """Connected, but the agent gives no sign of life: starting, frozen, or the way to it is dead."""
    LOST = "lost"


class Trouble(StrEnum):
    """Why the connection is not live; the window has a page for each."""

    NONE = "none"
    NOT_INSTALLED = "not-installed"
    NOT_RUNNING = "not-running"
    NO_PERMISSION = "no-permission"
    STARTING = "starting"
    NO_ANSWER = "no-answer"
    INCOMPATIBLE = "incompatible"
    TUNNEL = "tunnel"
    """ssh ended, or there is no agent at its far end."""
    SSH_REFUSED = "ssh-refused"
    """ssh does not get in, and trying again will not help: keys or host keys are a person's business."""
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Connection:
    """``retry_at`` is when the next attempt is made, ``as_of`` when the agent last gave a sign of life; our clock.

    ``detail`` is what the system said, for Copy details.
    """

    phase: Phase = Phase.CONNECTING
    trouble: Trouble = Trouble.NONE
    message: str = ""
    detail: str = ""
    retry_at: float | None = None
    as_of: float | None = None

    @property
    def live(self) -> bool:
        return self.phase is Phase.LIVE


@dataclass(frozen=True, slots=True)
class Pending:
    """An action that this window has asked for and that is not answered yet. ``key`` is its idempotency key."""

    action: str
    since: float
    key: str


class Tone(StrEnum):
    GOOD = "good"
    PLAIN = "plain"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Note:
    """What the card says about the last thing that was asked of it. ``undo`` names an action that is offered."""

    text: str
    tone: Tone
    at: float
    undo: str = ""
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One service as the window shows it.

    ``latency`` and ``cpu_history`` are the last samples, oldest first: seconds, and percent of one processor.
    ``cpu_read`` is when the processor time was read last, and what it was.
    """

    service: Service
    log: tuple[str, ...] = ()
    pending: Pending | None = None
    note: Note | None = None
    latency: tuple[float, ...] = ()
    latency_at: float = 0.0
    cpu_history: tuple[float, ...] = ()
    cpu_read: tuple[float, float] | None = None

    @property
    def cpu_percent(self) -> float | None:
        return self.cpu_history[-1] if self.cpu_history else None


@dataclass(frozen=True, slots=True)
class SystemHistory:
    """The last samples in percent, oldest first: what is used, not what is free."""

    cpu: tuple[float, ...] = ()
    ram: tuple[float, ...] = ()
    disk: tuple[float, ...] = ()
    load: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """``incidents``: those that are not closed and those that were while we looked; None where none are known of.
    ``faults_over``: those that ended while we looked, the last one first; ``reverting``: the ids of those that this
    window has asked to revert and ``panicking`` whether that is all of them, while there is no answer yet.
    ``chaos``: whether the chaos service is armed; None where nobody has said."""

    connection: Connection = field(default_factory=Connection)
    cards: Mapping[str, Card] = field(default_factory=dict)
    system: System | None = None
    history: SystemHistory = field(default_factory=SystemHistory)
    agent: Agent | None = None
    remediating: Pending | None = None
    remediated: Remediation | None = None
    remediation_note: Note | None = None
    clock_offset: float = 0.0
    incidents: Mapping[str, Incident] | None = None
    faults_over: tuple[Fault, ...] = ()
    reverting: frozenset[str] = frozenset()
    panicking: bool = False
    chaos: Brief | None = None

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is injected now, the one that ends first at the beginning; what does not end by itself before it."""
        found = [card.service.fault for card in self.cards.values() if card.service.fault is not None]
        return tuple(sorted(found, key=lambda one: (one.until or 0.0, one.service)))

    def is_live(self, name: str) -> bool:
        """Whether what is known of a service is the present truth."""
        card = self.cards.get(name)
        return self.connection.live and card is not None and not card.service.stale

    def incident_of(self, name: str) -> Incident | None:
        """The open incident that a service is part of."""
        card = self.cards.get(name)
        return (self.incidents or {}).get(card.service.incident) if card is not None else None

    def dependants(self, name: str) -> tuple[str, ...]:
        """The services that stop working with this one, directly or not, in alphabetical order."""
        found: set[str] = set()
        todo = [name]
        while todo:
            needed = todo.pop()
            for other, card in self.cards.items():
                if needed in card.service.depends_on and other not in found and other != name:
                    found.add(other)
                    todo.append(other)
        return tuple(sorted(found))
