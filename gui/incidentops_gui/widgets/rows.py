"""The ground of rows in lists whose lines are painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QStyle, QStyleOptionViewItem

from .. import theme
from . import paint

if TYPE_CHECKING:
    from PySide6.QtCore import QRectF
    from PySide6.QtGui import QPainter


def highlight(painter: QPainter, option: QStyleOptionViewItem, box: QRectF) -> None:
    """The ground of a chosen row, and of the one that the pointer is over."""
    tokens = theme.current()
    if option.state & QStyle.StateFlag.State_Selected:
        line = tokens.accent if option.state & QStyle.StateFlag.State_HasFocus else tokens.edge
        paint.rounded(painter, box, tokens.hover, line, 7)
    elif option.state & QStyle.StateFlag.State_MouseOver:
        paint.rounded(painter, box, tokens.raised, None, 7)
