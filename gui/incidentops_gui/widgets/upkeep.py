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
    menu.addAction(tr("A&utomatic recovery…"), lambda: wanted("recovery"))


class Upkeep(QObject):
    """Opens the dialogs and asks the agent; one question for each service at a time."""

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._session = session
        self._window = window

    def close(self) -> None:
        """Another agent is shown: what was about to be asked of this one is dropped."""
        for dialog in self._window.findChildren(UpkeepDialog):
            dialog.close()
        self.deleteLater()

    def change(self, what: str, service: str) -> UpkeepDialog | None:
        """``what``: maintenance, maintenance-end or recovery."""
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
        if what == "maintenance-end":
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
        self._inputs: list[QWidget] = [self.go, self.stop, self.duration, self.reason]
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
        self.buttons = QHBoxLayout()
        self.buttons.addWidget(self.stop)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.cancel)
        self.buttons.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addLayout(grid)
        column.addWidget(self.said)
        column.addLayout(self.buttons)
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
        for widget in self._inputs:
            widget.setEnabled(False)
        self._say(tr("Asking the agent…"), "muted")
        self._asking.act(method, path, body, lambda value: Fields(value, ""), self._on_done, self._on_refused)

    def _on_done(self, _answer: Fields) -> None:
        self.accept()  # what is so now comes by the stream, as everything does

    def _on_refused(self, problem: Problem) -> None:
        unknown = tr("This agent knows neither maintenance nor automatic recovery.")
        self._say(unknown if unknown_route(problem) else problem.message, "bad")
        for widget in self._inputs:
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
        self.reason.textChanged.connect(self._on_reason)
        self._on_reason(self.reason.text())
        self.reason.setFocus()

    def _on_reason(self, text: str) -> None:
        """A window without a reason tells the others nothing: the agent takes none."""
        self.go.setEnabled(bool(text.strip()))
        self.go.setToolTip("" if text.strip() else tr("Say why first"))

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
        for seconds in (*DURATIONS[2:], 7 * 24 * HOUR):
            self.duration.addItem(wording.seconds(seconds), seconds)
        self.go.setText(tr("Turn &on"))
        self.stop.setText(tr("Turn o&ff"))
        self.reset = Button(tr("As the catalogue &says"), "quiet", self)
        self.reset.setAutoDefault(False)
        self.reset.setToolTip(tr("Forget what was set here: what the service's file says is in force again"))
        self.reset.clicked.connect(super().end)
        self._inputs.append(self.reset)
        self.buttons.insertWidget(1, self.reset)
        self.reason.hide()
        self._names[self.reason].hide()
        self.duration.setFocus()

    def begin(self) -> None:
        self._ask("POST", {"mode": "auto", "seconds": self.duration.currentData()})

    def end(self) -> None:
        """Off for as long: the catalogue may say auto."""
        self._ask("POST", {"mode": "manual", "seconds": self.duration.currentData()})
