"""Nothing blocks: what is much is done in turns, what is in sight first, and nothing of it is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import incidentops_gui
import pytest
from incidentops_gui import facts, hosts, loading, theme, turns, wording
from incidentops_gui.app import Application
from incidentops_gui.settings import Settings
from incidentops_gui.state import Phase, Trouble
from incidentops_gui.turns import Slice, Turns
from incidentops_gui.widgets.card import CardWidget
from incidentops_gui.widgets.clock import Clock
from PySide6.QtCore import QCoreApplication, QSettings

from gui.conftest import Desk, delete_now
from gui.fake_agent import encode

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from gui.fake_agent import FakeAgent


# -- turns


@pytest.mark.usefixtures("qapp")
def test_each_turn_of_the_event_loop_has_one_piece_of_work() -> None:
    made, done = Turns(), list[str]()

    def first() -> None:
        done.append("first")
        if done.count("first") < 3:
            made.soon(first)

    def second() -> None:
        done.append("second")

    made.soon(first)
    made.soon(second)
    made.soon(second)
    assert made.waits(second)
    while len(done) < 4:
        before = len(done)
        QCoreApplication.processEvents()
        assert len(done) - before <= 1
    assert done == ["first", "second", "first", "first"]


def test_what_is_forgotten_is_not_done(qtbot: QtBot) -> None:
    made, done = Turns(), list[str]()

    def gone() -> None:
        done.append("gone")

    made.soon(gone)
    made.soon(lambda: done.append("last"))
    made.forget(gone)
    made.forget(gone)
    qtbot.waitUntil(lambda: done == ["last"])


def test_what_follows_from_the_work_counts_as_time() -> None:
    now = Slice(1000.0)
    assert not now.over
    now.spend(1000.0)
    assert now.over


@pytest.fixture
def _smallest_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine on which the time is always up: one card and one event in each turn."""
    monkeypatch.setattr(turns, "SLICE", 0.0)
    monkeypatch.setattr(Slice, "over", property(lambda _self: True))


@pytest.mark.usefixtures("_smallest_slices")
def test_a_burst_ends_with_every_card_in_its_last_state(desk: Desk, agent: FakeAgent) -> None:
    agent.services = {f"unit{number:02}": dict(agent.services["redis"]) for number in range(50)}
    desk.live()
    desk.until(lambda: agent.readers)
    stream = b""
    for number in range(20):
        change = {"status": "down", "state": "stopping" if number < 19 else "failed", "reason": f"step {number}"}
        for name, fields in agent.services.items():
            stream += encode("service", {"name": name, **fields, **change})
    sender = threading.Thread(target=agent.send, args=(stream,))  # 1,000 events at once
    sender.start()
    cards = desk.window.grid.cards.values()
    desk.until(lambda: all(card.led.shape == "cross" and card.message.text() == "Step 19" for card in cards))
    sender.join(10)


