"""The live state of one service, as plain values; the engine owns it and says when it changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import causes, rules
from .model import Health, ProbeView, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .causes import Diagnosis
    from .model import Automatic, Maintenance, Resources, ServiceSpec, UnitView


@dataclass(slots=True)
class Busy:
    """What an operator's action is doing to a service just now."""

    action: str
    since: float
    user: str


@dataclass(slots=True)
class Service:
    """The live state of one service. ``since`` is when it came into its state, seconds since the epoch."""

    spec: ServiceSpec
    unit: UnitView | None = None
    probe: ProbeView = field(default_factory=ProbeView)
    main_exited: bool = False
    health: Health = field(default_factory=lambda: Health(State.UNKNOWN, "systemd has not answered yet"))
    since: float = 0.0
    busy: Busy | None = None
    fault: dict[str, Any] | None = None
    """The fault that is injected into it, as the API shows it."""
    used: Resources | None = None
    used_at: float = 0.0
    auto: Automatic | None = None
    """What automatic recovery does about it, None while it is brought back by hand."""
    maintenance: Maintenance | None = None
    incident: str | None = None
    """The id of the incident that it is a part of."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    superseded: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while a stop waits, to end the start that is under way and those that wait before the stop."""
    stops_waiting: int = 0
    stops_asked: int = 0
    """Stops that operators have asked for, ever: tells whether there was one since something was decided."""
    kick: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a probe is wanted now."""
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def unit_name(self) -> str:
        return self.unit.unit if self.unit is not None else self.spec.unit

    @property
    def probeable(self) -> bool:
        """Whether a probe makes sense: something runs, or is about to."""
        return (
            self.unit is not None
            and (self.unit.active_state in rules.ACTIVE or rules.is_starting(self.unit))
            and not self.main_exited
            and self.spec.probe.kind != "none"
        )


def down(service: Service, services: Mapping[str, Service]) -> tuple[str, ...]:
    """Which of the services that it needs directly are down, of those in ``services``."""
    return tuple(name for name in service.spec.depends_on if name in services and not services[name].health.up)


def diagnose(service: Service, services: Mapping[str, Service], port_holder: str = "") -> Diagnosis | None:
    """Why it is down, see causes.diagnose; None when it is healthy."""
    needed = down(service, services)
    return causes.diagnose(
        service.spec, service.unit, service.health, service.probe, service.main_exited, needed, port_holder
    )
