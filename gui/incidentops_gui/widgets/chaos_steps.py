"""The steps of a chaos run: when, what, and what became of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QListView, QStyleOptionViewItem, QWidget

from .. import chaos, theme, wording
from ..translate import tr
from . import led, paint
from .rows import Index, RowDelegate

if TYPE_CHECKING:
    from ..chaos import Step

STEP = Qt.ItemDataRole.UserRole
MIDDLE = int(Qt.AlignmentFlag.AlignVCenter)
RIGHT = MIDDLE | int(Qt.AlignmentFlag.AlignRight)


class StepDelegate(RowDelegate):
    """One line: a shape, when, what, and at the right what became of it."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: Index) -> QSize:  # noqa: N802 (Qt's name)
        return QSize(240, option.fontMetrics.height() + 12)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        step: Step = index.data(STEP)
        tokens = theme.current()
        shape, role, word = chaos.outcome(step.outcome)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.highlight(painter, index, QRectF(option.rect).adjusted(2, 0, -2, 0))
        box = QRect(option.rect).adjusted(10, 0, -10, 0)
        sign = QRectF(box.left(), box.center().y() - 6, 13, 13)
        led.draw(painter, shape, sign, tokens.colour(role), bool(step.outcome))
        box.setLeft(box.left() + 24)
        painter.setFont(paint.font(option.font, 0.92))
        painter.setPen(tokens.colour("muted"))
        painter.drawText(box, MIDDLE, chaos.when(step))
        box.setLeft(box.left() + painter.fontMetrics().horizontalAdvance("+0:00:00") + 10)
        painter.setPen(tokens.colour(role))
        told = (f"{word}: {step.reason}" if step.reason else word) if step.outcome else ""
        room = box.width() // 2
        told = painter.fontMetrics().elidedText(told, Qt.TextElideMode.ElideRight, room)
        painter.drawText(box, RIGHT, told)
        box.setRight(box.right() - painter.fontMetrics().horizontalAdvance(told) - 10)
        painter.setPen(tokens.colour("text"))
        text = painter.fontMetrics().elidedText(what(step), Qt.TextElideMode.ElideRight, box.width())
        painter.drawText(box, MIDDLE, text)
        painter.restore()


class StepList(QListView):
    """``show_steps`` replaces what it holds where that is another."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.steps: tuple[Step, ...] = ()
        self._model = QStandardItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(StepDelegate(self))
        self.setUniformItemSizes(True)
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setAccessibleName(tr("Steps of the chaos run"))
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)

    def show_steps(self, steps: tuple[Step, ...]) -> None:
        if steps == self.steps:
            return
        self.steps = steps
        self._model.clear()
        for step in steps:
            item = QStandardItem()
            item.setEditable(False)
            item.setData(step, STEP)
            word = chaos.outcome(step.outcome)[2]
            told = f"{chaos.when(step)} {what(step)}: {word}. {step.reason}".rstrip(". ")
            item.setData(told, Qt.ItemDataRole.AccessibleTextRole)
            item.setToolTip(wording.tip(step.reason))
            self._model.appendRow(item)


def what(step: Step) -> str:
    lasts = wording.seconds(step.duration)
    return tr("{kind} into {service} for {time}").format(kind=step.kind, service=step.service, time=lasts)
