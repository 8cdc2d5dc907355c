"""A request is believed in nothing: every mistake is named with its key path, all at once."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent.parameters import Parameter
from incidentops_faults import request
from incidentops_faults.settings import Settings
from samples import catalogue_of, spec

KINDS = {
    "stop": (),
    "all": (
        Parameter("count", "integer", "how many", 3, "", 1, 9),
        Parameter("pause", "number", "how long", 0.5, "seconds", 0, 10),
        Parameter("how", "choice", "which way", "one", choices=("one", "two")),
        Parameter("hard", "flag", "whether", False),
        Parameter("table", "text", "which", pattern="[a-z]+", wanted="letters"),
        Parameter("other", "service", "which other", None),
    ),
}
SERVICES = catalogue_of(spec("redis"), spec("postgres", probe="postgres"))


def parse(document: Any, **settings: Any) -> tuple[request.Request, list[str]]:
    text = document if isinstance(document, str) else json.dumps(document)
    return request.parse(text, KINDS, SERVICES, Settings(**settings))


def test_what_is_right_is_taken() -> None:
    parameters: dict[str, Any] = {
        "count": 4,
        "pause": 1.5,
        "how": "two",
        "hard": True,
        "table": "jobs",
        "other": "postgres",
    }
    asked = {"kind": "all", "service": "redis", "parameters": parameters, "duration": 90, "user": "ann"}
    assert parse(asked) == (request.Request("apply", "all", "redis", parameters, 90, "ann"), [])


def test_defaults() -> None:
    made, mistakes = parse({"kind": "stop", "service": "redis"})
    assert (made.values, made.duration, mistakes) == ({}, 60, [])
    assert parse({"kind": "stop", "service": "redis"}, max_duration=20)[0].duration == 20
    assert parse({"mode": "check"})[1] == []


def test_every_mistake_is_said_at_once() -> None:
    asked = {
        "kind": "all",
        "service": "sshd",
        "parameters": {"count": 10, "pause": "x", "how": "no", "hard": 1, "table": "a;b", "other": "x", "more": 1},
        "duration": 3601,
        "user": "a b",
        "path": "/etc",
    }
    mistakes = parse(asked)[1]
    keys = sorted(one.partition(":")[0] for one in mistakes)
    inner = ("count", "hard", "how", "more", "other", "pause", "table")
    assert keys == sorted(["service", "duration", "user", "path", *(f"parameters.{name}" for name in inner)])


@pytest.mark.parametrize(
    ("document", "part"),
    [
        ({"kind": "nope", "service": "redis"}, "kind: is 'nope' but must be one of all, stop"),
        ({"kind": "stop", "service": "../redis"}, "service: is '../redis' but must be one of"),
        ({"kind": "stop", "service": "redis", "duration": 0}, "duration: is 0"),
        ({"kind": "stop", "service": "redis", "duration": None}, "duration: must be a number"),
        ({"kind": "stop", "service": "redis", "duration": "60"}, "duration: must be a number"),
        ({"kind": "stop", "service": "redis", "parameters": []}, "parameters: must be a mapping"),
        ({"kind": "stop", "service": "redis", "parameters": {"a": 1}}, "parameters.a: is not a known key"),
        ({"kind": "all", "service": "redis"}, "parameters: lacks 'table'"),
        ({"service": "redis"}, "kind: is missing"),
        ({}, "service: is missing"),
        ([], "must be a mapping"),
        ("", "kind: is missing"),
        ("{", "is not valid YAML"),
        ('{"kind": "stop", "kind": "all", "service": "redis"}', "kind: is given twice"),
        pytest.param("{" * 500, "is nested too deeply", id="deep"),
        ({"kind": "stop", "service": "redis", "duration": 1e300}, "duration: "),
        ({"kind": ["stop"], "service": {"a": 1}}, "kind: must be one of"),
    ],
)
def test_mistakes(document: Any, part: str) -> None:
    mistakes = parse(document)[1]
    assert any(part in one for one in mistakes), mistakes


def test_a_disabled_kind_is_refused() -> None:
    mistakes = parse({"kind": "stop", "service": "redis"}, disabled=frozenset({"stop"}))[1]
    assert mistakes == ["kind: is 'stop', which faults.yaml disables on this machine"]


KEYS = st.sampled_from(["kind", "service", "parameters", "duration", "user", "mode"]) | st.text()
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["stop", "redis"])


@given(st.dictionaries(KEYS, st.recursive(LEAVES, lambda x: st.lists(x) | st.dictionaries(KEYS, x))))
def test_no_document_gets_through_with_something_else(document: Any) -> None:
    made, mistakes = parse(document)
    if not mistakes:
        assert made.kind in ("", *KINDS)
        assert made.service in ("", *SERVICES.services)
        assert 1 <= made.duration <= 3600
