"""Audit trails to try things on."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from typing import TYPE_CHECKING

from incidentops_agent.audit import SqliteAudit
from incidentops_agent.model import AuditRow
from samples import NOW, ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from incidentops_agent.chain import Head


def row(number: int = 1, phase: str = "finished", service: str = "redis", sentence: str = "so") -> AuditRow:
    return AuditRow(f"id{number}", phase, NOW + number, "stop", service, ROOT, "ok", "", sentence, 7, "ab" * 16, 0.25)


class Opened(SqliteAudit):
    """With what it reported and what it gave to the journal."""

    def __init__(self, path: Path) -> None:
        self.reports: list[str] = []
        self.journalled: list[AuditRow] = []
        self.places: list[Head | None] = []
        super().__init__(path, self.reports.append, self.note)

    def note(self, row: AuditRow, place: Head | None) -> None:
        self.journalled.append(row)
        self.places.append(place)


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Opened]:
    made = Opened(path)
    try:
        yield made
    finally:
        made.close()
        await asyncio.sleep(0)


def edit(path: Path, statement: str, *values: str) -> None:
    """What somebody with the rights to it does to a trail."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(statement, values)
