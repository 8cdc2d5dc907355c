"""The typed edge for the agent's JSON: plain values in, dataclasses out; fields.py has its rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import faults
from . import recovery as recoveries
from .fields import Fields, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .incidents import Incident


@dataclass(frozen=True, slots=True)
class Busy:
    """What an operator's action is doing to a service. ``since`` is seconds since the epoch, by the agent's clock."""

    action: str
    since: float
    user: str


@dataclass(frozen=True, slots=True)
class Probe:
    """``latency`` is seconds, ``at`` seconds since the epoch; both None when it has not been probed."""

    kind: str
    outcome: str
    latency: float | None
    message: str
    at: float | None
    failures: int


@dataclass(frozen=True, slots=True)
class Resources:
    """``memory`` is bytes, ``cpu`` seconds of processor time since the start, ``at`` when they were read in seconds
    since the epoch by the agent's clock; None when not known, as ``at`` is of an agent that does not tell."""

    memory: float | None = None
    cpu: float | None = None
    tasks: int = 0
    at: float | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says, in systemd's own words; empty where it has not said anything."""

    name: str
    description: str = ""
    load: str = ""
    active: str = ""
    sub: str = ""
    result: str = ""
    main_pid: int = 0
    restarts: int = 0
    restart_policy: str = ""
    invocation_id: str = ""
    enabled: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One service. ``started`` and ``since`` are seconds since the epoch by the agent's clock.

    ``stale``: PID 1 does not answer the agent, the values are the last known ones. ``incident``: the id of the open
    incident that it is part of, empty for none. ``fault``: what is broken on purpose in it.
    """

    name: str
    title: str
    up: bool
    state: str
    reason: str
    started: float | None
    since: float | None
    recovery: str
    stale: bool
    depends_on: tuple[str, ...]
    busy: Busy | None
    probe: Probe
    resources: Resources
    unit: Unit
    maintenance: recoveries.Maintenance | None = None
    auto: recoveries.Auto | None = None
    incident: str = ""
    fault: faults.Fault | None = None


def _busy(fields: Fields | None) -> Busy | None:
    if fields is None:
        return None
    return Busy(fields.text("action"), fields.time("since"), fields.text_or("user"))


def _probe(fields: Fields) -> Probe:
    return Probe(
        kind=fields.text("kind"),
        outcome=fields.text("outcome"),
        latency=fields.number_or_none("latency_seconds"),
        message=fields.text_or("message"),
        at=fields.time_or_none("at"),
        failures=fields.whole_or("failures_in_a_row"),
    )


def _resources(fields: Fields) -> Resources:
    return Resources(
        memory=fields.number_or_none("memory_bytes"),
        cpu=fields.number_or_none("cpu_seconds"),
        tasks=fields.whole_or("tasks"),
        at=fields.time_or_none("read_at") if fields.has("read_at") else None,
    )


def _unit(fields: Fields) -> Unit:
    return Unit(
        name=fields.text("name"),
        description=fields.text_or("description"),
        load=fields.text_or("load"),
        active=fields.text_or("active"),
        sub=fields.text_or("sub"),
        result=fields.text_or("result"),
        main_pid=fields.whole_or("main_pid"),
        restarts=fields.whole_or("restarts"),
        restart_policy=fields.text_or("restart_policy"),
        invocation_id=fields.text_or("invocation_id"),
        enabled=fields.text_or("enabled"),
    )


def service(name: str, fields: Fields) -> Service:
    """One service as GET /services and the events ``service`` and ``snapshot`` have it."""
    status = fields.text("status")
    if status not in ("up", "down"):
        raise WireError(f"services.{name}.status is neither up nor down but {status[:40]!r}")
    return Service(
        name=name,
        title=fields.text("title"),
        up=status == "up",
        state=fields.text("state"),
        reason=fields.text("reason"),
        started=fields.time_or_none("started"),
        since=fields.time_or_none("since"),
        recovery=fields.text("recovery"),
        stale=fields.flag("stale"),
        depends_on=fields.texts("depends_on"),
        busy=_busy(fields.section_or_none("busy")),
        probe=_probe(fields.section("probe")),
        resources=_resources(fields.section("resources")),
        unit=_unit(fields.section("unit")),
        maintenance=recoveries.maintenance(fields.section_or_none("maintenance")),
        auto=recoveries.auto(fields.section_or_none("auto")),
        incident=fields.text_or("incident"),
        fault=faults.fault_or_none(fields.section_or_none("fault")),
    )


def services(value: Any) -> dict[str, Service]:
    """The answer of GET /services."""
    return {name: service(name, fields) for name, fields in Fields(value, "services").children().items()}


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent's own condition; ``problems`` maps what it is about to a sentence."""

    ok: bool
    problems: Mapping[str, str]


