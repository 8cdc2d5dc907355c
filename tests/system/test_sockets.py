"""The sockets that PID 1 holds for the agent: one kind that can't be had leaves the other alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from system.machine import Lab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "incidentops-agent.service"
UNIX = "incidentops-agent.socket"
TCP = "incidentops-agent-tcp.socket"


def active(lab: Lab, *units: str) -> list[str]:
    return lab.run("systemctl", "is-active", *units, check=False).stdout.split()


def over_tcp(lab: Lab, host: str) -> bool:
    asked = lab.run("curl", "--silent", "--fail", "--globoff", f"http://{host}:8000/health", check=False)
    return asked.returncode == 0


@pytest.fixture
def squatter(lab: Lab) -> Iterator[str]:
    """Somebody who took the port while the agent was away; the name of the unit."""
    lab.run("systemctl", "stop", TCP, UNIX, AGENT)
    unit = "squatter.service"
    lab.run("systemd-run", "--quiet", f"--unit={unit}", "python3", "-m", "http.server", "--bind", "127.0.0.1", "8000")
    eventually(lambda: lab.output("ss", "--listening", "--tcp", "--no-header", "--numeric", "sport = :8000"))
    try:
        yield unit
    finally:
        lab.run("systemctl", "stop", unit, check=False)
        lab.run("systemctl", "restart", AGENT)


def test_a_port_that_is_taken_leaves_the_unix_socket_working(lab: Lab, squatter: str) -> None:
    lab.run("systemctl", "start", AGENT)
    assert active(lab, AGENT, UNIX, TCP) == ["active", "active", "failed"]
    assert "redis" in lab.output("incidentops", "status")
    why = lab.output("journalctl", "--no-pager", "--output=cat", "--unit", TCP)
    assert "127.0.0.1:8000" in why
    assert "Address already in use" in why

    lab.run("systemctl", "stop", squatter)
    lab.run("systemctl", "restart", AGENT)
    assert active(lab, AGENT, UNIX, TCP) == ["active"] * 3
    for host in ("127.0.0.1", "[::1]"):
        assert over_tcp(lab, host)


def test_the_tcp_sockets_can_be_taken_away_for_good(lab: Lab) -> None:
    lab.run("systemctl", "mask", "--now", TCP)
    try:
        assert not over_tcp(lab, "127.0.0.1")
        assert lab.get("/health")  # the next request to the unix socket starts the agent again
        assert not over_tcp(lab, "127.0.0.1")
        assert active(lab, AGENT, UNIX, TCP) == ["active", "active", "inactive"]
    finally:
        lab.run("systemctl", "unmask", TCP)
        lab.run("systemctl", "restart", AGENT)
    assert over_tcp(lab, "127.0.0.1")


def test_without_ipv6_on_loopback_ipv4_is_served(lab: Lab) -> None:
    switch = "net.ipv6.conf.lo.disable_ipv6"
    lab.run("sysctl", "-qw", f"{switch}=1")
    try:
        lab.run("systemctl", "restart", TCP)
        eventually(lambda: active(lab, AGENT, UNIX, TCP) == ["active"] * 3)
        assert over_tcp(lab, "127.0.0.1")
        assert not over_tcp(lab, "[::1]")
    finally:
        lab.run("sysctl", "-qw", f"{switch}=0")
        lab.run("systemctl", "restart", TCP)
    eventually(lambda: over_tcp(lab, "[::1]"))


def test_the_agent_may_serve_many_clients(lab: Lab) -> None:
    """The soft limit is the unit's, or what the host lets a container have, and not the default of 1024."""
    limits = lab.output("cat", f"/proc/{lab.main_pid(AGENT)}/limits")
    soft = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()[3]
    assert int(soft) > 4096
    assert lab.output("systemctl", "show", "--property=LimitNOFILE", "--value", AGENT) == "65536"
