"""The audit trail: its rows, typed, and the table of them that the window shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: each filter is empty for all. ``since`` is an ISO 8601 instant."""

    service: str = ""
    user: str = ""
    action: str = ""
    incident: str = ""
    since: str = ""

    def query(self, before: int | None = None) -> str:
        """The path and query that ask for a page; ``before`` is the last row that is known."""
        given = {
            "limit": str(PAGE),
            "before": str(before) if before is not None else "",
            "service": self.service,
            "user": self.user,
            "action": self.action,
            "incident": self.incident,
            "since": self.since,
        }
        return f"/audit?{urlencode({key: value for key, value in given.items() if value})}"


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
    bad = problem.whole_or("seq") if problem is not None else None
    sentence = problem.text_or("message") if problem is not None else ""
    return Verdict(
        fine=fields.flag("ok"),
        rows=fields.whole_or("rows"),
        bad=bad,
        sentence=sentence or fields.text_or("message"),
    )
