"""The journal of a unit, read by journalctl, whose JSON is described in systemd.journal-fields(7)."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from .model import JournalEntry

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

FIELDS = "MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,_PID"
LINE_MOST = 2**20
"""Bytes of one entry in JSON; a longer one ends the reading."""
DEADLINE = 10.0
FOLLOWERS_MOST = 16
LAST_WORDS = 1.0


class UnitJournal:
    """ports.Journal."""

    def __init__(self) -> None:
        self._followers = 0

    async def recent(self, unit: str, lines: int, invocation: str = "") -> list[JournalEntry]:
        return await self._read(unit, lines, *([f"_SYSTEMD_INVOCATION_ID={invocation}"] if invocation else []))

    async def window(self, unit: str, since: float, until: float, lines: int) -> list[JournalEntry]:
        return await self._read(unit, lines, f"--since=@{since:.3f}", f"--until=@{until:.3f}")

    async def _read(self, unit: str, lines: int, *more: str) -> list[JournalEntry]:
        process = await self._start(unit, lines, *more)
        try:
            async with asyncio.timeout(DEADLINE):
                output, _ = await process.communicate()
        except TimeoutError:
            raise OSError(f"cannot read the journal of {unit}: no answer within {DEADLINE:g} s") from None
        finally:
            await _end(process)
        if process.returncode:
            raise OSError(f"cannot read the journal of {unit}: journalctl ended with {process.returncode}")
        return [entry(line) for line in output.splitlines()]

    async def follow(self, unit: str, lines: int) -> AsyncGenerator[JournalEntry]:
        if self._followers >= FOLLOWERS_MOST:
            raise OSError(f"cannot follow the journal of {unit}: {FOLLOWERS_MOST} clients do so already")
        self._followers += 1
        try:
            process = await self._start(unit, lines, "--follow")
            try:
                assert process.stdout is not None
                while line := await process.stdout.readline():
                    yield entry(line)
                # It ends by itself; killed at that very moment, asyncio would warn that it lost its exit status.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LAST_WORDS):
                        await process.wait()
            finally:
                await _end(process)
        finally:
            self._followers -= 1

    @staticmethod
    async def _start(unit: str, lines: int, *more: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *("journalctl", "--quiet", "--no-pager", "--output=json", f"--output-fields={FIELDS}"),
            *(f"--unit={unit}", f"--lines={lines}", *more),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_MOST,
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def entry(line: bytes) -> JournalEntry:
    """One line of journalctl's JSON; text that is no UTF-8 comes as a list of bytes, an over-long one as null."""
    fields: dict[str, Any] = json.loads(line)
    priority, pid = str(fields.get("PRIORITY", "6")), str(fields.get("_PID", ""))
    return JournalEntry(
        at=int(fields["__REALTIME_TIMESTAMP"]) / 1e6,
        priority=int(priority) if priority.isdigit() else 6,
        identifier=_text(fields.get("SYSLOG_IDENTIFIER")),
        pid=int(pid) if pid.isdigit() else None,
        message=_text(fields.get("MESSAGE")),
    )


def _text(value: Any) -> str:
    if isinstance(value, list):
        numbers = [part for part in value if isinstance(part, int)]
        if len(numbers) == len(value):
            return bytes(numbers).decode(errors="replace")
        return "; ".join(map(_text, value))  # a field that was given several times
    return "" if value is None else str(value)
