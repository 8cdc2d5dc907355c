"""The typed edge: real answers are understood, unknown fields are tolerated, what is missing is named."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from incidentops_gui import answers, fields, incidents, plans, sse, trail, wire

from gui.conftest import ANSWERS, answer

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_real_answer_of_services_is_understood() -> None:
    found = wire.services(answer("services"))
    assert set(found) == {"chaos", "postgres", "rabbitmq", "redis", "worker"}
    redis = found["redis"]
    assert (redis.up, redis.state, redis.title, redis.unit.name) == (True, "healthy", "Redis", "redis-server.service")
    assert redis.probe.latency is not None
    assert redis.started is not None
    assert found["worker"].depends_on == ("postgres", "rabbitmq", "redis")


def test_figures_say_when_they_were_read() -> None:
    found = golden("services")
    used = found["redis"]["resources"]
    assert used["read_at"] is None
    used.update(memory_bytes=4096, cpu_seconds=1.5, tasks=2, read_at="2026-11-24T12:00:00.250Z")
    assert wire.services(found)["redis"].resources == wire.Resources(4096, 1.5, 2, 1795521600.25)
    del used["read_at"]  # an agent of before
    assert wire.services(found)["redis"].resources.at is None
    used["read_at"] = "noon"
    with pytest.raises(fields.WireError, match=r"redis\.resources\.read_at is not a time"):
        wire.services(found)


def test_a_real_event_stream_is_understood() -> None:
    events = sse.Parser().feed((ANSWERS / "events.sse").read_bytes())
    kinds = [event.kind for event in events]
    assert kinds[0] == "snapshot"
    assert "heartbeat" in kinds
    whole = wire.snapshot(fields.parse(events[0].data))
    assert len(whole.services) == 5
    assert whole.agent.ok


def test_real_figures_of_the_machine_are_understood() -> None:
    found = wire.system(answer("system"))
    assert found.cpu.endswith("% free")
    assert found.ram_total > found.ram_free > 0
    assert set(found.pressure) <= {"cpu", "memory", "io"}


def test_real_answers_to_actions_are_understood() -> None:
    assert answers.change(answer("stop")).outcome == "ok"
    assert answers.change(answer("start")).up
    assert answers.ping(answer("ping")).ok
    assert answers.remediation(answer("remediate")).remediated == ("postgres", "redis")
    assert answers.remediation(answer("remediate-nothing")).steps == ()
    assert answers.detail(answer("detail")).dependants == ("worker",)
    assert answers.log(answer("logs"))[-1].endswith("| Auto-remediation completed")
    refused = answers.problem(404, (ANSWERS / "unknown-service.json").read_bytes())
    assert (refused.status, refused.kind) == (404, "unknown-service")


def golden(name: str) -> Any:
    """An answer that the agent's own tests hold it to."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


def test_what_the_agent_is_held_to_is_understood() -> None:
    assert wire.services(golden("services"))
    assert wire.system(golden("system")).cpu_units
    assert answers.detail(golden("service")).name
    for name in ("start", "stop"):
        assert answers.change(golden(name)).outcome in ("ok", "unchanged")
    assert answers.ping(golden("ping")).ok
    for name in ("remediate", "remediate-partial", "remediate-nothing"):
        assert answers.remediation(golden(name)).status in ("completed", "partial")
    for name in ("start-failed", "ping-failed", "unknown-service", "foreign"):
        assert answers.problem(503, (GOLDEN / f"{name}.json").read_bytes()).kind != "http"
    assert answers.log(golden("logs")) is not None
    assert plans.plan(golden("plan")).steps
    assert answers.problem(409, json.dumps(golden("plan-changed")).encode()).difference
    assert trail.rows(golden("audit"))
    assert incidents.incidents(golden("incidents"))


def test_fields_of_a_newer_agent_are_tolerated() -> None:
    newer = answer("services")
    newer["redis"]["mood"] = "fine"
    newer["redis"]["probe"]["colour"] = 1
    newer["redis"]["state"] = "hibernating"
    assert wire.services(newer)["redis"].state == "hibernating"


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        (("status",), "services.redis.status is missing"),
        (("stale",), "services.redis.stale is missing"),
        (("probe", "outcome"), "services.redis.probe.outcome is missing"),
        (("unit", "name"), "services.redis.unit.name is missing"),
    ],
)
def test_what_is_missing_is_named_by_its_path(path: tuple[str, ...], complaint: str) -> None:
    broken = copy.deepcopy(answer("services"))
    inner: Any = broken["redis"]
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    with pytest.raises(fields.WireError, match=complaint):
        wire.services(broken)


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("status", "sideways", "neither up nor down but 'sideways'"),
        ("stale", "no", "stale is not true or false but a text"),
        ("started", "yesterday", "started is not a time but 'yesterday'"),
        ("depends_on", [1], "depends_on is not a list of texts"),
        ("probe", None, "probe is not an object but null"),
    ],
)
def test_what_is_of_another_type_is_named(key: str, value: object, complaint: str) -> None:
    broken = answer("services")
    broken["redis"][key] = value
    with pytest.raises(fields.WireError, match=complaint):
        wire.services(broken)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1, 2", b"nonsense\xff"])
def test_what_is_no_json_is_a_wire_error(body: bytes) -> None:
    with pytest.raises(fields.WireError, match="is not JSON"):
        fields.parse(body)


def test_an_error_that_no_agent_gave_still_becomes_a_sentence() -> None:
    told = answers.problem(502, b"<h1>Bad gateway</h1>\nmore")
    assert told.kind == "http"
    assert told.message == "cannot get an answer: HTTP status 502 <h1>Bad gateway</h1>"


def test_events_are_put_together_from_any_pieces() -> None:
    raw = b"id: 1\nevent: a\ndata: {}\n\nevent: b\ndata: 1\ndata: 2\n\n: comment\n\ndata: last\n\n"
    for size in range(1, len(raw) + 1):
        parser = sse.Parser()
        found = [event for begin in range(0, len(raw), size) for event in parser.feed(raw[begin : begin + size])]
        assert found == [sse.Event("a", "{}"), sse.Event("b", "1\n2"), sse.Event("message", "last")], size


def test_an_event_without_an_end_does_not_fill_the_memory() -> None:
    parser = sse.Parser()
    for _ in range(15):
        parser.feed(b"x" * 2**20)
    with pytest.raises(sse.StreamError, match="16 MiB"):
        parser.feed(b"x" * (2**20 + 1))
