"""The way to another machine's agent: the system's own ssh forwards its unix socket to one of ours.

Keys, agents, jump hosts and host keys are OpenSSH's business; a password is asked for by the desktop's askpass program
or not at all.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QProcess, QProcessEnvironment, Signal

from . import hosts
from .translate import tr

if TYPE_CHECKING:
    from .hosts import Target


MOST = 4000
"""Characters of ssh's words that are kept; the last ones say why it ended."""


class Tunnel(QObject):
    """One ssh process. ``ended`` carries what it said, ``failed`` the sentence for an ssh that could not be started."""

    ended = Signal(str)
    failed = Signal(str)

    def __init__(self, target: Target, program: str = "ssh", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._target = target
        self._program = program
        self._process: QProcess | None = None

    def arguments(self) -> list[str]:
        options = [
            "ExitOnForwardFailure=yes",
            "StreamLocalBindUnlink=yes",
            "StreamLocalBindMask=0177",
            "ServerAliveInterval=5",
            "ServerAliveCountMax=2",
            "ConnectTimeout=10",
            "ControlPath=none",
        ]
        if not asks():
            options.append("BatchMode=yes")
        forward = f"{self._target.socket_path}:{hosts.SOCKET}"
        flags = [word for option in options for word in ("-o", option)]
        return ["-N", "-T", *flags, "-L", forward, "--", self._target.address]

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def ready(self) -> bool:
        """Whether ssh has logged in and listens on the socket."""
        path = self._target.socket_path
        return self.running and path is not None and path.is_socket()

    def open(self) -> None:
        """Start ssh unless it runs."""
        if self._process is not None:
            return
        try:
            hosts.private_folder()
            self._clear()
        except OSError as error:
            self.failed.emit(str(error))
            return
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        if asks():
            environment.insert("SSH_ASKPASS_REQUIRE", "force")
        process.setProcessEnvironment(environment)
        process.setStandardInputFile(QProcess.nullDevice())
        process.errorOccurred.connect(self._on_error)
        process.finished.connect(self._on_finished)
        self._process = process
        process.start(self._program, self.arguments())

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.errorOccurred.disconnect()
            process.finished.disconnect()
            process.terminate()
            if not process.waitForFinished(500):
                process.kill()
                process.waitForFinished(500)
            process.deleteLater()
            with contextlib.suppress(OSError):
                self._clear()

    def _clear(self) -> None:
        """Remove the socket of an ssh that has ended: it would look as if there was a way."""
        path = self._target.socket_path
        if path is not None:
            path.unlink(missing_ok=True)

    def _on_error(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart:
            self._process = None
            self.failed.emit(tr("cannot run {program}: is OpenSSH installed?").format(program=self._program))

    def _on_finished(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        words = bytes(process.readAllStandardError().data()).decode(errors="replace").strip()
        process.deleteLater()
        self.ended.emit(words[-MOST:])


def asks() -> bool:
    """Whether the desktop has a program that asks for passwords on ssh's behalf."""
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return bool(os.environ.get("SSH_ASKPASS")) or shutil.which("ssh-askpass") is not None
