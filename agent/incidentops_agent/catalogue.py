"""The catalogue: which services there are. Texts of YAML files in, ServiceSpecs or a list of all mistakes out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from . import edge
from .model import AutoSettings, FaultSpec, ProbeSpec, ServiceSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
UNIT = r"[A-Za-z0-9:_.\\@-]+\.service"
UNIT_PATTERN = r"[A-Za-z0-9:_.\\-]+@[A-Za-z0-9:_.\\-]*\*[A-Za-z0-9:_.\\-]*\.service"
"""Only the instances of one template: a wider pattern would let the agent control units that nobody meant."""

# Units that the machine or the agent itself can't do without: never controlled, whatever a file says.
FORBIDDEN = re.compile(
    r"(incidentops-(agent|setup|fault(-undo)?@.*)|dbus(-broker|-org\..*)?|rescue|emergency|systemd-.*|polkit|ssh|sshd|ssh@.*|user@.*|getty@.*|init)\.service"
)

# Where no service has data of its own; a fault must never fill or lock these.
SYSTEM_FOLDERS = ("/bin/", "/boot/", "/dev/", "/etc/", "/lib/", "/proc/", "/sbin/", "/sys/", "/usr/")

Options = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All services by name, in the order of their names."""

    services: Mapping[str, ServiceSpec]

    def dependants(self, name: str) -> tuple[str, ...]:
        """The services that need ``name`` directly."""
        return tuple(spec.name for spec in self.services.values() if name in spec.depends_on)


def _host_port(section: edge.Section, port: int) -> Options:
    return {"host": section.text("host", "127.0.0.1"), "port": section.integer("port", port, 1, 65535)}


def _postgres(section: edge.Section) -> Options:
    return {
        "host": section.text("host", "/var/run/postgresql"),
        "port": section.integer("port", 5432, 1, 65535),
        "user": section.text("user", "incidentops"),
        "database": section.text("database", "postgres"),
        "credential": _credential(section),
    }


def _redis(section: edge.Section) -> Options:
    return _host_port(section, 6379) | {"credential": _credential(section)}


def _credential(section: edge.Section) -> str:
    return section.text("credential", "", pattern=r"[A-Za-z0-9._-]*", wanted="the name of a credential")


def _amqp(section: edge.Section) -> Options:
    return _host_port(section, 5672) | {"credential": _credential(section)}


def _worker(section: edge.Section) -> Options:
    return _amqp(section) | {"queue": section.text("queue", "incidentops.ping")}


def _http(section: edge.Section) -> Options:
    options = _host_port(section, 80)
    options["socket"] = section.text("socket", "", pattern=r"(/.+)?", wanted="an absolute path")
    options["path"] = section.text("path", "/", pattern=r"/\S*", wanted="a path that begins with /")
    return options


def _none(_section: edge.Section) -> Options:
    return {}


PROBES: dict[str, Callable[[edge.Section], Options]] = {
    "postgres": _postgres,
    "redis": _redis,
    "rabbitmq": _amqp,
    "worker": _worker,
    "http": _http,
    "none": _none,
}


def _probe(section: edge.Section | None) -> ProbeSpec:
    if section is None:
        return ProbeSpec("none")
    kind = section.choice("kind", PROBES)
    interval = section.number("interval", 2.0, 0.2, 3600, "seconds")
    deadline = section.number("deadline", 1.0, 0.05, 60, "seconds")
    if kind not in PROBES:  # the wrong kind is reported; its options can't be judged
        return ProbeSpec("none")
    options = PROBES[kind](section)
    section.close()
    return ProbeSpec(kind, interval, deadline, options)


def _faults(section: edge.Section | None) -> FaultSpec:
    if section is None:
        return FaultSpec()
    data = section.text(
        "data",
        "",
        pattern=r"(/[A-Za-z0-9_@%+=:,.-]+){2,}",
        wanted="the absolute path of a folder at least two levels down, without / at the end",
    )
    if {".", ".."} & set(data.split("/")) or data.startswith(SYSTEM_FOLDERS):
        section.problem("data", f"is {data!r}, which is no folder that a service may lose")
    ports = section.integers("ports")
    if any(not 1 <= port <= 65535 for port in ports):
        section.problem("ports", "must be whole numbers from 1 to 65535")
    default = section.text("default", "stop", pattern=r"[a-z][a-z-]{0,31}", wanted="the name of a kind of fault")
    section.close()
    return FaultSpec(data, tuple(ports), default)


