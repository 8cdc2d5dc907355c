"""A connection with Redis, or what speaks its protocol (RESP, version 2): and of it only what faults need."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from . import credstore
from .errors import FaultError

if TYPE_CHECKING:
    from types import TracebackType

    from .services import Target

NOTHING = ("SET", "incidentops-fault", "", "XX")
"""A write that changes nothing even where it is taken: of a key that nobody has, and only if it is there."""

Reply = str | int | None | list["Reply"]


class RedisError(FaultError):
    """An error that the server answered; the message begins with its code, such as OOM or NOREPLICAS."""


class GoneError(FaultError):
    """Nobody listens, or the connection ended."""


class SilentError(FaultError):
    """No answer in time."""


class Redis:
    """One connection. ``patience`` is how many seconds an answer may take."""

    def __init__(self, host: str, port: int, credential: str, patience: float = 5) -> None:
        self._buffer = b""
        try:
            self._socket = socket.create_connection((host, port), patience)
        except OSError as error:
            raise GoneError(f"port {port} of {host} takes no connection: {error.strerror or error}") from error
        try:
            password = credstore.find(credential)
            if password is not None:
                self.call("AUTH", password)
        except FaultError:
            self.close()
            raise

    @classmethod
    def of(cls, target: Target, patience: float = 5) -> Redis:
        """To a service with a probe of the kind ``redis``."""
        return cls(*address(target), patience=patience)

    def __enter__(self) -> Redis:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def call(self, *words: str) -> Reply:
        """Send a command; its reply.

        Raises:
            RedisError: it is an error.
            SilentError: it does not come in time.
            GoneError: the connection ended.
        """
        self.send(*words)
        return self._reply()

    def send(self, *words: str) -> None:
        """Send a command without waiting for its reply."""
        try:
            self._socket.sendall(command(*words))
        except OSError as error:
            raise GoneError(f"Redis ended the connection: {error.strerror or error}") from error

    def arrived(self) -> int:
        """How many one-line replies have come by now, and are done with.

        Raises:
            GoneError: the connection ended.
        """
        patience = self._socket.gettimeout()
        self._socket.setblocking(False)
        try:
            while True:
                self._more()
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(patience)
        lines, _, self._buffer = self._buffer.rpartition(b"\r\n")
        return len(lines.split(b"\r\n")) if lines else 0

    def settings(self, pattern: str) -> dict[str, str]:
        """CONFIG GET."""
        found = self.call("CONFIG", "GET", pattern)
        words = [str(one) for one in found] if isinstance(found, list) else []
        return dict(zip(words[::2], words[1::2], strict=False))

    def info(self, section: str) -> dict[str, str]:
        """The fields of INFO."""
        lines = str(self.call("INFO", section)).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def _reply(self) -> Reply:
        line = self._line()
        kind, rest = line[:1], line[1:].decode(errors="replace")
        if kind == b"-":
            raise RedisError(rest)
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self._exactly(int(rest))
        if kind == b"*":
            return None if rest == "-1" else [self._reply() for _ in range(int(rest))]
        return rest

    def _line(self) -> bytes:
        while b"\r\n" not in self._buffer:
            self._more()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, size: int) -> str:
        while len(self._buffer) < size + 2:
            self._more()
        raw, self._buffer = self._buffer[:size], self._buffer[size + 2 :]
        return raw.decode(errors="replace")

    def _more(self) -> None:
        try:
            more = self._socket.recv(65536)
        except BlockingIOError:
            raise
        except TimeoutError as error:
            raise SilentError("Redis does not answer") from error
        except OSError as error:
            raise GoneError(f"Redis ended the connection: {error.strerror or error}") from error
        if not more:
            raise GoneError("Redis ended the connection")
        self._buffer += more


def command(*words: str) -> bytes:
    """A command as the protocol has it."""
    raw = [word.encode() for word in words]
    return b"*%d\r\n" % len(raw) + b"".join(b"$%d\r\n%s\r\n" % (len(one), one) for one in raw)


def address(target: Target) -> tuple[str, int, str]:
    """Host, port and the name of the credential."""
    options = target.spec.probe.options
    port = options.get("port")
    host = str(options.get("host", "127.0.0.1"))
    return host, port if isinstance(port, int) else 6379, str(options.get("credential", ""))
