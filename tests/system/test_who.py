"""Who may do what, and who did it: on the machine's real kernel, polkit and users."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from system.machine import Lab

if TYPE_CHECKING:
    from collections.abc import Iterator

DOORS = {
    "unix": ("--unix-socket", "/run/incidentops/agent.sock", "http://localhost"),
    "127.0.0.1": ("http://127.0.0.1:8000",),
    "::1": ("--globoff", "http://[::1]:8000"),
}


@pytest.fixture(scope="module")
def users(machine: Lab) -> None:
    machine.run("useradd", "--no-create-home", "visitor")
    machine.run("useradd", "--no-create-home", "--groups", "incidentops", "responder")


def ask(lab: Lab, user: str, door: str, method: str, path: str, *more: str) -> tuple[int, dict[str, object]]:
    *words, base = DOORS[door]
    done = lab.run(
        *("runuser", "-u", user, "--", "curl", "--silent", "--write-out", "\n%{http_code}", "--request", method),
        *(*more, *words, base + path),
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.usefixtures("users")
def test_levels(lab: Lab, door: str) -> None:
    assert ask(lab, "visitor", door, "GET", "/services")[0] == 200
    for path in ("/stop/redis", "/start/redis", "/restart/redis", "/ping/redis", "/remediate", "/incident/redis"):
        status, body = ask(lab, "visitor", door, "POST", path)
        assert (status, body["kind"]) == (403, "denied")
        assert "visitor" in str(body["message"])
    assert lab.states()["redis"] == "healthy"
    for user in ("root", "responder"):
        status, body = ask(lab, user, door, "POST", "/ping/redis")
        assert (status, body["ping"]) == (200, "ok")
        row = lab.get("/audit?service=redis&limit=1")[0]
        assert row["actor"]["user"] == user
        assert row["actor"]["door"] == ("unix" if door == "unix" else "tcp")
        if door == "unix":
            assert row["actor"]["program"] == "curl"
            assert row["actor"]["pid"] > 0


@pytest.mark.parametrize("door", DOORS)
def test_web_pages_are_refused(lab: Lab, door: str) -> None:
    for header in (
        "Origin: http://localhost:3000",
        "Referer: http://x/",
        "Sec-Fetch-Site: cross-site",
        "Host: evil.example",
    ):
        for method, path in (("POST", "/stop/redis"), ("GET", "/services")):
            status, body = ask(lab, "root", door, method, path, "--header", header)
            assert (status, body["kind"]) == (403, "foreign"), header
    assert lab.states()["redis"] == "healthy"


def test_a_process_of_the_host_is_named_as_such(lab: Lab) -> None:
    lab.post("/ping/redis")
    actor = lab.get("/audit?service=redis&limit=1")[0]["actor"]
    assert actor["uid"] == 0
    assert actor["pid"] == 0
    assert actor["note"] == "outside this machine's processes"


SUDO_USER = 12345


@pytest.fixture(scope="module")
def asked_for() -> Iterator[Lab]:
    """A machine that a user with a strict umask has booted through sudo."""
    made = Lab(f"test-{os.getpid()}-sudo")
    umask = os.umask(0o077)
    try:
        with pytest.MonkeyPatch.context() as variables:
            variables.setenv("SUDO_UID", str(SUDO_USER))
            variables.setenv("SUDO_GID", str(SUDO_USER))
            made.up()
        yield made
    finally:
        os.umask(umask)
        made.down()


def ping_from_the_host(lab: Lab, user: int) -> int:
    """The status with which a user of the host pings redis over the unix socket."""
    words = ("curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--request", "POST")
    where = ("--unix-socket", str(lab.socket), "http://localhost/ping/redis")
    as_user = ("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups")
    return int(subprocess.run([*as_user, *words, *where], capture_output=True, text=True, check=True).stdout)


def test_who_asked_for_the_lab_operates_it_and_nobody_inside_who_has_the_same_number(asked_for: Lab) -> None:
    asked_for.run("useradd", "--no-create-home", f"--uid={SUDO_USER}", "namesake")
    assert ping_from_the_host(asked_for, SUDO_USER) == 200
    actor = asked_for.get("/audit?service=redis&limit=1")[0]["actor"]
    assert (actor["uid"], actor["pid"]) == (SUDO_USER, 0)
    assert ping_from_the_host(asked_for, SUDO_USER + 1) == 403
    for door in DOORS:
        assert ask(asked_for, "namesake", door, "GET", "/services")[0] == 200
        status, body = ask(asked_for, "namesake", door, "POST", "/ping/redis")
        assert (status, body["kind"]) == (403, "denied")


def test_a_strict_umask_hides_the_machine_from_nobody(asked_for: Lab) -> None:
    keep = Path(f"/run/incidentops-machines/incidentops-lab-{asked_for.name}")
    for path in (keep.parent, keep, keep / "state", asked_for.runtime):
        assert path.stat().st_mode & 0o004, path


def test_the_host_forward_is_for_root_and_the_lab_user_only(lab: Lab) -> None:
    url = f"http://127.0.0.1:{lab.port}/services"
    words = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", url]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "200"
    other = subprocess.run(
        ["setpriv", "--reuid=65500", "--regid=65500", "--clear-groups", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert other.returncode == 7  # curl: could not connect


DENIED = re.compile("authentication required|access denied|permission denied", re.IGNORECASE)
"""What systemctl says when it was polkit or PID 1 that refused, and not that there is no such unit."""
FORBIDDEN = [
    ("systemctl", "stop", "dbus.service"),
    ("systemctl", "stop", "polkit.service"),
    ("systemctl", "stop", "systemd-journald.service"),
    ("systemctl", "stop", "incidentops-agent.service"),
    ("systemctl", "stop", "postgresql.service"),
    ("systemctl", "start", "postgresql@17-main@evil.service"),
    ("systemctl", "mask", "redis-server.service"),
    ("systemctl", "disable", "redis-server.service"),
    ("systemctl", "kill", "redis-server.service"),
    ("systemctl", "freeze", "redis-server.service"),
    ("systemctl", "set-property", "redis-server.service", "CPUQuota=1%"),
    ("systemctl", "daemon-reload"),
    ("systemctl", "reboot"),
    ("systemctl", "isolate", "rescue.target"),
    ("systemd-run", "--system", "true"),
    (
        "busctl",
        "call",
        "org.freedesktop.systemd1",
        "/org/freedesktop/systemd1",
        "org.freedesktop.systemd1.Manager",
        "Exit",
    ),
]


@pytest.mark.parametrize("words", FORBIDDEN, ids=" ".join)
def test_the_agents_user_controls_nothing_else(lab: Lab, words: tuple[str, ...]) -> None:
    extra = ("--no-ask-password",) if words[0].startswith("systemd") or words[0] == "systemctl" else ()
    done = lab.run("runuser", "-u", "incidentops", "--", words[0], *extra, *words[1:], check=False)
    assert done.returncode != 0
    assert DENIED.search(done.stderr), done.stderr
    assert lab.output("systemctl", "is-active", "redis-server.service") == "active"


def test_the_agents_user_makes_no_unit_of_its_own(lab: Lab) -> None:
    """Not even of a name that it may start, of which the catalogue has some that are not installed."""
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    program = ("1", "ExecStart", "a(sasb)", "1", "/usr/bin/touch", "2", "touch", "/run/theirs", "false", "0")
    assert lab.output("systemctl", "show", "--property=LoadState", "--value", "loki.service") == "not-found"
    for unit in ("loki.service", "redis-server.service", "incidentops-fault@0123456789abcdef.service"):
        call = ("StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", *program)
        done = lab.run("runuser", "-u", "incidentops", "--", "busctl", "call", *manager, *call, check=False)
        assert "Access denied" in done.stderr, done
    assert lab.output("systemctl", "show", "--property=LoadState", "--value", "loki.service") == "not-found"
    assert lab.run("test", "-e", "/run/theirs", check=False).returncode == 1


def test_the_agents_user_controls_the_catalogue(lab: Lab) -> None:
    for verb in ("restart", "reset-failed"):
        lab.run("runuser", "-u", "incidentops", "--", "systemctl", "--no-ask-password", verb, "redis-server.service")


def test_the_agent_has_no_privilege(lab: Lab) -> None:
    pid = lab.main_pid("incidentops-agent.service")
    status = dict(
        line.split(":\t", 1) for line in lab.output("cat", f"/proc/{pid}/status").splitlines() if ":\t" in line
    )
    assert status["Uid"].split()[0] != "0"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == int(status["CapAmb"], 16) == 0
    assert status["NoNewPrivs"] == "1"


def test_nothing_listens_beyond_loopback(lab: Lab) -> None:
    pids = lab.output("systemctl", "show", "--property=MainPID", "--value", "incidentops-agent", "incidentops-worker")
    assert pids
    listening = lab.output("ss", "--listening", "--tcp", "--numeric", "--no-header", "sport = :8000 or sport = :8001")
    addresses = {line.split()[3].rpartition(":")[0] for line in listening.splitlines()}
    assert addresses == {"127.0.0.1", "[::1]"}


def test_no_secret_in_the_process_list_or_catalogue(lab: Lab) -> None:
    secret = (
        lab.output("cat", "/etc/credstore/incidentops.rabbitmq").partition("//")[2].partition(":")[2].partition("@")[0]
    )
    assert len(secret) >= 16
    for place in ("/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ", "/usr/share/incidentops/services.d/*"):
        found = lab.run(
            "sh", "-c", f'grep -l --text --fixed-strings -e "$(cat)" {place} 2>/dev/null', input=secret, check=False
        )
        assert found.stdout == ""
    assert lab.output("stat", "--format=%a %U", "/etc/credstore/incidentops.rabbitmq") == "600 root"
