"""A small agent to talk to: http.server on a unix socket, with answers that each test chooses."""

from __future__ import annotations

import contextlib
import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from incidentops_agent.cli.__main__ import main

HERE = Path(__file__).parent
Reply = Callable[["Handler"], None]


def answer_file(name: str) -> Any:
    """An answer of the real agent, from the folder answers/."""
    return json.loads((HERE / "answers" / name).read_text())


class Handler(BaseHTTPRequestHandler):
    """Answers from the table of its server, and notes what was asked."""

    server: Any  # a Table that is a server

    def do_GET(self) -> None:  # noqa: N802 - the name is http.server's
        self.server.requests.append((self.command, self.path, dict(self.headers.items())))
        length = int(self.headers.get("Content-Length", "0"))
        if length:
            self.server.bodies.append(json.loads(self.rfile.read(length)))
        replies = self.server.replies.get((self.command, self.path))
        if not replies:
            self.send(404, {"kind": "not-found", "message": f"cannot find {self.path}"})
            return
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            reply(self)

    do_POST = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def send(self, status: int, body: Any) -> None:
        self.raw(status, json.dumps(body).encode())

    def raw(self, status: int, body: bytes, media: str = "application/json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *_arguments: Any) -> None:
        pass


def _json(status: int, body: Any) -> Reply:
    return lambda handler: handler.send(status, body)


class Table:
    """``replies`` maps (method, path) to what is answered, one after the other; the last one is repeated."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.bodies: list[Any] = []
        self.replies: dict[tuple[str, str], list[Reply]] = {}
        self.on("GET", "/health", {"status": "ok", "problems": {}})

    def on(self, method: str, path: str, *replies: Any, status: int = 200) -> None:
        """Answer with each of ``replies``: a body for JSON, or a function that is given the handler."""
        self.replies[method, path] = [reply if callable(reply) else _json(status, reply) for reply in replies]

    def asked(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]


class FakeAgent(Table, socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path) -> None:
        Table.__init__(self)
        socketserver.ThreadingUnixStreamServer.__init__(self, str(path), Handler)
        self.path = path


class FakeTcpAgent(Table, socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        Table.__init__(self)
        socketserver.ThreadingTCPServer.__init__(self, ("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextlib.contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    with server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[FakeAgent]:
    made = FakeAgent(tmp_path / "agent.sock")
    with serving(made):
        yield made


@pytest.fixture
def tcp_agent() -> Iterator[FakeTcpAgent]:
    made = FakeTcpAgent()
    with serving(made):
        yield made


class Result:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


Run = Callable[..., Result]


@pytest.fixture
def run(agent: FakeAgent, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line in this process, against the fake agent."""

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = main(["--socket", str(agent.path), *arguments])
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call
