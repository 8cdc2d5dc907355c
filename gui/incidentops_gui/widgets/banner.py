"""The line under the menu that says that what is shown is not the present truth, and what is done about it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QWidget

from .. import theme, wording
from ..state import Phase, Trouble
from ..translate import tr
from . import paint
from .button import Button
from .text import ink, label

if TYPE_CHECKING:
    from ..state import Connection, State
    from ..wire import Agent


def countdown(connection: Connection, now: float) -> str:
    """What happens next: the seconds until the next attempt, or that an answer is awaited."""
    if connection.retry_at is None:
        return tr("waiting for an answer") if connection.phase is Phase.SILENT else tr("connecting…")
    left = max(round(connection.retry_at - now), 0)
    return tr("retrying in {time}").format(time=wording.seconds(left)) if left else tr("retrying…")


def headline(connection: Connection) -> str:
    return {
        Trouble.NO_ANSWER: tr("The agent does not answer"),
        Trouble.STARTING: tr("The agent is starting"),
        Trouble.NO_PERMISSION: tr("No permission"),
        Trouble.INCOMPATIBLE: tr("Incompatible version"),
        Trouble.NOT_RUNNING: tr("The agent is not running"),
        Trouble.NOT_INSTALLED: tr("The agent is not installed"),
        Trouble.TUNNEL: tr("The way over ssh is closed"),
        Trouble.SSH_REFUSED: tr("ssh is not let in"),
    }.get(connection.trouble, tr("Disconnected"))


class Banner(QWidget):
    """Hidden while all is well. ``retry`` asks for an attempt at once, ``copied`` for the details."""

    retry = Signal()
    copied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = "bad"
        self.text = label(self, 0.98)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setWordWrap(True)
        self.next = label(self, 0.98, bold=True)
        self.retry_now = Button(tr("&Retry now"), "plain", self)
        self.retry_now.clicked.connect(self.retry)
        self.copy = Button(tr("Copy details"), "quiet", self)
        self.copy.clicked.connect(self.copied)
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 8, 10, 8)
        row.setSpacing(10)
        row.addWidget(self.text, 1)
        row.addWidget(self.next)
        row.addWidget(self.retry_now)
        row.addWidget(self.copy)
        self.hide()

    def show_state(self, state: State) -> None:
        connection = state.connection
        if connection.live:
            self._show_problems(state.agent)
            return
        if connection.phase is Phase.CONNECTING:
            self.hide()
            return
        self._role = "warn" if connection.trouble is Trouble.STARTING else "bad"
        text = connection.message or f"{headline(connection)}."
        if connection.as_of is not None and state.cards:
            shown = tr("What is shown is as of {time}.").format(time=wording.clock(connection.as_of))
            text = f"{text} {shown}"
        self._tell(text, buttons=True)
        self.show_times(state)

    def _show_problems(self, agent: Agent | None) -> None:
        if agent is None or agent.ok:
            self.hide()
            return
        self._role = "warn"
        told = "; ".join(agent.problems.values())
        self._tell(tr("The agent reports: {problems}").format(problems=told), buttons=False)
        self.next.setText("")

    def _tell(self, text: str, buttons: bool) -> None:
        if self.text.text() != text:
            self.text.setText(text)
            self.setAccessibleName(text)
        self.retry_now.setVisible(buttons)
        self.copy.setVisible(buttons)
        self.next.setVisible(buttons)
        self.recolour()
        self.show()
        self.update()

    def show_times(self, state: State) -> None:
        if not state.connection.live:
            text = countdown(state.connection, time.time())
            if self.next.text() != text:
                self.next.setText(text)

    def recolour(self) -> None:
        ink(self.text, "text")
        ink(self.next, self._role)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QPainter(self)
        tokens = theme.current()
        fill = tokens.warn_soft if self._role == "warn" else tokens.bad_soft
        paint.rounded(painter, QRectF(self.rect()), fill, getattr(tokens, self._role), 8)


class Chip(QLabel):
    """The connection in one word, always in sight."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._role = "muted"
        self.setContentsMargins(22, 3, 11, 3)
        self.setFont(paint.font(self.font(), 0.92, bold=True))

    def show_state(self, state: State) -> None:
        connection = state.connection
        word, role = {
            Phase.LIVE: (tr("Live"), "good"),
            Phase.CONNECTING: (tr("Connecting"), "muted"),
            Phase.SILENT: (tr("No answer"), "bad"),
            Phase.LOST: (tr("Disconnected"), "bad"),
        }[connection.phase]
        if connection.trouble is Trouble.STARTING:
            word, role = tr("Starting"), "warn"
        self._role = role
        self.setText(word)
        self.setAccessibleName(tr("Connection: {word}").format(word=word))
        self.recolour()
        self.update()

    def recolour(self) -> None:
        ink(self, self._role)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        tokens = theme.current()
        softs = {"good": tokens.good_soft, "bad": tokens.bad_soft, "warn": tokens.warn_soft}
        soft = softs.get(self._role, tokens.track)
        box = QRectF(self.rect())
        paint.rounded(painter, box, soft, None, box.height() / 2)
        dot = QRectF(10, box.center().y() - 3.5, 7, 7)
        painter.setBrush(tokens.colour(self._role))
        painter.setPen(Qt.PenStyle.NoPen)
        if self._role == "good":
            painter.drawEllipse(dot)
        else:
            painter.drawRect(dot)
        painter.end()
        super().paintEvent(event)
