"""The typed edge for the agent's JSON: plain values in, dataclasses out.

Fields that this version does not know are tolerated, so that a newer agent can be watched; a field that it needs and
that is missing or of another type is a WireError that names the key path.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class WireError(ValueError):
    """An answer of the agent that this application does not understand; the text names the key path."""


class Fields:
    """One JSON object; each method reads one field and names it when it is not as expected."""

    __slots__ = ("_path", "_values")

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise WireError(f"{path or 'the answer'} is not an object but {_kind(value)}")
        self._values: dict[str, Any] = value
        self._path = path

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _take(self, key: str, wanted: type | tuple[type, ...], word: str, null: bool) -> Any:
        if key not in self._values:
            raise WireError(f"{self._at(key)} is missing")
        value = self._values[key]
        if value is None and null:
            return None
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            raise WireError(f"{self._at(key)} is not {word} but {_kind(value)}")
        return value

    def has(self, key: str) -> bool:
        return self._values.get(key) is not None

    def text(self, key: str) -> str:
        return str(self._take(key, str, "a text", null=False))

    def text_or(self, key: str, default: str = "") -> str:
        """A text that may be null or missing."""
        return self.text(key) if self.has(key) else default

    def flag(self, key: str) -> bool:
        return bool(self._take(key, bool, "true or false", null=False))

    def number(self, key: str) -> float:
        return float(self._take(key, (int, float), "a number", null=False))

    def number_or_none(self, key: str) -> float | None:
        value = self._take(key, (int, float), "a number", null=True)
        return None if value is None else float(value)

    def whole_or(self, key: str, default: int = 0) -> int:
        """A whole number that may be null or missing."""
        return int(self._take(key, int, "a whole number", null=False)) if self.has(key) else default

    def time_or_none(self, key: str) -> float | None:
        """An ISO 8601 instant as seconds since the epoch."""
        value = self._take(key, str, "a time", null=True)
        if value is None:
            return None
        try:
            return datetime.fromisoformat(value).timestamp()
        except ValueError as error:
            raise WireError(f"{self._at(key)} is not a time but {value[:40]!r}") from error

    def time(self, key: str) -> float:
        value = self.time_or_none(key)
        if value is None:
            raise WireError(f"{self._at(key)} is null")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        return texts(self._take(key, list, "a list", null=False), self._at(key))

    def numbers(self, key: str) -> tuple[float, ...]:
        value = self._take(key, list, "a list", null=False)
        if not all(isinstance(one, int | float) for one in value):
            raise WireError(f"{self._at(key)} holds something else than numbers")
        return tuple(float(one) for one in value)

    def section(self, key: str) -> Fields:
        return Fields(self._take(key, dict, "an object", null=False), self._at(key))

    def section_or_none(self, key: str) -> Fields | None:
        return self.section(key) if self.has(key) else None

    def sections(self, key: str) -> list[Fields]:
        value = self._take(key, list, "a list", null=False)
        return [Fields(one, f"{self._at(key)}[{index}]") for index, one in enumerate(value)]

    def children(self) -> dict[str, Fields]:
        return {key: Fields(value, self._at(key)) for key, value in self._values.items()}

    def strings(self) -> dict[str, str]:
        return {key: self.text(key) for key in self._values}


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a flag", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), "something else")


def texts(value: Any, path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise WireError(f"{path} is not a list of texts")
    return tuple(value)


def parse(body: bytes | str) -> Any:
    """JSON text to plain values.

    Raises:
        WireError: it is not JSON.
    """
    try:
        return json.loads(body)
    except ValueError as error:
        raise WireError(f"the answer is not JSON ({error})") from error


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

    ``stale``: PID 1 does not answer the agent, the values are the last known ones.
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
    """Everything, as it was at ``at`` (seconds since the epoch, the agent's clock)."""

    services: Mapping[str, Service]
    agent: Agent
    at: float


def snapshot(value: Any) -> Snapshot:
    fields = Fields(value, "")
    found = {name: service(name, one) for name, one in fields.section("services").children().items()}
    return Snapshot(found, agent(fields.section("agent")), fields.time("at"))


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
