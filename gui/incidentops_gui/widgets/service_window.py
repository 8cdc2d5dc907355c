"""One service in a window of its own: its unit's journal as it grows, the operators' actions, and all details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QPoint,
    QRect,
    QSize,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QCloseEvent, QColor, QFontDatabase, QGuiApplication, QKeySequence, QPainter, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QListView,
    QPlainTextEdit,
    QStyleOptionViewItem,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from .. import details, theme
from ..journal import ENTRY, Feed, Lines
from ..translate import tr
from .button import Button
from .field import Field
from .led import Led
from .rows import Index, RowDelegate
from .text import ink, label

if TYPE_CHECKING:
    from ..answers import Entry
    from ..hosts import Target
    from ..state import State

ERROR, WARNING, NOTICE, DEBUG = 3, 4, 5, 7
"""syslog's numbers."""


class LineDelegate(RowDelegate):
    """Time and program muted, the message in the colour of its level, what is searched for underlaid."""

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self.wanted = ""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        entry: Entry = index.data(ENTRY)
        tokens = theme.current()
        box = QRect(option.rect)
        if self.chosen(index):
            painter.fillRect(box, tokens.colour("hover"))
        font = option.font
        painter.setFont(font)
        metrics = painter.fontMetrics()
        centre = int(Qt.AlignmentFlag.AlignVCenter)
        if entry.priority <= WARNING:
            role = "bad" if entry.priority <= ERROR else "warn"
            painter.fillRect(box.left(), box.top() + 1, 3, box.height() - 2, tokens.colour(role))
        else:
            role = "muted" if entry.priority >= DEBUG else "text"
        left = box.left() + 10
        for text in (details.local_clock(entry.at), entry.identifier):
            painter.setPen(tokens.colour("muted"))
            painter.drawText(QRect(left, box.top(), box.width(), box.height()), centre, text)
            left += metrics.horizontalAdvance(text) + 12
        room = max(box.right() - left, 0)
        text = metrics.elidedText(entry.message.replace("\n", " ⏎ "), Qt.TextElideMode.ElideRight, room)
        self._underlay(painter, text, QPoint(left, box.top()), box.height())
        painter.setPen(tokens.colour(role))
        painter.drawText(QRect(left, box.top(), room, box.height()), centre, text)

    def _underlay(self, painter: QPainter, text: str, at: QPoint, height: int) -> None:
        begin = text.lower().find(self.wanted.lower()) if self.wanted else -1
        if begin < 0:
            return
        metrics = painter.fontMetrics()
        left = at.x() + metrics.horizontalAdvance(text[:begin])
        width = metrics.horizontalAdvance(text[begin : begin + len(self.wanted)])
        colour = QColor(theme.current().accent)
        colour.setAlphaF(0.28)
        painter.fillRect(left, at.y() + 2, width, height - 4, colour)

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(200, option.fontMetrics.height() + 6)


