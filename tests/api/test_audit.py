"""The audit trail through the API: searched, verified, carried away and shortened."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from api.agent import running as running_agent
from incidentops_agent import chain
from incidentops_agent.handlers import audit as handlers
from waiting import soon

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from api.agent import Agent


def running(folder: Path, **more: Any) -> AbstractAsyncContextManager[Agent]:
    """An agent whose trail has what is done here and nothing else."""
    return running_agent(folder, noting=False, **more)


async def seqs(agent: Agent, query: str) -> list[int]:
    return [row["seq"] for row in await agent.get(f"/audit?{query}")]


def edit(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "audit.db", isolation_level=None)) as database:
        database.execute(statement)


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


def follows(rows: list[dict[str, Any]], previous: str = chain.GENESIS) -> bool:
    for row in rows:
        *values, digest = row.values()
        assert list(row) == [*(name for name, _ in chain.COLUMNS), "hash"]
        if chain.link(previous, values) != digest:
            return False
        previous = digest
    return True


# -- searched


async def test_rows_by_who_what_and_when(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/ping/redis")
        await agent.post("/stop/chaos")
        moment = (await agent.get("/audit?limit=1"))[0]["at"]
        assert await seqs(agent, "action=stop") == [3, 2]
        assert await seqs(agent, "action=ping,st*") == [3, 2, 1]
        assert await seqs(agent, "action=breaker-*") == []
        assert await seqs(agent, "user=root&service=redis") == [1]
        assert await seqs(agent, "user=nobody") == []
        assert await seqs(agent, "incident=ab12cd34") == []
        assert await seqs(agent, "since=2001-01-01&until=2001-01-02T00:00:00%2B02:00") == []
        assert await seqs(agent, f"since={moment}") in ([3], [3, 2])
        assert await seqs(agent, "until=2001-01-01T00:00:00") == []
        assert await seqs(agent, "since=2001-01-01&limit=1&before=3") == [2]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("since=yesterday", "cannot take since='yesterday'; give a time such as 2026-11-23T10:00:00Z, or a day"),
        ("until=2026-13-01", "cannot take until='2026-13-01'; give a time such as"),
        ("since=2026-11-23T10:00:00+02:00", "in UTC; a + is written %2B in a query"),
        ("since=", "cannot take since=''; give a time"),
        ("since=2026-11-23&until=2026-11-23", "cannot take since and until: since must be before until"),
        ("action=STOP", "cannot take action='STOP'; give names of actions with commas between them"),
        ("action=", "cannot take action=''"),
        ("user=", "cannot take user=''; give the name of a user"),
        ("incident=%20", "cannot take incident=' '; give the id of an incident"),
        ("who=root", "cannot take the query parameter 'who'; use service, user, action, incident, since, until"),
    ],
)
async def test_a_wrong_filter_is_refused_with_what_is_right(tmp_path: Path, query: str, message: str) -> None:
    async with running(tmp_path) as agent:
        for path in ("/audit", "/audit/export"):
            answer = await agent.request("GET", f"{path}?{query}")
            assert (answer.status, answer.json()["kind"]) == (400, "malformed")
            assert message in answer.json()["message"]


# -- verified


async def test_a_trail_is_verified_and_a_changed_row_named(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for _ in range(3):
            await agent.post("/ping/redis")
        found = await agent.get("/audit/verify")
        head = found["head"]
        assert found.pop("checked_seconds") > 0
        assert found == {
            "verified": True,
            "message": "the audit trail holds: 3 rows from row 1 to row 3",
            "rows": 3,
            "first_seq": 1,
            "last_seq": 3,
            "head": head,
            "problem": None,
        }
        assert chain.head(head) is not None
        edit(tmp_path, "UPDATE audit SET outcome = 'failed' WHERE seq = 2")
        found = await agent.get("/audit/verify")
        assert (found["verified"], found["rows"], found["last_seq"]) == (False, 1, 1)
        sentence = "row 2 was changed: its values and its hash don't fit together"
        assert found["problem"] == {"seq": 2, "what": "changed", "message": sentence}
        assert found["message"] == f"the audit trail does not hold: {sentence}"


async def test_a_head_that_was_kept_finds_a_tail_that_was_cut(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        assert (await agent.get("/audit/verify"))["first_seq"] is None
        for _ in range(3):
            await agent.post("/ping/redis")
        await soon(lambda: len(agent.journalled) == 3)
        head = (await agent.get("/audit/verify"))["head"]
        assert (await agent.get(f"/audit/verify?head={head}"))["verified"] is True
        edit(tmp_path, "DELETE FROM audit WHERE seq = 3")
        edit(tmp_path, "UPDATE sqlite_sequence SET seq = 2")
        assert (await agent.get("/audit/verify"))["verified"] is True, "the forger was thorough"
        found = await agent.get(f"/audit/verify?head={head}")
        assert found["problem"]["what"] == "end"
        assert "row 3 is missing from the end" in found["message"]
        answer = await agent.request("GET", "/audit/verify?head=3")
        assert (answer.status, answer.json()["kind"]) == (400, "malformed")


async def test_what_can_not_be_read_is_said(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        edit(tmp_path, "PRAGMA user_version = 7")
        answer = await agent.request("GET", "/audit/verify")
        assert (answer.status, answer.json()["kind"]) == (503, "audit-unreadable")
        edit(tmp_path, "ALTER TABLE audit RENAME COLUMN note TO remark")
        for path in ("/audit", "/audit/export"):
            answer = await agent.request("GET", path)
            assert (answer.status, answer.json()["kind"]) == (503, "audit-unreadable")


# -- carried away


async def test_an_export_is_the_chain_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "PAGE", 2)
    async with running(tmp_path) as agent:
        empty = await agent.request("GET", "/audit/export")
        assert (empty.body, empty.headers["incidentops-rows"]) == (b"", "0")
        for _ in range(5):
            await agent.post("/ping/redis")
        answer = await agent.request("GET", "/audit/export")
        assert answer.headers["content-type"] == "application/x-ndjson"
        assert answer.headers["incidentops-rows"] == "5"
        rows = lines(answer.body)
        assert [row["seq"] for row in rows] == [1, 2, 3, 4, 5]
        assert follows(rows)
        assert f"5:{rows[-1]['hash']}" == (await agent.get("/audit/verify"))["head"]
        await agent.post("/stop/chaos")
        answer = await agent.request("GET", "/audit/export?service=chaos")
        assert [row["phase"] for row in lines(answer.body)] == ["requested", "finished"]
        head = await agent.request("HEAD", "/audit/export")
        assert (head.status, head.headers["incidentops-rows"]) == (200, "7")


async def test_an_export_that_breaks_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "PAGE", 1)
    async with running(tmp_path) as agent:
        for _ in range(2):
            await agent.post("/ping/redis")
        real, asked = agent.audit.export, 0

        async def failing(*arguments: Any) -> Any:
            nonlocal asked
            asked += 1
            if asked == 2:
                raise OSError("cannot read the audit trail: gone")
            return await real(*arguments)

        monkeypatch.setattr(agent.audit, "export", failing)
        with pytest.raises((EOFError, ConnectionError, ValueError)):
            await agent.request("GET", "/audit/export")


# -- shortened


async def test_an_operator_signs_off_the_beginning(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for _ in range(3):
            await agent.post("/ping/redis")
        edge = (await agent.get("/audit?limit=1"))[0]["at"]
        body = json.dumps({"before": edge}).encode()
        headers = {"Idempotency-Key": "once"}
        answer = await agent.post("/audit/checkpoint", body=body, headers=headers)
        assert answer["rows"] in (1, 2)
        gone = answer["rows"]
        assert answer == {
            "status": "completed", "rows": gone, "through": gone, "before": edge, "kept_by": "",
            "head": answer["head"],
            "message": f"{gone} row{'s are' if gone > 1 else ' is'} gone, up to row {gone}",
        }  # fmt: skip
        assert await agent.post("/audit/checkpoint", body=body, headers=headers) == answer
        found = await agent.get(f"/audit/verify?head={answer['head']}")
        assert (found["verified"], found["first_seq"]) == (True, gone + 1)
        assert f"from row {gone + 1}, as a checkpoint says, to row 4" in found["message"]
        (row,) = await agent.get("/audit?action=checkpoint")
        assert (row["actor"]["user"], row["detail"]["through"]) == ("root", gone)
        again = await agent.post("/audit/checkpoint", body=body)
        assert (again["rows"], again["message"]) == (0, "there are no rows to remove")


async def test_nobody_signs_off_what_is_not_as_it_was_written(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        for _ in range(3):
            await agent.post("/ping/redis")
        edit(tmp_path, "UPDATE audit SET user = 'nobody' WHERE seq = 1")
        answer = await agent.post("/audit/checkpoint", 409, body=b'{"before": "2020-01-01"}')
        assert (answer["kind"], answer["seq"], answer["what"]) == ("audit-broken", 1, "changed")
        assert answer["message"].startswith("cannot sign off what is not as it was written: row 1 was changed")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "before: is missing"),
        ('{"before": "soon", "after": 1}', "before: is 'soon' but must be a time such as"),
        ('{"before": "soon", "after": 1}', "after: is not a known key; known here: before"),
        ('{"before": "9999-12-31"}', "before: is '9999-12-31', which lies in the future"),
        ('{"before": 5}', "before: must be a time such as"),
        ("[]", "it must be a JSON object"),
    ],
)
async def test_a_wrong_body_changes_nothing(tmp_path: Path, body: str, message: str) -> None:
    async with running(tmp_path) as agent:
        await agent.post("/ping/redis")
        answer = await agent.post("/audit/checkpoint", 400, body=body.encode())
        assert message in answer["message"]
        assert len(await agent.rows()) == 1
