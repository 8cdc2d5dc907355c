"""The operator's window: puts the parts in their places and hands to each what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QMainWindow, QStackedWidget, QVBoxLayout, QWidget

from .. import wording
from ..translate import tr
from .banner import Banner, Chip
from .field import Field
from .grid import CardGrid
from .metrics import SystemPanel
from .pages import TroublePage
from .remedy import RemedyBar
from .text import Elided, ink, label

if TYPE_CHECKING:
    from ..answers import Remediation
    from ..reducer import Changes
    from ..session import Session
    from .card import CardWidget
    from .confirm import Confirm
    from .rooms import Rooms
    from .service_window import ServiceWindow

TICK = 1000
"""Milliseconds between two looks at the clock, while the window is to be seen."""
CONFIRMED = ("stop", "restart")


class Window(QMainWindow):
    """One window for one agent at a time; ``session`` is exchanged when another host is chosen."""

    left = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.session = session
        self._quiet: set[str] = set()
        self._question: Confirm | None = None
        self._windows: dict[str, ServiceWindow] = {}
        self._rooms: Rooms | None = None
        self.setWindowTitle("IncidentOps")
        self._tick = QTimer(self, interval=TICK)
        self._tick.timeout.connect(self._on_tick)
        self._build()
        self.use(session)
        self.stack.setFocus()

    # -- building

    def _build(self) -> None:
        self.heading = Elided(self, 1.35, bold=True)
        self.tally = label(self, 1.0)
        self.chip = Chip(self)
        self.only = label(self, 0.92, bold=True)
        self.only.setText(tr("Read only"))
        self.filter = Field(tr("Filter (Ctrl+F)"), tr("Filter the services"), self)
        self.filter.setFixedWidth(250)
        self.filter.textChanged.connect(self._on_filter)
        head = QHBoxLayout()
        head.setSpacing(12)
        for widget in (self.heading, self.chip, self.tally, self.only):
            head.addWidget(widget)
        head.addStretch(1)
        head.addWidget(self.filter)

        self.banner = Banner(self)
        self.banner.retry.connect(lambda: self.session.link.connect_now())
        self.banner.copied.connect(self.copy_connection)
        self.metrics_title = label(self, 0.85, bold=True)
        self.metrics_title.setText(tr("SYSTEM METRICS"))
        self.metrics = SystemPanel(self)
        self.services_title = label(self, 0.85, bold=True)
        self.services_title.setText(tr("SERVICES"))
        self.grid = CardGrid(lambda: self.session.store.state, self._may_act, self)
        self.grid.made.connect(self._on_card)
        self.empty = label(self, 1.0)
        self.remedy = RemedyBar(self)
        self.remedy.asked.connect(self.remediate)
        self.remedy.planned.connect(lambda: self.rooms.plan())

        body = QVBoxLayout()
        body.setContentsMargins(18, 12, 18, 12)
        body.setSpacing(9)
        body.addLayout(head)
        for part in (self.banner, self.metrics_title, self.metrics, self.services_title, self.empty):
            body.addWidget(part)
        body.addWidget(self.grid, 1)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(body, 1)
        column.addWidget(self.remedy)
        live = QWidget(self)
        live.setLayout(column)
        self.page = TroublePage(self)
        self.page.retry.connect(lambda: self.session.link.connect_now())
        self.page.copied.connect(self.copy_connection)
        self.stack = QStackedWidget(self)
        self.stack.addWidget(live)
        self.stack.addWidget(self.page)
        self.stack.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCentralWidget(self.stack)

    def _on_card(self, card: CardWidget) -> None:
        card.asked.connect(self.act)
        card.opened.connect(self.open_service)
        card.wanted.connect(lambda what, subject: self.rooms.open(what, subject))
        card.copied.connect(self.copy_details)
        card.pin_toggled.connect(self.toggle_pin)
        card.note_dismissed.connect(lambda name: self.session.dismiss(name))

    def use(self, session: Session) -> None:
        """Show another agent from now on."""
        for window in list(self._windows.values()):
            window.close()
        if session is not self.session:
            self.session.store.changed.disconnect(self._on_changes)
            self.session.commands.started.disconnect(self._on_started)
            self.session.commands.remediated.disconnect(self._on_remediated)
        self._quiet.clear()
        self.session = session
        if self._rooms is not None:
            self._rooms.use(session)
        session.store.changed.connect(self._on_changes)
        session.commands.started.connect(self._on_started)
        session.commands.remediated.connect(self._on_remediated)
        self.only.setVisible(session.commands.read_only)
        self.setWindowTitle(f"{session.target.title} — IncidentOps")
        self.heading.setText(session.target.title)
        self.grid.remove_gone()
        self._show_connection()
        self.metrics.show_state(session.store.state)
        self._show_remedy()

    # -- what has changed

    def _on_changes(self, changes: Changes) -> None:
        state = self.session.store.state
        if changes.roster:
            self.grid.remove_gone()
        if changes.cards:
            self.grid.refresh(changes.cards)
            for name in changes.cards & set(self._windows):
                self._windows[name].show_state(state)
        if changes.cards or changes.roster:
            self._show_tally()
        if changes.connection or changes.agent:
            self._show_connection()
        if changes.connection or changes.system:
            self.metrics.show_state(state)
        if changes.connection or changes.cards or changes.remediation:
            self._show_remedy()

    def _show_connection(self) -> None:
        state = self.session.store.state
        self.chip.show_state(state)
        self.banner.show_state(state)
        known = state.connection.live or bool(state.cards)
        if not known:
            self.page.show_state(state, self.session.target)
        wanted = 0 if known else 1
        if self.stack.currentIndex() != wanted:
            self.stack.setCurrentIndex(wanted)
        self._show_tally()

    def _show_tally(self) -> None:
        state = self.session.store.state
        up, down = wording.tally(state)
        text = tr("{up} up · {down} down").format(up=up, down=down) if state.cards else ""
        if not state.connection.live and state.connection.as_of is not None and text:
            text = f"{text} ({tr('as of {time}').format(time=wording.clock(state.connection.as_of))})"
        self.tally.setText(text)
        ink(self.tally, "bad" if down and state.connection.live else "muted")
        hidden = len(state.cards) - len(self.grid.shown) if self.grid.wanted else 0
        self.empty.setVisible(bool(state.cards) and not self.grid.shown and bool(self.grid.wanted))
        self.empty.setText(tr("No service fits the filter; Esc clears it."))
        self.services_title.setText(
            tr("SERVICES") + (f"  ·  {tr('{n} hidden by the filter').format(n=hidden)}" if hidden else "")
        )

    def _show_remedy(self) -> None:
        self.remedy.show_state(self.session.store.state, not self.session.commands.read_only)

    def _on_tick(self) -> None:
        state = self.session.store.state
        self.grid.show_times()
        self.banner.show_times(state)
        if self.stack.currentIndex() == 1:
            self.page.show_times(state)
        if state.remediating is not None:
            self._show_remedy()

    def recolour(self) -> None:
        """After another theme was chosen."""
        for part in (self.banner, self.chip, self.page, self.remedy):
            part.recolour()
        for title in (self.metrics_title, self.services_title, self.empty, self.only):
            ink(title, "muted")
        self._show_tally()

    # -- what the operator does

    @property
    def rooms(self) -> Rooms:
        """The windows beside this one."""
        if self._rooms is None:
            from .rooms import Rooms

            self._rooms = Rooms(self)
        return self._rooms

    def _may_act(self) -> bool:
        return not self.session.commands.read_only

    def act(self, service: str, action: str) -> None:
        """Do it; stop and restart ask first."""
        state = self.session.store.state
        if not self._may_act() or service not in state.cards or not state.connection.live:
            return
        if action not in CONFIRMED or action in self._quiet:
            self.session.commands.act(service, action)
            return
        from .confirm import Confirm  # as all that is opened later: not loaded before the first painting

        question = Confirm(state, service, action, self)
        self._question = question
        question.confirmed.connect(self._on_confirmed)
        question.open()
        self.session.commands.read_detail(service, question.show_detail)

    def _on_confirmed(self, service: str, action: str) -> None:
        if self._question is not None and self._question.quiet.isChecked():
            self._quiet.add(action)
        self.session.commands.act(service, action)

    def act_on_focused(self, action: str) -> None:
        name = self.grid.focused()
        if name:
            self.act(name, action)

    def chosen(self) -> str:
        """The card with the focus, else the first one."""
        return self.grid.focused() or (self.grid.shown[0] if self.grid.shown else "")

    def open_upkeep(self, what: str) -> None:
        """Maintenance or automatic recovery of the chosen card's service."""
        if self.chosen():
            self.rooms.open(what, self.chosen())

    def refresh(self) -> None:
        """Read everything anew; where there is no connection, try at once."""
        if self.session.store.state.connection.live:
            self.session.commands.refresh()
        else:
            self.session.link.connect_now()

    def set_failed_first(self, on: bool) -> None:
        self.grid.failed_first = on
        self.grid.arrange()

    def remediate(self) -> None:
        self.session.commands.remediate()

    def _on_started(self, service: str) -> None:
        from . import popup

        popup.started(service, self).show()

    def _on_remediated(self, answer: Remediation) -> None:
        from . import popup

        shown = popup.remediated(answer, self)
        shown.planned.connect(lambda: self.rooms.plan_done(answer))
        shown.show()

    def open_service(self, name: str) -> None:
        """The service's own window, raised when it is open already."""
        state = self.session.store.state
        if name not in state.cards:
            return
        window = self._windows.get(name)
        if window is None:
            from .service_window import ServiceWindow

            window = ServiceWindow(self.session.target, name, self)
            window.destroyed.connect(lambda *_: self._windows.pop(name, None))
            self._windows[name] = window
            window.show_state(state)
        window.show()
        window.raise_()
        window.activateWindow()

    def copy_details(self, name: str) -> None:
        if name in self.grid.cards:
            QGuiApplication.clipboard().setText(self.grid.cards[name].details(self.session.store.state))

    def copy_connection(self) -> None:
        connection = self.session.store.state.connection
        lines = [f"agent:    {self.session.target.text}", f"state:    {connection.phase}, {connection.trouble}",
                 f"message:  {connection.message}", f"system:   {connection.detail}"]  # fmt: skip
        QGuiApplication.clipboard().setText("\n".join(lines))

    def toggle_pin(self, name: str) -> None:
        if not name:
            return
        pinned = self.grid.pinned
        pinned.symmetric_difference_update({name})
        card = self.grid.cards.get(name)
        if card is not None:
            card.pinned = name in pinned
            card.update()
        self.grid.arrange()

    def focus_filter(self) -> None:
        self.filter.setFocus()
        self.filter.selectAll()

    def _on_filter(self, text: str) -> None:
        self.grid.wanted = text
        self.grid.arrange()
        self._show_tally()

    def escape(self) -> None:
        """Clear the filter, or the last message."""
        if self.filter.text():
            self.filter.clear()
        else:
            self.session.dismiss(self.grid.focused())

    def show_keys(self) -> None:
        from .keys import CheatSheet

        CheatSheet(self).show()

    # -- the window itself

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        super().showEvent(event)
        self._tick.start()
        self.recolour()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        super().hideEvent(event)
        self._tick.stop()

    def quit(self) -> None:
        self.left.emit()
