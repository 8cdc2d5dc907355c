"""The command line as a process: on a terminal, in a pipe, interrupted, and what it imports."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from .conftest import FakeAgent, Handler, answer_file

TOP = Path(__file__).parents[3]
ENVIRONMENT = {"PYTHONPATH": str(TOP / "agent"), "TERM": "xterm", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
DOWN = {"service": "redis", "status": "down", "state": "stopped", "outcome": "ok", "duration_seconds": 1.2}
DEADLINE = 20.0


def command(agent: FakeAgent, *arguments: str) -> list[str]:
    # The test run itself may have been started with SIGINT ignored, as a job in the background of a script.
    return [
        "env",
        "--default-signal=INT",
        sys.executable,
        "-W",
        "error",
        "-m",
        "incidentops_agent.cli",
        "--socket",
        str(agent.path),
        *arguments,
    ]


class Terminal:
    """A process on a terminal of its own, 100 columns wide."""

    def __init__(self, argv: list[str], **environment: str) -> None:
        self._master, slave = pty.openpty()
        os.set_inheritable(slave, True)
        subprocess.run(["stty", "cols", "100", "rows", "40"], stdin=slave, check=True)
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env={**ENVIRONMENT, **environment}, start_new_session=True
        )
        os.close(slave)
        self.text = ""

    def until(self, wanted: str) -> None:
        """Read until the text is there, or until the end when it is empty."""
        end = time.monotonic() + DEADLINE
        while not wanted or wanted not in self.text:
            assert select.select([self._master], [], [], max(0.0, end - time.monotonic()))[0], self.text
            try:
                data = os.read(self._master, 65536)
            except OSError:  # EIO: the last one that had the terminal open is gone
                data = b""
            if not data:
                assert not wanted, self.text
                return
            self.text += data.decode()

    def write(self, text: str) -> None:
        os.write(self._master, text.encode())

    def end(self) -> int:
        self.until("")
        return self.process.wait(DEADLINE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)


Open = Callable[..., Terminal]


@pytest.fixture
def terminal() -> Iterator[Open]:
    opened: list[Terminal] = []

    def start(argv: list[str], **environment: str) -> Terminal:
        opened.append(Terminal(argv, **environment))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


class Slow:
    """A reply that is given when the test lets it."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.asked = threading.Event()
        self.go = threading.Event()

    def __call__(self, handler: Handler) -> None:
        self.asked.set()
        self.go.wait(DEADLINE)
        handler.send(200, self._body)


# -- a terminal


def test_colour_on_a_terminal(agent: FakeAgent, terminal: Open) -> None:
    agent.on("GET", "/services", answer_file("services.json"))
    shown = terminal(command(agent, "status"))
    assert shown.end() == 1
    assert "\x1b[31m✖\x1b[0m" in shown.text


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(agent: FakeAgent, terminal: Open, environment: dict[str, str]) -> None:
    agent.on("GET", "/services", answer_file("services.json"))
    shown = terminal(command(agent, "status"), **environment)
    assert shown.end() == 1
    assert "\x1b" not in shown.text
    assert "✖" in shown.text


@pytest.mark.parametrize(
    ("answer", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("\x04", 1), ("\x03", 130)]
)
def test_a_stop_asks_first(agent: FakeAgent, terminal: Open, answer: str, code: int) -> None:
    agent.on("GET", "/services/redis", {"stops_with": ["a.service"], "dependants": []})
    agent.on("POST", "/stop/redis", DOWN)
    shown = terminal(["setsid", "--ctty", "--wait", *command(agent, "stop", "redis")])
    shown.until("Stop redis? [y/N] ")
    assert "takes down too: a.service" in shown.text
    shown.write(answer)
    assert shown.end() == code
    assert ("POST /stop/redis" in agent.asked()) == (code == 0)
    assert "Traceback" not in shown.text


