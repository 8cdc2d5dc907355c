"""One case at least of every kind of fault, each with an observer that is not our code."""

from __future__ import annotations

import os
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


def psql(lab: Lab, text: str) -> str:
    """What psql prints for a query of the superuser, its errors too."""
    done = lab.run("runuser", "-u", "postgres", "--", "psql", "-XAt", "-c", text, "incidentops", check=False)
    return done.stdout + done.stderr


def no_connections(lab: Lab) -> bool:
    done = lab.run(*AS_WORKER, "psql", "-XAtc", "select 1", "incidentops", check=False)
    return "connection slots are reserved" in done.stderr


def table_locked(lab: Lab) -> bool:
    return "lock timeout" in psql(lab, "set lock_timeout = '300ms'; select count(*) from jobs")


def table_slow(lab: Lab) -> bool:
    """Of five queries one at least takes as long as the table is locked, by the clock of psql."""
    words = "\\timing on\n" + "select count(*) from jobs;\n" * 5
    done = lab.run("runuser", "-u", "postgres", "--", "psql", "-XAt", "incidentops", input=words)
    times = [float(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("Time:")]
    return len(times) == 5 and max(times) > 600


def pings_wait(lab: Lab) -> bool:
    """A connection is taken, and no answer comes in it."""
    return lab.run(*PING, check=False).returncode == 124 and "ESTAB" in lab.output("ss", "-Htn", "sport = 6379")


def writes_wait(lab: Lab) -> bool:
    write = lab.run("timeout", "1", "redis-cli", "SET", "nobody-has-this", "", "XX", check=False)
    return write.returncode == 124 and lab.output(*PING) == "PONG"


def write_gives(code: str) -> Seen:
    return lambda lab: lab.output("redis-cli", "SET", "nobody-has-this", "", "XX").startswith(code)


AS_BROKER = ("setpriv", "--reuid=rabbitmq", "--regid=rabbitmq", "--clear-groups")


def memory_alarm(lab: Lab) -> bool:
    return "memory" in lab.output(*AS_BROKER, "rabbitmqctl", "-q", "eval", "rabbit_alarm:get_alarms().")


def flooded(lab: Lab) -> bool:
    """1,900 messages of 4 KiB and more are there: what 8 MB are."""
    rows = lab.output(*AS_BROKER, "rabbitmqctl", "-q", "list_queues", "--silent", "name", "messages").splitlines()
    return any(int(row.split()[1]) > 1900 for row in rows if row.startswith("incidentops.fault."))


def jobs_wait(lab: Lab) -> bool:
    """The broker says that a consumer of ours has priority, and takes all there is."""
    rows = lab.output(
        *AS_BROKER, "rabbitmqctl", "-q", "list_consumers", "--silent", "queue_name", "consumer_tag", "arguments"
    )
    ours = [row for row in rows.splitlines() if "\tincidentops-fault-" in row]
    return any(row.startswith("incidentops.jobs\t") and "x-priority" in row for row in ours)


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
    # The lab has no name server; test_faults_servers.py makes one.
    Case("dns", "redis", lambda lab: True, detected=False),
    Case("pg-connections", "postgres", no_connections, duration=6),
    Case("pg-lock", "postgres", table_locked, duration=5, detected=False),
    Case("pg-slow", "postgres", table_slow, {"delay": 800}, 6, detected=False),
    Case("redis-pause", "redis", pings_wait, duration=6),
    Case("redis-pause", "redis", writes_wait, {"mode": "write"}, detected=False),
    Case("redis-memory", "redis", write_gives("OOM"), detected=False),
    Case("redis-readonly", "redis", write_gives("NOREPLICAS"), detected=False),
    Case("rabbitmq-memory-alarm", "rabbitmq", memory_alarm, duration=6, detected=False),
    Case("rabbitmq-flood", "rabbitmq", flooded, {"size": 8}, 6, detected=False),
    Case("rabbitmq-consumer-stall", "rabbitmq", jobs_wait, duration=8, detected=False),
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

FIRST = {case.kind: case for case in reversed(CASES)}
"""The first case of each kind."""
ALL = os.environ.get("INCIDENTOPS_FAULTS") == "all"
"""Whether everything is to be tried, which takes an hour; else a sample."""
