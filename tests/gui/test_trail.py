"""The window of the audit trail: pages, filters, the chain, the export."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui import trail
from incidentops_gui.trail_table import ABOUT, INCIDENT, SEQ, WHO
from incidentops_gui.widgets.incidents import IncidentsWindow
from incidentops_gui.widgets.trail import TrailWindow
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication

from gui.conftest import Desk, answer

if TYPE_CHECKING:
    from pathlib import Path

    from gui.fake_agent import FakeAgent

VERDICT = {"verified": True, "message": "All 8 rows fit.", "rows": 8, "first_seq": 1, "last_seq": 8, "problem": None}


@pytest.fixture
def kept(agent: FakeAgent) -> FakeAgent:
    agent.answers["GET /audit"] = (200, answer("audit"))
    return agent


def show(desk: Desk, incident: str = "") -> TrailWindow:
    room = desk.window.rooms.trail(incident)
    desk.until(lambda: room.settled and (room.has_body or not room.told.title.text().startswith("Reading")))
    return room


def cells(room: TrailWindow, column: int) -> list[str]:
    return [str(room.table.index(row, column).data()) for row in range(room.table.rowCount())]


def row(seq: int) -> dict[str, Any]:
    return {**answer("audit")[0], "seq": seq}


def test_rows_are_newest_first_and_say_everything(desk: Desk, kept: FakeAgent) -> None:
    room = show(desk.live())
    assert cells(room, SEQ) == [str(seq) for seq in range(8, 0, -1)]
    assert cells(room, WHO)[2] == "alice"
    assert cells(room, ABOUT)[7] == "Ping failed (service DOWN) · stopped"
    assert room.about.text() == "all 8 rows"
    assert not room.older.isVisible()
    tip = str(room.table.index(7, 0).data(Qt.ItemDataRole.ToolTipRole))
    assert "bob, curl (pid 4242), over tcp" in tip
    assert room.table.index(2, WHO).data(Qt.ItemDataRole.AccessibleTextRole) == "Who: alice"
    room.view.selectRow(2)
    room.copy()
    assert "Service started manually" in QGuiApplication.clipboard().text()
    desk.key(room, Qt.Key.Key_Escape)
    desk.until(lambda: not desk.window.findChildren(TrailWindow))


def test_what_looks_like_markup_is_shown_as_it_is(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /audit"] = (200, [{**row(1), "reason": "<b>not bold</b>"}])
    room = show(desk.live())
    assert cells(room, ABOUT) == ["<b>not bold</b>"]
    tip = str(room.table.index(0, 0).data(Qt.ItemDataRole.ToolTipRole))
    assert "&lt;b>not bold" in tip


def test_older_pages_are_asked_for_by_the_last_row(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /audit"] = (200, [row(seq) for seq in range(150, 50, -1)])
    room = show(desk.live())
    assert room.about.text() == "the newest 100 rows"
    agent.answers["GET /audit"] = (200, [row(seq) for seq in range(50, 0, -1)])
    desk.click(room.older)
    desk.until(lambda: room.table.rowCount() == 150)
    assert "before=51" in agent.asked("/audit")[-1].path
    assert not room.older.isVisible()


def test_the_filters_are_the_agents(desk: Desk, kept: FakeAgent) -> None:
    room = show(desk.live())
    room.user.setText("alice")
    room.action.setText("Incident")
    desk.until(lambda: "user=alice&action=incident%2A" in kept.asked("/audit")[-1].path)
    room.service.setCurrentIndex(room.service.findData("postgres"))
    desk.until(lambda: "service=postgres&user=alice" in kept.asked("/audit")[-1].path)
    room.period.setCurrentIndex(1)
    desk.until(lambda: "since=20" in kept.asked("/audit")[-1].path)
    asked = len(kept.asked("/audit"))
    room.action.setText("no; such")
    desk.key(room.action, Qt.Key.Key_Return)
    assert room.empty.isVisible()
    assert len(kept.asked("/audit")) == asked, "what can't be a name is not asked for"


def test_new_rows_come_by_themselves(desk: Desk, kept: FakeAgent) -> None:
    room = show(desk.live())
    desk.until(lambda: kept.readers)
    kept.answers["GET /audit"] = (200, [row(9), *answer("audit")])
    done = {
        "action_id": "x",
        "action": "ping",
        "service": "redis",
        "at": "2026-11-24T22:30:00Z",
        "outcome": "ok",
        "actor": {"user": "bob", "door": "unix"},
        "duration_seconds": 0.01,
        "sentence": "Ping succeeded",
    }
    kept.push("action", done)
    desk.until(lambda: cells(room, SEQ)[0] == "9")
    assert room.table.rowCount() == 9


def test_an_incident_is_a_link_and_has_its_rows(desk: Desk, kept: FakeAgent) -> None:
    kept.answers["GET /incidents"] = (200, answer("incidents"))
    room = show(desk.live(), "5f1c09ab")
    assert kept.asked("/audit")[-1].path.endswith("incident=5f1c09ab")
    room.view.activated.emit(room.table.index(2, INCIDENT))
    (other,) = desk.window.findChildren(IncidentsWindow)
    desk.until(lambda: other.built)
    desk.until(lambda: other.detail.incident is not None and other.detail.incident.id == "c27ad01e")
    desk.click(other.detail.trail)
    desk.until(lambda: kept.asked("/audit")[-1].path.endswith("incident=c27ad01e"))
    assert room.incident.text() == "c27ad01e"


def test_verify_says_a_sentence_and_names_the_bad_row(desk: Desk, kept: FakeAgent) -> None:
    kept.answers["GET /audit/verify"] = (200, VERDICT)
    room = show(desk.live())
    desk.click(room.verify)
    assert room.verify.text() == "Verifying…"
    desk.until(lambda: room.fine.text.text() == "All 8 rows fit.")
    problem = {"seq": 4, "what": "changed", "message": "row 4 was changed"}
    kept.answers["GET /audit/verify"] = (200, {
        **VERDICT, "verified": False, "message": "row 4 was changed", "problem": problem,
    })  # fmt: skip
    desk.click(room.verify)
    desk.until(room.broken.isVisible)
    assert room.broken.text.text() == "Row 4 is the first that does not fit. row 4 was changed"
    assert room.table.bad == 4
    assert {index.row() for index in room.view.selectionModel().selectedIndexes()} == {4}
    assert not room.fine.isVisible()
    del kept.answers["GET /audit/verify"]
    desk.click(room.verify)
    desk.until(lambda: "no chain" in room.broken.text.text())


def test_the_export_is_streamed_into_a_file_that_appears_when_it_is_whole(
    desk: Desk, kept: FakeAgent, tmp_path: Path
) -> None:
    lines = b"".join(json.dumps(row(seq)).encode() + b"\n" for seq in range(1, 3001))
    kept.answers["GET /audit/export"] = (200, lines)
    room = show(desk.live())
    room.user.setText("alice")
    desk.key(room.user, Qt.Key.Key_Return)
    grown: list[int] = []
    room.download.grew.connect(grown.append)
    file = tmp_path / "audit.jsonl"
    room.save_to(str(file))
    assert room.export.text() == "Cancel the e&xport"
    desk.until(lambda: room.fine.text.text().startswith("Saved "))
    assert file.read_bytes() == lines
    assert len(grown) > 1
    assert kept.asked("/audit/export")[0].path == "/audit/export?user=alice"


def test_an_export_that_fails_leaves_nothing_and_says_why(desk: Desk, kept: FakeAgent, tmp_path: Path) -> None:
    room = show(desk.live())
    file = tmp_path / "audit.jsonl"
    file.write_text("before")
    room.save_to(str(file))
    desk.until(lambda: room.broken.text.text() == "This agent knows no export.")
    kept.answers["GET /audit/export"] = (503, {"kind": "audit-unreadable", "message": "cannot read it"})
    room.save_to(str(file))
    desk.until(lambda: room.broken.text.text() == "cannot read it")
    kept.answers["GET /audit/export"] = (200, b"x")
    room.save_to(str(tmp_path / "nowhere" / "audit.jsonl"))
    desk.until(lambda: room.broken.text.text().startswith("cannot write"))
    assert file.read_text() == "before"
    assert list(tmp_path.glob("audit.jsonl*")) == [file]


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((404, {"kind": "not-found", "message": "cannot find /audit"}), "This agent knows no audit trail."),
        ((503, {"kind": "audit-unreadable", "message": "cannot"}), "This did not work"),
    ],
)
def test_every_emptiness_has_its_page(desk: Desk, agent: FakeAgent, reply: tuple[int, Any], said: str) -> None:
    agent.answers["GET /audit"] = reply
    assert show(desk.live()).told.title.text() == said


def test_a_gap_between_pages_is_read_anew(desk: Desk, kept: FakeAgent) -> None:
    room = show(desk.live())
    kept.answers["GET /audit"] = (200, [row(seq) for seq in range(200, 100, -1)])
    room._on_fresh(trail.rows(kept.answers["GET /audit"][1]))
    assert cells(room, SEQ)[0] == "200"
    assert room.table.rowCount() == 100
    assert room.older.isVisible()
