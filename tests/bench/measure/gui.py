"""The desktop application, offscreen, as it is installed: from an event to a painted LED, from a click to the wire.

The window runs in a process of its own (gui_window.py). What it is fed with comes from here: an agent of wood on a unix
socket, with the real agent's answers, that says when it wrote and when it was asked.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from . import gui_rooms
from .figures import Goal, Row, series
from .http import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS, STARTS, IDLE = 300, 10, 30.0
SETTLED = 1.5
"""Seconds after which the window has nothing left to load."""
HERE = Path(__file__).parent.parent
EMPTY = "empty PySide6 window"


class Feeder:
    """An agent of wood with ``count`` services, for one window."""

    def __init__(self, path: Path, services: dict[str, Any], count: int) -> None:
        names = [*services, *(f"unit{number:02}" for number in range(count - len(services)))]
        self.services = {name: copy.deepcopy(services.get(name, services["redis"])) for name in names[:count]}
        if count > len(services):
            for name, needed in gui_rooms.needs(names).items():
                self.services[name]["depends_on"] = needed
        self._answers = gui_rooms.answers(names)
        self.asked: list[float] = []
        """When each POST had arrived, CLOCK_MONOTONIC in seconds."""
        self._stream: socket.socket | None = None
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()
        if self._stream is not None:
            self._stream.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        request = connection.recv(65536)
        arrived = time.monotonic()
        if not request:
            return  # the window was closed while it connected
        path = request.split(b" ", 2)[1].decode()
        if path == "/events":
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            whole = {"services": self.services, "agent": {"status": "ok", "problems": {}}, "at": "2026-01-01T00:00:00Z"}
            connection.sendall(head + chunk(event("snapshot", whole)))
            self._stream = connection
            return
        body: Any = [] if path.startswith("/logs/") else self._answers.get(path.partition("?")[0], self.services)
        if request.startswith(b"POST"):
            self.asked.append(arrived)
            body = {"service": "redis", "ping": "ok", "latency_seconds": 0.001, "reason": "", "recorded": True}
        data = json.dumps(body).encode()
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
        connection.close()

    def write(self, raw: bytes) -> None:
        assert self._stream is not None
        self._stream.sendall(raw)

    def change(self, name: str, up: bool) -> bytes:
        """The event of a service that went up or down; its reason says when it was made."""
        status, state = ("up", "healthy") if up else ("down", "failed")
        fields = {"name": name, **self.services[name], "status": status, "state": state}
        return event("service", {**fields, "reason": repr(time.monotonic())})


def event(kind: str, data: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@contextlib.contextmanager
def window(scenario: str, path: Path | str) -> Iterator[subprocess.Popen[str]]:
    """A window in a process of its own; it says ``ready`` when everything is on its screen."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "XDG_RUNTIME_DIR": str(Path(path).parent)}
    words = [sys.executable, "-m", "measure.gui_window", scenario, str(path)]
    child = subprocess.Popen(
        words, cwd=HERE, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def said(child: subprocess.Popen[str]) -> list[str]:
    """The words of the window's next line.

    Raises:
        RuntimeError: it has ended.
    """
    out: IO[str] | None = child.stdout
    line = out.readline() if out is not None else ""
    if not line:
        raise RuntimeError("the window has ended")
    return line.split()


def tell(child: subprocess.Popen[str], word: str) -> None:
    assert child.stdin is not None
    child.stdin.write(f"{word}\n")
    child.stdin.flush()


@contextlib.contextmanager
def fed(scenario: str, count: int, waits: bool = True) -> Iterator[tuple[Feeder, subprocess.Popen[str]]]:
    with Connection() as agent:
        _, services = agent.request("GET", "/services")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.sock"
        feeder = Feeder(path, services, count)
        try:
            with window(scenario, path) as child:
                if waits:
                    assert said(child) == ["ready"]
                yield feeder, child
        finally:
            feeder.close()


def painted(rounds: int, scenario: str) -> list[float]:
    """From the write of an event to the end of the LED's painting, ms."""
    found = []
    with fed(scenario, 5) as (feeder, child):
        for number in range(rounds):
            feeder.write(chunk(feeder.change("redis", up=number % 2 == 1)))
            found.append(float(said(child)[0]))
            time.sleep(0.01)
    return found


def clicked(rounds: int) -> list[float]:
    """From the click on Ping to its request at the other end of the socket, ms."""
    found = []
    with fed("click", 5) as (feeder, child):
        for number in range(rounds):
            tell(child, "click")
            began = float(said(child)[0])
            while len(feeder.asked) <= number:
                time.sleep(0.0005)
            found.append((feeder.asked[number] - began) * 1000)
            assert said(child) == ["answered"]
    return found


def coalesced(rounds: int) -> tuple[list[float], Longest]:
    """100 events for 50 cards in one write: until the last LED is painted, ms, and the longest turns meanwhile."""
    whole, longest = [], Longest()
    with fed("burst", 50) as (feeder, child):
        names = list(feeder.services)
        for number in range(rounds):
            raw = b"".join(feeder.change(name, up) for up in (number % 2 == 0, number % 2 == 1) for name in names)
            feeder.write(chunk(raw))
            took, *turn = said(child)
            whole.append(float(took))
            longest.add(turn)
            time.sleep(0.05)
    return whole, longest


def built(rounds: int) -> Longest:
    """The longest turn of the event loop while the first snapshot makes 50 cards."""
    longest = Longest()
    for _ in range(rounds):
        with fed("build", 50, waits=False) as (_, child):
            longest.add(said(child))
    return longest


def opened(room: str, rounds: int) -> Longest:
    """The longest turn of the event loop while a window beside the main one opens first, until all of it is shown."""
    longest = Longest()
    for _ in range(rounds):
        with fed(room, 50) as (_, child):
            time.sleep(SETTLED)
            tell(child, "open")
            longest.add(said(child))
    return longest


class Longest:
    """The longest turns of the event loop, ms: by the clock, and beside it what of that was our own work."""

    def __init__(self) -> None:
        self.clock: list[float] = []
        self.processor: list[float] = []

    def add(self, words: list[str]) -> None:
        for samples, word in zip((self.clock, self.processor), words, strict=True):
            samples.append(float(word))

    def row(self, what: str) -> Row:
        own = series("in processor time", self.processor)
        return Row(what, "ms", series("ours", self.clock), [own], Goal(8.0, of=("p99",)))


def started(rounds: int) -> dict[str, list[float]]:
    """From spawn, ms; ours and an empty window in turns.

    ``start`` and ``empty`` end with the first painting, ``whole`` when every card is live and painted.
    """
    found: dict[str, list[float]] = {"start": [], "empty": [], "whole": []}
    for _ in range(rounds):
        for scenario in ("start", "empty"):
            began = time.monotonic()
            with window(scenario, "/run/incidentops/agent.sock") as child:
                found[scenario].append((float(said(child)[0]) - began) * 1000)
                if scenario == "start":
                    found["whole"].append((float(said(child)[0]) - began) * 1000)
    return found


def held(scenario: str, count: int) -> float:
    """Resident memory with so many cards on screen, MiB."""
    if scenario == "empty":
        with window(scenario, "/run/incidentops/agent.sock") as child:
            said(child)
            return rss(child.pid)
    with fed(scenario, count) as (_, child):
        return rss(child.pid)


def rss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1024


def idle(seconds: float) -> float:
    """Share of one processor that a window of the real agent takes while nothing happens, percent."""
    with window("idle", "/run/incidentops/agent.sock") as child:
        assert said(child) == ["ready"]
        time.sleep(5)
        before, began = cpu(child.pid), time.monotonic()
        time.sleep(seconds)
        return (cpu(child.pid) - before) / (time.monotonic() - began) * 100


def cpu(pid: int) -> float:
    """Processor time of a process so far, s."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(scale: float) -> list[Row]:
    rounds = max(int(ROUNDS * scale), 10)
    starts = started(max(int(STARTS * scale), 3))
    whole, longest = coalesced(max(rounds // 10, 5))
    made = built(max(int(STARTS * scale), 3))
    rooms = {about: opened(room, max(int(STARTS * scale), 3)) for room, about in gui_rooms.ROOMS.items()}
    empty = series(EMPTY, [held("empty", 0)])
    bare = series("one QLocalSocket, one QLabel", painted(rounds, "bare"))
    return [
        Row("event to LED painted", "ms", series("ours", painted(rounds, "led")), [bare], Goal(16.0, of=("p99",))),
        Row("click to request on the wire", "ms", series("ours", clicked(rounds)), [], Goal(16.0, of=("p99",))),
        Row("100 updates of 50 cards, painted", "ms", series("ours", whole)),
        longest.row("longest turn of the event loop meanwhile"),
        made.row("longest turn while 50 cards are made"),
        *(turns.row(f"longest turn while {about} open first") for about, turns in rooms.items()),
        Row(
            "start to first paint",
            "ms",
            series("ours", starts["start"]),
            [series(EMPTY, starts["empty"])],
            Goal(1.5, EMPTY),
        ),
        Row("start to every card live and painted", "ms", series("ours", starts["whole"])),
        Row("idle CPU of the window", "%", series("ours", [idle(max(IDLE * scale, 5))]), [], Goal(0.5)),
        Row("RSS with 5 cards", "MiB", series("ours", [held("hold", 5)]), [empty]),
        Row("RSS with 50 cards", "MiB", series("ours", [held("hold", 50)]), [empty]),
    ]
