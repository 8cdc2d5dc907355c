"""Plans, incidents, measures and audit rows: understood as the agent tells them, and named where they are not."""

from __future__ import annotations

from typing import Any

import pytest
from incidentops_gui import answers, facts, fields, incidents, plans, recovery, trail, wire
from incidentops_gui.reducer import reduce
from incidentops_gui.state import State

from gui.conftest import answer


def service(**about: Any) -> wire.Service:
    return wire.service("redis", fields.Fields({**answer("services")["redis"], **about}, ""))


def snapshot(**more: Any) -> wire.Snapshot:
    whole = {"services": answer("services"), "agent": {"status": "ok", "problems": {}}, "at": "2026-11-24T22:30:00Z"}
    return wire.snapshot({**whole, **more})


def test_incidents_are_listed_open_ones_first_and_newest_first() -> None:
    known = incidents.incidents(answer("incidents"))
    assert [one.state for one in incidents.listed(reversed(known))] == ["open", "recovered", "closed"]
    assert [one.root for one in incidents.listed(known, service="worker")] == ["rabbitmq", "postgres"]
    assert [one.root for one in incidents.listed(known, state="closed")] == ["redis"]
    assert known[2].fault == "freeze f-31"
    assert known[0].end is None
    assert known[1].end == known[1].recovered


def test_an_incident_says_what_is_missing() -> None:
    whole = answer("incidents")
    del whole[1]["timeline"][0]["at"]
    with pytest.raises(fields.WireError, match=r"\[1\]\.timeline\[0\]\.at is missing"):
        incidents.incidents(whole)
    with pytest.raises(fields.WireError, match="not a list of incidents"):
        incidents.incidents({})


def test_statistics_have_what_is_not_known_as_none() -> None:
    found = incidents.statistics(answer("statistics"))
    assert found.recover.median == 46.17
    assert found.availability["postgres"]["24h"] == 0.99928
    assert found.availability["postgres"]["7d"] is None


def test_a_plan_has_levels_in_order() -> None:
    plan = plans.plan(answer("plan"))
    assert [(level, [step.service for step in steps]) for level, steps in plan.levels] == [
        (0, ["postgres", "rabbitmq", "redis"]),
        (1, ["worker"]),
    ]
    assert plans.plan(answer("plan-nothing")).message == "No services required remediation."


def test_a_remediation_of_an_older_agent_is_understood() -> None:
    ran = plans.ran(answers.remediation(answer("remediate")))
    assert [(step.service, step.outcome, step.cause) for step in ran.steps] == [
        ("postgres", "ok", ""),
        ("redis", "ok", ""),
    ]


def test_a_plan_that_changed_says_how() -> None:
    body = b'{"kind":"plan-changed","message":"cannot run it","plan":"00","difference":["redis: start -> thaw"]}'
    told = answers.problem(409, body)
    assert (told.kind, told.plan, told.difference) == ("plan-changed", "00", ("redis: start -> thaw",))


def test_audit_rows_and_the_next_page() -> None:
    rows = trail.rows(answer("audit"))
    assert (rows[0].user, rows[0].incident, rows[0].detail["cause"]) == ("incidentops", "5f1c09ab", "dependency-down")
    wanted = trail.Wanted(user="alice & bob", action="st")
    assert wanted.page(5) == "/audit?limit=100&before=5&user=alice+%26+bob&action=st%2A"
    assert wanted.export() == "/audit/export?user=alice+%26+bob&action=st%2A"
    assert not trail.Wanted(action="no such; thing").sensible
    assert trail.said(rows[1]) == "cause killed"
    assert "by:        alice, incidentops (pid 4242), over unix" in trail.full(rows[2])


def test_the_stream_brings_incidents_and_touches_their_cards() -> None:
    state, changes = reduce(facts.Snapshot(snapshot(), 0.0), State())
    assert state.incidents is None, "an agent that knows none"
    state, changes = reduce(facts.Snapshot(snapshot(incidents=answer("incidents")[:1]), 0.0), State())
    assert set(state.incidents or ()) == {"5f1c09ab"}
    again = incidents.incident({**answer("incidents")[0], "acknowledged_by": "alice"})
    state, changes = reduce(facts.IncidentChanged(again, 1.0), state)
    assert changes.cards == {"rabbitmq", "worker"}
    assert changes.incidents == {"5f1c09ab"}
    assert (state.incidents or {})["5f1c09ab"].acknowledged_by == "alice"
    _, changes = reduce(facts.IncidentChanged(again, 2.0), state)
    assert not changes.incidents


AT = fields.Fields({"at": "2026-11-24T22:30:08Z"}, "").time("at")


@pytest.mark.parametrize(
    ("auto", "said", "now"),
    [
        ({"state": "idle"}, "auto (idle)", AT),
        ({"state": "waiting", "until": "2026-11-24T22:30:08Z"}, "auto (waiting 8 s)", AT - 8),
        ({"state": "waiting", "until": "2026-11-24T22:30:08Z"}, "auto (waiting 3 s)", AT - 2.2),
        ({"state": "waiting", "until": "2026-11-24T22:30:08Z"}, "auto (waiting 0 s)", AT + 5),
        ({"state": "breaker-open"}, "auto (breaker open)", AT),
        ({"state": "half-open"}, "auto (half-open)", AT),
    ],
)
def test_the_recovery_mode_is_the_agents_words_and_counts_down(auto: dict[str, Any], said: str, now: float) -> None:
    shown = service(recovery="auto (waiting 8 s)", auto=auto)
    assert recovery.words(shown.recovery, shown.maintenance, shown.auto, now) == said


def test_maintenance_says_until_when_why_and_by_whom() -> None:
    window = {"until": "2026-11-24T22:30:00Z", "reason": "upgrade", "user": "alice"}
    shown = service(recovery="maintenance until 22:30:00Z", maintenance=window)
    said = ("maintenance until 12:03 (upgrade, alice)", "warn")
    assert recovery.line(shown.maintenance, shown.auto, "12:03") == said
    assert recovery.words(shown.recovery, shown.maintenance, shown.auto, 0.0) == "maintenance"
    assert recovery.line(None, None, "") == ("", "muted")
