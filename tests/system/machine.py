"""One lab machine, as the tests of this tier speak of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

TOP = Path(__file__).resolve().parents[2]
SERVICES = ("chaos", "postgres", "rabbitmq", "redis", "worker")


def eventually(look: Callable[[], Any], deadline: float = 10.0, every: float = 0.02) -> Any:
    """The first true value of ``look`` within ``deadline`` seconds; fails with its last value."""
    end = time.monotonic() + deadline
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > end:
            pytest.fail(f"not so within {deadline:g} s: {look} gave {value!r}")
        time.sleep(every)


@dataclass
class Answer:
    """An answer of the API. ``body`` is the JSON, or the text when it is none; ``seconds`` how long it took."""

    status: int
    body: Any
    seconds: float
    headers: dict[str, str] = field(default_factory=dict)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Events:
    """The event stream, read line by line: ``next`` gives (kind, data, monotonic time of arrival)."""

    def __init__(self, path: Path, last_id: str = "") -> None:
        self._connection = UnixConnection(path, timeout=10)
        headers = {"Last-Event-ID": last_id} if last_id else {}
        self._connection.request("GET", "/events", headers=headers)
        self._answer = self._connection.getresponse()
        assert self._answer.status == 200
        self.last_id = ""

    def next(self) -> tuple[str, Any, float]:
        kind, data = "", ""
        while line := self._answer.readline().decode().rstrip("\n"):
            key, _, value = line.partition(": ")
            if key == "event":
                kind = value
            elif key == "data":
                data = value
            elif key == "id":
                self.last_id = value
        return kind, json.loads(data), time.monotonic()

    def until(self, wanted: Callable[[str, Any], bool], deadline: float = 10.0) -> tuple[str, Any, float]:
        """The first event that is wanted."""
        end = time.monotonic() + deadline
        while True:
            kind, data, at = self.next()
            if wanted(kind, data):
                return kind, data, at
            if at > end:
                pytest.fail(f"the event did not come within {deadline:g} s")

    def close(self) -> None:
        self._connection.close()


class Lab:
    """One running lab machine."""

    def __init__(self, name: str, port: int | None = None) -> None:
        self.name = name
        self.port = port
        self.runtime = Path(f"/run/incidentops-lab-{name}")
        self.socket = self.runtime / "agent.sock"

    def up(self) -> None:
        words = [str(TOP / "lab"), "up", "--name", self.name]
        if self.port is not None:
            words += ["--port", str(self.port)]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if done.returncode:
            pytest.fail(f"./lab up --name {self.name} failed:\n{done.stdout}")

    def down(self) -> None:
        done = subprocess.run(
            [TOP / "lab", "down", "--name", self.name],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout

    def run(
        self, *argv: str, input: str | None = None, check: bool = True, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside as root."""
        words = [str(TOP / "lab"), "shell", "--name", self.name, "--", *argv]
        done = subprocess.run(words, input=input or "", capture_output=True, text=True, timeout=timeout, check=False)
        if check and done.returncode:
            pytest.fail(f"{argv} inside the machine ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def output(self, *argv: str) -> str:
        return self.run(*argv).stdout.strip()

    @property
    def leader(self) -> int:
        """The machine's PID 1 as the host sees it."""
        text = subprocess.run(
            [TOP / "lab", "status", "--name", self.name], capture_output=True, text=True, check=True
        ).stdout
        found = re.search(r"\b(?:leader|pid)\D+(\d+)", text)
        assert found, text
        return int(found[1])

    def main_pid(self, unit: str) -> int:
        """A unit's main process, by its number inside."""
        return int(self.output("systemctl", "show", "--property=MainPID", "--value", unit))

    def host_pid(self, inside: int) -> int:
        """The host's number of a process of the machine."""
        for status in Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                numbers = re.search(r"^NSpid:\s+(\d+)\s+(\d+)$", status.read_text(), re.MULTILINE)
                if numbers and int(numbers[2]) == inside and self._is_ours(int(numbers[1])):
                    return int(numbers[1])
        raise AssertionError(f"the host has no process for {inside} of {self.name}")

    def _is_ours(self, pid: int) -> bool:
        return Path(f"/proc/{pid}/ns/pid").readlink() == Path(f"/proc/{self.leader}/ns/pid").readlink()

    def request(
        self,
        method: str,
        path: str,
        timeout: float = 90,
        headers: dict[str, str] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Answer:
        """Ask the API over the unix socket, from the host."""
        connection = UnixConnection(self.socket, timeout)
        began = time.monotonic()
        try:
            sent = None if body is None else json.dumps(body).encode()
            connection.request(method, path, sent, headers or {})
            answer = connection.getresponse()
            raw = answer.read()
        finally:
            connection.close()
        seconds = time.monotonic() - began
        is_json = answer.headers.get_content_type() == "application/json"
        return Answer(answer.status, json.loads(raw) if is_json else raw.decode(), seconds, dict(answer.headers))

    def get(self, path: str) -> Any:
        answer = self.request("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: dict[str, Any] | None = None) -> Answer:
        return self.request("POST", path, body=body)

    def states(self) -> dict[str, str]:
        return {name: about["state"] for name, about in self.get("/services").items()}

    def all_up(self) -> bool:
        return all(state == "healthy" for state in self.states().values())

    def events(self, last_id: str = "") -> Events:
        return Events(self.socket, last_id)

    def journal(self, *arguments: str) -> str:
        return self.output("journalctl", "--no-pager", "--output=cat", "--unit=incidentops-agent", *arguments)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bring_back(machine: Lab) -> None:
    """Have every service up."""
    if not machine.all_up():
        machine.post("/remediate")
        eventually(machine.all_up, deadline=30)
