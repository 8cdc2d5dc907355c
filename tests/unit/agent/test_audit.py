"""The audit trail keeps what it has acknowledged, whatever happens to the agent or to the disk."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import sqlite3
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from incidentops_agent import audit, audit_store, audit_verify
from incidentops_agent.ports import AuditQuery, SchemaError
from samples import ROOT
from unit.agent.trails import Opened, opened, row
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


async def test_rows_come_back_as_they_went_newest_first(tmp_path: Path) -> None:
    anonymous = replace(ROOT, uid=None, user="", pid=None, pid_started=None, note="nobody vouches")
    rows = [row(1, "requested", sentence=""), row(2), row(3, service="postgres"), replace(row(4), actor=anonymous)]
    rows.append(replace(row(5), job_id=None, duration=None))
    rows.append(replace(row(6), phase="noted", incident="ab12", detail={"ü": [1, None, {"b": 2.5}], "a": "x\u0000y"}))
    async with opened(tmp_path / "a.db") as trail:
        assert all([await trail.append(one) for one in rows])
        everything = await trail.rows(AuditQuery(), 100)
        assert [one for _, one in everything] == rows[::-1]
        assert [seq for seq, _ in everything] == [6, 5, 4, 3, 2, 1]
        assert [seq for seq, _ in await trail.rows(AuditQuery("redis"), 2)] == [6, 5]
        assert [seq for seq, _ in await trail.rows(AuditQuery("redis"), 100, 4)] == [2, 1]
        assert await trail.rows(AuditQuery("redis"), 0) == []
        assert await trail.rows(AuditQuery("nobody"), 100) == []
        await soon(lambda: trail.journalled == [one for one in rows if one.phase == "finished"])
        assert trail.reports == []


async def test_what_many_ask_at_once_is_written_in_the_order_of_asking(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        assert all(await asyncio.gather(*(trail.append(row(number)) for number in range(300))))
        assert [one.action_id for _, one in await trail.rows(AuditQuery(), 300)] == [
            f"id{n}" for n in range(299, -1, -1)
        ]


async def test_the_action_log_survives_a_restart_and_is_bounded(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        await asyncio.gather(*(trail.append(row(n, sentence=f"did {n}")) for n in range(audit.SENTENCES_MOST + 10)))
        await trail.append(row(0, service="postgres", sentence="Ping succeeded"))
        await trail.append(row(1, service="postgres", sentence=""))
        before = trail.sentences("redis"), trail.sentences("postgres")
    assert len(before[0]) == audit.SENTENCES_MOST
    assert before[0][-1].endswith(f"Z | did {audit.SENTENCES_MOST + 9}")
    assert before[1] == ["2026-11-18T11:06:40Z | Ping succeeded"]
    async with opened(tmp_path / "a.db") as trail:
        assert (trail.sentences("redis"), trail.sentences("postgres")) == before
        assert trail.sentences("nobody") == []


async def test_what_was_under_way_at_the_end_is_known_at_the_next_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        assert trail.interrupted() == []
        for one in (row(1, "requested"), row(2, "requested"), row(2, "finished"), row(3, "finished")):
            await trail.append(one)
    async with opened(tmp_path / "a.db") as trail:
        assert trail.interrupted() == [row(1, "requested")]
        await trail.append(replace(row(1), outcome="interrupted"))
        assert trail.interrupted() == []


async def test_a_database_of_a_newer_agent_stops_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db"):
        pass
    database = sqlite3.connect(tmp_path / "a.db")
    database.execute(f"PRAGMA user_version = {audit_store.SCHEMA_VERSION + 1}")
    database.close()
    with pytest.raises(SchemaError, match="was written by a newer agent .* move the file away"):
        Opened(tmp_path / "a.db")


async def test_what_is_no_database_degrades_and_recovers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.02)
    path = tmp_path / "a.db"
    path.write_text("not a database, but long enough to be taken for one " * 100)
    async with opened(path) as trail:
        await asyncio.sleep(0)
        assert "can't be opened" in trail.reports[0]
        assert trail.interrupted() == []
        assert await trail.append(row(1)) is False
        assert trail.unwritten == 1
        assert "can't be written" in trail.failing
        with pytest.raises(OSError, match="cannot read the audit trail"):
            await trail.rows(AuditQuery(), 10)
        assert trail.sentences("redis") != []
        path.unlink()
        await soon(lambda: not trail.failing)
        assert [one for _, one in await trail.rows(AuditQuery(), 10)] == [row(1)]
        assert trail.reports[-1] == ""


async def test_a_trail_that_can_be_opened_and_not_read_does_not_end_the_start(tmp_path: Path) -> None:
    async with opened(tmp_path / "a.db") as trail:
        await trail.append(row(1, "requested"))
    database = sqlite3.connect(tmp_path / "a.db")
    database.execute("ALTER TABLE audit RENAME COLUMN phase TO stage")
    database.close()
    async with opened(tmp_path / "a.db") as trail:
        assert trail.interrupted() == []
        await asyncio.sleep(0)
        assert "cannot read the audit trail" in trail.reports[-1]
        assert await trail.append(row(2)) is False


async def test_a_missing_folder_is_reported_and_used_once_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.02)
    async with opened(tmp_path / "state" / "a.db") as trail:
        assert await trail.append(row(1)) is False
        (tmp_path / "state").mkdir()
        await soon(lambda: not trail.failing)
        assert await trail.append(row(2)) is True
        assert [one.action_id for _, one in await trail.rows(AuditQuery(), 10)] == ["id2", "id1"]


async def test_what_waits_is_bounded_and_the_newest_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "UNWRITTEN_MOST", 5)
    async with opened(tmp_path / "state" / "a.db") as trail:
        for number in range(9):
            assert await trail.append(row(number)) is False
        assert trail.unwritten == 5
        (tmp_path / "state").mkdir()
    async with opened(tmp_path / "state" / "a.db") as trail:  # written when the agent ended
        assert [one.action_id for _, one in await trail.rows(AuditQuery(), 10)] == ["id8", "id7", "id6", "id5", "id4"]


async def test_a_row_that_can_not_be_stored_does_not_end_the_writing(tmp_path: Path) -> None:
    """Every action waits for the writer's thread: whatever a row holds, it must go on."""
    bad = replace(row(1), actor=replace(ROOT, program="half a \udcff character"))
    async with opened(tmp_path / "a.db") as trail:
        async with asyncio.timeout(5):
            await trail.append(bad)
            assert await trail.append(row(2)) is True
        assert [one.action_id for _, one in await trail.rows(AuditQuery(), 10)] == ["id2", "id1"]


