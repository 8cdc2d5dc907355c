"""The plan of a remediation: shown before it is run, run as shown or not at all, and what came of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui.session import Session
from incidentops_gui.widgets.plan import PlanWindow
from incidentops_gui.widgets.popup import Popup
from incidentops_gui.widgets.upkeep import UpkeepDialog
from PySide6.QtCore import Qt

from gui.conftest import Desk, answer

if TYPE_CHECKING:
    from gui.fake_agent import FakeAgent

PLAN = "3f9a6c1d20b7e845"


def show(desk: Desk) -> PlanWindow:
    desk.click(desk.window.remedy.plan)
    (made,) = desk.window.findChildren(PlanWindow)
    desk.until(lambda: made.has_body or made.told.retry.isVisible() or made.told.title.text() != "Reading the plan…")
    desk.until(lambda: made.settled)
    return made


@pytest.fixture
def planned(agent: FakeAgent) -> FakeAgent:
    agent.answers["GET /remediate/plan"] = (200, answer("plan"))
    return agent


def ran(**more: Any) -> dict[str, Any]:
    step = {"service": "redis", "action": "thaw", "outcome": "ok", "reason": "", "duration_seconds": 0.08, "level": 0,
            "cause": "frozen", "sentence": "Redis is frozen", "verified": True}  # fmt: skip
    return {**answer("remediate"), "plan": PLAN, "steps": [step], "services_remediated": ["redis"], **more}


def test_the_plan_is_shown_level_by_level_with_its_reasons(desk: Desk, planned: FakeAgent) -> None:
    room = show(desk.live())
    assert [card.step.service for card in room.steps.cards] == ["postgres", "rabbitmq", "redis", "worker"]
    assert room.about.text().startswith(f"plan {PLAN}")
    frozen, worker = room.steps.cards[2], room.steps.cards[3]
    assert frozen.accessibleName() == "Redis (redis); frozen; thaw; Redis is frozen; its probe is answered"
    assert not frozen.evidence.isVisible()
    desk.click(frozen.toggle)
    assert frozen.evidence.isVisible()
    assert "freezer state is frozen" in frozen.evidence.text()
    assert worker.step.touches == ("incidentops-worker-watch.service",)
    assert not room.isModal()
    desk.key(room, Qt.Key.Key_Escape)
    desk.until(lambda: not desk.window.findChildren(PlanWindow))
    assert planned.posts() == []


def test_enter_is_cancel(desk: Desk, planned: FakeAgent) -> None:
    room = show(desk.live())
    assert room.cancel.text() == "&Cancel"
    room.activateWindow()
    desk.until(room.isActiveWindow)
    desk.key(room, Qt.Key.Key_Return)
    desk.until(lambda: not desk.window.findChildren(PlanWindow))
    assert planned.posts() == []


def test_run_sends_exactly_that_plan_and_then_says_what_came_of_it(desk: Desk, planned: FakeAgent) -> None:
    planned.answers["POST /remediate"] = (200, ran())
    planned.hold.clear()
    room = show(desk.live())
    desk.click(room.run)
    desk.until(lambda: "Bringing back what is down" in room.status.text())
    assert not room.run.isEnabled()
    planned.hold.set()
    desk.until(lambda: desk.popups() == ["The following services were restarted successfully:\n• redis"])
    (request,) = planned.posts()
    assert request.json == {"plan": PLAN}
    assert request.headers["idempotency-key"]
    assert room.heading.text() == "What remediation did"
    assert "Recovered, verified by its probe in 80 ms" in room.steps.cards[0].accessibleName()
    assert not room.run.isVisible()


def test_a_plan_that_fits_no_more_is_not_run_and_says_what_is_different(desk: Desk, planned: FakeAgent) -> None:
    fresh = {**answer("plan"), "plan": "00aa00aa00aa00aa", "steps": answer("plan")["steps"][:1]}
    room = show(desk.live())
    planned.answers["GET /remediate/plan"] = (200, fresh)
    planned.answers["POST /remediate"] = (409, {
        "kind": "plan-changed", "message": "cannot run this plan: the world has changed", "plan": fresh["plan"],
        "difference": ["redis: thaw -> nothing (it is healthy)"],
    })  # fmt: skip
    desk.click(room.run)
    desk.until(lambda: "redis: thaw -> nothing (it is healthy)" in room.changed.text.text())
    assert room.plan is not None
    assert room.plan.id == fresh["plan"]
    assert len(room.steps.cards) == 1
    assert desk.popups() == []
    planned.answers["POST /remediate"] = (200, ran(plan=fresh["plan"]))
    desk.click(room.run)
    desk.until(desk.popups)
    assert [request.json["plan"] for request in planned.posts()] == [PLAN, fresh["plan"]]


def test_nothing_to_do_is_said_in_the_contracts_words(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /remediate/plan"] = (200, answer("plan-nothing"))
    room = show(desk.live())
    assert room.told.title.text() == "No services required remediation."
    assert not room.run.isVisible()


def test_an_older_agent_knows_no_plans(desk: Desk, agent: FakeAgent) -> None:
    room = show(desk.live())
    assert room.told.title.text() == "This agent knows no plans."


def test_an_error_can_be_tried_again(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /remediate/plan"] = (503, {"kind": "systemd-silent", "message": "cannot ask systemd"})
    room = show(desk.live())
    assert room.told.text.text() == "cannot ask systemd"
    agent.answers["GET /remediate/plan"] = (200, answer("plan"))
    desk.click(room.told.retry)
    desk.until(lambda: room.has_body)


def test_without_a_connection_it_says_so_and_runs_nothing(desk: Desk, planned: FakeAgent) -> None:
    room = show(desk.live())
    planned.close()
    desk.until(room.offline.isVisible)
    assert not room.run.isEnabled()
    planned.open()
    desk.until(room.run.isEnabled)
    assert not room.offline.isVisible()


def test_a_service_that_goes_down_meanwhile_is_told(desk: Desk, planned: FakeAgent) -> None:
    room = show(desk.live())
    desk.until(lambda: planned.readers)
    planned.change("redis", status="down", state="failed")
    desk.until(room.outdated.isVisible)
    desk.click(room.outdated.button)
    desk.until(lambda: not room.outdated.isVisible())


def test_partial_is_said_clearly_and_the_popup_leads_to_the_steps(desk: Desk, agent: FakeAgent) -> None:
    masked = {"service": "worker", "action": "skip", "outcome": "skipped", "reason": "its unit is masked", "level": 1,
              "cause": "masked", "sentence": "It is masked", "verified": False, "duration_seconds": None}  # fmt: skip
    done = ran(status="partial", services_skipped=["worker"])
    done["steps"].append(masked)
    agent.answers["POST /remediate"] = (200, done)
    desk.live()
    desk.click(desk.window.remedy.button)
    desk.until(desk.popups)
    assert desk.popups() == [
        "The following services were restarted successfully:\n• redis\nNot recovered:\n• worker: its unit is masked"
    ]
    (popup,) = desk.window.findChildren(Popup)
    popup.planned.emit()
    (room,) = desk.window.findChildren(PlanWindow)
    desk.until(lambda: room.settled)
    assert room.status.text() == "Not everything could be recovered."
    assert "Skipped: its unit is masked" in room.steps.cards[1].accessibleName()


@pytest.mark.parametrize(
    ("done", "title", "note"),
    [
        (["postgres", "redis"], "The following services were restarted successfully:\n• postgres\n• redis",
         "Recovered: postgres, redis · up by itself: worker"),
        ([], "No services required remediation.", "No services required remediation. · up by itself: worker"),
    ],
)  # fmt: skip
def test_what_came_back_by_itself_is_no_failure(
    desk: Desk, agent: FakeAgent, done: list[str], title: str, note: str
) -> None:
    said = answer("remediate")
    said["services_remediated"], said["services_skipped"] = done, ["worker"]
    said["steps"] = [one for one in said["steps"] if one["service"] in done]
    said["steps"].append(
        {"service": "worker", "action": "wait", "outcome": "skipped", "reason": "it came back by itself",
         "verified": True}
    )  # fmt: skip
    agent.answers["POST /remediate"] = (200, said)
    desk.live()
    desk.window.remediate()
    desk.until(desk.popups)
    assert desk.popups() == [f"{title}\nUp, with nothing to do:\n• worker: it came back by itself"]
    shown = desk.session.store.state.remediation_note
    assert shown is not None
    assert shown.text == note


def test_a_long_plan_is_whole_and_in_order_and_has_room_for_what_unfolds(desk: Desk, planned: FakeAgent) -> None:
    first = answer("plan")["steps"][0]
    steps = [{**first, "service": f"unit{number:02}", "level": number // 20} for number in range(50)]
    planned.answers["GET /remediate/plan"] = (200, {**answer("plan"), "steps": steps})
    room = show(desk.live())
    cards = room.steps.cards
    assert [card.step.service for card in cards] == [step["service"] for step in steps]
    for size in ((680, 600), (420, 500)):
        room.resize(*size)
        desk.until(lambda: room.settled and cards[0].width() <= room.steps.viewport().width())
        for upper, lower in pairwise(cards):
            assert upper.geometry().bottom() < lower.y()
        canvas = cards[0].parentWidget()
        assert canvas is not None
        assert canvas.height() == cards[-1].geometry().bottom() + 1
    before = cards[1].y()
    desk.click(cards[0].toggle)
    desk.until(lambda: room.settled and cards[1].y() > before)
    assert cards[0].evidence.isVisible()
    assert cards[0].geometry().bottom() < before + cards[0].height()


def test_a_window_that_was_closed_and_opened_again_at_once_is_a_new_one(desk: Desk, planned: FakeAgent) -> None:
    first = show(desk.live())
    first.close()
    second = desk.window.rooms.plan()
    assert second is not first
    desk.until(lambda: desk.window.findChildren(PlanWindow) == [second])
    desk.until(lambda: second.has_body)
    assert desk.window.rooms.plan() is second, "and known after the other one was deleted"


def test_another_host_closes_what_was_opened_for_this_one(desk: Desk, planned: FakeAgent) -> None:
    room = show(desk.live())
    desk.window.rooms.upkeep.change("maintenance", "redis")
    before, desk.session = desk.session, Session(desk.session.target)
    desk.window.use(desk.session)
    before.close()
    assert room.over
    desk.until(lambda: not desk.window.findChildren(PlanWindow) and not desk.window.findChildren(UpkeepDialog))
    desk.session.open()
    desk.until(lambda: desk.session.store.state.connection.live)
    assert show(desk).plan is not None
