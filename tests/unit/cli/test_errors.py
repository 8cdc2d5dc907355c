"""Everything that can be wrong between the command line and the agent, each with its own sentence and exit code."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from incidentops_agent.cli import client
from incidentops_agent.cli.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import FakeAgent, Handler, Run

UP = {"redis": {"status": "up", "state": "healthy"}}


@pytest.fixture
def fails(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The exit code and the sentence of a command line that says nothing else."""

    def call(*arguments: str) -> tuple[int, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith("incidentops: cannot ")
        return code, err

    return call


Fails = Callable[..., tuple[int, str]]


# -- no agent


def test_no_socket(fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LAB_SOCKET", str(tmp_path / "no-lab"))
    code, sentence = fails("status", "--socket", str(tmp_path / "agent.sock"))
    assert code == 3
    assert "there is no socket" in sentence
    assert "systemctl start incidentops-agent.socket" in sentence


def test_no_socket_but_a_lab(fails: Fails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lab.sock").touch()
    monkeypatch.setattr(client, "LAB_SOCKET", str(tmp_path / "lab.sock"))
    code, sentence = fails("status", "--socket", str(tmp_path / "agent.sock"))
    assert code == 3
    assert f"its agent is at --socket {tmp_path}/lab.sock" in sentence


def test_a_socket_that_was_left_behind(fails: Fails, tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(path)
    code, sentence = fails("status", "--socket", path)
    assert code == 3
    assert f"nobody listens at {path} any more" in sentence


@pytest.fixture
def nobody() -> Iterator[None]:
    """Not root, whom no permission stops."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        yield
        os.seteuid(0)
    else:
        yield


def test_a_socket_that_may_not_be_opened(
    fails: Fails, agent: FakeAgent, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    tmp_path.chmod(0o700 if os.geteuid() == 0 else 0)
    request.addfinalizer(lambda: tmp_path.chmod(0o700))
    request.getfixturevalue("nobody")
    code, sentence = fails("status", "--socket", str(agent.path))
    assert code == 4
    assert "permission denied" in sentence


def test_a_path_that_is_too_long(fails: Fails) -> None:
    code, sentence = fails("status", "--socket", "/" + "x" * 200)
    assert code == 3
    assert "too long" in sentence


def test_a_server_that_takes_no_connection(fails: Fails, tmp_path: Path) -> None:
    path = str(tmp_path / "agent.sock")
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as first:
        busy.bind(path)
        busy.listen(0)
        first.connect(path)
        code, sentence = fails("status", "--socket", path, "--timeout", "0.1")
    assert code == 3
    assert "it takes no connection" in sentence


def test_nobody_at_the_port(fails: Fails) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        code, sentence = fails("status", "--url", url)
    assert code == 3
    assert f"nobody listens at {url}" in sentence


def test_a_host_that_there_is_not(fails: Fails) -> None:
    code, sentence = fails("status", "--url", "http://name.invalid:8000")
    assert code == 3
    assert "http://name.invalid:8000" in sentence


def test_unreachable_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--json", "--socket", str(tmp_path / "agent.sock")]) == 3
    out, err = capsys.readouterr()
    assert json.loads(out)["kind"] == "agent-unreachable"
    assert err == f"incidentops: {json.loads(out)['message']}\n"


# -- a strange one


def raw(data: bytes) -> Callable[[Handler], None]:
    def reply(handler: Handler) -> None:
        handler.wfile.write(data)

    return reply


@pytest.mark.parametrize(
    "data",
    [
        b"+PONG\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n<html>",
        b"HTTP/1.1 503 No\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\n\r\n\xff\xfe",
        b"x" * 100000,
    ],
)
def test_no_agent_of_ours(fails: Fails, agent: FakeAgent, data: bytes) -> None:
    agent.on("GET", "/services", raw(data))
    code, sentence = fails("status", "--socket", str(agent.path))
    assert code == 3
    assert "it is no incidentops-agent" in sentence


def test_an_action_answered_by_a_list(fails: Fails, agent: FakeAgent) -> None:
    agent.on("POST", "/start/redis", [])
    assert fails("start", "redis", "--socket", str(agent.path))[0] == 3


@pytest.mark.parametrize(("status", "code"), [(400, 2), (403, 4), (404, 2), (405, 1), (409, 1), (500, 1), (503, 1)])
def test_the_agents_sentence_is_passed_on(fails: Fails, agent: FakeAgent, status: int, code: int) -> None:
    agent.on("GET", "/system", {"kind": "x", "message": "cannot do this"}, status=status)
    assert fails("system", "--socket", str(agent.path)) == (code, "incidentops: cannot do this\n")


def test_a_refusal_without_a_sentence(run: Run, agent: FakeAgent) -> None:
    agent.on("GET", "/system", {}, status=500)
    assert run("system").err == "incidentops: the agent answers with status 500 and gives no reason\n"


# -- one that goes away or hangs


def hang(handler: Handler) -> None:
    handler.rfile.read(1)  # until the client goes


CUT = raw(b"")
SHORT = raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


@pytest.mark.parametrize("first", [CUT, SHORT])
def test_reading_is_tried_again_when_the_agent_was_replaced(
    run: Run, agent: FakeAgent, first: Callable[[Handler], None]
) -> None:
    agent.on("GET", "/services", first, lambda handler: handler.send(200, UP))
    assert run("status").code == 0


def test_reading_is_not_tried_for_ever(fails: Fails, agent: FakeAgent) -> None:
    agent.on("GET", "/services", CUT)
    code, sentence = fails("status", "--socket", str(agent.path))
    assert code == 3
    assert "closed the connection" in sentence
    assert agent.asked() == ["GET /services"] * 2


@pytest.mark.parametrize("first", [CUT, SHORT])
def test_an_action_is_sent_once_whatever_happens(
    fails: Fails, agent: FakeAgent, first: Callable[[Handler], None]
) -> None:
    agent.on("POST", "/start/redis", first)
    code, sentence = fails("start", "redis", "--socket", str(agent.path))
    assert code == 3
    assert "Whether 'start redis' was done is not known" in sentence
    assert agent.asked() == ["POST /start/redis"]


def test_an_agent_that_does_not_answer(fails: Fails, agent: FakeAgent) -> None:
    agent.on("GET", "/services", hang)
    code, sentence = fails("status", "--socket", str(agent.path), "--timeout", "0.05")
    assert code == 3
    assert "has not answered within 0.05 s" in sentence
    assert agent.asked() == ["GET /services"]


def test_an_action_that_takes_too_long(fails: Fails, agent: FakeAgent) -> None:
    agent.on("POST", "/remediate", hang)
    code, sentence = fails("remediate", "--socket", str(agent.path), "--timeout", "0.05")
    assert code == 3
    assert "It goes on with 'remediate'" in sentence


def test_an_answer_that_stops_in_the_middle(fails: Fails, agent: FakeAgent) -> None:
    def dribble(handler: Handler) -> None:
        SHORT(handler)
        hang(handler)

    agent.on("GET", "/services", dribble)
    code, sentence = fails("status", "--socket", str(agent.path), "--timeout", "0.05")
    assert code == 3
    assert "has not answered within" in sentence
