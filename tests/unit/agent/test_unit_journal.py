"""The journal of a unit, read from a journalctl that does what a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_agent import unit_journal
from incidentops_agent.model import JournalEntry
from incidentops_agent.unit_journal import UnitJournal, entry
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LINE = {
    "__REALTIME_TIMESTAMP": "1795000000250000",
    "MESSAGE": "Ready to accept connections",
    "PRIORITY": "6",
    "SYSLOG_IDENTIFIER": "redis-server",
    "_PID": "1000",
}
ENTRY = JournalEntry(1795000000.25, 6, "redis-server", 1000, "Ready to accept connections")


@pytest.fixture
def journalctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in journalctl's place; it notes its arguments in the file ``arguments`` beside it."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def write(script: str) -> None:
        program = tmp_path / "journalctl"
        program.write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/arguments\n{script}\n')
        program.chmod(0o755)

    return write


def quoted(line: dict[str, Any]) -> str:
    return f"printf '%s\\n' '{json.dumps(line)}'"


async def test_the_newest_entries(tmp_path: Path, journalctl: Callable[[str], None]) -> None:
    journalctl(quoted(LINE) + "\n" + quoted(LINE | {"MESSAGE": "again"}))
    found = await UnitJournal().recent("redis-server.service", 2)
    assert [one.message for one in found] == ["Ready to accept connections", "again"]
    assert found[0] == ENTRY
    arguments = (tmp_path / "arguments").read_text().split()
    assert {"--unit=redis-server.service", "--lines=2", "--output=json"} <= set(arguments)
    assert "--follow" not in arguments


async def test_a_journalctl_that_fails_or_hangs_or_is_not_there(
    journalctl: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    journalctl("exit 1")
    with pytest.raises(OSError, match="cannot read the journal of a.service: journalctl ended with 1"):
        await UnitJournal().recent("a.service", 2)
    monkeypatch.setattr(unit_journal, "DEADLINE", 0.1)
    journalctl("exec sleep 60")
    with pytest.raises(OSError, match=r"no answer within 0.1 s"):
        await UnitJournal().recent("a.service", 2)
    (tmp_path / "journalctl").unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FileNotFoundError):
        await UnitJournal().recent("a.service", 2)


async def test_following_gives_what_comes_and_ends_its_process(journalctl: Callable[[str], None]) -> None:
    journalctl(quoted(LINE) + "; exec sleep 60")
    journal = UnitJournal()
    entries = journal.follow("redis-server.service", 1)
    assert await anext(entries) == ENTRY
    waiting = asyncio.ensure_future(anext(entries))
    await asyncio.sleep(0)
    waiting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await waiting
    await entries.aclose()
    await soon(lambda: journal._followers == 0)


async def test_a_journal_that_ends_ends_the_following(journalctl: Callable[[str], None]) -> None:
    journalctl(quoted(LINE))
    assert [one async for one in UnitJournal().follow("redis-server.service", 1)] == [ENTRY]


async def test_not_too_many_follow(journalctl: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit_journal, "FOLLOWERS_MOST", 1)
    journalctl(quoted(LINE) + "; exec sleep 60")
    journal = UnitJournal()
    first = journal.follow("a.service", 1)
    await anext(first)
    with pytest.raises(OSError, match="1 clients do so already"):
        await anext(journal.follow("a.service", 1))
    await first.aclose()
    again = journal.follow("a.service", 1)
    assert await anext(again) == ENTRY
    await again.aclose()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Ready to accept connections"),
        ({"MESSAGE": [72, 105, 255]}, "Hi\ufffd"),
        ({"MESSAGE": ["one", "two"]}, "one; two"),
        ({"MESSAGE": None}, ""),
        ({"PRIORITY": "high", "_PID": None, "SYSLOG_IDENTIFIER": None}, "Ready to accept connections"),
    ],
)
def test_an_entry_of_any_kind_is_read(changes: dict[str, Any], expected: str) -> None:
    assert entry(json.dumps(LINE | changes).encode()).message == expected
