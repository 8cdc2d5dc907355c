"""The application: one window, its theme, its tray, and the signals that end it.

The window is on the screen before the rest is loaded: what is imported here is what its first painting needs.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSocketNotifier, QTimer, Signal
from PySide6.QtWidgets import QApplication

from . import __version__, loading, theme
from .instance import Instance
from .settings import Settings
from .widgets.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .hosts import Target
    from .session import Session
    from .widgets.menus import Menus
    from .widgets.tray import Tray


TRIES, TRAY_PAUSE = 30, 2000
"""How often a tray is looked for after the start, and the milliseconds between."""


class Interrupts(QObject):
    """Ctrl-C and SIGTERM end the application at once, without anything that wakes up to look for them."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        self._notifier = QSocketNotifier(self._reader, QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_signal)

    def _on_signal(self) -> None:
        os.read(self._reader, 64)
        QApplication.quit()


class Application(QObject):
    """Owns the window and the session that it shows. ``ready`` is emitted when all of it is there and connecting."""

    ready = Signal()

    session: Session
    menus: Menus

    def __init__(self, target: Target, read_only: bool, settings: Settings, choice: theme.Choice | None) -> None:
        super().__init__()
        self.settings = settings
        self.complete = False
        self._target = target
        self._read_only = read_only
        self.theme = theme.Theme(self)
        theme.install(self.theme)
        self.theme.use(choice or settings.theme)
        self.instance = Instance(self)
        self.instance.wanted.connect(self.raise_window)
        self.window = Window()
        self.window.left.connect(self.leave)
        self.tray: Tray | None = None
        self._loading: loading.Loading | None = None
        self._afterwards: loading.Loading | None = None

    def open(self) -> None:
        if not self.window.restoreGeometry(self.settings.geometry):
            self.window.resize(1180, 800)
        self._loading = loading.Loading(self._steps(), self)
        self.window.painted.connect(self._loading.start)
        self.window.show()

    def _steps(self) -> Iterator[None]:
        """Everything after the first painting, a turn of the event loop for each step."""
        yield from loading.modules()
        speak()
        self.theme.use(self.theme.choice)
        yield
        from .session import Session
        from .widgets.menus import Menus
        from .widgets.tray import icon

        QApplication.setWindowIcon(icon())
        yield
        self.session = Session(self._target, self._read_only, self)
        yield from self.window.build()
        self.window.use(self.session)
        yield
        self.window.set_failed_first(self.settings.failed_first)
        self._load_pins()
        self.menus = Menus(self.window, self.settings)
        self.menus.chosen.connect(self.go_to)
        self.menus.themed.connect(self._on_themed)
        self.menus.trayed.connect(self._on_trayed)
        self.theme.changed.connect(self.window.recolour)
        self.complete = True
        yield
        self.session.open()
        self.instance.listen()
        if self.settings.tray:
            self._await_tray(TRIES)
        # A turn of its own for each module: the first look at an incident must not wait for all of them.
        self._afterwards = loading.Loading(loading.modules(loading.ROOMS), self, loading.AFTERWARDS)
        # What is loaded stays: looking through it for garbage again and again would hold the window up.
        gc.freeze()
        self.ready.emit()

    def go_to(self, target: Target) -> None:
        """Show another agent; where a window of it is open already, raise that one."""
        if target == self.session.target:
            return
        if not self.instance.hold(target):
            self.instance.hold(self.session.target)
            self.instance.listen()
            return
        self.instance.listen()
        self._keep_pins()
        from .session import Session

        before, self.session = self.session, Session(target, self._read_only, self)
        self._load_pins()
        self.window.use(self.session)
        before.close()
        if self.tray is not None:
            self.set_tray(False)
            self.set_tray(True)
        self.session.open()

    def raise_window(self) -> None:
        self.window.show()
        if self.window.isMinimized():
            self.window.showNormal()
        self.window.raise_()
        self.window.activateWindow()

    def set_tray(self, on: bool) -> None:
        if self.tray is not None:
            self.tray.hide()
            self.tray.deleteLater()
            self.tray = None
        from PySide6.QtWidgets import QSystemTrayIcon

        from .widgets.tray import Tray

        if on and QSystemTrayIcon.isSystemTrayAvailable():
            self.tray = Tray(self.session.store, self.window)
            self.tray.wanted.connect(self.raise_window)
            self.tray.left.connect(self.leave)
            self.tray.show()
        self.settings.tray = on
        # With a symbol in the tray, closing the window leaves the watch on.
        QApplication.setQuitOnLastWindowClosed(self.tray is None)

    def _await_tray(self, tries: int) -> None:
        """At the start of a session the tray may come after us."""
        self.set_tray(True)
        if self.tray is None and tries > 0:
            later = QTimer(self, singleShot=True, interval=TRAY_PAUSE)
            later.timeout.connect(lambda: self._await_tray(tries - 1) if self.settings.tray else None)
            later.timeout.connect(later.deleteLater)
            later.start()

    def _on_trayed(self, on: bool) -> None:
        self.set_tray(on)
        if on and self.tray is None:
            self.settings.tray = False
            self.menus.tell_no_tray()

    def leave(self) -> None:
        """Quit; the window's place and the pins are kept."""
        self.close()
        QApplication.quit()

    def close(self) -> None:
        for under_way in (self._loading, self._afterwards):
            if under_way is not None:
                under_way.stop()
        self.settings.geometry = self.window.saveGeometry()
        if self.complete:  # it may be closed before
            self._keep_pins()
            self.settings.failed_first = self.window.grid.failed_first
            self.session.link.close()
        self.settings.sync()
        self.instance.release()

    def _on_themed(self, choice: theme.Choice) -> None:
        self.settings.theme = choice
        self.theme.use(choice)

    def _load_pins(self) -> None:
        self.window.grid.pinned = self.settings.pins(self.session.target)

    def _keep_pins(self) -> None:
        self.settings.keep_pins(self.session.target, self.window.grid.pinned)


def make(arguments: list[str]) -> QApplication:
    """The QApplication with our style."""
    QApplication.setApplicationName("incidentops-gui")
    QApplication.setApplicationDisplayName("IncidentOps")
    QApplication.setApplicationVersion(__version__)
    QApplication.setDesktopFileName("org.incidentops.gui")
    # As an option, because setStyle() makes Python know all of QStyle, which takes longer than to make the style.
    return QApplication([*arguments, "-style", "Fusion"])


def speak() -> None:
    """Choose the operator's language, for our own texts and for Qt's."""
    from PySide6.QtCore import QLibraryInfo, QLocale, QTranslator

    from . import translate

    language = QLocale().name()
    if translate.use(language):
        app = QApplication.instance()
        own = QTranslator(app)
        if own.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
            QApplication.installTranslator(own)


def run(target: Target, read_only: bool, choice: theme.Choice | None) -> int:
    """Open the window and stay until it is closed; the exit code."""
    app = make(sys.argv[:1])
    Interrupts(app)
    application = Application(target, read_only, Settings(), choice)
    if not application.instance.hold(target):
        return 0
    application.open()
    code = int(app.exec())
    application.close()
    return code
