"""The machine's own figures: CPU measured between samples, memory, disk, load and pressure."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLE_INTERVAL = 5.0
"""Seconds between the samples that are taken when nobody asks."""
SHORTEST = 0.5
"""Seconds: a request within this time of the last one is given the same figures, a share over less is noise."""

_GB = 2**30
_MEMORY = re.compile(rb"^(MemTotal|MemAvailable|SwapTotal|SwapFree): *(\d+) kB", re.MULTILINE)
_PRESSURE = re.compile(rb"^(\w+) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+)", re.MULTILINE)


def _read(path: Path) -> bytes:
    """A small file of the kernel's, in one read(2); io and its buffers cost more than the kernel does."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)


def _busy_and_total(times: Any) -> tuple[float, float]:
    """Seconds of work and of everything. Guest time is part of user time already; waiting for I/O is free time."""
    total = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return total - times.idle - getattr(times, "iowait", 0.0), total


def _free_percent(before: Any, after: Any) -> float:
    busy_before, total_before = _busy_and_total(before)
    busy_after, total_after = _busy_and_total(after)
    elapsed = total_after - total_before
    if elapsed <= 0:
        return 100.0
    return round(100.0 * (1.0 - min(max((busy_after - busy_before) / elapsed, 0.0), 1.0)), 1)


class SystemSampler:
    """Gives the figures without ever sleeping for them: ``sample`` is called regularly and by requests."""

    def __init__(self, now: Callable[[], float] = time.monotonic, disk: str = "/", proc: Path = Path("/proc")) -> None:
        self._now = now
        self._disk = disk
        self._proc = proc
        self._at = now()
        self._times = psutil.cpu_times(percpu=True)
        self._figures: dict[str, Any] = self._read([100.0] * len(self._times), 0.0)

    def figures(self) -> dict[str, Any]:
        """The contract's three strings and the numbers behind them; CPU since the sample before."""
        if self._now() - self._at >= SHORTEST:
            self.sample()
        return self._figures

    def sample(self) -> None:
        """Measure now; the CPU's free share is that of the time since the last sample."""
        now, times = self._now(), psutil.cpu_times(percpu=True)
        if len(times) == len(self._times):
            cores = [_free_percent(*pair) for pair in zip(self._times, times, strict=True)]
        else:  # a CPU came or went
            cores = [100.0] * len(times)
        elapsed = now - self._at
        self._at, self._times = now, times
        self._figures = self._read(cores, elapsed)

    def _read(self, cores: list[float], elapsed: float) -> dict[str, Any]:
        memory, disk = self._memory(), psutil.disk_usage(self._disk)
        free = round(sum(cores) / len(cores), 1)
        load = psutil.getloadavg()
        return {
            "cpu": f"{len(cores)} units, {free:.1f}% free",
            "ram": f"{memory['MemTotal'] / _GB:.1f} GB total, {memory['MemAvailable'] / _GB:.1f} GB free",
            "disk": f"{disk.total / _GB:.1f} GB total, {disk.free / _GB:.1f} GB free",
            "cpu_units": len(cores),
            "cpu_free_percent": free,
            "cpu_free_percent_per_unit": cores,
            "cpu_interval_seconds": round(elapsed, 3),
            "ram_total_bytes": memory["MemTotal"],
            "ram_free_bytes": memory["MemAvailable"],
            "swap_total_bytes": memory["SwapTotal"],
            "swap_free_bytes": memory["SwapFree"],
            "disk_path": self._disk,
            "disk_total_bytes": disk.total,
            "disk_free_bytes": disk.free,
            "load_average": [round(value, 2) for value in load],
            "pressure": {kind: self._pressure(kind) for kind in ("cpu", "memory", "io")},
        }

    def _memory(self) -> dict[str, int]:
        """Bytes by the names of proc_meminfo(5): one file, where psutil reads it twice, and another, for the same."""
        text = _read(self._proc / "meminfo")
        found = {name.decode(): int(value) * 1024 for name, value in _MEMORY.findall(text)}
        return {name: found.get(name, 0) for name in ("MemTotal", "MemAvailable", "SwapTotal", "SwapFree")}

    def _pressure(self, kind: str) -> dict[str, dict[str, float]] | None:
        """Pressure stall information, shares in percent: https://docs.kernel.org/accounting/psi.html; None without."""
        try:
            text = _read(self._proc / "pressure" / kind)
        except OSError:
            return None
        return {
            name.decode(): {"avg10": float(short), "avg60": float(middle), "avg300": float(long)}
            for name, short, middle, long in _PRESSURE.findall(text)
        }
