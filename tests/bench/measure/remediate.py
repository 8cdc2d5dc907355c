"""POST /remediate: what is brought back together beside what is brought back alone, and a killed RabbitMQ beside
Debian's own policy for it.

A start is over when the service answers. The agent's own word is taken for its remediations, which its probes verify;
for systemctl the services are asked by the agent's POST /ping right after, so that both wait for the same thing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .figures import Goal, Row, series
from .http import Connection
from .systemd import SERVICE, PrivateBus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

UNITS = {
    "postgres": "postgresql@17-main.service",
    "rabbitmq": "rabbitmq-server.service",
    "redis": "redis-server.service",
}
WORKER = "incidentops-worker.service"
ROUNDS, KILLS = 8, 3
SLOWEST, TOGETHER, ONE_BY_ONE = "slowest of them alone", "one systemctl for all three", "three systemctl, one by one"
DEBIAN = "Debian's own policy"
BY_DEBIAN = "[Service]\nRestart=on-failure\nRestartSec=10\n"
"""What rabbitmq-server.service says in Debian; our training drop-in takes it away."""
DROP_IN = Path("/run/systemd/system/rabbitmq-server.service.d/99-bench.conf")
PATIENCE = 60.0


class Trio:
    """The three servers."""

    def __init__(self, agent: Connection) -> None:
        self._agent = agent
        self._bus = PrivateBus()
        self._paths = {name: self._bus.load(unit) for name, unit in UNITS.items()}

    def stop(self, names: Iterable[str]) -> None:
        names = list(names)
        subprocess.run(["systemctl", "stop", *(UNITS[name] for name in names)], check=True)
        for name in names:
            self._bus.settle(self._paths[name], b"inactive")
        time.sleep(0.3)  # what that has set going has come to rest

    def answer(self, names: Iterable[str]) -> None:
        """Until each of them answers its probe."""
        until = time.monotonic() + PATIENCE
        for name in names:
            while not self._answers(name):
                if time.monotonic() > until:
                    raise TimeoutError(f"{name} does not answer")
                time.sleep(0.01)

    def _answers(self, name: str) -> bool:
        try:
            self._agent.request("POST", f"/ping/{name}")
        except RuntimeError:  # it is down
            return False
        return True

    def by_agent(self, names: Sequence[str]) -> float:
        self.stop(names)
        return self._agent.request("POST", "/remediate")[0]

    def by_systemctl(self, names: Sequence[str], together: bool) -> float:
        self.stop(names)
        began = time.monotonic()
        for units in [[UNITS[name] for name in names]] if together else [[UNITS[name]] for name in names]:
            subprocess.run(["systemctl", "start", *units], check=True)
        self.answer(names)
        return time.monotonic() - began

    def kill_rabbitmq(self) -> float:
        """Kill it; the time right before."""
        pid = self._bus.number(self._paths["rabbitmq"], SERVICE, b"MainPID", b"u")
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        return began


def together(trio: Trio, rounds: int) -> Row:
    everything = list(UNITS)
    taken: dict[str, list[float]] = {who: [] for who in ("ours", SLOWEST, TOGETHER, ONE_BY_ONE)}
    alone: dict[str, list[float]] = {name: [] for name in everything}
    for _ in range(rounds):
        taken["ours"].append(trio.by_agent(everything))
        for name in everything:
            alone[name].append(trio.by_agent([name]))
        taken[TOGETHER].append(trio.by_systemctl(everything, together=True))
        taken[ONE_BY_ONE].append(trio.by_systemctl(everything, together=False))
    slowest = max(everything, key=lambda name: sorted(alone[name])[len(alone[name]) // 2])
    taken[SLOWEST] = alone[slowest]
    return Row(
        "POST /remediate of postgres, redis and rabbitmq",
        "s",
        series("ours", taken["ours"]),
        [
            series(SLOWEST, taken[SLOWEST], slowest),
            series(TOGETHER, taken[TOGETHER]),
            series(ONE_BY_ONE, taken[ONE_BY_ONE]),
        ],
        Goal(1.05, SLOWEST),
    )


def killed(trio: Trio, agent: Connection, rounds: int) -> Row:
    """From SIGKILL until it answers: with a remediation as soon as the agent knows, and left to systemd."""
    taken: dict[str, list[float]] = {"ours": [], DEBIAN: []}
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text(BY_DEBIAN)
    try:
        subprocess.run(["systemctl", "daemon-reload"], check=True)
        for _ in range(rounds):
            for who, samples in taken.items():
                began = trio.kill_rabbitmq()
                if who == "ours":
                    while not _planned(agent, "rabbitmq"):
                        time.sleep(0.005)
                    agent.request("POST", "/remediate")
                else:
                    time.sleep(1.0)
                trio.answer(["rabbitmq"])
                samples.append(time.monotonic() - began)
                trio.answer(UNITS)
                time.sleep(0.5)
    finally:
        DROP_IN.unlink()
        subprocess.run(["systemctl", "daemon-reload"], check=True)
    return Row(
        "SIGKILL of rabbitmq until it answers again",
        "s",
        series("ours", taken["ours"], "remediated at once"),
        [series(DEBIAN, taken[DEBIAN], "RestartSec=10")],
        Goal(0.25, DEBIAN),
    )


def _planned(agent: Connection, name: str) -> bool:
    return any(step["service"] == name for step in agent.request("GET", "/remediate/plan")[1]["steps"])


def measure(scale: float) -> list[Row]:
    with Connection() as agent:
        trio = Trio(agent)
        agent.request("POST", "/stop/worker")  # it needs the three, and would be remediated with them
        subprocess.run(["systemctl", "mask", "--quiet", "--runtime", WORKER], check=True)
        try:
            rows = [together(trio, max(int(ROUNDS * scale), 2)), killed(trio, agent, max(int(KILLS * scale), 1))]
        finally:
            subprocess.run(["systemctl", "unmask", "--quiet", "--runtime", WORKER], check=True)
            agent.request("POST", "/remediate")
    return rows
