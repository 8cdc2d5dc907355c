"""The keys, in one table: the menu, the shortcuts and the cheat sheet are made from it."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QVBoxLayout, QWidget

from ..translate import marked, tr
from .button import Button
from .text import ink, label

KEYS = (
    ("F5, Ctrl+R", marked("Refresh")),
    ("Ctrl+F, /", marked("Filter the services")),
    ("Esc", marked("Clear the filter, close a popup, dismiss a message")),
    ("Ctrl+1 … Ctrl+9", marked("Go to a card")),
    ("← → ↑ ↓", marked("From card to card")),
    ("Tab", marked("To the buttons of a card")),
    ("Enter", marked("Open the journal and log of the card")),
    ("Ctrl+J", marked("Journal and log")),
    ("Ctrl+G", marked("Ping the card's service")),
    ("Ctrl+Return", marked("Start the card's service")),
    ("Ctrl+Backspace", marked("Stop the card's service (asks first)")),
    ("Ctrl+Shift+Return", marked("Restart the card's service (asks first)")),
    ("Ctrl+D", marked("Pin the card")),
    ("Ctrl+Shift+C", marked("Copy the card's details")),
    ("Ctrl+Shift+R", marked("AUTO-REMEDIATION")),
    ("Ctrl+Shift+M", marked("Maintenance of the card's service")),
    ("Ctrl+Shift+A", marked("Automatic recovery of the card's service")),
    ("Ctrl+Shift+I", marked("Inject a fault into the card's service (asks first)")),
    ("Ctrl+Z", marked("Revert the fault of the card's service")),
    ("Ctrl+Shift+X", marked("PANIC: revert all faults")),
    ("Ctrl+U", marked("Faults that are injected")),
    ("Ctrl+Shift+U", marked("Chaos run: its plan, arming and disarming")),
    ("Ctrl+I", marked("Incidents")),
    ("Ctrl+M", marked("Dependencies, as they are now")),
    ("Ctrl+L", marked("Audit trail")),
    ("Ctrl+Shift+P", marked("Remediation plan: what it would do")),
    ("Ctrl+H", marked("Choose a host")),
    ("?, F1", marked("This sheet")),
    ("Ctrl+Q", marked("Quit")),
)


class CheatSheet(QDialog):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Keys"))
        title = label(self, 1.2, bold=True)
        title.setText(tr("Keys"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(26)
        grid.setVerticalSpacing(7)
        for row, (keys, meaning) in enumerate(KEYS):
            key = label(self, 0.95, bold=True)
            key.setText(keys)
            said = label(self, 0.95)
            said.setText(tr(meaning))
            ink(said, "muted")
            grid.addWidget(key, row, 0)
            grid.addWidget(said, row, 1)
        close = Button(tr("Close"), "primary", self)
        close.clicked.connect(self.close)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 18, 22, 16)
        column.setSpacing(14)
        column.addWidget(title)
        column.addLayout(grid)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
