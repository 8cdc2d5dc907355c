"""The kinds of faults as the agent knows them: from faults.json, which the root code's own list is written to.

What is read here is read again, by the same rules, by the code that runs as root: it trusts nothing of the agent's.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import parameters
from .parameters import Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .edge import Section
    from .model import ServiceSpec
    from .parameters import Value


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of fault. ``probes``: the kinds of probe whose services it is for; empty for all services."""

    name: str
    title: str
    summary: str
    needs: str
    probes: tuple[str, ...]
    parameters: tuple[Parameter, ...]

    def is_for(self, spec: ServiceSpec) -> bool:
        return not self.probes or spec.probe.kind in self.probes


@dataclass(frozen=True, slots=True)
class Kinds:
    """All kinds by name; durations are seconds. ``described`` is the JSON that they were read from."""

    kinds: Mapping[str, Kind] = field(default_factory=dict)
    default: float = 60.0
    low: float = 1.0
    most: float = 86_400.0
    described: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultOrder:
    """What a caller asks for. ``duration`` is seconds."""

    kind: str
    service: str
    values: Mapping[str, Value] = field(default_factory=dict)
    duration: float = 60.0


def parse(text: str) -> Kinds:
    """Read faults.json.

    Raises:
        ValueError: it is none.
    """
    try:
        whole = json.loads(text)
        kinds = {one["kind"]: _kind(one) for one in whole["kinds"]}
        bounds = whole["duration"]
        return Kinds(kinds, float(bounds["default"]), float(bounds["low"]), float(bounds["most"]), whole)
    except (KeyError, TypeError) as error:
        raise ValueError(f"it has not the form of a list of faults ({error!r})") from error


def _kind(one: dict[str, Any]) -> Kind:
    taken = tuple(_parameter(parameter) for parameter in one["parameters"])
    return Kind(one["kind"], one["title"], one["summary"], one["needs"], tuple(one["probes"]), taken)


def _parameter(given: dict[str, Any]) -> Parameter:
    values: dict[str, Any] = {**given, "choices": tuple(given.get("choices", ()))}
    return Parameter(**values)


def order(section: Section, kinds: Kinds, services: Mapping[str, ServiceSpec]) -> FaultOrder:
    """Read what a caller asks for; mistakes go to the section's problems."""
    name = section.choice("kind", kinds.kinds)
    service = section.choice("service", services)
    duration = section.number("duration", kinds.default, kinds.low, kinds.most, "seconds")
    given = section.section("parameters")
    values: dict[str, Value] = {}
    if name:
        kind = kinds.kinds[name]
        if service and not kind.is_for(services[service]):
            section.problem("kind", f"is {name!r}, which is for services with the probe {' or '.join(kind.probes)}")
        if given is None:
            for one in kind.parameters:
                if one.default is None:
                    section.problem("parameters", f"lacks {one.name!r}, which has no default")
        values = parameters.read(kind.parameters, given, sorted(services))
    return FaultOrder(name, service, values, duration)
