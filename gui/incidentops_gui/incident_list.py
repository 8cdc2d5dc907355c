"""The models behind the window of incidents: the list of them, and the timeline of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from . import moments, wording
from .translate import tr

if TYPE_CHECKING:
    from .incidents import Incident, Moment

Index = QModelIndex | QPersistentModelIndex
ROOT = QModelIndex()
VALUE = int(Qt.ItemDataRole.UserRole)
_WORDS = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)


class IncidentList(QAbstractListModel):
    """Incidents in the order in which they are shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shown: list[Incident] = []

    def show_all(self, found: list[Incident]) -> None:
        """Take these; only what is different is told, so that nothing jumps."""
        if [one.id for one in found] == [one.id for one in self._shown]:
            changed = [row for row, one in enumerate(found) if one != self._shown[row]]
            self._shown = found
            for row in changed:
                self.dataChanged.emit(self.index(row), self.index(row))
            return
        self.beginResetModel()
        self._shown = found
        self.endResetModel()

    def row_of(self, name: str) -> int:
        """The row of an incident by its id; -1 when it is not shown."""
        return next((row for row, one in enumerate(self._shown) if one.id == name), -1)

    def at(self, row: int) -> Incident | None:
        return self._shown[row] if 0 <= row < len(self._shown) else None

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802 (Qt's name)
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        one = self._shown[index.row()]
        if role == VALUE:
            return one
        if role in _WORDS:
            return spoken(one)
        return None


def spoken(one: Incident) -> str:
    """An incident in one line."""
    more = [name for name in one.services if name != one.root]
    parts = [
        f"{one.id} {moments.state(one.state)}",
        one.root + (f" (+ {', '.join(more)})" if more else ""),
        one.sentence or one.cause,
        *(f"{name} {value}" for name, value in moments.measures(one)),
    ]
    if one.acknowledged_by:
        parts.append(tr("acknowledged by {user}").format(user=one.acknowledged_by))
    return "; ".join(parts)


class Moments(QAbstractListModel):
    """The timeline of one incident, oldest first."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Moment, ...] = ()

    def show_all(self, found: tuple[Moment, ...]) -> None:
        if found == self._shown:
            return
        self.beginResetModel()
        self._shown = tuple(sorted(found, key=lambda one: one.at))
        self.endResetModel()

    def rowCount(self, parent: Index = ROOT) -> int:  # noqa: N802
        return 0 if parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = int(Qt.ItemDataRole.DisplayRole)) -> Any:
        one = self._shown[index.row()]
        if role == VALUE:
            return one
        if role in _WORDS:
            return moments.line(one)
        if role == Qt.ItemDataRole.ToolTipRole:
            return wording.tip(moments.line(one))
        return None
