"""A connection with RabbitMQ: AMQP 0-9-1, and of it only what faults need. Section numbers are of its specification."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from . import credstore
from .errors import FaultError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .services import Target

Method = tuple[int, int]
START, START_OK, TUNE, TUNE_OK, OPEN, OPEN_OK = (10, 10), (10, 11), (10, 30), (10, 31), (10, 40), (10, 41)
CLOSE, BLOCKED = (10, 50), (10, 60)
CHANNEL_OPEN, CHANNEL_OPEN_OK, CHANNEL_CLOSE = (20, 10), (20, 11), (20, 40)
DECLARE, DECLARE_OK = (50, 10), (50, 11)
QOS, QOS_OK, CONSUME, CONSUME_OK, CANCEL, PUBLISH = (60, 10), (60, 11), (60, 20), (60, 21), (60, 30), (60, 40)
IS_METHOD, IS_HEADER, IS_BODY, END = 1, 2, 3, b"\xce"
CHUNK = 65536


class AmqpError(FaultError):
    """What the broker refused; ``code`` is its reply code, 404 for what is not there, 405 for what is another's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"RabbitMQ says: {text}")
        self.code = code


class GoneError(FaultError):
    """Nobody listens, or the connection ended; all that was exclusively its own is gone."""


class SilentError(FaultError):
    """No answer in time."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whom to ask, and as whom."""

    host: str
    port: int
    user: str
    password: str
    vhost: str = "/"

    @classmethod
    def find(cls, host: str, port: int, credential: str) -> Login:
        """From the credential, an amqp:// URL, or when there is none the broker's own default, as the agent does.

        Raises:
            FaultError: the credential is no such URL.
        """
        text = credstore.find(credential)
        if text is None:
            return cls(host, port, "guest", "guest")
        try:
            url = urlsplit(text)
            known = cls(
                url.hostname or host, url.port or port, unquote(url.username or ""), unquote(url.password or "")
            )
        except ValueError as error:
            raise FaultError(f"the credential {credential!r} is no amqp:// URL") from error
        if url.scheme != "amqp":
            raise FaultError(f"the credential {credential!r} is no amqp:// URL")
        vhost = unquote(url.path.removeprefix("/")) or "/"
        return cls(known.host, known.port, known.user, known.password, vhost)


def address(target: Target) -> tuple[str, int, str]:
    """Host, port and the name of the credential, of a service with a probe of the kind ``rabbitmq``."""
    options = target.spec.probe.options
    port = options.get("port")
    host = str(options.get("host", "127.0.0.1"))
    return host, port if isinstance(port, int) else 5672, str(options.get("credential", ""))


