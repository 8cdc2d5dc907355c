"""PID 1, asked and told through systemctl: over PID 1's own socket, without the bus, but for freeze and thaw."""

from __future__ import annotations

import re
from pathlib import Path

from . import command
from .errors import FaultError

CGROUPS = Path("/sys/fs/cgroup")
WANTED_DOWN = ("masked", "not-found")
"""What a unit is loaded as that is not to be brought back: an operator masked it, or its package is gone."""
UP = ("active", "reloading", "refreshing")


def show(unit: str, *properties: str) -> dict[str, str]:
    """Properties of a unit as systemctl prints them; one that this systemd does not know is missing."""
    text = command.run(command.SYSTEMCTL, "show", f"--property={','.join(properties)}", "--", unit)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def value(unit: str, name: str) -> str:
    """One property, empty when there is none."""
    return show(unit, name).get(name, "")


def active(unit: str) -> bool:
    return value(unit, "ActiveState") in UP


def start(unit: str, timeout: float = 90) -> None:
    """Start it and wait; what had failed before is forgotten, so that no limit on starts stands in the way."""
    command.attempt(command.SYSTEMCTL, "reset-failed", "--", unit)
    command.run(command.SYSTEMCTL, "start", "--", unit, timeout=timeout)


def stop(unit: str, timeout: float = 120) -> None:
    command.run(command.SYSTEMCTL, "stop", "--", unit, timeout=timeout)


def restart(unit: str, timeout: float = 180) -> None:
    command.attempt(command.SYSTEMCTL, "reset-failed", "--", unit)
    command.run(command.SYSTEMCTL, "restart", "--", unit, timeout=timeout)


def kill(unit: str, signal: str, whom: str) -> None:
    """Send a signal to its ``main`` process or to ``all``."""
    command.run(command.SYSTEMCTL, "kill", f"--kill-whom={whom}", f"--signal={signal}", "--", unit)


def freeze(unit: str) -> None:
    command.run(command.SYSTEMCTL, "freeze", "--", unit)


def thaw(unit: str) -> None:
    command.run(command.SYSTEMCTL, "thaw", "--", unit)


def reload() -> None:
    """Have PID 1 read all unit files anew."""
    command.run(command.SYSTEMCTL, "daemon-reload", timeout=90)


def stopping() -> bool:
    """Whether the machine is being shut down or rebooted."""
    return command.attempt(command.SYSTEMCTL, "is-system-running").output.strip() == "stopping"


def newest(pattern: str) -> str:
    """The unit that a pattern with one ``*`` stands for: the active one of the highest version, else the highest.

    Raises:
        FaultError: when systemd has none loaded.
    """
    text = command.run(
        command.SYSTEMCTL, "list-units", "--all", "--plain", "--no-legend", "--type=service", "--", pattern
    )
    rows = [line.split()[:3] for line in text.splitlines() if len(line.split()) >= 3]
    found = [(state in UP, _version(name), name) for name, load, state in rows if load == "loaded"]
    if not found:
        raise FaultError(f"no unit {pattern} is loaded", "unavailable")
    return max(found)[2]


def _version(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts numbers in names as numbers: 9 before 17."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))


def go_down_with(unit: str) -> list[str]:
    """The active units that a stop of this one takes with it, in the order of their names."""
    found: set[str] = set()
    waiting = [unit]
    while waiting:
        shown = show(waiting.pop(), "RequiredBy", "RequisiteOf", "BoundBy", "ConsistsOf")
        for other in {name for names in shown.values() for name in names.split()} - found - {unit}:
            if active(other):
                found.add(other)
                waiting.append(other)
    return sorted(found)


def cgroup(unit: str) -> Path | None:
    """The folder of its control group; None while it has no processes."""
    group = value(unit, "ControlGroup")
    return CGROUPS / group.lstrip("/") if group else None


def processes(unit: str) -> list[int]:
    """The pids of all its processes, those of groups below its own too."""
    folder = cgroup(unit)
    if folder is None or not folder.is_dir():
        return []
    pids: list[int] = []
    for file in sorted(folder.rglob("cgroup.procs")):
        try:
            pids += [int(line) for line in file.read_text().split()]
        except OSError:  # a group that has just gone
            continue
    return [pid for pid in pids if pid]
