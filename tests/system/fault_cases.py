"""One case at least of every kind of fault, each with an observer that is not our code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from system.faulting import Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from system.machine import Lab

    Seen = Callable[[Lab], bool]

PING = ("timeout", "1", "redis-cli", "PING")


def state(*states: str, unit: str = "redis-server", name: str = "ActiveState") -> Seen:
    """systemctl says one of these."""
    return lambda lab: lab.output("systemctl", "show", f"--property={name}", "--value", unit) in states


down = state("inactive", "failed", "activating", "deactivating")


def pings_fail(lab: Lab) -> bool:
    return lab.run(*PING, check=False).returncode != 0


def refuses(lab: Lab) -> bool:
    return "Connection refused" in lab.run(*PING, check=False).stderr


def unanswered(lab: Lab) -> bool:
    """timeout(1) ends it: neither an answer nor a refusal comes."""
    return lab.run(*PING, check=False).returncode == 124


AS_WORKER = ("setpriv", "--reuid=incidentops-worker", "--regid=incidentops-worker", "--clear-groups")


def cut_off(port: int) -> Seen:
    """The worker's user gets no connection to a port, and root does."""
    knock = ("timeout", "1", "bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}")
    return lambda lab: lab.run(*AS_WORKER, *knock, check=False).returncode == 124 and not lab.run(*knock).returncode


def shaped(kind: str) -> Seen:
    return lambda lab: f"qdisc {kind}" in lab.output("tc", "qdisc", "show", "dev", "lo")


def slow(lab: Lab) -> bool:
    """20 kB there and back take a second and more at 20 kB/s, by the clock of bash."""
    asked = "redis-cli ECHO $(head -c 20000 /dev/zero | tr '\\0' x) >/dev/null"
    found = lab.run("bash", "-c", f"TIMEFORMAT=%R; time {asked}", timeout=30).stderr
    return float(found.split()[-1]) > 1 and shaped("htb")(lab)


def frozen(unit: str) -> Seen:
    path = f"/sys/fs/cgroup/system.slice/{unit}/cgroup.events"
    return lambda lab: "frozen 1" in lab.output("cat", path) and pings_fail(lab)


def held(port: int) -> Seen:
    """ss says that a program which is not the server's listens there."""
    return lambda lab: "incidentops-fau" in lab.output("ss", "-Hltnp", f"sport = {port}")


def stopped(lab: Lab) -> bool:
    return "T" in lab.output("ps", "-o", "stat=", "-p", str(lab.main_pid("redis-server"))) and pings_fail(lab)


def cannot_save(lab: Lab) -> bool:
    return "Read-only file system" in lab.run("sh", "-c", SAVE, check=False).stdout


TASKS = "/sys/fs/cgroup/system.slice/redis-server.service/pids.max"
SAVE = "redis-cli SAVE; tail -n 5 /var/log/redis/redis-server.log"


def cgroup_says(file: str, text: str) -> Seen:
    return lambda lab: text in lab.output("cat", f"/sys/fs/cgroup/system.slice/redis-server.service/{file}")


CASES = [
    Case("stop", "redis", down),
    Case("hang", "redis", frozen("redis-server.service"), duration=8),
    Case("network-reject", "redis", refuses),
    Case("network-drop", "redis", unanswered),
    Case("network-partition", "worker", cut_off(5672), {"other": "rabbitmq"}, 12),
    Case("network-partition", "worker", cut_off(6379), {"other": "redis"}, detected=False),
    Case("network-partition", "redis", cut_off(6379), {"other": "worker"}, detected=False),
    Case("latency", "redis", shaped("netem"), detected=False),
    Case("bandwidth", "redis", slow, {"rate": 20}, 6, detected=False),
    Case("dns", "redis", lambda lab: True, detected=False),
    Case("kill", "redis", down),
    Case("kill", "redis", stopped, {"signal": "SIGSTOP", "whom": "all"}, duration=8),
    Case("kill", "postgres", state("inactive", "failed", unit="postgresql@17-main"), {"whom": "all", "repeat": 1}),
    Case("crash-loop", "redis", down, {"after": 0.3}),
    Case("crash-loop", "redis", down, {"after": 0.3, "restart": False}),
    Case("slow-start", "redis", state("start-pre", name="SubState"), {"delay": 30}),
    Case("wrong-config", "redis", state("failed"), {"mistake": "program"}),
    Case("wrong-config", "redis", state("failed"), {"mistake": "user"}),
    Case("wrong-config", "redis", state("failed"), {"mistake": "directory"}),
    Case("wrong-config", "redis", state("failed"), {"mistake": "environment"}),
    Case("wrong-config", "redis", state("active"), {"restart": False}, detected=False),
    Case("read-only", "redis", cannot_save, detected=False),
    Case("read-only", "postgres", state("failed", unit="postgresql@17-main")),
    Case("port-taken", "redis", held(6379)),
    Case("port-taken", "rabbitmq", held(5672)),
    Case("fd-limit", "redis", pings_fail, detected=False),
    Case("disk-full", "redis", lambda lab: True, detected=False),
    Case("cpu", "redis", detected=False, seen=cgroup_says("cpu.max", "5000 100000")),
    Case("memory", "redis", detected=False, seen=cgroup_says("memory.max", "33554432")),
    Case("io", "redis", detected=False, seen=cgroup_says("io.max", "wbps=1024000")),
    Case("tasks", "redis", lambda lab: "max" not in lab.output("cat", TASKS), detected=False),
]
