"""Stop and start of redis: what each way to ask for it adds to the time that the unit itself takes."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from .figures import Goal, Row, series
from .http import Connection
from .private_bus import PrivateBus

if TYPE_CHECKING:
    from collections.abc import Callable

UNIT = "redis-server.service"
ROUNDS = 100
STATES = {"stop": b"inactive", "start": b"active"}
SYSTEMCTL, RAW = "systemctl", "raw pystemd as root"


def by_systemctl(verb: str) -> float:
    began = time.perf_counter()
    subprocess.run(["systemctl", verb, UNIT], check=True)
    return time.perf_counter() - began


def measure(scale: float) -> list[Row]:
    rounds = max(int(ROUNDS * scale), 3)
    private = PrivateBus()
    path = private.load(UNIT)
    with Connection() as agent:
        ways: dict[str, Callable[[str], float]] = {
            "ours": lambda verb: agent.request("POST", f"/{verb}/redis")[0],
            RAW: lambda verb: private.job(verb, UNIT),
            SYSTEMCTL: by_systemctl,
        }
        above: dict[tuple[str, str], list[float]] = {(way, verb): [] for way in ways for verb in STATES}
        own: dict[str, list[float]] = {verb: [] for verb in STATES}
        for _ in range(rounds):
            for way, run in ways.items():
                for verb, state in STATES.items():
                    whole = run(verb)
                    private.settle(path, state)
                    taken = private.own_time(path, verb)
                    own[verb].append(taken * 1e3)
                    above[way, verb].append((whole - taken) * 1e3)
    return [
        Row(
            f"POST /{verb}/redis, above the unit's own time",
            "ms",
            series("ours", above["ours", verb]),
            [series(SYSTEMCTL, above[SYSTEMCTL, verb]), series(RAW, above[RAW, verb]), series("own time", own[verb])],
            Goal(0.5, SYSTEMCTL),
        )
        for verb in STATES
    ]
