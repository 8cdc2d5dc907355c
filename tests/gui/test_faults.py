"""Faults on the cards, their window, and the panic that ends them all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui import facts, faults, fields, wire
from incidentops_gui.reducer import NOTHING, reduce
from incidentops_gui.state import State
from PySide6.QtCore import Qt

from gui.conftest import answer

if TYPE_CHECKING:
    from gui.conftest import Desk
    from gui.fake_agent import FakeAgent

NOW = 1_000_000.0


def about(phase: str = "active", **more: Any) -> dict[str, Any]:
    known = {
        "id": "0123456789ab",
        "kind": "hang",
        "service": "redis",
        "phase": phase,
        "requested_by": "alice",
        "began": "2026-11-25T01:00:00Z",
        "until": "2026-11-25T01:01:00Z",
        "duration_seconds": 60.0,
    }
    return {**known, **more}


def read(**more: Any) -> faults.Fault:
    return faults.fault(fields.Fields(about(**more), "fault"))


@pytest.fixture
def truthful(agent: FakeAgent) -> FakeAgent:
    """An agent whose clock is ours, so that what is counted down is."""
    real = agent.snapshot
    agent.snapshot = lambda: {**real(), "at": datetime.now(UTC).isoformat()}  # type: ignore[method-assign]
    return agent


def live(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    desk.until(lambda: agent.readers)


def reverted(fault: dict[str, Any], outcome: str = "ok", **more: Any) -> dict[str, Any]:
    over = {**fault, "phase": "recovered", "ended_by": "revert"}
    return {"fault": over, "outcome": outcome, "reason": "", "duration_seconds": 0.9, "recorded": True, **more}


# -- pure


@pytest.mark.parametrize(
    ("left", "said"), [(0, "0:00"), (0.2, "0:01"), (42, "0:42"), (725, "12:05"), (3723, "1:02:03"), (-3, "0:00")]
)
def test_what_is_left_is_a_clock(left: float, said: str) -> None:
    assert faults.countdown(left) == said


def test_only_what_is_in_effect_is_counted_down() -> None:
    one = read()
    assert one.until is not None
    assert one.left(one.until - 15) == 15
    assert one.share(one.until - 15) == 0.25
    assert one.left(one.until + 5) == 0
    for phase in ("applying", "undoing", "undo-failed"):
        assert read(phase=phase).left(one.until - 15) is None
    assert read(until=None, duration_seconds=None).left(0) is None


@pytest.mark.parametrize(
    ("phase", "line", "role"),
    [
        ("active", "Injected: hang", "warn"),
        ("applying", "hang: applying", "warn"),
        ("undoing", "hang: being undone", "warn"),
        ("undo-failed", "hang: NOT UNDONE", "bad"),
        ("of-a-newer-agent", "hang: of-a-newer-agent", "warn"),
    ],
)
def test_each_phase_is_said(phase: str, line: str, role: str) -> None:
    assert (faults.line(read(phase=phase)), faults.role(read(phase=phase))) == (line, role)


def test_the_catalogue_of_a_lab_machine_is_read_and_searched() -> None:
    catalogue = faults.catalogue(answer("faults-catalogue"))
    kinds = {kind.name: kind for kind in catalogue.kinds}
    assert kinds["hang"].reason("redis") == ""
    assert "cpu controller" in kinds["cpu"].reason("redis")
    assert kinds["hang"].reason("nginx")
    signal, whom, repeat = kinds["kill"].parameters
    assert (signal.default, whom.choices, repeat.high, repeat.unit) == ("SIGKILL", ("all", "main"), 3600, "seconds")
    chosen = catalogue.chosen("redis", "")
    assert [bool(kind.reason("redis")) for kind in chosen] == sorted(bool(kind.reason("redis")) for kind in chosen)
    assert [kind.name for kind in catalogue.chosen("redis", "FROZEN hang")] == ["hang"]
    assert catalogue.chosen("redis", "no such thing") == []


def test_a_wrong_answer_names_the_key_path() -> None:
    about = {"kind": "x", "title": "X", "services": [{"service": "redis", "available": 1}]}
    with pytest.raises(fields.WireError, match=r"kinds\[0\].services\[0\].available is not true or false"):
        faults.catalogue({"duration": {"default": 60, "low": 1, "most": 9}, "kinds": [about]})
    with pytest.raises(fields.WireError, match=r"fault.phase is missing"):
        faults.fault(fields.Fields({"id": "x", "kind": "y", "service": "z"}, "fault"))


def test_ends_are_remembered_and_refusals_are_not() -> None:
    services = wire.services(answer("services"))
    snapshot = wire.Snapshot(services, wire.Agent(ok=True, problems={}), NOW)
    state, _ = reduce(facts.Snapshot(snapshot, NOW), State())
    for phase in ("applying", "active", "undoing"):
        state, changes = reduce(facts.FaultChanged(read(phase=phase), NOW), state)
        assert changes == NOTHING
    refused = read(phase="refused", began=None)
    assert reduce(facts.FaultChanged(refused, NOW), state)[1] == NOTHING
    over = read(phase="recovered", ended_by="deadline")
    state, changes = reduce(facts.FaultChanged(over, NOW), state)
    assert state.faults_over == (over,)
    assert changes.faults == {over.id}
    assert reduce(facts.FaultChanged(over, NOW), state)[1] == NOTHING
    assert faults.end(over) == "undone (its time was over)"


# -- on the card


def test_the_card_counts_down_without_being_laid_out(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    assert desk.card("redis").fault.line is None
    truthful.break_it("redis", seconds=65)
    card = desk.card("redis")
    desk.until(lambda: card.fault.shown)
    line = card.fault.line
    desk.until(lambda: line.left in ("1:05", "1:04", "1:03"))
    assert "Injected: hang" in line.accessibleName()
    assert "by alice" in line.accessibleName()
    assert "hang (fredisaaaaaa), active, by alice, until " in card.details(desk.session.store.state)
    resized = []
    card.resized.connect(lambda: resized.append(True))
    before = line.left
    desk.until(lambda: line.left != before)
    assert not resized
    truthful.mend("redis", by="deadline")
    desk.until(lambda: not card.fault.shown)


def test_revert_on_the_card_ends_it_and_says_so(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    fault = truthful.break_it("redis")
    path = f"DELETE /faults/{fault['id']}"
    truthful.answers[path] = (200, reverted(fault))
    card = desk.card("redis")
    desk.until(lambda: card.fault.shown)
    truthful.hold.clear()
    desk.click(card.fault.line.revert)
    desk.until(lambda: card.fault.line.revert.text() == "Reverting…")
    assert not card.fault.line.revert.isEnabled()
    truthful.hold.set()
    truthful.mend("redis")
    desk.until(lambda: card.message.text() == "hang reverted in 900 ms")
    desk.until(lambda: not card.fault.shown)
    (request,) = truthful.asked(f"/faults/{fault['id']}")
    assert request.headers["idempotency-key"]


def test_a_refused_revert_says_who_may_and_can_be_asked_again(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    fault = truthful.break_it("redis")
    message = "cannot revert: members of the groups incidentops and incidentops-chaos and root may"
    truthful.answers[f"DELETE /faults/{fault['id']}"] = (403, {"kind": "denied", "message": message})
    card = desk.card("redis")
    desk.until(lambda: card.fault.shown)
    desk.click(card.fault.line.revert)
    desk.until(lambda: card.message.text() == message)
    desk.until(card.fault.line.revert.isEnabled)


def test_an_undoing_that_failed_is_red_and_can_be_reverted(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    truthful.break_it("redis", phase="undo-failed", failure="redis does not start")
    line = desk.card("redis").fault
    desk.until(lambda: line.shown)
    assert line.line.revert.isEnabled()
    assert line.line.left == ""
    assert "redis does not start" in line.line.accessibleName()
    truthful.break_it("redis", phase="undoing")
    desk.until(lambda: not line.line.revert.isEnabled())


def test_what_is_not_live_is_not_reverted_and_not_counted(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    truthful.break_it("redis")
    line = desk.card("redis").fault
    desk.until(lambda: line.shown)
    bar = desk.window.content.panic_bar
    desk.until(bar.button.isEnabled)
    truthful.close()
    desk.until(lambda: not line.line.revert.isEnabled())
    assert not bar.button.isEnabled()
    assert bar.count.text() == "1 fault"


# -- panic


def test_panic_is_one_click_and_says_what_came_of_it(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    bar = desk.window.content.panic_bar
    assert bar.button.text() == "PANIC: REVERT ALL"
    assert not bar.button.isEnabled()
    assert not bar.count.isVisible()
    broken = [truthful.break_it("redis"), truthful.break_it("postgres", kind="stop")]
    desk.until(lambda: bar.count.isVisible() and bar.count.text() == "2 faults")
    steps = [reverted(one) for one in broken]
    truthful.answers["POST /faults/panic"] = (200, {"status": "completed", "steps": steps})
    truthful.hold.clear()
    desk.click(bar.button)
    desk.until(lambda: bar.button.text() == "REVERTING…")
    truthful.hold.set()
    desk.until(desk.popups)
    assert desk.popups() == ["The following faults were reverted:\n• hang of redis\n• stop of postgres"]
    assert len(truthful.asked("/faults/panic")) == 1
    for name in ("redis", "postgres"):
        truthful.mend(name)
    desk.until(lambda: not bar.count.isVisible() and not bar.button.isEnabled())


def test_panic_names_what_could_not_be_undone(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    broken = [truthful.break_it("redis"), truthful.break_it("postgres")]
    steps = [reverted(broken[0]), reverted(broken[1], "failed", reason="postgres does not start")]
    said = {"kind": "undo-failed", "message": "cannot revert everything", "status": "partial", "steps": steps}
    truthful.answers["POST /faults/panic"] = (503, said)
    bar = desk.window.content.panic_bar
    desk.until(bar.button.isEnabled)
    desk.click(bar.button)
    desk.until(desk.popups)
    (text,) = desk.popups()
    assert "• hang of redis\nNot reverted yet, systemd goes on trying:\n" in text
    assert text.endswith("• hang of postgres: postgres does not start")


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (403, {"kind": "denied", "message": "cannot do this: members of the group incidentops may"}, "members of"),
        (404, {"kind": "not-found", "message": "cannot find it"}, "This agent knows no faults."),
        (503, {"kind": "starting", "message": "cannot answer yet"}, "cannot answer yet"),
    ],
)
def test_a_panic_that_is_refused_is_told(
    desk: Desk, truthful: FakeAgent, status: int, body: dict[str, Any], said: str
) -> None:
    live(desk, truthful)
    truthful.break_it("redis")
    truthful.answers["POST /faults/panic"] = (status, body)
    bar = desk.window.content.panic_bar
    desk.until(bar.button.isEnabled)
    desk.click(bar.button)
    desk.until(desk.popups)
    assert said in desk.popups()[0]
    assert desk.popups()[0].startswith("Nothing was reverted.")
    desk.until(bar.button.isEnabled)


# -- their window


def test_the_window_of_faults_lists_reverts_and_remembers(desk: Desk, truthful: FakeAgent) -> None:
    live(desk, truthful)
    room = desk.window.rooms.faults()
    assert not room.has_body
    assert room.told.title.text() == "No fault is injected."
    truthful.break_it("redis", seconds=300)
    fault = truthful.break_it("postgres", kind="stop", seconds=30)
    desk.until(lambda: len(room.rows) == 2)
    row = room.rows[fault["id"]]
    desk.until(lambda: 0 <= row.y() < room.rows["fredisaaaaaa"].y())
    assert "by alice" in row.about.text()
    desk.until(lambda: row.line.left.startswith("0:"))
    truthful.answers[f"DELETE /faults/{fault['id']}"] = (200, reverted(fault))
    desk.click(row.line.revert)
    desk.until(lambda: truthful.asked(f"/faults/{fault['id']}"))
    truthful.mend("postgres")
    desk.until(lambda: len(room.rows) == 1)
    assert "stop of postgres: undone (reverted)" in room.ended.text()
    desk.key(room, Qt.Key.Key_Escape)
    desk.until(lambda: not room.isVisible())
