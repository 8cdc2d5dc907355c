"""The page for an agent that can't be reached: what is the matter, and the commands that help."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontDatabase, QGuiApplication, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .. import advice, theme
from ..state import Phase, Trouble
from ..translate import tr
from . import paint
from .banner import countdown, headline
from .button import Button
from .text import ink, label

if TYPE_CHECKING:
    from ..hosts import Target
    from ..state import State


class Sign(QLabel):
    """A picture of the trouble: a plug that is out, a clock, a lock, two versions; drawn, not loaded."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.trouble = Trouble.NONE
        self.setFixedSize(QSize(72, 72))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QPainter(self)
        tokens = theme.current()
        role = "warn" if self.trouble in (Trouble.STARTING, Trouble.NONE) else "bad"
        soft = tokens.warn_soft if role == "warn" else tokens.bad_soft
        paint.rounded(painter, QRectF(self.rect()), soft, None, 36)
        pen = QPen(tokens.colour(role), 3.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if self.trouble in (Trouble.NO_PERMISSION, Trouble.SSH_REFUSED):
            painter.drawRoundedRect(QRectF(24, 34, 24, 18), 3, 3)
            painter.drawArc(QRectF(28, 21, 16, 24), 0, 180 * 16)
        elif self.trouble in (Trouble.STARTING, Trouble.NO_ANSWER, Trouble.NONE):
            painter.drawEllipse(QRectF(22, 22, 28, 28))
            painter.drawPolyline([QRectF(36, 28, 0, 0).topLeft(), QRectF(36, 36, 0, 0).topLeft(),
                                  QRectF(42, 40, 0, 0).topLeft()])  # fmt: skip
        elif self.trouble is Trouble.INCOMPATIBLE:
            painter.drawRoundedRect(QRectF(22, 22, 18, 18), 3, 3)
            painter.drawRoundedRect(QRectF(33, 33, 18, 18), 3, 3)
        else:
            painter.drawLine(22, 50, 28, 44)
            painter.drawLine(44, 28, 50, 22)
            painter.drawArc(QRectF(25, 33, 14, 14), 135 * 16, 180 * 16)
            painter.drawArc(QRectF(33, 25, 14, 14), -45 * 16, 180 * 16)
            painter.drawLine(27, 35, 37, 45)
            painter.drawLine(35, 27, 45, 37)


class Command(QWidget):
    """A command to copy."""

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel(text, self)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        copy = Button(tr("Copy"), "quiet", self)
        copy.setAccessibleName(tr("Copy the command {command}").format(command=text))
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(text))
        row = QHBoxLayout(self)
        row.setContentsMargins(14, 6, 6, 6)
        row.addWidget(self.text, 1)
        row.addWidget(copy)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        tokens = theme.current()
        paint.rounded(QPainter(self), QRectF(self.rect()), tokens.card, tokens.border, 6)


class TroublePage(QWidget):
    """Shown while nothing is known of any service. ``retry`` asks for an attempt at once."""

    retry = Signal()
    copied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[object, ...] = ()
        self.sign = Sign(self)
        self.title = label(self, 1.5, bold=True)
        self.title.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.message = label(self, 1.05)
        self.message.setWordWrap(True)
        self.message.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.hint = label(self, 0.95)
        self.hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.hint.setWordWrap(True)
        self.next = label(self, 0.95)
        self.retry_now = Button(tr("&Retry now"), "primary", self)
        self.retry_now.clicked.connect(self.retry)
        copy = Button(tr("Copy details"), "quiet", self)
        copy.clicked.connect(self.copied)
        self._commands = QVBoxLayout()
        self._commands.setSpacing(6)
        self._build(copy)

    def _build(self, copy: Button) -> None:
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.next)
        buttons.addWidget(self.retry_now)
        buttons.addWidget(copy)
        buttons.addStretch(1)
        column = QVBoxLayout()
        column.setSpacing(14)
        column.addStretch(2)
        column.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignHCenter)
        for widget in (self.title, self.message, self.hint):
            column.addWidget(widget)
        column.addLayout(self._commands)
        column.addLayout(buttons)
        column.addStretch(3)
        inner = QWidget(self)
        inner.setMaximumWidth(640)
        inner.setLayout(column)
        row = QHBoxLayout(self)
        row.addStretch(1)
        row.addWidget(inner, 8)
        row.addStretch(1)

    def show_state(self, state: State, target: Target) -> None:
        connection = state.connection
        shown = (connection.phase, connection.trouble, connection.message, target)
        if shown != self._shown:
            self._shown = shown
            self.sign.trouble = connection.trouble
            self.sign.update()
            connecting = connection.phase is Phase.CONNECTING
            self.title.setText(tr("Connecting…") if connecting else headline(connection))
            self.message.setText(connection.message or target.title)
            told = advice.advice(connection, target)
            self.hint.setText(told.hint)
            self.hint.setVisible(bool(told.hint))
            self._show_commands(told.commands)
        self.show_times(state)
        self.recolour()

    def _show_commands(self, commands: tuple[str, ...]) -> None:
        while self._commands.count():
            item = self._commands.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.deleteLater()
        for command in commands:
            self._commands.addWidget(Command(command, self))

    def show_times(self, state: State) -> None:
        text = countdown(state.connection, time.time())
        if self.next.text() != text:
            self.next.setText(text)

    def recolour(self) -> None:
        for widget in (self.message, self.hint, self.next):
            ink(widget, "muted")

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        QPainter(self).fillRect(self.rect(), QColor(theme.current().window))
