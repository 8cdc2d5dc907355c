"""python3 -m measure.gui_window SCENARIO SOCKET: one window in a process of its own, for gui.py."""

from __future__ import annotations

import sys
import time
from typing import Any

# Only the interpreter is started yet: what comes now is part of the start that is measured.
from PySide6.QtCore import QEvent, QObject, QSocketNotifier, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from .gui_rooms import ROOMS


def say(*words: object) -> None:
    print(*words, flush=True)


class FirstPaint(QObject):
    """Says when something has been painted first."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._done = False
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 (Qt's name)
        if event.type() is QEvent.Type.UpdateRequest and not self._done:
            self._done = True
            QTimer.singleShot(0, lambda: say(time.monotonic()))
        return False


def empty() -> int:
    app = QApplication([])
    widget = QWidget()
    widget.resize(1180, 800)
    FirstPaint(widget)
    widget.show()
    return int(app.exec())


def start(path: str) -> int:
    """The whole program as it is started by hand: the first painting, then every card live and painted."""
    from incidentops_gui import __main__, app

    opening = app.Application.open

    def opened(self: app.Application) -> None:
        FirstPaint(self.window)
        whole = Whole(self)
        self.ready.connect(whole.begin)
        opening(self)

    app.Application.open = opened  # type: ignore[method-assign]
    return __main__.main(["--socket", path])


class Whole(QObject):
    """Says when every card is there, live, and painted."""

    def __init__(self, shown: Any) -> None:
        super().__init__(shown)
        self._shown = shown

    def begin(self) -> None:
        self._shown.session.store.changed.connect(self._look)

    def _look(self) -> None:
        state, grid = self._shown.session.store.state, self._shown.window.grid
        if not state.connection.live:
            return
        if len(grid.shown) == len(state.cards) and all(card.live for card in grid.cards.values()):
            self._shown.session.store.changed.disconnect(self._look)
            QTimer.singleShot(0, lambda: QTimer.singleShot(0, lambda: say(time.monotonic())))
        else:
            QTimer.singleShot(1, self._look)


def bare(path: str) -> int:
    """The floor of an event to a painted label: no state, no HTTP, no JSON."""
    from PySide6.QtNetwork import QLocalSocket

    class Label(QLabel):
        def paintEvent(self, event: object) -> None:  # noqa: N802
            super().paintEvent(event)  # type: ignore[arg-type]
            if self.text():
                say((time.monotonic() - float(self.text())) * 1000)

    app = QApplication([])
    label = Label()
    label.resize(200, 40)
    label.show()
    local = QLocalSocket()
    seen: set[str] = set()

    def read() -> None:
        data = bytes(local.readAll().data())
        if not seen:
            if b"snapshot" in data:
                seen.add("snapshot")
                say("ready")
            return
        found = data.rpartition(b'"reason": "')[2].partition(b'"')[0]
        if found:
            label.setText(found.decode())

    local.readyRead.connect(read)
    local.connectToServer(path)
    local.write(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return int(app.exec())


class Turns:
    """The longest turn of the event loop, ms: by the clock, and in processor time, to which neighbours add nothing."""

    def __init__(self) -> None:
        self._last = (0.0, 0.0)
        self.begin()

    def begin(self) -> None:
        self.longest = (0.0, 0.0)
        self._last = (time.monotonic(), time.thread_time())

    def turned(self) -> None:
        now = (time.monotonic(), time.thread_time())
        took = [(new - old) * 1000 for new, old in zip(now, self._last, strict=True)]
        self.longest = (max(self.longest[0], took[0]), max(self.longest[1], took[1]))
        self._last = now


class Built(QObject):
    """Says how long the longest turn of the event loop was, from the connection until every card has been painted."""

    def __init__(self, shown: Any) -> None:
        super().__init__(shown)
        self._shown = shown
        self._took = Turns()
        self._turns = QTimer(self, interval=0)
        self._turns.timeout.connect(self._on_turn)
        shown.ready.connect(self._begin)

    def _begin(self) -> None:
        self._took.begin()
        self._turns.start()

    def _on_turn(self) -> None:
        self._took.turned()
        state, grid = self._shown.session.store.state, self._shown.window.grid
        if state.connection.live and len(grid.shown) == len(state.cards):
            self._turns.stop()
            say(*self._took.longest)


class Room(QObject):
    """Opens a window beside the main one when it is told to; says the longest turn until all of it has been shown."""

    AFTER = 0.1
    """Seconds of turns that are watched once everything is there: it has to be painted."""

    def __init__(self, name: str, shown: Any) -> None:
        super().__init__(shown)
        self._name = name
        self._shown = shown
        self._room: Any = None
        self._full: float | None = None
        self._took = Turns()
        self._turns = QTimer(self, interval=0)
        self._turns.timeout.connect(self._on_turn)
        self._notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_told)

    def _on_told(self) -> None:
        sys.stdin.readline()
        self._notifier.setEnabled(False)
        self._turns.start()
        QTimer.singleShot(20, self._open)

    def _open(self) -> None:
        self._took.begin()
        self._room = getattr(self._shown.window.rooms, self._name)()

    def _on_turn(self) -> None:
        if self._room is None:
            return
        self._took.turned()
        if self._full is None and self._there():
            self._full = time.monotonic()
        if self._full is not None and time.monotonic() > self._full + self.AFTER:
            self._turns.stop()
            say(*self._took.longest)

    def _there(self) -> bool:
        room = self._room
        if not (room.settled and room.has_body):
            return False
        if self._name == "plan":
            return len(room.steps.cards) == 50
        if self._name == "incidents":
            return room.model.rowCount() == 50 and room.detail.incident is not None
        if self._name == "graph":
            return len(room.canvas.nodes) == 50
        return bool(room.table.rowCount() == 100)


class Watched(QObject):
    """The real window, and what a scenario wants to know of it."""

    def __init__(self, scenario: str, path: str) -> None:
        from incidentops_gui import app, hosts, theme
        from incidentops_gui.settings import Settings
        from PySide6.QtCore import QSettings

        self.app = app.make([])
        super().__init__()
        kept = Settings(QSettings("/dev/null/nothing", QSettings.Format.IniFormat))
        self.shown = app.Application(hosts.unix(path), False, kept, theme.Choice.LIGHT)
        self.window = self.shown.window
        self.window.resize(1180, 800)
        self._scenario = scenario
        self._began = 0.0
        self._took = Turns()
        self._turns = QTimer(self, interval=0)
        self._turns.timeout.connect(self._on_turn)
        self.shown.open()
        self.window.resize(1180, 800)
        if scenario == "build":
            self._built = Built(self.shown)
            return
        self._ready = QTimer(self, interval=20)
        self._ready.timeout.connect(self._on_ready)
        self._ready.start()

    def _on_ready(self) -> None:
        if not self.shown.complete:
            return
        state = self.shown.session.store.state
        if not state.connection.live or len(self.window.grid.shown) != len(state.cards):
            return
        self._ready.stop()
        if self._scenario in ROOMS:
            self._opened = Room(self._scenario, self.shown)
        else:
            getattr(self, f"_begin_{self._scenario}")()
        QTimer.singleShot(200, lambda: say("ready"))

    def _begin_hold(self) -> None:
        pass

    _begin_idle = _begin_hold

    def _begin_led(self) -> None:
        led = self.window.grid.cards["redis"].led
        self._after_paint(led, self._on_led)

    def _after_paint(self, led: QLabel, then: object) -> None:
        kind = type(led)
        before = kind.paintEvent

        def paint(self: QLabel, event: object) -> None:
            before(self, event)  # type: ignore[arg-type]
            then(self)  # type: ignore[operator]

        kind.paintEvent = paint  # type: ignore[method-assign]

    def _on_led(self, led: QLabel) -> None:
        state = self.shown.session.store.state
        reason = state.cards["redis"].service.reason
        if led is self.window.grid.cards["redis"].led and reason and reason != self._last:
            self._last = reason
            say((time.monotonic() - float(reason)) * 1000)

    _last = ""

    def _begin_click(self) -> None:
        self._notifier = QSocketNotifier(0, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_click)
        self.shown.session.store.changed.connect(self._on_answer)

    def _on_click(self) -> None:
        if not sys.stdin.readline():
            self._notifier.setEnabled(False)
            return
        self._asked = True
        say(time.monotonic())
        self.window.grid.cards["redis"].ping.click()

    _asked = False

    def _on_answer(self, _changes: object) -> None:
        card = self.shown.session.store.state.cards["redis"]
        if self._asked and card.pending is None and card.note is not None:
            self._asked = False
            QTimer.singleShot(0, lambda: say("answered"))

    def _begin_burst(self) -> None:
        self._painted: set[int] = set()
        self._shape = "disc"
        self._after_paint(self.window.grid.cards["redis"].led, lambda led: self._painted.add(id(led)))
        self.shown.session.store.changed.connect(self._on_burst)

    def _on_burst(self, changes: object) -> None:
        if not self._began and getattr(changes, "cards", None):
            reasons = [card.service.reason for card in self.shown.session.store.state.cards.values()]
            self._began = min((float(reason) for reason in reasons if reason), default=0.0)
            self._painted.clear()
            self._shape = "cross" if self._shape == "disc" else "disc"
            self._took.begin()
            self._turns.start()

    def _on_turn(self) -> None:
        """Once in each turn of the event loop, until every LED has its last shape and is painted where it is seen."""
        self._took.turned()
        leds = [card.led for card in self.window.grid.cards.values()]
        if any(led.shape != self._shape for led in leds):
            return
        if any(id(led) not in self._painted for led in leds if not led.visibleRegion().isEmpty()):
            return
        self._turns.stop()
        say((time.monotonic() - self._began) * 1000, *self._took.longest)
        self._began = 0.0


def main() -> int:
    scenario, path = sys.argv[1:]
    if scenario == "empty":
        return empty()
    if scenario == "bare":
        return bare(path)
    if scenario == "start":
        return start(path)
    watched = Watched(scenario, path)
    return int(watched.app.exec())


if __name__ == "__main__":
    sys.exit(main())
