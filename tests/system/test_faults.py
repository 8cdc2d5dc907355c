"""Every fault: its effect is seen from outside, it ends at its deadline, and the machine is then as it was before."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from system.fault_cases import CASES
from system.faulting import Case, as_before, drive, fingerprint, fresh_id
from system.machine import eventually

if TYPE_CHECKING:
    from system.machine import Lab


def available(lab: Lab, case: Case) -> str:
    """Why a case can't be tried here; empty when it can."""
    asked = json.dumps({"mode": "check", "kind": case.kind, "service": case.service})
    found = drive(lab, "start", fresh_id(), asked)["capabilities"]
    assert [(one["kind"], one["service"]) for one in found] == [(case.kind, case.service)]
    return str(found[0]["reason"])


@pytest.mark.parametrize("case", CASES, ids=str)
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
