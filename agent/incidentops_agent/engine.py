"""The engine: the only owner of live state. Facts come in (units, probes, exits), events and views go out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from . import rules, views
from .events import Broker
from .live import Busy, Service
from .model import Health, ProbeOutcome, ProbeView, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .catalogue import Catalogue
    from .model import AuditRow, ProbeResult, UnitView
    from .ports import Exits, Meter, Metrics, Prober

__all__ = ["Busy", "Engine", "Service", "Transition"]

log = logging.getLogger(__name__)

Transition = Callable[[Service, Health, Health, float], None]
"""Is told of a service, its health before and after, and when, in seconds since the epoch."""

SOON = 0.2
"""Seconds until the next probe when its answer would change the state."""
SLOW, NEXT = 0.5, 0.02
"""What hangs nearly always has a probe that waits for its answer, so that its recovery is measured, not guessed: after
one that took SLOW seconds to fail, the next one follows in NEXT seconds."""
NOTICED = 1.0
"""Seconds after which PID 1 has said of a unit whose main process is gone what it thinks of that."""
RESOURCES_AGE = 5.0
"""Seconds after which the memory and CPU of a unit are read anew, when somebody asks."""


class Engine:
    """Live state of all services, kept right by what the bus, the probes and the kernel say (ports.BusListener)."""

    def __init__(
        self,
        catalogue: Catalogue,
        prober: Prober,
        exits: Exits,
        meter: Meter,
        metrics: Metrics,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.catalogue = catalogue
        self.services: dict[str, Service] = {name: Service(spec) for name, spec in catalogue.services.items()}
        self.now = now
        self.prober = prober
        self.metrics = metrics
        self._exits = exits
        self._meter = meter
        self._bus_answering = False
        self._problems: dict[str, str] = {}
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._transitions: list[Transition] = []
        self._watching: list[Callable[[Service], None]] = []
        self._answers: list[Callable[[Service], None]] = []
        self._acts: list[Callable[[AuditRow], None]] = []
        self._more: dict[str, Callable[[], Any]] = {}
        self._body: bytes | None = None
        self._body_second = 0
        self._resources_at = 0.0
        self.broker = Broker(uuid.uuid4().hex[:12], self.snapshot)

    # -- views

    def visible(self) -> dict[str, Service]:
        """The services to show: optional ones only while their unit is installed."""
        return {
            name: service
            for name, service in self.services.items()
            if not (service.spec.optional and service.health.state in (State.NOT_INSTALLED, State.UNKNOWN))
        }

    def view(self, service: Service) -> dict[str, Any]:
        return views.service(service, not self._bus_answering, self.now())

    def _all(self) -> dict[str, dict[str, Any]]:
        return {name: self.view(service) for name, service in self.visible().items()}

    def services_body(self) -> bytes:
        """GET /services as bytes, made anew only after something has changed; a countdown does each second."""
        counting = any(service.auto is not None and service.auto.until for service in self.services.values())
        second = int(self.now()) if counting else 0
        if self._body is None or self._body_second != second:
            self._body, self._body_second = json.dumps(self._all()).encode(), second
        return self._body

    def agent_view(self) -> dict[str, Any]:
        """The agent's own condition: ``ok``, or ``degraded`` with a sentence per problem."""
        return {"status": "degraded" if self._problems else "ok", "problems": dict(sorted(self._problems.items()))}

    def snapshot(self) -> dict[str, Any]:
        more = {name: view() for name, view in self._more.items()}
        return {"services": self._all(), "agent": self.agent_view(), "at": views.iso(self.now()), **more}

    def add_to_snapshot(self, name: str, view: Callable[[], Any]) -> None:
        """Have what ``view`` gives, as JSON, be a part of every snapshot."""
        self._more[name] = view

    # -- facts

    def on_unit(self, spec: str, unit: UnitView) -> None:
        for service in self.services.values():
            if service.spec.unit == spec:
                self._take_unit(service, unit)
                self._check_alias(service, unit)

    def _take_unit(self, service: Service, unit: UnitView) -> None:
        before = service.unit
        service.unit = unit
        another_run = before is None or (before.unit, before.invocation_id) != (unit.unit, unit.invocation_id)
        if before is not None and before.main_pid and unit.main_pid and before.main_pid != unit.main_pid:
            another_run = True  # a main process that was replaced within one invocation, sd_notify(3) MAINPID=
        outlives_it = unit.sub_state == "exited"  # RemainAfterExit=
        if another_run or outlives_it or unit.active_state not in rules.ACTIVE:
            service.main_exited = False
        was_running = before is not None and before.active_state in rules.ACTIVE
        if another_run or unit.active_state in rules.DOWN or (was_running and unit.active_state not in rules.ACTIVE):
            service.probe = ProbeView()
        pid = unit.main_pid if unit.active_state in rules.ACTIVE else 0
        self._exits.watch(service.spec.name, pid, lambda: self._on_exit(service, pid))
        if service.probeable:
            service.kick.set()
        self._update(service)

    def _check_alias(self, service: Service, unit: UnitView) -> None:
        """polkit is asked about a unit by its own name, and so must the catalogue name it."""
        name, spec = service.spec.name, service.spec
        problem = ""
        if not spec.is_pattern and unit.unit != spec.unit:
            problem = f"{name} can't be controlled: {spec.unit} is an alias; name the unit {unit.unit} in {name}.yaml"
        self.report(f"unit of {name}", problem)

    def _on_exit(self, service: Service, pid: int) -> None:
        if service.unit is not None and service.unit.main_pid == pid and service.unit.active_state != "inactive":
            service.main_exited = True
            self._update(service)
            asyncio.get_running_loop().call_later(NOTICED, self._forgive_exit, service, service.unit.invocation_id)

    def _forgive_exit(self, service: Service, invocation_id: str) -> None:
        """A unit may also outlive its main process without a word (ExitType=cgroup): PID 1 knows of the end and calls
        it active all the same."""
        unit = service.unit
        if unit is None or not service.main_exited or unit.invocation_id != invocation_id:
            return
        if self._bus_answering and not unit.main_pid and unit.active_state in rules.ACTIVE:
            service.main_exited = False
            service.kick.set()
            self._update(service)

    def on_bus(self, answering: bool) -> None:
        if answering != self._bus_answering:
            self._bus_answering = answering
            self.report(
                "systemd", "" if answering else "systemd does not answer; what is shown is the last that it said"
            )
            for service in self.services.values():
                self._update(service)

    def report(self, about: str, problem: str) -> None:
        """Note a problem of the agent itself, or with an empty sentence its end."""
        if self._problems.get(about, "") == problem:
            return
        if problem:
            self._problems[about] = problem
            log.error("%s", problem)
        else:
            log.warning("over: %s", self._problems.pop(about))
        self.broker.publish("agent", self.agent_view())

    @property
    def problems(self) -> dict[str, str]:
        return dict(self._problems)

    @property
    def bus_answering(self) -> bool:
        return self._bus_answering

    def on_probe(self, service: Service, result: ProbeResult) -> None:
        self.metrics.probe(service.spec.name, result)
        before = service.probe
        failed = result.outcome is ProbeOutcome.FAILED
        service.probe = ProbeView(
            last=result,
            at=self.now(),
            failures=before.failures + 1 if failed else 0,
            ever_ok=before.ever_ok or result.outcome in (ProbeOutcome.OK, ProbeOutcome.UNAVAILABLE),
        )
        self._update(service, quiet=before.last.outcome is result.outcome and before.last.message == result.message)
        for tell in self._answers:
            tell(service)

    def set_busy(self, service: Service, busy: Busy | None) -> None:
        service.busy = busy
        self._update(service)

    def set_fault(self, service: Service, fault: dict[str, Any] | None) -> None:
        if service.fault != fault:
            service.fault = fault
            self._update(service)

    def _update(self, service: Service, quiet: bool = False) -> None:
        """Judge a service anew; tell the readers when it looks different. ``quiet``: a change of latency is no news."""
        fresh = rules.health(service.spec, service.unit, service.probe, service.main_exited, self.now())
        if fresh != service.health:
            if fresh.state is not service.health.state:
                service.since = self.now()
                log.info("%s: %s (%s)", service.spec.name, fresh.state, fresh.reason or "answers its probe")
                quiet = False
            elif fresh.reason != service.health.reason:
                quiet = False
            before, service.health = service.health, fresh
            for tell in self._transitions:
                tell(service, before, fresh, self.now())
        self._body = None
        changed = self._changed.pop(service.spec.name, None)
        if changed is not None:
            changed.set()
        if quiet:
            return
        for look in self._watching:
            look(service)
        self.show(service)

    def show(self, service: Service) -> None:
        """Tell the readers when a service looks different."""
        self._body = None
        shown = self.view(service)
        if shown != service.shown:
            service.shown = shown
            self.broker.publish("service", {"name": service.spec.name, **shown})

    def on_transition(self, tell: Transition) -> None:
        """Have ``tell`` called, within the turn of the event loop, after each change of a service's state or reason."""
        self._transitions.append(tell)

    def on_update(self, look: Callable[[Service], None]) -> None:
        """Have ``look`` called, within the turn of the event loop, when anything about a service has changed but the
        latency of its probe; before the readers are told, so that what it changes in turn is told with it."""
        self._watching.append(look)

    def on_answer(self, tell: Callable[[Service], None]) -> None:
        """Have ``tell`` called after each probe that counted for a service."""
        self._answers.append(tell)

    def on_acted(self, tell: Callable[[AuditRow], None]) -> None:
        """Have ``tell`` called with the rows of each action: when it begins, once its row is stored, and when it is
        over."""
        self._acts.append(tell)

    def acted(self, row: AuditRow) -> None:
        for tell in self._acts:
            tell(row)

    # -- waiting

    def changed(self, service: Service) -> asyncio.Event:
        """An event that is set at the next change of anything about the service; ask anew before each look."""
        return self._changed.setdefault(service.spec.name, asyncio.Event())

    # -- probing

    async def probe_now(self, service: Service, deadline: float | None = None) -> ProbeResult:
        """One probe, whose result also counts for the service's state unless the run that it asked is over."""
        asked = service.unit
        result = await self.prober.probe(service.spec, deadline or service.spec.probe.deadline)
        same_run = asked is not None and service.unit is not None and asked.invocation_id == service.unit.invocation_id
        if same_run and service.probeable:
            self.on_probe(service, result)
        return result

    async def _watch_service(self, service: Service) -> None:
        """Probe for ever: at once when kicked, again quickly after a failure, else by the service's interval."""
        clock = asyncio.get_running_loop().time
        while True:
            interval = service.spec.probe.interval  # a reload may change it
            # On a common beat: services with the same interval wake the agent together, not each by itself.
            pause = interval - clock() % interval
            if service.probe.failures == 1 or service.health.state is State.STARTING:
                pause = min(pause, SOON)  # two failures in a row decide, and a start is over with the first answer
            elif service.health.state is State.UNRESPONSIVE:
                pause = min(pause, SOON if service.probe.last.latency < SLOW else NEXT)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause if service.probeable else None):
                    await service.kick.wait()
            service.kick.clear()
            if service.probeable:
                try:
                    await self.probe_now(service)
                except Exception:  # whatever it was: a service that nobody watches would be shown as it was, for ever
                    log.exception("%s could not be judged by a mistake of the agent's", service.spec.name)
                    await asyncio.sleep(interval)

    def start(self) -> None:
        """Begin to probe; needs a running event loop."""
        for name, service in self.services.items():
            if name not in self._watchers:
                task = asyncio.create_task(self._watch_service(service), name=f"probe-{name}")
                self._watchers[name] = task

    async def stop(self) -> None:
        for task in self._watchers.values():
            task.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        self._watchers.clear()
        self._exits.close()

    async def settled(self, deadline: float) -> None:
        """Wait until every service has a first verdict, at most ``deadline`` seconds."""

        async def all_known() -> None:
            for service in self.services.values():
                while service.unit is None or (service.probeable and not service.probe.at):
                    await self.changed(service).wait()

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await all_known()

    # -- the catalogue

    async def adopt(self, catalogue: Catalogue) -> list[str]:
        """Take a new catalogue; returns the unit specs to watch. A service that is in both keeps its state and the
        actions that are under way; what its new spec makes untrue is forgotten."""
        old = self.services
        for name in old.keys() - catalogue.services.keys():
            self._exits.watch(name, 0, lambda: None)
            self.report(f"unit of {name}", "")
            task = self._watchers.pop(name, None)
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        self.services = {name: old.get(name) or Service(spec) for name, spec in catalogue.services.items()}
        changed = [service for name, service in self.services.items() if service.spec != catalogue.services[name]]
        for service in changed:
            before, service.spec = service.spec, catalogue.services[service.spec.name]
            if before.probe != service.spec.probe:
                service.probe = ProbeView()
            if before.unit != service.spec.unit:
                self._exits.watch(service.spec.name, 0, lambda: None)
                service.unit, service.probe, service.main_exited = None, ProbeView(), False
            service.kick.set()
            self._update(service)
        await self.prober.forget([*(old.keys() - self.services.keys()), *(one.spec.name for one in changed)])
        self.catalogue = catalogue
        self._body = None
        self.start()
        self.broker.publish("snapshot", self.snapshot())
        return self.unit_specs()

    def unit_specs(self) -> list[str]:
        return [service.spec.unit for service in self.services.values()]

    # -- resources

    async def refresh_resources(self, services: Iterable[Service] | None = None) -> None:
        """Read memory and CPU of the units whose figures are older than RESOURCES_AGE."""
        now = self.now()
        if services is None:
            if 0 <= now - self._resources_at < RESOURCES_AGE:
                return
            self._resources_at = now
        due = [s for s in services or self.visible().values() if not 0 <= now - s.used_at < RESOURCES_AGE]
        if not due:
            return
        for service in due:
            service.used_at = now
        groups = [service.unit.control_group if service.unit else "" for service in due]
        for service, used in zip(due, await asyncio.gather(*map(self._meter.read, groups)), strict=True):
            same = used == service.used
            service.used = replace(used, read_at=now) if used is not None else None
            self._update(service, quiet=same)
