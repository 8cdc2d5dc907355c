"""The menu bar and the shortcuts: every action once, with its keys."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QKeySequence, QShortcut
from PySide6.QtWidgets import QInputDialog, QMenu, QMessageBox

from .. import __version__, hosts, theme
from ..translate import tr

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..settings import Settings
    from .window import Window

CARDS = 9


class Menus(QObject):
    """``chosen`` carries the Target that the operator wants to see, ``themed`` the theme's Choice."""

    chosen = Signal(object)
    themed = Signal(object)
    trayed = Signal(bool)

    def __init__(self, window: Window, settings: Settings) -> None:
        super().__init__(window)
        self._window = window
        self._settings = settings
        bar = window.menuBar()
        self.host = bar.addMenu(tr("&Host"))
        self.host.aboutToShow.connect(self._fill_hosts)
        self._fill_hosts()
        self._services(bar.addMenu(tr("&Service")))
        self._view(bar.addMenu(tr("&View")))
        self._help(bar.addMenu(tr("H&elp")))
        self._shortcuts()

    def _add(self, menu: QMenu, text: str, keys: list[str], do: Callable[[], object]) -> QAction:
        action = QAction(text, self._window)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.triggered.connect(lambda _checked=False: do())
        menu.addAction(action)
        self._window.addAction(action)
        return action

    # -- hosts

    def _fill_hosts(self) -> None:
        self.host.clear()
        current = self._window.session.target
        known = dict.fromkeys([*hosts.found(), *self._settings.hosts(), current])
        for target in known:
            action = self.host.addAction(_host_text(target))
            action.setCheckable(True)
            action.setChecked(target == current)
            action.triggered.connect(partial(self._on_host, target))
        self.host.addSeparator()
        self.host.addAction(tr("&Add a connection…"), self.ask_host)
        saved = self._settings.hosts()
        if saved:
            forget = self.host.addMenu(tr("&Forget a connection"))
            for target in saved:
                forget.addAction(_host_text(target), partial(self._settings.forget_host, target))
        self.host.addSeparator()
        leave = self.host.addAction(tr("&Quit"))
        leave.triggered.connect(self._window.quit)

    def _on_host(self, target: hosts.Target, _checked: bool) -> None:
        self.chosen.emit(target)

    def ask_host(self) -> None:
        """Ask for another connection, keep it, and go there."""
        said = tr("Path of a socket, http://localhost:PORT, or ssh USER@HOST:")
        text = "ssh "
        while True:
            text, fine = QInputDialog.getText(self._window, tr("Add a connection"), said, text=text)
            if not fine:
                return
            try:
                target = hosts.parse(text)
                break
            except hosts.TargetError as error:
                said = str(error)
        self._settings.keep_host(target)
        self.chosen.emit(target)

    def show_hosts(self) -> None:
        """Open the menu of hosts, for the keyboard."""
        bar = self._window.menuBar()
        bar.setActiveAction(self.host.menuAction())

    # -- the other menus

    def _services(self, menu: QMenu) -> None:
        window = self._window
        self._add(menu, tr("&Ping"), ["Ctrl+G"], lambda: window.act_on_focused("ping"))
        self._add(menu, tr("&Start"), ["Ctrl+Return"], lambda: window.act_on_focused("start"))
        self._add(menu, tr("S&top…"), ["Ctrl+Backspace"], lambda: window.act_on_focused("stop"))
        self._add(menu, tr("&Restart…"), ["Ctrl+Shift+Return"], lambda: window.act_on_focused("restart"))
        menu.addSeparator()
        self._add(menu, tr("&Journal and log"), ["Ctrl+J"], lambda: window.open_service(window.chosen()))
        self._add(menu, tr("&Copy details"), ["Ctrl+Shift+C"], lambda: window.copy_details(window.chosen()))
        self._add(menu, tr("P&in or unpin"), ["Ctrl+D"], lambda: window.toggle_pin(window.grid.focused()))
        menu.addSeparator()
        self._add(menu, tr("&AUTO-REMEDIATION"), ["Ctrl+Shift+R"], window.remediate)
        self._add(menu, tr("R&emediation plan…"), ["Ctrl+Shift+P"], lambda: window.rooms.plan())
        menu.addSeparator()
        self._add(menu, tr("Inject a &fault…"), ["Ctrl+Shift+I"], window.inject)
        self._add(menu, tr("Re&vert the fault"), ["Ctrl+Z"], lambda: window.rooms.open("revert", window.grid.focused()))
        self._add(menu, tr("PANIC: revert a&ll faults"), ["Ctrl+Shift+X"], lambda: window.rooms.breaking.panic())
        menu.addSeparator()
        self._add(menu, tr("&Maintenance…"), ["Ctrl+Shift+M"], lambda: window.open_upkeep("maintenance"))
        self._add(menu, tr("A&utomatic recovery…"), ["Ctrl+Shift+A"], lambda: window.open_upkeep("recovery"))

    def _view(self, menu: QMenu) -> None:
        window = self._window
        self._add(menu, tr("&Refresh"), ["F5", "Ctrl+R"], window.refresh)
        self._add(menu, tr("&Filter"), ["Ctrl+F", "/"], window.focus_filter)
        first = self._check(menu, tr("What needs attention &first"), window.grid.failed_first, window.set_failed_first)
        first.setShortcut(QKeySequence("Ctrl+Shift+F"))
        menu.addSeparator()
        self._add(menu, tr("&Incidents…"), ["Ctrl+I"], lambda: window.rooms.incidents())
        self._add(menu, tr("F&aults…"), ["Ctrl+U"], lambda: window.rooms.faults())
        self._add(menu, tr("Cha&os run…"), ["Ctrl+Shift+U"], lambda: window.rooms.chaos())
        self._add(menu, tr("Depe&ndencies…"), ["Ctrl+M"], lambda: window.rooms.graph())
        self._add(menu, tr("A&udit trail…"), ["Ctrl+L"], lambda: window.rooms.trail())
        menu.addSeparator()
        group = QActionGroup(self)
        words = (
            (theme.Choice.SYSTEM, tr("As the &system")),
            (theme.Choice.LIGHT, tr("&Light")),
            (theme.Choice.DARK, tr("&Dark")),
        )
        for choice, text in words:
            action = self._check(menu, text, choice is self._settings.theme, partial(self._on_theme, choice))
            group.addAction(action)
        menu.addSeparator()
        on = self._settings.tray
        self.tray = self._check(menu, tr("Symbol in the &tray, with notifications"), on, self.trayed.emit)

    def _on_theme(self, choice: theme.Choice, _on: bool) -> None:
        self.themed.emit(choice)

    def _check(self, menu: QMenu, text: str, on: bool, do: Callable[[bool], object]) -> QAction:
        action = menu.addAction(text)
        action.setCheckable(True)
        action.setChecked(on)
        # A signal's own emit would be called without the argument.
        action.triggered.connect(lambda checked: do(checked))
        return action

    def _help(self, menu: QMenu) -> None:
        self._add(menu, tr("&Keys"), ["?", "F1"], self._window.show_keys)
        menu.addAction(tr("&About IncidentOps"), self._about)

    def tell_no_tray(self) -> None:
        """What was asked for is not to be had, and is not left checked as if it was."""
        self.tray.setChecked(False)
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Information)
        box.setText(tr("This desktop has no tray for a symbol, and without one there are no notifications."))
        box.open()

    def _about(self) -> None:
        box = QMessageBox(self._window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle(tr("About IncidentOps"))
        box.setText(f"IncidentOps {__version__}")
        box.setInformativeText(tr("Incident-response arena and operator console for one Linux machine. MIT licence."))
        box.open()

    def _shortcuts(self) -> None:
        window = self._window
        for number in range(1, CARDS + 1):
            QShortcut(QKeySequence(f"Ctrl+{number}"), window, partial(window.grid.focus_card, number - 1))
        QShortcut(QKeySequence("Ctrl+Q"), window, window.quit)
        QShortcut(QKeySequence("Ctrl+H"), window, self.show_hosts)
        QShortcut(QKeySequence("Esc"), window, window.escape)


def _host_text(target: hosts.Target) -> str:
    text = target.text if target.title == target.address else f"{target.title}  ({target.text})"
    return text.replace("&", "&&")
