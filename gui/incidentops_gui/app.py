"""The application: one window, its theme, its tray, and the signals that end it."""

from __future__ import annotations

import signal
import socket
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QLibraryInfo, QLocale, QObject, QSocketNotifier, QTimer, QTranslator
from PySide6.QtWidgets import QApplication, QSystemTrayIcon

from . import __version__, theme, translate
from .instance import Instance
from .session import Session
from .settings import Settings
from .widgets.menus import Menus
from .widgets.tray import Tray, icon
from .widgets.window import Window

if TYPE_CHECKING:
    from .hosts import Target


class Interrupts(QObject):
    """Ctrl-C and SIGTERM end the application at once, without anything that wakes up to look for them."""

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._on_signal)

    def _on_signal(self) -> None:
        self._reader.recv(64)
        QApplication.quit()


class Application(QObject):
    """Owns the window and the session that it shows."""

    def __init__(self, target: Target, read_only: bool, settings: Settings, choice: theme.Choice | None) -> None:
        super().__init__()
        self.settings = settings
        self._read_only = read_only
        self.theme = theme.Theme(self)
        theme.install(self.theme)
        self.theme.use(choice or settings.theme)
        self.instance = Instance(self)
        self.session = Session(target, read_only, self)
        self.window = Window(self.session)
        self.window.set_failed_first(settings.failed_first)
        self.menus = Menus(self.window, settings)
        self.tray: Tray | None = None
        self.menus.chosen.connect(self.go_to)
        self.menus.themed.connect(self._on_themed)
        self.menus.trayed.connect(self.set_tray)
        self.theme.changed.connect(self.window.recolour)
        self.window.left.connect(self.leave)
        self.instance.wanted.connect(self.raise_window)
        self._load_pins()

    def open(self) -> None:
        if not self.window.restoreGeometry(self.settings.geometry):
            self.window.resize(1180, 800)
        self.window.show()
        # The window is painted first: what talks to the agent is loaded after that.
        QTimer.singleShot(0, self.session.open)
        if self.settings.tray:
            self.set_tray(True)

    def go_to(self, target: Target) -> None:
        """Show another agent; where a window of it is open already, raise that one."""
        if target == self.session.target or not self.instance.hold(target):
            self.instance.hold(self.session.target)
            return
        self._keep_pins()
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
        if on and QSystemTrayIcon.isSystemTrayAvailable():
            self.tray = Tray(self.session.store, self.window)
            self.tray.wanted.connect(self.raise_window)
            self.tray.left.connect(self.leave)
            self.tray.show()
        self.settings.tray = on
        # With a symbol in the tray, closing the window leaves the watch on.
        QApplication.setQuitOnLastWindowClosed(self.tray is None)

    def leave(self) -> None:
        """Quit; the window's place and the pins are kept."""
        self.close()
        QApplication.quit()

    def close(self) -> None:
        self._keep_pins()
        self.settings.geometry = self.window.saveGeometry()
        self.settings.failed_first = self.window.grid.failed_first
        self.settings.sync()
        self.session.link.close()
        self.instance.release()

    def _on_themed(self, choice: theme.Choice) -> None:
        self.settings.theme = choice
        self.theme.use(choice)

    def _load_pins(self) -> None:
        self.window.grid.pinned = self.settings.pins(self.session.target)

    def _keep_pins(self) -> None:
        self.settings.keep_pins(self.session.target, self.window.grid.pinned)


def make(arguments: list[str]) -> QApplication:
    """The QApplication with our style and the operator's language."""
    QApplication.setApplicationName("incidentops-gui")
    QApplication.setApplicationDisplayName("IncidentOps")
    QApplication.setApplicationVersion(__version__)
    QApplication.setDesktopFileName("org.incidentops.gui")
    app = QApplication(arguments)
    app.setStyle("Fusion")
    app.setWindowIcon(icon())
    language = QLocale().name()
    if translate.use(language):
        own = QTranslator(app)
        if own.load(f"qtbase_{language}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
            app.installTranslator(own)
    return app


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
