"""Puts the agent together: real ports for the engine, doors for the API, and the signals of the service manager."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from systemd import daemon

from . import access, configuration, edge
from .access import Access
from .actions import Actions
from .api import Api
from .audit import SqliteAudit
from .bus import BusClient
from .chaos import ChaosRuns
from .chaos_client import ChaosClient
from .engine import Engine
from .exits import PidfdExits
from .fault_files import FaultFiles
from .faults import Faults
from .incidents import Incidents
from .journal import JournalWriter
from .listeners import KernelListeners
from .meter import CgroupMeter
from .metrics import AgentMetrics
from .ports import BusError
from .prober import ServiceProber
from .recorder import Recorder
from .server import Doors
from .system import SAMPLE_INTERVAL, SystemSampler
from .unit_journal import UnitJournal
from .upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .configuration import Configuration

log = logging.getLogger(__name__)

FIRST_VERDICTS = 2.5
"""Seconds that the start may wait for a first probe of every service, so that the first answer is right."""
LAST_ACTIONS = 20.0
"""Seconds that running actions get to end when the agent is stopped."""


@dataclass(frozen=True, slots=True)
class Options:
    settings_file: Path
    folders: Sequence[Path]
    state: Path
    listen: Sequence[str]


def listening_sockets(listen: Sequence[str]) -> list[socket.socket]:
    """The sockets that PID 1 passed, sd_listen_fds(3); without any, the ones asked for on the command line."""
    passed = [socket.socket(fileno=descriptor) for descriptor in daemon.listen_fds()]
    if passed or not listen:
        return passed
    opened = []
    for where in listen:
        if where.startswith("/"):
            sock = socket.socket(socket.AF_UNIX)
            if Path(where).is_socket():
                Path(where).unlink()
            sock.bind(where)
        else:
            host, _, port = where.rpartition(":")
            if not port.isdigit() or host not in ("127.0.0.1", "[::1]"):
                raise OSError(f"--listen {where} is neither a path nor 127.0.0.1:PORT nor [::1]:PORT")
            host = host.strip("[]")
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, int(port)))
        sock.listen(4096)
        opened.append(sock)
    return opened


def boot_id(path: Path = Path("/proc/sys/kernel/random/boot_id")) -> str:
    """What names this boot of the machine; empty when nothing does."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class Agent:
    """The running agent."""

    def __init__(self, options: Options, loaded: Configuration) -> None:
        self._options = options
        self._metrics = AgentMetrics()
        self._prober = ServiceProber()
        self._engine = Engine(loaded.catalogue, self._prober, PidfdExits(), CgroupMeter(), self._metrics)
        self._bus = BusClient(self._engine)
        self._audit = SqliteAudit(
            options.state / "audit.db",
            lambda problem: self._engine.report("audit", problem),
            JournalWriter(lambda problem: self._engine.report("journal", problem)).put,
        )
        self._upkeep = Upkeep(
            self._audit,
            lambda problem: self._engine.report("audit-chain", problem),
            time.time,
            loaded.settings.keep_days,
        )
        self._system = SystemSampler()
        self._metrics.attach(self._engine, self._audit, self._system)
        self._incidents = Incidents(self._engine, self._audit, boot_id())
        journal = UnitJournal()
        self._actions = Actions(self._engine, self._bus, self._audit, journal, KernelListeners())
        recorder = Recorder(self._engine, self._audit)
        self._faults = Faults(self._engine, self._bus, recorder, FaultFiles(), access.agent_actor())
        self._chaos = ChaosRuns(self._engine, recorder, ChaosClient())
        self._actions.recovery.on_maintenance_over.append(self._incidents.maintenance_over)
        self._faults.on_begin.append(self._incidents.fault_injected)
        self._faults.on_end.append(self._incidents.fault_cleared)
        self._wsl = access.on_wsl()
        self._api = Api(
            self._engine,
            self._actions,
            self._incidents,
            self._audit,
            self._system,
            journal,
            self._metrics,
            Access(loaded.settings, self._wsl),
            self._bus.stops_with,
            self._faults,
            self._chaos,
        )
        self._stopping = asyncio.Event()
        self._reload = asyncio.Event()

    def say_left_out(self, problems: Sequence[edge.Problem]) -> None:
        """Show that files were left out because of their mistakes."""
        listed = "; ".join(map(str, problems))
        self._engine.report("configuration", f"files with mistakes are left out: {listed}")

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload.set)
        sockets = listening_sockets(self._options.listen)
        if not sockets:
            raise OSError("there is no socket to serve: start incidentops-agent.socket, or give --listen")
        doors = Doors(self._api, sockets)
        await self._close_interrupted()
        self._incidents.replay()
        self._actions.recovery.start(self._audit, secrets.token_hex(8))
        await self._bus.watch(self._engine.unit_specs())
        self._engine.start()
        tasks = [
            asyncio.create_task(self._bus.run(), name="bus"),
            asyncio.create_task(self._sample(), name="system"),
            asyncio.create_task(self._upkeep.run(), name="upkeep"),
            asyncio.create_task(self._reload_when_asked(), name="reload"),
            asyncio.create_task(self._feed_watchdog(), name="watchdog"),
            asyncio.create_task(self._faults.watch(), name="faults"),
            asyncio.create_task(self._chaos.watch(), name="chaos"),
        ]
        try:
            await self._engine.settled(FIRST_VERDICTS)
            if not self._engine.bus_answering:
                self._engine.report("systemd", "systemd has not answered yet; nothing is known of its units")
            self._incidents.settled()
            await doors.open()
            daemon.notify("READY=1\nSTATUS=watching " + str(len(self._engine.visible())) + " services")
            stopping = asyncio.ensure_future(self._stopping.wait())
            done, _ = await asyncio.wait([stopping, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stopping}:
                task.result()  # none of them ends but by a mistake: end loudly, PID 1 starts us again
        finally:
            daemon.notify("STOPPING=1")
            await self._actions.finish(LAST_ACTIONS)
            await self._faults.finish()
            await doors.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._engine.stop()
            await self._incidents.stop()
            await self._prober.close()
            self._audit.close()

    async def _close_interrupted(self) -> None:
        """Say of the actions that an earlier run was killed in that they were interrupted."""
        for row in self._audit.interrupted():
            reason = "the agent was stopped while it was under way"
            await self._audit.append(
                replace(row, phase="finished", at=time.time(), outcome="interrupted", reason=reason, sentence="")
            )

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_INTERVAL)
            try:
                self._system.sample()
            except OSError as error:
                self._engine.report("system", f"the machine's figures can't be read: {error}")
                continue
            self._engine.report("system", "")
            if self._engine.broker.readers:
                await self._engine.refresh_resources()
                self._engine.broker.publish("system", self._system.figures())

    async def _feed_watchdog(self) -> None:
        """Twice in each period of WatchdogSec=, sd_watchdog_enabled(3)."""
        period = int(os.environ.get("WATCHDOG_USEC", "0")) / 1e6
        while True:
            await asyncio.sleep(period / 2 or 3600)
            daemon.notify("WATCHDOG=1")

    async def _reload_when_asked(self) -> None:
        while True:
            await self._reload.wait()
            self._reload.clear()
            try:
                loaded = configuration.load(self._options.settings_file, self._options.folders)
            except edge.EdgeError as error:
                self._engine.report(
                    "configuration", f"the new configuration has mistakes, the last good one stays in force: {error}"
                )
                continue
            self._api.use_access(Access(loaded.settings, self._wsl))
            self._upkeep.use(loaded.settings.keep_days)
            specs = await self._engine.adopt(loaded.catalogue)
            self._incidents.catalogue_changed()
            self._engine.report("configuration", "")
            self._faults.load()
            try:
                await self._bus.watch(specs)
            except BusError as error:
                log.warning("systemd will be asked about the new units once it answers: %s", error)
            log.info("reloaded: %d services", len(loaded.catalogue.services))


async def serve(options: Options, loaded: Configuration, problems: Sequence[edge.Problem]) -> None:
    """Run the agent until it is told to stop. ``problems``: of files that were left out of what was loaded.

    Raises:
        ports.SchemaError: the audit trail belongs to a newer version.
    """
    agent = Agent(options, loaded)
    if problems:
        agent.say_left_out(problems)
    await agent.run()
