"""Every fault: its effect is seen from outside, it ends at its deadline, and the machine is then as it was before.

INCIDENTOPS_FAULTS=all tries every variant of every fault; without it the first one of each.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from system.fault_cases import ALL, CASES, FIRST
from system.faulting import Case, as_before, drive, fingerprint, fresh_id
from system.machine import bring_back, eventually

if TYPE_CHECKING:
    from system.machine import Lab


def available(lab: Lab, case: Case) -> str:
    """Why a case can't be tried here; empty when it can."""
    asked = json.dumps({"mode": "check", "kind": case.kind, "service": case.service})
    found = drive(lab, "start", fresh_id(), asked)["capabilities"]
    assert [(one["kind"], one["service"]) for one in found] == [(case.kind, case.service)]
    return str(found[0]["reason"])


@pytest.mark.parametrize("case", CASES if ALL else FIRST.values(), ids=str)
def test_a_fault_does_what_it_says_and_is_undone(lab: Lab, case: Case) -> None:
    before = fingerprint(lab)
    if reason := available(lab, case):
        refused = drive(lab, "start", fresh_id(), case.request())
        assert not refused["started"]
        assert reason in refused["message"]
        as_before(lab, before)
        pytest.skip(f"unavailable here because {reason}")
    fault_id = fresh_id()
    status = drive(lab, "start", fault_id, case.request())
    assert status["started"], status
    assert status["phase"] == "active"
    eventually(lambda: case.seen(lab), deadline=case.duration)
    if case.detected:
        eventually(lambda: lab.states()[case.service] != "healthy", deadline=case.duration)
    status = drive(lab, "end", fault_id)
    assert (status["phase"], status["ended_by"]) == ("recovered", "deadline"), status
    as_before(lab, before, case.up_within)


def test_a_stop_of_the_unit_reverts(lab: Lab) -> None:
    case = CASES[0]
    before = fingerprint(lab)
    fault_id = fresh_id()
    assert drive(lab, "start", fault_id, case.request(600))["started"]
    lab.run("systemctl", "stop", "incidentops-fault@*")
    status = drive(lab, "end", fault_id)
    assert (status["phase"], status["ended_by"]) == ("recovered", "revert"), status
    as_before(lab, before)


SMALL = """
set -e
systemctl stop redis-server
mount -t tmpfs -o size=64M,mode=0750,uid=redis,gid=redis fault-test /var/lib/redis
systemctl start redis-server
"""
BACK = "systemctl stop redis-server; umount /var/lib/redis; systemctl start redis-server"


def test_a_full_disk_of_the_service_own(lab: Lab) -> None:
    """On a small file system, because the lab's own disk is a part of its host's."""
    lab.run("sh", "-c", SMALL)
    try:
        bring_back(lab)
        case = Case("disk-full", "redis", disk_is_full, {"leave": 2})
        assert available(lab, case) == ""
        before = fingerprint(lab)
        fault_id = fresh_id()
        status = drive(lab, "start", fault_id, case.request())
        assert status["started"], status
        eventually(lambda: case.seen(lab), deadline=case.duration)
        # what others give back is taken, and what others take is given back: the floor stays
        lab.run("dd", "if=/dev/zero", "of=/var/lib/redis/other", "bs=1M", "count=1", "conv=fsync")
        eventually(lambda: left(lab) >= 2 * 1024 - 64, deadline=2)
        lab.run("rm", "/var/lib/redis/other")
        assert drive(lab, "end", fault_id)["phase"] == "recovered"
        as_before(lab, before)
        assert left(lab) > 50 * 1024
        for phase, victim in (("applying", "fault"), ("active", "fault"), ("undoing", "fault")):
            assert "stuck" not in drive(lab, "kill", fresh_id(), case.request(1), phase, victim, "0")
            as_before(lab, before)
    finally:
        lab.run("sh", "-c", BACK)


def left(lab: Lab) -> int:
    """KiB that are free where redis keeps its data, by df."""
    return int(lab.output("df", "--output=avail", "/var/lib/redis").split()[-1])


def disk_is_full(lab: Lab) -> bool:
    return left(lab) <= 3 * 1024


AS_AGENT = ("setpriv", "--reuid=incidentops", "--regid=incidentops", "--clear-groups")


def test_root_believes_nothing_that_the_agent_wrote(lab: Lab) -> None:
    before = fingerprint(lab)
    folder = "/run/incidentops-requests"
    tricks = {
        "link": f"echo '{CASES[0].request()}' >{folder}/asked; ln -s {folder}/asked {folder}/ID.json",
        "fifo": f"mkfifo {folder}/ID.json",
        "large": f"head -c 70000 /dev/zero >{folder}/ID.json",
        "shadow": f"ln -s /etc/shadow {folder}/ID.json",
        "service": f"""echo '{{"kind": "stop", "service": "ssh"}}' >{folder}/ID.json""",
        "path": f"""echo '{{"kind": "stop", "service": "../../etc/x"}}' >{folder}/ID.json""",
        "bounds": f"""echo '{{"kind": "stop", "service": "redis", "duration": 1e9}}' >{folder}/ID.json""",
        "nothing": "true",
    }
    for name, trick in tricks.items():
        fault_id = fresh_id()
        lab.run(*AS_AGENT, "sh", "-c", trick.replace("ID", fault_id))
        lab.run(*AS_AGENT, "systemctl", "start", f"incidentops-fault@{fault_id}", check=False)
        status = drive(lab, "end", fault_id)
        assert status["phase"] == "refused", (name, status)
        assert "root:" not in status["message"]
    lab.run("rm", f"{folder}/asked")
    as_before(lab, before)


def test_the_agent_may_start_and_stop_faults_and_no_more(lab: Lab) -> None:
    fault_id = fresh_id()
    for words in (
        ("start", f"incidentops-fault-undo@{fault_id}"),
        ("start", "incidentops-fault@x"),
        ("start", f"incidentops-fault@{fault_id}.socket"),
        ("restart", f"incidentops-fault@{fault_id}"),
        ("kill", "redis-server"),
        ("freeze", "redis-server"),
        ("set-property", "--runtime", "redis-server", "MemoryMax=1M"),
        ("daemon-reload",),
    ):
        done = lab.run(*AS_AGENT, "systemctl", "--no-ask-password", *words, check=False)
        assert done.returncode != 0, words
        assert "Access denied" in done.stderr or "authentication" in done.stderr.lower(), (words, done.stderr)
