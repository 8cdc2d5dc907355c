"""The one module that talks to an agent: HTTP/1.1 by h11 over a QLocalSocket or a QTcpSocket.

One socket for each request, with an idle timer of its own; nothing is ever sent twice by itself (facts of Qt's own
HTTP client: it sends a POST again when the connection dies, and a dead agent costs it a channel for ever).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtNetwork import QAbstractSocket, QLocalSocket, QTcpSocket

from . import __version__
from .failure import Failure

if TYPE_CHECKING:
    from .hosts import Target


_LOCAL = QLocalSocket.LocalSocketError
_TCP = QAbstractSocket.SocketError
_FAILURES: dict[object, Failure] = {
    _LOCAL.ServerNotFoundError: Failure.ABSENT,
    _LOCAL.SocketAccessError: Failure.FORBIDDEN,
    _LOCAL.ConnectionRefusedError: Failure.REFUSED,
    _LOCAL.PeerClosedError: Failure.CLOSED,
    _TCP.ConnectionRefusedError: Failure.REFUSED,
    _TCP.RemoteHostClosedError: Failure.CLOSED,
    _TCP.SocketAccessError: Failure.FORBIDDEN,
}


class Exchange(QObject):
    """One request and its answer.

    Signals: ``connected``; ``answered`` (status) when the head is there; ``received`` (bytes) for each part of the
    body; then exactly one of ``done`` and ``failed`` (Failure, text). Nothing is emitted after ``abort``.
    """

    connected = Signal()
    answered = Signal(int)
    received = Signal(bytes)
    done = Signal()
    failed = Signal(Failure, str)

    def __init__(self, target: Target, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._target = target
        self._http = h11.Connection(h11.CLIENT)
        self._over = False
        self._ended = False
        self._to_send = b""
        self._idle = QTimer(self, singleShot=True)
        self._idle.timeout.connect(self._on_silence)
        self._socket: QLocalSocket | QTcpSocket
        if target.socket_path is not None:
            local = QLocalSocket(self)
            local.errorOccurred.connect(self._on_error)
            self._socket = local
        else:
            tcp = QTcpSocket(self)
            tcp.errorOccurred.connect(self._on_error)
            self._socket = tcp
        self._socket.connected.connect(self._on_connected)
        self._socket.readyRead.connect(self._on_readable)

    def start(
        self, method: str, path: str, idle: float, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Send the request; ``idle`` is how many seconds may pass without a byte from the other side. ``body`` is
        JSON text."""
        given = {
            "Host": self._target.host_header,
            "User-Agent": f"incidentops-gui/{__version__}",
            "Accept": "*/*",
            **({"Content-Length": str(len(body))} if method == "POST" else {}),
            **({"Content-Type": "application/json"} if body else {}),
            **(headers or {}),
        }
        request = h11.Request(method=method, target=path, headers=list(given.items()))
        parts = [request, *([h11.Data(data=body)] if body else []), h11.EndOfMessage()]
        self._to_send = b"".join(self._http.send(part) or b"" for part in parts)
        self._idle.start(int(idle * 1000))
        path_of_socket = self._target.socket_path
        if isinstance(self._socket, QLocalSocket):
            self._socket.connectToServer(str(path_of_socket))
        else:
            self._socket.connectToHost(*self._target.host_and_port)

    def abort(self) -> None:
        """Forget it: close the connection and emit nothing more."""
        self._over = True
        self._idle.stop()
        self._socket.abort()
        self.deleteLater()

    def _on_connected(self) -> None:
        self._socket.write(self._to_send)
        self._socket.flush()
        self.connected.emit()

    def _on_readable(self) -> None:
        data = bytes(self._socket.readAll().data())
        if self._over or not data:
            return
        self._idle.start()
        self._http.receive_data(data)
        self._read()

    def _read(self) -> None:
        try:
            while not self._over:
                event = self._http.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                    return
                if isinstance(event, h11.Response):
                    self.answered.emit(event.status_code)
                elif isinstance(event, h11.Data):
                    self.received.emit(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    self._end()
                    self.done.emit()
        except h11.RemoteProtocolError as error:
            self._fail(Failure.CLOSED if self._ended else Failure.PROTOCOL, str(error))

    def _on_error(self, code: object) -> None:
        failure = _FAILURES.get(code, Failure.OTHER)
        if failure is Failure.CLOSED and not self._over:
            self._on_readable()  # the last bytes may have come with the end
            if not self._over and self._http.their_state is h11.SEND_BODY:
                self._ended = True
                self._http.receive_data(b"")  # an answer without a length ends with the connection
                self._read()
        self._fail(failure, self._socket.errorString())

    def _on_silence(self) -> None:
        if self._socket.bytesAvailable():
            self._on_readable()  # it was we who were busy
            return
        self._fail(Failure.SILENT, f"nothing came for {self._idle.interval() / 1000:g} s")

    def _fail(self, failure: Failure, text: str) -> None:
        if not self._over:
            self._end()
            self.failed.emit(failure, text)

    def _end(self) -> None:
        self._over = True
        self._idle.stop()
        self._socket.abort()
        self.deleteLater()


class Call(Exchange):
    """A request whose whole answer is wanted: ``finished`` (status, body), or ``failed``."""

    finished = Signal(int, bytes)

    def __init__(self, target: Target, parent: QObject | None = None) -> None:
        super().__init__(target, parent)
        self._status = 0
        self._parts: list[bytes] = []
        self.answered.connect(self._on_answered)
        self.received.connect(self._parts.append)
        self.done.connect(lambda: self.finished.emit(self._status, b"".join(self._parts)))

    def _on_answered(self, status: int) -> None:
        self._status = status
