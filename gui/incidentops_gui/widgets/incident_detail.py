"""One incident: what and why, its timeline as a drawing and as a list, the acknowledgement, and its report."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QFileDialog, QFrame, QHBoxLayout, QListView, QVBoxLayout, QWidget

from .. import incidents, moments, wording
from ..asking import Asking, unknown_route
from ..incident_list import Moments
from ..translate import tr
from .button import Button
from .field import Field
from .incident_rows import LOOKS, MomentDelegate
from .steps import Pill, cause
from .text import ink, label
from .timeline import Timeline

if TYPE_CHECKING:
    from ..answers import Problem
    from ..incidents import Incident
    from ..session import Session


class IncidentDetail(QWidget):
    """``changed`` carries the incident as the agent has it after an acknowledgement; ``trailed`` asks for its rows."""

    changed = Signal(object)
    trailed = Signal(str)

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(parent)
        self._session = session
        self._acting = Asking(session.target, self)
        self._reading = Asking(session.target, self)
        self.incident: Incident | None = None
        self.saved: Path | None = None
        self.title = label(self, 1.2, bold=True)
        self.sentence = label(self, 1.0)
        self.facts = label(self, 0.92)
        self.evidence = label(self, 0.92)
        self.said = label(self, 0.95)
        for shown in (self.title, self.sentence, self.facts, self.evidence, self.said):
            shown.setWordWrap(True)
            shown.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.said.hide()
        self.timeline = Timeline(self)
        self.moments = Moments(self)
        self.list = QListView(self)
        self.note = Field(tr("A note: what you know, what you do"), tr("Note to the acknowledgement"), self)
        self.acknowledge = Button(tr("&Acknowledge"), "primary", self)
        self.report = Button(tr("Open &report"), "plain", self)
        self.save = Button(tr("Save as &Markdown…"), "plain", self)
        self.trail = Button(tr("A&udit trail"), "quiet", self)
        self.copy = Button(tr("&Copy"), "quiet", self)
        self.cause = Pill("", "accent", self)
        self.state = Pill("", "muted", self)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.list.setModel(self.moments)
        self.list.setItemDelegate(MomentDelegate(self.list))
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setAccessibleName(tr("Timeline as a list"))
        self.list.setMouseTracking(True)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(self.title, 1)
        head.addWidget(self.cause)
        head.addWidget(self.state)
        answer = QHBoxLayout()
        answer.addWidget(self.note, 1)
        answer.addWidget(self.acknowledge)
        buttons = QHBoxLayout()
        for button in (self.report, self.save, self.trail, self.copy):
            buttons.addWidget(button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(7)
        column.addLayout(head)
        column.addWidget(self.sentence)
        column.addWidget(self.evidence)
        column.addWidget(self.facts)
        column.addWidget(self.timeline)
        column.addWidget(self.list, 1)
        column.addLayout(answer)
        column.addWidget(self.said)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self.acknowledge.clicked.connect(self._on_acknowledge)
        self.note.returnPressed.connect(self._on_acknowledge)
        self.report.clicked.connect(self.open_report)
        self.save.clicked.connect(self.ask_where)
        self.trail.clicked.connect(lambda: self.trailed.emit(self.incident.id) if self.incident else None)
        self.copy.clicked.connect(self._on_copy)
        QShortcut(QKeySequence.StandardKey.Copy, self.list, self._on_copy, context=Qt.ShortcutContext.WidgetShortcut)

    # -- showing

    def show_incident(self, incident: Incident) -> None:
        if self.incident is None or incident.id != self.incident.id:
            self.note.clear()
            self._say("", "muted")
            self._acting.drop()
            self._reading.drop()
        self.incident = incident
        others = [name for name in incident.services if name != incident.root]
        more = tr(" and with it {names}").format(names=", ".join(others)) if others else ""
        self.title.setText(f"{incident.root}{more}")
        self.sentence.setText(wording.sentence(incident.sentence) or cause(incident.cause))
        self.facts.setText("  ·  ".join(self._facts(incident)))
        evidence = ", ".join(incident.evidence)
        self.evidence.setText(tr("Evidence: {evidence}").format(evidence=evidence) if evidence else "")
        self.evidence.setVisible(bool(evidence))
        self._show_pills(incident)
        self.timeline.show_incident(incident)
        self.moments.show_all(incident.timeline)
        self.show_buttons()
        self.recolour()

    @staticmethod
    def _facts(incident: Incident) -> list[str]:
        found = [tr("incident {id}").format(id=incident.id)]
        if incident.deliberate:
            found.append(tr("deliberate"))
        if incident.fault:
            found.append(tr("injected fault: {fault}").format(fault=incident.fault))
        if incident.acknowledged_by:
            who = tr("acknowledged by {user}").format(user=incident.acknowledged_by)
            found.append(f"{who}: {incident.note}" if incident.note else who)
        return found

    def _show_pills(self, incident: Incident) -> None:
        self.cause.say(cause(incident.cause) if incident.cause else "", "accent")
        self.state.say(moments.state(incident.state), LOOKS.get(incident.state, ("", "muted"))[1])

    def show_buttons(self) -> None:
        """What may be done now."""
        one = self.incident
        live = self._session.store.state.connection.live
        may = one is not None and one.acknowledged is None and not self._session.commands.read_only
        self.note.setVisible(may)
        self.acknowledge.setVisible(may)
        self.acknowledge.setEnabled(may and live and not self._acting.busy)
        self.note.setEnabled(not self._acting.busy)
        self.acknowledge.setText(tr("Acknowledging…") if self._acting.busy else tr("&Acknowledge"))
        for button in (self.report, self.save):
            button.setEnabled(live and not self._reading.busy)

    def _say(self, text: str, role: str) -> None:
        self.said.setText(text)
        self.said.setProperty("tone", role)
        self.said.setVisible(bool(text))
        ink(self.said, role)

    # -- acting

    def _on_acknowledge(self) -> None:
        if self.incident is None or not self.acknowledge.isEnabled():
            return
        path = f"/incidents/{quote(self.incident.id, safe='')}/acknowledge"
        body = {"note": self.note.text().strip()}
        self._acting.act("POST", path, body, incidents.incident, self._on_acknowledged, self._on_refused)
        self._say("", "muted")
        self.show_buttons()

    def _on_acknowledged(self, incident: Incident) -> None:
        self.changed.emit(incident)
        self.show_incident(incident)
        self._say(tr("Acknowledged."), "good")

    def _on_refused(self, problem: Problem) -> None:
        self._say(problem.message, "bad")
        self.show_buttons()

    # -- the report

    def open_report(self) -> None:
        """Fetch the report and show it in the desktop's own program for HTML."""
        if self.incident is not None:
            name = self.incident.id
            self._fetch("html", lambda data: self._open(name, data))

    def _open(self, name: str, data: bytes) -> None:
        folder = Path(tempfile.mkdtemp(prefix="incidentops-"))
        path = folder / f"incident-{_plain(name)}.html"
        if self._write(path, data):
            fine = QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
            told = tr("The report is in {path}") if fine else tr("No program opens HTML here. The report is in {path}")
            self._say(told.format(path=path), "muted" if fine else "warn")

    def ask_where(self) -> None:
        """Ask for a file, and save the report there as Markdown."""
        if self.incident is None:
            return
        asked = QFileDialog(self, tr("Save the report"), "", "Markdown (*.md)")
        asked.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        asked.setDefaultSuffix("md")
        asked.selectFile(f"incident-{_plain(self.incident.id)}.md")
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.fileSelected.connect(self.save_to)
        asked.open()

    def save_to(self, path: str) -> None:
        self._fetch("markdown", lambda data: self._write(Path(path), data))

    def _fetch(self, form: str, take: object) -> None:
        assert self.incident is not None
        path = f"/incidents/{quote(self.incident.id, safe='')}/report?format={form}"

        def done(data: bytes) -> None:
            take(data)  # type: ignore[operator]
            self.show_buttons()

        self._say(tr("Fetching the report…"), "muted")
        self._reading.text(path, done, self._on_no_report)
        self.show_buttons()

    def _write(self, path: Path, data: bytes) -> bool:
        try:
            path.write_bytes(data)
        except OSError as error:
            self._say(tr("cannot write {path}: {error}").format(path=path, error=error.strerror), "bad")
            return False
        self.saved = path
        self._say(tr("Saved as {path}").format(path=path), "good")
        return True

    def _on_no_report(self, problem: Problem) -> None:
        text = tr("This agent knows no reports.") if unknown_route(problem) else problem.message
        self._say(text, "bad")
        self.show_buttons()

    def _on_copy(self) -> None:
        if self.incident is not None:
            QGuiApplication.clipboard().setText(moments.plain(self.incident))
            self._say(tr("Copied."), "muted")

    def recolour(self) -> None:
        ink(self.facts, "muted")
        ink(self.evidence, "muted")
        ink(self.said, str(self.said.property("tone") or "muted"))
        for pill in self.findChildren(Pill):
            ink(pill, pill.role)


def _plain(name: str) -> str:
    """A name that is safe as a part of a file's, whatever the agent sends."""
    return "".join(letter for letter in name if letter.isalnum() or letter in "-_")[:40] or "unknown"
