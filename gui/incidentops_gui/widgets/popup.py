"""The contract's popups: they say what was done, stand in nobody's way, and go by Esc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QHBoxLayout, QVBoxLayout, QWidget

from .. import wording
from ..translate import tr
from .button import Button
from .led import Led
from .text import ink, label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..answers import Remediation


class Popup(QDialog):
    """Non-modal; ``text`` is everything that it says, as plain text. ``planned`` asks for the steps that were taken.

    ``left`` is what is said above the names that were skipped, where those are no services that are down.
    """

    planned = Signal()

    def __init__(
        self,
        title: str,
        names: Sequence[str],
        skipped: Sequence[str],
        parent: QWidget | None = None,
        planned: bool = False,
        left: str = "",
        up: Sequence[str] = (),
    ) -> None:
        super().__init__(parent)
        header = left or tr("Not recovered:")
        self.setModal(False)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("IncidentOps")
        self.text = "\n".join([title, *(f"• {name}" for name in names)])
        if skipped:
            self.text += "\n" + "\n".join([header, *(f"• {line}" for line in skipped)])
        if up:
            self.text += "\n" + "\n".join([tr("Up, with nothing to do:"), *(f"• {line}" for line in up)])
        self.setAccessibleName(self.text)

        sign = Led(self)
        sign.show_state(tr("Result"), "healthy" if not skipped else "unresponsive", not skipped, live=True)
        sign.setToolTip("")
        said = label(self, 1.05, bold=True)
        said.setText(title)
        said.setWordWrap(True)
        said.setAlignment(Qt.AlignmentFlag.AlignTop)
        said.setMinimumHeight(sign.SIZE)
        said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(sign, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(said, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 16, 18, 14)
        column.setSpacing(8)
        column.addLayout(head)
        self._list(column, "", names, "text")
        if skipped and not left:
            self._partial(column)
        self._list(column, header, skipped, "bad")
        self._list(column, tr("Up, with nothing to do:"), up, "muted")
        close = self._buttons(column, planned)
        self.setMinimumWidth(360)
        close.setFocus()

    def _buttons(self, column: QVBoxLayout, planned: bool) -> Button:
        """The row at the bottom; its button that closes."""
        close = Button(tr("Close"), "primary", self)
        close.setDefault(True)
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        if planned:
            plan = Button(tr("Show plan"), "quiet", self)
            plan.setFlat(True)
            plan.setAutoDefault(False)
            plan.setToolTip(tr("Each step that was taken, its cause and what came of it"))
            plan.clicked.connect(self.planned)
            plan.clicked.connect(self.close)
            row.addWidget(plan)
        row.addStretch(1)
        row.addWidget(close)
        column.addLayout(row)
        return close

    def _partial(self, column: QVBoxLayout) -> None:
        """The word for it: the list above is not all that was down."""
        from .steps import Pill

        row = QHBoxLayout()
        row.setContentsMargins(30, 2, 0, 0)
        row.addWidget(Pill(tr("PARTIAL: not everything could be recovered"), "bad", self))
        row.addStretch(1)
        column.addLayout(row)

    def _list(self, column: QVBoxLayout, title: str, lines: Sequence[str], role: str) -> None:
        if not lines:
            return
        shown = label(self)
        shown.setText("\n".join([*([title] if title else []), *(f"•  {line}" for line in lines)]))
        shown.setWordWrap(True)
        shown.setIndent(30)
        shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        ink(shown, role)
        column.addWidget(shown)


def started(service: str, parent: QWidget) -> Popup:
    return Popup(wording.STARTED_POPUP.format(service=service), (), (), parent)


def remediated(answer: Remediation, parent: QWidget) -> Popup:
    title, names, skipped, up = wording.remediation_popup(answer)
    return Popup(title, names, skipped, parent, planned=bool(answer.steps), up=up)