class Broker:
    """One connection with one channel. Without heartbeats: the kernel tells both sides of an end, on one machine."""

    def __init__(self, login: Login, patience: float = 5) -> None:
        self._buffer = b""
        self.blocked = False
        """Whether the broker says that it takes no messages (short of memory or disk)."""
        try:
            self._socket = socket.create_connection((login.host, login.port), patience)
        except OSError as error:
            reason = error.strerror or error
            raise GoneError(f"port {login.port} of {login.host} takes no connection: {reason}") from error
        try:
            self._open(login)
        except FaultError:
            self.close()
            raise

    @classmethod
    def of(cls, target: Target) -> Broker:
        return cls(Login.find(*address(target)))

    def __enter__(self) -> Broker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def _open(self, login: Login) -> None:
        self._send(b"AMQP\0\0\x09\x01")
        self._await(START, 0)
        properties = {"product": "incidentops-fault", "capabilities": {"connection.blocked": True}}
        answer = longstr(f"\0{login.user}\0{login.password}".encode())
        self._method(0, START_OK, table(properties) + shortstr("PLAIN") + answer + shortstr("en_US"))
        channels, frame, _ = struct.unpack("!HIH", self._await(TUNE, 0))
        self._method(0, TUNE_OK, struct.pack("!HIH", channels, frame, 0))
        self._method(0, OPEN, shortstr(login.vhost) + b"\0\0")
        self._await(OPEN_OK, 0)
        self.channel(1)

    def channel(self, number: int) -> None:
        """Open another channel."""
        self._method(number, CHANNEL_OPEN, b"\0")
        self._await(CHANNEL_OPEN_OK, number)

    def declare(
        self, queue: str, passive: bool = False, exclusive: bool = False, arguments: Mapping[str, object] | None = None
    ) -> tuple[int, int]:
        """Make a queue, or ``passive`` look whether it is there: how many messages and consumers it has.

        Raises:
            AmqpError: there is none, or it is another connection's.
        """
        flags = passive | exclusive << 2
        self._method(1, DECLARE, b"\0\0" + shortstr(queue) + bytes([flags]) + table(arguments or {}))
        answer = self._await(DECLARE_OK, 1)
        messages, consumers = struct.unpack("!II", answer[-8:])
        return messages, consumers

    def publish(self, queue: str, bodies: list[bytes]) -> None:
        """Send messages to a queue; they are not persistent, and lost when there is none."""
        made = [_frame(IS_METHOD, 1, struct.pack("!HH", *PUBLISH) + b"\0\0\0" + shortstr(queue) + b"\0")]
        made *= len(bodies)
        for number, body in enumerate(bodies):
            made[number] += _frame(IS_HEADER, 1, struct.pack("!HHQH", 60, 0, len(body), 0))
            made[number] += b"".join(_frame(IS_BODY, 1, body[at : at + CHUNK]) for at in range(0, len(body), CHUNK))
        self._send(b"".join(made))

    def consume(self, queue: str, tag: str, prefetch: int, priority: int) -> None:
        """Have messages delivered, at most ``prefetch`` that are not acknowledged (0: all)."""
        self._method(1, QOS, struct.pack("!IHB", 0, prefetch, 0))
        self._await(QOS_OK, 1)
        arguments = table({"x-priority": priority})
        self._method(1, CONSUME, b"\0\0" + shortstr(queue) + shortstr(tag) + b"\0" + arguments)
        self._await(CONSUME_OK, 1)

    def takes_messages(self) -> bool:
        """Whether it goes on reading after a message: the broker blocks a connection at its first one when it is short
        of memory. The message is for nobody."""
        self.publish("incidentops.fault.nobody", [b""])
        try:
            self.channel(2)
        except SilentError:
            return False
        return not self.blocked

    def drain(self, seconds: float) -> None:
        """Read and forget what comes within so many seconds.

        Raises:
            FaultError: the connection, the channel or the consumer ended.
        """
        end = time.monotonic() + seconds
        patience = self._socket.gettimeout()
        try:
            while (left := end - time.monotonic()) > 0:
                self._socket.settimeout(left)
                with contextlib.suppress(SilentError):
                    self._frame()
        finally:
            self._socket.settimeout(patience)

    def _await(self, wanted: Method, channel: int) -> bytes:
        """Read until a method comes on a channel; its arguments."""
        while True:
            kind, number, payload = self._frame()
            if kind == IS_METHOD and number == channel and struct.unpack_from("!HH", payload) == wanted:
                return payload[4:]
            if self.blocked:
                raise SilentError("RabbitMQ takes no messages for now")

    def _frame(self) -> tuple[int, int, bytes]:
        """The next frame: kind, channel, payload."""
        kind, channel, size = struct.unpack("!BHI", self._exactly(7))
        payload = self._exactly(size + 1)[:-1]
        if kind == IS_METHOD:
            method = struct.unpack_from("!HH", payload)
            if method in (CLOSE, CHANNEL_CLOSE):
                code, length = struct.unpack_from("!HB", payload, 4)
                raise AmqpError(code, payload[7 : 7 + length].decode(errors="replace"))
            if method == CANCEL:
                raise GoneError("the queue was deleted")
            self.blocked = self.blocked or method == BLOCKED
        return kind, channel, payload

    def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            try:
                more = self._socket.recv(262144)
            except TimeoutError as error:
                raise SilentError("RabbitMQ does not answer") from error
            except OSError as error:
                raise GoneError(f"RabbitMQ ended the connection: {error.strerror or error}") from error
            if not more:
                # so it answers a login that is wrong, and an end
                raise GoneError("RabbitMQ ended the connection")
            self._buffer += more
        raw, self._buffer = self._buffer[:size], self._buffer[size:]
        return raw

    def _method(self, channel: int, method: Method, arguments: bytes) -> None:
        self._send(_frame(IS_METHOD, channel, struct.pack("!HH", *method) + arguments))

    def _send(self, raw: bytes) -> None:
        try:
            self._socket.sendall(raw)
        except TimeoutError as error:
            raise SilentError("RabbitMQ reads nothing from its connections") from error
        except OSError as error:
            raise GoneError(f"RabbitMQ ended the connection: {error.strerror or error}") from error


def _frame(kind: int, channel: int, payload: bytes) -> bytes:
    return struct.pack("!BHI", kind, channel, len(payload)) + payload + END


def shortstr(text: str) -> bytes:
    raw = text.encode()
    return bytes([len(raw)]) + raw


def longstr(raw: bytes) -> bytes:
    return struct.pack("!I", len(raw)) + raw


def table(values: Mapping[str, object]) -> bytes:
    """A field table of truths, numbers, texts and tables."""
    return longstr(b"".join(shortstr(key) + _field(value) for key, value in values.items()))


def _field(value: object) -> bytes:
    if isinstance(value, bool):
        return b"t" + bytes([value])
    if isinstance(value, int):
        return b"l" + struct.pack("!q", value)
    if isinstance(value, dict):
        return b"F" + table(value)
    return b"S" + longstr(str(value).encode())
