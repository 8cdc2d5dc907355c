"""SIGKILL of redis: how long until it answers again, by automatic recovery and by others.

The clock is read right before kill(2) and when a PING is answered; redis is asked each millisecond, by this process for
all contenders. One has its turn at a time: the agent is stopped while the others have theirs.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .death import AGENT, REDIS, Killer, await_redis
from .figures import Goal, Row, series
from .http import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BLOCKS, ROUNDS = 5, 8
PAUSE = 0.001
RAW, SYSTEMD = "raw D-Bus listener", "Restart=always, as Debian has it"
DROP_IN = Path("/run/systemd/system") / f"{REDIS}.d" / "99-bench.conf"


def rounds_of(killer: Killer, rounds: int, before: Callable[[], None] = lambda: None) -> list[float]:
    samples = []
    for _ in range(rounds):
        before()
        killer.settle_as(b"active")
        began = killer.kill()
        samples.append(await_redis(PAUSE) - began)
    killer.settle_as(b"active")
    return samples


def by_agent(killer: Killer, rounds: int) -> list[float]:
    with Connection() as agent:

        def arm() -> None:
            # More deaths than any budget allows: each is the first one.
            agent.request("POST", "/recovery/redis", {"mode": "auto", "seconds": 600})

        try:
            return rounds_of(killer, rounds, arm)
        finally:
            agent.request("DELETE", "/recovery/redis")


def by_listener(killer: Killer, rounds: int) -> list[float]:
    command = [sys.executable, "-m", "measure.reviver", REDIS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            if process.stdout.readline() != "ready\n":
                raise RuntimeError("the raw listener did not begin")
            return rounds_of(killer, rounds)
        finally:
            process.stdin.close()


@contextlib.contextmanager
def restarting_itself() -> Iterator[None]:
    """redis without training mode: PID 1 restarts it by itself."""
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("[Service]\nRestart=always\n")
    subprocess.run(["systemctl", "daemon-reload"], check=True)
    try:
        yield
    finally:
        DROP_IN.unlink()
        subprocess.run(["systemctl", "daemon-reload"], check=True)


def by_systemd(killer: Killer, rounds: int) -> list[float]:
    with restarting_itself():
        return rounds_of(killer, rounds)


def measure(scale: float) -> list[Row]:
    rounds = max(int(ROUNDS * scale), 2)
    killer = Killer()
    others: dict[str, Callable[[Killer, int], list[float]]] = {RAW: by_listener, SYSTEMD: by_systemd}
    taken: dict[str, list[float]] = {who: [] for who in ("ours", *others)}
    for _ in range(BLOCKS):
        taken["ours"] += by_agent(killer, rounds)
        subprocess.run(["systemctl", "stop", "--quiet", "--no-warn", AGENT], check=True)
        try:
            for who, run in others.items():
                taken[who] += run(killer, rounds)
        finally:
            subprocess.run(["systemctl", "start", AGENT], check=True)
    summed = {who: series(who, [one * 1e3 for one in samples]) for who, samples in taken.items()}
    what = "SIGKILL of redis until it answers again"
    return [Row(what, "ms", summed["ours"], [summed[who] for who in others], Goal(1.2, RAW))]
