"""The command line itself: where the agent is, what is wrong usage, what the help says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from incidentops_agent.cli.__main__ import main

if TYPE_CHECKING:
    from .conftest import FakeAgent, FakeTcpAgent, Run

UP = {"status": "up", "state": "healthy"}


def test_over_tcp(tcp_agent: FakeTcpAgent, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    tcp_agent.on("GET", "/services", {"redis": UP})
    assert main(["status", "--url", tcp_agent.url + "/"]) == 0
    assert capsys.readouterr().out
    assert tcp_agent.requests[0][2]["Host"] == tcp_agent.url.removeprefix("http://")


def test_the_socket_of_the_environment(
    agent: FakeAgent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    agent.on("GET", "/services", {"redis": UP})
    monkeypatch.setenv("INCIDENTOPS_SOCKET", str(agent.path))
    assert main(["status"]) == 0
    assert agent.requests[0][2]["Host"] == "localhost"
    assert main(["status", "--socket", "/nonexistent"]) == 3
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["start"],
        ["start", ""],
        ["logs"],
        ["status", "--sock", "/x"],
        ["audit", "--limit", "0"],
        ["audit", "--limit", "x"],
        ["journal", "redis", "--lines", "5001"],
        ["status", "--timeout", "0"],
        ["status", "--timeout", "nan"],
        ["status", "--timeout", "soon"],
        ["status", "--url", "http://localhost"],
    ],
)
def test_wrong_usage(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err


@pytest.mark.parametrize(
    "url",
    ["localhost:8000", "https://localhost", "http://", "http://a:0", "http://a:70000", "http://a/b", "http://a\r\nb"],
)
def test_wrong_urls(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--url", url]) == 2
    assert "http://localhost:8000" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--version"], ["status", "--version"], ["--help"], ["stop", "--help"]])
def test_help(run: Run, arguments: list[str]) -> None:
    result = run(*arguments)
    assert (result.code, result.err) == (0, "")
    assert "incidentops" in result.out
