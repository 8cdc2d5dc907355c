"""What can happen to the state: one small value for each. ``at`` is always seconds since the epoch, our own clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from . import answers, wire
    from .chaos import Brief
    from .faults import Fault
    from .incidents import Incident
    from .state import Phase, Tone, Trouble


@dataclass(frozen=True, slots=True)
class Snapshot:
    snapshot: wire.Snapshot
    at: float


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    service: wire.Service
    at: float


@dataclass(frozen=True, slots=True)
class SystemSampled:
    system: wire.System
    at: float


@dataclass(frozen=True, slots=True)
class AgentChanged:
    agent: wire.Agent
    at: float


@dataclass(frozen=True, slots=True)
class ActionDone:
    """Somebody's action ended; ours are among them."""

    action: wire.Action
    at: float


@dataclass(frozen=True, slots=True)
class IncidentChanged:
    incident: Incident
    at: float


@dataclass(frozen=True, slots=True)
class FaultChanged:
    """A fault has come to another phase, its end among them."""

    fault: Fault
    at: float


@dataclass(frozen=True, slots=True)
class ChaosChanged:
    """The chaos service was armed, or is armed no more."""

    chaos: Brief
    at: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    at: float


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The connection is not live, and why; that it is live is said by a Snapshot alone."""

    phase: Phase
    trouble: Trouble
    message: str
    at: float
    detail: str = ""
    retry_at: float | None = None


@dataclass(frozen=True, slots=True)
class FiguresRead:
    """An answer of GET /services. Only its figures count: it may be older than what the stream said meanwhile."""

    services: Mapping[str, wire.Service]
    at: float


@dataclass(frozen=True, slots=True)
class LogRead:
    service: str
    log: tuple[str, ...]
    at: float


@dataclass(frozen=True, slots=True)
class Asked:
    """This window has sent an action; ``service`` is empty for remediation."""

    service: str
    action: str
    key: str
    at: float


@dataclass(frozen=True, slots=True)
class Changed:
    """Our start, stop or restart was answered with success."""

    service: str
    action: str
    answer: answers.Change
    at: float


@dataclass(frozen=True, slots=True)
class Pinged:
    service: str
    answer: answers.Ping
    at: float


@dataclass(frozen=True, slots=True)
class Remediated:
    answer: answers.Remediation
    at: float


@dataclass(frozen=True, slots=True)
class Refused:
    """Our action was answered with an error, or not answered at all (kind ``unanswered``)."""

    service: str
    action: str
    kind: str
    message: str
    at: float


@dataclass(frozen=True, slots=True)
class RevertAsked:
    """This window has asked for faults to be reverted, by their ids; ``panic``: for all that there are."""

    faults: frozenset[str]
    panic: bool = False


@dataclass(frozen=True, slots=True)
class RevertAnswered:
    """It was answered, whatever the answer was."""

    faults: frozenset[str]
    panic: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """Something of ours about a service ended, beside the actions of its card; what the card is to say of it."""

    service: str
    text: str
    tone: Tone
    at: float


@dataclass(frozen=True, slots=True)
class NoteDismissed:
    service: str
    at: float


Fact = (
    Snapshot
    | ServiceChanged
    | SystemSampled
    | AgentChanged
    | ActionDone
    | IncidentChanged
    | FaultChanged
    | ChaosChanged
    | Heartbeat
    | LinkChanged
    | FiguresRead
    | LogRead
    | Asked
    | Changed
    | Pinged
    | Remediated
    | Refused
    | RevertAsked
    | RevertAnswered
    | Told
    | NoteDismissed
)
