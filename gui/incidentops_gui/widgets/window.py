"""The operator's window: a skeleton at first, then all of it; and what the operator does in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMainWindow

from .skeleton import Skeleton

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..answers import Remediation
    from ..reducer import Changes
    from ..session import Session
    from .card import CardWidget
    from .confirm import Confirm
    from .content import Content
    from .rooms import Rooms
    from .service_window import ServiceWindow

CONFIRMED = ("stop", "restart")


class Window(QMainWindow):
    """One window for one agent at a time; ``session`` is exchanged when another host is chosen.

    It begins with a skeleton, so that it is on the screen at once; ``painted`` is emitted when it is. ``build`` makes
    the content, in steps, and ``use`` shows a session in it. Given a session, it is complete from the beginning.
    """

    left = Signal()
    painted = Signal()

    session: Session
    content: Content

    def __init__(self, session: Session | None = None) -> None:
        super().__init__()
        self._connected: Session | None = None
        self._quiet: set[str] = set()
        self._question: Confirm | None = None
        self._windows: dict[str, ServiceWindow] = {}
        self._rooms: Rooms | None = None
        self.setWindowTitle("IncidentOps")
        skeleton = Skeleton(self)
        skeleton.painted.connect(self.painted)
        self.setCentralWidget(skeleton)
        if session is not None:
            for _ in self.build():
                pass
            self.use(session)

    def build(self) -> Iterator[None]:
        """Make the content; between two steps the event loop may turn."""
        from .content import Content  # as all that is opened later: not loaded before the first painting

        self.content = Content(self)
        yield
        yield from self.content.build()
        self.stack, self.page = self.content, self.content.page
        self.grid, self.filter, self.empty = self.content.grid, self.content.filter, self.content.empty
        self.banner, self.metrics, self.remedy = self.content.banner, self.content.metrics, self.content.remedy
        self.only, self.tally, self.chip = self.content.only, self.content.tally, self.content.chip
        self.grid.made.connect(self._on_card)
        self.content.retry.connect(lambda: self.session.link.connect_now())
        self.content.copied.connect(self.copy_connection)
        self.content.remediate.connect(self.remediate)
        self.content.planned.connect(lambda: self.rooms.plan())
        self.content.panic.connect(lambda: self.rooms.breaking.panic())
        self.content.faults.connect(lambda: self.rooms.faults())
        self.content.chaos.connect(lambda: self.rooms.chaos())

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
        if self._connected is not None:
            self._connected.store.changed.disconnect(self._on_changes)
            self._connected.commands.started.disconnect(self._on_started)
            self._connected.commands.remediated.disconnect(self._on_remediated)
        self._quiet.clear()
        self.session = self._connected = session
        if self._rooms is not None:
            self._rooms.use(session)
        session.store.changed.connect(self._on_changes)
        session.commands.started.connect(self._on_started)
        session.commands.remediated.connect(self._on_remediated)
        self.setWindowTitle(f"{session.target.title} — IncidentOps")
        self.content.use(session)
        if self.centralWidget() is not self.content:
            self.content.recolour()
            self.setCentralWidget(self.content)
            self.content.show()
            self.content.setFocus()

    def _on_changes(self, changes: Changes) -> None:
        self.content.show_changes(changes)
        for name in changes.cards & set(self._windows):
            self._windows[name].show_state(self.session.store.state)

    def recolour(self) -> None:
        """After another theme was chosen."""
        self.content.recolour()

    # -- what the operator does

    @property
    def rooms(self) -> Rooms:
        """The windows beside this one."""
        if self._rooms is None:
            from .rooms import Rooms

            self._rooms = Rooms(self.session, self)
            self._rooms.shown.connect(self.open_service)
        return self._rooms

    def act(self, service: str, action: str) -> None:
        """Do it; stop and restart ask first."""
        state = self.session.store.state
        if not self.content.may_act() or service not in state.cards or not state.connection.live:
            return
        if action not in CONFIRMED or action in self._quiet:
            self.session.commands.act(service, action)
            return
        from .confirm import Confirm

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

    def inject(self) -> None:
        """Break the chosen card's service on purpose."""
        self.rooms.open("inject", self.chosen())

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

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 (Qt's name)
        super().changeEvent(event)
        if event.type() is QEvent.Type.WindowStateChange and self._connected is not None:
            self.content.set_seen(self.isVisible() and not self.isMinimized())

    def quit(self) -> None:
        self.left.emit()
