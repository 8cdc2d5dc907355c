"""The words that everything else is written in: plain values without behaviour, I/O or time of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Why a service is up or down; the words are part of the public contract."""

    HEALTHY = "healthy"
    STARTING = "starting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    UNRESPONSIVE = "unresponsive"
    NOT_INSTALLED = "not-installed"
    UNKNOWN = "unknown"


class Level(StrEnum):
    """What a caller must be allowed to do; each route names one."""

    ANONYMOUS = "anonymous"
    OBSERVE = "observe"
    OPERATE = "operate"
    CHAOS = "chaos"
    REVERT = "revert"
    """Who may operate or inject may also revert: nobody who sees a fault should have to look for somebody else."""


class ProbeOutcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    """It answered and refused the login: it lives, more could not be judged."""
    NONE = "none"
    """Not probed yet since the unit was last started, or the service has no probe."""


@dataclass(frozen=True, slots=True)
class ProbeSpec:
    """How to ask a service whether it works.

    ``interval`` and ``deadline`` are seconds. ``options`` are the settings of the probe's kind, already validated.
    """

    kind: str
    interval: float = 2.0
    deadline: float = 1.0
    options: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """What faults need to know of a service: its data directory, its TCP ports where the probe does not name them, and
    the kind of fault that breaks it when nothing else is asked for."""

    data: str = ""
    ports: tuple[int, ...] = ()
    default: str = "stop"


@dataclass(frozen=True, slots=True)
class AutoSettings:
    """How automatic recovery goes about a service; all but ``jitter`` and ``budget`` are seconds.

    Attributes:
        debounce: how long it must have been down when systemd says that it died.
        debounce_unresponsive: the same when it runs and does not answer.
        backoff: the pause before the second attempt in a row; it doubles with each up to ``backoff_most``.
        jitter: a pause is made longer or shorter by at most so many percent of it.
        budget: attempts in any ``window``; when more would be needed the breaker opens.
        half_open_after: how long the breaker stays open before a trial; it doubles each time in a row up to
            ``half_open_most``.
        stable: how long it must stay healthy until the trouble counts as over and an open breaker closes.
    """

    debounce: float = 0.0
    debounce_unresponsive: float = 2.0
    backoff: float = 1.0
    backoff_most: float = 60.0
    jitter: float = 10.0
    budget: int = 5
    window: float = 600.0
    half_open_after: float = 300.0
    half_open_most: float = 3600.0
    stable: float = 30.0


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One file of the catalogue. ``unit`` is an exact unit name or a pattern with one ``*``; deadlines are seconds."""

    name: str
    title: str
    unit: str
    probe: ProbeSpec
    depends_on: tuple[str, ...] = ()
    recovery: str = "manual"
    """Who brings it back when it died, ``manual`` or ``auto``, unless an operator says otherwise at run time."""
    auto: AutoSettings = field(default_factory=AutoSettings)
    optional: bool = False
    start_deadline: float = 60.0
    stop_deadline: float = 90.0
    faults: FaultSpec = field(default_factory=FaultSpec)

    @property
    def is_pattern(self) -> bool:
        return "*" in self.unit


@dataclass(frozen=True, slots=True)
class UnitView:
    """What PID 1 last said of a unit; names follow org.freedesktop.systemd1, times are microseconds since the epoch."""

    unit: str
    load_state: str = "not-found"
    active_state: str = "inactive"
    sub_state: str = "dead"
    result: str = "success"
    main_pid: int = 0
    exec_main_code: int = 0
    exec_main_status: int = 0
    n_restarts: int = 0
    restart_policy: str = "no"
    invocation_id: str = ""
    unit_file_state: str = ""
    inactive_exit_usec: int = 0
    active_enter_usec: int = 0
    state_change_usec: int = 0
    active_exit_usec: int = 0
    exec_main_exit_usec: int = 0
    condition_result: bool = True
    condition_usec: int = 0
    freezer_state: str = "running"
    control_group: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """One answer of a probe. ``latency`` is seconds; ``message`` is a sentence when the outcome is not ok."""

    outcome: ProbeOutcome
    latency: float = 0.0
    message: str = ""
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProbeView:
    """What the probes said of the present run of a unit. ``at`` is seconds since the epoch, 0 when never."""

    last: ProbeResult = field(default_factory=lambda: ProbeResult(ProbeOutcome.NONE))
    at: float = 0.0
    failures: int = 0
    """Failures in a row, up to and including the last result."""
    ever_ok: bool = False
    """Whether it was answered, be it with a refused login, since the unit was last started."""


@dataclass(frozen=True, slots=True)
class Health:
    state: State
    reason: str = ""

    @property
    def up(self) -> bool:
        return self.state is State.HEALTHY

    @property
    def status(self) -> str:
        return "up" if self.up else "down"


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A window in which nothing is done automatically. ``until`` is seconds since the epoch."""

    until: float
    reason: str
    user: str


@dataclass(frozen=True, slots=True)
class Automatic:
    """What automatic recovery is doing about a service, to be shown.

    ``state`` is idle, waiting, running, breaker-open or half-open. ``since`` and ``until`` are seconds since the epoch;
    ``until``, when something changes by itself, is at most ``wait`` seconds away, whatever became of the clock.
    ``attempts`` are those that count against ``budget`` in ``window`` seconds.
    """

    state: str
    reason: str
    since: float
    until: float | None
    wait: float
    attempts: int
    budget: int
    window: float


@dataclass(frozen=True, slots=True)
class Resources:
    """What a unit's processes use. ``cpu_seconds`` counts since they started. ``source``: cgroup or processes.

    ``read_at`` is when that was, seconds since the epoch; not compared, as the same figures a moment later are no news.
    """

    memory_bytes: int
    cpu_seconds: float
    tasks: int
    source: str
    read_at: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is at the other end of a connection, as far as the kernel says.

    ``uid`` is None when the kernel did not vouch for anybody. ``pid`` is 0 for a process outside this machine's PID
    namespace, None where the kernel does not say. ``groups`` are numeric and only trusted inside the namespace.
    """

    door: str
    uid: int | None = None
    pid: int | None = None
    pid_started: int | None = None
    program: str = ""
    groups: tuple[int, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of an action, as it is written to the audit trail."""

    uid: int | None
    user: str
    pid: int | None
    pid_started: int | None
    program: str
    door: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One line of the audit trail. An action writes a ``requested`` row before it acts and a ``finished`` row after;
    what is a fact and no action is one row, ``noted``.

    ``at`` is seconds since the epoch, ``duration`` seconds. ``sentence`` is what the action log shows, empty for none.
    ``incident`` is the id of the incident that it belongs to; ``detail`` is JSON, whatever the action has to keep.
    """

    action_id: str
    phase: str
    at: float
    action: str
    service: str
    actor: Actor
    outcome: str = ""
    reason: str = ""
    sentence: str = ""
    job_id: int | None = None
    invocation_id: str = ""
    duration: float | None = None
    incident: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One line of a unit's journal. ``at`` is seconds since the epoch, ``priority`` 0 (emergency) to 7 (debug)."""

    at: float
    priority: int
    identifier: str
    pid: int | None
    message: str


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a systemd job ended: ``done``, ``failed``, ``timeout``, ``dependency``, ``canceled``, ``skipped`` ..."""

    job_id: int
    result: str
