"""The audit trail of the installed agent: what root does to its database behind its back is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from .machine import eventually

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from .machine import Lab

AGENT, STATE = "incidentops-agent.service", "/var/lib/incidentops"
DATABASE = f"{STATE}/audit.db"
EDIT = "import sqlite3, sys; sqlite3.connect(sys.argv[1], isolation_level=None).execute(sys.argv[2], sys.argv[3:])"


@pytest.fixture
def trail(lab: Lab) -> Iterator[Lab]:
    """A trail of its own, which may be spoilt."""
    lab.run("systemctl", "stop", AGENT)
    lab.run("mount", "-t", "tmpfs", "-o", "size=8m,mode=0750,uid=incidentops,gid=incidentops", "tmpfs", STATE)
    try:
        lab.run("systemctl", "start", AGENT)
        yield lab
    finally:
        lab.run("systemctl", "stop", AGENT)
        lab.run("umount", STATE)
        lab.run("systemctl", "start", AGENT)


def verify(lab: Lab, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = lab.run("incidentops", "audit", "verify", *arguments, check=False)
    assert done.returncode == code, done
    return done


def edit(lab: Lab, statement: str, *values: object) -> None:
    lab.run("python3", "-c", EDIT, DATABASE, statement, *map(str, values))


def journalled(lab: Lab) -> list[str]:
    """The places in the chain that the journal has, oldest first."""
    found = [json.loads(line) for line in lab.journal("-o", "json").splitlines() if line.startswith("{")]
    return [f"{one['INCIDENTOPS_AUDIT_SEQ']}:{one['INCIDENTOPS_AUDIT_HASH']}" for one in found if _has_place(one)]


def _has_place(entry: dict[str, Any]) -> bool:
    return "INCIDENTOPS_AUDIT_HASH" in entry


def test_what_root_does_to_the_database_is_named(trail: Lab) -> None:
    for words in (["ping", "redis"], ["restart", "redis"], ["stop", "--yes", "chaos"], ["start", "chaos"]):
        trail.run("incidentops", *words)
    assert "the audit trail holds: " in verify(trail).stdout
    head = trail.get("/audit/verify")["head"]
    (seq,) = {row["seq"] for row in trail.get("/audit?action=restart") if row["phase"] == "finished"}
    edit(trail, "UPDATE audit SET user = 'nobody' WHERE seq = ?", seq)
    assert f"does not hold: row {seq} was changed" in verify(trail, code=1).stderr
    done = trail.run("incidentops", "audit", "checkpoint", "--before", "1s", check=False)
    assert (done.returncode, f"row {seq} was changed" in done.stderr) == (1, True)
    edit(trail, "UPDATE audit SET user = 'root' WHERE seq = ?", seq)
    verify(trail, "--head", head)

    eventually(lambda: head in journalled(trail))
    newest = int(head.partition(":")[0])
    trail.run("systemctl", "stop", AGENT)
    edit(trail, "DELETE FROM audit WHERE seq >= CAST(? AS INTEGER)", newest)  # also that the agent was stopped
    done = trail.run("incidentops-agent", "--verify-audit", DATABASE, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("the audit trail does not hold: row")
    assert done.stderr.endswith(" missing from the end\n")
    edit(trail, "UPDATE sqlite_sequence SET seq = CAST(? AS INTEGER)", newest - 1)
    trail.run("incidentops-agent", "--verify-audit", DATABASE)
    trail.run("systemctl", "start", AGENT)
    assert "row" in verify(trail, "--head", head, code=1).stderr, "the journal knows better"


def test_a_trail_is_carried_away_and_shortened(trail: Lab) -> None:
    for _ in range(3):
        trail.run("incidentops", "ping", "redis")
    before = trail.get("/audit?limit=1&action=ping")[0]["at"]
    trail.run("incidentops", "audit", "export", "--output", f"{STATE}/a.jsonl")
    done = verify(trail, "--file", f"{STATE}/a.jsonl")
    assert done.stdout.endswith(f"head {trail.get('/audit/verify')['head']}\n")
    done = trail.run("incidentops", "audit", "checkpoint", "--before", before)
    assert "gone, up to row" in done.stdout
    assert "as a checkpoint says" in verify(trail).stdout
    trail.run("systemctl", "restart", AGENT)
    verify(trail)
    edit(trail, "DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit)")
    assert "but its newest checkpoint says row" in verify(trail, code=1).stderr
