"""Each command against a small agent: what it asks for, what it says, how it ends."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from incidentops_agent.cli import trail, watching

from .conftest import HERE, FakeAgent, Handler, Run, answer_file

UP = {"status": "up", "state": "healthy", "reason": "", "since": None, "recovery": "manual"}
DOWN = {**UP, "status": "down", "state": "stopped", "reason": "stopped"}
UNKNOWN = {"kind": "unknown-service", "message": "cannot find a service 'radis'; known: redis", "known": ["redis"]}
DENIED = {"kind": "denied", "message": "cannot POST /stop/{service}: user bob may not operate", "level": "operate"}


def done(service: str, **more: Any) -> dict[str, Any]:
    """The answer to an action that went well."""
    return {
        "service": service,
        "status": "up",
        "state": "healthy",
        "outcome": "ok",
        "reason": "",
        "duration_seconds": 0.0834,
        "recorded": True,
        **more,
    }


# -- status


def test_status_is_0_while_everything_is_up(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"redis": UP, "worker": UP})
    result = run("status")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines()[1].split() == ["●", "redis", "up", "healthy", "-", "manual", "-"]


def test_status_is_1_when_something_is_down(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"redis": UP, "worker": DOWN})
    assert run("status").code == 1
    assert run("status", "redis").code == 0
    assert run("status", "worker").code == 1


def test_status_of_a_service_that_there_is_not(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"redis": UP})
    agent.on("GET", "/services/radis", UNKNOWN, status=404)
    result = run("status", "redis", "radis")
    assert (result.code, result.out) == (2, "")
    assert result.err == "incidentops: cannot find a service 'radis'; known: redis\n"


def test_status_says_what_the_agent_suffers_from(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"redis": {**UP, "stale": True}})
    agent.on("GET", "/health", {"status": "degraded", "problems": {"systemd": "systemd does not answer"}})
    result = run("status")
    assert "healthy (stale)" in result.out
    assert result.err == "incidentops: the agent has a problem: systemd: systemd does not answer\n"


def test_status_as_json(agent: FakeAgent, run: Run) -> None:
    services = answer_file("services.json")
    agent.on("GET", "/services", services)
    result = run("status", "--json")
    assert (result.code, result.err, result.out.count("\n")) == (1, "", 1)
    assert json.loads(result.out) == services
    assert json.loads(run("--json", "status", "redis").out) == {"redis": services["redis"]}


# -- actions


@pytest.mark.parametrize(
    ("action", "line"),
    [
        ("start", "● redis: started, up after 83 ms"),
        ("restart", "● redis: restarted, up after 83 ms"),
        ("resolve", "● redis: resolved, up after 83 ms"),
    ],
)
def test_an_action(agent: FakeAgent, run: Run, action: str, line: str) -> None:
    agent.on("POST", f"/{action}/redis", done("redis"))
    result = run(action, "redis")
    assert (result.code, result.out, result.err) == (0, line + "\n", "")


@pytest.mark.parametrize(("action", "verb"), [("stop", "stopped"), ("incident", "broken")])
def test_an_action_that_takes_down(agent: FakeAgent, run: Run, action: str, verb: str) -> None:
    agent.on("GET", "/services/redis", {"stops_with": [], "dependants": []})
    agent.on("POST", f"/{action}/redis", done("redis", status="down", state="stopped", reason="stopped"))
    result = run(action, "redis")
    assert (result.code, result.out, result.err) == (0, f"○ redis: {verb}, down after 83 ms\n", "")


def test_each_request_has_a_key_of_its_own(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/start/redis", done("redis"))
    run("start", "redis")
    run("start", "redis")
    keys = [headers["Idempotency-Key"] for method, _, headers in agent.requests if method == "POST"]
    assert len(set(keys)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key) for key in keys)


def test_nothing_to_be_done(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/start/redis", done("redis", outcome="unchanged", reason="it was already running"))
    assert run("start", "redis").out == "● redis: up already; it was already running\n"


def test_a_fault_that_resolve_undid_is_not_nothing(agent: FakeAgent, run: Run) -> None:
    body = done("redis", outcome="unchanged", reason="it was already running")
    agent.on("POST", "/resolve/redis", {**body, "faults_reverted": ["f441fb46dcdb"]})
    assert run("resolve", "redis").out == "● redis: resolved, up; what was injected into it is undone\n"
    agent.on("POST", "/resolve/redis", {**body, "faults_reverted": []})
    assert run("resolve", "redis").out == "● redis: up already; it was already running\n"


def test_a_service_that_does_not_come_up(agent: FakeAgent, run: Run) -> None:
    message = "cannot start redis: its main process exited with status 1"
    body = done("redis", outcome="failed", status="down", state="failed", kind="job-failed", message=message)
    agent.on("POST", "/start/redis", body, status=503)
    result = run("start", "redis")
    assert (result.code, result.out, result.err) == (1, "", f"incidentops: {message}\n")
    result = run("start", "redis", "--json")
    assert (result.code, json.loads(result.out), result.err) == (1, body, f"incidentops: {message}\n")


def test_several_one_after_the_other_whatever_becomes_of_each(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"a": UP, "b": UP, "c": UP})
    agent.on("POST", "/restart/a", done("a"))
    agent.on(
        "POST", "/restart/b", {"service": "b", "kind": "masked", "message": "cannot restart b: masked"}, status=409
    )
    agent.on("POST", "/restart/c", done("c"))
    result = run("restart", "a", "b", "c", "a")
    assert result.code == 1
    assert [line.split(":")[0] for line in result.out.splitlines()] == ["● a", "● c"]
    assert result.err == "incidentops: cannot restart b: masked\n"
    assert agent.asked() == ["GET /services", "POST /restart/a", "POST /restart/b", "POST /restart/c"]


def test_several_as_json_are_one_line_each(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"a": UP, "b": UP})
    for name in "ab":
        agent.on("POST", f"/start/{name}", done(name))
    result = run("start", "a", "b", "--json")
    assert [json.loads(line)["service"] for line in result.out.splitlines()] == ["a", "b"]


def test_nothing_is_done_when_one_of_several_is_unknown(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"redis": UP})
    agent.on("GET", "/services/radis", UNKNOWN, status=404)
    result = run("start", "redis", "radis")
    assert (result.code, result.err) == (2, "incidentops: cannot find a service 'radis'; known: redis\n")
    assert not any(asked.startswith("POST") for asked in agent.asked())


def test_a_denied_action_ends_it(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services", {"a": UP, "b": UP})
    agent.on("POST", "/start/a", DENIED, status=403)
    result = run("start", "a", "b")
    assert (result.code, result.out, result.err) == (4, "", f"incidentops: {DENIED['message']}\n")
    assert "POST /start/b" not in agent.asked()


def test_an_action_that_was_not_recorded_is_told(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/start/redis", done("redis", recorded=False))
    result = run("start", "redis")
    assert result.code == 0
    assert "could not be written to the audit trail" in result.err


def test_ping(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/ping/redis", {"service": "redis", "ping": "ok", "state": "healthy", "latency_seconds": 0.00032})
    result = run("ping", "redis")
    assert (result.code, result.out) == (0, "● redis: ping ok, 0.3 ms\n")
    body = {"service": "redis", "ping": "failed", "kind": "service-down", "message": "cannot ping redis: stopped"}
    agent.on("POST", "/ping/redis", body, status=503)
    result = run("ping", "redis")
    assert (result.code, result.out, result.err) == (1, "", "incidentops: cannot ping redis: stopped\n")


def test_a_stop_that_nobody_can_be_asked_about_tells_what_goes_down_too(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/services/redis", {"stops_with": ["a.service"], "dependants": ["worker"]})
    agent.on("POST", "/stop/redis", done("redis", status="down", state="stopped"))
    result = run("stop", "redis")
    assert result.code == 0
    assert result.err == "A stop of redis takes down too: a.service\nIt is needed by: worker\n"
    assert agent.asked() == ["GET /services/redis", "POST /stop/redis"]


def test_an_odd_name_stays_one_segment_of_the_path(agent: FakeAgent, run: Run) -> None:
    agent.on("POST", "/start/..%2Fstop%2Fr%C3%A9dis%0D%0A", UNKNOWN, status=404)
    assert run("start", "../stop/rédis\r\n").code == 2
    assert agent.asked() == ["POST /start/%2E%2E%2Fstop%2Fr%C3%A9dis%0D%0A"]


# -- reading


def test_logs(agent: FakeAgent, run: Run) -> None:
    lines = ["2026-11-23T10:00:00Z | Service stopped manually", "2026-11-23T10:00:09Z | Service started manually"]
    agent.on("GET", "/logs/redis", lines)
    result = run("logs", "redis")
    assert (result.code, result.out.splitlines()) == (0, lines)
    assert json.loads(run("logs", "redis", "--json").out) == lines


def test_system(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/system", answer_file("system.json"))
    assert run("system").out == (HERE / "golden" / "system.txt").read_text()
    assert json.loads(run("system", "--json").out) == answer_file("system.json")


def test_health(agent: FakeAgent, run: Run) -> None:
    result = run("health")
    assert (result.code, result.out) == (0, "The agent is well.\n")
    agent.on("GET", "/health", {"status": "degraded", "problems": {"audit": "the disk is full"}})
    result = run("health")
    assert (result.code, result.out) == (1, "The agent is degraded.\naudit: the disk is full\n")
    assert run("health", "--json").code == 1


def test_audit_shows_each_action_once(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/audit?limit=42", answer_file("audit.json"))
    result = run("audit")
    assert result.code == 0
    assert [line.split()[2] for line in result.out.splitlines()[1:]] == [
        "stop",
        "remediate",
        "remediate-start",
        "start",
        "ping",
    ]
    agent.on("GET", "/audit?limit=6", answer_file("audit.json")[:6])
    agent.on("GET", "/audit?limit=6&before=4", answer_file("audit.json")[6:])
    assert len(run("audit", "--limit", "2").out.splitlines()) == 3
    agent.on("GET", "/audit?limit=3", answer_file("audit.json")[:3])
    assert json.loads(run("audit", "--limit", "3", "--json").out) == answer_file("audit.json")[:3]


def test_audit_asks_for_more_until_it_has_enough(agent: FakeAgent, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trail, "PAGE", 4)
    rows = answer_file("audit.json")
    agent.on("GET", "/audit?limit=4&service=redis", rows[:4])
    agent.on("GET", "/audit?limit=4&service=redis&before=6", rows[4:])
    agent.on("GET", "/audit?limit=4&service=redis&before=2", [])
    assert len(run("audit", "--service", "redis").out.splitlines()) == 6
    assert len(agent.requests) == 3


# -- the journal

ENTRIES = [
    {
        "at": "2026-11-24T12:30:00.000Z",
        "priority": 6,
        "identifier": "redis-server",
        "pid": 42,
        "message": "Ready\x1b[2J",
    },
    {"at": "2026-11-24T12:30:01.000Z", "priority": 3, "identifier": "systemd", "pid": None, "message": "Failed"},
]


def test_journal(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/journal/redis?lines=100", ENTRIES)
    result = run("journal", "redis")
    assert result.code == 0
    first, second = result.out.splitlines()
    assert first.endswith(" redis-server[42]: Ready\N{REPLACEMENT CHARACTER}[2J")
    assert second.endswith(" systemd: Failed")
    agent.on("GET", "/journal/redis?lines=2", ENTRIES)
    assert json.loads(run("journal", "redis", "-n", "2", "--json").out) == ENTRIES


def test_journal_that_is_followed(agent: FakeAgent, run: Run) -> None:
    events = "".join(
        f"event: entry\ndata: {json.dumps(entry)}\n\nevent: heartbeat\ndata: {{}}\n\n" for entry in ENTRIES
    )
    agent.on("GET", "/journal/redis?lines=100&follow=1", stream(events.encode()))
    result = run("journal", "-f", "redis")
    assert result.code == 3
    assert [line.split()[-1] for line in result.out.splitlines()] == ["Ready\N{REPLACEMENT CHARACTER}[2J", "Failed"]
    assert "the agent has ended the stream" in result.err
    lines = run("journal", "-f", "redis", "--json").out.splitlines()
    assert [json.loads(line) for line in lines[:2]] == ENTRIES


# -- events


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "PAUSES", (0.0,))


def stream(events: bytes) -> Any:
    """An event stream that ends after these events."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(events)

    return reply


