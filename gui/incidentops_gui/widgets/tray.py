"""The symbol in the tray: the worst state in one look, and notifications when a service goes down or comes back."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget

from .. import theme, wording
from ..edges import Edges
from ..translate import tr
from .led import draw

if TYPE_CHECKING:
    from ..reducer import Changes
    from ..store import Store

QUIET = 800
"""Milliseconds of quiet after which what has happened is told, in one notification."""

LONGEST = 4.0
"""Seconds after which it is told, quiet or not."""


def icon(role: str = "", shape: str = "disc") -> QIcon:
    """The application's icon, with a sign in its corner where a role is given."""
    made = QIcon()
    for size in (16, 22, 24, 32, 48, 64, 128, 256):
        made.addPixmap(_pixmap(size, role, shape))
    return made


def _pixmap(size: int, role: str, shape: str) -> QPixmap:
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(size / 64, size / 64)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor("#1d3a63"))
    painter.drawRoundedRect(QRectF(3, 3, 58, 58), 13, 13)
    pen = QPen(QColor("#8fc2ff"), 5)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    painter.setPen(pen)
    points = [(11, 34), (22, 34), (28, 18), (37, 48), (43, 34), (53, 34)]
    for (x1, y1), (x2, y2) in pairwise(points):
        painter.drawLine(x1, y1, x2, y2)
    if role:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor("#12161c"))
        painter.drawEllipse(QRectF(34, 34, 30, 30))
        draw(painter, shape, QRectF(38, 38, 22, 22), theme.DARK.colour(role), filled=True)
    painter.end()
    return pixmap


class Tray(QSystemTrayIcon):
    """``wanted`` asks for the window, ``left`` for the end."""

    wanted = Signal()
    left = Signal()

    def __init__(self, store: Store, window: QWidget) -> None:
        super().__init__(icon(), window)
        self._window = window
        self._store = store
        self._edges = Edges()
        self._edges.collect(store.state)
        self._since = 0.0
        self._look = ("", "")
        self._moment = QTimer(self, singleShot=True, interval=QUIET)
        self._moment.timeout.connect(self._tell)
        menu = QMenu(window)
        menu.addAction(tr("&Show the window"), self.wanted.emit)
        menu.addAction(tr("&Quit"), self.left.emit)
        self.setContextMenu(menu)
        self.activated.connect(self._on_activated)
        self.messageClicked.connect(self.wanted)
        store.changed.connect(self._on_changes)
        self._show()

    def _on_activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self.wanted.emit()

    def _on_changes(self, changes: Changes) -> None:
        if not changes.cards and not changes.connection:
            return
        self._show()
        if not self._edges.knows:
            self._edges.collect(self._store.state)  # what is so from the beginning; what follows at once is news
        elif not self._moment.isActive():
            self._since = time.monotonic()
            self._moment.start()
        elif time.monotonic() - self._since < LONGEST:  # there may never be quiet
            self._moment.start()

    def _show(self) -> None:
        state = self._store.state
        up, down = wording.tally(state)
        if not state.connection.live:
            look, text = ("muted", "question"), tr("not connected")
        elif down:
            look, text = ("bad", "square"), tr("{up} up · {down} down").format(up=up, down=down)
        else:
            look, text = ("good", "disc"), tr("{up} up · {down} down").format(up=up, down=down)
        if look != self._look:
            self._look = look
            self.setIcon(icon(*look))
        text = f"IncidentOps: {text}"
        if text != self.toolTip():  # each time that it is set goes to the desktop over D-Bus
            self.setToolTip(text)

    def _tell(self) -> None:
        notice = self._edges.collect(self._store.state)
        if notice is None or self._window.isActiveWindow():
            return  # who looks at the window sees it there
        kind = QSystemTrayIcon.MessageIcon.Warning if notice.bad else QSystemTrayIcon.MessageIcon.Information
        self.showMessage(notice.title, notice.text, kind)
