"""incidentops audit and its parts."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_agent.cli import values

if TYPE_CHECKING:
    from .conftest import FakeAgent, Handler, Run

GOLDEN = (Path(__file__).parents[2] / "golden" / "audit-export.jsonl").read_bytes()
HEAD = f"4:{json.loads(GOLDEN.splitlines()[-1])['hash']}"
HOLDS = {"verified": True, "message": "the audit trail holds: 4 rows from row 1 to row 4", "head": HEAD}


def rows_of(body: bytes, count: int | None = None) -> Any:
    """An answer of the export, which says that ``count`` rows come."""

    def reply(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/x-ndjson")
        handler.send_header("Incidentops-Rows", str(body.count(b"\n") if count is None else count))
        handler.end_headers()
        handler.wfile.write(body)

    return reply


# -- list


def test_filters_are_passed_on(agent: FakeAgent, run: Run) -> None:
    query = "service=redis&user=uid%201&action=stop%2Cbreaker-%2A&incident=ab&since=2026-11-23T10%3A00%3A00Z"
    agent.on("GET", f"/audit?limit=42&{query}&until=2026-11-24T00%3A00%3A00Z", [])
    for words in (["audit"], ["audit", "list"]):
        result = run(
            *(*words, "--service", "redis", "--user", "uid 1", "--action", "stop,breaker-*", "--incident", "ab"),
            *("--since", "2026-11-23T12:00+02:00", "--until", "2026-11-24T00:00Z"),
        )
        assert (result.code, result.out, result.err) == (0, "nothing like that was done\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ["audit", "--since", "yesterday"],
        ["audit", "--until", "2026-13-01"],
        ["audit", "--since", "99999999999999d"],
        ["audit", "--user", ""],
        ["audit", "verify", "--limit", "3"],
        ["audit", "checkpoint"],
        ["audit", "burn"],
    ],
)
def test_wrong_words(run: Run, words: list[str]) -> None:
    assert run(*words).code == 2


def test_times() -> None:
    assert values.moment("2026-11-23T12:00:00.5+02:00") == "2026-11-23T10:00:00.500000Z"
    day = datetime.fromisoformat(values.moment("2026-11-23"))
    assert day.astimezone().isoformat().startswith("2026-11-23T00:00:00")
    ago = datetime.now(UTC) - datetime.fromisoformat(values.moment("2h"))
    assert 7199 < ago.total_seconds() < 7300


# -- verify


def test_a_trail_that_holds(agent: FakeAgent, run: Run) -> None:
    agent.on("GET", "/audit/verify", HOLDS)
    result = run("audit", "verify")
    assert (result.code, result.out, result.err) == (0, f"{HOLDS['message']}; head {HEAD}\n", "")
    assert json.loads(run("audit", "verify", "--json").out) == HOLDS


def test_a_trail_that_does_not_hold(agent: FakeAgent, run: Run) -> None:
    answer = {"verified": False, "message": "the audit trail does not hold: row 2 is missing", "head": HEAD}
    agent.on("GET", f"/audit/verify?head=4%3A{HEAD[2:]}", answer)
    result = run("audit", "verify", "--head", HEAD)
    assert (result.code, result.out) == (1, "")
    assert result.err == "incidentops: the audit trail does not hold: row 2 is missing\n"
    result = run("audit", "verify", "--head", HEAD, "--json")
    assert (result.code, json.loads(result.out)) == (1, answer)


def test_a_file_is_verified_without_an_agent(
    agent: FakeAgent, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(GOLDEN)
    sentence = f"the audit trail holds: 4 rows from row 1 to row 4; head {HEAD}\n"
    result = run("audit", "verify", "--file", str(file), "--head", HEAD)
    assert (result.code, result.out, result.err) == (0, sentence, "")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(GOLDEN)))
    assert run("audit", "verify", "--file", "-").out == sentence
    file.write_bytes(GOLDEN.replace(b'"stop"', b'"start"', 1))
    result = run("audit", "verify", "--file", str(file))
    assert (result.code, result.out) == (1, "")
    assert "row 1 was changed" in result.err
    result = run("audit", "verify", "--file", str(file), "--json")
    assert json.loads(result.out)["problem"]["seq"] == 1
    assert run("audit", "verify", "--file", str(tmp_path / "none")).code == 1
    assert run("audit", "verify", "--file", str(file), "--head", "x").code == 2
    assert agent.requests == []


# -- export


def test_an_export_to_stdout_and_to_a_file(agent: FakeAgent, run: Run, tmp_path: Path) -> None:
    agent.on("GET", "/audit/export", rows_of(GOLDEN))
    assert run("audit", "export").out == GOLDEN.decode()
    file = tmp_path / "a.jsonl"
    result = run("audit", "export", "--output", str(file))
    assert (result.code, result.out) == (0, f"4 rows in {file}\n")
    assert file.read_bytes() == GOLDEN
    result = run("audit", "export", "--output", str(file), "--json")
    assert json.loads(result.out) == {"file": str(file), "rows": 4}
    agent.on("GET", "/audit/export?user=zo%C3%AB", rows_of(b""))
    assert run("audit", "export", "--user", "zoë").out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "agent.sock"]


def test_an_export_that_is_cut_short_leaves_no_file(agent: FakeAgent, run: Run, tmp_path: Path) -> None:
    agent.on("GET", "/audit/export", rows_of(GOLDEN, 5))
    file = tmp_path / "a.jsonl"
    for words in (["--output", str(file)], []):
        result = run("audit", "export", *words)
        assert result.code == 1
        assert result.err == "incidentops: cannot export all: 4 of 5 rows came\n"
    assert [path.name for path in tmp_path.iterdir()] == ["agent.sock"]
    agent.on("GET", "/audit/export", {"kind": "audit-unreadable", "message": "cannot read the audit trail"}, status=503)
    result = run("audit", "export")
    assert (result.code, result.err) == (1, "incidentops: cannot read the audit trail\n")
    result = run("audit", "export", "--output", str(tmp_path / "none" / "x"))
    assert (result.code, result.out) == (1, "")
    assert re.fullmatch(r"incidentops: cannot write .*/none/x: No such file or directory\n", result.err)


# -- checkpoint


def test_a_checkpoint(agent: FakeAgent, run: Run) -> None:
    answer = {"status": "completed", "rows": 3, "message": "3 rows are gone, up to row 3"}
    agent.on("POST", "/audit/checkpoint", answer)
    result = run("audit", "checkpoint", "--before", "2026-11-23T10:00Z")
    assert (result.code, result.out) == (0, "3 rows are gone, up to row 3\n")
    assert json.loads(run("audit", "checkpoint", "--before", "1d", "--yes", "--json").out) == answer
    assert agent.bodies[0] == {"before": "2026-11-23T10:00:00Z"}
    assert all(headers["Idempotency-Key"] for _, _, headers in agent.requests)


def test_a_checkpoint_asks_first(agent: FakeAgent, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    agent.on("POST", "/audit/checkpoint", {"message": "there are no rows to remove"})

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    result = run("audit", "checkpoint", "--before", "2026-11-23T10:00Z")
    assert (result.code, agent.requests) == (1, [])
    assert "Remove the audit trail's rows before 2026-11-23T10:00:00Z? [y/N]" in result.err
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run("audit", "checkpoint", "--before", "2026-11-23T10:00Z").code == 0


def test_an_export_without_rows_is_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("")
    result = run("audit", "verify", "--file", str(tmp_path / "a.jsonl"))
    assert result.code == 1
    assert result.err.endswith("a.jsonl: there is no row in it\n")
