"""The cards: as many columns as there is room for, made and updated in slices so that nothing blocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from .. import ordering
from .card import WIDTH, CardWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from ..state import State

GAP = 12
SLICE = 0.006
"""Seconds of work at a time."""
CALM = 2500
"""Milliseconds for which a new order waits while the pointer is over the cards."""
MANY = 12
"""From this many cards on, they are shown without their logs."""


class CardGrid(QScrollArea):
    """``made`` is emitted for each new card, so that the window connects it."""

    made = Signal(CardWidget)

    def __init__(self, state: Callable[[], State], may_act: Callable[[], bool], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._may_act = may_act
        self.cards: dict[str, CardWidget] = {}
        self.shown: list[str] = []
        self.pinned: set[str] = set()
        self.wanted = ""
        self.failed_first = True
        self._dirty: dict[str, None] = {}
        self._canvas = QWidget()
        self.setWidget(self._canvas)
        self.setWidgetResizable(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._work = QTimer(self, singleShot=True, interval=0)
        self._work.timeout.connect(self._update_some)
        self._place = QTimer(self, singleShot=True, interval=0)
        self._place.timeout.connect(self.arrange)

    # -- updating

    def refresh(self, names: Iterable[str]) -> None:
        """Show these cards anew, as soon as the time allows."""
        self._dirty.update(dict.fromkeys(names))
        if self._dirty:
            self._update_some()

    def _update_some(self) -> None:
        """What is visible first; what takes longer than SLICE waits for the next turn."""
        state, until = self._state(), time.monotonic() + SLICE
        may_act = self._may_act()
        fresh = False
        while self._dirty:
            name = next(iter(self._dirty))
            del self._dirty[name]
            if name not in state.cards:
                continue
            if name not in self.cards:
                self._make(name)
                fresh = True
            self.cards[name].show_card(state, may_act)
            if time.monotonic() > until and self._dirty:
                # New cards are placed at once; an order that is only half known is not worth the work.
                self._work.start()
                if fresh:
                    self._place.start(0)
                return
        if fresh:
            self.arrange()
        elif self._order_changed(state):
            # Nothing moves away under the pointer while somebody may be about to click.
            if self._canvas.underMouse():
                self._place.start(CALM)
            else:
                self.arrange()

    def _make(self, name: str) -> None:
        card = CardWidget(name, self._canvas)
        card.pinned = name in self.pinned
        card.resized.connect(lambda: self._place.start(0))
        self.cards[name] = card
        self.made.emit(card)

    def remove_gone(self) -> None:
        """Drop the cards of services that are no more."""
        state = self._state()
        for name in [name for name in self.cards if name not in state.cards]:
            card = self.cards.pop(name)
            card.hide()
            card.deleteLater()
        self.arrange()

    def show_times(self) -> None:
        state = self._state()
        top, bottom = self._visible_span()
        for name in self.shown:
            card = self.cards[name]
            if name in state.cards and card.y() < bottom and card.y() + card.height() > top:
                card.show_times(state)

    def _visible_span(self) -> tuple[int, int]:
        top = self.verticalScrollBar().value()
        return top, top + self.viewport().height()

    # -- placing

    def _order_changed(self, state: State) -> bool:
        return self._order(state) != self.shown

    def _order(self, state: State) -> list[str]:
        names = ordering.order(state, self.pinned, self.wanted, self.failed_first)
        return [name for name in names if name in self.cards]

    def columns(self) -> int:
        return max((self.viewport().width() + GAP) // (WIDTH + GAP), 1)

    def arrange(self) -> None:
        """Put every card in its place."""
        self._place.stop()
        state = self._state()
        self.shown = self._order(state)
        compact = len(self.shown) > MANY
        columns, width = self.columns(), self.viewport().width()
        each = (width - GAP * (columns - 1)) / columns
        top, hidden = 0, set(self.cards) - set(self.shown)
        for name in hidden:
            self.cards[name].hide()
        for begin in range(0, len(self.shown), columns):
            row = [self.cards[name] for name in self.shown[begin : begin + columns]]
            for card in row:
                card.set_compact(compact)
            height = max(card.height_for(int(each)) for card in row)
            for column, card in enumerate(row):
                left = round(column * (each + GAP))
                card.setGeometry(left, top, round(column * (each + GAP) + each) - left, height)
                if card.isHidden():
                    card.show()
            top += height + GAP
        self._canvas.resize(width, max(top - GAP, 0))
        self._tab_order()

    def _tab_order(self) -> None:
        for first, second in zip(self.shown, self.shown[1:], strict=False):
            self.setTabOrder(self.cards[first].more, self.cards[second])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 (Qt's name)
        super().resizeEvent(event)
        self.arrange()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange:
            for card in self.cards.values():
                card.recolour()

    # -- the keyboard

    def focused(self) -> str:
        """The service whose card has the focus, or holds what has it; empty for none."""
        widget: QWidget | None = self.focusWidget()
        while widget is not None and not isinstance(widget, CardWidget):
            widget = widget.parentWidget()
        return widget.name if isinstance(widget, CardWidget) else ""

    def focus_card(self, index: int) -> None:
        if 0 <= index < len(self.shown):
            card = self.cards[self.shown[index]]
            card.setFocus(Qt.FocusReason.ShortcutFocusReason)
            self.ensureWidgetVisible(card, 0, GAP)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        steps = {
            Qt.Key.Key_Left: -1,
            Qt.Key.Key_Right: 1,
            Qt.Key.Key_Up: -self.columns(),
            Qt.Key.Key_Down: self.columns(),
        }
        step = steps.get(Qt.Key(event.key()))
        name = self.focused()
        if step is None or not name:
            super().keyPressEvent(event)
            return
        self.focus_card(self.shown.index(name) + step)
