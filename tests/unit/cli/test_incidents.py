"""The words for incidents: what is asked of the agent, and how the answers read."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from golden import FOLDER
from incidentops_agent.cli import incidents
from incidentops_agent.cli.options import with_incidents
from incidentops_agent.cli.terminal import Style
from incidentops_agent.cli.watching import Story

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import FakeAgent, Run

NOW = datetime(2026, 11, 18, 11, 30, tzinfo=UTC)
FOUND: list[dict[str, Any]] = json.loads((FOLDER / "incidents.json").read_text())
REDIS, CHAOS = FOUND[:2]


def lines(made: list[str]) -> list[list[str]]:
    return [re.split(r"  +", line) for line in made]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("incident list", "incidents list"),
        ("--json incident show ab", "--json incidents show ab"),
        ("--socket incident incident --json stats", "--socket incident incidents --json stats"),
        ("incident redis", "incident redis"),
        ("incident", "incident"),
        ("restart incident list", "restart incident list"),
        ("incident --help", "incident --help"),
    ],
)
def test_incident_is_one_or_the_other_by_what_comes_after(given: str, made: str) -> None:
    assert " ".join(with_incidents(given.split())) == made


def test_the_list(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/incidents?limit=5&state=open&service=redis", [REDIS])
    result = run("incident", "list", "--limit", "5", "--state", "open", "--service", "redis")
    assert result.code == 0
    assert REDIS["id"] in result.out
    assert "redis was stopped by root" in result.out
    agent.on("GET", "/incidents?limit=20", [])
    assert run("incidents").out == "no incidents\n"
    assert json.loads(run("--json", "incidents").out) == []


def test_a_table_has_a_line_for_each() -> None:
    head, first, second = lines(incidents.table([REDIS, CHAOS], NOW, Style(glyphs=False)))
    assert head == ["", "ID", "STATE", "DETECTED", "SERVICES", "CAUSE", "DETECT", "ACK", "RECOVER", "WHAT"]
    assert first[1:] == [REDIS["id"], "open", "11:06:40", "redis", "stopped", "0.0 ms", "-", "-", REDIS["sentence"]]
    assert second[1] == CHAOS["id"]


def test_one_with_its_timeline(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/incidents/ab", CHAOS)
    out = run("incident", "show", "ab").out
    assert "To recover    still open" in out
    assert "Evidence      Result=signal" in out
    assert re.search(r"\.000 +detected +chaos +systemd +chaos is failed", out)
    made = incidents.one({**CHAOS, "sentence": "bad \x1b[31m"}, NOW, Style())
    assert "\x1b" not in "\n".join(made)


def test_it_is_taken_up(agent: FakeAgent, run: Run) -> None:
    taken = {**CHAOS, "acknowledged": "2026-11-18T11:07:00.000Z", "acknowledged_by": "anna", "tta_seconds": 20.0}
    agent.on("POST", "/incidents/ab/acknowledge", {**taken, "recorded": True})
    result = run("incident", "ack", "ab", "--note", "on it")
    assert agent.bodies == [{"note": "on it"}]
    assert re.fullmatch(
        r"incident \w+ of chaos is acknowledged by anna since 2026-11-18 \S+ \S+, 20.0 s after its detection\n",
        result.out,
    )
    agent.on("POST", "/incidents/ab/acknowledge", {"kind": "incident-closed", "message": "cannot"}, status=409)
    assert run("incident", "ack", "ab").code == 1


def test_a_report_goes_where_it_is_wanted(agent: FakeAgent, run: Run, tmp_path: Path) -> None:
    agent.on("GET", "/incidents/ab/report?format=markdown", lambda handler: handler.raw(200, b"# r\xc3\xa9port\n"))
    agent.on("GET", "/incidents/ab/report?format=html", lambda handler: handler.raw(200, b"<p>"))
    assert run("incident", "report", "ab").out == "# réport\n"
    target = tmp_path / "report.html"
    result = run("incident", "report", "ab", "--html", "--output", str(target))
    assert (result.code, result.out) == (0, f"the report is in {target}\n")
    assert target.read_text() == "<p>"
    result = run("incident", "report", "ab", "--html", "--output", str(tmp_path / "no" / "file"))
    assert (result.code, "cannot write" in result.err) == (1, True)
    assert [path.name for path in tmp_path.glob("*.part")] == []


def test_a_story_tells_what_becomes_of_an_incident() -> None:
    story = Story(Style(glyphs=False))
    first = story.lines("snapshot", {"services": {}, "agent": {}, "incidents": [REDIS]}, NOW)
    assert first == [f"11:06:40 x incident {REDIS['id']}: open, redis: redis was stopped by root"]
    assert story.lines("incident", REDIS, NOW) == [], "it is no news"
    (taken,) = story.lines("incident", {**REDIS, "acknowledged_by": "anna"}, NOW)
    assert taken.endswith("redis was stopped by root (taken up by anna)")
    (over,) = story.lines("incident", {**REDIS, "state": "closed"}, NOW)
    assert ": closed, redis:" in over


def test_figures_are_readable(agent: FakeAgent, run: Run) -> None:
    def times(value: float | None) -> dict[str, Any]:
        return {"count": 0 if value is None else 2, **dict.fromkeys(("mean", "median", "p95", "max"), value)}

    group = {"incidents": 2, "mttd_seconds": times(0.012), "mtta_seconds": times(None), "mttr_seconds": times(250.0)}
    shares = {"redis": {"1h": 0.999999, "24h": None}}
    answer = {
        **group,
        "period_seconds": 3600.0,
        "open": 1,
        "by_service": {"redis": group},
        "by_cause": {"killed": group},
        "availability": shares,
    }
    agent.on("GET", "/statistics?period=3600", answer)
    found = lines(run("incidents", "stats", "--period", "1h").out.splitlines())
    assert found[0] == ["2 incidents in 1 h, 1 of them not over"]
    assert ["to recover", "2", "4 min 10 s", "4 min 10 s", "4 min 10 s", "4 min 10 s"] in found
    assert ["to acknowledge", "0", "-", "-", "-", "-"] in found
    assert ["redis", "2", "12 ms", "-", "4 min 10 s"] in found
    assert ["redis", "99.999 %", "-"] in found


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (0.0123, "12 ms"),
        (2.34, "2.3 s"),
        (59.9, "59.9 s"),
        (250.2, "4 min 10 s"),
        (7500.0, "2 h 5 min"),
        (3 * 86400.0, "3 d"),
    ],
)
def test_lengths(seconds: float | None, text: str) -> None:
    assert incidents.length(seconds) == text