@pytest.mark.usefixtures("_smallest_slices")
def test_what_is_in_sight_comes_first(desk: Desk, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.services = {f"unit{number:02}": dict(agent.services["redis"]) for number in range(50)}
    desk.live()
    grid = desk.window.grid
    grid.verticalScrollBar().setValue(grid.verticalScrollBar().maximum())
    sight = grid.in_sight()
    assert 0 < len(sight) < 20
    assert grid.shown[0] not in sight
    order: list[str] = []
    before = CardWidget.show_card

    def show_card(card: CardWidget, *arguments: object) -> None:
        order.append(card.name)
        before(card, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(CardWidget, "show_card", show_card)
    desk.session.store.apply(facts.LinkChanged(Phase.SILENT, Trouble.NO_ANSWER, "", time.time(), "", None))
    desk.until(lambda: not any(card.live for card in grid.cards.values()))
    assert set(order[: len(sight)]) == set(sight)
    assert len(order) == 50, "each of them once"


@pytest.mark.usefixtures("_smallest_slices")
def test_many_new_cards_come_one_by_one_each_in_its_place(desk: Desk, agent: FakeAgent) -> None:
    agent.services = {f"unit{number:02}": dict(agent.services["redis"]) for number in range(30)}
    agent.change("unit25", push=False, status="down", state="failed", reason="it fell")
    desk.open()
    counts: list[int] = []
    desk.window.grid.made.connect(lambda _card: counts.append(len(desk.window.grid.shown)))
    desk.until(lambda: len(desk.window.grid.shown) == 30)
    assert counts == list(range(30)), "one more on the screen each time"
    assert desk.window.grid.shown[0] == "unit25"


def test_the_bar_does_not_grow_with_the_number_of_services_that_are_down(desk: Desk, agent: FakeAgent) -> None:
    down = {**agent.services["redis"], "status": "down", "state": "failed"}
    agent.services = {f"unit{number:02}": dict(agent.services["redis"]) for number in range(50)}
    desk.live()
    desk.until(lambda: agent.readers)
    height = desk.window.remedy.height()
    for name in list(agent.services):
        agent.change(name, **down)
    text = desk.window.remedy.text
    desk.until(lambda: text.text().endswith("unit07 and 42 more"))
    assert desk.window.remedy.height() == height


def test_what_nobody_sees_is_brought_up_to_date_when_it_is_shown(desk: Desk, agent: FakeAgent) -> None:
    desk.live()
    desk.until(lambda: agent.readers)
    led = desk.card("redis").led
    desk.window.hide()
    agent.change("redis", status="down", state="failed", reason="it fell")
    desk.until(lambda: desk.state("redis") == "failed")
    QCoreApplication.processEvents()
    assert led.shape == "disc"
    desk.window.show()
    assert led.shape == "cross", "before anything is painted"


# -- the clock


@pytest.mark.parametrize(
    "age", [0.0, 1.5, 2.0, 12.3, 59.9, 60.0, 61.0, 3599.0, 3600.0, 9999.0, 86_399.0, 86_401.0, 1e6]
)
def test_a_time_is_written_anew_when_it_reads_otherwise(age: float) -> None:
    now = 1_000_000_000.0
    lasts = wording.ago_lasts(now - age, now)
    assert lasts is not None
    assert lasts > 0
    assert wording.ago(now - age, now + lasts - 0.001) == wording.ago(now - age, now)
    assert wording.ago(now - age, now + lasts + 0.001) != wording.ago(now - age, now)


def test_a_clock_looks_when_something_is_due_and_not_when_nobody_looks_at_it(qtbot: QtBot) -> None:
    looked: list[float | None] = []
    answers: list[float | None] = [0.01, None]

    def show() -> float | None:
        looked.append(answers.pop(0))
        return looked[-1]

    clock = Clock(show)
    clock.look()
    clock.set_running(True)
    qtbot.waitUntil(lambda: looked == [0.01, None])
    clock.look()
    assert clock.waits, "something has changed"
    clock.set_running(False)
    assert not clock.waits


# -- the start

PROGRAM = """
import json, sys
from incidentops_gui import app, hosts
from incidentops_gui.settings import Settings

def loaded():
    return sorted(name for name in sys.modules if name.partition(".")[0] in ("incidentops_gui", "h11", "PySide6"))

application = app.make([])
shown = app.Application(hosts.unix(sys.argv[1]), False, Settings(), None)
said = {}
shown.window.painted.connect(lambda: said.update(painted=loaded()))
shown.ready.connect(lambda: (said.update(ready=loaded()), application.quit()))
shown.open()
application.exec()
shown.close()
print(json.dumps(said))
"""


def test_the_first_painting_waits_for_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(incidentops_gui.__file__).parents[1]),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    words = [sys.executable, "-c", PROGRAM, str(tmp_path / "agent.sock")]
    said = json.loads(subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, timeout=30).stdout)
    assert "PySide6.QtWidgets" in said["painted"]
    assert not set(said["painted"]) & {*loading.LATER, "PySide6.QtNetwork"}
    ours = {name for name in said["painted"] if name.startswith("incidentops_gui.")}
    assert ours == {f"incidentops_gui.{name}" for name in FIRST}
    assert {name for name in loading.LATER if name != "json"} <= set(said["ready"])


def test_what_is_loaded_afterwards_is_all_that_the_other_windows_need() -> None:
    program = """
import sys
from incidentops_gui import loading
for name in (*loading.LATER, *loading.ROOMS):
    before = set(sys.modules)
    __import__(name)
    ours = {one for one in set(sys.modules) - before if one.startswith("incidentops_gui.")}
    assert not ours - {name, "incidentops_gui.widgets"} or name in loading.LATER, (name, ours)
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(incidentops_gui.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=30)


FIRST = ("app", "hosts", "instance", "loading", "settings", "theme", "widgets", "widgets.skeleton", "widgets.window")


@pytest.mark.usefixtures("qapp")
def test_it_may_be_closed_before_everything_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    settings = Settings(QSettings(str(tmp_path / "gui.conf"), QSettings.Format.IniFormat))
    made = Application(hosts.unix("/run/nobody.sock"), False, settings, theme.Choice.LIGHT)
    made.open()
    assert not made.complete
    made.leave()
    assert not settings.geometry.isEmpty()
    made.window.close()
    made.window.deleteLater()
    made.deleteLater()
    delete_now()
