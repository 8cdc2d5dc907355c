"""The window on no screen, against an agent of wood, and one of flesh in the lab."""

from __future__ import annotations

import os

os.environ["QT_QPA_PLATFORM"] = os.environ.get("INCIDENTOPS_GUI_TEST_PLATFORM", "offscreen")
# A German desktop must not change what the tests read.
os.environ["LC_ALL"] = os.environ["LANGUAGE"] = "C.UTF-8"

import gc
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_gui import hosts, theme
from incidentops_gui.session import Session
from incidentops_gui.widgets.popup import Popup
from incidentops_gui.widgets.window import Window
from leaks import Held
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from system.machine import Lab, bring_back, free_port

from gui.fake_agent import FakeAgent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytestqt.qtbot import QtBot

KEPT_BY_QT = ("anon_inode:[eventfd]", "icon-theme.cache")
"""Descriptors of Qt's own painting threads and caches, which end when they like."""
ANSWERS = Path(__file__).with_name("answers")


def answer(name: str) -> Any:
    """A recorded answer of a real agent."""
    return json.loads((ANSWERS / f"{name}.json").read_text())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents and "lab" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.lab)


@pytest.fixture(autouse=True)
def _nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """As in every tier, but for what Qt itself keeps."""
    before = Held.now()
    yield
    if request.node.get_closest_marker("lab"):
        return
    end = time.monotonic() + 3.0
    while (left := left_now(before)) and time.monotonic() < end:
        QTest.qWait(20)  # Qt ends sockets and windows in turns of its event loop
    if left:
        pytest.fail("\n".join(left), pytrace=False)


def left_now(before: Held) -> list[str]:
    delete_now()
    gc.collect()
    return [one for one in Held.now().more_than(before) if not one.endswith(KEPT_BY_QT)]


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["incidentops-gui", "-style", "Fusion"]


@pytest.fixture
def themed(qapp: QApplication) -> Iterator[theme.Theme]:
    made = theme.Theme()
    theme.install(made)
    made.use(theme.Choice.LIGHT)
    yield made
    made.deleteLater()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    made = FakeAgent(tmp_path / "agent.sock", answer("services"))
    made.open()
    yield made
    made.close()


def delete_now() -> None:
    """Delete what deleteLater was called on, so that nothing of it is left for the next test."""
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


class Desk:
    """A window with its session, and what a test looks at in it."""

    def __init__(self, bot: QtBot, where: Path | hosts.Target, read_only: bool = False) -> None:
        self.bot = bot
        self.session = Session(hosts.unix(str(where)) if isinstance(where, Path) else where, read_only)
        self.window = Window(self.session)
        self.window.resize(1180, 800)

    def open(self) -> Desk:
        self.window.show()
        self.session.open()
        return self

    def live(self) -> Desk:
        """Open, and everything on screen."""
        self.open()
        self.until(lambda: self.session.store.state.connection.live)
        self.until(lambda: len(self.window.grid.shown) == len(self.session.store.state.cards))
        return self

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    def key(
        self, widget: QWidget, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        QTest.keyClick(widget, key, modifiers)

    def until(self, look: Callable[[], object], timeout: int = 10_000) -> None:
        self.bot.waitUntil(lambda: bool(look()), timeout=timeout)

    def card(self, name: str) -> Any:
        return self.window.grid.cards[name]

    def state(self, name: str) -> str:
        return self.session.store.state.cards[name].service.state

    def popups(self) -> list[str]:
        return [popup.text for popup in self.window.findChildren(Popup) if popup.isVisible()]

    def close(self) -> None:
        self.session.close()
        self.window.close()
        self.window.deleteLater()
        delete_now()


@pytest.fixture
def desk(qtbot: QtBot, themed: theme.Theme, agent: FakeAgent) -> Iterator[Desk]:
    """A window of the wooden agent, not open yet."""
    made = Desk(qtbot, agent.path)
    yield made
    made.close()


@pytest.fixture(scope="session")
def machine() -> Iterator[Lab]:
    """A lab machine for this tier; one that runs already is used when INCIDENTOPS_GUI_LAB names it."""
    name = os.environ.get("INCIDENTOPS_GUI_LAB", "")
    if name:
        yield Lab(name)
        return
    made = Lab(f"gui-{os.getpid()}", free_port())
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture
def lab(machine: Lab) -> Iterator[Lab]:
    """The machine with every service up, before the test and after it."""
    bring_back(machine)
    yield machine
    bring_back(machine)


@pytest.fixture
def lab_desk(qtbot: QtBot, themed: theme.Theme, lab: Lab) -> Iterator[Desk]:
    """A window of the real agent, with everything on screen."""
    made = Desk(qtbot, lab.socket).live()
    yield made
    made.close()
