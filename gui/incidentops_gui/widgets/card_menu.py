"""The menu of a card: what else there is to do with its service."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget

from ..translate import tr
from . import upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..state import Card


def make(
    parent: QWidget, card: Card | None, may_act: bool, may_stop: bool, pinned: bool, do: Callable[[str], None]
) -> QMenu:
    """A menu that is deleted when it is closed. ``card`` is what is shown; ``do`` is called with the word of an entry:
    restart, inject, revert, journal, copy, pin, dismiss, and those of upkeep.py."""
    menu = QMenu(parent)
    restart = menu.addAction(tr("&Restart"), partial(do, "restart"))
    restart.setEnabled(may_stop)
    if card is not None and may_act:
        menu.addSeparator()
        upkeep.fill(menu, card.service, do)
        menu.addSeparator()
        if card.service.fault is not None:
            menu.addAction(tr("Re&vert the fault"), partial(do, "revert"))
        else:
            menu.addAction(tr("Inject a &fault…"), partial(do, "inject"))
    if card is not None and card.service.name == "chaos":
        menu.addAction(tr("Cha&os run…"), partial(do, "chaos"))
    menu.addSeparator()
    menu.addAction(tr("&Journal and log"), partial(do, "journal"))
    menu.addAction(tr("&Copy details"), partial(do, "copy"))
    menu.addAction(tr("Un&pin") if pinned else tr("&Pin to the top"), partial(do, "pin"))
    if card is not None and card.note is not None:
        menu.addAction(tr("&Dismiss the message"), partial(do, "dismiss"))
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return menu
