"""What a lab machine looks like, so that before and after a fault can be compared: run inside, as root, without ours.

``python3 - < fingerprint.py`` prints one JSON object; ``differences`` compares two of them. What changes by itself
(process numbers, times, counters) is left out; the use of disks has a tolerance.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

TOLERANCE = 48 * 2**20
"""Bytes by which a disk's use may differ: logs, and PostgreSQL's segments of 16 MiB."""

UNITS = (
    *("postgresql@17-main", "redis-server", "rabbitmq-server", "epmd"),
    *("incidentops-worker", "incidentops-chaos", "incidentops-agent"),
)
DATA = ("/var/lib/postgresql", "/var/lib/redis", "/var/lib/rabbitmq", "/run/systemd/system")

VOLATILE = re.compile(
    r"Timestamp|PID|InvocationID|Usage|^Memory(Current|Peak|Available|Swap|ZSwap)|^EffectiveMemory|^TasksCurrent|^IO(Read|Write)"
    r"|^IP(In|E)gress|^NRestarts|^Status(Text|Errno)|^ControlGroupId|^Job|^NFileDescriptorStore|^CPUUsage|^DropInPaths$"
    r"|^ExtraFileDescriptorNames|^Refs$|^(Assert|Condition)"
)


def run(*argv: str, input: str = "") -> str:
    done = subprocess.run(argv, input=input, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout if done.returncode == 0 else f"status {done.returncode}: {done.stderr}"


def unit(name: str) -> dict[str, str]:
    """Its settings and state, without what differs from run to run; drop-ins by their names."""
    shown = dict(line.split("=", 1) for line in run("systemctl", "show", f"{name}.service").splitlines() if "=" in line)
    kept = {key: value for key, value in shown.items() if not VOLATILE.search(key)}
    for key, value in kept.items():
        if key.startswith("Exec"):  # { path=... ; argv[]=... ; ignore_errors=no ; start_time=[...] ; pid=... }
            kept[key] = re.sub(r" ; start_time=.*", "", value)
        else:  # names of other units and folders come in any order after a daemon-reload
            kept[key] = " ".join(sorted(value.split()))
    return kept | {"DropInPaths": shown.get("DropInPaths", "")}


def process(name: str) -> dict[str, Any]:
    """Limits, mounts and control group settings of a unit's main process."""
    pid = run("systemctl", "show", "--property=MainPID", "--value", f"{name}.service").strip()
    if not pid.isdigit() or pid == "0":
        return {}
    folder = Path("/sys/fs/cgroup", run("systemctl", "show", "-P", "ControlGroup", f"{name}.service").strip("/\n"))
    files = ("cgroup.freeze", "cpu.max", "memory.max", "memory.high", "pids.max", "io.max")
    return {
        "limits": Path(f"/proc/{pid}/limits").read_text().splitlines(),
        "mounts": mounts(pid),
        "cgroup": {file: (folder / file).read_text() for file in files if (folder / file).exists()},
    }


def mounts(pid: str) -> list[str]:
    """Mount point, options and kind; numbers are the namespace's own."""
    rows = (line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    found = [" ".join([row[4], row[5], *row[row.index("-") + 1 :]]) for row in rows]
    # a namespace that began while another unit was down has fewer of these
    return sorted(line for line in found if "/run/credentials/" not in line and "/run/systemd/" not in line)


def taken(path: str) -> int:
    """Bytes of a folder's files; one that goes meanwhile is no mistake."""
    done = subprocess.run(["du", "-sx", "--block-size=1", path], capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0])


def runtime_units() -> dict[str, str]:
    """Every file below the folders of units that are gone after a reboot, with its text."""
    found = {}
    for top in ("system", "system.control", "transient"):
        for path in sorted(Path("/run/systemd", top).rglob("*")):
            # a unit of `systemd-run` that the test itself uses would be here too; ours never are
            found[str(path)] = path.read_text() if path.is_file() and not path.is_symlink() else ""
    return found


