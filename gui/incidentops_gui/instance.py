"""One window for each host: a second start raises the one that is there, and ends."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from . import hosts

if TYPE_CHECKING:
    from PySide6.QtNetwork import QLocalServer

    from .hosts import Target

WAIT = 0.3
"""Seconds that a running window has to answer."""
RAISED = b"raised\n"


class Instance(QObject):
    """Holds a socket for its host; ``wanted`` is emitted when somebody starts the application again."""

    wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._name = ""
        self._server: QLocalServer | None = None

    def hold(self, target: Target) -> bool:
        """True when there is no other window of this host; False after the other one was raised. ``listen`` is next.

        Where the socket can't be made, a second window is better than none.
        """
        self.release()
        try:
            self._name = str(hosts.private_folder() / f"window-{target.digest}.sock")
        except OSError:
            return True
        return not _raise(self._name)

    def listen(self) -> None:
        """Be there for those who start it again."""
        from PySide6.QtNetwork import QLocalServer  # not needed for the first painting, which it would delay

        if not self._name:
            return
        server = QLocalServer(self)
        server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        server.newConnection.connect(self._on_connection)
        QLocalServer.removeServer(self._name)  # what a killed window has left
        server.listen(self._name)
        self._server = server

    def release(self) -> None:
        self._name = ""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            server.deleteLater()

    def _on_connection(self) -> None:
        while self._server is not None and self._server.hasPendingConnections():
            caller = self._server.nextPendingConnection()
            caller.disconnected.connect(caller.deleteLater)
            caller.write(RAISED)
            caller.flush()
            caller.disconnectFromServer()
            self.wanted.emit()


def _raise(name: str) -> bool:
    if not Path(name).exists():
        return False
    import socket  # only now: mostly there is no other window, and this one is awaited

    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(WAIT)
        caller.connect(name)
        return caller.recv(len(RAISED)) == RAISED
    return False
