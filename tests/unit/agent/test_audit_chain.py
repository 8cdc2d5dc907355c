"""The trail's chain in its database: made from the first schema, gone on with, and not fooled by who edits the file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_agent import audit, audit_store, audit_verify, chain
from incidentops_agent.chain import Head
from incidentops_agent.ports import AuditQuery
from samples import ROOT
from unit.agent.trails import edit, opened, row
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from incidentops_agent.chain import Problem

# What the agent wrote until its rows had hashes.
SCHEMA_1 = """
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, action_id TEXT NOT NULL, phase TEXT NOT NULL, at REAL NOT NULL,
    action TEXT NOT NULL, service TEXT NOT NULL, uid INTEGER, user TEXT NOT NULL, pid INTEGER, pid_started INTEGER,
    program TEXT NOT NULL, door TEXT NOT NULL, note TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL,
    sentence TEXT NOT NULL, job_id INTEGER, invocation_id TEXT NOT NULL, duration REAL
) STRICT;
CREATE INDEX audit_log ON audit (service, seq) WHERE sentence != '';
CREATE INDEX audit_action ON audit (action_id);
PRAGMA user_version = 1;
"""


def of_schema_1(path: Path, count: int = 600) -> Path:
    database = sqlite3.connect(path)
    database.executescript(SCHEMA_1)
    columns = audit_store.NAMES[1:19]
    database.executemany(
        f"INSERT INTO audit ({', '.join(columns)}) VALUES ({', '.join('?' * 18)})",  # noqa: S608
        (audit_store.values_of(row(number))[:18] for number in range(count)),
    )
    database.commit()
    database.close()
    return path


def problem_of(path: Path) -> Problem | None:
    return audit_verify.verify(path, None).problem


async def test_a_trail_of_the_first_schema_is_chained_and_goes_on(tmp_path: Path) -> None:
    path = of_schema_1(tmp_path / "a.db")
    async with opened(path) as trail:
        assert await trail.append(row(1000))
        rows = await trail.rows(AuditQuery(), 1000)
        assert [seq for seq, _ in rows] == list(range(602, 0, -1))
        assert [one for _, one in reversed(rows)][:600] == [row(number) for number in range(600)]
        assert len(trail.sentences("redis")) == 500
        _, migrated = rows[1]
        assert (migrated.phase, migrated.action) == ("noted", "audit-migrated")
        assert migrated.detail == {"from": 1, "to": 2, "rows": 600}
        assert migrated.actor.program == "incidentops-agent"
        assert trail.reports == []
    assert problem_of(path) is None
    async with opened(path) as trail:
        assert len(await trail.rows(AuditQuery(actions=["audit-migrated"]), 10)) == 1


MIGRATE = """
import os, pathlib, sqlite3, sys
from incidentops_agent import audit, audit_store, audit_verify, chain

real, left = chain.link, int(sys.argv[2])
def link(*arguments):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
    return real(*arguments)
