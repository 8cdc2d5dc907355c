"""Maintenance and automatic recovery: what the card says, and what is asked of the agent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from incidentops_gui import wording
from incidentops_gui.widgets.upkeep import MaintenanceDialog, RecoveryDialog, UpkeepDialog

if TYPE_CHECKING:
    from PySide6.QtWidgets import QMenu

    from gui.conftest import Desk
    from gui.fake_agent import FakeAgent


def soon(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


def auto(state: str, **more: Any) -> dict[str, Any]:
    known = {
        "state": state,
        "until": None,
        "attempts": 2,
        "budget": 5,
        "window_seconds": 600,
        "since": None,
        "reason": "",
    }
    return {**known, **more}


def figure(desk: Desk, name: str) -> str:
    return next(str(row.value) for row in desk.card(name).figures.rows if row.name == "Recovery")


def entries(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions()]


def press(desk: Desk, name: str, text: str) -> UpkeepDialog:
    menu = desk.card(name).menu()
    next(action for action in menu.actions() if action.text() == text).trigger()
    menu.close()
    return desk.window.findChildren(UpkeepDialog)[-1]


def gone(desk: Desk) -> bool:
    return not desk.window.findChildren(UpkeepDialog)


def test_what_is_waited_for_is_counted_down_on_the_card(desk: Desk, agent: FakeAgent) -> None:
    agent.services["redis"].update(recovery="auto (waiting 8 s)", auto=auto("waiting", until=soon(7.9)))
    agent.incidents = []
    real = agent.snapshot
    agent.snapshot = lambda: {**real(), "at": soon(0)}  # type: ignore[method-assign]
    desk.live()
    assert figure(desk, "redis") in ("auto (waiting 8 s)", "auto (waiting 7 s)")
    before = figure(desk, "redis")
    desk.until(lambda: figure(desk, "redis") != before)
    assert desk.card("redis").upkeep.text() == "Automatic recovery waits: attempt 2 of 5"
    desk.until(lambda: agent.readers)
    opened = auto("breaker-open", reason="5 attempts in 10 min")
    agent.change("redis", recovery="auto (breaker open)", auto=opened)
    desk.until(lambda: figure(desk, "redis") == "auto (breaker open)")
    assert desk.card("redis").upkeep.text() == "Automatic recovery has given up: 5 attempts in 10 min"
    agent.change("redis", recovery="manual", auto=None)
    desk.until(lambda: not desk.card("redis").upkeep.isVisible())
    assert figure(desk, "redis") == "manual"


def test_maintenance_is_asked_for_with_a_reason_and_shown_with_it(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /maintenance/redis"] = (200, {"service": "redis"})
    agent.answers["DELETE /maintenance/redis"] = (200, {"service": "redis"})
    desk.live()
    desk.until(lambda: agent.readers)
    dialog = press(desk, "redis", "&Maintenance…")
    assert isinstance(dialog, MaintenanceDialog)
    assert not dialog.stop.isVisible()
    dialog.reason.setText("new disk")
    dialog.duration.setCurrentIndex(dialog.duration.findData(7200))
    desk.click(dialog.go)
    desk.until(lambda: gone(desk))
    (request,) = agent.posts()
    assert request.json == {"seconds": 7200, "reason": "new disk"}
    assert request.headers["idempotency-key"]
    until = "2026-11-24T23:30:00Z"
    window = {"until": until, "reason": "new disk", "user": "alice"}
    agent.change("redis", recovery="maintenance until 23:30:00Z", maintenance=window)
    clock = wording.minute(datetime.fromisoformat(until).timestamp())
    desk.until(lambda: desk.card("redis").upkeep.text() == f"maintenance until {clock} (new disk, alice)")
    press(desk, "redis", "&End the maintenance")
    desk.until(lambda: agent.requests[-1].method == "DELETE")
    assert agent.requests[-1].path == "/maintenance/redis"
    desk.until(lambda: gone(desk))


def test_automatic_recovery_is_turned_on_with_an_end_and_off(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /recovery/redis"] = (200, {"service": "redis"})
    desk.live()
    desk.until(lambda: agent.readers)
    dialog = press(desk, "redis", "A&utomatic recovery…")
    assert isinstance(dialog, RecoveryDialog)
    desk.click(dialog.go)
    desk.until(lambda: gone(desk))
    assert agent.posts()[0].json == {"mode": "auto", "seconds": 3600}
    agent.change("redis", recovery="auto (idle)", auto=auto("idle"))
    desk.until(lambda: figure(desk, "redis") == "auto (idle)")
    dialog = press(desk, "redis", "A&utomatic recovery…")
    desk.click(dialog.stop)
    desk.until(lambda: gone(desk))
    assert agent.posts()[1].json == {"mode": "manual", "seconds": 3600}
    agent.answers["DELETE /recovery/redis"] = (200, {"service": "redis"})
    dialog = press(desk, "redis", "A&utomatic recovery…")
    assert isinstance(dialog, RecoveryDialog)
    desk.click(dialog.reset)
    desk.until(lambda: gone(desk))
    assert agent.requests[-1].method == "DELETE"


def test_what_the_agent_refuses_stays_in_the_dialog(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /maintenance/redis"] = (
        400,
        {"kind": "malformed", "message": "cannot take the body: too long"},
    )
    desk.live()
    dialog = press(desk, "redis", "&Maintenance…")
    assert not dialog.go.isEnabled()
    dialog.reason.setText("new disk")
    desk.click(dialog.go)
    desk.until(lambda: dialog.said.text() == "cannot take the body: too long")
    assert dialog.go.isEnabled()
    del agent.answers["POST /maintenance/redis"]
    desk.click(dialog.go)
    desk.until(lambda: dialog.said.text() == "This agent knows neither maintenance nor automatic recovery.")


def test_who_may_only_look_is_offered_none_of_it(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    assert "&Maintenance…" in entries(desk.card("redis").menu())
    agent.close()
    desk.until(lambda: not desk.card("redis").ping.isEnabled())
    assert "&Maintenance…" not in entries(desk.card("redis").menu())
    assert desk.window.rooms.upkeep.change("maintenance", "redis") is None


def test_what_the_card_says_of_it_is_said_in_full_and_a_log_that_is_cut_says_so(desk: Desk, agent: FakeAgent) -> None:
    why = "5 attempts in 600 s did not keep it up; the breaker is open for 300 s, and then it is tried once more"
    agent.services["redis"].update(recovery="auto (breaker open)", auto=auto("breaker-open", reason=why))
    desk.live()
    card = desk.card("redis")
    desk.until(lambda: card.upkeep.height() >= 2 * card.upkeep.fontMetrics().height())
    card.log.setText("short\n" + "so long that it does not fit " * 10 + "\nshort")
    assert card.log.too_long() == [1]
    card.log.grab()
    card.log.setText("short")
    assert card.log.too_long() == []
