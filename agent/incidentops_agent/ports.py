"""What the engine needs of the world, as small Protocols; app.py injects the real ones, tests their fakes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from .chain import Head, Problem, Verdict
    from .fault_kinds import Kinds
    from .model import Actor, AuditRow, JobResult, JournalEntry, ProbeResult, Resources, ServiceSpec, UnitView


LATE = "systemd-late"
"""The kind of a BusError after which PID 1 may still do what it was asked for."""


class BusError(Exception):
    """PID 1 refused a call or did not answer. ``kind`` is stable, ``str(error)`` a sentence."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


class ChaosError(Exception):
    """The chaos service said no, as the HTTP ``status``, ``kind`` and sentence that a caller is to get, with what else
    it said (``extra``); or it can't be reached: 503 and the kind chaos-unreachable."""

    def __init__(self, status: int, kind: str, message: str, extra: Mapping[str, Any] | None = None) -> None:
        self.status = status
        self.kind = kind
        self.extra = extra or {}
        super().__init__(message)


class SchemaError(Exception):
    """The audit trail belongs to another version of the agent; the sentence says what to do."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that PID 1 has queued. ``done`` gets its result, or BusError when the connection is lost before."""

    job_id: int
    done: Future[JobResult]


class BusListener(Protocol):
    """Who is told what the bus says."""

    def on_unit(self, spec: str, unit: UnitView) -> None: ...

    def on_bus(self, answering: bool) -> None: ...


class Bus(Protocol):
    """PID 1. All calls raise BusError."""

    async def watch(self, specs: Sequence[str]) -> None: ...

    async def job(self, verb: str, unit: str) -> Job:
        """Queue a job; returns when PID 1 has accepted it."""
        ...

    async def reset_failed(self, unit: str) -> None: ...

    async def thaw(self, unit: str) -> None:
        """Let the frozen processes of a unit go on; PID 1 answers when they do."""
        ...

    async def stops_with(self, unit: str) -> list[str]:
        """The active units that a stop of ``unit`` would take down with it."""
        ...

    async def triggered_by(self, unit: str) -> list[str]:
        """The units that start ``unit`` when something happens: its sockets, timers and paths."""
        ...


class Prober(Protocol):
    """Asks services whether they work."""

    async def probe(self, spec: ServiceSpec, deadline: float) -> ProbeResult:
        """Never raises; takes no longer than ``deadline`` seconds."""
        ...

    async def forget(self, names: Iterable[str]) -> None:
        """Close the kept connections of services that are gone or changed."""
        ...


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which rows of the audit trail; what is empty does not restrict.

    ``actions`` are names, or beginnings of names with a ``*`` after them; ``since`` (included) and ``until`` (not
    included) are seconds since the epoch.
    """

    service: str = ""
    user: str = ""
    actions: Sequence[str] = ()
    incident: str = ""
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint has removed: ``rows`` rows up to number ``through``, of those before ``before`` (seconds since
    the epoch). ``kept_by``: why older ones are kept, empty when there are none. ``head``: the newest row after it."""

    rows: int
    through: int
    before: float
    kept_by: str
    head: Head


class BrokenTrailError(Exception):
    """The trail's chain is broken, so that its beginning can't be signed off."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.message)


class Trail(Protocol):
    """The part of the audit trail that facts are written to and rebuilt from; see Audit."""

    async def append(self, row: AuditRow) -> bool: ...

    def replay(self, actions: Sequence[str], limit: int) -> list[AuditRow]: ...


class Audit(Protocol):
    """The audit trail."""

    @property
    def unwritten(self) -> int:
        """How many rows wait in memory because the disk did not take them."""
        ...

    @property
    def failing(self) -> str:
        """Why rows can't be written, empty while they can."""
        ...

    async def append(self, row: AuditRow) -> bool:
        """Write a row; True when it is safely stored, False when that failed (said loudly elsewhere)."""
        ...

    def sentences(self, service: str) -> list[str]:
        """The action log of a service, oldest first."""
        ...

    async def rows(self, query: AuditQuery, limit: int, before: int | None = None) -> list[tuple[int, AuditRow]]:
        """The newest rows first, at most ``limit``, with numbers below ``before``; raises OSError."""
        ...

    def replay(self, actions: Sequence[str], limit: int) -> list[AuditRow]:
        """The newest ``limit`` rows of these actions (names, or beginnings with a ``*``), oldest first, and before them
        what was carried over a checkpoint. For the start: others wait. Empty when it can't be read (reported)."""
        ...

    async def verify(self, expected: Head | None = None) -> Verdict:
        """Walk the chain; ``expected`` is a head that somebody has kept. Raises OSError."""
        ...

    async def extent(self, query: AuditQuery) -> tuple[int, int]:
        """How many rows a query finds now, and the highest number among them, 0 for none; raises OSError."""
        ...

    async def export(self, query: AuditQuery, after: int, through: int, limit: int) -> list[tuple[int, bytes]]:
        """The first ``limit`` rows with numbers above ``after``, at most ``through``, as lines of JSON; raises
        OSError."""
        ...

    async def checkpoint(self, before: float, who: Actor) -> Checkpoint:
        """Remove the rows before a time from the beginning, and have ``who`` sign it off.

        Raises:
            BrokenTrailError: they are not as they were written.
            OSError: it can't be done now.
        """
        ...


