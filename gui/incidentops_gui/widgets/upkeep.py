"""What looks after a service: maintenance windows and automatic recovery, asked for in a small dialog each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PySide6.QtCore import QObject, Qt
from PySide6.QtWidgets import QComboBox, QDialog, QGridLayout, QHBoxLayout, QMenu, QVBoxLayout, QWidget

from .. import wording
from ..asking import Asking, unknown_route
from ..fields import Fields
from ..translate import tr
from .button import Button
from .field import Field
from .text import ink, label

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..answers import Problem
    from ..session import Session
    from ..wire import Service

MINUTE, HOUR = 60, 3600
DURATIONS = (15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 24 * HOUR)
"""Seconds that are offered."""


def fill(menu: QMenu, service: Service, wanted: Callable[[str], None]) -> None:
    """The entries of a card's menu; ``wanted`` is called with what is asked for."""
    if service.maintenance is not None:
        menu.addAction(tr("&End the maintenance"), lambda: wanted("maintenance-end"))
    else:
        menu.addAction(tr("&Maintenance…"), lambda: wanted("maintenance"))
    if service.auto is not None:
        menu.addAction(tr("Automatic recovery o&ff"), lambda: wanted("recovery-off"))
    else:
        menu.addAction(tr("A&utomatic recovery…"), lambda: wanted("recovery"))


class Upkeep(QObject):
    """Opens the dialogs and asks the agent; one question for each service at a time."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window

    def change(self, what: str, service: str) -> UpkeepDialog | None:
        """``what``: maintenance, maintenance-end, recovery, recovery-off or recovery-reset."""
        state = self._session.store.state
        card = state.cards.get(service)
        if card is None or self._session.commands.read_only or not state.connection.live:
            return None
        dialog: UpkeepDialog
        if what.startswith("maintenance"):
            dialog = MaintenanceDialog(self._session, card.service, self._window)
        else:
            dialog = RecoveryDialog(self._session, card.service, self._window)
        dialog.show()
        if what == "maintenance-end" or what == "recovery-off":
            dialog.end()
        return dialog


class UpkeepDialog(QDialog):
    """For how long, and why; goes when the agent has said yes, and says what the agent says when it is no."""

    verb = path = ""

    def __init__(self, session: Session, service: Service, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self._asking = Asking(session.target, self)
        self._service = service
        self.title = label(self, 1.15, bold=True)
        self.about = label(self, 0.95)
        self.about.setWordWrap(True)
        self.duration = QComboBox(self)
        self.duration.setAccessibleName(tr("For how long"))
        self.reason = Field(tr("Why, for the others"), tr("Reason"), self)
        self.said = label(self, 0.95)
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.said.hide()
        self.cancel = Button(tr("&Cancel"), "plain", self)
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.reject)
        self.stop = Button("", "danger", self)
        self.stop.setAutoDefault(False)
        self.stop.clicked.connect(self.end)
        self.go = Button("", "primary", self)
        self.go.setDefault(True)
        self.go.clicked.connect(self.begin)
        self._names = {self.duration: label(self, 0.95), self.reason: label(self, 0.95)}
        self._build()
        ink(self.about, "muted")

    def _build(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(14)
        grid.setVerticalSpacing(10)
        for row, (widget, text) in enumerate(((self.duration, tr("For how long")), (self.reason, tr("Reason")))):
            name = self._names[widget]
            name.setText(text)
            ink(name, "muted")
            grid.addWidget(name, row, 0)
            grid.addWidget(widget, row, 1)
        grid.setColumnStretch(1, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.stop)
        buttons.addStretch(1)
        buttons.addWidget(self.cancel)
        buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addLayout(grid)
        column.addWidget(self.said)
        column.addLayout(buttons)
        self.setMinimumWidth(430)

    def begin(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        """Back to how it is without us."""
        self._ask("DELETE", None)

    def _ask(self, method: str, body: dict[str, Any] | None) -> None:
        if self._asking.busy:
            return
        path = f"/{self.path}/{quote(self._service.name, safe='')}"
        for widget in (self.go, self.stop, self.duration, self.reason):
            widget.setEnabled(False)
        self._say(tr("Asking the agent…"), "muted")
        self._asking.act(method, path, body, lambda value: Fields(value, ""), self._on_done, self._on_refused)

    def _on_done(self, _answer: Fields) -> None:
        self.accept()  # what is so now comes by the stream, as everything does

    def _on_refused(self, problem: Problem) -> None:
        unknown = tr("This agent knows neither maintenance nor automatic recovery.")
        self._say(unknown if unknown_route(problem) else problem.message, "bad")
        for widget in (self.go, self.stop, self.duration, self.reason):
            widget.setEnabled(True)

    def _say(self, text: str, role: str) -> None:
        self.said.setText(text)
        self.said.setVisible(bool(text))
        ink(self.said, role)


class MaintenanceDialog(UpkeepDialog):
    """A window in which nothing is recovered by itself."""

    path = "maintenance"

    def __init__(self, session: Session, service: Service, parent: QWidget) -> None:
        super().__init__(session, service, parent)
        self.setWindowTitle(tr("Maintenance"))
        self.title.setText(tr("Maintenance of {title}").format(title=service.title))
        self.about.setText(tr("Until it ends nothing is recovered by itself. Everybody sees why, and who said so."))
        for seconds in DURATIONS:
            self.duration.addItem(wording.seconds(seconds), seconds)
        self.duration.setCurrentIndex(1)
        self.go.setText(tr("&Begin maintenance"))
        self.stop.setText(tr("&End the maintenance"))
        self.stop.setVisible(service.maintenance is not None)
        if service.maintenance is not None:
            self.reason.setText(service.maintenance.reason)
            self.go.setText(tr("&Begin anew"))
        self.reason.setFocus()

    def begin(self) -> None:
        self._ask("POST", {"seconds": self.duration.currentData(), "reason": self.reason.text().strip()})


class RecoveryDialog(UpkeepDialog):
    """Automatic recovery of one service, with an end."""

    path = "recovery"

    def __init__(self, session: Session, service: Service, parent: QWidget) -> None:
        super().__init__(session, service, parent)
        self.setWindowTitle(tr("Automatic recovery"))
        self.title.setText(tr("Automatic recovery of {title}").format(title=service.title))
        self.about.setText(tr("When it dies it is brought back: with growing pauses, and a limited number of times."))
        for seconds in DURATIONS[2:]:
            self.duration.addItem(wording.seconds(seconds), seconds)
        self.duration.addItem(tr("until it is turned off"), None)
        self.go.setText(tr("Turn &on"))
        self.stop.setText(tr("Turn o&ff"))
        self.stop.setVisible(service.auto is not None)
        self.reason.hide()
        self._names[self.reason].hide()
        self.duration.setFocus()

    def begin(self) -> None:
        seconds = self.duration.currentData()
        self._ask("POST", {"mode": "auto", **({"seconds": seconds} if seconds is not None else {})})

    def end(self) -> None:
        """Off: the catalogue may say auto, so it is said and not only left to it."""
        self._ask("POST", {"mode": "manual"})
