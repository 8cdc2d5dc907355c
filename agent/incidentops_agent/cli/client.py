"""HTTP to the agent, over its unix socket or loopback TCP.

HTTP/1.0 on a connection per request, by hand: the answer is what comes until the end, nothing is chunked, and a
command starts in half the time that http.client alone takes to import. The server is ours.
"""

from __future__ import annotations

import json
import os
import re
import select
import socket
import time

from .. import __version__
from .errors import RefusalError, SocketDeniedError, UnreachableError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

LAB_SOCKET = "/run/incidentops-lab/agent.sock"
CHUNK = 65536
ANSWER_MOST = 64 * 2**20
"""Bytes: an answer that is larger does not come from an agent."""


class Endpoint:
    """Where the agent is: the path of a unix socket, or an address for TCP."""

    def __init__(self, path: str = "", host: str = "", port: int = 0) -> None:
        self.path = path
        self.host = host
        self.port = port

    @classmethod
    def from_url(cls, url: str) -> Endpoint:
        """Read http://HOST[:PORT].

        Raises:
            UsageError: it is something else.
        """
        match = re.fullmatch(r"http://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?/?", url)
        port = int(match[2] or 80) if match else 0
        if match is None or not 0 < port < 65536:
            raise UsageError(f"cannot use the URL {url!r}: give one like http://localhost:8000")
        return cls(host=match[1], port=port)

    def __str__(self) -> str:
        return self.path or f"http://{self.host}:{self.port}"

    @property
    def host_header(self) -> str:
        return "localhost" if self.path else f"{self.host}:{self.port}"

    def connect(self, timeout: float) -> socket.socket:
        """Open a connection.

        Raises:
            UnreachableError: nobody answers there.
            SocketDeniedError: this user may not open the socket.
        """
        if not self.path:
            return self._connect_tcp(timeout)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        try:
            sock.connect(self.path)
        except (OSError, ValueError) as error:
            sock.close()
            raise _unix_problem(self.path, error) from error
        return sock

    def _connect_tcp(self, timeout: float) -> socket.socket:
        try:
            return socket.create_connection((self.host.strip("[]"), self.port), timeout)
        except ConnectionRefusedError as error:
            raise UnreachableError(
                f"cannot reach the agent: nobody listens at {self}. Is it running? systemctl status"
                " incidentops-agent.socket incidentops-agent.service"
            ) from error
        except TimeoutError as error:
            raise UnreachableError(f"cannot reach the agent: {self} does not answer within {timeout:g} s") from error
        except OSError as error:
            raise UnreachableError(f"cannot reach the agent at {self}: {error.strerror or error}") from error


def _unix_problem(path: str, error: Exception) -> UnreachableError | SocketDeniedError:
    """What to tell somebody whose connection to a unix socket failed."""
    if isinstance(error, PermissionError):
        return SocketDeniedError(
            f"cannot open the agent's socket {path}: permission denied. Its permissions or those of a folder above"
            " it keep your user out; ask the administrator of this machine, or use sudo"
        )
    if isinstance(error, FileNotFoundError):
        hint = "Is incidentops-agent installed? Then: systemctl start incidentops-agent.socket"
        if path != LAB_SOCKET and os.path.exists(LAB_SOCKET):  # noqa: PTH110 - pathlib costs 10 ms
            hint = f"A lab machine is running here; its agent is at --socket {LAB_SOCKET}"
        return UnreachableError(f"cannot reach the agent: there is no socket {path}. {hint}")
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(
            f"cannot reach the agent: nobody listens at {path} any more."
            " Start the agent: systemctl start incidentops-agent.socket"
        )
    if isinstance(error, TimeoutError | BlockingIOError):
        return UnreachableError(f"cannot reach the agent: it takes no connection at {path}, it hangs or is overloaded")
    return UnreachableError(f"cannot reach the agent at {path}: {getattr(error, 'strerror', None) or error}")


class Answer:
    """The head of an answer, and a connection from which the body comes."""

    def __init__(self, status: int, fields: Mapping[bytes, bytes], rest: bytes) -> None:
        length = fields.get(b"content-length", b"")
        self.status = status
        self.fields = fields
        self.length = int(length) if length.isdigit() else None
        self.rest = rest


def quoted(text: str) -> str:
    """One segment of a path, RFC 3986."""
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in text.encode(errors="surrogateescape"))


