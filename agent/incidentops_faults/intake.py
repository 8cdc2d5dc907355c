"""From an id to what is to be done: the agent's request is read and judged here, and nowhere else."""

from __future__ import annotations

import pwd
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incidentops_agent import edge

from . import files, request, services, settings, systemd
from .errors import FaultError
from .kinds import KINDS
from .kinds.base import Order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incidentops_agent.catalogue import Catalogue
    from incidentops_agent.model import ServiceSpec
    from incidentops_agent.parameters import Value

    from .kinds.base import Fault
    from .request import Request
    from .services import Target
    from .settings import Settings

REQUESTS = Path("/run/incidentops-requests")
"""Of user incidentops: RuntimeDirectory= of the agent."""

SETTINGS = Path("/etc/incidentops/faults.yaml")
USER = "incidentops"


@dataclass(frozen=True, slots=True)
class Intake:
    """A request that is right, and what it was held against."""

    request: Request
    settings: Settings
    catalogue: Catalogue


def take(fault_id: str) -> Intake:
    """Read the request with an id, remove it, and judge it.

    Raises:
        FaultError: with all of its mistakes.
    """
    check_id(fault_id)
    allowed = load_settings()
    catalogue = services.load()
    parsed, mistakes = request.parse(_text(fault_id), parameters(), catalogue, allowed)
    if mistakes:
        refusal = "denied" if parsed.kind in allowed.disabled else "malformed"
        raise FaultError("the request is wrong: " + "; ".join(mistakes), refusal)
    return Intake(parsed, allowed, catalogue)


def check_id(fault_id: str) -> None:
    """An id names files and units, so it is letters and digits and nothing else."""
    if not re.fullmatch(request.ID, fault_id):
        raise FaultError(f"{fault_id!r} is no id of a fault: 8 to 32 of 0-9 and a-f")


def parameters() -> dict[str, Any]:
    return {name: kind.parameters for name, kind in KINDS.items()}


def load_settings() -> Settings:
    """The administrator's settings; the defaults when there are none.

    Raises:
        FaultError: when the file is wrong or not root's. Then there are no faults at all.
    """
    if not SETTINGS.parent.is_dir():
        return settings.Settings()
    with files.folder(SETTINGS.parent) as directory:
        try:
            text = files.read(directory, SETTINGS.name, (0,))
        except FileNotFoundError:
            return settings.Settings()
    try:
        return settings.parse(str(SETTINGS), text, list(KINDS))
    except edge.EdgeError as error:
        raise FaultError(str(error)) from error


def _text(fault_id: str) -> str:
    owners = {0}
    try:
        owners.add(pwd.getpwnam(USER).pw_uid)
    except KeyError as error:
        raise FaultError(f"there is no user {USER}") from error
    with files.folder(REQUESTS) as directory:
        try:
            return files.take(directory, f"{fault_id}.json", owners)
        except FileNotFoundError as error:
            raise FaultError(f"there is no request {fault_id}") from error


def fault(fault_id: str, asked: Request, catalogue: Catalogue) -> Fault:
    """The fault that a request asks for, on the units of this machine."""
    kind = KINDS[asked.kind]
    target = services.resolve(catalogue.services[asked.service])
    if kind.probes and target.spec.probe.kind not in kind.probes:
        message = f"{asked.kind} is for services with the probe {' or '.join(kind.probes)}, not {asked.service}"
        raise FaultError(message, "malformed")
    others = {
        one.name: services.resolve(catalogue.services[str(asked.values[one.name])])
        for one in kind.parameters
        if one.type == "service" and asked.values.get(one.name)
    }
    return kind(Order(fault_id, target, asked.values, asked.duration, others))


def unavailable(made: Fault) -> str:
    """Why a fault can't be done here and now; empty when it can."""
    return made.check() if systemd.active(made.unit) else _idle(made.unit)


def _idle(unit: str) -> str:
    return f"{unit} is not active, so there is nothing to break"


def capabilities(
    catalogue: Catalogue, kind: str = "", service: str = "", values: Mapping[str, Value] | None = None
) -> list[dict[str, Any]]:
    """What is possible here and now: kind, service, available, and the reason when it is not. Empty names mean all.
    ``values`` are parameters for the one kind that is named; else its defaults count."""
    allowed = load_settings()
    found = []
    for spec in catalogue.services.values():
        if service and spec.name != service:
            continue
        target, broken = _standing(spec)
        for name in sorted(KINDS):
            if (kind and name != kind) or (KINDS[name].probes and spec.probe.kind not in KINDS[name].probes):
                continue
            reason = "faults.yaml disables it on this machine" if name in allowed.disabled else broken
            if target is not None and not reason:
                reason = _reason(name, target, (values or {}) if kind else {})
            found.append({"kind": name, "service": spec.name, "available": not reason, "reason": reason})
    return found


def _standing(spec: ServiceSpec) -> tuple[Target | None, str]:
    """A service's unit, and why nothing at all can be done to it."""
    try:
        target = services.resolve(spec)
    except FaultError as error:
        return None, str(error)
    return target, "" if systemd.active(target.unit) else _idle(target.unit)


def _reason(kind: str, target: Target, given: Mapping[str, Value]) -> str:
    values = {one.name: one.default for one in KINDS[kind].parameters if one.default is not None}
    try:
        return KINDS[kind](Order("0" * 8, target, values | dict(given))).check()
    except FaultError as error:
        return str(error)
