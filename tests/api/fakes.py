"""Stand-ins for what the agent talks to: a PID 1 that a test can script, probes, the kernel, the journal.

They are ports (incidentops_agent/ports.py), so everything between them and a client's socket is the real agent.
"""

from __future__ import annotations

import asyncio
import itertools
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from incidentops_agent.model import (
    AuditRow,
    JobResult,
    JournalEntry,
    ProbeOutcome,
    ProbeResult,
    Resources,
    ServiceSpec,
    UnitView,
)
from incidentops_agent.ports import BusError, Job

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

    from api.fault_fakes import FakeFaultFiles
    from incidentops_agent.ports import BusListener


@dataclass
class Program:
    """How one unit behaves. Times are seconds.

    ``start``: ``ok``, ``fails`` (its process exits at once, the job fails), ``falls`` (the job is done, then the
    process exits), ``dependency``, ``never`` (the job does not end).
    ``answers``: the probe's word while it runs: ``ok``, ``failed``, ``unavailable`` or ``hangs``.
    """

    start: str = "ok"
    start_seconds: float = 0.0
    stop: str = "ok"
    stop_seconds: float = 0.0
    answers: str = "ok"
    answers_after: float = 0.0
    """Seconds from the start of its process until the probe gets its first answer."""
    answers_while_activating: bool = False


