"""The whole agent but for systemd: engine, actions, audit, metrics and doors on real sockets, on a scripted PID 1."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from api.chaos_fakes import FakeChaos
from api.fakes import (
    FakeExits,
    FakeJournal,
    FakeListeners,
    FakeMeter,
    FakeProber,
    FakeSystem,
    FakeSystemd,
    FakeTrail,
)
from api.fault_fakes import FakeFaultFiles
from api.http11 import Answer, Connection, Events, connect, host_of, request_bytes
from incidentops_agent.access import Access, agent_actor
from incidentops_agent.actions import Actions
from incidentops_agent.api import Api
from incidentops_agent.audit import SqliteAudit
from incidentops_agent.chaos import ChaosRuns
from incidentops_agent.engine import Engine
from incidentops_agent.faults import Faults
from incidentops_agent.incidents import ROWS, Incidents
from incidentops_agent.metrics import AgentMetrics
from incidentops_agent.ports import AuditQuery
from incidentops_agent.recorder import Recorder
from incidentops_agent.server import Doors
from incidentops_agent.settings import Callers, Settings
from samples import catalogue_of, spec
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from incidentops_agent.catalogue import Catalogue
    from incidentops_agent.model import AuditRow, ServiceSpec


_US = Callers(frozenset({os.geteuid()}))
OURS = Settings(_US, _US)
"""Whoever runs the tests may operate and inject."""


def five_services(**changes: Any) -> list[ServiceSpec]:
    """The services of the contract; a start may take half a second here."""
    quick = {"start_deadline": 0.5, "stop_deadline": 0.5, **changes}
    return [
        *(spec(name, **quick) for name in ("chaos", "postgres", "rabbitmq", "redis")),
        spec("worker", "postgres", "rabbitmq", "redis", **quick),
    ]


@dataclass
class Agent:
    """A running agent and its fakes. ``doors`` are named unix, tcp and tcp6."""

    engine: Engine
    actions: Actions
    incidents: Incidents
    api: Api
    audit: SqliteAudit
    metrics: AgentMetrics
    systemd: FakeSystemd
    prober: FakeProber
    exits: FakeExits
    journal: FakeJournal
    listeners: FakeListeners
    faults: Faults
    fault_files: FakeFaultFiles
    chaos: FakeChaos
    chaos_runs: ChaosRuns
    server: Doors
    doors: dict[str, Any]
    journalled: list[AuditRow] = field(default_factory=list)

    # -- talking to it

    async def request(
        self, method: str, path: str, door: str = "unix", headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One request on a connection of its own."""
        where = self.doors[door]
        async with asyncio.timeout(10), connect(where) as connection:
            connection.send(request_bytes(method, path, host_of(where), headers, body))
            return await connection.answer(method == "HEAD")

    async def raw(self, data: bytes, door: str = "unix") -> Answer:
        """The answer to exactly these bytes."""
        async with asyncio.timeout(10), connect(self.doors[door]) as connection:
            connection.send(data)
            return await connection.answer()

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.request("GET", path, **more)
        assert answer.status == 200, answer
        return answer.json()

    async def post(self, path: str, status: int = 200, **more: Any) -> Any:
        answer = await self.request("POST", path, **more)
        assert answer.status == status, answer
        return answer.json()

    @contextlib.asynccontextmanager
    async def connected(self, door: str = "unix") -> AsyncIterator[Connection]:
        async with asyncio.timeout(20), connect(self.doors[door]) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def events(self, last_id: str = "", door: str = "unix") -> AsyncIterator[Events]:
        headers = {"Last-Event-ID": last_id} if last_id else {}
        async with self.connected(door) as connection:
            connection.send(request_bytes("GET", "/events", host_of(self.doors[door]), headers))
            status, found = await connection.head()
            assert (status, found["content-type"]) == (200, "text/event-stream")
            yield Events(connection)

    # -- looking into it

    async def states(self) -> dict[str, str]:
        return {name: about["state"] for name, about in (await self.get("/services")).items()}

    def health(self, name: str) -> str:
        return self.engine.services[name].health.state.value

    async def in_state(self, name: str, state: str) -> None:
        await soon(lambda: self.health(name) == state)

    async def busy(self, name: str, action: str) -> None:
        """Wait until an action is under way."""

        def is_busy() -> bool:
            busy = self.engine.services[name].busy
            return busy is not None and busy.action == action

        await soon(is_busy)

    async def rows(self) -> list[AuditRow]:
        """What was done, oldest first."""
        return [row for row in await self.facts() if row.action not in ROWS]

    async def noted(self, action: str) -> AuditRow:
        """The first fact of this kind, once it is written."""
        async with asyncio.timeout(5):
            while not (found := [row for row in await self.facts() if row.action == action]):
                await asyncio.to_thread(time.sleep, 0.002)
        return found[0]

    async def facts(self) -> list[AuditRow]:
        """The audit trail, oldest first."""
        return [row for _, row in reversed(await self.audit.rows(AuditQuery(), 1000))]


