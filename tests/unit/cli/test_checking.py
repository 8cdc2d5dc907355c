"""An export is verified without the agent's code, and both come to the same verdict."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidentops_agent import audit_retention, audit_store, audit_verify, chain
from incidentops_agent.chain import COLUMNS, EMPTY, Head, Walk
from incidentops_agent.cli import checking
from incidentops_agent.model import Actor
from incidentops_agent.ports import AuditQuery
from samples import NOW
from unit.agent.trails import row

GOLDEN = Path(__file__).parents[2] / "golden" / "audit-export.jsonl"
WHO = Actor(1000, "zoë", None, None, "half \udcff", "unix", 'a "note"\n')


def exported(folder: Path, pruned: bool = False) -> tuple[list[str], Head]:
    """What the agent exports of a trail with all kinds of values."""
    path = folder / "audit.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        audit_store.prepare(database, path)
        rows = [row(number) for number in range(4)]
        rows[1] = replace(
            rows[1], phase="noted", actor=WHO, duration=None, incident="ab12", detail={"b": [1.5], "a": "é"}
        )
        rows[2] = replace(rows[2], at=NOW + 2 + 1e-6, duration=1e300, job_id=None)
        with audit_store.writing(database):
            last = audit_store.append(database, EMPTY, rows)[-1]
            if pruned:
                last = audit_retention.checkpoint(database, last, NOW + 1, WHO)[0].head
    lines = [line.decode() for _, line in audit_store.export(path, AuditQuery(), 0, 99, 99)]
    assert audit_verify.verify(path, None).problem is None
    return lines, last


def test_the_export_is_the_one_that_is_kept(tmp_path: Path) -> None:
    """Whoever checks trails with a program of their own can try it on this file."""
    lines, head = exported(tmp_path)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text("".join(lines))
    assert GOLDEN.read_text() == "".join(lines)
    with GOLDEN.open() as file:
        assert checking.verify(file, (head.seq, head.hash)) == {
            "verified": True,
            "message": "the audit trail holds: 4 rows from row 1 to row 4",
            "rows": 4,
            "first_seq": 1,
            "last_seq": 4,
            "head": str(head),
            "problem": None,
        }


def test_a_trail_after_a_checkpoint(tmp_path: Path) -> None:
    lines, head = exported(tmp_path, pruned=True)
    verdict = checking.verify(lines, (head.seq, head.hash))
    assert (verdict["verified"], verdict["first_seq"], verdict["rows"]) == (True, 2, 4)
    assert verdict["message"] == "the audit trail holds: 4 rows from row 2, as a checkpoint says, to row 5"
    assert checking.verify(lines[1:], None)["problem"]["what"] == "beginning"
    assert checking.verify(lines[:-1], None)["problem"]["what"] == "beginning"


def test_what_is_no_export() -> None:
    assert checking.verify([], None)["message"] == "the audit trail holds: it has no rows yet"
    good = GOLDEN.read_text().splitlines()
    more = json.dumps(json.loads(good[1]) | {"more": 1})
    for line in ("", "x", "[]", "{}", "[" * 100_000, more, good[1].replace('"at": 1', '"at": 1' + "0" * 400)):
        found = checking.verify([good[0], line], None)
        assert (found["verified"], found["rows"]) == (False, 1)
        assert found["problem"]["seq"] == 2
    assert found["message"].startswith("the audit trail does not hold: ")


def test_a_number_that_another_program_wrote_in_its_way() -> None:
    lines = [line.replace("1795000000.0,", "1795000000,") for line in GOLDEN.read_text().splitlines()]
    assert "1795000000," in lines[0]
    assert checking.verify(lines, None)["verified"] is True


def test_both_know_the_same_columns() -> None:
    assert tuple(checking.KINDS.items()) == COLUMNS
    assert checking.GENESIS == chain.GENESIS


KINDS: dict[str, st.SearchStrategy[Any]] = {
    "text": st.text(st.characters(), max_size=4) | st.just("checkpoint") | st.just("noted"),
    "whole": st.none() | st.integers(-5, 5),
    "real": st.none() | st.floats(allow_nan=False),
}
VALUES = st.tuples(*(KINDS[kind] for _, kind in COLUMNS[1:]))


def spoil(rows: list[tuple[tuple[Any, ...], str]], data: st.DataObject) -> None:
    """Do something to a chain, or nothing."""
    place = data.draw(st.integers(0, len(rows) - 1), "place")
    values, digest = rows[place]
    match data.draw(st.sampled_from(["nothing", "value", "kind", "hash", "remove", "exchange", "sign"]), "deed"):
        case "value":
            column = data.draw(st.integers(0, len(COLUMNS) - 1), "column")
            fresh = data.draw(KINDS[COLUMNS[column][1]], "value")
            rows[place] = ((*values[:column], fresh, *values[column + 1 :]), digest)
        case "kind":
            rows[place] = ((*values[:6], data.draw(st.sampled_from(["7", True, 7.5])), *values[7:]), digest)
        case "hash":
            rows[place] = (values, "0" * 64)
        case "remove":
            del rows[place]
        case "exchange":
            rows[0], rows[place] = rows[place], rows[0]
        case "sign":
            detail = json.dumps({"through": data.draw(st.integers(0, 3)), "hash": rows[0][1]})
            last = Head(rows[-1][0][0], rows[-1][1])
            body = [
                "checkpoint" if name == "action" else "noted" if name == "phase" else "" for name, _ in COLUMNS[1:-1]
            ]
            whole = (
                last.seq + 1,
                *(None if kind != "text" else one for one, (_, kind) in zip(body, COLUMNS[1:], strict=False)),
            )
            rows.append(((*whole, detail), chain.link(last.hash, (*whole, detail))))
            del rows[:place]


@given(st.lists(VALUES, min_size=1, max_size=5), st.data())
def test_both_come_to_the_same_verdict(bodies: list[tuple[Any, ...]], data: st.DataObject) -> None:
    rows: list[tuple[tuple[Any, ...], str]] = []
    last = EMPTY
    for body in bodies:
        values = (last.seq + 1, *body)
        last = Head(last.seq + 1, chain.link(last.hash, values))
        rows.append((values, last.hash))
    expected = data.draw(st.none() | st.sampled_from([last, EMPTY, Head(2, "0" * 64), Head(9, "0" * 64)]), "expected")
    spoil(rows, data)
    walk = Walk(expected)
    problem = next(filter(None, (walk.step(*one) for one in rows)), None) or walk.end()
    names = [*(name for name, _ in COLUMNS), "hash"]
    lines = [json.dumps(dict(zip(names, (*values, digest), strict=True))) for values, digest in rows]
    found = checking.verify(lines, (expected.seq, expected.hash) if expected else None)
    same = problem and {"seq": problem.seq, "what": problem.what, "message": problem.message}
    assert found["problem"] == same
    assert (found["rows"], found["first_seq"], found["head"]) == (walk.rows, walk.first, str(walk.head))


@pytest.mark.parametrize("text", ["3:" + "ab" * 32, "3", ":", "x:" + "ab" * 32])
def test_both_read_heads_alike(text: str) -> None:
    agents = chain.head(text)
    assert checking.head(text) == (agents and (agents.seq, agents.hash))
