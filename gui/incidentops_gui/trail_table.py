"""The audit trail as a table: newest row first, older ones appended page by page."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from . import moments, trail, wording
from .translate import marked, tr

if TYPE_CHECKING:
    from .trail import Row

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
ROW = int(Qt.ItemDataRole.UserRole)
COLUMNS = (
    marked("Row"),
    marked("When"),
    marked("Who"),
    marked("What"),
    marked("Service"),
    marked("Outcome"),
    marked("About"),
    marked("Incident"),
)
SEQ, WHEN, WHO, WHAT, SERVICE, OUTCOME, ABOUT, INCIDENT = range(8)


class TrailTable(QAbstractTableModel):
    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Row] = []
        self.bad: int | None = None

    @property
    def last(self) -> int | None:
        """The oldest row that is there."""
        return self._rows[-1].seq if self._rows else None

    @property
    def first(self) -> int | None:
        return self._rows[0].seq if self._rows else None

    def replace(self, rows: tuple[Row, ...]) -> None:
        self.beginResetModel()
        self._rows = list(rows)
        self.endResetModel()

    def append(self, rows: tuple[Row, ...]) -> None:
        if rows:
            self.beginInsertRows(ROOT, len(self._rows), len(self._rows) + len(rows) - 1)
            self._rows.extend(rows)
            self.endInsertRows()

    def prepend(self, rows: tuple[Row, ...]) -> bool:
        """Take the newest page; False when there is a gap between it and what is there."""
        first = self.first
        fresh = [row for row in rows if first is None or row.seq > first]
        if len(fresh) == len(rows) and self._rows:
            return False
        if fresh:
            self.beginInsertRows(ROOT, 0, len(fresh) - 1)
            self._rows[:0] = fresh
            self.endInsertRows()
        return True

    def mark(self, seq: int | None) -> int:
        """The row that does not fit; its place in the table, -1 when it is not there."""
        self.bad = seq
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1))
        return next((place for place, row in enumerate(self._rows) if row.seq == seq), -1)

    def at(self, place: int) -> Row | None:
        return self._rows[place] if 0 <= place < len(self._rows) else None

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802 (Qt's name)
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = int(Qt.ItemDataRole.DisplayRole)
    ) -> Any:
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return tr(COLUMNS[section])
        if role == Qt.ItemDataRole.TextAlignmentRole and section == SEQ:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        row = self._rows[index.row()]
        if role == ROW:
            return row
        if role == Qt.ItemDataRole.DisplayRole:
            return cell(row, index.column())
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{tr(COLUMNS[index.column()])}: {cell(row, index.column())}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return wording.tip(trail.full(row))
        return None


def cell(row: Row, column: int) -> str:
    """The text of one cell."""
    if column == WHEN:
        return moments.day_and_clock(row.at, time.time())
    if column == ABOUT:
        return trail.said(row)
    plain = {
        SEQ: str(row.seq),
        WHO: row.user,
        WHAT: row.action,
        SERVICE: row.service,
        OUTCOME: row.outcome or row.phase,
        INCIDENT: row.incident,
    }
    return plain[column]
