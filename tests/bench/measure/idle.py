"""The agent left alone: the CPU time it takes in a minute while it probes, and the memory of all its processes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .figures import Goal, Row, series
from .http import Connection
from .rate import prepare_payload

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "incidentops-agent.service"
SHIPPED, OVERRIDES = Path("/usr/share/incidentops/services.d"), Path("/etc/incidentops/services.d")
SERVICES = ("chaos", "postgres", "rabbitmq", "redis", "worker")
INTERVAL = 5.0
SETTLE, MINUTE = 12.0, 60.0
HERE = Path(__file__).parent.parent
MINIMAL, HELLO = "bench-minimal-agent", "bench-fastapi-hello"


def group(unit: str) -> Path:
    return Path("/sys/fs/cgroup/system.slice") / unit


def cpu_ms(unit: str) -> float:
    """CPU time of all processes that a unit has had, ended ones too, in ms."""
    lines = (group(unit) / "cpu.stat").read_text().splitlines()
    return int(dict(line.split() for line in lines)["usage_usec"]) / 1e3


def pss_mib(unit: str) -> float:
    """Memory of a unit's processes, each shared page divided among those who share it, in MiB."""
    total = 0
    for path in group(unit).rglob("cgroup.procs"):
        for pid in path.read_text().split():
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return total / 1024


def probe_every(seconds: float | None) -> None:
    """Let the agent probe its five services at this interval; None: as it is shipped."""
    OVERRIDES.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        override = OVERRIDES / f"{service}.yaml"
        if seconds is None:
            override.unlink()
        else:
            shipped = (SHIPPED / override.name).read_text()
            override.write_text(shipped.replace("probe:\n", f"probe:\n  interval: {seconds:g}\n"))
    subprocess.run(["systemctl", "reload", AGENT], check=True)


def await_probes() -> None:
    """Until every service is up again.

    Raises:
        TimeoutError: one is not within 20 s.
    """
    until = time.monotonic() + 20.0
    with Connection() as agent:
        while True:
            _, services = agent.request("GET", "/services")
            down = [name for name in SERVICES if services[name]["status"] != "up"]
            if not down:
                return
            if time.monotonic() > until:
                raise TimeoutError(f"not up: {', '.join(down)}")
            time.sleep(0.2)


@contextlib.contextmanager
def peer(unit: str, module: str, *properties: str) -> Iterator[None]:
    """A program of ours in a transient unit of its own."""
    command = ["systemd-run", "--quiet", "--collect", f"--unit={unit}", f"--working-directory={HERE}"]
    command += [f"--property={one}" for one in (*properties, "Environment=PYTHONDONTWRITEBYTECODE=1")]
    subprocess.run([*command, sys.executable, "-m", f"measure.{module}"], check=True)
    try:
        yield
    finally:
        subprocess.run(["systemctl", "stop", "--quiet", unit], check=False)


def measure(scale: float) -> list[Row]:
    memory = {"ours": pss_mib(AGENT)}  # before the peers are there, with which it would share Python's pages
    probe_every(INTERVAL)
    try:
        prepare_payload()
        like_the_agent = ("User=incidentops", "LoadCredential=incidentops.rabbitmq")
        with peer(f"{HELLO}.service", "hello"), peer(f"{MINIMAL}.service", "minimal", *like_the_agent):
            time.sleep(SETTLE)
            await_probes()
            units = {"ours": AGENT, HELLO: f"{HELLO}.service", MINIMAL: f"{MINIMAL}.service"}
            before = {who: cpu_ms(unit) for who, unit in units.items()}
            time.sleep(MINUTE * scale)
            used = {who: (cpu_ms(unit) - before[who]) / scale for who, unit in units.items()}
            memory |= {who: pss_mib(unit) for who, unit in units.items() if who != "ours"}
    finally:
        probe_every(None)
    return [
        one_figure("CPU per idle minute, five probes every 5 s", "ms", used, Goal(60.0)),
        one_figure("PSS of all processes", "MiB", memory, Goal(50.0)),
    ]


def one_figure(what: str, unit: str, figures: dict[str, float], goal: Goal) -> Row:
    summed = {who: series(who, [figure]) for who, figure in figures.items()}
    return Row(what, unit, summed["ours"], [summed[MINIMAL], summed[HELLO]], goal)