class FakeSystemd:
    """PID 1, ports.Bus. ``log`` has the jobs in the order in which they came, as ("start", "redis.service")."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.listener: BusListener | None = None
        self.now = now
        self.units: dict[str, UnitView] = {}
        self.programs: dict[str, Program] = {}
        self.specs: list[str] = []
        self.log: list[tuple[str, str]] = []
        self.resets: list[str] = []
        self.takes_down: list[str] = []
        self.triggers: dict[str, list[str]] = {}
        self.refuses: BusError | None = None
        self.faults: FakeFaultFiles | None = None
        self._ids = itertools.count(101)
        self._pids = itertools.count(5001)
        self._jobs: dict[str, tuple[Job, asyncio.Task[None]]] = {}
        self.process_began: dict[str, float] = {}

    # -- the test's side

    def install(self, unit: str, active: bool = True, **program: Any) -> None:
        self.programs[unit] = Program(**program)
        self.units[unit] = UnitView(unit, load_state="loaded", unit_file_state="enabled", description=f"Unit {unit}")
        if active:
            self._run(unit, "active")

    def program(self, unit: str, **changes: Any) -> None:
        self.programs[unit] = replace(self.programs[unit], **changes)

    def change(self, unit: str, /, **changes: Any) -> None:
        """A unit's properties change, and the listener hears of it."""
        self.units[unit] = replace(self.units[unit], **changes)
        self._tell(unit)

    def kill(self, unit: str, status: int = 9, **more: Any) -> None:
        """Its main process dies by a signal, and PID 1 says so."""
        self._down(unit, "failed", result="signal", exec_main_code=2, exec_main_status=status, **more)

    async def close(self) -> None:
        tasks = [task for _, task in self._jobs.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- ports.Bus

    async def watch(self, specs: Sequence[str]) -> None:
        self.specs = list(specs)
        for spec in specs:
            if self.listener is not None:
                self.listener.on_unit(spec, self.units.get(spec, UnitView(spec)))

    async def job(self, verb: str, unit: str) -> Job:
        self.log.append((verb, unit))
        await asyncio.sleep(0)
        if self.refuses is not None:
            raise self.refuses
        if unit in self._jobs:
            self._end_job(unit, "canceled")
        job = Job(next(self._ids), asyncio.get_running_loop().create_future())
        self._jobs[unit] = job, asyncio.create_task(self._work(verb, unit), name=f"systemd {verb} {unit}")
        return job

    async def reset_failed(self, unit: str) -> None:
        self.resets.append(unit)
        self.change(unit, active_state="inactive", sub_state="dead", result="success")

    async def thaw(self, unit: str) -> None:
        self.log.append(("thaw", unit))
        if self.refuses is not None:
            raise self.refuses
        self.change(unit, freezer_state="running")

    async def triggered_by(self, unit: str) -> list[str]:
        return self.triggers.get(unit, [])

    async def stops_with(self, unit: str) -> list[str]:
        if self.refuses is not None:
            raise self.refuses
        return [name for name in self.takes_down if name != unit]

    # -- inside

    async def _work(self, verb: str, unit: str) -> None:
        if self.faults is not None and unit.startswith("incidentops-fault@"):
            fault_id = unit.removeprefix("incidentops-fault@").removesuffix(".service")
            await self.faults.work(verb, fault_id)
            status = self.faults.told[fault_id]
            if status.get("kind") == "stop" and status["phase"] == "active":
                await self._stop(status["unit"])
            elif status.get("kind") == "stop" and verb == "stop":
                self._run(status["unit"], "active")
            self._end_job(unit, "failed" if verb == "start" and status["phase"] in ("refused", "failed") else "done")
            return
        if verb == "stop" or (verb == "restart" and self.units[unit].active_state == "active"):
            await self._stop(unit)
        if verb == "stop":
            self._end_job(unit, "done")
        else:
            await self._start(unit)

    async def _stop(self, unit: str) -> None:
        if self.programs[unit].stop == "never":
            self.change(unit, active_state="deactivating", sub_state="stop-sigterm")
            await asyncio.Event().wait()
        if self.programs[unit].stop_seconds:
            self.change(unit, active_state="deactivating", sub_state="stop-sigterm")
            await asyncio.sleep(self.programs[unit].stop_seconds)
        self._down(unit, "inactive", result="success", exec_main_code=1, exec_main_status=0)

    async def _start(self, unit: str) -> None:
        program = self.programs[unit]
        if self.units[unit].active_state == "active":  # nothing to do, as for the real one
            self._end_job(unit, "done")
            return
        if program.start == "dependency":
            self._end_job(unit, "dependency")
            return
        self._run(unit, "activating")
        if program.start == "never":
            await asyncio.Event().wait()
        if program.start_seconds:
            await asyncio.sleep(program.start_seconds)
        if program.start == "fails":
            self._down(unit, "failed", result="exit-code", exec_main_code=1, exec_main_status=1)
            self._end_job(unit, "failed")
            return
        self.change(unit, active_state="active", sub_state="running", active_enter_usec=self._usec())
        self._end_job(unit, "done")
        if program.start == "falls":
            await asyncio.sleep(0)
            self._down(unit, "failed", result="exit-code", exec_main_code=1, exec_main_status=7)

    def _run(self, unit: str, state: str) -> None:
        """A process begins, with a fresh invocation."""
        self.process_began[unit] = asyncio.get_running_loop().time()
        self.change(
            unit,
            active_state=state,
            sub_state="running" if state == "active" else "start",
            result="success",
            main_pid=next(self._pids),
            invocation_id=uuid.uuid4().hex,
            inactive_exit_usec=self._usec(),
            active_enter_usec=self._usec() if state == "active" else 0,
            control_group=f"/system.slice/{unit}",
        )

    def _down(self, unit: str, state: str, **ended: Any) -> None:
        self.process_began.pop(unit, None)
        sub_state = "dead" if state == "inactive" else state
        before, usec = self.units[unit], self._usec()
        times = {"state_change_usec": usec}
        if before.active_state == "active":
            times["active_exit_usec"] = usec
        if before.main_pid:
            times["exec_main_exit_usec"] = usec
        self.change(unit, active_state=state, sub_state=sub_state, main_pid=0, control_group="", **{**times, **ended})

    def _end_job(self, unit: str, result: str) -> None:
        job, task = self._jobs.pop(unit)
        if result == "canceled":
            task.cancel()
        job.done.set_result(JobResult(job.job_id, result))

    def _tell(self, unit: str) -> None:
        if self.listener is not None and unit in self.specs:
            self.listener.on_unit(unit, self.units[unit])

    def _usec(self) -> int:
        return int(self.now() * 1e6)


class FakeProber:
    """ports.Prober: answers as the unit's program says, while its process runs."""

    def __init__(self, systemd: FakeSystemd) -> None:
        self.systemd = systemd
        self.asked: list[str] = []
        self.forgotten: list[str] = []
        self.impostors: set[str] = set()
        """Services in whose place something answers although their unit is down."""

    async def probe(self, spec: ServiceSpec, deadline: float) -> ProbeResult:
        self.asked.append(spec.name)
        program = self.systemd.programs.get(spec.unit)
        began = self.systemd.process_began.get(spec.unit)
        await asyncio.sleep(0)
        if spec.name in self.impostors:
            return ProbeResult(ProbeOutcome.OK, 0.001)
        if program is None or began is None:
            return ProbeResult(ProbeOutcome.FAILED, 0.001, "connection refused")
        is_active = self.systemd.units[spec.unit].active_state == "active"
        is_ready = asyncio.get_running_loop().time() - began >= program.answers_after
        if not is_ready or not (is_active or program.answers_while_activating):
            return ProbeResult(ProbeOutcome.FAILED, 0.001, "connection refused")
        if program.answers == "hangs":
            await asyncio.sleep(deadline)
            return ProbeResult(ProbeOutcome.FAILED, deadline, f"no answer within {deadline:g} s")
        said = {"ok": "", "failed": "it said nonsense", "unavailable": "the login is refused"}[program.answers]
        return ProbeResult(ProbeOutcome(program.answers), 0.00125, said)

    async def forget(self, names: Iterable[str]) -> None:
        self.forgotten.extend(names)


class FakeTrail:
    """ports.Trail that keeps nothing."""

    async def append(self, row: AuditRow) -> bool:
        return True

    def replay(self, actions: Sequence[str], limit: int) -> list[AuditRow]:
        return []


class FakeExits:
    """ports.Exits: ``die`` is the kernel's word that a main process is gone."""

    def __init__(self) -> None:
        self.watched: dict[str, tuple[int, Callable[[], None]]] = {}

    def watch(self, name: str, pid: int, gone: Callable[[], None]) -> None:
        if pid:
            self.watched[name] = pid, gone
        else:
            self.watched.pop(name, None)

    def die(self, name: str) -> None:
        self.watched.pop(name)[1]()

    def close(self) -> None:
        self.watched.clear()


class FakeListeners:
    """ports.Listeners: ``held`` are the ports that a program of that user has taken."""

    def __init__(self) -> None:
        self.held: dict[int, str] = {}

    def user(self, host: str, port: int) -> str | None:
        return self.held.get(port)


class FakeMeter:
    """ports.Meter."""

    def __init__(self) -> None:
        self.reads = 0

    async def read(self, control_group: str) -> Resources | None:
        self.reads += 1
        return Resources(12_345_678, 1.5, 3, "processes") if control_group else None


class FakeSystem:
    """ports.System, on a machine whose figures don't move."""

    def figures(self) -> dict[str, Any]:
        return {
            "cpu": "2 units, 97.1% free",
            "ram": "23.5 GB total, 22.9 GB free",
            "disk": "100.0 GB total, 42.0 GB free",
            "cpu_units": 2,
            "cpu_free_percent": 97.1,
            "cpu_free_percent_per_unit": [94.2, 100.0],
            "cpu_interval_seconds": 5.0,
            "ram_total_bytes": 25232932864,
            "ram_free_bytes": 24588480512,
            "swap_total_bytes": 1073741824,
            "swap_free_bytes": 536870912,
            "disk_path": "/",
            "disk_total_bytes": 107374182400,
            "disk_free_bytes": 45097156608,
            "load_average": [0.5, 0.25, 0.12],
            "pressure": {"cpu": {"some": {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0}}, "memory": None, "io": None},
        }


@dataclass
class FakeJournal:
    """ports.Journal: entries that are there, entries that come, and an error to give instead."""

    entries: list[JournalEntry] = field(default_factory=list)
    last_words: dict[str, list[JournalEntry]] = field(default_factory=dict)
    """What the processes of a unit's last run said."""
    coming: asyncio.Queue[JournalEntry | None] = field(default_factory=asyncio.Queue)
    error: OSError | None = None
    followers: int = 0

    async def recent(self, unit: str, lines: int, invocation: str = "") -> list[JournalEntry]:
        if self.error is not None:
            raise self.error
        entries = self.last_words.get(unit, []) if invocation else self.entries
        return entries[-lines:] if lines else []

    async def window(self, unit: str, since: float, until: float, lines: int) -> list[JournalEntry]:
        return [entry for entry in await self.recent(unit, lines) if since <= entry.at <= until]

    async def follow(self, unit: str, lines: int) -> AsyncGenerator[JournalEntry]:
        if self.error is not None:
            raise self.error
        self.followers += 1
        try:
            for old in self.entries[-lines:] if lines else []:
                yield old
            while (fresh := await self.coming.get()) is not None:
                yield fresh
        finally:
            self.followers -= 1
