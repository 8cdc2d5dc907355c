"""Old rows go from the beginning, signed off; what still counts is not lost, and nothing goes unsaid."""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from incidentops_agent import audit_verify, upkeep
from incidentops_agent.chain import Problem, Verdict
from incidentops_agent.ports import AuditQuery, BrokenTrailError
from incidentops_agent.upkeep import Upkeep
from samples import NOW, ROOT
from unit.agent.trails import edit, opened, row
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from incidentops_agent.model import AuditRow

FAR, PRESENT = NOW + 1000, NOW + 2000
"""After every row here that is not made by the trail itself, and when it makes those."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incidentops_agent.audit_store.time.time", lambda: PRESENT)


def fact(number: int, action: str, service: str = "redis", incident: str = "") -> AuditRow:
    return replace(row(number, "noted", service, ""), action=action, incident=incident, detail={"n": number})


def verify(path: Path) -> Verdict:
    return audit_verify.verify(path, None)


async def test_a_beginning_goes_and_the_rest_verifies_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        for number in range(1, 11):
            await trail.append(row(number))
        head = (await trail.verify()).head
        done = await trail.checkpoint(NOW + 5, ROOT)
        assert (done.rows, done.through, done.kept_by, done.head.seq) == (4, 4, "", 11)
        verdict = await trail.verify(head)
        assert (verdict.problem, verdict.first, verdict.rows, verdict.head) == (None, 5, 7, done.head)
        _, signed = (await trail.rows(AuditQuery(), 1))[0]
        assert (signed.phase, signed.action, signed.actor) == ("noted", "checkpoint", ROOT)
        assert {key: signed.detail[key] for key in ("through", "rows", "before")} == {
            "through": 4, "rows": 4, "before": "2026-11-18T11:06:45.000Z",
        }  # fmt: skip
        await soon(lambda: trail.places[-1] == done.head)  # the writer's thread tells the journal when all is done
        assert trail.journalled[-1].action == "checkpoint"

        assert (await trail.checkpoint(NOW + 5, ROOT)).rows == 0, "nothing more is that old"
        assert (await trail.verify()).head == done.head, "and no row says so"
        again = await trail.checkpoint(NOW + 8, ROOT)
        assert (again.rows, again.through) == (3, 7)
        last = await trail.checkpoint(FAR, ROOT)
        assert last.through == 10, "the checkpoints themselves are newer: they are made now"
        await trail.append(row(12))
    assert verify(path).problem is None
    async with opened(path) as trail:
        assert (await trail.verify()).rows == 4
        assert trail.interrupted() == []


async def test_who_cuts_off_more_than_was_signed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        for number in range(1, 8):
            await trail.append(row(number))
        await trail.checkpoint(NOW + 4, ROOT)
        edit(path, "DELETE FROM audit WHERE seq <= 5")
        verdict = await trail.verify()
        assert verdict.problem == Problem(
            4, "beginning", "the trail begins with row 6, but its newest checkpoint says row 4"
        )
        with pytest.raises(BrokenTrailError, match="begins with row 6"):
            await trail.checkpoint(FAR, ROOT)
        edit(path, "DELETE FROM audit WHERE action = 'checkpoint'")
        assert (await trail.verify()).problem == Problem(
            1, "beginning", "rows 1 to 5 are missing, and no checkpoint says that they may be"
        )


async def test_what_is_under_way_stays_with_all_that_came_after_it(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        for one in (row(1), row(2, "requested"), row(3), row(4)):
            await trail.append(one)
        done = await trail.checkpoint(FAR, ROOT)
        assert (done.through, done.kept_by) == (1, "an action that is under way")
        await trail.append(row(2))
        assert (await trail.checkpoint(FAR, ROOT)).kept_by == ""


async def test_an_open_incident_stays(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        opening = [fact(1, "incident-opened", incident="a"), fact(2, "incident-closed", incident="a")]
        for one in (*opening, fact(3, "incident-opened", incident="b"), fact(4, "incident-joined", incident="b")):
            await trail.append(one)
        done = await trail.checkpoint(FAR, ROOT)
        assert (done.through, done.kept_by) == (2, "an incident that is open")
        await trail.append(replace(fact(5, "incident-opened", incident="c"), detail={}))
        await trail.append(replace(fact(6, "incident-merged", incident="c"), detail={"from": "b"}))
        done = await trail.checkpoint(PRESENT + 1, ROOT)
        assert (done.through, done.kept_by) == (5, "an incident that is open")
        await trail.append(fact(7, "incident-closed", incident="c"))
        assert (await trail.checkpoint(FAR, ROOT)).kept_by == ""


async def test_what_holds_now_is_carried_forward_until_something_newer_says_otherwise(tmp_path: Path) -> None:
    kinds = ["maintenance-*", "breaker-*", "recovery-*", "start", "stop"]
    async with opened(tmp_path / "a.db") as trail:
        for one in (
            fact(1, "breaker-opened"), fact(2, "breaker-opened"), fact(3, "breaker-opened", "postgres"),
            fact(4, "maintenance-began"), replace(row(5), action="start"), row(6), row(7, service="worker"),
            fact(8, "probe-noted"), row(9, service="chaos"),
        ):  # fmt: skip
            await trail.append(one)

        def found() -> list[str]:
            return [f"{one.action} {one.service} {one.action_id}" for one in trail.replay(kinds, 100)]

        await trail.checkpoint(NOW + 9, ROOT)
        carried = ["breaker-opened redis id2", "breaker-opened postgres id3", "maintenance-began redis id4",
                   "start redis id5", "stop redis id6", "stop worker id7"]  # fmt: skip
        assert found() == [*carried, "stop chaos id9"]
        assert trail.replay(["breaker-*"], 9)[0].detail == {"n": 2}
        assert trail.replay(["breaker-*"], 9)[0] == fact(2, "breaker-opened")
        await trail.append(fact(10, "breaker-opened"))
        await trail.checkpoint(FAR, ROOT)
        assert found() == [*carried[1:], "stop chaos id9", "breaker-opened redis id10"]
        assert (await trail.verify()).problem is None
    async with opened(tmp_path / "a.db") as trail:
        assert found() == [*carried[1:], "stop chaos id9", "breaker-opened redis id10"]


async def test_attempts_that_still_count_are_carried_and_others_are_not(tmp_path: Path) -> None:
    def attempt(number: int, ago: float, service: str = "redis") -> list[AuditRow]:
        asked = replace(row(number, "requested", service, ""), action="auto-start", at=PRESENT - ago)
        return [asked, replace(asked, phase="finished")]

    async with opened(tmp_path / "a.db") as trail:
        for one in (
            *attempt(1, 200_000), *attempt(2, 90_000), *attempt(3, 5000), *attempt(4, 4000),
            *attempt(5, 3000, "worker"), *attempt(6, 300_000, "chaos"), *attempt(7, 250_000, "chaos"),
        ):  # fmt: skip
            await trail.append(one)
        done = await trail.checkpoint(PRESENT, ROOT)
        assert done.through == 14
        found = [(one.action_id, one.phase) for one in trail.replay(["auto-start"], 100)]
        assert found == [(f"id{number}", "requested") for number in (3, 4, 5, 7)]
        for one in attempt(8, 100):
            await trail.append(one)
        assert (await trail.checkpoint(PRESENT + 1, ROOT)).through == 17, "with the checkpoint before"
        found = [(one.action_id, one.phase) for one in trail.replay(["auto-start"], 100)]
        assert found == [(f"id{number}", "requested") for number in (3, 4, 5, 7, 8)]
        assert (await trail.verify()).problem is None


async def test_a_service_that_remediation_brought_back_is_not_taken_for_stopped_on_purpose(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        for one in (row(1), replace(row(2), action="remediate-start"), fact(3, "agent-started", "")):
            await trail.append(one)
        await trail.checkpoint(FAR, ROOT)
        found = trail.replay(["stop", "remediate-start", "agent-*"], 9)
        assert [one.action for one in found] == ["stop", "remediate-start", "agent-started"]


async def test_a_checkpoint_that_can_not_be_written_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        for number in range(1, 5):
            await trail.append(row(number))
        edit(path, "CREATE TRIGGER no BEFORE DELETE ON audit BEGIN SELECT raise(ABORT, 'the disk says no'); END")
        with pytest.raises(OSError, match="cannot remove old rows of the audit trail: the disk says no"):
            await trail.checkpoint(FAR, ROOT)
        edit(path, "DROP TRIGGER no")
        assert (await trail.verify()).rows == 4
        assert await trail.append(row(5)) is True
        assert (await trail.verify()).problem is None
        assert trail.reports == []


async def test_verifying_is_shared_and_sees_what_was_done_before_it_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        await trail.append(row(1))
        first = await trail.verify()
        edit(path, "UPDATE audit SET reason = 'x'")
        assert first.problem is None
        assert (await trail.verify()).problem == Problem(
            1, "changed", "row 1 was changed: its values and its hash don't fit together"
        )


@pytest.mark.parametrize(
    ("change", "seq", "what", "message"),
    [
        ("UPDATE audit SET user = 'alice' WHERE seq = 3", 3, "changed", "row 3 was changed"),
        ("UPDATE audit SET at = at + 1e-6 WHERE seq = 1", 1, "changed", "row 1 was changed"),
        ("UPDATE audit SET hash = '' WHERE seq = 5", 5, "changed", "row 5 was changed"),
        ("DELETE FROM audit WHERE seq = 2", 2, "missing", "row 2 is missing"),
        ("DELETE FROM audit WHERE seq IN (2, 3)", 2, "missing", "rows 2 to 3 are missing"),
        ("DELETE FROM audit WHERE seq > 4", 5, "end", "rows 5 to 6 are missing from the end"),
        ("DELETE FROM audit WHERE seq < 3", 1, "beginning", "rows 1 to 2 are missing, and no checkpoint"),
        ("UPDATE audit SET seq = -seq WHERE seq = 6", 1, "order", "it was written as row 6"),
        ("DELETE FROM audit", 1, "end", "rows 1 to 6 are missing"),
        ("UPDATE audit SET seq = CASE seq WHEN 2 THEN 104 ELSE 102 END WHERE seq IN (2, 4);"
         "UPDATE audit SET seq = seq - 100 WHERE seq > 100", 2, "order", "it was written as row 4"),
        ("UPDATE audit SET user = CAST(x'ff' AS TEXT) WHERE seq = 2", 2, "changed", "row 2 was changed"),
        ("DROP TABLE audit", 1, "unreadable", "after row 0 can't be read: no such table"),
    ],
)  # fmt: skip
async def test_whatever_is_done_to_the_database_is_named(
    tmp_path: Path, change: str, seq: int, what: str, message: str
) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        for number in range(6):
            await trail.append(row(number))
    for statement in change.split(";"):
        edit(path, statement)
    problem = verify(path).problem
    assert problem is not None
    assert (problem.seq, problem.what) == (seq, what)
    assert message in problem.message


async def test_what_can_not_be_verified_at_all(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="cannot read the audit trail: unable to open"):
        verify(tmp_path / "nothing.db")
    (tmp_path / "text").write_text("no database " * 100)
    with pytest.raises(OSError, match="cannot read the audit trail: file is not a database"):
        verify(tmp_path / "text")
    sqlite3.connect(tmp_path / "empty.db").close()
    with pytest.raises(OSError, match="its schema is 0"):
        verify(tmp_path / "empty.db")


async def test_a_walk_ends_when_nobody_waits(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        await trail.append(row(1))
    with pytest.raises(OSError, match="cannot go on verifying"):
        audit_verify.verify(tmp_path / "a.db", None, lambda: True)


# -- once a day


async def test_the_agent_verifies_and_lets_go_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    said: list[str] = []
    async with opened(path) as trail:
        for number in range(4):
            await trail.append(replace(row(number), at=PRESENT + (number - 4) * 86400))
        kept = Upkeep(trail, said.append, lambda: PRESENT)
        await kept.look()
        assert (await trail.verify()).rows == 4
        assert said == [""]
        kept.use(2)
        await kept.look()
        verdict = await trail.verify()
        assert (verdict.problem, verdict.first) == (None, 3)
        assert (await trail.rows(AuditQuery(), 1))[0][1].actor.program == "incidentops-agent"
        edit(path, "UPDATE audit SET user = 'x' WHERE seq = 4")
        for days in (2, 0):
            kept.use(days)
            await kept.look()
            assert said[-1].startswith("the audit trail is not as it was written: row 4 was changed: its values")
        edit(path, "PRAGMA user_version = 1")
        await kept.look()
        assert "could not be verified" in said[-1]


async def test_a_new_setting_is_used_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "EVERY", 0.01)
    async with opened(tmp_path / "a.db") as trail:
        await trail.append(row(1))
        said: list[str] = []
        kept = Upkeep(trail, said.append, lambda: PRESENT + 90000, 0)
        running = asyncio.create_task(kept.run())
        kept.use(1)
        await soon(lambda: len(said) > 2)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert (await trail.rows(AuditQuery(), 1))[0][1].action == "checkpoint"
