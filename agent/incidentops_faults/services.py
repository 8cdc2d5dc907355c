"""The root-owned catalogue of services, and the one unit that a service of it is on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from incidentops_agent import catalogue, edge

from . import files, systemd
from .errors import FaultError

if TYPE_CHECKING:
    from incidentops_agent.model import ServiceSpec

FOLDERS = (Path("/usr/share/incidentops/services.d"), Path("/etc/incidentops/services.d"))
ROOT = (0,)


@dataclass(frozen=True, slots=True)
class Target:
    """What a fault is done to: a service of the catalogue and its unit's exact name."""

    spec: ServiceSpec
    unit: str

    @property
    def service(self) -> str:
        return self.spec.name

    @property
    def ports(self) -> tuple[int, ...]:
        """The TCP ports that it serves: those of its faults section, else its probe's."""
        probe = self.spec.probe
        port = probe.options.get("port")
        # the worker is asked through its broker, whose port is not its own
        own = isinstance(port, int) and not probe.options.get("socket") and probe.kind != "worker"
        return self.spec.faults.ports or ((int(port),) if own and port is not None else ())


def load() -> catalogue.Catalogue:
    """The catalogue as the agent reads it: later folders override, empty files mask, wrong files are left out.

    Raises:
        FaultError: when a file could have been written by another than root.
    """
    texts: dict[str, str] = {}
    for path in FOLDERS:
        if not path.is_dir():
            continue
        with files.folder(path) as directory:
            for name in sorted(one.name for one in path.iterdir() if one.suffix == ".yaml"):
                texts[name] = files.read(directory, name, ROOT)
    chosen = {name: text for name, text in sorted(texts.items()) if text.strip()}
    while True:
        try:
            return catalogue.parse(chosen.items())
        except edge.EdgeError as error:
            for problem in error.problems:
                chosen.pop(problem.file, None)


def resolve(spec: ServiceSpec) -> Target:
    """The unit of a service here and now.

    Raises:
        FaultError: when there is none, or when it is one that the machine can't do without.
    """
    unit = systemd.newest(spec.unit) if spec.is_pattern else spec.unit
    shown = systemd.show(unit, "Id", "Names", "LoadState")
    if shown.get("LoadState") != "loaded":
        message = f"{unit} is not installed or can't be loaded (systemd says {shown.get('LoadState')})"
        raise FaultError(message, "unavailable")
    for name in {unit, shown.get("Id", ""), *shown.get("Names", "").split()}:
        if catalogue.FORBIDDEN.fullmatch(name):
            raise FaultError(f"{unit} is {name}, which this machine needs to stay under control")
    return Target(spec, shown["Id"])
