"""The agent's answers to what an operator asks: typed, by the same rules as wire.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .fields import Fields, WireError, parse, texts


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that says no: ``kind`` is stable, ``message`` a sentence for a person, ``status`` the HTTP code.

    ``plan`` and ``difference`` are of a plan that fits no more: the one that would now, and what is different.
    ``problems``: key path and mistake, of a body that is not as it must be.
    """

    status: int
    kind: str
    message: str
    plan: str = ""
    difference: tuple[str, ...] = ()
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """How a start, stop or restart ended; ``outcome`` is ok, unchanged or failed, ``duration`` seconds."""

    service: str
    up: bool
    state: str
    outcome: str
    reason: str
    duration: float
    recorded: bool


@dataclass(frozen=True, slots=True)
class Ping:
    """``latency`` is seconds; None when nothing was asked because nothing runs."""

    service: str
    ok: bool
    latency: float | None
    reason: str
    recorded: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a remediation; what follows the reason is told since agents plan. ``duration`` is seconds."""

    service: str
    action: str
    outcome: str
    reason: str
    cause: str = ""
    sentence: str = ""
    level: int = 0
    verified: bool = False
    duration: float | None = None


@dataclass(frozen=True, slots=True)
class Remediation:
    """What remediation did, in the order in which it was done; ``plan`` is the id of the plan that was run."""

    status: str
    remediated: tuple[str, ...]
    skipped: tuple[str, ...]
    steps: tuple[Step, ...]
    recorded: bool
    plan: str = ""

    @property
    def by_themselves(self) -> tuple[str, ...]:
        """Those skipped that are up all the same: there was nothing left to do."""
        return tuple(step.service for step in self.steps if step.service in self.skipped and step.verified)


@dataclass(frozen=True, slots=True)
class Detail:
    """What only GET /services/{name} tells. ``stops_with`` is None when systemd did not say."""

    name: str
    dependants: tuple[str, ...]
    stops_with: tuple[str, ...] | None
    log: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a unit's journal. ``priority`` is that of syslog, 0 (emergency) to 7 (debug)."""

    at: str
    priority: int
    identifier: str
    pid: int
    message: str


def problem(status: int, body: bytes) -> Problem:
    """An error answer; also one that did not come from an agent."""
    try:
        fields = Fields(parse(body), "")
        difference = fields.texts("difference") if fields.has("difference") else ()
        found = fields.sections("problems") if fields.has("problems") else []
        problems = tuple((one.text("key"), one.text("message")) for one in found)
        return Problem(
            status, fields.text("kind"), fields.text("message"), fields.text_or("plan"), difference, problems
        )
    except WireError:
        text = body.decode(errors="replace").strip().splitlines()
        first = text[0][:200] if text else ""
        return Problem(status, "http", f"cannot get an answer: HTTP status {status} {first}".strip())


def change(value: Any) -> Change:
    fields = Fields(value, "")
    return Change(
        service=fields.text("service"),
        up=fields.text("status") == "up",
        state=fields.text("state"),
        outcome=fields.text("outcome"),
        reason=fields.text_or("reason"),
        duration=fields.number("duration_seconds"),
        recorded=fields.flag("recorded"),
    )


def ping(value: Any) -> Ping:
    fields = Fields(value, "")
    return Ping(
        service=fields.text("service"),
        ok=fields.text("ping") == "ok",
        latency=fields.number_or_none("latency_seconds"),
        reason=fields.text_or("reason"),
        recorded=fields.flag("recorded"),
    )


def remediation(value: Any) -> Remediation:
    fields = Fields(value, "")
    return Remediation(
        status=fields.text("status"),
        remediated=fields.texts("services_remediated"),
        skipped=fields.texts("services_skipped"),
        steps=tuple(_step(one) for one in fields.sections("steps")),
        recorded=fields.flag("recorded"),
        plan=fields.text_or("plan"),
    )


def _step(fields: Fields) -> Step:
    return Step(
        service=fields.text("service"),
        action=fields.text("action"),
        outcome=fields.text("outcome"),
        reason=fields.text_or("reason"),
        cause=fields.text_or("cause"),
        sentence=fields.text_or("sentence"),
        level=fields.whole_or("level"),
        verified=fields.has("verified") and fields.flag("verified"),
        duration=fields.number_or_none("duration_seconds") if fields.has("duration_seconds") else None,
    )


def detail(value: Any) -> Detail:
    fields = Fields(value, "")
    return Detail(
        name=fields.text("name"),
        dependants=fields.texts("dependants"),
        stops_with=fields.texts("stops_with") if fields.has("stops_with") else None,
        log=fields.texts("log"),
    )


def log(value: Any) -> tuple[str, ...]:
    """The answer of GET /logs/{service}."""
    return texts(value, "the log")


def entry(value: Any) -> Entry:
    fields = Fields(value, "")
    return Entry(
        at=fields.text("at"),
        priority=fields.whole_or("priority", 6),
        identifier=fields.text_or("identifier"),
        pid=fields.whole_or("pid"),
        message=fields.text_or("message"),
    )