def listening(folder: Path) -> tuple[list[socket.socket], dict[str, Any]]:
    (folder / "agent.sock").unlink(missing_ok=True)  # of an agent before this one
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(folder / "agent.sock"))
    (folder / "agent.sock").chmod(0o666)
    unix.listen(100)
    four = socket.create_server(("127.0.0.1", 0), backlog=100)
    six = socket.create_server(("::1", 0), family=socket.AF_INET6, backlog=100)
    doors = {"unix": folder / "agent.sock", "tcp": four.getsockname()[:2], "tcp6": six.getsockname()[:2]}
    return [unix, four, six], doors


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    specs: Sequence[ServiceSpec] | None = None,
    *,
    down: Sequence[str] = (),
    missing: Sequence[str] = (),
    settings: Settings | None = None,
    now: Callable[[], float] = time.time,
    wait: bool = True,
    noting: bool = True,
) -> AsyncIterator[Agent]:
    """An agent whose services run, but for those that are ``down`` or have no unit at all (``missing``). Without
    ``noting`` the audit trail has only what was asked for, and not what became of it."""
    catalogue: Catalogue = catalogue_of(*(five_services() if specs is None else specs))
    systemd = FakeSystemd(now)
    prober, exits, metrics, journal = FakeProber(systemd), FakeExits(), AgentMetrics(), FakeJournal()
    engine = Engine(catalogue, prober, exits, FakeMeter(), metrics, now)
    journalled: list[AuditRow] = []
    audit = SqliteAudit(
        folder / "audit.db",
        lambda problem: engine.report("audit", problem),
        lambda row, _place: journalled.append(row),
    )
    incidents = Incidents(engine, audit if noting else FakeTrail(), "this boot")
    listeners, chaos = FakeListeners(), FakeChaos()
    actions = Actions(engine, systemd, audit, journal, listeners)
    actions.recovery.on_maintenance_over.append(incidents.maintenance_over)
    metrics.attach(engine, audit, FakeSystem())
    judge = Access(settings or OURS)
    systemd.faults = files = FakeFaultFiles(now)
    faults = Faults(engine, systemd, Recorder(engine, audit), files, agent_actor())
    faults.on_begin.append(incidents.fault_injected)
    faults.on_end.append(incidents.fault_cleared)
    runs = ChaosRuns(engine, Recorder(engine, audit), chaos)
    shown = (engine, actions, incidents, audit, FakeSystem(), journal, metrics, judge, systemd.stops_with, faults, runs)
    api = Api(*shown)
    sockets, doors = listening(folder)
    server = Doors(api, sockets)
    for one in catalogue.services.values():
        if one.name not in missing:
            systemd.install(one.unit, active=one.name not in down)
    incidents.replay()
    systemd.listener = engine
    actions.recovery.start(audit, "seed")
    engine.start()
    await systemd.watch(engine.unit_specs())
    engine.on_bus(True)
    await server.open()
    parts = (engine, actions, incidents, api, audit, metrics, systemd, prober, exits, journal, listeners, faults, files)
    agent = Agent(*parts, chaos, runs, server, doors, journalled=journalled)
    async with contextlib.AsyncExitStack() as at_the_end:
        at_the_end.callback(audit.close)
        for close in (incidents.stop, engine.stop, systemd.close, server.close):
            at_the_end.push_async_callback(close)
        at_the_end.push_async_callback(faults.finish)
        at_the_end.push_async_callback(actions.finish, 5)
        if wait:
            await engine.settled(5)
            incidents.settled()
        yield agent
