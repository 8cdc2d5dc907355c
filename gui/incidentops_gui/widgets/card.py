"""One service: LED, state and reason, figures, buttons, and the last lines of its action log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMenu, QSizePolicy, QVBoxLayout, QWidget

from .. import details, recovery, theme, wording
from ..state import Tone
from ..translate import tr
from . import card_rows, paint
from .badge import Badge
from .button import Button
from .fault_slot import FaultSlot
from .figures import Figures
from .led import LOOKS, Led
from .text import Elided, Lines, ink, label, write

if TYPE_CHECKING:
    from ..state import Card, State
    from ..wire import Service

LOG_LINES = 3
WIDTH = 352
"""Pixels that a card needs at least."""
STRIPE = 4
"""Pixels at the left edge that are painted in the colour of what is wrong."""


class CardWidget(QFrame):
    """Thin: ``show_card`` paints what the state says. ``asked`` carries (service, action); ``opened`` the service;
    ``wanted`` (what, subject) asks for a window beside the main one."""

    asked = Signal(str, str)
    opened = Signal(str)
    copied = Signal(str)
    pin_toggled = Signal(str)
    note_dismissed = Signal(str)
    resized = Signal()
    wanted = Signal(str, str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.name = name
        self.live = False
        self.pinned = False
        self.compact = False
        self.due: float | None = None
        """When the time alone changes what it shows, seconds since the epoch by our clock; None for never."""
        self._offered = ""
        self._upkeep_role = "muted"
        self._card: Card | None = None
        self._tone = "muted"
        self._inks: tuple[theme.Tokens, str, str, str, str] | None = None
        self._height = (0, 0)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._build()

    # -- building

    def _build(self) -> None:
        self.led = Led(self)
        self.title = Elided(self, 1.12, bold=True)
        self.word = label(self, 1.0, bold=True)
        self.unit = Elided(self, 0.85)
        self.badge = Badge(self)
        self.badge.clicked.connect(lambda: self.wanted.emit("incident", self.badge.incident))
        self.upkeep = label(self, 0.92)
        self.upkeep.setWordWrap(True)
        self.upkeep.hide()
        self.message = label(self, 0.92)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.message.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.offer = Button("", "quiet", self)
        self.offer.setFlat(True)
        self.offer.setFont(self.message.font())
        self.offer.setFixedHeight(self.message.fontMetrics().height())
        self.offer.clicked.connect(lambda: self.asked.emit(self.name, self._offered))
        self.offer.hide()
        self.figures = Figures(self)
        self.log = Lines(self, 0.88)

        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.led)
        head.addWidget(self.title)
        head.addStretch(1)
        head.addWidget(self.word)
        told = QHBoxLayout()
        told.addWidget(self.message, 1)
        told.addWidget(self.offer, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 11, 14, 11)
        column.setSpacing(6)
        column.addLayout(head)
        about = QHBoxLayout()
        about.addWidget(self.unit)
        about.addStretch(1)
        about.addWidget(self.badge)
        column.addLayout(about)
        self.fault = FaultSlot(self.name, self, column)
        self.fault.reverted.connect(lambda: self.wanted.emit("revert", self.name))
        column.addWidget(self.upkeep)
        column.addLayout(told)
        column.addWidget(self.figures)
        column.addLayout(self._buttons())
        column.addWidget(self.log)
        column.addStretch(1)

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        self.ping = Button(tr("Ping"), parent=self)
        self.start = Button(tr("Start"), parent=self)
        self.stop = Button(tr("Stop"), "danger", self)
        for action, button in (("ping", self.ping), ("start", self.start), ("stop", self.stop)):
            button.clicked.connect(lambda _checked=False, word=action: self.asked.emit(self.name, word))
            row.addWidget(button)
        row.addStretch(1)
        self.journal = Button(tr("Journal"), "quiet", self)
        self.journal.clicked.connect(lambda: self.opened.emit(self.name))
        row.addWidget(self.journal)
        self.more = Button("⋯", "quiet", self)
        self.more.setToolTip(tr("More"))
        self.more.clicked.connect(self.show_menu)
        row.addWidget(self.more)
        return row

    def menu(self) -> QMenu:
        """What else there is to do; made when it is wanted."""
        from . import card_menu

        return card_menu.make(
            self, self._card, self.ping.isEnabled(), self.stop.isEnabled(), self.pinned, self._on_entry
        )

    def _on_entry(self, word: str) -> None:
        """Something was chosen in the menu."""
        told = {"journal": self.opened, "copy": self.copied, "pin": self.pin_toggled, "dismiss": self.note_dismissed}
        if word in told:
            told[word].emit(self.name)
        elif word == "restart":
            self.asked.emit(self.name, word)
        else:
            self.wanted.emit(word, self.name)

    def show_menu(self) -> None:
        self.menu().popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    # -- showing

    def show_card(self, state: State, may_act: bool) -> None:
        """Paint the card of this service as the state has it."""
        card = state.cards[self.name]
        before, self._card = self._card, card
        service = card.service
        self.live = state.is_live(self.name)
        self.led.show_state(service.title, service.state, service.up, self.live)
        if before is None or before.service.title != service.title:
            self.title.setText(service.title)
            self._name(service.title)
        write(self.unit, f"{self.name} · {service.unit.name}")
        self._show_buttons(card, may_act and self.live)
        grown = self._show_message(card, state)
        grown = self._show_upkeep(service) or grown
        grown = self.fault.show_state(state, may_act and self.live) or grown
        if before is None or before.log != card.log:
            grown = self._show_log(card) or grown
        self.show_times(state)
        self.recolour()
        if grown and self._measure(self.width()) != self._height[1]:
            self._height = (0, 0)
            self.resized.emit()

    def _name(self, title: str) -> None:
        """For who can't see which card a button is on."""
        self.setAccessibleName(title)
        for button in (self.ping, self.start, self.stop, self.journal):
            button.setAccessibleName(tr("{button}: {service}").format(button=button.text(), service=title))
        self.more.setAccessibleName(tr("{button}: {service}").format(button=tr("More"), service=title))

    def height_for(self, width: int) -> int:
        """Pixels that it needs at this width."""
        if self._height[0] != width:
            self._height = (width, self._measure(width))
        return self._height[1]

    def _measure(self, width: int) -> int:
        """A layout inside a layout learns of a change only by activate()."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        return layout.totalHeightForWidth(width)

    def show_times(self, state: State) -> None:
        """What changes with the time alone: how long ago, how long already; ``due`` is when it does so again."""
        card = state.cards[self.name]
        service, now = card.service, time.time()
        there = now + state.clock_offset
        as_of = state.connection.as_of if not state.connection.live else None
        if as_of is not None:
            there = as_of + state.clock_offset  # what is not live does not grow older, it is as it was then
        word = wording.busy(card, now, there) if state.connection.live else ""
        if not word:
            word = f"{wording.status(service.up)} · {wording.state(service.state)}"
        if not self.live and as_of is not None:
            word = tr("{state} as of {time}").format(state=wording.state(service.state), time=wording.clock(as_of))
        write(self.word, word)
        self.badge.show_state(state, self.name)
        self.fault.show_time(there)
        self.figures.show_rows(card_rows.rows(state, self.name, there), self.live)
        wait = self._lasts(state, there) if as_of is None else None
        self.due = None if wait is None else now + wait

    def _lasts(self, state: State, there: float) -> float | None:
        """Seconds until the time alone changes one of its texts; None when none of them has a time in it."""
        card, incident = state.cards[self.name], state.incident_of(self.name)
        service = card.service
        counts = service.auto is not None and service.auto.state == "waiting"
        if (
            counts
            or (service.fault is not None and service.fault.holds)
            or service.busy is not None
            or card.pending is not None
        ):
            return 1.0
        lasts = [wording.ago_lasts(service.started, there)]
        if incident is not None:
            lasts.append(wording.seconds_last(there - incident.began))
        return min((one for one in lasts if one is not None), default=None)

    def _show_upkeep(self, service: Service) -> bool:
        """Maintenance, and automatic recovery at work: a line that is there only then. Whether the card
        may need another height for it."""
        window = service.maintenance
        text, self._upkeep_role = recovery.line(
            window, service.auto, wording.minute(window.until) if window is not None else ""
        )
        self.upkeep.setVisible(bool(text))
        if not write(self.upkeep, text):
            return False
        self.upkeep.setAccessibleName(text)
        return True

    def _show_message(self, card: Card, state: State) -> bool:
        """Whether the card may need another height for it."""
        note, service = card.note, card.service
        tone = "muted"
        if service.stale and state.connection.live:
            text, tone = tr("systemd does not answer: this is the last that it said."), "warn"
        elif note is not None:
            text = note.text
            tone = {Tone.GOOD: "good", Tone.BAD: "bad"}.get(note.tone, "muted")
        elif service.reason:
            text = service.reason[:1].upper() + service.reason[1:]
            tone = "bad" if service.state in ("failed", "unresponsive") and self.live else "muted"
        else:
            text = tr("Answers its probe") if service.up else ""
        self._tone = tone
        offers = self.offer.isHidden()
        self._show_offer(card)
        return write(self.message, text or " ") or offers != self.offer.isHidden()

    def _show_offer(self, card: Card) -> None:
        """One click to what helps most: to undo a stop, or to restart what hangs (a start would be refused)."""
        offered = card.note.undo if card.note is not None else ""
        if not offered and card.service.state == "unresponsive" and card.service.fault is None:
            offered = "restart"
        words = {"start": tr("Start again"), "restart": tr("Restart")}
        self._offered = offered if card.pending is None else ""
        if offered:
            write(self.offer, words.get(offered, offered))
        self.offer.setVisible(bool(self._offered) and self.live and self.ping.isEnabled())

    def _show_log(self, card: Card) -> bool:
        lines = [_short(line) for line in card.log[-LOG_LINES:]]
        lines = [*[""] * (LOG_LINES - len(lines)), *lines] if lines else [tr("No operator actions yet"), "", ""]
        self.log.setToolTip("\n".join(card.log[-20:]))
        return write(self.log, "\n".join(lines)) and not self.compact

    def _show_buttons(self, card: Card, may_act: bool) -> None:
        idle = may_act and card.pending is None
        service = card.service
        running = service.unit.active not in ("inactive", "failed")
        self.ping.setEnabled(idle)
        self.start.setEnabled(idle and not (service.up and service.busy is None) and service.state != "not-installed")
        self.stop.setEnabled(idle and (running or service.up))
        helps = self.start.isEnabled() and service.state in ("stopped", "failed")
        self.start.set_kind("primary" if helps else "plain")

    def set_compact(self, compact: bool) -> None:
        if compact != self.compact:
            self.compact = compact
            self.log.setVisible(not compact)
            self._height = (0, 0)

    def recolour(self) -> None:
        """Take the theme's colours; the rest is painted with them anyway."""
        if self._card is None:
            return
        look = LOOKS.get(self._card.service.state, LOOKS["unknown"])
        inks = (
            theme.current(),
            "text" if self.live else "muted",
            look.role if self.live else "muted",
            self._upkeep_role if self.live else "muted",
            self._tone,
        )
        if inks == self._inks:
            return
        _, title, word, upkeep, message = self._inks = inks
        for widget, role in (
            (self.title, title),
            (self.word, word),
            (self.unit, "muted"),
            (self.log, "muted"),
            (self.upkeep, upkeep),
            (self.message, message),
        ):
            ink(widget, role)
        self.update(0, 0, STRIPE, self.height())

    def details(self, state: State) -> str:
        return details.text(state, self.name)

    # -- events

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 (Qt's name)
        painter = QPainter(self)
        tokens = theme.current()
        box = QRectF(self.rect())
        paint.rounded(painter, box, tokens.card, tokens.border, 10)
        role = LOOKS.get(self._card.service.state, LOOKS["unknown"]).role if self._card else "muted"
        if self.live and role in ("bad", "warn"):
            painter.save()
            painter.setClipRect(QRectF(0, 0, STRIPE, self.height()))
            paint.rounded(painter, box, getattr(tokens, role), None, 10)
            painter.restore()
        if self.hasFocus():
            paint.rounded(painter, box, None, tokens.accent, 10, 2)
        if self.pinned:
            painter.setPen(QColor(tokens.muted))
            painter.setFont(paint.font(self.font(), 0.8))
            area = QRectF(box.right() - 70, self.unit.y(), 56, self.unit.height())
            painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), tr("pinned"))

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if event.button() is Qt.MouseButton.RightButton:
            self.menu().popup(event.globalPosition().toPoint())

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:  # noqa: N802
        self.opened.emit(self.name)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.hasFocus():
            self.opened.emit(self.name)
        elif event.key() == Qt.Key.Key_Menu:
            self.show_menu()
        elif event.key() == Qt.Key.Key_Escape and self._card is not None and self._card.note is not None:
            self.note_dismissed.emit(self.name)
        else:
            super().keyPressEvent(event)


def _short(line: str) -> str:
    """A line of the log with the time of day here instead of the whole instant; the sentence as it is."""
    at, bar, sentence = line.partition(" | ")
    return f"{details.local_clock(at)}  {sentence}" if bar else line
