"""Values that many tests begin from."""

from __future__ import annotations

import os
from typing import Any

from incidentops_agent import catalogue
from incidentops_agent.model import Actor, Peer, ProbeOutcome, ProbeResult, ProbeSpec, ProbeView, ServiceSpec, UnitView

NOW = 1_795_000_000.0
"""2026-11-18T11:06:40Z."""

ROOT = Actor(0, "root", 4242, 99, "curl", "unix")
ROOT_PEER = Peer("unix", 0, 4242, 99, "curl", (0,))


def spec(name: str = "redis", *depends_on: str, probe: str = "redis", **changes: Any) -> ServiceSpec:
    made = {
        "title": name.capitalize(),
        "unit": f"{name}.service",
        "probe": ProbeSpec(probe, 0.05),
        "depends_on": depends_on,
    }
    return ServiceSpec(**{"name": name, **made, **changes})


def catalogue_of(*specs: ServiceSpec) -> catalogue.Catalogue:
    return catalogue.Catalogue({one.name: one for one in sorted(specs, key=lambda one: one.name)})


def active(name: str = "redis", **changes: Any) -> UnitView:
    """A unit that runs since half a minute before NOW."""
    began = int((NOW - 30) * 1e6)
    values: dict[str, Any] = {
        "unit": f"{name}.service",
        "load_state": "loaded",
        "active_state": "active",
        "sub_state": "running",
        "main_pid": 1000,
        "invocation_id": "ab" * 16,
        "unit_file_state": "enabled",
        "inactive_exit_usec": began - 70_000,
        "active_enter_usec": began,
        "state_change_usec": began,
        "control_group": f"/system.slice/{name}.service",
        "description": f"The {name} server",
    }
    return UnitView(**{**values, **changes})


def stopped(name: str = "redis", **changes: Any) -> UnitView:
    values: dict[str, Any] = {"active_state": "inactive", "sub_state": "dead", "main_pid": 0, "control_group": ""}
    return active(name, **{**values, **changes})


def failed(name: str = "redis", **changes: Any) -> UnitView:
    values: dict[str, Any] = {"active_state": "failed", "sub_state": "failed", "result": "signal"}
    code = os.CLD_EXITED if changes.get("result") == "exit-code" else os.CLD_KILLED
    return stopped(name, **{**values, "exec_main_code": code, "exec_main_status": 9, **changes})


def probed(outcome: ProbeOutcome, message: str = "", failures: int = 0, ever_ok: bool = True) -> ProbeView:
    return ProbeView(ProbeResult(outcome, 0.00125, message), NOW - 1, failures, ever_ok)


ANSWERED = probed(ProbeOutcome.OK)
NOT_ASKED = ProbeView()
