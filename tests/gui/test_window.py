"""The window against an agent of wood: what is shown, what is asked, and what is never done."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from incidentops_gui import theme, wording
from incidentops_gui.settings import Settings
from incidentops_gui.state import Trouble
from incidentops_gui.widgets.confirm import Confirm
from incidentops_gui.widgets.keys import CheatSheet
from incidentops_gui.widgets.led import LOOKS
from incidentops_gui.widgets.menus import Menus
from incidentops_gui.widgets.popup import Popup
from incidentops_gui.widgets.service_window import ServiceWindow
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication

from gui.conftest import Desk, answer

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from gui.fake_agent import FakeAgent


def press(desk: Desk, name: str, button: str) -> None:
    desk.click(getattr(desk.card(name), button))


def question(desk: Desk) -> Confirm:
    desk.until(lambda: desk.window.findChildren(Confirm))
    return desk.window.findChildren(Confirm)[-1]


# -- states


@pytest.mark.parametrize("state", sorted(LOOKS))
def test_each_state_has_its_word_shape_and_colour(desk: Desk, agent: FakeAgent, state: str) -> None:
    up = state == "healthy"
    agent.change("redis", push=False, state=state, status="up" if up else "down")
    desk.live()
    led = desk.card("redis").led
    assert (led.shape, led.role) == (LOOKS[state].shape, LOOKS[state].role)
    assert desk.card("redis").word.text() == f"{'UP' if up else 'DOWN'} · {wording.state(state)}"
    assert led.accessibleName() == f"Redis: {'UP' if up else 'DOWN'}, {wording.state(state)}"


def test_no_two_states_look_alike() -> None:
    shapes = [LOOKS[state].shape for state in ("healthy", "stopped", "failed", "unresponsive", "unknown")]
    assert len(set(shapes)) == len(shapes)


def test_what_is_not_live_is_grey_and_says_so(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    assert desk.card("redis").led.role == "good"
    agent.close()
    desk.until(lambda: desk.card("redis").led.role == "muted")
    card = desk.card("redis")
    assert card.word.text().startswith("Healthy as of ")
    assert card.led.accessibleName().endswith("(last known, not live)")
    assert not any(button.isEnabled() for button in (card.ping, card.start, card.stop))
    assert not desk.window.metrics.tiles["cpu"].live
    assert not desk.window.remedy.button.isEnabled()
    banner = desk.window.banner
    assert banner.isVisible()
    assert "What is shown is as of " in banner.text.text()
    assert banner.next.text().startswith("retrying")
    agent.open()
    desk.until(lambda: desk.card("redis").led.role == "good")
    assert not banner.isVisible()


def test_memory_and_cpu_say_when_they_were_read(desk: Desk, agent: FakeAgent) -> None:
    used = {"memory_bytes": 5 << 20, "cpu_seconds": 1.0, "tasks": 1, "source": "cgroup"}
    agent.change("redis", push=False, resources={**used, "read_at": "2026-11-24T22:29:58Z"})
    agent.change("postgres", push=False, resources=used)
    desk.live()

    def hints(name: str) -> list[str]:
        return [row.hint for row in desk.card(name).figures.rows if row.name in ("Memory", "CPU")]

    at = wording.exact(datetime.fromisoformat("2026-11-24T22:29:58Z").timestamp())
    assert hints("redis") == [f"Read at {at}", f"Share of one processor\nRead at {at}"]
    assert hints("postgres") == ["", "Share of one processor"], "an agent that does not tell"


def test_a_service_whose_systemd_is_silent_is_grey_alone(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    desk.until(lambda: agent.readers)
    agent.change("redis", stale=True)
    desk.until(lambda: desk.card("redis").led.role == "muted")
    assert desk.card("postgres").led.role == "good"
    assert "systemd does not answer" in desk.card("redis").message.text()


def test_the_agents_own_problems_are_told(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    desk.until(lambda: agent.readers)
    agent.push("agent", {"status": "degraded", "problems": {"audit": "the audit trail can't be written"}})
    desk.until(lambda: desk.window.banner.isVisible())
    assert desk.window.banner.text.text() == "The agent reports: the audit trail can't be written"
    agent.push("agent", {"status": "ok", "problems": {}})
    desk.until(lambda: not desk.window.banner.isVisible())


def test_metrics_say_the_agents_words(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /system"] = (200, answer("system"))
    desk.live()
    tiles = desk.window.metrics.tiles
    desk.until(lambda: tiles["cpu"].figure.text == answer("system")["cpu"])
    assert tiles["ram"].figure.text == answer("system")["ram"]
    assert tiles["disk"].figure.text == answer("system")["disk"]
    assert tiles["cpu"].accessibleName().startswith("CPU: 2 units, ")


# -- pages


def test_each_trouble_has_a_page(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /events"] = (403, {"kind": "denied", "message": "cannot: members of the group incidentops may"})
    desk.open()
    page = desk.window.page
    desk.until(lambda: page.title.text() == "No permission")
    assert page.isVisible()
    assert "incidentops" in page.message.text()
    agent.answers.clear()
    desk.click(page.retry_now)
    desk.until(lambda: desk.session.store.state.connection.live)
    assert not page.isVisible()


def test_the_details_of_a_broken_connection_can_be_copied(desk: Desk, agent: FakeAgent) -> None:
    agent.close()
    desk.open()
    desk.until(lambda: desk.session.store.state.connection.trouble is not Trouble.NONE)
    desk.window.copy_connection()
    assert str(agent.path) in QGuiApplication.clipboard().text()


# -- actions


def test_a_ping_is_one_request_with_a_key(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /ping/redis"] = (200, answer("ping"))
    desk.live()
    press(desk, "redis", "ping")
    desk.until(lambda: "Ping succeeded in" in desk.card("redis").message.text())
    (request,) = agent.posts()
    assert request.path == "/ping/redis"
    assert len(request.headers["idempotency-key"]) == 32
    press(desk, "redis", "ping")
    desk.until(lambda: len(agent.posts()) == 2)
    assert agent.posts()[1].headers["idempotency-key"] != request.headers["idempotency-key"]


def test_a_ping_that_fails_says_why(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /ping/redis"] = (503, answer("ping-failed"))
    desk.live()
    press(desk, "redis", "ping")
    desk.until(lambda: desk.card("redis").message.text() == "cannot ping redis: stopped")


def test_while_it_is_asked_the_card_is_busy_and_asks_no_more(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /ping/redis"] = (200, answer("ping"))
    agent.hold.clear()
    desk.live()
    press(desk, "redis", "ping")
    desk.until(lambda: desk.card("redis").word.text().startswith("Pinging… "))
    assert not desk.card("redis").ping.isEnabled()
    desk.window.act("redis", "ping")
    agent.hold.set()
    desk.until(lambda: desk.card("redis").ping.isEnabled())
    assert len(agent.posts()) == 1


def test_somebody_elses_action_is_shown_with_the_name(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    desk.until(lambda: agent.readers)
    agent.change("redis", busy={"action": "stop", "since": "2026-11-24T22:30:00.000Z", "user": "alice"})
    desk.until(lambda: "(by alice)" in desk.card("redis").word.text())
    assert desk.card("redis").word.text().startswith("Stopping… ")


def test_an_answer_that_never_comes_is_not_asked_for_again(desk: Desk, agent: FakeAgent) -> None:
    agent.cut = True
    desk.live()
    press(desk, "redis", "ping")
    desk.until(lambda: "The connection broke before the agent answered" in desk.card("redis").message.text())
    assert len(agent.posts()) == 1


def test_stop_asks_first_and_cancel_is_the_default(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /services/redis"] = (200, {**answer("detail"), "stops_with": ["shop.service"]})
    desk.live()
    press(desk, "redis", "stop")
    asked = question(desk)
    assert asked.cancel.isDefault()
    assert asked.go.text() == "Stop Redis"
    assert "Job worker (worker)" in asked.consequences.text()
    desk.until(lambda: "systemd stops with it: shop.service" in asked.consequences.text())
    desk.key(asked, Qt.Key.Key_Return)
    desk.until(lambda: not desk.window.findChildren(Confirm))
    assert agent.posts() == []


def test_stop_offers_to_start_again(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /stop/redis"] = (200, answer("stop"))
    agent.answers["POST /start/redis"] = (200, answer("start"))
    desk.live()
    desk.until(lambda: agent.readers)
    press(desk, "redis", "stop")
    desk.click(question(desk).go)
    agent.change("redis", status="down", state="stopped", reason="stopped")
    desk.until(lambda: desk.card("redis").offer.isVisible())
    desk.until(lambda: desk.card("redis").led.role == "bad")
    desk.click(desk.card("redis").offer)
    desk.until(lambda: [request.path for request in agent.posts()] == ["/stop/redis", "/start/redis"])
    desk.until(lambda: desk.popups() == ["Service redis was restarted successfully!!"])


def test_the_question_can_be_turned_off_for_the_session(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /stop/redis"] = (200, answer("stop"))
    desk.live()
    press(desk, "redis", "stop")
    asked = question(desk)
    asked.quiet.setChecked(True)
    desk.click(asked.go)
    desk.until(lambda: len(agent.posts()) == 1 and desk.card("redis").stop.isEnabled())
    desk.until(lambda: not desk.window.findChildren(Confirm))
    press(desk, "redis", "stop")
    desk.until(lambda: len(agent.posts()) == 2)


def test_a_start_that_had_nothing_to_do_has_no_popup(desk: Desk, agent: FakeAgent) -> None:
    done = {**answer("start"), "outcome": "unchanged", "reason": "it was already running"}
    agent.answers["POST /start/redis"] = (200, done)
    agent.change("redis", push=False, status="down", state="stopped")
    desk.live()
    press(desk, "redis", "start")
    desk.until(lambda: desk.card("redis").message.text() == "Nothing to do: it was already running")
    assert desk.popups() == []


def test_the_popup_goes_by_escape_and_stands_in_nobodys_way(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["POST /remediate"] = (200, answer("remediate-nothing"))
    desk.live()
    desk.click(desk.window.remedy.button)
    desk.until(lambda: desk.popups() == ["No services required remediation."])
    popup = desk.window.findChildren(Popup)[0]
    assert not popup.isModal()
    desk.key(popup, Qt.Key.Key_Escape)
    desk.until(lambda: desk.popups() == [])


def test_remediation_lists_what_came_back_and_what_did_not_and_why(desk: Desk, agent: FakeAgent) -> None:
    done = answer("remediate")
    done["status"] = "partial"
    done["services_skipped"] = ["worker"]
    done["steps"].append({"service": "worker", "action": "skip", "outcome": "skipped", "reason": "waits for rabbitmq"})
    agent.answers["POST /remediate"] = (200, done)
    desk.live()
    desk.window.remediate()
    desk.until(desk.popups)
    assert desk.popups() == [
        "The following services were restarted successfully:\n• postgres\n• redis\n"
        "Not recovered:\n• worker: waits for rabbitmq"
    ]


def test_read_only_asks_for_nothing(qtbot: QtBot, themed: theme.Theme, agent: FakeAgent) -> None:
    desk = Desk(qtbot, agent.path, read_only=True).live()
    card = desk.card("redis")
    assert not any(button.isEnabled() for button in (card.ping, card.start, card.stop))
    desk.window.act("redis", "stop")
    desk.window.act("redis", "ping")
    desk.window.remediate()
    desk.session.commands.act("redis", "stop")
    assert desk.window.findChildren(Confirm) == []
    assert agent.posts() == []
    assert desk.window.only.isVisible()
    desk.close()


# -- many cards, the filter, the keys


def many(agent: FakeAgent, count: int) -> None:
    agent.services = {
        f"unit{number:02}": {**agent.services["redis"], "title": f"Unit {number}"} for number in range(count)
    }


def test_fifty_services_stay_usable(desk: Desk, agent: FakeAgent) -> None:
    many(agent, 50)
    agent.change("unit33", push=False, status="down", state="failed", reason="it fell over")
    desk.live()
    grid = desk.window.grid
    assert grid.shown[0] == "unit33", "failed first"
    assert grid.columns() == 3
    assert all(card.compact for card in grid.cards.values())
    desk.window.toggle_pin("unit41")
    assert grid.shown[:2] == ["unit41", "unit33"]
    desk.window.resize(700, 800)
    desk.until(lambda: grid.columns() == 1)
    boxes = [grid.cards[name].geometry() for name in grid.shown]
    assert all(not one.intersects(other) for one, other in pairwise(boxes))


def test_the_filter_finds_by_name_state_and_unit(desk: Desk, agent: FakeAgent) -> None:
    agent.change("redis", push=False, status="down", state="failed")
    desk.live()
    for wanted, found in (("red", ["redis"]), ("down", ["redis"]), ("17-main", ["postgres"]), ("nothing", [])):
        desk.window.filter.setText(wanted)
        assert desk.window.grid.shown == found
    assert desk.window.empty.isVisible()
    desk.window.escape()
    assert len(desk.window.grid.shown) == 5


def test_the_keyboard_reaches_everything(desk: Desk, agent: FakeAgent, tmp_path: Path) -> None:
    agent.answers["POST /ping/chaos"] = (200, {**answer("ping"), "service": "chaos"})
    menus = Menus(desk.window, Settings(QSettings(str(tmp_path / "gui.conf"), QSettings.Format.IniFormat)))
    desk.live()
    window = desk.window
    desk.window.activateWindow()
    desk.until(window.isActiveWindow)
    desk.key(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert window.grid.focused() == "chaos"
    desk.key(window.grid.cards["chaos"], Qt.Key.Key_Right)
    assert window.grid.focused() == "postgres"
    desk.key(window.grid.cards["postgres"], Qt.Key.Key_Left)
    desk.key(window, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    desk.until(lambda: [request.path for request in agent.posts()] == ["/ping/chaos"])
    desk.key(window, Qt.Key.Key_Backspace, Qt.KeyboardModifier.ControlModifier)
    question(desk).reject()
    desk.key(window, Qt.Key.Key_F1)
    desk.until(lambda: window.findChildren(CheatSheet))
    window.findChildren(CheatSheet)[0].close()
    desk.key(window, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.filter.hasFocus()
    assert len(agent.posts()) == 1
    assert menus.host.actions()


def test_no_bare_key_stops_or_starts_anything(desk: Desk, agent: FakeAgent, tmp_path: Path) -> None:
    menus = Menus(desk.window, Settings(QSettings(str(tmp_path / "gui.conf"), QSettings.Format.IniFormat)))
    desk.live()
    desk.window.grid.focus_card(0)
    keys = range(Qt.Key.Key_A.value, Qt.Key.Key_Z.value + 1)
    for key in [*keys, Qt.Key.Key_Delete, Qt.Key.Key_Backspace, Qt.Key.Key_Space]:
        desk.key(desk.window.grid.cards[desk.window.grid.shown[0]], Qt.Key(key))
    assert agent.posts() == []
    assert desk.window.findChildren(Confirm) == []
    assert menus is not None


def test_details_can_be_copied(desk: Desk, agent: FakeAgent) -> None:
    agent.answers["GET /logs/redis"] = (200, answer("logs"))
    desk.live()
    desk.until(lambda: desk.session.store.state.cards["redis"].log)
    desk.window.copy_details("redis")
    text = QGuiApplication.clipboard().text()
    assert "redis-server.service: active (running)" in text
    assert answer("logs")[-1] in text


def test_the_services_window_shows_log_and_details_and_says_when_there_is_no_journal(
    desk: Desk, agent: FakeAgent
) -> None:
    agent.answers["GET /logs/redis"] = (200, answer("logs"))
    desk.live()
    desk.window.open_service("redis")
    desk.window.open_service("redis")
    (window,) = desk.window.findChildren(ServiceWindow)
    desk.until(lambda: window.done.toPlainText() == "\n".join(answer("logs")))
    desk.until(lambda: window.journal.told.text() == "This agent does not show journals.")
    window.close()
    desk.until(lambda: not desk.window.findChildren(ServiceWindow))
