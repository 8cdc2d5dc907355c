"""An agent of wood: it speaks the API over a unix socket, from recorded answers, and does what a test tells it."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeAgent:
    """Set ``answers["POST /stop/redis"] = (200, {...})``; ``push`` sends an event to every reader of the stream.

    ``mute``: it accepts connections and says nothing, as a frozen agent does whose sockets PID 1 holds.
    """

    path: Path
    services: dict[str, Any]
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    mute: bool = False
    cut: bool = False
    """Close the connection of a POST without an answer."""
    incidents: list[dict[str, Any]] | None = None
    """Those of the snapshot; None as of an agent that knows none."""
    hold: threading.Event = field(default_factory=threading.Event)
    """Answers to POST wait for it."""

    def __post_init__(self) -> None:
        self.hold.set()
        self._lock = threading.Lock()
        self._readers: list[socket.socket] = []
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listening: socket.socket | None = None

    # -- opening and closing

    def open(self) -> None:
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.path))
        listening.listen(64)
        self._listening = listening
        self._run(self._accept, listening)

    def _run(self, work: Callable[[socket.socket], None], connection: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(connection,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Stop as a killed agent does: every connection ends, the socket is gone."""
        listening, self._listening = self._listening, None
        if listening is not None:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
        self.drop()
        self.path.unlink(missing_ok=True)
        self.hold.set()
        for thread in self._threads:
            thread.join(5)
        self._threads.clear()

    def drop(self) -> None:
        """End every connection, and go on listening."""
        with self._lock:
            ending, self._open, self._readers = self._open, set(), []
        for connection in ending:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
            self._run(self._serve, connection)

    # -- serving

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            request = self._read(connection)
            self.requests.append(request)
            if self.mute:
                return
            if request.path == "/events":
                self._stream(connection)
                return
            if request.method in ("POST", "DELETE"):
                self.hold.wait(10)
                if self.cut:
                    connection.shutdown(socket.SHUT_RDWR)
                    return
            status, body = self._answer(request)
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\nContent-Type: application/json\r\n\r\n"
            connection.sendall(head.encode() + data)

    @staticmethod
    def _read(connection: socket.socket) -> Request:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                raise OSError("gone")
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in rest)}
        while len(body) < int(headers.get("content-length", "0")):
            more = connection.recv(65536)
            if not more:
                raise OSError("gone")
            body += more
        return Request(method, path, headers, body)

    def _answer(self, request: Request) -> tuple[int, Any]:
        known = self.answers.get(f"{request.method} {request.path.split('?')[0]}")
        if known is not None:
            return known
        if request.path == "/services":
            return 200, self.services
        if request.path.startswith("/logs/"):
            return 200, []
        return 404, {"kind": "not-found", "message": f"cannot find {request.path}"}

    # -- the stream

    def _stream(self, connection: socket.socket) -> None:
        status, body = self.answers.get("GET /events", (200, None))
        if status != 200:
            data = json.dumps(body).encode()
            connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
            return
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + chunk(encode("snapshot", self.snapshot())))
        with self._lock:
            self._readers.append(connection)

    def snapshot(self) -> dict[str, Any]:
        known = {} if self.incidents is None else {"incidents": self.incidents}
        return {
            **known,
            "services": self.services,
            "agent": {"status": "ok", "problems": {}},
            "at": "2026-11-24T22:30:00.000Z",
        }

    @property
    def readers(self) -> int:
        with self._lock:
            return len(self._readers)

    def push(self, kind: str, data: Any) -> None:
        self.send(encode(kind, data))

    def send(self, raw: bytes) -> None:
        """Bytes of the stream as they are."""
        with self._lock:
            for reader in self._readers:
                with contextlib.suppress(OSError):
                    reader.sendall(chunk(raw))

    def change(self, name: str, push: bool = True, **fields: Any) -> dict[str, Any]:
        """Change fields of a service, and tell the readers."""
        self.services = copy.deepcopy(self.services)
        self.services[name].update(fields)
        if push:
            self.push("service", {"name": name, **self.services[name]})
        return dict(self.services[name])

    def break_it(self, name: str, kind: str = "hang", seconds: float = 60.0, **fields: Any) -> dict[str, Any]:
        """A fault is injected into a service; the readers are told."""
        now = datetime.now(UTC)
        fault = {
            "id": f"f{name:a<11}",
            "kind": kind,
            "service": name,
            "unit": f"{name}.service",
            "phase": "active",
            "message": "",
            "failure": "",
            "parameters": {},
            "requested_by": "alice",
            "ended_by": "",
            "began": now.isoformat(),
            "verified": now.isoformat(),
            "ended": None,
            "until": (now + timedelta(seconds=seconds)).isoformat(),
            "duration_seconds": seconds,
            **fields,
        }
        self.change(name, fault=fault)
        return fault

    def mend(self, name: str, by: str = "revert") -> None:
        """The fault of a service is over; the readers are told."""
        fault = {**self.services[name]["fault"], "phase": "recovered", "ended_by": by}
        self.push("fault", {**fault, "ended": datetime.now(UTC).isoformat(), "remaining_seconds": None})
        self.change(name, fault=None)

    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    def asked(self, path: str) -> list[Request]:
        """The requests for a path, whatever their query."""
        return [request for request in self.requests if request.path.split("?")[0] == path]


def encode(kind: str, data: Any) -> bytes:
    return f"id: x-1\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