class Exits(Protocol):
    """Tells when a process ends, sooner than PID 1 does."""

    def watch(self, name: str, pid: int, gone: Callable[[], None]) -> None:
        """Call ``gone`` once when the process ends; replaces the watch of that name. A pid of 0 only removes it."""
        ...

    def close(self) -> None: ...


class Meter(Protocol):
    """Reads what a unit's processes use."""

    async def read(self, control_group: str) -> Resources | None: ...


class Metrics(Protocol):
    def action(self, action: str, service: str, outcome: str, seconds: float) -> None: ...

    def fault(self, kind: str, service: str, outcome: str) -> None:
        """Count a fault that is over."""
        ...

    def probe(self, service: str, result: ProbeResult) -> None: ...

    def recovery(self, service: str, outcome: str) -> None:
        """An attempt of automatic recovery is over."""
        ...

    def request(self, method: str, route: str, code: int) -> None: ...

    def incident(
        self, service: str, cause: str, detection: float | None, acknowledgement: float | None, recovery: float | None
    ) -> None:
        """An incident is over; the durations are seconds, None for what was not measured."""
        ...

    def incidents_open(self, count: int) -> None: ...

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        ...


class Listeners(Protocol):
    """Who listens at the TCP ports of this machine, by the kernel."""

    def user(self, host: str, port: int) -> str | None:
        """The user whose program takes connections to ``host``, an address of this machine; None when nobody does or it
        can't be told."""
        ...


class Journal(Protocol):
    """The journal of a unit. All raise OSError when it can't be read."""

    async def recent(self, unit: str, lines: int, invocation: str = "") -> list[JournalEntry]:
        """The newest entries, oldest of them first; with an invocation id only what the processes of that run said."""
        ...

    async def window(self, unit: str, since: float, until: float, lines: int) -> list[JournalEntry]:
        """The newest entries between two times, in seconds since the epoch, oldest of them first."""
        ...

    def follow(self, unit: str, lines: int) -> AsyncGenerator[JournalEntry]:
        """The newest entries and then what comes, until closed."""
        ...


class FaultFiles(Protocol):
    """What the agent and the root code of the faults tell each other."""

    def kinds(self) -> Kinds:
        """The kinds of faults that are installed; raises OSError."""
        ...

    def ask(self, fault_id: str, request: dict[str, Any]) -> None:
        """Leave a request for the unit incidentops-fault@ID.service; raises OSError."""
        ...

    def withdraw(self, fault_id: str) -> None:
        """Remove a request that was not taken."""
        ...

    def changed(self) -> bool:
        """Whether any status may be another than at the last call."""
        ...

    def statuses(self) -> dict[str, dict[str, Any]]:
        """What the root code says of each fault, by id; of those that are over for a while."""
        ...


class Chaos(Protocol):
    """The chaos service. What it says is passed on as it is; all raise ChaosError."""

    async def status(self) -> dict[str, Any]: ...

    async def plan(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """What it would do by these settings, and the settings with what was not given filled in."""
        ...

    async def arm(self, settings: Mapping[str, Any]) -> dict[str, Any]: ...

    async def disarm(self) -> dict[str, Any]:
        """Answers when all that it injected is undone."""
        ...


class System(Protocol):
    """The machine's own figures."""

    def figures(self) -> dict[str, Any]:
        """What GET /system answers; takes no time worth naming."""
        ...
