"""The windows beside the main one: opened when they are wanted, raised when they are open, told what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from ..answers import Remediation
    from ..reducer import Changes
    from ..session import Session
    from .breaking import Breaking
    from .chaos import ChaosWindow
    from .faults import FaultsWindow
    from .graph import GraphWindow
    from .incidents import IncidentsWindow
    from .plan import PlanWindow
    from .trail import TrailWindow
    from .upkeep import Upkeep

TICK = 1000
"""Milliseconds between two looks at the clock, while one of them is open."""


class Rooms(QObject):
    """Each window's module is loaded when it is opened first: the main window waits for none of them.

    ``shown`` carries a service whose own window is wanted."""

    shown = Signal(str)

    def __init__(self, session: Session, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._open: dict[str, Any] = {}
        self._numbers: dict[str, int] = {}
        self._opened = 0
        self._upkeep: Upkeep | None = None
        self._breaking: Breaking | None = None
        self._tick = QTimer(self, interval=TICK)
        self._tick.timeout.connect(self._on_tick)
        self._session = session
        self._session.store.changed.connect(self._on_changes)

    def use(self, session: Session) -> None:
        """Another agent is shown from now on."""
        self.close_all()
        if self._upkeep is not None:
            self._upkeep.close()
            self._upkeep = None
        if self._breaking is not None:
            self._breaking.close()
            self._breaking = None
        self._session.store.changed.disconnect(self._on_changes)
        self._session = session
        session.store.changed.connect(self._on_changes)

    def _room(self, key: str, make: Any) -> Any:
        """The open window of that name, or a new one, in front."""
        room = self._open.get(key)
        if room is None or room.over:  # one that was closed lives on until the event loop deletes it
            room = make()
            self._opened += 1
            number = self._opened
            room.destroyed.connect(lambda *_: self._forget(key, number))
            self._open[key], self._numbers[key] = room, number
            room.ready.connect(lambda: room.show_state(self._session.store.state))
            if room.built:
                room.show_state(self._session.store.state)
            self._tick.start()
        room.show()
        room.raise_()
        room.activateWindow()
        return room

    def _forget(self, key: str, number: int) -> None:
        """A window is deleted; another one of that name may be open by now."""
        if self._numbers.get(key) == number:
            del self._open[key], self._numbers[key]

    def open(self, what: str, subject: str) -> None:
        """What a card asks for: its incident (by id), a fault or its end, or what looks after its service."""
        if what == "incident":
            self.incidents(subject)
        elif what == "chaos":
            self.chaos()
        elif what == "inject":
            self.breaking.inject(subject)
        elif what == "revert":
            self.breaking.revert(subject)
        else:
            self.upkeep.change(what, subject)

    @property
    def upkeep(self) -> Upkeep:
        """Maintenance windows and automatic recovery."""
        if self._upkeep is None:
            from .upkeep import Upkeep

            self._upkeep = Upkeep(self._session, self._window)
        return self._upkeep

    @property
    def breaking(self) -> Breaking:
        """Faults: injecting, reverting, panic."""
        if self._breaking is None:
            from .breaking import Breaking

            self._breaking = Breaking(self._session, self._window)
        return self._breaking

    def faults(self) -> FaultsWindow:
        """What is injected now, and what was a while ago."""
        from .faults import FaultsWindow

        room: FaultsWindow = self._room("faults", lambda: FaultsWindow(self._session, self.breaking, self._window))
        return room

    def chaos(self) -> ChaosWindow:
        """The run of the chaos service."""
        from .chaos import ChaosWindow

        room: ChaosWindow = self._room("chaos", lambda: ChaosWindow(self._session, self._window))
        room.read()
        return room

    def plan(self) -> PlanWindow:
        """What remediation would do now."""
        from .plan import PlanWindow

        room: PlanWindow = self._room("plan", lambda: PlanWindow(self._session, self._window))
        room.read()
        return room

    def plan_done(self, answer: Remediation) -> PlanWindow:
        """What a remediation did."""
        from .plan import PlanWindow

        room: PlanWindow = self._room("plan", lambda: PlanWindow(self._session, self._window))
        room.show_done(answer)
        return room

    def incidents(self, name: str = "") -> IncidentsWindow:
        """All incidents; with an id, that one chosen."""
        from .incidents import IncidentsWindow

        def make() -> IncidentsWindow:
            made = IncidentsWindow(self._session, self._window)
            made.trailed.connect(self.trail)
            return made

        room: IncidentsWindow = self._room("incidents", make)
        room.want(name)
        return room

    def graph(self) -> GraphWindow:
        """Who needs whom."""
        from .graph import GraphWindow

        def make() -> GraphWindow:
            made = GraphWindow(self._session, self._window)
            made.opened.connect(self.shown)
            return made

        room: GraphWindow = self._room("graph", make)
        return room

    def trail(self, incident: str = "") -> TrailWindow:
        """The audit trail; with the id of an incident, what belongs to that."""
        from .trail import TrailWindow

        def make() -> TrailWindow:
            made = TrailWindow(self._session, self._window)
            made.opened.connect(self.incidents)
            return made

        room: TrailWindow = self._room("trail", make)
        room.want(incident)
        return room

    def close_all(self) -> None:
        for room in list(self._open.values()):
            room.close()
        self._open.clear()
        self._numbers.clear()

    def _on_changes(self, changes: Changes) -> None:
        for room in self._built():
            room.show_state(self._session.store.state, changes)

    def _on_tick(self) -> None:
        if not self._open:
            self._tick.stop()
        for room in self._built():
            room.show_times(self._session.store.state)

    def _built(self) -> list[Any]:
        """Those that have all their parts; the others take the state as it is when they have."""
        return [room for room in self._open.values() if room.built]
