"""Plans, maintenance, automatic recovery and the audit trail in the window, against the real agent of a lab machine."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from incidentops_gui.trail_table import WHAT
from incidentops_gui.widgets.plan import PlanWindow
from incidentops_gui.widgets.upkeep import UpkeepDialog

if TYPE_CHECKING:
    from pathlib import Path

    from system.machine import Lab

    from gui.conftest import Desk

LONG = 90_000


def break_three(desk: Desk, lab: Lab) -> None:
    """Redis and PostgreSQL are stopped, RabbitMQ is frozen."""
    lab.run("systemctl", "freeze", "rabbitmq-server.service")
    for name in ("redis", "postgres"):
        assert lab.post(f"/stop/{name}").status == 200
    desk.until(lambda: desk.state("rabbitmq") == "unresponsive", timeout=LONG)


def show_plan(desk: Desk) -> PlanWindow:
    desk.click(desk.window.remedy.plan)
    (room,) = desk.window.findChildren(PlanWindow)
    desk.until(lambda: room.plan is not None and not room.plan.done)
    return room


def test_the_plan_names_the_causes_and_running_it_brings_all_back(lab_desk: Desk, lab: Lab) -> None:
    break_three(lab_desk, lab)
    room = show_plan(lab_desk)
    assert room.plan is not None
    causes = {step.service: step.cause for step in room.plan.steps}
    assert causes["redis"] == causes["postgres"] == "stopped"
    assert causes["rabbitmq"] == "frozen"
    assert room.plan.id == lab.get("/remediate/plan")["plan"]
    lab_desk.click(room.run)
    lab_desk.until(lab_desk.popups, timeout=LONG)
    (said,) = lab_desk.popups()
    first, *names = said.splitlines()
    assert first == "The following services were restarted successfully:"
    assert {"• redis", "• postgres", "• rabbitmq"} <= set(names)
    assert "Not recovered" not in said
    assert all(card.step.verified for card in room.steps.cards)
    lab_desk.until(lambda: all(lab_desk.card(name).led.role == "good" for name in lab_desk.window.grid.shown))


def test_a_plan_that_the_world_has_overtaken_is_refused_with_the_difference(lab_desk: Desk, lab: Lab) -> None:
    assert lab.post("/stop/redis").status == 200
    room = show_plan(lab_desk)
    assert lab.post("/stop/postgres").status == 200
    lab_desk.click(room.run)
    lab_desk.until(room.changed.isVisible)
    assert "postgres: nothing -> start" in room.changed.text.text()
    assert lab_desk.popups() == []
    assert lab_desk.state("redis") == "stopped"
    lab_desk.click(room.run)
    lab_desk.until(lab_desk.popups, timeout=LONG)


def test_what_cannot_be_recovered_is_listed_with_why(lab_desk: Desk, lab: Lab) -> None:
    assert lab.post("/stop/redis").status == 200
    assert lab.post("/stop/chaos").status == 200
    lab.run("systemctl", "mask", "--runtime", "incidentops-chaos.service")
    try:
        lab_desk.until(lambda: lab.get("/services")["chaos"]["unit"]["load"] == "masked")
        lab_desk.click(lab_desk.window.remedy.button)
        lab_desk.until(lab_desk.popups, timeout=LONG)
        (said,) = lab_desk.popups()
        assert said.startswith("The following services were restarted successfully:\n• redis")
        (why,) = [line for line in said.splitlines() if line.startswith("• chaos")]
        assert "masked" in why
    finally:
        lab.run("systemctl", "unmask", "--runtime", "incidentops-chaos.service")
        lab_desk.until(lambda: lab.get("/services")["chaos"]["unit"]["load"] == "loaded")


def test_maintenance_is_on_the_card_until_it_is_ended(lab_desk: Desk, lab: Lab) -> None:
    upkeep = lab_desk.window.rooms.upkeep
    upkeep.change("maintenance", "redis")
    (dialog,) = lab_desk.window.findChildren(UpkeepDialog)
    dialog.reason.setText("new disk")
    lab_desk.click(dialog.go)
    card = lab_desk.card("redis")
    lab_desk.until(lambda: card.upkeep.text().startswith("maintenance until "))
    assert card.upkeep.text().endswith(" (new disk, root)")
    assert lab.get("/services")["redis"]["maintenance"]["reason"] == "new disk"
    lab_desk.until(lambda: not lab_desk.window.findChildren(UpkeepDialog))
    upkeep.change("maintenance-end", "redis")
    lab_desk.until(lambda: not card.upkeep.isVisible())
    assert lab.get("/services")["redis"]["maintenance"] is None


def test_automatic_recovery_is_turned_on_works_and_is_shown_truthfully(lab_desk: Desk, lab: Lab) -> None:
    def mode() -> str:
        return next(str(row.value) for row in lab_desk.card("redis").figures.rows if row.name == "Recovery")

    upkeep = lab_desk.window.rooms.upkeep
    upkeep.change("recovery", "redis")
    lab_desk.click(lab_desk.window.findChildren(UpkeepDialog)[0].go)
    try:
        lab_desk.until(lambda: mode() == "auto (idle)")
        old = lab.main_pid("redis-server.service")
        os.kill(lab.host_pid(old), signal.SIGKILL)
        lab_desk.until(lambda: lab_desk.state("redis") != "healthy")
        lab_desk.until(lambda: lab_desk.state("redis") == "healthy" and mode() == "auto (idle)", timeout=LONG)
        assert lab.main_pid("redis-server.service") != old
        lab_desk.until(lambda: not lab_desk.window.findChildren(UpkeepDialog))
    finally:
        upkeep.change("recovery", "redis")
        lab_desk.click(lab_desk.window.findChildren(UpkeepDialog)[0].stop)
        lab_desk.until(lambda: mode() == "manual")


def test_the_audit_trail_verifies_and_is_exported(lab_desk: Desk, lab: Lab, tmp_path: Path) -> None:
    room = lab_desk.window.rooms.trail()
    lab_desk.until(lambda: room.has_body)
    lab_desk.window.act("redis", "ping")
    lab_desk.until(lambda: room.table.rowCount() and room.table.index(0, WHAT).data() == "ping")
    lab_desk.click(room.verify)
    lab_desk.until(room.fine.isVisible)
    assert "holds" in room.fine.text.text()
    room.action.setText("ping")
    lab_desk.until(lambda: room.wanted.action == "ping")
    file = tmp_path / "audit.jsonl"
    room.save_to(str(file))
    lab_desk.until(file.exists)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["action"] for row in rows} == {"ping"}


def test_an_incident_appears_is_acknowledged_and_recovers(lab_desk: Desk, lab: Lab, tmp_path: Path) -> None:
    store = lab_desk.session.store
    room = lab_desk.window.rooms.incidents()
    # What other tests did is over: a service that fails again so soon would be a relapse.
    lab_desk.until(lambda: all(one["state"] == "closed" for one in lab.get("/incidents")), timeout=LONG)
    os.kill(lab.host_pid(lab.main_pid("redis-server.service")), signal.SIGKILL)
    card = lab_desk.card("redis")
    lab_desk.until(lambda: store.state.incident_of("redis") is not None and card.badge.isVisible())
    one = store.state.incident_of("redis")
    assert one is not None
    assert one.open
    assert one.ttd is not None
    assert one.ttd < 0.5
    lab_desk.click(card.badge)
    detail = room.detail
    lab_desk.until(lambda: detail.incident is not None and detail.incident.id == one.id)
    lab_desk.until(lambda: detail.sentence.text() == "Its main process was killed by SIGKILL")
    detail.note.setText("looking")
    lab_desk.click(detail.acknowledge)
    lab_desk.until(lambda: detail.said.text() == "Acknowledged.")
    assert "acknowledged by root: looking" in detail.facts.text()
    assert lab.get(f"/incidents/{one.id}")["note"] == "looking"
    assert lab.post("/start/redis").status == 200
    lab_desk.until(lambda: detail.incident is not None and detail.incident.recovered is not None)
    assert [milestone.at for milestone in detail.timeline.milestones].count(None) == 0
    lab_desk.until(lambda: not card.badge.isVisible())
    file = tmp_path / "incident.md"
    detail.save_to(str(file))
    lab_desk.until(file.exists)
    assert one.id in file.read_text()
    assert "looking" in file.read_text()
    lab_desk.until(lambda: detail.report.isEnabled())
    lab_desk.until(lambda: room.measures.measures[2].count != "")
    assert set(dict(room.measures.availability.rows)) == set(store.state.cards)


def test_the_graph_follows(lab_desk: Desk, lab: Lab) -> None:
    room = lab_desk.window.rooms.graph()
    lab_desk.until(lambda: room.settled and room.canvas.nodes)
    assert lab.post("/stop/redis").status == 200
    lab_desk.until(lambda: room.canvas.nodes["redis"].look.shape == "square")
    assert room.canvas.nodes["worker"].y() > room.canvas.nodes["redis"].y()
