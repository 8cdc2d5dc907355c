"""One case at least of every kind of fault, each with an observer that is not our code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from system.faulting import Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from system.machine import Lab

PING = ("timeout", "1", "redis-cli", "PING")


def inactive(unit: str) -> Callable[[Lab], bool]:
    return lambda lab: lab.run("systemctl", "is-active", unit, check=False).stdout.strip() in ("inactive", "failed")


def pings_fail(lab: Lab) -> bool:
    return lab.run(*PING, check=False).returncode != 0


def refuses(lab: Lab) -> bool:
    return "Connection refused" in lab.run(*PING, check=False).stderr


def frozen(unit: str) -> Callable[[Lab], bool]:
    path = f"/sys/fs/cgroup/system.slice/{unit}/cgroup.events"
    return lambda lab: "frozen 1" in lab.output("cat", path) and pings_fail(lab)


CASES = [
    Case("stop", "redis", inactive("redis-server")),
    Case("hang", "redis", frozen("redis-server.service")),
    Case("network-reject", "redis", refuses),
]
