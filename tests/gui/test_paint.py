"""What is painted, by its pixels: the journal's levels, and cards that need more room."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from incidentops_gui import theme
from incidentops_gui.answers import Entry
from incidentops_gui.journal import LEVELS
from incidentops_gui.widgets.service_window import JournalView
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication

from gui.conftest import Desk, delete_now

if TYPE_CHECKING:
    from pathlib import Path

    from pytestqt.qtbot import QtBot

    from gui.fake_agent import FakeAgent

ROLES = ("bad", "bad", "bad", "bad", "warn", "text", "text", "muted")
"""The colour of each of syslog's levels, from emergency to debug."""


def count(image: QImage, colour: str, rows: range) -> int:
    wanted = QColor(colour).rgb()
    return sum(image.pixel(x, y) == wanted for y in rows for x in range(image.width()))


@pytest.mark.parametrize("choice", [theme.Choice.LIGHT, theme.Choice.DARK])
def test_each_level_of_the_journal_has_its_colour(
    qtbot: QtBot, themed: theme.Theme, agent: FakeAgent, tmp_path: Path, choice: theme.Choice
) -> None:
    themed.use(choice)
    tokens = theme.current()
    desk = Desk(qtbot, agent.path)
    view = JournalView(desk.session.target, "redis")
    view.resize(760, 320)
    # Only full blocks: a glyph's inside has its colour unmixed.
    message = "\N{FULL BLOCK}" * 12
    view._on_came([Entry("2026-11-24T12:00:00Z", level, "redis", 1, message) for level in range(8)])
    view.show()
    qtbot.waitExposed(view)
    image = view.view.viewport().grab().toImage()
    image.save(str(tmp_path / f"levels-{choice}.png"))
    for level, role in enumerate(ROLES):
        box = view.view.visualRect(view.filter.index(level, 0))
        rows = range(box.top(), box.bottom())
        mine = {other: count(image, getattr(tokens, other), rows) for other in ("bad", "warn", "text", "muted")}
        assert max(mine, key=lambda other: mine[other]) == role, f"{LEVELS[level]}: {mine}"
        stripe = QColor(image.pixel(1, box.center().y())).name()
        assert (stripe == QColor(getattr(tokens, role)).name()) == (level <= 4), "the bar at the left of a warning"
    view.feed.close()
    view.deleteLater()
    desk.close()
    delete_now()


def test_a_card_gets_its_room_at_once_where_a_new_order_waits(
    desk: Desk, agent: FakeAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pointer is over the cards, so nothing changes places; but nothing is cut off either."""
    desk.live()
    desk.until(lambda: agent.readers)
    grid = desk.window.grid
    monkeypatch.setattr(type(grid._canvas), "underMouse", lambda _self: True)
    before = list(grid.shown)
    last = grid.cards[before[-1]]
    agent.change(before[-1], status="down", state="failed", reason="a long reason for it, " * 8)
    desk.until(lambda: last.led.role == "bad")
    desk.until(lambda: last.height() >= last.height_for(last.width()))
    QApplication.processEvents()
    assert grid.shown == before
    assert last.figures.height() >= last.figures.sizeHint().height()
