"""Faults beyond the table of cases: a name server that the lab lacks, and servers that are restarted during a fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from system import fault_cases
from system.faulting import Case, as_before, drive, fingerprint, fresh_id
from system.machine import eventually
from system.test_faults import available

if TYPE_CHECKING:
    from system.machine import Lab

ADDRESS = "10.255.255.53"  # what the lab's resolv.conf names
# Answers every question with 192.0.2.7: the question's own bytes, then an A record for them, RFC 1035.
SERVER = f"""
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("{ADDRESS}", 53))
    while True:
        asked, peer = server.recvfrom(512)
        end = asked.index(b"\\0", 12) + 5
        is_a = asked[end - 4 : end - 2] == b"\\0\\1"
        head = asked[:2] + b"\\x81\\x80\\0\\1" + (b"\\0\\1" if is_a else b"\\0\\0") + b"\\0\\0\\0\\0"
        record = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\xc0\\0\\2\\7"
        server.sendto(head + asked[12:end] + (record if is_a else b""), peer)
"""
LOOK_UP = ("timeout", "5", "getent", "ahostsv4", "somewhere.test")
AS_REDIS = ("setpriv", "--reuid=redis", "--regid=redis", "--clear-groups")


def resolves(lab: Lab, *user: str) -> bool:
    return "192.0.2.7" in lab.run(*user, *LOOK_UP, check=False).stdout


def test_one_service_alone_resolves_no_names(lab: Lab) -> None:
    lab.run("ip", "address", "add", f"{ADDRESS}/32", "dev", "lo")
    lab.run("systemd-run", "--quiet", "--collect", "--unit=test-names", "python3", "-c", SERVER)
    try:
        eventually(lambda: resolves(lab) and resolves(lab, *AS_REDIS))
        case = Case("dns", "redis", lambda lab: not resolves(lab, *AS_REDIS) and resolves(lab))
        assert available(lab, case) == ""
        before = fingerprint(lab)
        fault_id = fresh_id()
        status = drive(lab, "start", fault_id, case.request())
        assert status["started"], status
        eventually(lambda: case.seen(lab), deadline=case.duration)
        status = drive(lab, "end", fault_id)
        assert status["phase"] == "recovered", status
        assert resolves(lab, *AS_REDIS)
        as_before(lab, before)
        for phase in ("applying", "active", "undoing"):
            assert "stuck" not in drive(lab, "kill", fresh_id(), case.request(1), phase, "fault", "0")
            as_before(lab, before)
    finally:
        lab.run("systemctl", "stop", "test-names")
        lab.run("ip", "address", "del", f"{ADDRESS}/32", "dev", "lo")


def cases(*kinds: str) -> list[Case]:
    return [next(case for case in fault_cases.CASES if case.kind == kind) for kind in kinds]


UNITS = {"postgres": "postgresql@17-main", "redis": "redis-server", "rabbitmq": "rabbitmq-server"}


@pytest.mark.parametrize("case", cases("pg-lock", "redis-pause", "rabbitmq-flood"), ids=str)
def test_what_a_session_holds_is_taken_again_after_a_restart_of_the_server(lab: Lab, case: Case) -> None:
    before = fingerprint(lab)
    fault_id = fresh_id()
    assert drive(lab, "start", fault_id, case.request(600))["started"]
    lab.run("systemctl", "restart", UNITS[case.service])
    eventually(lambda: case.seen(lab), deadline=30)
    lab.run("systemctl", "stop", "incidentops-fault@*")
    assert drive(lab, "end", fault_id)["phase"] == "recovered"
    as_before(lab, before)


@pytest.mark.parametrize("case", cases("redis-memory", "rabbitmq-memory-alarm"), ids=str)
def test_what_a_restart_of_the_server_undoes_is_not_undone_twice(lab: Lab, case: Case) -> None:
    before = fingerprint(lab)
    fault_id = fresh_id()
    assert drive(lab, "start", fault_id, case.request(600))["started"]
    lab.run("systemctl", "restart", UNITS[case.service])
    lab.run("systemctl", "stop", "incidentops-fault@*")
    assert drive(lab, "end", fault_id)["phase"] == "recovered"
    as_before(lab, before)


def test_a_setting_that_somebody_changed_meanwhile_is_left_alone(lab: Lab) -> None:
    (case,) = cases("redis-memory")
    fault_id = fresh_id()
    assert drive(lab, "start", fault_id, case.request(600))["started"]
    lab.run("redis-cli", "CONFIG", "SET", "maxmemory", "77mb")
    try:
        lab.run("systemctl", "stop", "incidentops-fault@*")
        assert drive(lab, "end", fault_id)["phase"] == "recovered"
        assert lab.output("redis-cli", "CONFIG", "GET", "maxmemory").split() == ["maxmemory", str(77 * 2**20)]
    finally:
        lab.run("redis-cli", "CONFIG", "SET", "maxmemory", "0")
