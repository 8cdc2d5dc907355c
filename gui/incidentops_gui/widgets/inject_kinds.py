"""The kinds of faults as a list: what can be injected first, the rest below it with the reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QListView, QStyleOptionViewItem, QVBoxLayout, QWidget

from .. import theme, wording
from ..translate import tr
from . import fault_line, paint
from .box import Box
from .field import Field
from .rows import Index, RowDelegate
from .text import ink, label

if TYPE_CHECKING:
    from ..faults import Catalogue, Kind

KIND, REASON = Qt.ItemDataRole.UserRole, Qt.ItemDataRole.UserRole + 1
MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)


class KindDelegate(RowDelegate):
    """Two lines: title and name; what it does, or why it is not to be had here."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(220, option.fontMetrics.height() * 2 + 16)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        kind: Kind = index.data(KIND)
        reason = str(index.data(REASON))
        tokens = theme.current()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(option.rect).adjusted(3, 1, -3, -1)
        self.highlight(painter, index, box)
        sign = QRectF(box.left() + 10, box.top() + 9, 10, 13)
        colour = tokens.colour("muted" if reason else "warn")
        if reason:
            colour.setAlphaF(0.45)
        fault_line.bolt(painter, sign, colour)
        height = option.fontMetrics.height() + 2
        left, width = int(box.left()) + 29, int(box.width()) - 38
        first = QRect(left, int(box.top()) + 5, width, height)
        title = paint.font(option.font, 0.98, bold=True)
        painter.setFont(title)
        painter.setPen(tokens.colour("muted" if reason else "text"))
        painter.drawText(first, MIDDLE, kind.title)
        taken = painter.fontMetrics().horizontalAdvance(kind.title) + 8
        self._text(painter, first.adjusted(taken, 0, 0, 0), kind.name, option, "muted")
        below = first.translated(0, height)
        self._text(
            painter,
            below,
            tr("Unavailable: {reason}").format(reason=reason) if reason else kind.summary,
            option,
            "muted",
        )
        painter.restore()

    @staticmethod
    def _text(painter: QPainter, box: QRect, text: str, option: QStyleOptionViewItem, role: str) -> None:
        painter.setFont(paint.font(option.font, 0.86))
        painter.setPen(theme.current().colour(role))
        painter.drawText(box, MIDDLE, painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width()))


class KindList(QWidget):
    """``chosen`` carries the Kind, or None where the search finds none.

    What is unavailable can be chosen too, to read the whole reason; it just can't be injected.
    """

    chosen = Signal(object)

    def __init__(self, service: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._service = service
        self._catalogue: Catalogue | None = None
        self.search = Search(tr("Search (Ctrl+F)"), tr("Search the kinds of faults"), self)
        self.search.textChanged.connect(self._fill)
        self.model = QStandardItemModel(self)
        self.view = QListView(self)
        self.view.setAccessibleName(tr("Kinds of faults"))
        self.view.setModel(self.model)
        self.view.setItemDelegate(KindDelegate(self.view))
        self.view.setUniformItemSizes(True)
        self.view.setFrameShape(QListView.Shape.NoFrame)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setMouseTracking(True)
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.search.left.connect(self.view.setFocus)
        self.none = label(self, 0.95)
        self.none.setText(tr("No kind of fault fits."))
        self.none.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.none.hide()
        self.view.viewport().setAutoFillBackground(False)
        box = Box(self)
        inner = QVBoxLayout(box)
        inner.setContentsMargins(3, 5, 3, 5)
        inner.addWidget(self.none)
        inner.addWidget(self.view, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.search)
        column.addWidget(box, 1)

    def show_catalogue(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._fill()

    @property
    def current(self) -> Kind | None:
        index = self.view.currentIndex()
        return index.data(KIND) if index.isValid() else None

    def choose(self, name: str) -> None:
        """Go to the kind of that name."""
        for row in range(self.model.rowCount()):
            if self.model.index(row, 0).data(KIND).name == name:
                self.view.setCurrentIndex(self.model.index(row, 0))

    def _fill(self) -> None:
        if self._catalogue is None:
            return
        before = self.current.name if self.current is not None else ""
        self.view.selectionModel().blockSignals(True)
        self.model.clear()
        for kind in self._catalogue.chosen(self._service, self.search.text()):
            self.model.appendRow(_item(kind, kind.reason(self._service)))
        self.view.selectionModel().blockSignals(False)
        self.none.setVisible(not self.model.rowCount())
        self.choose(before)
        if self.current is None and self.model.rowCount():
            self.view.setCurrentIndex(self.model.index(0, 0))
        self.chosen.emit(self.current)

    def _on_current(self, _index: Index, _before: Index) -> None:
        self.chosen.emit(self.current)

    def recolour(self) -> None:
        ink(self.none, "muted")


def _item(kind: Kind, reason: str) -> QStandardItem:
    item = QStandardItem(kind.title)
    item.setEditable(False)
    item.setData(kind, KIND)
    item.setData(reason, REASON)
    told = tr("Unavailable: {reason}").format(reason=reason) if reason else kind.summary
    item.setToolTip(wording.tip(told))
    item.setData(f"{kind.title}. {told}", Qt.ItemDataRole.AccessibleTextRole)
    return item


class Search(Field):
    """Enter and Down go to the list; Enter in a dialog would be its default button."""

    left = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 (Qt's name)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.left.emit()
        else:
            super().keyPressEvent(event)
