"""A small HTTP client for the agent's unix socket: one kept connection, nothing that costs time beside the request."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any, Self

AGENT = "/run/incidentops/agent.sock"


class Connection:
    """One kept connection to the agent."""

    def __init__(self, path: str = AGENT, timeout: float = 120.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def request(self, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[float, dict[str, Any]]:
        """Seconds from the request's first byte until the answer's last, and the answer.

        Raises:
            RuntimeError: the answer is no success.
        """
        sent = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(sent)}\r\n\r\n".encode() + sent
        began = time.perf_counter()
        self._socket.sendall(head)
        status, answer = self._answer()
        seconds = time.perf_counter() - began
        if status != 200:
            raise RuntimeError(f"{method} {path} was answered with {status}: {answer.decode()}")
        return seconds, json.loads(answer)

    def _answer(self) -> tuple[int, bytes]:
        received = b""
        while (end := received.find(b"\r\n\r\n")) < 0:
            received += self._more()
        head = received[:end].lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(received) < end + 4 + length:
            received += self._more()
        return int(head.split()[1]), received[end + 4 :]

    def _more(self) -> bytes:
        data = self._socket.recv(262144)
        if not data:
            raise RuntimeError("the agent closed the connection")
        return data


class Events:
    """The stream of GET /events, asked for in HTTP/1.0, which has no chunks to take apart."""

    def __init__(self, path: str = AGENT) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.sendall(b"GET /events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self._buffer = b""
        self._read_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._socket.close()

    def await_status(self, service: str, status: str, seconds: float) -> float:
        """When (time.monotonic) the event came that gives the service this status.

        Raises:
            TimeoutError: it did not come in time.
        """
        until = time.monotonic() + seconds
        while True:
            *events, self._buffer = self._buffer.split(b"\n\n")
            for event in events:
                if _says(event, service, status):
                    return self._read_at
            ready, _, _ = select.select([self._socket], [], [], max(until - time.monotonic(), 0.0))
            if not ready:
                raise TimeoutError(f"no event said within {seconds:g} s that {service} is {status}")
            data = self._socket.recv(262144)
            self._read_at = time.monotonic()
            if not data:
                raise RuntimeError("the agent closed the event stream")
            self._buffer += data


def _says(event: bytes, service: str, status: str) -> bool:
    kind, _, data = event.partition(b"\ndata: ")
    if not kind.endswith(b"event: service"):
        return False
    told = json.loads(data)
    return bool(told["name"] == service and told["status"] == status)