def refuse(handler: Handler) -> None:
    handler.send(403, DENIED)


@pytest.mark.usefixtures("no_pauses")
def test_events_come_back_where_they_were_cut(agent: FakeAgent, run: Run) -> None:
    first = b"id: e0-1\nevent: snapshot\ndata: {}\n\nid: e0-2\nevent: agent\ndata: "
    second = b'id: e0-2\nevent: agent\ndata: {"status": "ok"}\n\nevent: heartbeat\ndata: {}\n\n'
    agent.on("GET", "/events", stream(first), stream(second), refuse)
    result = run("events", "--json")
    assert result.code == 4
    *lines, refusal = [json.loads(line) for line in result.out.splitlines()]
    assert lines == [
        {"event": "snapshot", "id": "e0-1", "data": {}},
        {"event": "agent", "id": "e0-2", "data": {"status": "ok"}},
    ]
    assert refusal == DENIED
    assert [headers.get("Last-Event-ID") for _, _, headers in agent.requests] == [None, "e0-1", "e0-2"]
    assert result.err.count("trying again") == 2
    assert result.err.count("connected again") == 1


@pytest.mark.usefixtures("no_pauses")
def test_events_for_a_person(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/events", stream((HERE / "answers" / "events.sse").read_bytes()), refuse)
    result = run("events")
    assert result.code == 4
    assert "redis: down, stopping (systemd is stopping it)" in result.out


@pytest.mark.usefixtures("no_pauses")
def test_a_stream_that_says_nothing_is_dead(agent: FakeAgent, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "SILENCE", 0.05)

    def hang(handler: Handler) -> None:
        stream(b"event: heartbeat\ndata: {}\n\n")(handler)
        handler.rfile.read(1)

    agent.on("GET", "/events", hang, refuse)
    result = run("events")
    assert "the agent has said nothing for 0.05 s; trying again" in result.err
