"""Pure diagnosis: why a service is down, by the evidence of PID 1, the kernel and its probe; and what remedies that.

No I/O, no clock, no randomness: the same evidence gives the same cause and the same sentence, always. The table of
causes and remedies in agent/README.md is held against ``remedy`` by a test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from . import rules
from .model import ProbeOutcome, State

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .model import Health, JournalEntry, ProbeView, ServiceSpec, UnitView


class Cause(StrEnum):
    """Why a service is down, as one word; the words are part of the API."""

    STOPPED = "stopped"
    EXITED = "exited"
    KILLED = "killed"
    OUT_OF_MEMORY = "out-of-memory"
    START_LIMIT = "start-limit"
    TIMEOUT = "timeout"
    WATCHDOG = "watchdog"
    NOT_BEGUN = "not-begun"
    BAD_UNIT = "bad-unit"
    MASKED = "masked"
    CONDITION_UNMET = "condition-unmet"
    FROZEN = "frozen"
    UNRESPONSIVE = "unresponsive"
    DEPENDENCY_DOWN = "dependency-down"
    STARTING = "starting"
    STOPPING = "stopping"
    RESTARTING = "restarting"
    """systemd waits to restart it by itself."""
    PORT_TAKEN = "port-taken"
    NOT_INSTALLED = "not-installed"
    UNKNOWN = "unknown"


class Remedy(StrEnum):
    """What is done about a cause; the words are part of the API."""

    START = "start"
    RESET_AND_START = "reset-failed and start"
    RESTART = "restart"
    THAW = "thaw"
    WAIT = "wait"
    SKIP = "skip"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """``sentence`` says the cause to a person; ``evidence`` is what was seen, one fact each, such as Result=signal."""

    cause: Cause
    sentence: str
    evidence: tuple[str, ...] = ()


_REMEDIES = {
    Cause.STOPPED: Remedy.START,
    Cause.EXITED: Remedy.START,
    Cause.KILLED: Remedy.START,
    Cause.OUT_OF_MEMORY: Remedy.START,
    Cause.START_LIMIT: Remedy.RESET_AND_START,
    Cause.TIMEOUT: Remedy.START,
    Cause.WATCHDOG: Remedy.START,
    Cause.NOT_BEGUN: Remedy.START,  # what was missing may have been put right since: one try tells
    Cause.BAD_UNIT: Remedy.SKIP,
    Cause.MASKED: Remedy.SKIP,
    Cause.CONDITION_UNMET: Remedy.START,  # systemd looks at the condition anew with each start
    Cause.FROZEN: Remedy.THAW,
    Cause.UNRESPONSIVE: Remedy.RESTART,
    Cause.DEPENDENCY_DOWN: Remedy.WAIT,
    Cause.STARTING: Remedy.WAIT,
    Cause.STOPPING: Remedy.START,
    Cause.RESTARTING: Remedy.START,  # a start cuts systemd's wait
    Cause.PORT_TAKEN: Remedy.SKIP,
    Cause.NOT_INSTALLED: Remedy.SKIP,
    Cause.UNKNOWN: Remedy.SKIP,
}

_BY_RESULT = {
    "exit-code": Cause.EXITED,
    "signal": Cause.KILLED,
    "core-dump": Cause.KILLED,
    "oom-kill": Cause.OUT_OF_MEMORY,
    "start-limit-hit": Cause.START_LIMIT,
    "timeout": Cause.TIMEOUT,
    "watchdog": Cause.WATCHDOG,
    "resources": Cause.NOT_BEGUN,
    "exec-condition": Cause.CONDITION_UNMET,
}

# Restart=, and the results after which it makes systemd start a unit again: systemd.service(5), the table at Restart=.
_RESTARTED = {
    "always": tuple(_BY_RESULT),
    "on-failure": ("exit-code", "signal", "core-dump", "timeout", "watchdog", "oom-kill"),
    "on-abnormal": ("signal", "core-dump", "timeout", "watchdog", "oom-kill"),
    "on-abort": ("signal", "core-dump"),
    "on-watchdog": ("watchdog",),
}

# The failures that a missing dependency explains: who was killed or hit its start limit is told so in any case.
_EXPLAINED_BY_DEPENDENCY = (Cause.EXITED, Cause.TIMEOUT)


ERROR = 3
"""The priority of an error in syslog(3); what is worse has a lower number."""
LAST_WORDS_MOST = 200
"""Characters of a line of a journal that a sentence carries."""
_TELLING = re.compile(
    r"error|fail|fatal|panic|cannot|can't|could not|unable|denied|refused|invalid|in use|no such|not found|bad |wrong",
    re.IGNORECASE,
)


def remedy(cause: Cause) -> Remedy:
    """What remediation does about a cause."""
    return _REMEDIES[cause]


def diagnose(
    spec: ServiceSpec,
    unit: UnitView | None,
    health: Health,
    probe: ProbeView,
    main_exited: bool,
    down: Collection[str],
    port_holder: str = "",
) -> Diagnosis | None:
    """Why a service is down; None when it is healthy.

    Args:
        unit: PID 1's last word, None when there was none yet.
        main_exited: the kernel says that the main process is gone, PID 1 has not said so yet.
        down: those of its dependencies (``spec.depends_on``) that are down.
        port_holder: a sentence that says who else holds the port that the service listens at, empty when nobody does;
            it only counts while no process of the service runs.
    """
    if health.up:
        return None
    if unit is None or health.state is State.UNKNOWN:
        return Diagnosis(Cause.UNKNOWN, health.reason, () if unit is None else _evidence(unit, probe, main_exited))
    waits_for = sorted(name for name in spec.depends_on if name in down)
    cause, sentence = _by_unit_file(unit) or (Cause.UNKNOWN, "")
    if not sentence:
        cause, sentence = _by_run(unit, health, main_exited)
    if port_holder and not runs(unit) and remedy(cause) is not Remedy.SKIP:
        return Diagnosis(Cause.PORT_TAKEN, port_holder, (*_evidence(unit, probe, main_exited), port_holder))
    evidence = _evidence(unit, probe, main_exited)
    if waits_for and _is_explained(cause, unit, probe):
        listed = ", ".join(waits_for)
        sentence = f"it needs {listed}, which {'is' if len(waits_for) == 1 else 'are'} down; {sentence}"
        return Diagnosis(Cause.DEPENDENCY_DOWN, sentence, (*evidence, *(f"down: {name}" for name in waits_for)))
    return Diagnosis(cause, sentence, evidence)


def _is_explained(cause: Cause, unit: UnitView, probe: ProbeView) -> bool:
    """Whether it may be down only because what it needs is down."""
    if cause in (Cause.UNRESPONSIVE, *_EXPLAINED_BY_DEPENDENCY):
        return True
    # Active, asked in vain, and given time for its first answer: that will not come before the dependency does.
    return cause is Cause.STARTING and unit.active_state in rules.ACTIVE and probe.last.outcome is ProbeOutcome.FAILED


def _by_unit_file(unit: UnitView) -> tuple[Cause, str] | None:
    """What forbids any start or restart, whether it runs or not; a frozen unit can be thawed all the same."""
    if unit.active_state == "inactive" and unit.load_state == "not-found":
        return Cause.NOT_INSTALLED, f"there is no unit {unit.unit}"
    if is_frozen(unit):
        return Cause.FROZEN, "its processes are frozen: they exist and don't run"
    if unit.load_state == "masked":
        return Cause.MASKED, f"{unit.unit} is masked: it can't be started until it is unmasked"
    if unit.load_state == "not-found":
        return Cause.BAD_UNIT, f"the unit file of {unit.unit} is gone: it could not be started again"
    if unit.load_state in ("error", "bad-setting"):
        return Cause.BAD_UNIT, f"the unit file of {unit.unit} can't be loaded ({unit.load_state})"
    return None


def runs(unit: UnitView) -> bool:
    """Whether there may be processes of the unit, which hold what it holds."""
    return unit.active_state in (*rules.ACTIVE, "deactivating") or rules.is_starting(unit)


def is_frozen(unit: UnitView) -> bool:
    return unit.active_state in rules.ACTIVE and unit.freezer_state.startswith(("frozen", "freezing"))


def _by_run(unit: UnitView, health: Health, main_exited: bool) -> tuple[Cause, str]:
    """By how it runs, or how its last run ended."""
    if unit.active_state in rules.ACTIVE:
        if main_exited:
            return Cause.STOPPING, health.reason
        return (Cause.STARTING if health.state is State.STARTING else Cause.UNRESPONSIVE), health.reason
    if unit.sub_state.endswith("-before-auto-restart"):
        return Cause.RESTARTING, "systemd is about to restart it by itself"
    if unit.active_state == "activating":
        return (Cause.STARTING if rules.is_starting(unit) else Cause.RESTARTING), health.reason
    if unit.active_state == "deactivating":
        return Cause.STOPPING, health.reason
    if unit.active_state == "inactive" and unit.result != "exec-condition":
        unmet = bool(unit.condition_usec) and not unit.condition_result
        return (Cause.CONDITION_UNMET, health.reason) if unmet else (Cause.STOPPED, "it is stopped")
    if unit.active_state not in rules.DOWN:
        return Cause.UNKNOWN, health.reason
    if _given_up(unit):
        times = "once" if unit.n_restarts == 1 else f"{unit.n_restarts} times"
        why = rules.failure_reason(unit)
        return Cause.START_LIMIT, f"systemd has restarted it {times} and gives up (start limit hit); {why}"
    how = rules.ending(unit)
    cause = _BY_RESULT.get(how, Cause.EXITED)
    if how == "exit-code" and unit.exec_main_status in rules.NOT_BEGUN:
        cause = Cause.NOT_BEGUN
    return cause, rules.failure_reason(unit)


def _given_up(unit: UnitView) -> bool:
    """Whether systemd restarted it until the start limit. Result= does not say so: it goes on telling how the last run
    ended, and only for a run that ended well it is start-limit-hit."""
    again = _RESTARTED.get(unit.restart_policy, ())
    return unit.active_state == "failed" and unit.n_restarts > 0 and unit.result in again


def _evidence(unit: UnitView, probe: ProbeView, main_exited: bool) -> tuple[str, ...]:
    """What was seen, in the words of org.freedesktop.systemd1(5) where it is PID 1 that says it."""
    facts = [f"ActiveState={unit.active_state}", f"SubState={unit.sub_state}"]
    if unit.load_state != "loaded":
        facts.append(f"LoadState={unit.load_state}")
    if unit.result != "success":
        facts.append(f"Result={unit.result}")
    if rules.ending(unit) in ("signal", "core-dump"):
        facts.append(f"ExecMainStatus={unit.exec_main_status} ({rules.signal_name(unit.exec_main_status)})")
    elif unit.result == "exit-code":
        facts.append(f"ExecMainStatus={unit.exec_main_status}")
    if unit.condition_usec and not unit.condition_result:
        facts.append("ConditionResult=no")
    if unit.freezer_state != "running":
        facts.append(f"FreezerState={unit.freezer_state}")
    if unit.n_restarts:
        facts += [f"Restart={unit.restart_policy}", f"NRestarts={unit.n_restarts}"]
    if main_exited:
        facts.append(f"kernel: main process {unit.main_pid} is gone")
    if probe.last.outcome is ProbeOutcome.FAILED:
        facts.append(f"probe: {probe.last.message}")
    return tuple(facts)


def listens_at(spec: ServiceSpec) -> tuple[str, int] | None:
    """Host and port that a service takes TCP connections at itself, as far as its probe tells. Not with HTTP, which may
    be asked through a proxy, nor the worker, whose probe asks RabbitMQ."""
    host, port = str(spec.probe.options.get("host", "")), int(spec.probe.options.get("port", 0))
    if spec.probe.kind not in ("postgres", "rabbitmq", "redis") or host.startswith("/") or not port:
        return None
    return host, port


def last_words(entries: Sequence[JournalEntry]) -> str:
    """The line of a run's journal, oldest first, that most likely says why it ended: the last error, else the last line
    that sounds like one, else the last. On one line, without control characters, bounded; empty when there is none."""
    said = [(entry.priority, words) for entry in entries if (words := _plain(entry.message))]
    errors = [words for priority, words in said if priority <= ERROR]
    telling = errors or [words for _, words in said if _TELLING.search(words)] or [words for _, words in said]
    return telling[-1] if telling else ""


def _plain(message: str) -> str:
    words = " ".join("".join(char if char.isprintable() else " " for char in message).split())
    return words if len(words) <= LAST_WORDS_MOST else f"{words[: LAST_WORDS_MOST - 3]}..."