chain.link = link
path = pathlib.Path(sys.argv[1])
audit_store.prepare(sqlite3.connect(path, isolation_level=None), path)
"""


def test_a_migration_that_is_killed_has_changed_nothing(tmp_path: Path) -> None:
    path = of_schema_1(tmp_path / "a.db")
    for rows in (1, 300, 600, 601):
        killed = subprocess.run(
            [sys.executable, "-c", MIGRATE, str(path), str(rows)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        assert killed.returncode == -9
        database = sqlite3.connect(path)
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
        assert len(database.execute("SELECT * FROM audit").description) == 19
        assert database.execute("SELECT count(*) FROM audit").fetchone() == (600,)
        database.close()
    database = sqlite3.connect(path, isolation_level=None)
    audit_store.prepare(database, path)
    database.close()
    assert problem_of(path) is None


async def test_each_finished_row_is_journalled_with_its_place(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        for one in (row(1, "requested"), row(1), row(2)):
            await trail.append(one)
    with audit_store.reading(tmp_path / "a.db") as database:
        assert trail.places == [Head(*found) for found in database.execute("SELECT seq, hash FROM audit WHERE seq > 1")]
    assert problem_of(tmp_path / "a.db") is None


async def test_who_cuts_off_the_end_leaves_a_gap(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        for number in range(5):
            await trail.append(row(number))
    edit(path, "DELETE FROM audit WHERE seq > 3")
    assert problem_of(path) == chain.Problem(4, "end", "rows 4 to 5 are missing from the end")
    async with opened(path) as trail:
        await trail.append(row(9))
        await trail.append(row(10))
        assert trail.reports == ["the audit trail was changed by somebody else: rows 4 to 5 are missing from its end"]
    assert problem_of(path) == chain.Problem(4, "missing", "rows 4 to 5 are missing")


async def test_who_edits_the_newest_row_of_a_running_agent_breaks_the_chain_for_all_to_see(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        for number in range(3):
            await trail.append(row(number))
        values = (3, *audit_store.values_of(replace(row(2), outcome="failed")))
        with audit_store.reading(path) as database:
            (previous,) = database.execute("SELECT hash FROM audit WHERE seq = 2").fetchone()
        edit(path, "UPDATE audit SET outcome = 'failed', hash = ? WHERE seq = 3", chain.link(previous, values))
        assert problem_of(path) is None, "the forger knows how to make a hash"
        assert await trail.append(row(4)) is True
        assert "row 3 was changed or removed" in trail.reports[-1]
        assert await trail.append(row(5)) is True
        assert len(trail.reports) == 1
        problem = problem_of(path)
        assert problem is not None
        assert (problem.seq, problem.what) == (4, "changed")


async def test_a_row_that_another_program_adds_is_noticed_and_gone_on_after(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        await trail.append(row(1))
        edit(path, "INSERT INTO audit SELECT 9, action_id, phase, at, action, service, uid, user, pid, pid_started,"
                   " program, door, note, outcome, reason, sentence, job_id, invocation_id, duration, incident, detail,"
                   " hash FROM audit")  # fmt: skip
        assert await trail.append(row(2)) is True
        assert "rows after row 1 were added by another program" in trail.reports[-1]
        assert [seq for seq, _ in await trail.rows(AuditQuery(), 10)] == [10, 9, 1]


async def test_a_trail_that_is_emptied_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    async with opened(path) as trail:
        await asyncio.gather(*(trail.append(row(number)) for number in range(3)))
        edit(path, "DELETE FROM audit")
        await trail.append(row(4))
        assert [seq for seq, _ in await trail.rows(AuditQuery(), 10)] == [4]
    problem = problem_of(path)
    assert problem is not None
    assert (problem.seq, problem.what) == (1, "beginning")


async def test_what_no_json_can_say_does_not_keep_a_row_from_being_written(tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [{"x": float("nan")}, {"x": {1, 2}}, {"x": "\ud800"}]
    async with opened(tmp_path / "a.db") as trail:
        for detail in odd:
            assert await trail.append(replace(row(1), detail=detail)) is True
        assert await trail.append(replace(row(1, sentence=""), at=float("nan"), duration=float("inf"))) is True
        rows = [one for _, one in await trail.rows(AuditQuery(), 10)]
        assert (rows[0].at, rows[0].duration) == (0.0, None)
        assert rows[1].detail == odd[2]
        assert rows[3].detail == {"unreadable": "{'x': nan}"}
    assert problem_of(tmp_path / "a.db") is None


async def test_rows_by_who_what_and_when(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        alice = replace(row().actor, user="alice")
        for one in (row(1), replace(row(2), action="breaker-opened", incident="ab"), replace(row(3), actor=alice)):
            await trail.append(one)

        async def found(**query: object) -> list[int]:
            return [seq for seq, _ in await trail.rows(AuditQuery(**query), 10)]  # type: ignore[arg-type]

        assert await found(user="alice") == [3]
        assert await found(incident="ab") == [2]
        assert await found(actions=["breaker-*"]) == [2]
        assert await found(actions=["stop", "breaker-opened"]) == [3, 2, 1]
        assert await found(actions=["breaker"]) == []
        assert await found(since=row(2).at) == [3, 2]
        assert await found(since=row(2).at, until=row(3).at) == [2]
        assert await found(service="redis", user="root", actions=["stop"]) == [1]


async def test_replay_gives_the_newest_oldest_first(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        for number in range(6):
            await trail.append(replace(row(number), action="breaker-opened" if number % 2 else "stop"))
        assert [one.action_id for one in trail.replay(["breaker-*"], 10)] == ["id1", "id3", "id5"]
        assert [one.action_id for one in trail.replay(["breaker-*", "stop"], 2)] == ["id4", "id5"]
        assert trail.replay(["nothing"], 10) == []


async def test_what_the_disk_took_though_it_said_no_is_not_written_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an fsync that fails: the transaction is in the log all the same, and the next connection finds it."""
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.02)
    real, refusals = audit_store.writing, [2]

    @contextlib.contextmanager
    def writing(database: sqlite3.Connection) -> Iterator[None]:
        with real(database):
            yield
        if refusals[0]:
            refusals[0] -= 1
            raise sqlite3.OperationalError("disk I/O error")

    async with opened(tmp_path / "a.db") as trail:
        await trail.append(row(1))
        monkeypatch.setattr(audit_store, "writing", writing)
        assert await trail.append(row(2)) is False
        assert await trail.append(row(3)) is False
        await soon(lambda: not trail.failing)
        refusals[0] = 1
        with pytest.raises(OSError, match="disk I/O error"):
            await trail.checkpoint(row(2).at, ROOT)
        assert await trail.append(row(4)) is True
        assert [one.action_id for _, one in await trail.rows(AuditQuery(actions=["stop"]), 9)] == ["id4", "id3", "id2"]
        assert (await trail.verify()).problem is None
        assert trail.unwritten == 0
        assert all("changed by somebody" not in said for said in trail.reports)
