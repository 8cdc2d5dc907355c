"""Prometheus metrics: counters and histograms are kept here, states are read from the engine at each scrape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from . import __version__
from .model import ProbeOutcome, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prometheus_client.core import Metric

    from .engine import Engine
    from .model import ProbeResult
    from .ports import Audit, System

PROBE_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
ACTION_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
INCIDENT_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
UNIT_STATES = ("activating", "active", "deactivating", "failed", "inactive")


class AgentMetrics:
    """ports.Metrics, and the text of GET /metrics."""

    def __init__(self) -> None:
        disable: Callable[[], None] = disable_created_metrics
        disable()
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "incidentops_http_requests", "Requests answered.", ["method", "route", "code"], registry=self.registry
        )
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._actions = Counter(
            "incidentops_actions",
            "Actions of operators, by how they ended: ok, unchanged, failed.",
            ["action", "service", "outcome"],
            registry=self.registry,
        )
        self._action_seconds = Histogram(
            "incidentops_action_duration_seconds",
            "Time from an action's begin until it was done and verified.",
            ["action"],
            buckets=ACTION_BUCKETS,
            registry=self.registry,
        )
        self._probes = Counter(
            "incidentops_probes", "Probes made, by outcome.", ["service", "outcome"], registry=self.registry
        )
        self._recoveries = Counter(
            "incidentops_recovery_attempts",
            "Attempts of automatic recovery, by how they ended: ok, unchanged, failed, unknown.",
            ["service", "outcome"],
            registry=self.registry,
        )
        self._probe_seconds = Histogram(
            "incidentops_probe_duration_seconds",
            "Round-trip time of the probes that succeeded.",
            ["service"],
            buckets=PROBE_BUCKETS,
            registry=self.registry,
        )

        self._faults = Counter(
            "incidentops_faults",
            "Faults that are over, by how they ended: recovered, failed (they had no effect, and are undone).",
            ["kind", "service", "outcome"],
            registry=self.registry,
        )
        self._prepare_incidents()

    def _prepare_incidents(self) -> None:
        self._incidents = Counter(
            "incidentops_incidents",
            "Incidents that are over, by root service and cause.",
            ["service", "cause"],
            registry=self.registry,
        )
        self._incidents_open = Gauge(
            "incidentops_incidents_open", "Incidents that are not over.", registry=self.registry
        )
        self._detection, self._acknowledgement, self._recovery = (
            Histogram(
                f"incidentops_incident_{name}_seconds",
                text,
                ["service", "cause"],
                buckets=INCIDENT_BUCKETS,
                registry=self.registry,
            )
            for name, text in (
                ("detection", "Time from an incident's begin until it was detected."),
                ("acknowledgement", "Time from an incident's detection until somebody acknowledged it."),
                ("recovery", "Time from an incident's begin until every service of it was healthy again."),
            )
        )

    def attach(self, engine: Engine, audit: Audit, system: System) -> None:
        """Let the scrape read the states from their owners."""
        self.registry.register(_StateCollector(engine, audit, system))

    def request(self, method: str, route: str, code: int) -> None:
        counter = self._counters.get((method, route, code))
        if counter is None:
            counter = self._counters[method, route, code] = self._requests.labels(method, route, str(code))
        counter.inc()

    def action(self, action: str, service: str, outcome: str, seconds: float) -> None:
        self._actions.labels(action, service, outcome).inc()
        self._action_seconds.labels(action).observe(seconds)

    def recovery(self, service: str, outcome: str) -> None:
        self._recoveries.labels(service, outcome).inc()

    def fault(self, kind: str, service: str, outcome: str) -> None:
        self._faults.labels(kind, service, outcome).inc()

    def probe(self, service: str, result: ProbeResult) -> None:
        self._probes.labels(service, result.outcome.value).inc()
        if result.outcome is ProbeOutcome.OK:
            self._probe_seconds.labels(service).observe(result.latency)

    def incident(
        self, service: str, cause: str, detection: float | None, acknowledgement: float | None, recovery: float | None
    ) -> None:
        self._incidents.labels(service, cause).inc()
        measured = ((self._detection, detection), (self._acknowledgement, acknowledgement), (self._recovery, recovery))
        for histogram, seconds in measured:
            if seconds is not None:
                histogram.labels(service, cause).observe(seconds)

    def incidents_open(self, count: int) -> None:
        self._incidents_open.set(count)

    def text(self) -> bytes:
        body: bytes = generate_latest(self.registry)
        return body


class _StateCollector(Collector):
    def __init__(self, engine: Engine, audit: Audit, system: System) -> None:
        self._engine = engine
        self._audit = audit
        self._system = system

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("incidentops_build", "Version of the agent.", value={"version": __version__})
        yield from self._services()
        yield from self._system_gauges()
        yield _gauge(
            "incidentops_systemd_answering", "1 while PID 1 answers the agent, else 0.", self._engine.bus_answering
        )
        failing = bool(self._audit.failing)
        yield _gauge("incidentops_audit_failing", "1 while the audit trail can't be written.", failing)
        yield _gauge(
            "incidentops_audit_unwritten_rows", "Audit rows that wait in memory for the disk.", self._audit.unwritten
        )
        yield _gauge("incidentops_event_readers", "Clients of the event stream.", self._engine.broker.readers)
        yield _gauge(
            "incidentops_problems", "Problems of the agent itself, see GET /health.", len(self._engine.problems)
        )

    def _services(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("incidentops_service_up", "1 when a service is up, else 0.", labels=["service"])
        state = GaugeMetricFamily(
            "incidentops_service_state", "1 for the state that a service is in, else 0.", labels=["service", "state"]
        )
        unit = GaugeMetricFamily(
            "incidentops_unit_state",
            "1 for the active state that systemd gives a unit, else 0.",
            labels=["name", "state", "type"],
        )
        probe = GaugeMetricFamily(
            "incidentops_probe_success", "1 when the last probe of a running service succeeded.", labels=["service"]
        )
        memory = GaugeMetricFamily(
            "incidentops_service_memory_bytes", "Memory of a unit's processes when last read.", labels=["service"]
        )
        breaker = GaugeMetricFamily(
            "incidentops_breaker_open",
            "1 while automatic recovery has given a service up for a time, else 0.",
            labels=["service"],
        )
        maintenance = GaugeMetricFamily(
            "incidentops_maintenance", "1 while a service is under maintenance, else 0.", labels=["service"]
        )
        fault = GaugeMetricFamily(
            "incidentops_fault_active",
            "1 while a fault is injected into a service on purpose, or is being undone.",
            labels=["service", "kind"],
        )
        for name, service in sorted(self._engine.visible().items()):
            breaker.add_metric([name], float(service.auto is not None and service.auto.state == "breaker-open"))
            maintenance.add_metric([name], float(service.maintenance is not None))
            if service.fault is not None:
                fault.add_metric([name, service.fault["kind"]], 1.0)
            up.add_metric([name], float(service.health.up))
            for one in State:
                state.add_metric([name, one.value], float(one is service.health.state))
            active = service.unit.active_state if service.unit else ""
            for word in UNIT_STATES:
                unit.add_metric([service.unit_name, word, "service"], float(word == active))
            if service.probe.at:
                probe.add_metric([name], float(service.probe.last.outcome is ProbeOutcome.OK))
            if service.used is not None:
                memory.add_metric([name], float(service.used.memory_bytes))
        yield from (up, state, unit, probe, memory, breaker, maintenance, fault)

    def _system_gauges(self) -> Iterator[Metric]:
        figures = self._system.figures()
        yield _gauge("incidentops_system_cpu_units", "CPUs of this machine.", figures["cpu_units"])
        yield _gauge(
            "incidentops_system_cpu_free_ratio",
            "Share of CPU time that was free since the last sample, from 0 to 1.",
            figures["cpu_free_percent"] / 100.0,
        )
        for name, text in (
            ("ram_total_bytes", "Memory of this machine."),
            ("ram_free_bytes", "Memory that programs can still get."),
            ("disk_total_bytes", "Size of the root file system."),
            ("disk_free_bytes", "Free space of the root file system."),
        ):
            yield _gauge(f"incidentops_system_{name}", text, figures[name])


def _gauge(name: str, text: str, value: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))
