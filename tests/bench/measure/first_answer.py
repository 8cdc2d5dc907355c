"""Start of PostgreSQL: how long until the one who asked for it is told that it is there."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from .figures import Goal, Row, series
from .http import Connection
from .systemd import MANAGER, MANAGER_PATH, PrivateBus

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 10
SYSTEMCTL, FLOOR = "systemctl start", "raw pystemd as root, then SELECT 1"


def cluster_unit() -> str:
    """The unit of the cluster "main" of the highest version that is installed.

    Raises:
        RuntimeError: there is none.
    """
    versions = [
        int(path.parts[-2]) for path in Path("/etc/postgresql").glob("*/main") if re.match(r"\d+$", path.parts[-2])
    ]
    if not versions:
        raise RuntimeError("there is no PostgreSQL cluster")
    return f"postgresql@{max(versions)}-main.service"


def by_systemctl(unit: str) -> float:
    began = time.monotonic()
    subprocess.run(["systemctl", "start", unit], check=True)
    return time.monotonic() - began


def by_hand(private: PrivateBus, unit: str) -> float:
    """StartUnit, then a new connection and SELECT 1 every millisecond until one succeeds."""
    owner = pwd.getpwnam("postgres")
    began = time.monotonic()
    private.call(MANAGER_PATH, MANAGER, b"StartUnit", b"ss", unit.encode(), b"replace")
    os.seteuid(owner.pw_uid)  # who connects is, for PostgreSQL, who asks
    try:
        while True:
            try:
                with psycopg.connect(host="/var/run/postgresql", user=owner.pw_name, dbname="postgres") as connection:
                    connection.execute("SELECT 1")
                    return time.monotonic() - began
            except psycopg.OperationalError:
                if time.monotonic() - began > 60.0:
                    raise
                time.sleep(0.001)
    finally:
        os.seteuid(0)


def measure(scale: float) -> list[Row]:
    private = PrivateBus()
    unit = cluster_unit()
    path = private.load(unit)
    with Connection() as agent:
        ways: dict[str, Callable[[], float]] = {
            "ours": lambda: agent.request("POST", "/start/postgres")[0],
            SYSTEMCTL: lambda: by_systemctl(unit),
            FLOOR: lambda: by_hand(private, unit),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(max(int(ROUNDS * scale), 2)):
            for way, run in ways.items():
                private.job("stop", unit)
                private.settle(path, b"inactive")
                taken[way].append(run() * 1e3)
                private.settle(path, b"active")
    summed = {way: series(way, samples) for way, samples in taken.items()}
    beside = [summed[SYSTEMCTL], summed[FLOOR]]
    return [Row("POST /start/postgres to the answer", "ms", summed["ours"], beside, Goal(0.1, SYSTEMCTL))]
