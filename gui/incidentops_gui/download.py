"""Saves an answer to a file as it comes: what is exported may be larger than one wants to hold."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSaveFile, Signal

from . import answers
from .answers import Problem
from .asking import OFFLINE, READ_IDLE
from .translate import tr

if TYPE_CHECKING:
    from .failure import Failure
    from .hosts import Target
    from .transport import Exchange


class Download(QObject):
    """One at a time. ``grew`` (bytes so far), then ``saved`` (path, bytes) or ``failed`` (Problem).

    The file appears when it is whole; what breaks off leaves the one that was there before as it is.
    """

    grew = Signal(int)
    saved = Signal(str, int)
    failed = Signal(Problem)

    def __init__(self, target: Target, parent: QObject) -> None:
        super().__init__(parent)
        self._target = target
        self._exchange: Exchange | None = None
        self._file: QSaveFile | None = None
        self._status = 0
        self._body = b""
        self._size = 0

    @property
    def busy(self) -> bool:
        return self._exchange is not None

    def start(self, path: str, file: Path) -> None:
        """Fetch ``path`` into ``file``."""
        from .transport import Exchange

        self.drop()
        self._file = QSaveFile(str(file), self)
        self._status, self._body, self._size = 0, b"", 0
        if not self._file.open(QSaveFile.OpenModeFlag.WriteOnly):
            self._refuse(self._cannot(self._file.errorString()))
            return
        exchange = Exchange(self._target, self)
        self._exchange = exchange
        exchange.answered.connect(self._on_answered)
        exchange.received.connect(self._on_received)
        exchange.done.connect(self._on_done)
        exchange.failed.connect(self._on_lost)
        exchange.start("GET", path, READ_IDLE)

    def drop(self) -> None:
        """Forget it; nothing is left behind."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.abort()
        file, self._file = self._file, None
        if file is not None:
            file.cancelWriting()
            file.deleteLater()

    def _on_answered(self, status: int) -> None:
        self._status = status

    def _on_received(self, data: bytes) -> None:
        if self._status != 200 or self._file is None:
            self._body += data
            return
        if self._file.write(data) != len(data):
            self._refuse(self._cannot(self._file.errorString()))
            return
        self._size += len(data)
        self.grew.emit(self._size)

    def _on_done(self) -> None:
        self._exchange = None
        if self._status != 200 or self._file is None:
            self._refuse(answers.problem(self._status, self._body))
            return
        name, size = self._file.fileName(), self._size
        if not self._file.commit():
            self._refuse(self._cannot(self._file.errorString()))
            return
        self._file.deleteLater()
        self._file = None
        self.saved.emit(name, size)

    def _on_lost(self, _failure: Failure, text: str) -> None:
        self._exchange = None
        self._refuse(Problem(0, OFFLINE, tr("It broke off, nothing was saved: {error}").format(error=text)))

    def _refuse(self, problem: Problem) -> None:
        self.drop()
        self.failed.emit(problem)

    def _cannot(self, why: str) -> Problem:
        name = Path(self._file.fileName()) if self._file is not None else Path()
        return Problem(0, "unwritable", tr("cannot write {path}: {error}").format(path=name, error=why))
