"""One window for each host: a second start raises the one that is there, and ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from . import hosts

if TYPE_CHECKING:
    from .hosts import Target

WAIT = 300
"""Milliseconds that a running window has to answer."""
RAISED = b"raised\n"


class Instance(QObject):
    """Holds a socket for its host; ``wanted`` is emitted when somebody starts the application again."""

    wanted = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._on_connection)

    def hold(self, target: Target) -> bool:
        """True when there is no other window of this host; False after the other one was raised.

        Where the socket can't be made, a second window is better than none.
        """
        self.release()
        try:
            name = str(hosts.private_folder() / f"window-{target.digest}.sock")
        except OSError:
            return True
        if _raise(name):
            return False
        QLocalServer.removeServer(name)  # what a killed window has left
        self._server.listen(name)
        return True

    def release(self) -> None:
        self._server.close()

    def _on_connection(self) -> None:
        while self._server.hasPendingConnections():
            socket = self._server.nextPendingConnection()
            socket.disconnected.connect(socket.deleteLater)
            socket.write(RAISED)
            socket.flush()
            socket.disconnectFromServer()
            self.wanted.emit()


def _raise(name: str) -> bool:
    socket = QLocalSocket()
    socket.connectToServer(name)
    if not socket.waitForConnected(WAIT):
        return False
    socket.waitForReadyRead(WAIT)
    return bytes(socket.readAll().data()) == RAISED