class Filter(QSortFilterProxyModel):
    """Lines of a level or worse that hold a text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._worst = 7
        self._wanted = ""

    def want(self, text: str, level: int) -> None:
        self._wanted, self._worst = text.lower(), level
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802
        entry: Entry = self.sourceModel().index(row, 0, parent).data(ENTRY)
        if entry.priority > self._worst:
            return False
        return self._wanted in f"{entry.identifier} {entry.message}".lower()


class JournalView(QWidget):
    """The live tail with search and levels; it stays where one has scrolled to, and follows at the end."""

    def __init__(self, target: Target, service: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.lines = Lines(self)
        self.filter = Filter(self)
        self.filter.setSourceModel(self.lines)
        self.feed = Feed(target, service, self)
        self.feed.came.connect(self._on_came)
        self.feed.reset.connect(self._on_reset)
        self.feed.failed.connect(self._on_failed)
        self.search = Field(tr("Search (Ctrl+F)"), tr("Search the journal"), self)
        self.level = QComboBox(self)
        self.level.setAccessibleName(tr("Level"))
        levels = ((7, tr("All levels")), (NOTICE, tr("Notice and worse")), (WARNING, tr("Warning and worse")),
                  (ERROR, tr("Error and worse")))  # fmt: skip
        for worst, text in levels:
            self.level.addItem(text, worst)
        self.follow = QCheckBox(tr("&Follow"), self)
        self.follow.setChecked(True)
        self.told = label(self, 0.92)
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.told.hide()
        self.view = QListView(self)
        self._build()

    def _build(self) -> None:
        self.delegate = LineDelegate(self.view)
        self.view.setModel(self.filter)
        self.view.setItemDelegate(self.delegate)
        self.view.setUniformItemSizes(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.view.setAccessibleName(tr("Journal"))
        self.search.textChanged.connect(self._on_wanted)
        self.level.currentIndexChanged.connect(self._on_wanted)
        self.follow.toggled.connect(lambda on: self.view.scrollToBottom() if on else None)
        self.view.verticalScrollBar().actionTriggered.connect(self._on_scroll)
        QShortcut(QKeySequence.StandardKey.Copy, self.view, self.copy, context=Qt.ShortcutContext.WidgetShortcut)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(self.level)
        row.addWidget(self.follow)
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 10, 10, 10)
        column.addLayout(row)
        column.addWidget(self.told)
        column.addWidget(self.view, 1)

    def copy(self) -> None:
        """The chosen lines, or all that are shown."""
        chosen = self.view.selectionModel().selectedIndexes()
        rows = sorted(index.row() for index in chosen) or range(self.filter.rowCount())
        text = "\n".join(str(self.filter.index(row, 0).data()) for row in rows)
        QGuiApplication.clipboard().setText(text)

    def _on_came(self, entries: list[Entry]) -> None:
        self.told.hide()
        self.lines.add(entries)
        if self.follow.isChecked():
            self.view.scrollToBottom()

    def _on_reset(self) -> None:
        self.lines.clear()
        self.told.hide()

    def _on_failed(self, message: str) -> None:
        self.told.setText(message)
        ink(self.told, "bad")
        self.told.show()

    def _on_wanted(self) -> None:
        self.delegate.wanted = self.search.text()
        self.filter.want(self.search.text(), int(self.level.currentData()))
        if self.follow.isChecked():
            self.view.scrollToBottom()

    def _on_scroll(self) -> None:
        bar = self.view.verticalScrollBar()
        self.follow.setChecked(bar.sliderPosition() >= bar.maximum())


class ServiceWindow(QWidget):
    """``show_state`` keeps it up to date; the journal is read while it is open."""

    def __init__(self, target: Target, service: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.service = service
        self.led = Led(self)
        self.title = label(self, 1.2, bold=True)
        self.word = label(self, 1.0)
        self.journal = JournalView(target, service, self)
        self.done = QPlainTextEdit(self)
        self.done.setReadOnly(True)
        self.done.setAccessibleName(tr("Operator actions"))
        self.details = QPlainTextEdit(self)
        self.details.setReadOnly(True)
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.details.setAccessibleName(tr("Details"))
        self.copy = Button(tr("Copy details"), "plain", self)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.details.toPlainText()))
        tabs = QTabWidget(self)
        tabs.setDocumentMode(True)
        tabs.addTab(self.journal, tr("&Journal"))
        tabs.addTab(self.done, tr("Operator &actions"))
        tabs.addTab(self.details, tr("&Details"))
        head = QHBoxLayout()
        head.setContentsMargins(14, 12, 14, 4)
        for widget in (self.led, self.title, self.word):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.copy)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(head)
        column.addWidget(tabs, 1)
        self.resize(860, 520)
        QShortcut(QKeySequence.StandardKey.Find, self, self.journal.search.setFocus)
        QShortcut(QKeySequence("Esc"), self, self.close)
        self.journal.feed.open()

    def show_state(self, state: State) -> None:
        card = state.cards.get(self.service)
        if card is None:
            self.close()
            return
        service = card.service
        self.setWindowTitle(f"{service.title} — IncidentOps")
        live = state.is_live(self.service)
        self.led.show_state(service.title, service.state, service.up, live)
        self.title.setText(service.title)
        self.word.setText(self.led.accessibleName().partition(": ")[2])
        ink(self.word, "muted")
        for widget, text in ((self.done, "\n".join(card.log)), (self.details, details.text(state, self.service))):
            if widget.toPlainText() != text:
                widget.setPlainText(text)

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        self.journal.feed.close()
        super().closeEvent(event)
