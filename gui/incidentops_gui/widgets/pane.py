"""The frame of a window beside the main one: its heading, its connection, and a page for when there is no content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QPainter, QPaintEvent, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from .. import theme, wording
from ..translate import tr
from ..turns import Turns
from . import paint
from .button import Button
from .text import ink, label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..answers import Problem
    from ..state import State


class Strip(QWidget):
    """A line in a soft colour that says what one should know before believing what is below. Hidden when empty."""

    pressed = Signal()

    def __init__(self, role: str, button: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._role = role
        self.text = label(self, 0.96)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.button = Button(button, "plain", self)
        self.button.setVisible(bool(button))
        self.button.clicked.connect(self.pressed)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 7, 8, 7)
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        self.hide()

    def say(self, text: str) -> None:
        self.text.setText(text)
        self.text.setAccessibleName(text)
        self.setVisible(bool(text))
        self.recolour()

    def recolour(self) -> None:
        ink(self.text, self._role)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        tokens = theme.current()
        fill = tokens.colour(f"{self._role}_soft").name()
        paint.rounded(QPainter(self), QRectF(self.rect()), fill, None, 7)


class Told(QWidget):
    """Instead of the content: that it is being read, that there is none, or what is wrong. ``again`` asks once more."""

    again = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._role = "text"
        self.title = label(self, 1.25, bold=True)
        self.text = label(self, 1.0)
        for shown in (self.title, self.text):
            shown.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            shown.setWordWrap(True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.retry = Button(tr("&Try again"), "plain", self)
        self.retry.clicked.connect(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(40, 30, 40, 40)
        column.setSpacing(10)
        column.addStretch(1)
        column.addWidget(self.title)
        column.addWidget(self.text)
        column.addWidget(self.retry, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(2)

    def say(self, title: str, text: str, role: str = "text", retry: bool = False) -> None:
        self._role = role
        self.title.setText(title)
        self.text.setText(text)
        self.setAccessibleName(f"{title} {text}".strip())
        self.retry.setVisible(retry)
        self.recolour()

    def recolour(self) -> None:
        ink(self.title, self._role)
        ink(self.text, "muted")


class Pane(QWidget):
    """A window of its own that goes by Esc. ``body`` is shown by ``show_body``, a page instead of it by ``tell``.

    ``reread`` (F5, Ctrl+R, Try again) asks for everything anew. What takes long to make is made by ``begin`` while the
    frame is on the screen already; ``ready`` is emitted when it is there. ``turns`` are for what else takes long.
    """

    reread = Signal()
    ready = Signal()

    def __init__(self, title: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(f"{title} — IncidentOps")
        self.over = False
        self.built = True
        self.turns = Turns(self)
        self.heading = label(self, 1.3, bold=True)
        self.heading.setText(title)
        self.about = label(self, 0.95)
        self.about.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.head = QHBoxLayout()
        self.head.setSpacing(12)
        self.head.addWidget(self.heading)
        self.head.addWidget(self.about)
        self.head.addStretch(1)
        self.offline = Strip("bad", "", self)
        self.body = QWidget(self)
        self.told = Told(self)
        self.told.again.connect(self.reread)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(18, 14, 18, 14)
        self.column.setSpacing(10)
        self.column.addLayout(self.head)
        self.column.addWidget(self.offline)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.told)
        self._stack.addWidget(self.body)
        self.column.addLayout(self._stack, 1)
        for keys in ("F5", "Ctrl+R"):
            QShortcut(QKeySequence(keys), self, self.reread.emit)
        QShortcut(QKeySequence("Esc"), self, self.close)

    def begin(self, steps: Iterator[None]) -> None:
        """Make the content: a step in each turn of the event loop, once the frame is shown."""
        self.built = False

        def step() -> None:
            for _ in steps:
                self.turns.soon(step)
                return
            self.built = True
            self.ready.emit()

        self.turns.soon(step)

    @property
    def settled(self) -> bool:
        """Whether everything that is known is on the screen."""
        return self.built and not self.turns.busy

    @property
    def has_body(self) -> bool:
        return self._stack.currentWidget() is self.body

    def show_body(self) -> None:
        self._stack.setCurrentWidget(self.body)

    def tell(self, title: str, text: str = "", role: str = "text", retry: bool = False) -> None:
        self.told.say(title, text, role, retry)
        self._stack.setCurrentWidget(self.told)

    def tell_problem(self, problem: Problem, unknown: str) -> None:
        """What went wrong; ``unknown`` is what is said of an agent that does not know the question."""
        from ..asking import OFFLINE, unknown_route

        if unknown_route(problem):
            self.tell(unknown, tr("It is older than this application; install the newer package on its machine."))
        elif problem.kind == OFFLINE:
            self.tell(tr("Not connected"), problem.message, "bad", retry=True)
        else:
            self.tell(tr("This did not work"), problem.message, "bad", retry=True)

    def show_connection(self, state: State) -> None:
        """Say so while what is shown is not live."""
        connection = state.connection
        text = ""
        if not connection.live:
            text = tr("Not connected to the agent.")
            if connection.as_of is not None:
                when = wording.clock(connection.as_of)
                text = tr("Not connected to the agent. What is shown is as of {time}.").format(time=when)
        self.offline.say(text)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        self.over = True
        super().closeEvent(event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        super().changeEvent(event)
        if event.type() is QEvent.Type.ApplicationPaletteChange:
            self.recolour()

    def recolour(self) -> None:
        """Take the theme's colours."""
        ink(self.about, "muted")
        self.offline.recolour()
        self.told.recolour()