def leftovers() -> list[str]:
    """What bears the name of a fault: processes, files on disks, folders of state, requests."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"/usr/lib/incidentops/incidentops-fault" in words[:3]:
            found.append(b" ".join(words).decode())
    for top in ("/var", "/srv", "/etc"):
        found += run("find", top, "-xdev", "-name", "*incidentops-fault*").splitlines()
    found += [str(path) for path in Path("/run/incidentops-fault").glob("*/")]
    return found + [str(path) for path in Path("/run/incidentops-requests").glob("*")]


def pairs(text: str) -> dict[str, str]:
    """Names and values on lines in turn."""
    lines = text.splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=False))


def server_settings() -> dict[str, Any]:
    """What the servers themselves say of their settings."""
    query = "select name, setting from pg_settings where context <> 'internal' order by name"
    return {
        "redis": pairs(run("redis-cli", "CONFIG", "GET", "*")),
        "postgres": run("runuser", "-u", "postgres", "--", "psql", "-XAtc", query),
        "postgres-locks": run("runuser", "-u", "postgres", "--", "psql", "-XAtc", LOCKS),
        "postgres-sessions": run("runuser", "-u", "postgres", "--", "psql", "-XAtc", SESSIONS),
        "rabbitmq": run(*AS_BROKER, "rabbitmqctl", "--quiet", "eval", BROKER),
    }


SESSIONS = "select count(*) from pg_stat_activity where usename = 'postgres' and backend_type = 'client backend'"
# By itself it calls su, whose login session mounts a folder below /run/user.
AS_BROKER = ("setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups")
# Limit of memory, alarms, queues with their arguments, and how many consumers there are.
BROKER = """{vm_memory_monitor:get_vm_memory_high_watermark(), rabbit_alarm:get_alarms(),
 lists:sort([{amqqueue:get_name(Q), amqqueue:get_arguments(Q)} || Q <- rabbit_amqqueue:list()]),
 length(rabbit_amqqueue:consumers_all(<<"/">>))}."""
LOCKS = "select count(*) from pg_locks where not granted or mode = 'AccessExclusiveLock'"


def collect() -> dict[str, Any]:
    units = run("systemctl", "list-units", "--all", "--plain", "--no-legend", "--type=service,socket,mount,target")
    rows = [line.split()[:4] for line in units.splitlines()]
    ours = re.compile(
        r"incidentops-fault|^systemd-|^session-|^user|credentials|^run-|^polkit|tmpfiles|^modprobe@|^getty"
    )
    return {
        "units": {" ".join(row[:1]): " ".join(row[1:]) for row in rows if not ours.search(row[0])},
        "failed": run("systemctl", "list-units", "--failed", "--plain", "--no-legend"),
        "properties": {name: unit(name) for name in UNITS},
        "processes": {name: process(name) for name in UNITS},
        "runtime-units": runtime_units(),
        "nft": run("nft", "list", "ruleset"),
        "mounts": mounts("1"),
        "tc": [run("tc", what, "show") for what in ("qdisc", "class", "filter")],
        "addresses": run("ip", "-o", "address"),
        "rules": run("ip", "rule") + run("ip", "route", "show", "table", "all"),
        "listening": sorted({line.split()[3] for line in run("ss", "-Hltn").splitlines()}),
        "hosts": [Path(path).read_text() for path in ("/etc/hosts", "/etc/resolv.conf") if Path(path).exists()],
        "folders": [f"{path} {Path(path).stat().st_mode:o} {Path(path).stat().st_uid}" for path in DATA],
        "servers": server_settings(),
        "leftovers": leftovers(),
        # what files take; what is free is everybody's on the machine that the lab is part of
        "disk": {path: taken(path) for path in ("/var", "/run")},
    }


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """A line for each value that is not what it was; empty when the machine is as before."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for key in sorted(before.keys() | after.keys()):
            found += differences(before.get(key), after.get(key), f"{path}/{key}")
        return found
    if path.startswith("/disk/") and isinstance(before, int) and isinstance(after, int):
        return [] if after - before < TOLERANCE else [f"{path}: {after - before} bytes more are taken"]
    if before == after:
        return []
    if isinstance(before, list) and isinstance(after, list):
        gone = [one for one in before if one not in after]
        come = [one for one in after if one not in before]
        return [f"{path}: gone {gone}, come {come}"]
    return [f"{path}: {before!r} became {after!r}"]


if __name__ == "__main__":
    json.dump(collect(), sys.stdout)