def test_a_stop_with_yes_does_not_ask(agent: FakeAgent, terminal: Open) -> None:
    agent.on("GET", "/services/redis", {"stops_with": ["a.service"], "dependants": []})
    agent.on("POST", "/stop/redis", DOWN)
    shown = terminal(command(agent, "stop", "redis", "-y"))
    assert shown.end() == 0
    assert "takes down too: a.service" in shown.text
    assert "[y/N]" not in shown.text


def test_what_takes_long_shows_that_it_does(agent: FakeAgent, terminal: Open) -> None:
    slow = Slow({**DOWN, "status": "up", "state": "healthy"})
    agent.on("POST", "/start/redis", slow)
    shown = terminal(command(agent, "start", "redis"), NO_COLOR="1")
    shown.until("Starting redis ... 1 s")
    slow.go.set()
    assert shown.end() == 0
    assert shown.text.endswith("\r\x1b[K● redis: started, up after 1.2 s\r\n")  # the progress is wiped out


# -- pipes


def test_plain_text_in_a_pipe(agent: FakeAgent) -> None:
    agent.on("GET", "/services", answer_file("services.json"))
    environment = {**ENVIRONMENT, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(command(agent, "status"), capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.isascii()
    assert "\nx  redis " in done.stdout


def test_a_reader_that_has_seen_enough(agent: FakeAgent) -> None:
    agent.on("GET", "/logs/redis", ["2026-11-23T10:00:00Z | Ping succeeded"] * 20000)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$@" | head -n 1', "-", *command(agent, "logs", "redis")],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (141, "")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), (">&- 2>&-", 0), ("> /dev/full", 1)])
def test_an_output_that_takes_nothing(agent: FakeAgent, redirection: str, code: int) -> None:
    agent.on("GET", "/logs/redis", ["2026-11-23T10:00:00Z | Ping succeeded"])
    done = subprocess.run(
        ["bash", "-c", f'"$@" {redirection}', "-", *command(agent, "logs", "redis")],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert done.returncode == code
    assert done.stderr == ("incidentops: cannot write the output: No space left on device\n" if code else "")


# -- Ctrl-C


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=DEADLINE)
    return process.returncode, err


def test_interrupted_while_the_agent_works(agent: FakeAgent) -> None:
    slow = Slow(DOWN)
    agent.on("POST", "/restart/redis", slow)
    with subprocess.Popen(
        command(agent, "restart", "redis"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert slow.asked.wait(DEADLINE)
        code, err = interrupt(process)
    slow.go.set()
    assert code == 130
    assert err == (
        "incidentops: interrupted; the agent goes on with 'restart redis': incidentops status shows how it went\n"
    )


def test_interrupted_while_reading_events(agent: FakeAgent) -> None:
    slow = Slow({})

    def stream(handler: Handler) -> None:
        handler.raw(200, b"", "text/event-stream")
        slow(handler)

    agent.on("GET", "/events", stream)
    with subprocess.Popen(
        command(agent, "events"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT
    ) as process:
        assert slow.asked.wait(DEADLINE)
        code, err = interrupt(process)
    slow.go.set()
    assert (code, err) == (130, "")


# -- lightness

HEAVY = {
    "aiohttp",
    "asyncio",
    "dataclasses",
    "email",
    "http.client",
    "inspect",
    "logging",
    "pathlib",
    "pika",
    "prometheus_client",
    "psutil",
    "psycopg",
    "pystemd",
    "shutil",
    "ssl",
    "subprocess",
    "systemd",
    "typing",
    "urllib.parse",
    "uuid",
    "yaml",
}


def test_status_imports_nothing_that_costs_more_than_it_gives(agent: FakeAgent) -> None:
    agent.on("GET", "/services", {})
    program = (
        "import sys; from incidentops_agent.cli.__main__ import main; code = main(sys.argv[1:]);"
        "print(*sorted(sys.modules)); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {str(TOP / 'agent')!r}); {program}",
         "--socket", str(agent.path), "status"], capture_output=True, text=True, check=True
    )  # fmt: skip
    first, modules = done.stdout.splitlines()
    assert first == "no services"
    assert not HEAVY & set(modules.split())
