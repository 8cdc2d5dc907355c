"""A request for a fault: a JSON text that the agent wrote, of which nothing is believed. Only computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from incidentops_agent import edge, parameters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incidentops_agent.catalogue import Catalogue
    from incidentops_agent.parameters import Parameter, Value

    from .settings import Settings

ID = r"[0-9a-f]{8,32}"
DURATION = 60.0
"""Seconds, when nothing else is asked for."""

MODES = ("apply", "check", "preview")


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for. ``duration`` is seconds. ``check`` may leave ``kind`` and ``service`` empty: all of them."""

    mode: str
    kind: str = ""
    service: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)
    duration: float = DURATION
    user: str = ""


def parse(
    text: str, kinds: Mapping[str, Sequence[Parameter]], services: Catalogue, settings: Settings
) -> tuple[Request, list[str]]:
    """Read a request and hold it against what there is; beside it one sentence for each mistake, with its key path."""
    problems: list[edge.Problem] = []
    section = edge.read("request", text, problems)
    made = Request("apply")
    if section is not None:
        made = _request(section, kinds, services, settings)
    return made, [f"{one.key}: {one.message}" if one.key else one.message for one in sorted(problems)]


def _request(
    section: edge.Section, kinds: Mapping[str, Sequence[Parameter]], services: Catalogue, settings: Settings
) -> Request:
    mode = section.choice("mode", MODES, "apply")
    # a check of everything names neither
    default = "" if mode == "check" else None
    kind = section.choice("kind", kinds, default)
    service = section.choice("service", services.services, default)
    if kind in settings.disabled:
        section.problem("kind", f"is {kind!r}, which faults.yaml disables on this machine")
    duration = section.number("duration", min(DURATION, settings.max_duration), 1, settings.max_duration, "seconds")
    user = section.text("user", "", pattern=r"[A-Za-z0-9_.@-]{0,64}", wanted="the name of a user")
    given = section.section("parameters")
    values: dict[str, Value] = {}
    if kind:
        if given is None:  # also what is missing is to be said with its path
            required = [one.name for one in kinds[kind] if one.default is None and mode != "check"]
            for name in required:
                section.problem("parameters", f"lacks {name!r}, which has no default")
        values = parameters.read(kinds[kind], given, sorted(services.services))
    section.close()
    return Request(mode, kind, service, values, duration, user)
