"""What a person sees, against files: set UPDATE_GOLDEN=1 to write them anew, then read the difference."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from incidentops_agent.cli import render, watching
from incidentops_agent.cli.terminal import Style, clean

from .conftest import HERE, answer_file

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 24, 12, 30, 0, tzinfo=UTC)
PLAIN = Style()
COLOUR = Style(colour=True, width=130)
ASCII = Style(glyphs=False)


def check(name: str, lines: list[str]) -> None:
    path = HERE / "golden" / name
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize(("name", "style"), [("plain", PLAIN), ("colour", COLOUR), ("ascii", ASCII)])
def test_services(name: str, style: Style) -> None:
    check(f"services-{name}.txt", render.services(answer_file("services.json"), NOW, style))


def test_services_without_any() -> None:
    assert render.services({}, NOW, PLAIN) == ["no services"]


def test_audit() -> None:
    check("audit.txt", render.audit(render.actions(answer_file("audit.json")), NOW, PLAIN))


def test_what_was_only_noted_is_not_under_way() -> None:
    noted = {"phase": "noted", "at": "2026-11-25T01:36:20Z", "action": "incident-closed", "outcome": ""}
    (line,) = render.audit([noted], NOW, PLAIN)[1:]
    assert "noted" in line
    assert "under way" in render.audit([{**noted, "phase": "requested"}], NOW, PLAIN)[1]


def test_audit_without_any() -> None:
    assert render.audit([], NOW, PLAIN) == ["nothing was done yet"]


def test_system() -> None:
    check("system.txt", render.system(answer_file("system.json")))


def test_remediation() -> None:
    check("remediate.txt", render.remediation(answer_file("remediate.json"), PLAIN))


def test_plan() -> None:
    shown = json.loads((HERE.parents[1] / "golden" / "plan.json").read_text())
    shown["steps"][0]["touches"] = ["worker", "other.service"]
    check("plan-touching.txt", render.plan(shown, PLAIN))
    shown["steps"][0]["touches"] = []
    check("plan.txt", render.plan(shown, PLAIN))


def test_remediation_of_nothing() -> None:
    assert render.remediation({"status": "completed", "steps": []}, PLAIN) == ["No services required remediation."]


@pytest.mark.parametrize(("name", "style"), [("plain", PLAIN), ("colour", COLOUR), ("ascii", ASCII)])
def test_events(name: str, style: Style) -> None:
    raw = (HERE / "answers" / "events.sse").read_bytes()
    story = watching.Story(style)
    lines = []
    for event in watching.parse([raw]):
        lines += story.lines(event.kind, json.loads(event.data), NOW)
    check(f"events-{name}.txt", lines)


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_an_event_may_come_in_any_pieces(size: int) -> None:
    raw = (HERE / "answers" / "events.sse").read_bytes()
    whole = [(e.kind, e.data, e.event_id) for e in watching.parse([raw])]
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    assert [(e.kind, e.data, e.event_id) for e in watching.parse(pieces)] == whole
    assert len(whole) == 12
    assert whole[1] == ("heartbeat", "{}", "e0-1")


def test_an_event_of_several_lines_and_comments() -> None:
    raw = b": a comment\r\nretry: 10\r\nevent: x\r\ndata: 1\r\ndata:2\r\nunknown\r\n\r\nevent: empty\n\ndata: 3\n\n"
    assert [(e.kind, e.data) for e in watching.parse([raw])] == [("x", "1\n2"), ("message", "3")]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.000327, "0.3 ms"), (0.0095, "10 ms"), (0.0834, "83 ms"), (0.9994, "999 ms"), (0.9996, "1.0 s"), (2.65, "2.6 s"),
     (9.96, "10 s"), (59.4, "59 s"), (45.4, "45 s"), (60, "1 min"), (7199, "1 h"), (200000, "2 d")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert render.duration(seconds) == text


def test_an_age_is_never_negative() -> None:
    assert render.age(-5) == "0 s"


def test_a_time_that_is_none() -> None:
    assert render.moment(None) is None
    assert render.moment("soon") is None
    assert render.moment("2026-11-24T12:30:00") == NOW


def test_wrapping() -> None:
    assert render.wrapped("one two three", 7) == ["one two", "three"]
    assert render.wrapped("abcdefghij", 4) == ["abcd", "efgh", "ij"]
    assert render.wrapped("", 4) == [""]


def test_what_others_have_named_can_not_drive_the_terminal() -> None:
    rows = [{"action": "start\x1b[2J", "actor": {"program": "\x1b]0;owned\x07", "user": "a\nb"}, "outcome": "ok\x9b"}]
    text = "\n".join(render.audit(rows, NOW, PLAIN))
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "a b" in text
    assert clean("a\x1b[31mb") == "a\N{REPLACEMENT CHARACTER}[31mb"


def test_what_a_stop_takes_down() -> None:
    assert render.goes_down_too("redis", {"stops_with": [], "dependants": []}) == []
    lines = render.goes_down_too("redis", {"stops_with": ["a.service", "b.service"], "dependants": ["worker"]})
    assert lines == ["A stop of redis takes down too: a.service, b.service", "It is needed by: worker"]
    assert "is not known" in render.goes_down_too("redis", {"stops_with": None})[0]


def test_style_of_a_file(tmp_path: Path) -> None:
    with (tmp_path / "x").open("w", encoding="utf-8") as file:
        style = Style.of(file, {"TERM": "xterm"})
    assert (style.colour, style.glyphs, style.width) == (False, True, None)
    with (tmp_path / "x").open("w", encoding="latin-1") as file:
        assert not Style.of(file, {}).glyphs


def test_what_others_wrote_neither_commands_the_terminal_nor_turns_the_line_round() -> None:
    assert clean("a\tb\nc \x1b[31m \u202egnp.exe \u2028 \x85 \ud800") == "a b c �[31m �gnp.exe � � �"
