"""The audit trail: its rows and what can be asked of it, typed by the same rules as wire.py."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from . import wording
from .fields import Fields, WireError

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = 100
"""Rows that are read at a time."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``phase``: requested, finished or noted; ``at`` is seconds since the epoch, ``duration`` seconds.

    ``incident`` is the incident that it belongs to, ``detail`` what else was written down.
    """

    seq: int
    at: float
    phase: str
    action: str
    service: str
    user: str
    program: str
    pid: int
    door: str
    outcome: str
    reason: str
    sentence: str
    duration: float | None
    incident: str
    detail: Mapping[str, Any]
    action_id: str


def _row(value: Any, path: str) -> Row:
    fields = Fields(value, path)
    actor = fields.section("actor")
    return Row(
        seq=fields.whole_or("seq"),
        at=fields.time("at"),
        phase=fields.text("phase"),
        action=fields.text("action"),
        service=fields.text_or("service"),
        user=actor.text_or("user"),
        program=actor.text_or("program"),
        pid=actor.whole_or("pid"),
        door=actor.text_or("door"),
        outcome=fields.text_or("outcome"),
        reason=fields.text_or("reason"),
        sentence=fields.text_or("sentence"),
        duration=fields.number_or_none("duration_seconds") if fields.has("duration_seconds") else None,
        incident=fields.text_or("incident"),
        detail=fields.plain("detail"),
        action_id=fields.text_or("action_id"),
    )


def rows(value: Any) -> tuple[Row, ...]:
    """The answer of GET /audit, newest first."""
    if not isinstance(value, list):
        raise WireError("the answer is not a list of rows")
    return tuple(_row(one, f"[{index}]") for index, one in enumerate(value))


NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: a filter that is empty takes all. ``action`` begins a name, ``since`` is an ISO 8601 instant."""

    service: str = ""
    user: str = ""
    action: str = ""
    incident: str = ""
    since: str = ""

    @property
    def sensible(self) -> bool:
        """Whether there can be such rows: the agent refuses what can't be the name of an action."""
        return not self.action or NAME.fullmatch(self.action) is not None

    def _filters(self) -> dict[str, str]:
        given = {
            "service": self.service,
            "user": self.user,
            "action": f"{self.action}*" if self.action else "",
            "incident": self.incident,
            "since": self.since,
        }
        return {key: value for key, value in given.items() if value}

    def page(self, before: int | None = None) -> str:
        """The path and query that ask for a page; ``before`` is the last row that is known."""
        more = {"before": str(before)} if before is not None else {}
        return f"/audit?{urlencode({'limit': str(PAGE), **more, **self._filters()})}"

    def export(self) -> str:
        """The path and query that ask for all of them."""
        filters = urlencode(self._filters())
        return f"/audit/export?{filters}" if filters else "/audit/export"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying the chain found: ``sentence`` is the agent's, ``bad`` the first row that does not fit."""

    fine: bool
    rows: int
    bad: int | None
    sentence: str


def verdict(value: Any) -> Verdict:
    """The answer of GET /audit/verify."""
    fields = Fields(value, "")
    problem = fields.section_or_none("problem")
    return Verdict(
        fine=fields.flag("verified"),
        rows=fields.whole_or("rows"),
        bad=problem.whole_or("seq") if problem is not None else None,
        sentence=fields.text_or("message"),
    )


def said(row: Row) -> str:
    """What a row says, in a line: its sentence and reason, else the plain ones of its details."""
    told = " · ".join(part for part in (row.sentence, row.reason) if part)
    plain = {key: value for key, value in row.detail.items() if isinstance(value, str | int | float) and value != ""}
    return told or ", ".join(f"{key} {value}" for key, value in plain.items())


def full(row: Row) -> str:
    """Everything about a row as text."""
    rows = [
        ("row", str(row.seq)),
        ("at", wording.exact(row.at)),
        ("action", f"{row.action} ({row.phase})"),
        ("service", row.service),
        ("by", f"{row.user}, {row.program or 'unknown program'} (pid {row.pid}), over {row.door}"),
        ("outcome", row.outcome),
        ("reason", row.reason),
        ("sentence", row.sentence),
        ("took", f"{row.duration:.3f} s" if row.duration is not None else ""),
        ("incident", row.incident),
        ("detail", json.dumps(row.detail, ensure_ascii=False) if row.detail else ""),
        ("action id", row.action_id),
    ]
    return "\n".join(f"{key + ':':<11}{value}" for key, value in rows if value)