def agent(fields: Fields) -> Agent:
    return Agent(fields.text("status") == "ok", fields.section("problems").strings())


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything, as it was at ``at`` (seconds since the epoch, the agent's clock). ``incidents``: those that are not
    closed; None of an agent that knows none."""

    services: Mapping[str, Service]
    agent: Agent
    at: float
    incidents: Mapping[str, Incident] | None = None


def snapshot(value: Any) -> Snapshot:
    fields = Fields(value, "")
    found = {name: service(name, one) for name, one in fields.section("services").children().items()}
    known = None
    if fields.has("incidents"):
        from . import incidents  # not before an agent has some

        known = incidents.by_id(fields.sections("incidents"))
    return Snapshot(found, agent(fields.section("agent")), fields.time("at"), known)


@dataclass(frozen=True, slots=True)
class System:
    """The machine's figures: the contract's three texts and the numbers behind them (bytes, percent).

    ``pressure`` maps cpu, memory and io to the share of the last 10 s in which something waited, in percent, where the
    kernel tells.
    """

    cpu: str
    ram: str
    disk: str
    cpu_units: int
    cpu_free: float
    ram_total: float
    ram_free: float
    swap_total: float
    swap_free: float
    disk_total: float
    disk_free: float
    load: tuple[float, ...]
    pressure: Mapping[str, float]


def system(value: Any) -> System:
    fields = Fields(value, "system" if not isinstance(value, dict) else "")
    pressure = {}
    if fields.has("pressure"):
        for kind in ("cpu", "memory", "io"):
            about = fields.section("pressure").section_or_none(kind)
            some = about.section_or_none("some") if about is not None else None
            if some is not None:
                pressure[kind] = some.number("avg10")
    return System(
        cpu=fields.text("cpu"),
        ram=fields.text("ram"),
        disk=fields.text("disk"),
        cpu_units=fields.whole_or("cpu_units", 1),
        cpu_free=fields.number("cpu_free_percent"),
        ram_total=fields.number("ram_total_bytes"),
        ram_free=fields.number("ram_free_bytes"),
        swap_total=fields.number("swap_total_bytes"),
        swap_free=fields.number("swap_free_bytes"),
        disk_total=fields.number("disk_total_bytes"),
        disk_free=fields.number("disk_free_bytes"),
        load=fields.numbers("load_average"),
        pressure=pressure,
    )


@dataclass(frozen=True, slots=True)
class Action:
    """One finished action, as the event ``action`` has it. ``at`` is seconds since the epoch, ``duration`` seconds."""

    action_id: str
    action: str
    service: str
    at: float
    user: str
    door: str
    outcome: str
    reason: str
    sentence: str
    duration: float | None


def action(value: Any) -> Action:
    fields = Fields(value, "")
    actor = fields.section("actor")
    return Action(
        action_id=fields.text("action_id"),
        action=fields.text("action"),
        service=fields.text_or("service"),
        at=fields.time("at"),
        user=actor.text_or("user"),
        door=actor.text_or("door"),
        outcome=fields.text("outcome"),
        reason=fields.text_or("reason"),
        sentence=fields.text_or("sentence"),
        duration=fields.number_or_none("duration_seconds"),
    )
