"""The chaos run: its plan first, arming exactly that one, what comes of it, and its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui import chaos

if TYPE_CHECKING:
    from incidentops_gui.widgets.chaos import ChaosWindow

    from gui.conftest import Desk
    from gui.fake_agent import FakeAgent

SETTINGS = {
    "seed": 7,
    "seconds": 600,
    "interval": 60,
    "jitter": 0.5,
    "duration": 30,
    "concurrency": 1,
    "kinds": [],
    "services": [],
    "pause_on_incident": False,
    "quiet": [],
}


def step(number: int, **more: Any) -> dict[str, Any]:
    known = {"number": number, "at_seconds": 9.5 * number, "kind": "hang", "service": "redis", "duration_seconds": 30}
    return {**known, **more}


PLAN = {"settings": SETTINGS, "steps": [step(1), step(2, kind="stop", service="postgres")], "message": ""}
IDLE = {"status": "idle", "run": None}


def armed(**more: Any) -> dict[str, Any]:
    until = (datetime.now(UTC) + timedelta(seconds=600)).isoformat()
    known = {
        "status": "armed",
        "run": "0a1b2c3d",
        "settings": SETTINGS,
        "began": until,
        "until": until,
        "ended_by": "",
        "steps_planned": 2,
        "next": step(2),
        "waiting": "",
        "faults": [],
        "left": {},
        "steps": [step(1, outcome="injected", reason="", fault="f1", at=None)],
    }
    return {**known, **more}


@pytest.fixture
def chaotic(agent: FakeAgent) -> FakeAgent:
    """An agent whose chaos service is idle, and whose clock is ours."""
    real = agent.snapshot
    agent.snapshot = lambda: {**real(), "at": datetime.now(UTC).isoformat()}  # type: ignore[method-assign]
    agent.answers["GET /chaos"] = (200, IDLE)
    agent.answers["POST /chaos/plan"] = (200, PLAN)
    return agent


def arm(agent: FakeAgent) -> None:
    """Somebody has armed it."""
    said = armed()
    agent.answers["GET /chaos"] = (200, said)
    agent.push("chaos", {key: said[key] for key in ("status", "run", "until", "ended_by")})


def opened(desk: Desk, agent: FakeAgent) -> ChaosWindow:
    desk.live()
    desk.until(lambda: agent.readers)
    room = desk.window.rooms.chaos()
    desk.until(lambda: room.has_body)
    return room


def test_settings_are_made_of_what_the_form_holds() -> None:
    values = {"seconds": 600, "services": " redis , postgres,", "kinds": "", "quiet": "22:00-06:00", "seed": "7"}
    assert chaos.settings(values, 30) == {
        "seconds": 600,
        "services": ["redis", "postgres"],
        "kinds": [],
        "quiet": ["22:00-06:00"],
        "seed": 7,
        "duration": 30,
    }
    assert "seed" not in chaos.settings({**values, "seed": " "}, 30)
    assert chaos.settings({**values, "seed": "x"}, 30)["seed"] == "x"  # the agent says what is wrong with it


def test_only_the_plan_that_is_shown_is_armed(desk: Desk, chaotic: FakeAgent) -> None:
    room = opened(desk, chaotic)
    assert room.pill.text() == "idle"
    assert not room.arm.isEnabled()
    desk.click(room.show_plan)
    desk.until(room.arm.isEnabled)
    assert [one.kind for one in room.steps.steps] == ["hang", "stop"]
    assert "seed 7" in room.note.text()
    room.form.entries["seconds"].widget.setValue(900)  # type: ignore[attr-defined]
    assert not room.arm.isEnabled()
    desk.click(room.show_plan)
    desk.until(room.arm.isEnabled)
    assert room.arm.text() == "&Arm for 15 min"
    chaotic.answers["POST /chaos/arm"] = (200, armed())
    chaotic.answers["GET /chaos"] = (200, armed())
    desk.click(room.arm)
    desk.until(lambda: room.pill.text().startswith("armed · "))
    (asked,) = chaotic.asked("/chaos/arm")
    assert asked.json == SETTINGS
    assert asked.headers["idempotency-key"]
    assert [one.outcome for one in room.steps.steps] == ["injected", ""]
    assert not room.form.isVisible()
    chaotic.answers["POST /chaos/disarm"] = (200, armed(status="idle", ended_by="disarm", next=None))
    chaotic.answers["GET /chaos"] = (200, armed(status="idle", ended_by="disarm", next=None))
    desk.click(room.disarm)
    desk.until(lambda: room.pill.text() == "idle")
    assert "ended by disarm" in room.note.text()
    assert room.form.isVisible()


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (404, {"kind": "not-found", "message": "cannot find it"}, "This agent can't arm the chaos service."),
        (503, {"kind": "chaos-unreachable", "message": "cannot reach the chaos service"}, "This did not work"),
    ],
)
def test_without_a_chaos_service_it_says_so(
    desk: Desk, chaotic: FakeAgent, status: int, body: dict[str, Any], said: str
) -> None:
    chaotic.answers["GET /chaos"] = (status, body)
    desk.live()
    room = desk.window.rooms.chaos()
    desk.until(lambda: room.told.title.text() == said)
    assert not room.arm.isVisible()


def test_mistakes_stand_at_their_fields_and_who_may_is_told(desk: Desk, chaotic: FakeAgent) -> None:
    room = opened(desk, chaotic)
    problems = [{"key": "services[0]", "message": "is unknown"}, {"key": "seed", "message": "is 'x' but must be whole"}]
    said = {"kind": "malformed", "message": "cannot take it", "problems": problems}
    chaotic.answers["POST /chaos/plan"] = (400, said)
    desk.click(room.show_plan)
    desk.until(room.form.entries["seed"].shown.isVisible)
    assert room.form.entries["services"].shown.text() == "is unknown"
    message = "cannot do this: members of the group incidentops-chaos and root may"
    chaotic.answers["POST /chaos/plan"] = (403, {"kind": "denied", "message": message})
    desk.click(room.show_plan)
    desk.until(room.denied.isVisible)
    assert room.denied.text.text().endswith("and root may")
    assert not room.show_plan.isEnabled()


def test_what_somebody_else_has_armed_is_shown_and_a_panic_ends_it(desk: Desk, chaotic: FakeAgent) -> None:
    desk.live()
    desk.until(lambda: chaotic.readers)
    bar = desk.window.content.panic_bar
    assert not bar.chaos.isVisible()
    arm(chaotic)
    desk.until(bar.chaos.isVisible)
    assert bar.button.isEnabled()
    desk.click(bar.chaos)
    room = desk.window.rooms.chaos()
    desk.until(lambda: room.pill.text().startswith("armed"))
    chaotic.answers["POST /faults/panic"] = (200, {"status": "completed", "steps": []})
    chaotic.answers["POST /chaos/disarm"] = (503, {"kind": "undo-failed", "message": "cannot revert everything: x"})
    desk.click(bar.button)
    desk.until(lambda: len(desk.popups()) == 2)
    assert any("The chaos service is not disarmed." in text for text in desk.popups())
    chaotic.answers["GET /chaos"] = (200, IDLE)
    chaotic.push("chaos", {"status": "idle", "run": None, "until": None, "ended_by": "disarm"})
    desk.until(lambda: not bar.chaos.isVisible() and not bar.button.isEnabled())
    desk.until(lambda: room.pill.text() == "idle")


def test_it_is_known_at_once_that_chaos_is_armed(desk: Desk, chaotic: FakeAgent) -> None:
    chaotic.answers["GET /chaos"] = (200, armed())
    desk.live()
    desk.until(desk.window.content.panic_bar.chaos.isVisible)
    desk.window.content.panic_bar.chaos.click()
    room = desk.window.rooms.chaos()
    desk.until(lambda: room.pill.text().startswith("armed · "))
    before = room.pill.text()
    desk.until(lambda: room.pill.text() != before)
