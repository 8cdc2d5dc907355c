"""What delegates of rows have in common: the ground of a row that is chosen, or under the pointer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex
from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate

from .. import theme
from . import paint

if TYPE_CHECKING:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QPainter

Index = QModelIndex | QPersistentModelIndex


class RowDelegate(QStyledItemDelegate):
    """Asks the view, not the option's state: that makes Python know all of QStyle, which takes some 15 ms once."""

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view

    def chosen(self, index: Index) -> bool:
        return self._view.selectionModel().isSelected(index)

    def focused(self, index: Index) -> bool:
        return self._view.hasFocus() and self._view.currentIndex() == index

    def hovered(self, index: Index) -> bool:
        port = self._view.viewport()
        return port.underMouse() and self._view.indexAt(port.mapFromGlobal(QCursor.pos())) == index

    def highlight(self, painter: QPainter, index: Index, box: QRectF) -> None:
        """The ground of a chosen row, and of the one that the pointer is over."""
        tokens = theme.current()
        if self.chosen(index):
            line = tokens.accent if self.focused(index) else tokens.edge
            paint.rounded(painter, box, tokens.hover, line, 7)
        elif self.hovered(index):
            paint.rounded(painter, box, tokens.raised, None, 7)
