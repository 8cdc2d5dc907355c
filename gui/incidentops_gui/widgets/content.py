"""What the window shows: the parts in their places, and to each what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from .. import wording
from ..state import Phase
from ..translate import tr
from .banner import Banner, Chip
from .clock import Clock
from .field import Field
from .grid import CardGrid
from .metrics import SystemPanel
from .pages import TroublePage
from .panic import PanicBar
from .remedy import RemedyBar
from .text import Elided, ink, label, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtGui import QHideEvent, QShowEvent

    from ..reducer import Changes
    from ..session import Session


class Content(QStackedWidget):
    """The services, or the page that says why there are none.

    ``build`` makes the parts in steps, between which the event loop may turn; ``use`` shows a session in them.
    ``retry``, ``copied``, ``remediate``, ``planned`` (to see the plan first), ``panic``, ``faults`` and ``chaos``
    (their windows) are what the operator asks for.
    """

    retry = Signal()
    copied = Signal()
    remediate = Signal()
    planned = Signal()
    panic = Signal()
    faults = Signal()
    chaos = Signal()

    session: Session

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._clock = Clock(self.show_times, self)

    # -- building

    def build(self) -> Iterator[None]:
        live = QWidget(self)
        head = self._build_head(live)
        yield
        parts = self._build_parts(live)
        yield
        self.page = TroublePage(self)
        self.page.retry.connect(self.retry)
        self.page.copied.connect(self.copied)
        yield
        body = QVBoxLayout()
        body.setContentsMargins(18, 12, 18, 12)
        body.setSpacing(9)
        body.addLayout(head)
        for part in parts:
            body.addWidget(part)
        body.addWidget(self.grid, 1)
        column = QVBoxLayout(live)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(body, 1)
        column.addWidget(self.remedy)
        self.addWidget(live)
        self.addWidget(self.page)
        yield

    def _build_head(self, live: QWidget) -> QHBoxLayout:
        self.heading = Elided(live, 1.35, bold=True)
        self.tally = label(live, 1.0)
        self.chip = Chip(live)
        self.only = label(live, 0.92, bold=True)
        self.only.setText(tr("Read only"))
        self.filter = Field(tr("Filter (Ctrl+F)"), tr("Filter the services"), live)
        self.filter.setFixedWidth(250)
        self.filter.textChanged.connect(self._on_filter)
        self.panic_bar = PanicBar(live)
        self.panic_bar.asked.connect(self.panic)
        self.panic_bar.listed.connect(self.faults)
        self.panic_bar.chaos_wanted.connect(self.chaos)
        row = QHBoxLayout()
        row.setSpacing(12)
        for widget in (self.heading, self.chip, self.tally, self.only):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self.panic_bar)
        row.addWidget(self.filter)
        return row

    def _build_parts(self, live: QWidget) -> tuple[QWidget, ...]:
        """What stands between the head and the cards, from top to bottom."""
        self.banner = Banner(live)
        self.banner.retry.connect(self.retry)
        self.banner.copied.connect(self.copied)
        self.metrics_title = label(live, 0.85, bold=True)
        self.metrics_title.setText(tr("SYSTEM METRICS"))
        self.metrics = SystemPanel(live)
        self.services_title = label(live, 0.85, bold=True)
        self.services_title.setText(tr("SERVICES"))
        self.empty = label(live, 1.0)
        self.grid = CardGrid(lambda: self.session.store.state, self.may_act, live)
        self.remedy = RemedyBar(live)
        self.remedy.asked.connect(self.remediate)
        self.remedy.planned.connect(self.planned)
        return self.banner, self.metrics_title, self.metrics, self.services_title, self.empty

    def may_act(self) -> bool:
        return not self.session.commands.read_only

    # -- what it shows

    def use(self, session: Session) -> None:
        """Show another agent from now on."""
        self.session = session
        self.only.setVisible(session.commands.read_only)
        self.heading.setText(session.target.title)
        self.grid.use(session.store.turns)
        self.grid.remove_gone()
        self._show_connection()
        self.metrics.show_state(session.store.state)
        self._show_remedy()
        self._show_panic()
        self._clock.look()

    def show_changes(self, changes: Changes) -> None:
        state = self.session.store.state
        if changes.roster:
            self.grid.remove_gone()
        if changes.cards:
            self.grid.refresh(changes.cards)
        if changes.cards or changes.roster:
            self._show_tally()
        if changes.cards or changes.roster or changes.connection or changes.faults or changes.chaos:
            self._show_panic()
        if changes.connection or changes.agent:
            self._show_connection()
        if changes.connection or changes.system:
            self.metrics.show_state(state)
        if changes.connection or changes.cards or changes.remediation:
            self._show_remedy()
        if changes.connection or changes.cards or changes.remediation:
            self._clock.look()

    def _show_connection(self) -> None:
        state = self.session.store.state
        self.chip.show_state(state)
        self.banner.show_state(state)
        connection = state.connection
        # While the first attempt is under way, the cards' page waits with nothing on it: mostly for some milliseconds.
        known = connection.live or bool(state.cards) or connection.phase is Phase.CONNECTING
        if not known:
            self.page.show_state(state, self.session.target)
        wanted = 0 if known else 1
        if self.currentIndex() != wanted:
            self.setCurrentIndex(wanted)
        self._show_tally()

    def _show_tally(self) -> None:
        state = self.session.store.state
        up, down = wording.tally(state)
        text = tr("{up} up · {down} down").format(up=up, down=down) if state.cards else ""
        if not state.connection.live and state.connection.as_of is not None and text:
            text = f"{text} ({tr('as of {time}').format(time=wording.clock(state.connection.as_of))})"
        write(self.tally, text)
        ink(self.tally, "bad" if down and state.connection.live else "muted")
        hidden = len(state.cards) - len(self.grid.shown) if self.grid.wanted else 0
        self.empty.setVisible(bool(state.cards) and not self.grid.shown and bool(self.grid.wanted))
        write(self.empty, tr("No service fits the filter; Esc clears it."))
        told = f"  ·  {tr('{n} hidden by the filter').format(n=hidden)}" if hidden else ""
        write(self.services_title, tr("SERVICES") + told)

    def _show_remedy(self) -> None:
        self.remedy.show_state(self.session.store.state, self.may_act())

    def _show_panic(self) -> None:
        self.panic_bar.show_state(self.session.store.state, self.may_act())

    def show_times(self) -> float | None:
        """What changes with the time alone; seconds until it changes again, None when it does not."""
        state = self.session.store.state
        due = [self.grid.show_times()]
        if not state.connection.live:
            self.banner.show_times(state)
            if self.currentIndex() == 1:
                self.page.show_times(state)
            due.append(1.0)
        if state.remediating is not None:
            self._show_remedy()
            due.append(1.0)
        return min((one for one in due if one is not None), default=None)

    def recolour(self) -> None:
        """After another theme was chosen."""
        for part in (self.banner, self.chip, self.page, self.remedy):
            part.recolour()
        for title in (self.metrics_title, self.services_title, self.empty, self.only):
            ink(title, "muted")
        self._show_tally()

    def _on_filter(self, text: str) -> None:
        self.grid.wanted = text
        self.grid.arrange()
        self._show_tally()

    # -- whether it is seen

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 (Qt's name)
        super().showEvent(event)
        self.set_seen(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        super().hideEvent(event)
        self.set_seen(False)

    def set_seen(self, seen: bool) -> None:
        """Whether anybody can see it: what is hidden or minimised is not kept up to date, but brought up to date."""
        if self.count():  # all of it is built
            self.grid.set_seen(seen)
        self._clock.set_running(seen)
