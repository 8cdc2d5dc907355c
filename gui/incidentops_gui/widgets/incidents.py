"""The window of incidents: the list, one of them in full, and the measures; live as long as the agent is."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from PySide6.QtCore import QModelIndex, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QListView,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from .. import incidents
from ..asking import Asking
from ..incident_list import IncidentList
from ..translate import tr
from .button import Button
from .incident_detail import IncidentDetail
from .incident_rows import IncidentDelegate
from .measures import MeasuresStrip
from .pane import Pane
from .text import ink, label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..answers import Problem
    from ..incidents import Incident, Statistics
    from ..reducer import Changes
    from ..session import Session
    from ..state import State

PAGE = 50
"""Incidents that are read at a time: taking in so many costs about 4 ms."""
SETTLE = 600
"""Milliseconds after a change before the measures are read anew."""


class IncidentsWindow(Pane):
    """``trailed`` asks for the audit trail of an incident."""

    trailed = Signal(str)

    def __init__(self, session: Session, parent: QWidget) -> None:
        super().__init__(tr("Incidents"), parent)
        self._session = session
        self._asking = Asking(session.target, self)
        self._measuring = Asking(session.target, self)
        self._known: dict[str, Incident] = {}
        self._wanted = ""
        self._last = ""
        self._statistics: Statistics | None = None
        self.model = IncidentList(self)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE)
        self._settle.timeout.connect(self._read_measures)
        self.resize(1100, 740)
        self.tell(tr("Reading the incidents…"))
        self.recolour()
        self.begin(self._steps())

    def _steps(self) -> Iterator[None]:
        """Make the parts, in steps between which the event loop may turn."""
        yield  # the frame is painted
        self._build_filters()
        yield
        self._build_list()
        yield
        self.detail = IncidentDetail(self._session, self.body)
        self.detail.changed.connect(self._on_acknowledged)
        self.detail.trailed.connect(self.trailed)
        yield
        self.measures = MeasuresStrip(self.body)
        self._build()
        yield
        self.reread.connect(self.read)
        self.recolour()
        self.read()

    def _build_filters(self) -> None:
        self.state_filter = QComboBox(self.body)
        self.service_filter = QComboBox(self.body)
        self.period = QComboBox(self)
        self.state_filter.setAccessibleName(tr("State"))
        states = {"": tr("All states"), "open": tr("Open"), "recovered": tr("Recovered"), "closed": tr("Closed")}
        for word, text in states.items():
            self.state_filter.addItem(text, word)
        self.service_filter.setAccessibleName(tr("Service"))
        self.service_filter.addItem(tr("All services"), "")
        self.period.setAccessibleName(tr("Period of the measures"))
        for hours, text in ((1, tr("Last hour")), (24, tr("Last 24 hours")), (168, tr("Last 7 days"))):
            self.period.addItem(text, hours * 3600)
        self.period.addItem(tr("Last 30 days"), 30 * 24 * 3600)
        self.period.setCurrentIndex(1)
        self.state_filter.currentIndexChanged.connect(self._on_filter)
        self.service_filter.currentIndexChanged.connect(self._on_filter)
        self.period.currentIndexChanged.connect(lambda _index: self._read_measures())
        self.head.addWidget(self.period)
        for box in (self.state_filter, self.service_filter, self.period):
            box.setMinimumHeight(box.fontMetrics().height() + 12)

    def _build_list(self) -> None:
        self.view = QListView(self.body)
        self.older = Button(tr("&Older ones"), "quiet", self.body)
        self.empty = label(self.body, 1.0)
        self.view.setModel(self.model)
        self.view.setItemDelegate(IncidentDelegate(self.view))
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setMouseTracking(True)
        self.view.setUniformItemSizes(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setAccessibleName(tr("Incidents"))
        self.view.selectionModel().currentChanged.connect(self._on_chosen)
        self.empty.setWordWrap(True)
        self.empty.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.older.clicked.connect(self._read_older)

    def _build(self) -> None:
        """Put the parts in their places."""
        left = QWidget(self.body)
        filters = QHBoxLayout()
        filters.addWidget(self.state_filter, 1)
        filters.addWidget(self.service_filter, 1)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 4, 0)
        column.addLayout(filters)
        column.addWidget(self.empty)
        column.addWidget(self.view, 1)
        column.addWidget(self.older)
        split = QSplitter(Qt.Orientation.Horizontal, self.body)
        split.setChildrenCollapsible(False)
        split.addWidget(left)
        split.addWidget(self.detail)
        split.setStretchFactor(1, 1)
        split.setSizes([372, 690])
        whole = QVBoxLayout(self.body)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(10)
        whole.addWidget(self.measures)
        whole.addWidget(split, 1)

    # -- reading

    def read(self) -> None:
        """Read the newest of them, and the measures."""
        if not self.has_body:
            self.tell(tr("Reading the incidents…"))
        self._asking.get(f"/incidents?limit={PAGE}", incidents.incidents, self._on_read, self._on_problem)
        self._read_measures()

    def _on_read(self, found: tuple[Incident, ...]) -> None:
        self._known = incidents.merged({}, found)
        self._merge_live(self._session.store.state)
        self._last = found[-1].id if len(found) == PAGE else ""
        self._show()

    def _read_older(self) -> None:
        if self._last and not self._asking.busy:
            path = f"/incidents?{urlencode({'limit': PAGE, 'before': self._last})}"
            self._asking.get(path, incidents.incidents, self._on_older, self._on_problem)

    def _on_older(self, found: tuple[Incident, ...]) -> None:
        self._last = found[-1].id if len(found) == PAGE else ""
        self._known = incidents.merged(incidents.merged({}, found), self._known.values())
        self._show()

    def _on_problem(self, problem: Problem) -> None:
        self.tell_problem(problem, tr("This agent knows no incidents."))

    def _read_measures(self) -> None:
        path = f"/statistics?period={self.period.currentData()}"
        self._measuring.get(path, incidents.statistics, self._on_measures, lambda _problem: self._on_measures(None))

    def _on_measures(self, found: Statistics | None) -> None:
        self._statistics = found
        self.turns.soon(self._show_measures)

    def _show_measures(self) -> None:
        self.measures.show_statistics(self._statistics)

    # -- showing

    def want(self, name: str) -> None:
        """Choose this incident as soon as it is there."""
        self._wanted = name
        if self.built:
            self._choose()

    def _show(self) -> None:
        """The list, then the chosen one, then the rest: a turn for each, since each is painted in it too."""
        self.turns.soon(self._show_list)
        self.turns.soon(self._show_filters)

    def _show_list(self) -> None:
        if self._known:
            self.show_body()
        else:
            self.tell(tr("No incidents"), tr("Nothing has left healthy since the agent keeps a record."), "good")
        found = self._found()
        current = self.model.at(self.view.currentIndex().row())
        at = self.view.verticalScrollBar().value()
        self.model.show_all(found)
        self.view.verticalScrollBar().setValue(at)
        if not self._wanted and current is not None:
            self._wanted = current.id
        self._show_about(found)
        self.turns.soon(self._choose)

    def _found(self) -> list[Incident]:
        """Those that fit the filters."""
        state, service = str(self.state_filter.currentData()), str(self.service_filter.currentData())
        return incidents.listed(self._known.values(), state, service)

    def _show_filters(self) -> None:
        services = sorted({name for one in self._known.values() for name in (one.root, *one.services)})
        if [self.service_filter.itemData(row) for row in range(1, self.service_filter.count())] != services:
            self._fill_services(services)

    def _show_about(self, found: list[Incident]) -> None:
        still = sum(one.open for one in self._known.values())
        self.about.setText(tr("{n} open · {total} shown").format(n=still, total=len(found)))
        self.empty.setText(tr("No incident fits the filter."))
        self.empty.setVisible(not found)
        self.older.setVisible(bool(self._last))
        self.detail.setVisible(bool(found))

    def _fill_services(self, services: list[str]) -> None:
        chosen = self.service_filter.currentData()
        self.service_filter.blockSignals(True)
        self.service_filter.clear()
        self.service_filter.addItem(tr("All services"), "")
        for name in services:
            self.service_filter.addItem(name, name)
        self.service_filter.setCurrentIndex(max(self.service_filter.findData(chosen), 0))
        self.service_filter.blockSignals(False)

    def _choose(self) -> None:
        row = self.model.row_of(self._wanted) if self._wanted else -1
        if row < 0:
            row = max(self.view.currentIndex().row(), 0)
        else:
            self._wanted = ""
        index = self.model.index(row)
        if index.isValid():
            self.view.setCurrentIndex(index)
            self._on_chosen(index)

    def _on_chosen(self, index: QModelIndex, _before: QModelIndex | None = None) -> None:
        one = self.model.at(index.row())
        if one is not None:
            self.detail.show_incident(one)

    def _on_filter(self) -> None:
        self._show()

    def _on_acknowledged(self, incident: Incident) -> None:
        self._known = incidents.merged(self._known, [incident])
        self._show()
        self._settle.start()

    def _merge_live(self, state: State, names: frozenset[str] | None = None) -> None:
        live = state.incidents or {}
        fresh = [live[name] for name in (names if names is not None else live) if name in live]
        self._known = incidents.merged(self._known, fresh)

    def show_state(self, state: State, changes: Changes | None = None) -> None:
        self.show_connection(state)
        self.detail.show_buttons()
        if changes is None:
            return
        if changes.connection and state.connection.live:
            self.read()
        elif changes.incidents and state.incidents is not None:
            self._merge_live(state, changes.incidents)
            self._show()
            self._settle.start()

    def show_times(self, _state: State) -> None:
        if any(one.open for one in self._known.values()):
            self.view.viewport().update()

    def recolour(self) -> None:
        super().recolour()
        if self.body.layout() is None:
            return  # its parts are still to be made
        ink(self.empty, "muted")
        self.detail.recolour()
