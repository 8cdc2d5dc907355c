"""SIGKILL of redis: how long until somebody outside PID 1 is told.

The clock is read right before kill(2), in the process that then waits for the news, and again when read(2) has returned
them. Only one contender listens at a time: while cockpit and the raw listeners have their turn the agent is stopped,
and while the agent has its turn the others are not there, so that none pays for another where processors are few.
"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import subprocess
import time
from typing import TYPE_CHECKING

from .cockpit import Bridge
from .figures import Goal, Row, series
from .http import Events
from .systemd import PROPERTIES, SERVICE, UNIT, PrivateBus, SystemBus, drain, listen, wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

REDIS = "redis-server.service"
AGENT = "incidentops-agent.service"
PATIENCE = 10.0
BLOCKS, ROUNDS = 6, 20
COCKPIT, RAW, PIDFD = "cockpit-bridge", "raw pystemd listener", "pidfd in the client"


def await_redis(pause: float = 0.005) -> float:
    """Until redis answers a PING, asked again after ``pause`` seconds; when it did (time.monotonic)."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 6379), 1.0) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return time.monotonic()
        except OSError:
            if time.monotonic() > until:
                raise
        time.sleep(pause)


class Killer:
    """Kills redis and brings it back."""

    def __init__(self) -> None:
        self._private = PrivateBus()
        self.path = self._private.load(REDIS)

    def revive(self) -> None:
        self._private.job("start", REDIS)
        await_redis()

    def main_pid(self) -> int:
        return self._private.number(self.path, SERVICE, b"MainPID", b"u")

    def kill(self) -> float:
        """Kill it; the time right before."""
        pid = self.main_pid()
        # News of the start have settled, and the kill comes at no fixed time after them.
        time.sleep(random.uniform(0.1, 0.2))
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        return began

    def settle(self) -> None:
        self.settle_as(b"failed")

    def settle_as(self, state: bytes) -> None:
        """Wait until PID 1 calls it so and has nothing left to do about it."""
        self._private.settle(self.path, state)


def by_agent(killer: Killer, rounds: int) -> list[float]:
    with Events() as events:
        samples = []
        for _ in range(rounds):
            began = killer.kill()
            samples.append(events.await_status("redis", "down", PATIENCE) - began)
            killer.settle()
            killer.revive()
            events.await_status("redis", "up", PATIENCE)
        return samples


def by_cockpit(killer: Killer, rounds: int) -> list[float]:
    path = killer.path.decode()
    with Bridge() as bridge:
        bridge.watch(path)
        samples = []
        for _ in range(rounds):
            began = killer.kill()
            samples.append(bridge.await_state(path, False, PATIENCE) - began)
            killer.settle()
            killer.revive()
            bridge.await_state(path, True, PATIENCE)
        return samples


def by_listener(killer: Killer, rounds: int) -> list[float]:
    systemd = SystemBus()
    bus = systemd.bus
    told: list[Any] = []
    kept = listen(bus, killer.path, PROPERTIES, b"PropertiesChanged", told)

    def await_state(active: bool) -> float:
        until = time.monotonic() + PATIENCE
        while True:
            drain(bus)
            for body in told:
                state = body[1].get(b"ActiveState")
                if body[0] == UNIT and state is not None and (state == b"active") is active:
                    told.clear()
                    return time.monotonic()
            told.clear()
            wait(bus, until)

    samples = []
    for _ in range(rounds):
        began = killer.kill()
        samples.append(await_state(active=False) - began)
        killer.settle()
        killer.revive()
        await_state(active=True)
    bus.close()
    del kept, systemd  # pystemd calls them without holding them
    return samples


def by_pidfd(killer: Killer, rounds: int) -> list[float]:
    samples = []
    for _ in range(rounds):
        descriptor = os.pidfd_open(killer.main_pid())
        try:
            began = killer.kill()
            ready, _, _ = select.select([descriptor], [], [], PATIENCE)
            samples.append(time.monotonic() - began)
            if not ready:
                raise TimeoutError("redis survived SIGKILL")
        finally:
            os.close(descriptor)
        killer.settle()
        killer.revive()
    return samples


def measure(scale: float) -> list[Row]:
    rounds = max(int(ROUNDS * scale), 2)
    killer = Killer()
    outside: dict[str, Callable[[Killer, int], list[float]]] = {COCKPIT: by_cockpit, RAW: by_listener, PIDFD: by_pidfd}
    taken: dict[str, list[float]] = {who: [] for who in ("ours", *outside)}
    for _ in range(BLOCKS):
        taken["ours"] += by_agent(killer, rounds)
        subprocess.run(["systemctl", "stop", "--quiet", "--no-warn", AGENT], check=True)
        try:
            for who, run in outside.items():
                taken[who] += run(killer, rounds)
        finally:
            subprocess.run(["systemctl", "start", AGENT], check=True)
    summed = {who: series(who, [one * 1e3 for one in samples]) for who, samples in taken.items()}
    return [
        Row(
            "SIGKILL of redis to the event at a client",
            "ms",
            summed["ours"],
            [summed[who] for who in outside],
            Goal(0.7, COCKPIT, ("median", "p99")),
        )
    ]
