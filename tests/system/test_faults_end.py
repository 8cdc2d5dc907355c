"""What ends faults from outside: a reboot of the machine, and the removal of the package that made them.

INCIDENTOPS_FAULTS=all reboots during each fault; without it during one of each way to break something.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from system.fault_cases import ALL, FIRST
from system.faulting import Case, as_before, drive, fingerprint, fresh_id
from system.fingerprint import differences
from system.machine import TOP, Lab, bring_back, eventually
from system.test_faults import available

if TYPE_CHECKING:
    from collections.abc import Iterator

REBOOTED = FIRST.values() if ALL else [FIRST[kind] for kind in ("hang", "network-reject", "pg-slow", "wrong-config")]

# The lab's own words for it: its machine ends when it reboots, and is booted again from the same root.
REBOOT = """
. "$here/host.sh"; . "$here/machine.sh"
name_machine "$1"
set_cgroup
running
enter systemctl reboot || true
wait_for 60 gone nspawn
find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
boot
"""


@pytest.fixture(scope="module")
def own() -> Iterator[Lab]:
    """A machine that may reboot and lose its packages."""
    made = Lab(f"end-{os.getpid()}")
    try:
        made.up()
        reboot(made)  # so that before and after differ by a fault alone
        yield made
    finally:
        made.down()


def reboot(lab: Lab) -> None:
    environment = {**os.environ, "here": str(TOP / "packaging/lab")}
    words = ["bash", "-euc", REBOOT, "reboot", lab.name]
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    eventually(lambda: answers(lab), deadline=30)
    eventually(lambda: settled(lab), deadline=60)
    bring_back(lab)


def answers(lab: Lab) -> bool:
    try:
        return lab.request("GET", "/health").status == 200
    except OSError:
        return False


def settled(lab: Lab) -> bool:
    return lab.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")


@pytest.mark.parametrize("case", REBOOTED, ids=str)
def test_a_reboot_during_a_fault_comes_back_clean(own: Lab, case: Case) -> None:
    bring_back(own)
    if reason := available(own, case):
        pytest.skip(f"unavailable here because {reason}")
    before = fingerprint(own)
    assert drive(own, "start", fresh_id(), case.request(600))["started"]
    reboot(own)
    as_before(own, before)


def test_removing_the_package_reverts_every_fault(own: Lab) -> None:
    bring_back(own)
    before = fingerprint(own)
    for kind, service in (("wrong-config", "redis"), ("hang", "rabbitmq"), ("network-reject", "postgres")):
        status = drive(own, "start", fresh_id(), Case(kind, service, lambda lab: True).request(600))
        assert status["started"], status
    own.run("dpkg", "--force-depends", "--remove", "incidentops-agent", timeout=120)
    after = fingerprint(own)
    # what the package itself is: the agent, its folder, its doors
    ours = ("incidentops-agent", "incidentops-requests", "gone ['127.0.0.1:8000', '[::1]:8000'], come []")
    left = [line for line in differences(before, after) if not any(name in line for name in ours)]
    assert left == []
    assert own.run("test", "-e", "/run/incidentops-fault", check=False).returncode == 1
