"""How many files a unit's processes may have open: their soft limits, prlimit(1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from .. import command, systemd
from .base import Effect

PRLIMIT = "/usr/bin/prlimit"


@dataclass(frozen=True, slots=True)
class OpenFiles(Effect):
    """Soft limits by process number and start time; hard ones stay, so that no privilege is needed to come back.
    ``usual`` is the highest before: what processes get that were born during the fault, with their parents' limits."""

    name: ClassVar[str] = "open-files"
    unit: str
    before: dict[str, int]
    during: dict[str, int]
    usual: int

    @classmethod
    def of(cls, unit: str, free: int) -> OpenFiles:
        """Leave each process room for ``free`` more descriptors than it has."""
        keys = {pid: key for pid in systemd.processes(unit) if (key := identity(pid))}
        before = {key: soft_limit(pid) for pid, key in keys.items()}
        during = {key: min(before[key], _lowest(pid, free)) for pid, key in keys.items()}
        return cls(unit, before, during, max(before.values(), default=0))

    def do(self) -> None:
        for key, limit in self.during.items():
            _set(key, limit)

    def undo(self) -> None:
        known = self.before
        for pid in systemd.processes(self.unit):
            key = identity(pid)
            wanted = known.get(key, self.usual)
            # A service started anew has limits of its own, which are not touched when they are not low.
            if key and soft_limit(pid) < wanted and (key in known or soft_limit(pid) in self.during.values()):
                _set(key, wanted)

    def left(self) -> str:
        low = [key for key, limit in self.before.items() if 0 <= soft_limit(_pid(key)) < limit and _alive(key)]
        return f"the processes {low} still may have few files open" if low else ""


def identity(pid: int) -> str:
    """Number and start time, which no other process has; empty when it is gone."""
    try:
        return f"{pid}.{Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[19]}"
    except OSError:
        return ""


def soft_limit(pid: int) -> int:
    """Of open files; -1 when the process is gone or has none."""
    try:
        for line in Path(f"/proc/{pid}/limits").read_text().splitlines():
            if line.startswith("Max open files"):
                soft = line.split()[3]
                return -1 if soft == "unlimited" else int(soft)
    except OSError:
        return -1
    return -1


def _pid(key: str) -> int:
    return int(key.partition(".")[0])


def _alive(key: str) -> bool:
    return identity(_pid(key)) == key


def _lowest(pid: int, free: int) -> int:
    """The limit below which exactly so many descriptors are unused; the kernel gives the lowest unused one."""
    try:
        used = {int(path.name) for path in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:
        used = set()
    limit = 0
    while free >= 0:
        free -= limit not in used
        limit += 1
    return limit - 1


def _set(key: str, limit: int) -> None:
    """As the process's own user where it has one: the kernel asks for no capability then."""
    if not _alive(key):
        return
    try:
        about = Path(f"/proc/{_pid(key)}").stat()
    except OSError:  # it has just gone
        return
    command.run(PRLIMIT, f"--pid={_pid(key)}", f"--nofile={limit}:", user=(about.st_uid, about.st_gid))