def _auto(section: edge.Section | None) -> AutoSettings:
    """How automatic recovery goes about it; what is not given has the default of model.AutoSettings."""
    usual = AutoSettings()
    if section is None:
        return usual

    def seconds(key: str, default: float, low: float, high: float) -> float:
        return section.number(key, default, low, high, "seconds")

    def bounding(key: str, default: float, bounded: str, least: float, high: float) -> float:
        """What grows up to this must not begin above it."""
        most = seconds(key, max(default, least), 0.01, high)
        if most < least:
            section.problem(key, f"is {most:g} but must be at least {bounded}, {least:g}")
        return most

    backoff = seconds("backoff", usual.backoff, 0.01, 3600)
    half_open_after = seconds("half_open_after", usual.half_open_after, 0.1, 86400)
    read = AutoSettings(
        debounce=seconds("debounce", usual.debounce, 0, 600),
        debounce_unresponsive=seconds("debounce_unresponsive", usual.debounce_unresponsive, 0, 600),
        backoff=backoff,
        backoff_most=bounding("backoff_most", usual.backoff_most, "backoff", backoff, 86400),
        jitter=section.number("jitter", usual.jitter, 0, 50, "percent"),
        budget=section.integer("budget", usual.budget, 1, 100),
        window=seconds("window", usual.window, 1, 86400),
        half_open_after=half_open_after,
        half_open_most=bounding("half_open_most", usual.half_open_most, "half_open_after", half_open_after, 604800),
        stable=seconds("stable", usual.stable, 0.1, 3600),
    )
    section.close()
    return read


def _service(name: str, section: edge.Section) -> ServiceSpec:
    unit = section.text(
        "unit",
        pattern=f"{UNIT}|{UNIT_PATTERN}",
        wanted="the name of a .service unit, or one * in the instance of a template, such as postgresql@*-main.service",
    )
    if FORBIDDEN.fullmatch(unit.replace("*", "x")):
        section.problem("unit", f"is {unit!r}, which this machine needs to stay under control; choose another unit")
    probe_section = section.section("probe")
    if not section.has("probe"):
        section.problem("probe", "is missing; say `probe: {kind: none}` for a service that can't be asked")
    spec = ServiceSpec(
        name=name,
        title=section.text("title", name),
        unit=unit,
        probe=_probe(probe_section),
        depends_on=tuple(sorted(set(section.texts("depends_on")))),
        recovery=section.choice("recovery", ["auto", "manual"], "manual"),
        auto=_auto(section.section("auto")),
        optional=section.flag("optional", False),
        start_deadline=section.number("start_deadline", 60, 0.1, 3600, "seconds"),
        stop_deadline=section.number("stop_deadline", 90, 0.1, 3600, "seconds"),
        faults=_faults(section.section("faults")),
    )
    section.close()
    return spec


def _check_dependencies(specs: dict[str, ServiceSpec], sections: dict[str, edge.Section], names: Iterable[str]) -> None:
    """Unknown names, then cycles: each cycle is reported once, at the file whose name comes first."""
    known = set(names)
    for spec in specs.values():
        for dependency in spec.depends_on:
            if dependency not in known:
                listed = ", ".join(sorted(known))
                sections[spec.name].problem("depends_on", f"names {dependency!r}, which is no service; known: {listed}")
    reported: set[frozenset[str]] = set()
    for name in sorted(specs):
        cycle = _cycle_through(name, specs)
        if cycle and frozenset(cycle) not in reported:
            reported.add(frozenset(cycle))
            sections[name].problem("depends_on", f"goes round in a circle: {' needs '.join([*cycle, name])}")


def _cycle_through(start: str, specs: Mapping[str, ServiceSpec]) -> list[str] | None:
    """A shortest path from ``start`` back to itself, or None."""
    paths = [[start]]
    seen = {start}
    while paths:
        path = paths.pop(0)
        for dependency in specs[path[-1]].depends_on:
            if dependency == start:
                return path
            if dependency in specs and dependency not in seen:
                seen.add(dependency)
                paths.append([*path, dependency])
    return None


def _check_units(specs: dict[str, ServiceSpec], sections: dict[str, edge.Section]) -> None:
    owners: dict[str, str] = {}
    for name in sorted(specs):
        unit = specs[name].unit
        if unit and unit in owners:
            sections[name].problem("unit", f"is {unit!r}, which the service {owners[unit]!r} has already")
        owners.setdefault(unit, name)


def parse(files: Iterable[tuple[str, str]]) -> Catalogue:
    """Read a catalogue from (file name, text) pairs; a service's name is its file's name without the ending.

    Raises:
        edge.EdgeError: with every mistake of every file.
    """
    problems: list[edge.Problem] = []
    specs: dict[str, ServiceSpec] = {}
    sections: dict[str, edge.Section] = {}
    names: list[str] = []
    for file, text in files:
        name = PurePath(file).stem
        names.append(name)
        if not NAME.fullmatch(name):
            problems.append(
                edge.Problem(
                    file, 1, "", f"can't name a service {name!r}: use lower-case letters, digits and -, 32 at most"
                )
            )
            continue
        section = edge.read(file, text, problems)
        if section is not None:
            specs[name] = _service(name, section)
            sections[name] = section
    _check_units(specs, sections)
    _check_dependencies(specs, sections, names)
    if problems:
        raise edge.EdgeError(problems)
    return Catalogue({name: specs[name] for name in sorted(specs)})
