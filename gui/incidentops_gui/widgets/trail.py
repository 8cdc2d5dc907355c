"""The window of the audit trail: who did what and when; whether the chain is whole; all of it as a file."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from .. import theme, trail, wording
from ..asking import Asking, unknown_route
from ..download import Download
from ..trail_table import ABOUT, INCIDENT, OUTCOME, SEQ, SERVICE, WHAT, WHEN, WHO, TrailTable, cell
from ..translate import tr
from .button import Button
from .field import Field
from .pane import Pane, Strip
from .rows import Index, RowDelegate
from .text import ink, label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..answers import Problem
    from ..reducer import Changes
    from ..session import Session
    from ..state import State
    from ..trail import Row, Verdict

SETTLE = 350
"""Milliseconds after the last key before the filter is asked for, and after an action before its row is."""
WIDTHS = {SEQ: 58, WHEN: 128, WHO: 96, WHAT: 158, SERVICE: 92, OUTCOME: 84, INCIDENT: 84}
OUTCOMES = {"ok": "good", "unchanged": "good", "failed": "bad", "refused": "bad", "partial": "bad"}
LEFT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
RIGHT = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
KEPT = 2000
"""Texts whose cut form is kept."""
PERIODS = (1, 24, 168)
"""Hours that are offered."""


class CellDelegate(RowDelegate):
    """A cell: outcomes in their colour, an incident as a link, the row that does not fit marked."""

    def __init__(self, table: TrailTable, view: QTableView) -> None:
        super().__init__(view)
        self._table = table
        self._fitted: dict[tuple[str, int], str] = {}

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._table.at(index.row())
        if row is None:
            return
        tokens, area = theme.current(), option.rect
        if self.chosen(index):
            painter.fillRect(area, tokens.colour("hover"))
        elif row.seq == self._table.bad:
            painter.fillRect(area, tokens.colour("bad_soft"))
        column = index.column()
        text = cell(row, column)
        if not text:
            return
        role = "text" if column in (WHO, WHAT, ABOUT) else "muted"
        if column == OUTCOME:
            role = OUTCOMES.get(row.outcome, "muted")
        elif column == INCIDENT:
            role = "accent"
        elif column == SEQ and row.seq == self._table.bad:
            role = "bad"
        painter.setPen(tokens.colour(role))
        box = QRect(area).adjusted(4, 0, -6, 0)
        painter.drawText(box, RIGHT if column == SEQ else LEFT, self._fitting(option, text, box.width()))

    def _fitting(self, option: QStyleOptionViewItem, text: str, room: int) -> str:
        """The text as it is cut to the room: measured once, since a screen full has some two hundred cells."""
        known = self._fitted.get((text, room))
        if known is None:
            known = option.fontMetrics.elidedText(text, Qt.TextElideMode.ElideRight, room)
            if len(self._fitted) > KEPT:
                self._fitted.clear()
            self._fitted[text, room] = known
        return known


class TrailWindow(Pane):
    """``opened`` carries the id of an incident that is wanted."""

    opened = Signal(str)

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(tr("Audit trail"), parent)
        self._session = session
        self._asking = Asking(session.target, self)
        self._verifying = Asking(session.target, self)
        self.download = Download(session.target, self)
        self._whole = False
        self.wanted = trail.Wanted()
        self.table = TrailTable(self)
        self.view = QTableView(self)
        self.service = QComboBox(self)
        self.period = QComboBox(self)
        self.user = Field(tr("Who"), tr("Rows of this user"), self)
        self.action = Field(tr("What"), tr("Rows of actions that begin so"), self)
        self.incident = Field(tr("Incident"), tr("Rows of this incident"), self)
        self.verify = Button(tr("&Verify"), "plain", self)
        self.export = Button(tr("&Export…"), "plain", self)
        self.older = Button(tr("&Older ones"), "quiet", self)
        self.fine = Strip("good", "", self)
        self.broken = Strip("bad", "", self)
        self.empty = label(self, 1.0)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE)
        self._settle.timeout.connect(self._on_filter)
        self._fresh = QTimer(self, singleShot=True, interval=SETTLE)
        self._fresh.timeout.connect(self._read_fresh)
        self.resize(1040, 640)
        self._first = ""
        self._read: tuple[Row, ...] = ()
        self.tell(tr("Reading the audit trail…"))
        self.recolour()
        self.begin(self._steps())

    def _steps(self) -> Iterator[None]:
        """Make the parts, in steps between which the event loop may turn."""
        yield  # the frame is painted
        self._build_filters()
        yield
        self._build_table()
        yield
        self._build()
        yield
        self.want(self._first)

    # -- building

    def _build_filters(self) -> None:
        self.service.setAccessibleName(tr("Service"))
        self.service.addItem(tr("All services"), "")
        for name in sorted(self._session.store.state.cards):
            self.service.addItem(name, name)
        self.period.setAccessibleName(tr("Period"))
        self.period.addItem(tr("All times"), 0)
        for hours, text in zip(PERIODS, (tr("Last hour"), tr("Last 24 hours"), tr("Last 7 days")), strict=True):
            self.period.addItem(text, hours)
        for box in (self.service, self.period):
            box.setMinimumHeight(self.user.minimumHeight() - 4)
            box.currentIndexChanged.connect(lambda _index: self._on_filter())
        for field in (self.user, self.action, self.incident):
            field.textChanged.connect(lambda _text: self._settle.start())
            field.returnPressed.connect(self._on_filter)
            field.setMaximumWidth(180)

    def _build_table(self) -> None:
        view = self.view
        view.setModel(self.table)
        view.setItemDelegate(CellDelegate(self.table, view))
        view.setFrameShape(QFrame.Shape.NoFrame)
        view.setShowGrid(False)
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setTabKeyNavigation(False)
        view.setWordWrap(False)
        view.setAccessibleName(tr("Audit trail"))
        view.verticalHeader().hide()
        view.verticalHeader().setDefaultSectionSize(view.fontMetrics().height() + 9)
        head = view.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setHighlightSections(False)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        head.setSectionResizeMode(ABOUT, QHeaderView.ResizeMode.Stretch)
        for column, width in WIDTHS.items():
            view.setColumnWidth(column, width)
        view.activated.connect(self._on_activated)
        view.clicked.connect(lambda index: self._on_activated(index) if index.column() == INCIDENT else None)
        QShortcut(QKeySequence.StandardKey.Copy, view, self.copy, context=Qt.ShortcutContext.WidgetShortcut)

    def _build(self) -> None:
        self.verify.clicked.connect(self._on_verify)
        self.export.clicked.connect(self.ask_where)
        self.older.clicked.connect(self._read_older)
        self.reread.connect(self.read)
        self.download.grew.connect(self._on_grew)
        self.download.saved.connect(self._on_saved)
        self.download.failed.connect(self._on_not_saved)
        self.head.addWidget(self.verify)
        self.head.addWidget(self.export)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        row = QHBoxLayout()
        for widget in (self.period, self.service, self.user, self.action, self.incident):
            row.addWidget(widget)
        row.addStretch(1)
        column = QVBoxLayout(self.body)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.fine)
        column.addWidget(self.broken)
        column.addWidget(self.empty)
        column.addWidget(self.view, 1)
        column.addWidget(self.older, 0, Qt.AlignmentFlag.AlignLeft)

    # -- reading

    def want(self, incident: str) -> None:
        """Show what belongs to an incident; without one, everything."""
        if self.body.layout() is None:
            self._first = incident  # as soon as there is something to show it in
            return
        self.incident.setText(incident)
        self._settle.stop()
        self._on_filter()

    def _on_filter(self) -> None:
        hours = int(self.period.currentData() or 0)
        since = datetime.now(UTC) - timedelta(hours=hours)
        self.wanted = trail.Wanted(
            service=str(self.service.currentData() or ""),
            user=self.user.text().strip(),
            action=self.action.text().strip().lower(),
            incident=self.incident.text().strip(),
            since=f"{since:%Y-%m-%dT%H:%M:%SZ}" if hours else "",
        )
        self.read()

    def read(self) -> None:
        """Read the newest page."""
        if not self.wanted.sensible:
            self._on_read(())
            return
        if not self.has_body:
            self.tell(tr("Reading the audit trail…"))
        self._asking.get(self.wanted.page(), trail.rows, self._on_read, self._on_problem)

    def _on_read(self, rows: tuple[Row, ...]) -> None:
        self._whole = len(rows) < trail.PAGE
        self._read = rows
        if self.has_body:
            self._fill()
        else:  # what is around the rows is painted first: both in one turn take too long
            self.show_body()
            self.turns.soon(self._fill)

    def _fill(self) -> None:
        self.table.replace(self._read)
        self._show()

    def _read_older(self) -> None:
        if self.table.last is not None and not self._asking.busy:
            self._asking.get(self.wanted.page(self.table.last), trail.rows, self._on_older, self._on_problem)

    def _on_older(self, rows: tuple[Row, ...]) -> None:
        self.table.append(rows)
        self._whole = len(rows) < trail.PAGE
        self._show()

    def _read_fresh(self) -> None:
        """What was written since; what one reads stays where it is."""
        if self.has_body and self.wanted.sensible and not self._asking.busy:
            self._asking.get(self.wanted.page(), trail.rows, self._on_fresh, self._on_problem)

    def _on_fresh(self, rows: tuple[Row, ...]) -> None:
        at = self.view.verticalScrollBar()
        before, place = at.maximum(), at.value()
        if not self.table.prepend(rows):
            self._on_read(rows)
            return
        if place:
            at.setValue(place + at.maximum() - before)
        self._show()

    def _on_problem(self, problem: Problem) -> None:
        self.tell_problem(problem, tr("This agent knows no audit trail."))

    def _show(self) -> None:
        count = self.table.rowCount()
        rows = tr("all {n} rows") if self._whole else tr("the newest {n} rows")
        self.about.setText(rows.format(n=count) if count else "")
        self.empty.setText(tr("No row fits the filter."))
        self.empty.setVisible(not count)
        self.older.setVisible(not self._whole)
        self.show_body()

    # -- verifying

    def _on_verify(self) -> None:
        self._told("", fine=True)
        self.view.setFocus()  # the button is off until the answer, and the focus would go to the next one
        self._verifying.get("/audit/verify", trail.verdict, self._on_verdict, self._on_not_verified)
        self._show_buttons()

    def _on_verdict(self, found: Verdict) -> None:
        place = self.table.mark(found.bad)
        if found.fine:
            plain = tr("All {n} rows are as they were written.").format(n=found.rows)
            self._told(wording.sentence(found.sentence) or plain, fine=True)
        else:
            said = tr("Row {seq} is the first that does not fit.").format(seq=found.bad)
            self._told(f"{said} {found.sentence}".strip(), fine=False)
            if place >= 0:
                self.view.selectRow(place)
                self.view.scrollTo(self.table.index(place, 0))
        self._show_buttons()

    def _on_not_verified(self, problem: Problem) -> None:
        unknown = tr("This agent's audit trail is no chain that could be verified.")
        self._told(unknown if unknown_route(problem) else problem.message, fine=False)
        self._show_buttons()

    def _told(self, text: str, fine: bool) -> None:
        self.fine.say(text if fine else "")
        self.broken.say("" if fine else text)

    # -- exporting

    def ask_where(self) -> None:
        """Ask for a file, and save what the filter shows there, as JSON lines."""
        if self.download.busy:
            self.download.drop()
            self._told("", fine=True)
            self._show_buttons()
            return
        asked = QFileDialog(self, tr("Export the audit trail"), "", tr("JSON lines (*.jsonl)"))
        asked.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        asked.setDefaultSuffix("jsonl")
        asked.selectFile("audit.jsonl")
        asked.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        asked.fileSelected.connect(self.save_to)
        asked.open()

    def save_to(self, path: str) -> None:
        self.download.start(self.wanted.export(), Path(path))
        self._show_buttons()

    def _on_grew(self, size: int) -> None:
        self._told(tr("Exporting… {size}").format(size=wording.size(size)), fine=True)

    def _on_saved(self, path: str, size: int) -> None:
        self._told(tr("Saved {size} as {path}").format(size=wording.size(size), path=path), fine=True)
        self._show_buttons()

    def _on_not_saved(self, problem: Problem) -> None:
        unknown = tr("This agent knows no export.")
        self._told(unknown if unknown_route(problem) else problem.message, fine=False)
        self._show_buttons()

    # -- showing

    def _on_activated(self, index: QModelIndex) -> None:
        row = self.table.at(index.row())
        if row is not None and row.incident:
            self.opened.emit(row.incident)

    def copy(self) -> None:
        """The chosen rows as text."""
        places = sorted({index.row() for index in self.view.selectionModel().selectedIndexes()})
        rows = [row for row in map(self.table.at, places) if row is not None]
        QGuiApplication.clipboard().setText("\n\n".join(trail.full(row) for row in rows))

    def _show_buttons(self) -> None:
        live = self._session.store.state.connection.live
        self.verify.setEnabled(live and not self._verifying.busy)
        self.verify.setText(tr("Verifying…") if self._verifying.busy else tr("&Verify"))
        self.export.setEnabled(live or self.download.busy)
        self.export.setText(tr("Cancel the e&xport") if self.download.busy else tr("&Export…"))

    def show_state(self, state: State, changes: Changes | None = None) -> None:
        self.show_connection(state)
        self._show_buttons()
        if changes is not None and changes.connection and state.connection.live:
            self.read()
        elif changes is not None and (changes.logs or changes.incidents):
            self._fresh.start()

    def show_times(self, _state: State) -> None:
        """Nothing here changes with the time alone."""

    def recolour(self) -> None:
        super().recolour()
        self.fine.recolour()
        self.broken.recolour()
        ink(self.empty, "muted")
