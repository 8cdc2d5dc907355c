"""Gathers what a diagnosis and a plan are made of: causes.py and plan.py judge it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import live, plan, rules
from .ports import BusError

if TYPE_CHECKING:
    from .causes import Diagnosis
    from .engine import Engine, Service
    from .evidence import Evidence
    from .ports import Bus

NOT_KNOWN = "(not known: systemd does not answer)"


class Planner:
    """Says why services are down and what would be done about it; touches nothing."""

    def __init__(self, engine: Engine, bus: Bus, evidence: Evidence) -> None:
        self._engine = engine
        self._bus = bus
        self._evidence = evidence

    async def diagnose(self, service: Service) -> Diagnosis | None:
        """Why a service is down; None when it is healthy."""
        if service.health.up:
            return None
        holder = await self._evidence.port_holder(service)
        return live.diagnose(service, self._engine.visible(), holder)

    async def plan(self) -> plan.Plan:
        """The plan for all that is down now."""
        services, catalogue = self._engine.visible(), self._engine.catalogue
        findings = {}
        for name, service in services.items():
            found = await self.diagnose(service)
            if found is not None:
                active = service.unit is not None and service.unit.active_state in rules.ACTIVE
                touches = await self._touches(service) if active else ()
                findings[name] = plan.Finding(service.unit_name, found, active, touches)
        return plan.make(findings, catalogue)

    async def _touches(self, service: Service) -> tuple[str, ...]:
        """What a restart hits beside the service itself: the units that systemd stops with it, by the name of their
        service where they have one, and the services that need it and work."""
        services = self._engine.services
        names = {one.unit_name: name for name, one in services.items()}
        needing = (services[name] for name in self._engine.catalogue.dependants(service.spec.name))
        touched = {one.spec.name for one in needing if one.health.up}
        try:
            stopped = await self._bus.stops_with(service.unit_name)
        except BusError:
            stopped = [NOT_KNOWN]
        return tuple(sorted(touched.union(names.get(unit, unit) for unit in stopped)))
