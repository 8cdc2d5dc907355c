"""What brings a service back, in the few words that everybody is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest
from incidentops_agent import views
from incidentops_agent.live import Service
from incidentops_agent.model import Automatic, Maintenance, UnitView
from samples import NOW, active, failed, spec

WAITING = Automatic("waiting", "backoff", NOW - 1, NOW + 7.2, 8.0, 2, 5, 600.0)
HOUR = Maintenance(NOW + 3600, "new disk", "jane")


def service(unit: UnitView, auto: Automatic | None = None, maintenance: Maintenance | None = None) -> Service:
    return Service(spec(), unit=unit, auto=auto, maintenance=maintenance)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (service(active()), "manual"),
        (service(active(restart_policy="always")), "self (systemd)"),
        (service(active(restart_policy="on-failure"), replace(WAITING, state="idle", until=None)), "self (systemd)"),
        (service(failed(restart_policy="always")), "self (systemd)"),
        (service(failed(restart_policy="always"), WAITING), "auto (waiting 8 s)"),
        (service(failed(restart_policy="always", sub_state="failed-before-auto-restart"), WAITING), "self (systemd)"),
        (service(failed(), WAITING), "auto (waiting 8 s)"),
        (service(failed(), replace(WAITING, until=NOW - 5)), "auto (waiting 0 s)"),
        (service(failed(), replace(WAITING, until=NOW + 9, wait=8.0000000001)), "auto (waiting 8 s)"),
        (service(failed(), replace(WAITING, until=NOW + 9000)), "auto (waiting 8 s)"),
        (service(failed(), replace(WAITING, until=None)), "auto (waiting)"),
        (service(failed(), replace(WAITING, state="running", until=None)), "auto (running)"),
        (service(failed(), replace(WAITING, state="breaker-open")), "auto (breaker open)"),
        (service(active(), replace(WAITING, state="half-open")), "auto (half-open)"),
        (service(active(), WAITING, HOUR), "maintenance until 12:06:40Z"),
        (service(active(restart_policy="always"), None, HOUR), "maintenance until 12:06:40Z"),
        (service(active(), None, replace(HOUR, until=NOW + 90_000)), "maintenance until 2026-11-19T12:06:40Z"),
    ],
)
def test_recovery_in_words(shown: Service, words: str) -> None:
    assert views.recovery(shown, NOW) == words


def test_unknown_units_are_brought_back_by_hand() -> None:
    assert views.recovery(Service(spec()), NOW) == "manual"