# -- a full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root, to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_full_disk_is_loud_and_loses_nothing(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.02)
    ballast = small_disk / "ballast"
    async with opened(small_disk / "a.db") as trail:
        stored = {f"id{n}": await trail.append(row(n)) for n in range(3)}
        assert all(stored.values())
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            while file.write(b"x" * 4096):
                pass
        fresh = itertools.count(3)
        while not trail.failing:  # what the write-ahead log has room for is still taken
            number = next(fresh)
            stored[f"id{number}"] = await trail.append(row(number))
            assert number < 2000
        assert [one for one, done in stored.items() if not done] == [f"id{number}"]
        assert await trail.append(row(next(fresh))) is False
        assert "the audit trail can't be written" in trail.reports[-1]
        assert trail.unwritten == 2
        assert len(trail.sentences("redis")) == len(stored) + 1, "what was done is shown all the same"
        ballast.unlink()
        await soon(lambda: not trail.failing)
        assert trail.reports[-1] == ""
        assert trail.unwritten == 0
        total = next(fresh)
        assert await trail.append(row(total)) is True
        assert [one.action_id for _, one in await trail.rows(AuditQuery(), 5000)][::-1] == [
            f"id{n}" for n in range(total + 1)
        ]
        verdict = await trail.verify()
        assert (verdict.problem, verdict.rows) == (None, total + 1)
        assert trail.places.count(None) == 2, "what waited had no place yet when the journal was told"


# -- SIGKILL at any point

WRITER = """
import asyncio, pathlib, sys
from incidentops_agent.audit import SqliteAudit
from unit.agent.trails import row

async def main():
    trail = SqliteAudit(pathlib.Path(sys.argv[1]), print, lambda _row, _place: None)
    numbers = iter(range(int(sys.argv[2]), 10**9))

    async def writer():
        for number in numbers:
            if await trail.append(row(number)):
                print(number, flush=True)

    await asyncio.gather(*(writer() for _ in range(4)))

asyncio.run(main())
"""


def test_sigkill_at_any_point_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    acknowledged: set[int] = set()
    chance = random.Random(11)
    for attempt in range(20):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(attempt * 1_000_000)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        )
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(chance.randint(1, 30))]
        writer.kill()
        rest, _ = writer.communicate()
        said = "".join(lines) + rest
        acknowledged.update(map(int, said[: said.rfind("\n") + 1].split()))
        database = sqlite3.connect(path)
        found = {int(action_id[2:]) for (action_id,) in database.execute("SELECT action_id FROM audit")}
        (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        database.close()
        assert verdict == "ok"
        assert acknowledged <= found
        assert audit_verify.verify(path, None).problem is None
    assert len(acknowledged) > 20
