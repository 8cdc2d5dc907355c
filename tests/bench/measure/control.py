"""Stop and start of redis: what each way to ask for it adds to the time that the unit itself takes."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from .figures import Goal, Row, series
from .http import Connection
from .systemd import PrivateBus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNIT = "redis-server.service"
ROUNDS = 60
PAUSE = 0.1, 0.15
"""Seconds from, to: all that the action before has set going has come to rest."""
STATES = {"stop": b"inactive", "start": b"active"}
SYSTEMCTL, RAW = "systemctl", "raw pystemd as root"
SYSTEMCTL_POLKIT, RAW_POLKIT = "systemctl through polkit", "raw pystemd through polkit"
USER = "incidentops"
"""Whom the polkit rule lets start and stop the units: the agent's own user."""


def by_systemctl(verb: str, user: str | None = None) -> float:
    began = time.perf_counter()
    subprocess.run(["systemctl", "--no-ask-password", verb, UNIT], check=True, user=user)
    return time.perf_counter() - began


@contextlib.contextmanager
def unprivileged() -> Iterator[Callable[[str], float]]:
    """Raw pystemd in a process of the agent's user."""
    command = [sys.executable, "-m", "measure.unprivileged"]
    with subprocess.Popen(
        command, user=USER, group=USER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ask, answers = process.stdin, process.stdout

        def run(verb: str) -> float:
            ask.write(f"{verb} {UNIT}\n")
            ask.flush()
            return float(answers.readline())

        try:
            yield run
        finally:
            ask.close()


def measure(scale: float) -> list[Row]:
    rounds = max(int(ROUNDS * scale), 3)
    private = PrivateBus()
    path = private.load(UNIT)
    with Connection() as agent, unprivileged() as by_user:
        ways: dict[str, Callable[[str], float]] = {
            "ours": lambda verb: agent.request("POST", f"/{verb}/redis")[0],
            SYSTEMCTL: by_systemctl,
            RAW: lambda verb: private.job(verb, UNIT),
            SYSTEMCTL_POLKIT: lambda verb: by_systemctl(verb, USER),
            RAW_POLKIT: by_user,
        }
        above: dict[tuple[str, str], list[float]] = {(way, verb): [] for way in ways for verb in STATES}
        own: dict[str, list[float]] = {verb: [] for verb in STATES}
        for _ in range(rounds):
            for way, run in ways.items():
                for verb, state in STATES.items():
                    time.sleep(random.uniform(*PAUSE))
                    whole = run(verb)
                    private.settle(path, state)
                    taken = private.own_time(path, verb)
                    own[verb].append(taken * 1e3)
                    above[way, verb].append((whole - taken) * 1e3)
    others = (SYSTEMCTL, RAW, SYSTEMCTL_POLKIT, RAW_POLKIT)
    return [
        Row(
            f"POST /{verb}/redis, above the unit's own time",
            "ms",
            series("ours", above["ours", verb]),
            [*(series(way, above[way, verb]) for way in others), series("the unit's own time", own[verb])],
            Goal(0.5, SYSTEMCTL),
        )
        for verb in STATES
    ]
