"""The JSON of the API, as files that the clients' tests read too: tests/golden/. A change here is a change for them."""

from __future__ import annotations

import itertools
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from api.agent import running
from golden import hold
from incidentops_agent.handlers import streams
from samples import NOW, spec
from waiting import soon

if TYPE_CHECKING:
    from pathlib import Path

    from api.agent import Agent

OURS = {"uid": 0, "user": "root", "pid": 4242, "pid_started": 123, "program": "incidentops", "door": "unix", "note": ""}


def steady(value: Any) -> Any:
    """Without what differs from run to run: who ran the test, and how long things took."""
    if isinstance(value, list):
        return [steady(one) for one in value]
    if isinstance(value, dict):
        fixed = {"actor": OURS, "duration_seconds": 0.0123, "user": "root"}
        return {key: fixed[key] if key in fixed and one is not None else steady(one) for key, one in value.items()}
    return value


@pytest.fixture(autouse=True)
def _counted_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count(1)
    monkeypatch.setattr(uuid, "uuid4", lambda: uuid.UUID(int=0x1C0DE << 100 | next(numbers)))


SPECS = [
    spec("chaos", title="Chaos service", probe="http"),
    spec("loki", title="Loki", optional=True, probe="http"),
    spec("postgres", title="PostgreSQL", unit="postgresql@17-main.service", probe="postgres"),
    spec("rabbitmq", title="RabbitMQ", unit="rabbitmq-server.service", probe="rabbitmq"),
    spec("redis", "chaos", title="Redis", unit="redis-server.service"),
    spec("worker", "postgres", title="Job worker", unit="incidentops-worker.service", probe="worker", start_deadline=9),
]


async def every_state(agent: Agent) -> None:
    """Each service in a state of its own."""
    agent.systemd.change("postgresql@17-main.service", restart_policy="always", n_restarts=2)
    agent.systemd.program("incidentops-worker.service", answers="failed")
    await agent.in_state("worker", "unresponsive")
    agent.systemd.kill("chaos.service")
    await agent.post("/stop/redis")
    agent.systemd.program("rabbitmq-server.service", start="never")
    await agent.systemd.job("start", "rabbitmq-server.service")
    await agent.in_state("rabbitmq", "starting")
    await soon(lambda: agent.engine.services["rabbitmq"].probe.failures >= 2)


def same_probes(value: Any) -> Any:
    """How often a probe has failed in a row by now is chance."""
    if isinstance(value, dict):
        return {key: min(one, 2) if key == "failures_in_a_row" else same_probes(one) for key, one in value.items()}
    return [same_probes(one) for one in value] if isinstance(value, list) else value


async def test_answers(tmp_path: Path) -> None:
    down = ["rabbitmq"]
    async with running(tmp_path, SPECS, down=down, missing=["loki"], now=lambda: NOW) as agent:
        await every_state(agent)
        for name, path in {
            "services": "/services",
            "service": "/services/redis",
            "system": "/system",
            "health": "/health",
            "incidents": "/incidents",
            "logs": "/logs/redis",
        }.items():
            hold(f"{name}.json", same_probes(steady(await agent.get(path))))
        # Facts are noted behind an action's back, so where they stand between its rows is chance.
        rows = [row for row in await agent.get("/audit") if row["phase"] != "noted"]
        hold("audit.json", [{**row, "seq": len(rows) - place} for place, row in enumerate(steady(rows))])


async def test_commands(tmp_path: Path) -> None:
    specs = [spec("postgres", start_deadline=5), spec("redis", start_deadline=5), spec("worker", "redis")]
    async with running(tmp_path, specs, now=lambda: NOW) as agent:
        hold("ping.json", steady(await agent.post("/ping/redis")))
        hold("stop.json", steady(await agent.post("/stop/redis")))
        hold("ping-failed.json", steady(await agent.post("/ping/redis", 503)))
        hold("start.json", steady(await agent.post("/start/redis")))
        hold("remediate-nothing.json", steady(await agent.post("/remediate")))
        await agent.post("/stop/redis")
        await agent.post("/stop/worker")
        hold("remediate.json", steady(await agent.post("/remediate")))
        await agent.post("/stop/redis")
        await agent.post("/stop/worker")
        agent.systemd.change("postgres.service", freezer_state="frozen")
        hold("plan.json", steady(await agent.get("/remediate/plan")))
        hold("plan-changed.json", steady(await agent.post("/remediate", 409, body=b'{"plan": "0123456789abcdef"}')))
        await agent.post("/remediate")
        agent.systemd.program("redis.service", start="fails")
        await agent.post("/stop/redis")
        await agent.post("/stop/worker")
        hold("start-failed.json", steady(await agent.post("/start/redis", 503)))
        hold("remediate-partial.json", steady(await agent.post("/remediate")))
        hold("unknown-service.json", await agent.post("/stop/mysql", 404))
        refused = await agent.request("POST", "/stop/redis", headers={"Origin": "http://localhost"})
        hold("foreign.json", refused.json())


async def test_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One event of each kind, in the order of a real stream."""
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    async with running(tmp_path, [spec("redis")], now=lambda: NOW) as agent, agent.events() as stream:
        found = [await stream.next()]
        await agent.post("/stop/redis")
        found.append(("service", await stream.until("service", state="healthy")))
        found.append(("service", await stream.until("service", state="stopped")))
        found.append(("action", await stream.until("action")))
        agent.engine.broker.publish("system", await agent.get("/system"))
        found.append(("system", await stream.until("system")))
        agent.engine._problems["audit"] = "the audit trail can't be written: database or disk is full"
        agent.engine.broker.publish("agent", agent.engine.agent_view())
        found.append(("agent", await stream.until("agent")))
        found.append(("heartbeat", await stream.until("heartbeat")))
        hold("events.json", [{"event": kind, "data": same_probes(steady(data))} for kind, data in found])