class Client:
    """Asks the agent at ``endpoint``. ``timeout`` is how many seconds an answer may take, from the first byte sent."""

    def __init__(self, endpoint: Endpoint, timeout: float) -> None:
        self.endpoint = endpoint
        self.timeout = timeout

    def get(self, path: str) -> Any:
        """The JSON at ``path``. Asked once more when the agent was replaced meanwhile: reading changes nothing.

        Raises:
            CliError: with the exit code that belongs to what went wrong.
        """
        try:
            return self._exchange("GET", path, {}, None)
        except UnreachableError as error:
            if not isinstance(error.__cause__, ConnectionError) or not error.sent:
                raise
            return self._exchange("GET", path, {}, None)

    def post(
        self,
        path: str,
        key: str,
        waiting: Callable[[float], None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Have the agent do something, once per ``key``; ``waiting`` gets the seconds so far, each second.

        Never sent a second time: whether it was done can't be known when the connection breaks.

        Raises:
            CliError: with the exit code that belongs to what went wrong.
        """
        return self._change("POST", path, key, waiting, body)

    def delete(self, path: str, key: str, waiting: Callable[[float], None] | None = None) -> dict[str, Any]:
        """Have the agent take something back, once per ``key``; as ``post``."""
        return self._change("DELETE", path, key, waiting, None)

    def _change(
        self,
        method: str,
        path: str,
        key: str,
        waiting: Callable[[float], None] | None,
        body: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        answer = self._exchange(method, path, {"Idempotency-Key": key}, waiting, body)
        if not isinstance(answer, dict):
            raise self._stranger()
        return answer

    def stream(self, path: str, last_id: str, silence: float) -> Iterator[bytes]:
        """The bytes of an event stream as they come, until it ends; ``silence`` is how long it may say nothing.

        Raises:
            CliError: it can't be opened, or was cut, or nothing came for ``silence`` seconds.
        """
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        with self.endpoint.connect(self.timeout) as sock:
            answer = self._request(sock, "GET", path, headers, None)
            if answer.status != 200:
                raise RefusalError(answer.status, self._object(self._body(sock, answer, time.monotonic())))
            yield from self._pieces(sock, answer, silence)

    def download(self, path: str, take: Callable[[bytes], None]) -> Mapping[bytes, bytes]:
        """Give an answer of any length to ``take``, piece by piece; the fields of its head, in lower case.

        Raises:
            CliError: it can't be had, or nothing came for ``timeout`` seconds.
        """
        with self.endpoint.connect(self.timeout) as sock:
            answer = self._request(sock, "GET", path, {}, None)
            if answer.status != 200:
                raise RefusalError(answer.status, self._object(self._body(sock, answer, time.monotonic())))
            for piece in self._pieces(sock, answer, self.timeout):
                take(piece)
        return answer.fields

    def _pieces(self, sock: socket.socket, answer: Answer, silence: float) -> Iterator[bytes]:
        sock.settimeout(silence)
        chunk = answer.rest
        while True:
            if chunk:
                yield chunk
            try:
                chunk = sock.recv(CHUNK)
            except TimeoutError as error:
                raise UnreachableError(f"the agent has said nothing for {silence:g} s") from error
            except OSError as error:
                raise self._broken(error) from error
            if not chunk:
                return

    # -- one request

    def _exchange(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        waiting: Callable[[float], None] | None,
        body_sent: Mapping[str, Any] | None = None,
    ) -> Any:
        began = time.monotonic()
        with self.endpoint.connect(self.timeout) as sock:
            answer = self._request(sock, method, path, headers, waiting, body_sent)
            body = self._body(sock, answer, began)
        if answer.status >= 400:
            raise RefusalError(answer.status, self._object(body))
        return self._json(body)

    def _request(
        self,
        sock: socket.socket,
        method: str,
        path: str,
        headers: Mapping[str, str],
        waiting: Callable[[float], None] | None,
        body: Mapping[str, Any] | None = None,
    ) -> Answer:
        sent = b"" if body is None else json.dumps(body).encode()
        lines = [
            f"{method} {path} HTTP/1.0",
            f"Host: {self.endpoint.host_header}",
            f"User-Agent: incidentops/{__version__}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if sent:
            lines.append("Content-Type: application/json")
        if method != "GET":
            lines.append(f"Content-Length: {len(sent)}")
        began = time.monotonic()
        try:
            sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii") + sent)
            return self._head(sock, began, waiting)
        except OSError as error:
            raise self._broken(error) from error

    def _head(self, sock: socket.socket, began: float, waiting: Callable[[float], None] | None) -> Answer:
        data = b""
        while b"\r\n\r\n" not in data:
            self._await(sock, began, waiting)
            chunk = sock.recv(CHUNK)
            if not chunk or len(data) > CHUNK:
                if data:
                    raise self._stranger()
                raise ConnectionResetError("the connection was closed before an answer came")
            data += chunk
        head, _, rest = data.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        version, _, status = first.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not status[:3].isdigit() or not 200 <= int(status[:3]) < 600:
            raise self._stranger()
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        return Answer(int(status[:3]), fields, rest)

    def _await(self, sock: socket.socket, began: float, waiting: Callable[[float], None] | None) -> None:
        """Wait until something can be read, telling the seconds meanwhile; TimeoutError when it takes too long."""
        while True:
            elapsed = time.monotonic() - began
            if elapsed >= self.timeout:
                raise TimeoutError
            next_second = int(elapsed) + 1 - elapsed
            if select.select([sock], [], [], min(next_second, self.timeout - elapsed))[0]:
                return
            if waiting is not None:
                waiting(time.monotonic() - began)

    def _body(self, sock: socket.socket, answer: Answer, began: float) -> bytes:
        data = bytearray(answer.rest)
        try:
            while answer.length is None or len(data) < answer.length:
                self._await(sock, began, None)
                chunk = sock.recv(CHUNK)
                if not chunk:
                    break
                data += chunk
                if len(data) > ANSWER_MOST:
                    raise self._stranger()
        except OSError as error:
            raise self._broken(error) from error
        if answer.length is not None and len(data) < answer.length:
            raise self._broken(ConnectionResetError("the answer is cut short"))
        return bytes(data[: answer.length])

    def _json(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise self._stranger() from error

    def _object(self, body: bytes) -> dict[str, Any]:
        value = self._json(body)
        if not isinstance(value, dict):
            raise self._stranger()
        return value

    # -- what goes wrong

    def _stranger(self) -> UnreachableError:
        return UnreachableError(f"cannot understand what answers at {self.endpoint}: it is no incidentops-agent")

    def _broken(self, error: OSError) -> UnreachableError:
        if isinstance(error, TimeoutError):
            sentence = (
                f"cannot wait longer for the agent at {self.endpoint}: it has not answered within {self.timeout:g} s"
            )
        else:
            sentence = f"cannot get an answer from the agent at {self.endpoint}: it closed the connection"
        problem = UnreachableError(sentence, sent=True)
        problem.__cause__ = error
        return problem
