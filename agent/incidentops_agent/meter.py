"""What a unit uses: from its control group where the controllers are, else summed over its processes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from .model import Resources

CGROUP_ROOT = Path("/sys/fs/cgroup")
PROC = Path("/proc")


class CgroupMeter:
    """ports.Meter. Reads a few small files, in a thread because a busy machine may make them wait."""

    def __init__(self, cgroup_root: Path = CGROUP_ROOT, proc: Path = PROC) -> None:
        self._root = cgroup_root
        self._proc = proc
        self._tick = 1.0 / os.sysconf("SC_CLK_TCK")
        self._page = os.sysconf("SC_PAGE_SIZE")

    async def read(self, control_group: str) -> Resources | None:
        if not control_group:
            return None
        return await asyncio.to_thread(self._read, control_group)

    def _read(self, control_group: str) -> Resources | None:
        folder = self._root / control_group.lstrip("/")
        try:
            pids = {int(line) for path in folder.rglob("cgroup.procs") for line in path.read_text().split()}
        except OSError:
            return None
        if not pids:
            return None
        memory, cpu = self._from_controllers(folder)
        source = "cgroup"
        if memory is None or cpu is None:
            source = "processes"
            used = [self._process(pid) for pid in pids]
            memory = sum(one[0] for one in used) if memory is None else memory
            cpu = sum(one[1] for one in used) if cpu is None else cpu
        return Resources(memory, cpu, len(pids), source)

    def _from_controllers(self, folder: Path) -> tuple[int | None, float | None]:
        memory: int | None = None
        cpu: float | None = None
        try:
            memory = int((folder / "memory.current").read_text())
            stat = dict(line.split() for line in (folder / "cpu.stat").read_text().splitlines())
            cpu = int(stat["usage_usec"]) / 1e6
        except (OSError, ValueError, KeyError):
            pass  # no controller here; cpu.stat alone is there always, but then the two would not belong together
        return memory, cpu

    def _process(self, pid: int) -> tuple[int, float]:
        """Private and shared-in-part memory (rss minus shared file pages), CPU seconds; zeros when it is gone."""
        try:
            _, resident, shared, *_ = map(int, (self._proc / str(pid) / "statm").read_text().split())
            stat = (self._proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except (OSError, ValueError):
            return 0, 0.0
        return (resident - shared) * self._page, (int(stat[11]) + int(stat[12])) * self._tick
