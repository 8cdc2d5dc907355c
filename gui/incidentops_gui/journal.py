"""One unit's journal: the stream that is read, and the lines that are kept, for the view of it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, QTimer, Signal

from . import answers, details, fields, sse
from .failure import Failure
from .translate import tr
from .transport import Exchange

if TYPE_CHECKING:
    from .answers import Entry
    from .hosts import Target

LINES = 500
"""Lines that are read at first."""
MOST = 5000
"""Lines that are kept."""
IDLE = 6.0
"""Seconds without a sign of life; the agent's heartbeat comes every 4."""
RETRY = 1500
"""Milliseconds before a journal that broke off is read anew."""

LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "info", "debug")

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
ENTRY = int(Qt.ItemDataRole.UserRole)


class Feed(QObject):
    """Follows one unit's journal. ``came`` carries a list of entries, ``failed`` a sentence, ``reset`` a new start."""

    came = Signal(list)
    failed = Signal(str)
    reset = Signal()

    def __init__(self, target: Target, service: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._target = target
        self._service = service
        self._stream: Exchange | None = None
        self._parser = sse.Parser()
        self._status = 0
        self._body = b""
        self._again = QTimer(self, singleShot=True, interval=RETRY)
        self._again.timeout.connect(self.open)
        self._found: list[Entry] = []
        self._turn = QTimer(self, singleShot=True, interval=0)
        self._turn.timeout.connect(self._tell)

    def open(self) -> None:
        """Read it from the beginning."""
        self.close()
        self._parser, self._status, self._body = sse.Parser(), 0, b""
        stream = Exchange(self._target, self)
        self._stream = stream
        stream.answered.connect(self._on_answered)
        stream.received.connect(self._on_received)
        stream.done.connect(lambda: self._on_over(Failure.CLOSED, ""))
        stream.failed.connect(self._on_over)
        path = f"/journal/{quote(self._service, safe='')}?lines={LINES}&follow=1"
        stream.start("GET", path, IDLE, {"Accept": "text/event-stream"})

    def close(self) -> None:
        self._again.stop()
        self._found = []
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.abort()

    def _on_answered(self, status: int) -> None:
        self._status = status
        if status == 200:
            self.reset.emit()

    def _on_received(self, data: bytes) -> None:
        if self._status != 200:
            self._body += data
            return
        try:
            found = [answers.entry(fields.parse(one.data)) for one in self._parser.feed(data) if one.kind == "entry"]
        except (fields.WireError, sse.StreamError) as error:
            self.close()
            self.failed.emit(str(error))
            return
        self._found += found
        if found and not self._turn.isActive():
            self._turn.start()

    def _tell(self) -> None:
        """Everything that came in this turn of the event loop, at once."""
        found, self._found = self._found, []
        if found:
            self.came.emit(found)

    def _on_over(self, _failure: Failure, text: str) -> None:
        self._stream = None
        if self._status in (0, 200):
            if text:
                self.failed.emit(tr("The journal broke off: {reason}").format(reason=text))
            self._again.start()
            return
        told = answers.problem(self._status, self._body)
        missing = tr("This agent does not show journals.")
        self.failed.emit(missing if told.kind == "not-found" else told.message)


class Lines(QAbstractListModel):
    """The entries, oldest first; the oldest go when there are more than MOST."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: deque[Entry] = deque()

    def add(self, entries: list[Entry]) -> None:
        entries = entries[-MOST:]
        spare = len(self._entries) + len(entries) - MOST
        if spare > 0:
            self.beginRemoveRows(ROOT, 0, spare - 1)
            for _ in range(spare):
                self._entries.popleft()
            self.endRemoveRows()
        first = len(self._entries)
        self.beginInsertRows(ROOT, first, first + len(entries) - 1)
        self._entries.extend(entries)
        self.endInsertRows()

    def clear(self) -> None:
        self.beginResetModel()
        self._entries.clear()
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802 (Qt's name)
        return 0 if parent.isValid() else len(self._entries)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        entry = self._entries[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return plain(entry)
        if role == ENTRY:
            return entry
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{LEVELS[min(max(entry.priority, 0), 7)]}: {plain(entry)}"
        return None


def plain(entry: Entry) -> str:
    """One line as journalctl has it."""
    who = f"{entry.identifier}[{entry.pid}]" if entry.pid else entry.identifier
    return f"{details.local_clock(entry.at)} {who}: {entry.message}"
