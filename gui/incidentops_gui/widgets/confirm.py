"""The question before a stop: what goes down with it, Cancel as the default, the button names the verb."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QVBoxLayout, QWidget

from .. import wording
from ..translate import tr
from .button import Button
from .text import ink, label

if TYPE_CHECKING:
    from ..answers import Detail
    from ..state import State


class Confirm(QDialog):
    """``confirmed`` carries the service and the action. It asks for stop and restart."""

    confirmed = Signal(str, str)

    def __init__(self, state: State, service: str, action: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(True)
        self._service, self._action = service, action
        self._over = False
        title = state.cards[service].service.title
        verb = tr(wording.VERBS[action])
        self._dependants = state.dependants(service)
        self._titles = {name: card.service.title for name, card in state.cards.items()}
        self.setWindowTitle(f"{verb} {title}")

        asked = label(self, 1.12, bold=True)
        asked.setText(tr("{verb} {title}?").format(verb=verb, title=title))
        self.consequences = label(self)
        self.consequences.setWordWrap(True)
        self.consequences.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        ink(self.consequences, "muted")
        self.quiet = QCheckBox(tr("&Don't ask again until this window is closed"), self)
        self.cancel = Button(tr("&Cancel"), "plain", self)
        self.cancel.setDefault(True)
        self.cancel.clicked.connect(self.reject)
        self.go = Button(f"{verb} {title}", "danger", self)
        self.go.setAutoDefault(False)
        self.go.clicked.connect(self._on_go)

        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.go)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(12)
        column.addWidget(asked)
        column.addWidget(self.consequences)
        column.addWidget(self.quiet)
        column.addLayout(row)
        self.setMinimumWidth(420)
        self.cancel.setFocus()
        self._tell(None)

    def show_detail(self, detail: Detail) -> None:
        """What systemd says would go down with it; it may come when the question is answered already."""
        if not self._over:
            self._tell(detail.stops_with)

    def done(self, result: int) -> None:
        self._over = True
        super().done(result)

    def _tell(self, stops_with: tuple[str, ...] | None) -> None:
        lines = []
        if stops_with:
            lines.append(tr("systemd stops with it: {names}").format(names=", ".join(stops_with)))
        if self._dependants:
            names = wording.listed(f"{self._titles.get(name, name)} ({name})" for name in self._dependants)
            lines.append(tr("Needs it and will stop working: {names}").format(names=names))
        if not lines:
            lines.append(tr("No other service of the catalogue needs it."))
        self.consequences.setText("\n".join(lines))

    def _on_go(self) -> None:
        self.confirmed.emit(self._service, self._action)
        self.accept()
