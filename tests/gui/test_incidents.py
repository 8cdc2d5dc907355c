"""The window of incidents: list, timeline, acknowledgement, report, measures; the badge that leads there."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui import moments
from incidentops_gui.widgets.incidents import PAGE, IncidentsWindow
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication

from gui.conftest import Desk, answer

if TYPE_CHECKING:
    from gui.fake_agent import FakeAgent

OPEN = "5f1c09ab"


@pytest.fixture
def troubled(agent: FakeAgent) -> FakeAgent:
    """RabbitMQ is down and the worker with it."""
    agent.answers["GET /incidents"] = (200, answer("incidents"))
    agent.answers["GET /statistics"] = (200, answer("statistics"))
    agent.incidents = answer("incidents")[:2]
    for name in ("rabbitmq", "worker"):
        agent.change(name, push=False, status="down", state="failed", incident=OPEN)
    return agent


def show(desk: Desk) -> IncidentsWindow:
    room = desk.window.rooms.incidents()
    desk.until(lambda: room.settled and (room.has_body or not room.told.title.text().startswith("Reading")))
    return room


def roots(room: IncidentsWindow) -> list[str]:
    found = [room.model.at(row) for row in range(room.model.rowCount())]
    return [one.root for one in found if one is not None]


def acknowledged(**more: Any) -> dict[str, Any]:
    one = copy.deepcopy(answer("incidents")[0])
    return {**one, "acknowledged": "2026-11-24T22:27:30Z", "acknowledged_by": "carol", "tta_seconds": 31.869, **more}


def test_open_ones_come_first_and_the_first_is_shown_in_full(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    assert roots(room) == ["rabbitmq", "postgres", "redis"]
    assert room.about.text() == "1 open · 3 shown"
    detail = room.detail
    assert detail.title.text() == "rabbitmq and with it worker"
    assert detail.sentence.text() == "RabbitMQ was killed by SIGKILL"
    assert (detail.cause.text(), detail.state.text()) == ("killed", "open")
    first = str(room.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole))
    assert first.startswith("5f1c09ab open; rabbitmq (+ worker); RabbitMQ was killed by SIGKILL; TTD 11 ms")
    desk.key(room.view, Qt.Key.Key_Down)
    assert detail.title.text() == "postgres and with it worker"
    assert "acknowledged by alice: failover drill" in detail.facts.text()
    assert not room.isModal()
    desk.key(room, Qt.Key.Key_Escape)
    desk.until(lambda: not desk.window.findChildren(IncidentsWindow))


def test_the_frame_is_there_before_its_parts_and_may_be_closed_before_them(desk: Desk, troubled: FakeAgent) -> None:
    rooms = desk.live().window.rooms
    first = rooms.incidents(OPEN)
    assert first.isVisible()
    assert not first.built
    assert first.told.title.text() == "Reading the incidents…"
    first.close()
    desk.until(lambda: not desk.window.findChildren(IncidentsWindow))
    second = rooms.incidents("c27ad01e")
    desk.until(lambda: second.settled and second.has_body)
    assert second.detail.incident is not None
    assert second.detail.incident.id == "c27ad01e", "what was wanted before it was there"


def test_the_filters_sift_by_state_and_service(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    room.state_filter.setCurrentIndex(room.state_filter.findData("closed"))
    desk.until(lambda: roots(room) == ["redis"])
    room.state_filter.setCurrentIndex(0)
    room.service_filter.setCurrentIndex(room.service_filter.findData("worker"))
    desk.until(lambda: roots(room) == ["rabbitmq", "postgres"])
    room.state_filter.setCurrentIndex(room.state_filter.findData("closed"))
    desk.until(room.empty.isVisible)
    assert not room.detail.isVisible()


def test_the_timeline_says_everything_also_to_those_who_do_not_see_it(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    room.want("c27ad01e")
    line = room.detail.timeline
    assert [one.what for one in line.milestones] == ["began", "detected", "acknowledged", "first_action", "recovered"]
    for part in ("Began ", "(operator)", "(alice)", "TTD 95 ms", "TTA 41.4 s", "TTR 1 min 2 s"):
        assert part in line.accessibleDescription()
    assert room.detail.moments.rowCount() == 6
    text = str(room.detail.moments.index(2).data(Qt.ItemDataRole.AccessibleTextRole))
    assert text.endswith("Joined  worker: unresponsive: its database does not answer  (probe)")
    room.want(OPEN)
    assert "Recovered: not yet" in line.accessibleDescription()
    assert line.grab().size() == line.size() * line.devicePixelRatio()


def test_acknowledge_sends_the_note_once_and_shows_whose_it_is(desk: Desk, troubled: FakeAgent) -> None:
    troubled.answers[f"POST /incidents/{OPEN}/acknowledge"] = (200, acknowledged(note="on it"))
    troubled.hold.clear()
    room = show(desk.live())
    detail = room.detail
    detail.note.setText("on it")
    desk.click(detail.acknowledge)
    assert detail.acknowledge.text() == "Acknowledging…"
    assert not detail.acknowledge.isEnabled()
    desk.click(detail.acknowledge)
    troubled.hold.set()
    desk.until(lambda: detail.said.text() == "Acknowledged.")
    (request,) = troubled.posts()
    assert request.json == {"note": "on it"}
    assert len(request.headers["idempotency-key"]) == 32
    assert "acknowledged by carol: on it" in detail.facts.text()
    assert not detail.acknowledge.isVisible()
    desk.until(lambda: "acknowledged by carol" in str(room.model.index(0).data(Qt.ItemDataRole.AccessibleTextRole)))


def test_an_acknowledgement_that_is_refused_or_lost_says_so(desk: Desk, troubled: FakeAgent) -> None:
    path = f"POST /incidents/{OPEN}/acknowledge"
    troubled.answers[path] = (403, {"kind": "denied", "message": "cannot acknowledge: you may only look"})
    detail = show(desk.live()).detail
    desk.click(detail.acknowledge)
    desk.until(lambda: detail.said.text() == "cannot acknowledge: you may only look")
    assert detail.acknowledge.isEnabled()
    troubled.cut = True
    desk.click(detail.acknowledge)
    desk.until(lambda: "what came of it is not known" in detail.said.text())
    assert len(troubled.posts()) == 2


def test_the_stream_keeps_it_up_to_date(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    desk.until(lambda: troubled.readers)
    room.want("c27ad01e")
    troubled.push("incident", acknowledged())
    desk.until(lambda: "by carol" in str(room.model.index(0).data()))
    assert room.detail.incident is not None
    assert room.detail.incident.id == "c27ad01e", "what one reads stays"
    over = acknowledged(state="recovered", recovered="2026-11-24T22:28:00Z", ttr_seconds=61.88)
    troubled.push("incident", over)
    desk.until(lambda: room.about.text() == "0 open · 3 shown")
    desk.until(lambda: len(troubled.asked("/statistics")) > 1)


def test_the_badge_of_a_card_opens_its_incident(desk: Desk, troubled: FakeAgent) -> None:
    desk.live()
    badge = desk.card("worker").badge
    assert badge.isVisible()
    assert badge.text().startswith("incident · ")
    assert "Part of incident 5f1c09ab: RabbitMQ was killed" in badge.accessibleName()
    assert not desk.card("postgres").badge.isVisible()
    assert badge.kind == "danger"
    troubled.close()
    desk.until(lambda: badge.kind == "plain")
    troubled.open()
    desk.until(lambda: badge.kind == "danger")
    desk.click(badge)
    (room,) = desk.window.findChildren(IncidentsWindow)
    desk.until(lambda: room.built)
    desk.until(lambda: room.detail.incident is not None and room.detail.incident.id == OPEN)
    desk.until(lambda: troubled.readers)
    troubled.change("worker", status="up", state="healthy", incident=None)
    desk.until(lambda: not badge.isVisible())


def test_the_report_is_saved_and_opened(
    desk: Desk, troubled: FakeAgent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda prefix: str(tmp_path))
    troubled.answers[f"GET /incidents/{OPEN}/report"] = (200, b"<!doctype html><p>report")
    detail = show(desk.live()).detail
    desk.click(detail.report)
    desk.until(lambda: opened)
    assert Path(opened[0].toLocalFile()).read_bytes() == b"<!doctype html><p>report"
    assert troubled.asked(f"/incidents/{OPEN}/report")[0].path.endswith("?format=html")
    detail.save_to(str(tmp_path / "a.md"))
    desk.until((tmp_path / "a.md").exists)
    assert troubled.asked(f"/incidents/{OPEN}/report")[1].path.endswith("?format=markdown")
    detail.save_to(str(tmp_path / "none" / "a.md"))
    desk.until(lambda: detail.said.text().startswith("cannot write"))


def test_older_ones_are_asked_for_by_the_last_of_the_page(desk: Desk, troubled: FakeAgent) -> None:
    closed = answer("incidents")[2]
    troubled.answers["GET /incidents"] = (200, [{**closed, "id": f"{number:08x}"} for number in range(PAGE)])
    room = show(desk.live())
    assert room.older.isVisible()
    troubled.answers["GET /incidents"] = (200, [{**closed, "id": "0000ffff"}])
    desk.click(room.older)
    desk.until(lambda: not room.older.isVisible())
    assert troubled.asked("/incidents")[-1].path == f"/incidents?limit={PAGE}&before={PAGE - 1:08x}"
    assert room.model.row_of("0000ffff") >= 0


def test_copy_gives_plain_text(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    desk.click(room.detail.copy)
    text = QGuiApplication.clipboard().text()
    assert "incident:     5f1c09ab, open" in text
    assert "its main process was killed by SIGKILL (kernel)" in text


def test_the_measures_are_those_of_the_period(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    desk.until(lambda: room.measures.measures[2].value == "46.2 s")
    assert room.measures.measures[0].accessibleName() == "MTTD 1.7 s, median 95 ms · p95 5.0 s of 3"
    assert room.measures.availability.rows[0] == ("worker", 0.9972)
    assert "rabbitmq 99.79 %" in room.measures.availability.accessibleName()
    room.period.setCurrentIndex(2)
    desk.until(lambda: troubled.asked("/statistics")[-1].path == "/statistics?period=604800")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ((404, {"kind": "not-found", "message": "cannot find /incidents"}), "This agent knows no incidents."),
        ((200, []), "No incidents"),
        ((503, {"kind": "busy", "message": "cannot read"}), "This did not work"),
        ((200, [{"id": 7}]), "This did not work"),
    ],
)
def test_every_emptiness_has_its_page(desk: Desk, agent: FakeAgent, reply: tuple[int, Any], said: str) -> None:
    agent.answers["GET /incidents"] = reply
    assert show(desk.live()).told.title.text() == said


def test_offline_it_is_as_of_and_comes_back_by_itself(desk: Desk, troubled: FakeAgent) -> None:
    room = show(desk.live())
    troubled.close()
    desk.until(room.offline.isVisible)
    assert "as of" in room.offline.text.text()
    assert not room.detail.acknowledge.isEnabled()
    assert not room.detail.report.isEnabled()
    reads = len(troubled.asked("/incidents"))
    troubled.open()
    desk.until(lambda: len(troubled.asked("/incidents")) > reads)
    desk.until(room.detail.acknowledge.isEnabled)


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "–"), (0.011, "11 ms"), (0.0038, "3.8 ms"), (0.9996, "1.0 s"), (5.02, "5.0 s"), (59.96, "1 min"),  # noqa: RUF001
     (62.26, "1 min 2 s"),
     (7500.0, "2 h 5 min"), (0.0, "< 1 ms"), (-0.2, "< 1 ms")],
)  # fmt: skip
def test_lengths_have_the_figures_that_matter(value: float | None, said: str) -> None:
    assert moments.length(value) == said
