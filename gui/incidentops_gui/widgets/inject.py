"""The Inject dialog: which fault, with which values, for how long; what it will do is shown before it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QScrollArea, QStackedLayout, QVBoxLayout, QWidget

from .. import faults, wording
from ..asking import OFFLINE, Asking, unknown_route
from ..faulting import LOOKING
from ..translate import tr
from .box import Box
from .button import Button
from .inject_form import Form
from .inject_kinds import KindList
from .pane import Strip, Told
from .text import ink, label, write

if TYPE_CHECKING:
    from ..answers import Problem
    from ..faulting import Faulting
    from ..faults import Catalogue, Done, Kind, Preview
    from ..reducer import Changes
    from ..session import Session

PAUSE = 350
"""Milliseconds after the last change of a value before it is asked what that would do."""


class InjectDialog(QDialog):
    """For one service. Non-modal; Cancel is the default button, the other one names what it does.

    What it has asked for goes on when it is closed: its end is said on the card then.
    """

    def __init__(self, session: Session, faulting: Faulting, service: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setModal(False)
        self.service = service
        self._session, self._faulting = session, faulting
        self._reading = Asking(session.target, self, LOOKING)
        self._previewing = Asking(session.target, self, LOOKING)
        self._over = self._asked = False
        self._catalogue: Catalogue | None = None
        self.kind: Kind | None = None
        self._duration = 0.0
        self._denied = ""
        self._unavailable = ""
        title = session.store.state.cards[service].service.title
        self.setWindowTitle(tr("Inject a fault into {service}").format(service=title))
        self.heading = label(self, 1.25, bold=True)
        self.heading.setText(tr("Inject a fault into {service}").format(service=title))
        self.about = label(self, 0.95)
        self.about.setText(tr("It breaks for real, and is undone when its time is over, whatever dies meanwhile."))
        self.about.setWordWrap(True)
        self.warning = Strip("warn", "", self)
        self.told = Told(self)
        self.told.again.connect(self.read)
        self.kinds = KindList(service, self)
        self.kinds.chosen.connect(self._on_kind)
        self._timer = QTimer(self, singleShot=True, interval=PAUSE)
        self._timer.timeout.connect(self.preview)
        self._build()
        session.store.changed.connect(self._on_changes)
        QShortcut(QKeySequence("Ctrl+F"), self, self.kinds.search.setFocus)
        self.resize(880, 650)
        self.recolour()
        self.cancel.setFocus()

    # -- building

    def _build(self) -> None:
        body = QWidget(self)
        row = QHBoxLayout(body)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        self.kinds.setFixedWidth(300)
        row.addWidget(self.kinds)
        row.addWidget(self._detail(body), 1)
        self._stack = QStackedLayout()
        self._stack.addWidget(self.told)
        self._stack.addWidget(body)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(10)
        column.addWidget(self.heading)
        column.addWidget(self.about)
        column.addWidget(self.warning)
        column.addLayout(self._stack, 1)
        column.addLayout(self._buttons())

    def _detail(self, body: QWidget) -> QWidget:
        box = Box(body)
        self.title = label(box, 1.12, bold=True)
        self.summary = label(box, 0.97)
        self.needs = label(box, 0.88)
        for line in (self.summary, self.needs):
            line.setWordWrap(True)
        self.form = Form(sorted(self._session.store.state.cards), box)
        self.form.changed.connect(self._on_changed)
        self.will = label(box, 0.85, bold=True)
        self.will.setText(tr("WHAT WILL HAPPEN"))
        self.before = Box(box, "raised")
        self.told_before = label(self.before, 0.97)
        self.told_before.setWordWrap(True)
        self.told_before.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.told_before.setAlignment(Qt.AlignmentFlag.AlignTop)
        inner = QWidget(box)
        column = QVBoxLayout(inner)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(6)
        for part in (self.title, self.summary, self.needs):
            column.addWidget(part)
        column.addSpacing(6)
        column.addWidget(self.form)
        column.addSpacing(4)
        foretold = QVBoxLayout(self.before)
        foretold.setContentsMargins(12, 9, 12, 10)
        foretold.addWidget(self.will)
        foretold.addWidget(self.told_before)
        column.addWidget(self.before)
        column.addStretch(1)
        area = QScrollArea(box)
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        around = QVBoxLayout(box)
        around.setContentsMargins(2, 2, 2, 2)
        around.addWidget(area)
        return box

    def _buttons(self) -> QHBoxLayout:
        self.said = label(self, 0.96)
        self.said.setWordWrap(True)
        self.said.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.cancel = Button(tr("&Cancel"), "plain", self)
        self.cancel.setDefault(True)
        self.cancel.clicked.connect(self.reject)
        self.go = Button(tr("Inject"), "danger", self)
        self.go.setAutoDefault(False)
        self.go.clicked.connect(self.inject)
        row = QHBoxLayout()
        row.addWidget(self.said, 1)
        row.addWidget(self.cancel)
        row.addWidget(self.go)
        return row

    # -- the catalogue

    def read(self) -> None:
        """Show what was possible when somebody looked last, and ask what is now."""
        if self._faulting.known is not None:
            self._on_catalogue(self._faulting.known)
        else:
            self._tell(
                tr("Looking what is possible here…"), tr("Each kind is tried on that machine; nothing is changed.")
            )
        self._faulting.read_catalogue(self._reading, self._on_catalogue, self._on_unread)

    def _on_catalogue(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._duration = self._duration or catalogue.default
        if not catalogue.kinds:
            self._tell(tr("No kind of fault is installed there."), "")
            return
        self._stack.setCurrentIndex(1)
        self.kinds.show_catalogue(catalogue)
        self._show_buttons()

    def _on_unread(self, problem: Problem) -> None:
        if self._catalogue is not None:
            self._say(problem.message, "bad")
        elif unknown_route(problem):
            self._tell(
                tr("This agent knows no faults."),
                tr("It is older than this application; install the newer package on its machine."),
            )
        else:
            title = tr("Not connected") if problem.kind == OFFLINE else tr("This did not work")
            self._tell(title, problem.message, "bad", retry=True)

    def _tell(self, title: str, text: str, role: str = "text", retry: bool = False) -> None:
        self.told.say(title, text, role, retry)
        self._stack.setCurrentIndex(0)
        self._show_buttons()

    # -- one kind

    def _on_kind(self, kind: Kind | None) -> None:
        if self._asked or (kind == self.kind and kind is not None):
            return
        self.kind = kind
        if kind is None or self._catalogue is None:
            self._show_buttons()
            return
        self.title.setText(kind.title)
        self.summary.setText(kind.summary)
        self.needs.setText(tr("Needs {what}.").format(what=kind.needs) if kind.needs else "")
        self.needs.setVisible(bool(kind.needs))
        self.form.show_kind(kind, (self._catalogue.low, self._catalogue.most), self._duration)
        self._unavailable = kind.reason(self.service)
        self._say("", "muted")
        self._previewing.drop()  # an answer that comes now is about another kind
        if self._unavailable:
            self._timer.stop()
            self._foretell((), self._unavailable)
        else:
            self._foretell((), "")
            self._timer.start(0)
        self._show_buttons()

    def _on_changed(self) -> None:
        self._duration = float(self.form.duration)
        if self.kind is not None and not self.kind.reason(self.service):
            self._previewing.drop()
            ink(self.told_before, "muted")  # it was about other values
            self._timer.start()
        self._show_buttons()

    def order(self) -> dict[str, Any]:
        """What is asked for, as the agent takes it."""
        assert self.kind is not None
        return {
            "kind": self.kind.name,
            "service": self.service,
            "parameters": self.form.values(),
            "duration": self.form.duration,
        }

    # -- what it would do

    def preview(self) -> None:
        """Ask what would happen; a new question drops the one before it."""
        if self.kind is None or self._asked or self.form.mistakes() or not self._session.store.state.connection.live:
            return
        self._previewing.act(
            "POST", "/faults/preview", self.order(), faults.preview, self._on_preview, self._on_no_preview
        )

    def _on_preview(self, preview: Preview) -> None:
        self._denied = ""
        self._unavailable = preview.reason
        self.form.show_problems({})
        self._foretell(preview.lines, preview.reason)
        self._show_buttons()

    def _on_no_preview(self, problem: Problem) -> None:
        if problem.status == 403:
            self._denied = problem.message
            self._foretell((), "")
        elif problem.problems:
            self._show_problems(problem)
        else:
            self._foretell((), problem.message)
        self._show_buttons()

    def _foretell(self, lines: tuple[str, ...], reason: str) -> None:
        """What will happen, with what else suffers from it, or why it won't."""
        state = self._session.store.state
        told = list(lines)
        needed = state.dependants(self.service)
        if lines and needed:
            names = wording.listed(f"{state.cards[name].service.title} ({name})" for name in needed)
            told.append(tr("Needs it and will suffer: {names}").format(names=names))
        text = "\n".join(f"•  {line}" for line in told)
        if reason:
            text = tr("Unavailable: {reason}").format(reason=reason)
        elif not lines:
            text = "" if self._denied else tr("Asking the agent…")
        write(self.told_before, text)
        self.told_before.setAccessibleName(text)
        self.told_before.setProperty("tone", "bad" if reason else "text" if lines else "muted")
        ink(self.told_before, str(self.told_before.property("tone")))

    # -- doing it

    def inject(self) -> None:
        """Do it: once; the answer comes when the effect was measured."""
        if not self.go.isEnabled():
            return
        self._asked = True
        self._timer.stop()
        self._previewing.drop()
        self._say(tr("Injecting; the answer comes when its effect was measured…"), "warn")
        self._show_buttons()
        self._faulting.inject(self.order(), self._on_done, self._on_refused)

    def _on_done(self, _answer: Done) -> None:
        if not self._over:
            self.accept()  # what is so now comes by the stream, as everything does

    def _on_refused(self, problem: Problem) -> bool:
        if self._over:
            return False
        self._asked = False
        if problem.status == 403:
            self._denied = problem.message
            self._say("", "muted")
        else:
            self._show_problems(problem)
        self._show_buttons()
        return True

    def _show_problems(self, problem: Problem) -> None:
        """Each mistake at its field; what is about none of them, below."""
        if not problem.problems:
            self._say(problem.message, "bad")
            return
        left = self.form.show_problems(dict(problem.problems))
        self._say("\n".join(left), "bad")

    # -- showing

    def _on_changes(self, changes: Changes) -> None:
        if self._over:
            return
        if changes.connection and self._session.store.state.connection.live and not self._reading.busy:
            self.read()
        if changes.connection or self.service in changes.cards or changes.roster:
            self._show_buttons()

    def _show_buttons(self) -> None:
        state = self._session.store.state
        card = state.cards.get(self.service)
        busy = card.service.fault if card is not None else None
        warning = ""
        if not state.connection.live:
            warning = tr("Not connected to the agent.")
        elif card is None:
            warning = tr("This service is no more.")
        elif busy is not None and not self._asked:
            warning = tr("{kind} is injected into it already; revert that first.").format(kind=busy.kind)
        elif self._denied:
            warning = self._denied[:1].upper() + self._denied[1:]
        if warning != self.warning.text.text():
            self.warning.say(warning)
        ready = self.kind is not None and self._stack.currentIndex() == 1
        self.go.setEnabled(
            ready and not warning and not self._unavailable and not self._asked and not self.form.mistakes()
        )
        name = self.kind.name if self.kind is not None else ""
        text = tr("Inject {kind} into {service}").format(kind=name, service=self.service) if name else tr("Inject")
        if write(self.go, text):
            self.go.updateGeometry()
        self.go.setVisible(ready)
        write(self.cancel, tr("&Close") if self._asked or not ready else tr("&Cancel"))
        for part in (self.kinds, self.form):
            part.setEnabled(not self._asked)

    def _say(self, text: str, role: str) -> None:
        write(self.said, text)
        self.said.setProperty("tone", role)
        ink(self.said, role)

    def recolour(self) -> None:
        """Take the theme's colours."""
        for part in (self.about, self.summary, self.needs, self.will):
            ink(part, "muted")
        for shown in (self.said, self.told_before):
            ink(shown, str(shown.property("tone") or "muted"))
        for other in (self.warning, self.told, self.kinds, self.form):
            other.recolour()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        super().changeEvent(event)
        if event.type() is QEvent.Type.ApplicationPaletteChange:
            self.recolour()

    def done(self, result: int) -> None:
        """It is closed, by whatever way."""
        self._over = True
        super().done(result)
