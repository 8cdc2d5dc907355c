"""Faults through the window, against the real agent and the real root code of a lab machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from incidentops_gui.widgets.inject import InjectDialog

if TYPE_CHECKING:
    from collections.abc import Iterator

    from system.machine import Lab

    from gui.conftest import Desk

LONG = 90_000


@pytest.fixture(autouse=True)
def _nothing_injected(lab: Lab) -> Iterator[None]:
    lab.post("/faults/panic")
    yield
    lab.post("/chaos/disarm")
    lab.post("/faults/panic")


def choose(desk: Desk, service: str, kind: str) -> InjectDialog:
    """The dialog with a kind chosen and its preview shown."""
    desk.window.rooms.open("inject", service)
    dialog = desk.window.findChildren(InjectDialog)[-1]
    desk.until(lambda: dialog.kind is not None, timeout=LONG)
    dialog.kinds.choose(kind)
    desk.until(lambda: dialog.told_before.text().startswith("•"), timeout=LONG)
    return dialog


def frozen(lab: Lab) -> bool:
    return lab.output("systemctl", "show", "--value", "-p", "FreezerState", "redis-server.service").strip() == "frozen"


def test_a_hang_is_injected_counted_down_and_reverted(lab_desk: Desk, lab: Lab) -> None:
    dialog = choose(lab_desk, "redis", "hang")
    assert "redis-server.service stand still" in dialog.told_before.text()
    assert "Job worker (worker)" in dialog.told_before.text()
    assert not frozen(lab)
    lab_desk.click(dialog.go)
    card = lab_desk.card("redis")
    lab_desk.until(lambda: card.fault.shown and card.fault.line.left != "", timeout=LONG)
    lab_desk.until(lambda: not lab_desk.window.findChildren(InjectDialog))
    assert frozen(lab)
    (fault,) = lab.get("/faults")
    assert (fault["kind"], fault["service"], fault["requested_by"]) == ("hang", "redis", "root")
    before = card.fault.line.left
    lab_desk.until(lambda: card.fault.line.left != before)
    lab_desk.click(card.fault.line.revert)
    lab_desk.until(lambda: not card.fault.shown, timeout=LONG)
    lab_desk.until(lambda: card.message.text().startswith("hang reverted in "))
    assert not frozen(lab)
    assert lab.get("/faults") == []
    assert lab.get("/services")["redis"]["status"] == "up"


def test_panic_reverts_two(lab_desk: Desk, lab: Lab) -> None:
    for kind, service in (("hang", "redis"), ("stop", "postgres")):
        assert lab.post("/faults", {"kind": kind, "service": service, "duration": 300}).status == 200
    bar = lab_desk.window.content.panic_bar
    lab_desk.until(lambda: bar.count.text() == "2 faults")
    lab_desk.click(bar.button)
    lab_desk.until(lab_desk.popups, timeout=LONG)
    (text,) = lab_desk.popups()
    title, *names = text.splitlines()
    assert title == "The following faults were reverted:"
    assert set(names) == {"• hang of redis", "• stop of postgres"}
    lab_desk.until(lambda: not bar.count.isVisible() and not bar.button.isEnabled())
    assert lab.get("/faults") == []
    assert not frozen(lab)
    assert lab.get("/services")["postgres"]["status"] == "up"


def test_the_end_of_its_time_is_seen_without_asking(lab_desk: Desk, lab: Lab) -> None:
    room = lab_desk.window.rooms.faults()
    assert lab.post("/faults", {"kind": "stop", "service": "redis", "duration": 2}).status == 200
    lab_desk.until(lambda: "stop of redis: undone (its time was over)" in room.ended.text(), timeout=LONG)
    lab_desk.until(lambda: not lab_desk.card("redis").fault.shown)


def test_a_chaos_run_is_planned_armed_followed_and_disarmed(lab_desk: Desk, lab: Lab) -> None:
    room = lab_desk.window.rooms.chaos()
    lab_desk.until(lambda: room.has_body)
    for key, text in (("seed", "7"), ("kinds", "hang"), ("services", "redis")):
        room.form.entries[key].widget.setText(text)  # type: ignore[attr-defined]
    for key, number in (("seconds", 60), ("interval", 5), ("duration", 20)):
        room.form.entries[key].widget.setValue(number)  # type: ignore[attr-defined]
    lab_desk.click(room.show_plan)
    lab_desk.until(room.arm.isEnabled, timeout=LONG)
    planned = room.steps.steps
    assert {(step.kind, step.service) for step in planned} == {("hang", "redis")}
    lab_desk.click(room.arm)
    bar = lab_desk.window.content.panic_bar
    lab_desk.until(lambda: room.armed and bar.chaos.isVisible(), timeout=LONG)
    assert lab.get("/chaos")["settings"]["seed"] == 7
    card = lab_desk.card("redis")
    lab_desk.until(lambda: card.fault.shown and frozen(lab), timeout=LONG)
    lab_desk.until(lambda: bool(room.steps.steps) and room.steps.steps[0].outcome == "injected", timeout=LONG)
    assert room.steps.steps[0].at == planned[0].at
    lab_desk.click(room.disarm)
    lab_desk.until(lambda: room.pill.text() == "idle" and not bar.chaos.isVisible(), timeout=LONG)
    lab_desk.until(lambda: not card.fault.shown)
    assert not frozen(lab)
    assert lab.get("/faults") == []


def test_what_is_impossible_there_says_why_and_is_not_injected(lab_desk: Desk, lab: Lab) -> None:
    lab_desk.window.rooms.open("inject", "worker")
    dialog = lab_desk.window.findChildren(InjectDialog)[-1]
    lab_desk.until(lambda: dialog.kind is not None, timeout=LONG)
    dialog.kinds.choose("hang")
    assert "WatchdogSec" in dialog.told_before.text()
    assert not dialog.go.isEnabled()
    assert lab.get("/faults") == []
