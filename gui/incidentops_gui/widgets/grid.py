"""The cards: as many columns as there is room for, made and updated in slices so that nothing blocks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from .. import ordering
from ..turns import Slice
from .card import WIDTH, CardWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from PySide6.QtGui import QKeyEvent, QResizeEvent

    from ..state import State
    from ..turns import Turns

GAP = 12
PAINTING = 0.0012
"""Seconds that the painting of a card in sight takes; it comes in the same turn of the event loop as its update."""
SHOWING = 0.003
"""Seconds that Qt takes to show a new card, and to paint it: a slice makes one."""
AT_ONCE = 2
"""So many cards are shown anew in the turn in which they have changed; more of them get turns of their own."""
SETTLE = 50
"""Milliseconds for which a new order waits, so that a burst of changes moves everything once."""
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
        # A card more at its end must not paint all the others anew.
        self._canvas.setAttribute(Qt.WidgetAttribute.WA_StaticContents)
        self.setWidget(self._canvas)
        self.setWidgetResizable(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._turns: Turns | None = None
        self._seen = False
        self._tabs: list[str] = []
        self._place = QTimer(self, singleShot=True, interval=0)
        self._place.timeout.connect(self._arrange_soon)
        self._expected = 0

    # -- updating

    def use(self, turns: Turns) -> None:
        """Take turns with what else there is to do for the agent that is shown."""
        if self._turns is not None:
            self._turns.forget(self._update_some)
            self._turns.forget(self.arrange)
            self._turns.forget(self._lay_out)
        self._turns = turns

    def set_seen(self, seen: bool) -> None:
        """While nobody sees the cards they are left as they are; what comes into sight again is shown anew first."""
        was, self._seen = self._seen, seen
        if seen and not was and self._dirty:
            state = self._state()
            for name in self.in_sight():
                if name in self._dirty and name in state.cards:
                    del self._dirty[name]
                    self.cards[name].show_card(state, self._may_act())
            self._update_some()

    def refresh(self, names: Iterable[str]) -> None:
        """Show these cards anew, as soon as the time allows."""
        self._dirty.update(dict.fromkeys(names))
        if len(self._dirty) <= AT_ONCE and self._dirty.keys() <= self.cards.keys():
            self._update_some()
        elif self._turns is not None:
            self._turns.soon(self._update_some)

    def _update_some(self) -> None:
        """What is in sight first; what takes longer than a slice waits for another turn of the event loop."""
        if not self._seen or self._turns is None or not self._dirty:
            return
        state, may_act, now = self._state(), self._may_act(), Slice()
        seen, fresh = set(self.in_sight()), False
        for name in self._in_turn(state, seen):
            del self._dirty[name]
            if name not in self.cards:
                self._make(name)
                fresh = True
                now.spend(SHOWING)
            self.cards[name].show_card(state, may_act)
            if name in seen:
                now.spend(PAINTING)
            if now.over:
                break
        if self._dirty:
            self._turns.soon(self._update_some)
        if fresh:
            self.arrange()
        elif not self._dirty and not self._place.isActive() and self._order_changed(state):
            # Nothing moves away under the pointer while somebody may be about to click.
            self._place.start(CALM if self._canvas.underMouse() else SETTLE)

    def _in_turn(self, state: State, seen: set[str]) -> list[str]:
        """The cards to show anew: those in sight, then the new ones in their order, then the rest."""
        for name in [name for name in self._dirty if name not in state.cards]:
            del self._dirty[name]
        if len(self._dirty) == 1:
            return list(self._dirty)
        order = ordering.order(state, self.pinned, self.wanted, self.failed_first)
        place = {name: number for number, name in enumerate(order)}
        return sorted(self._dirty, key=lambda name: (name not in seen, name in self.cards, place.get(name, len(place))))

    def _make(self, name: str) -> None:
        card = CardWidget(name, self._canvas)
        card.pinned = name in self.pinned
        card.resized.connect(self._on_resized)
        self.cards[name] = card
        self.made.emit(card)

    def _on_resized(self) -> None:
        """A card needs another height: that waits for no calm, as a new order does."""
        if self._turns is not None:
            self._turns.soon(self._lay_out)

    def remove_gone(self) -> None:
        """Drop the cards of services that are no more."""
        state = self._state()
        for name in [name for name in self.cards if name not in state.cards]:
            card = self.cards.pop(name)
            card.hide()
            card.deleteLater()
        self.arrange()

    def show_times(self) -> float | None:
        """What the time alone changes, in sight; the seconds until it changes again, None when it does not."""
        state, now = self._state(), time.time()
        due = None
        for name in self.in_sight():
            card = self.cards[name]
            if name not in state.cards:
                continue
            if card.due is not None and card.due <= now:
                card.show_times(state)
            if card.due is not None and (due is None or card.due < due):
                due = card.due
        return None if due is None else max(due - now, 0.0)

    def in_sight(self) -> list[str]:
        """The cards of which something is to be seen."""
        top = self.verticalScrollBar().value()
        bottom = top + self.viewport().height()
        shown = ((name, self.cards[name]) for name in self.shown if name in self.cards)
        return [name for name, card in shown if card.y() < bottom and card.y() + card.height() > top]

    # -- placing

    def _order_changed(self, state: State) -> bool:
        return self._order(state) != self.shown

    def _order(self, state: State) -> list[str]:
        names = ordering.order(state, self.pinned, self.wanted, self.failed_first)
        return [name for name in names if name in self.cards]

    def columns(self) -> int:
        return max((self.viewport().width() + GAP) // (WIDTH + GAP), 1)

    def _arrange_soon(self) -> None:
        """In a turn of its own, when nothing else waits: if cards move, all that is in sight is painted anew."""
        if self._turns is None:
            return
        if self._turns.busy:
            self._place.start(SETTLE)
        else:
            self._turns.soon(self.arrange)

    def arrange(self) -> None:
        """Put every card in its place."""
        self._place.stop()
        wanted = ordering.order(self._state(), self.pinned, self.wanted, self.failed_first)
        self.shown = [name for name in wanted if name in self.cards]
        self._expected = len(wanted)
        self._lay_out()
        self._tab_order()

    def _lay_out(self) -> None:
        """Give every card the room that it needs, in the order that there is."""
        compact = self._expected > MANY
        columns, width = self.columns(), self.viewport().width()
        each = (width - GAP * (columns - 1)) / columns
        top, height, hidden = 0, 0, set(self.cards) - set(self.shown)
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
        # Room for those that are not made yet: the bar at the side is there from the beginning, the width stays.
        missing = -(-self._expected // columns) - -(-len(self.shown) // columns)
        self._canvas.resize(width, max(top + missing * (height + GAP) - GAP, 0))

    def _tab_order(self) -> None:
        if self._tabs == self.shown:
            return
        self._tabs = list(self.shown)
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
