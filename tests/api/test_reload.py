"""Another catalogue or other settings while the agent runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from api.agent import OURS, five_services, running
from api.callers import is_root
from incidentops_agent.access import Access
from incidentops_agent.settings import Callers, Settings
from samples import catalogue_of, spec

if TYPE_CHECKING:
    from pathlib import Path

    from leaks import LogWatch


async def test_a_new_catalogue_keeps_what_is_the_same_and_drops_what_is_gone(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("redis"), spec("chaos")]) as agent, agent.events() as stream:
        await stream.next()
        redis = agent.engine.services["redis"]
        agent.systemd.install("web.service")
        specs = await agent.engine.adopt(catalogue_of(spec("redis"), spec("web")))
        await agent.systemd.watch(specs)
        assert agent.engine.services["redis"] is redis
        assert sorted((await stream.until("snapshot"))["services"]) == ["redis", "web"]
        await agent.in_state("web", "healthy")
        assert list(await agent.get("/services")) == ["redis", "web"]
        assert agent.prober.forgotten == ["chaos"]
        assert "chaos" not in agent.exits.watched
        assert (await agent.request("POST", "/stop/chaos")).status == 404
        assert (await agent.post("/stop/web"))["status"] == "down"


async def test_a_service_that_changed_is_begun_anew(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("redis")]) as agent:
        agent.systemd.install("other.service")
        await agent.systemd.watch(await agent.engine.adopt(catalogue_of(spec("redis", unit="other.service"))))
        await agent.in_state("redis", "healthy")
        assert (await agent.get("/services"))["redis"]["unit"]["name"] == "other.service"


async def test_other_operators_are_in_force_at_once(open_folder: Path) -> None:
    async with running(open_folder) as agent:
        agent.api.use_access(Access(Settings(Callers(groups=("no-such-group",))), wsl=is_root()))
        answer = await agent.request("POST", "/stop/redis", "tcp")
        assert (answer.status, answer.json()["kind"]) == (403, "denied")
        agent.api.use_access(Access(OURS))
        assert (await agent.request("POST", "/stop/redis", "tcp")).status == 200


async def test_an_action_that_is_under_way_ends_well_and_is_not_forgotten(tmp_path: Path) -> None:
    specs = five_services(start_deadline=5)
    async with running(tmp_path, specs, down=["redis"]) as agent:
        agent.systemd.program("redis.service", answers_after=0.1)
        start = asyncio.create_task(agent.post("/start/redis"))
        await agent.busy("redis", "start")
        changed = [spec("redis", start_deadline=6, title="Another title")]
        await agent.systemd.watch(await agent.engine.adopt(catalogue_of(*changed)))
        assert (await agent.get("/services"))["redis"]["busy"]["action"] == "start"
        assert (await start)["status"] == "up"
        assert (await agent.get("/services"))["redis"]["title"] == "Another title"


async def test_another_probe_begins_anew_and_another_interval_holds_at_once(tmp_path: Path) -> None:
    async with running(tmp_path, [spec("redis")]) as agent:
        await agent.systemd.watch(await agent.engine.adopt(catalogue_of(spec("redis", probe="postgres"))))
        assert agent.prober.forgotten == ["redis"]
        await agent.in_state("redis", "healthy")
        assert (await agent.get("/services"))["redis"]["probe"]["kind"] == "postgres"


async def test_a_unit_named_by_an_alias_is_said_to_be_out_of_reach(tmp_path: Path, logs: LogWatch) -> None:
    sentence = "redis can't be controlled: redis.service is an alias; name the unit redis-server.service in redis.yaml"
    logs.expect(sentence, f"over: {sentence}")
    async with running(tmp_path, [spec("redis")]) as agent:
        agent.systemd.change("redis.service", unit="redis-server.service")
        assert (await agent.get("/health"))["problems"] == {"unit of redis": sentence}
        agent.systemd.install("redis-server.service")
        new = catalogue_of(spec("redis", unit="redis-server.service"))
        await agent.systemd.watch(await agent.engine.adopt(new))
        assert (await agent.get("/health"))["problems"] == {}
