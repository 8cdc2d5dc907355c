"""A run against an agent that can be slow, deaf, away or unwilling: what is injected, skipped and reverted."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_chaos import reverting, run
from incidentops_chaos.agent import Agent
from incidentops_chaos.reverting import Memory, revert_all
from incidentops_chaos.run import Run
from incidentops_chaos.schedule import Step
from incidentops_chaos.settings import Settings, Window
from unit.chaos.fake_agent import FakeAgent, agent_at
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (run, reverting):
        monkeypatch.setattr(module, "LOOK", 0.02)
    monkeypatch.setattr(reverting, "PATIENCE", 0.2)
    monkeypatch.setattr(run, "SHORTEST", 0.01)


class Scene:
    """A fake agent, and what runs against it."""

    def __init__(self, fake: FakeAgent, agent: Agent, folder: Path) -> None:
        self.fake = fake
        self.agent = agent
        self.kept = folder / "injected.json"
        self.memory = Memory(self.kept)

    def run(self, steps: list[Step], minute: int = 0, **settings: Any) -> Run:
        chosen = Settings(**{"seed": 1, "seconds": 0.6, **settings})
        return Run(self.agent, self.memory, chosen, steps, lambda: minute)


@contextlib.asynccontextmanager
async def scene(folder: Path) -> AsyncIterator[Scene]:
    async with agent_at(folder / "agent.sock") as fake:
        agent = Agent(folder / "agent.sock", "me")
        try:
            yield Scene(fake, agent, folder)
        finally:
            await agent.close()


def step(number: int, at: float, service: str = "redis", kind: str = "hang", duration: float = 30) -> Step:
    return Step(number, at, kind, service, duration)


def outcomes(one: Run) -> list[str]:
    return [record.outcome for record in one.records]


async def test_each_step_is_injected_once_and_all_is_reverted_at_the_end(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        one = there.run([step(1, 0.1), step(2, 0.2, "postgres", "stop")], concurrency=2)
        await one.go()
        assert [(order["kind"], order["service"]) for order in there.fake.orders] == [
            ("hang", "redis"),
            ("stop", "postgres"),
        ]
        assert all(order["duration"] <= 0.6 for order in there.fake.orders)  # nothing outlives the run
        assert there.fake.keys == [f"chaos-{one.id}-1", f"chaos-{one.id}-2"]
        assert there.fake.active() == []
        assert (one.ended_by, one.over, outcomes(one)) == ("time", True, ["over", "over"])
        assert not there.kept.exists()
        assert json.dumps(one.view())


async def test_what_ends_by_itself_makes_room(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        one = there.run([step(n, n * 0.4, duration=0.05) for n in range(1, 4)], seconds=1.5)
        await one.go()
        assert outcomes(one) == ["over"] * 3
        assert (there.fake.most, there.fake.reverted) == (1, [])


async def test_never_more_than_asked_for_however_slow_the_agent_is(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.fake.slow = 0.25
        services = itertools.cycle(("redis", "postgres", "rabbitmq"))
        one = there.run([step(n, n * 0.05, next(services)) for n in range(1, 9)], concurrency=2)
        await one.go()
        assert there.fake.most == 2
        assert outcomes(one).count("skipped") == 6
        assert {record.reason for record in one.records if record.outcome == "skipped"} == {
            "2 of its faults are in effect already"
        }


async def test_a_service_has_one_fault_whoever_made_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        theirs = there.fake.add("stop", "redis", 30, "ann")
        one = there.run([step(1, 0.1), step(2, 0.3, "postgres")], concurrency=2)
        await one.go()
        assert outcomes(one) == ["skipped", "over"]
        assert one.records[0].reason == "redis has a fault already"
        assert there.fake.active() == [theirs]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [((409, "refused", "it is not possible here"), "skipped"), ((503, "no-effect", "it had no effect"), "failed")],
)
async def test_what_the_agent_says_no_to_is_recorded(
    tmp_path: Path, answer: tuple[int, str, str], outcome: str
) -> None:
    async with scene(tmp_path) as there:
        there.fake.refuses = answer
        one = there.run([step(1, 0.05), step(2, 0.1)], seconds=0.2)
        await one.go()
        assert [(record.outcome, record.reason) for record in one.records] == [(outcome, answer[2])] * 2
        assert len(there.fake.orders) == 2


async def test_nothing_is_injected_in_quiet_time_or_while_an_incident_is_open(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        quiet = there.run([step(1, 0.1)], minute=30, quiet=(Window(23 * 60, 60),), seconds=0.2)
        await quiet.go()
        assert (outcomes(quiet), quiet.records[0].reason) == (["skipped"], "it is quiet time, 23:00-01:00")
        there.fake.incidents = [{"id": "0a1b2c3d"}]
        paused = there.run([step(1, 0.1), step(2, 0.2)], pause_on_incident=True)
        going = asyncio.create_task(paused.go())
        await soon(lambda: len(paused.records) == 2)
        assert (paused.records[0].outcome, paused.records[0].reason) == ("skipped", "the incident 0a1b2c3d is open")
        assert there.fake.orders == []
        there.fake.incidents = []
        await soon(lambda: len(there.fake.orders) == 1)
        await going
        assert outcomes(paused) == ["skipped", "over"]


async def test_an_agent_that_is_away_is_waited_for_and_nothing_piles_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        await there.fake.close()
        one = there.run([step(n, n * 0.1, duration=0.05) for n in range(1, 6)], seconds=1)
        going = asyncio.create_task(one.go())
        await soon(lambda: len(one.records) == 3)
        assert outcomes(one)[:2] == ["skipped", "skipped"]
        assert "the agent can't be reached" in one.records[0].reason
        await there.fake.open()
        await going
        assert len(there.fake.orders) <= 3
        assert outcomes(one)[-1] == "over"
        assert there.fake.active() == []


async def test_a_fault_whose_answer_was_lost_is_found_and_reverted(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.fake.deaf = True
        theirs = there.fake.add("hang", "postgres", 30, "ann")
        one = there.run([step(1, 0.1), step(2, 0.3, "postgres")])
        going = asyncio.create_task(one.go())
        await soon(lambda: outcomes(one) == ["injected"])
        assert one.records[0].fault != ""
        await going
        assert outcomes(one) == ["over", "skipped"]
        assert there.fake.active() == [theirs]


async def test_a_stop_waits_for_what_is_being_injected_and_reverts_it(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.fake.slow = 0.2
        one = there.run([step(1, 0.05)], seconds=30)
        going = asyncio.create_task(one.go())
        await soon(lambda: there.fake.orders)
        assert there.fake.active() == []
        one.stop("disarm")
        await going
        assert (len(there.fake.reverted), there.fake.active(), one.ended_by) == (1, [], "disarm")


async def test_what_could_not_be_undone_is_said_and_remembered(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.fake.stuck = "redis does not start"
        one = there.run([step(1, 0.05)], seconds=30)
        going = asyncio.create_task(one.go())
        (fault_id,) = await soon(lambda: there.memory.faults)
        one.stop("stop")
        await going
        assert one.view()["left"] == {fault_id: "redis does not start"}
        assert json.loads(there.kept.read_text()) == {"asked": [], "faults": [fault_id]}


async def test_another_process_reverts_what_a_killed_one_has_left(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        injected = there.fake.add("hang", "redis", 30)
        asked = there.fake.add("stop", "postgres", 30)
        theirs = [there.fake.add("stop", "rabbitmq", 30), there.fake.add("kill", "postgres", 30, "ann")]
        there.memory.ask("hang", "redis")
        there.memory.answered("hang", "redis", injected["id"])
        there.memory.ask("stop", "postgres")
        there.memory.ask("hang", "rabbitmq")  # which never came
        left = Memory(there.kept)
        left.load()
        undone = await revert_all(there.agent, left)
        assert sorted(undone.reverted) == sorted([injected["id"], asked["id"]])
        assert there.fake.active() == theirs
        assert not there.kept.exists()


async def test_an_injection_that_is_still_under_way_is_waited_for(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.memory.ask("hang", "redis")
        there.fake.busy = "me"
        reverting_it = asyncio.create_task(revert_all(there.agent, there.memory))
        done, _ = await asyncio.wait([reverting_it], timeout=0.2)
        assert not done
        there.fake.add("hang", "redis", 30)
        there.fake.busy = ""
        assert len((await reverting_it).reverted) == 1


async def test_an_agent_that_never_comes_back_is_given_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        await there.fake.close()
        there.memory.ask("hang", "redis")
        undone = await revert_all(there.agent, there.memory)
        assert list(undone.left) == ["hang of redis"]
        assert there.kept.exists()


def test_a_damaged_memory_is_said(tmp_path: Path) -> None:
    kept = tmp_path / "injected.json"
    Memory(kept).load()  # there is none, so nothing was injected
    for text in ("{", "[]", '{"asked": [1], "faults": []}'):
        kept.write_text(text)
        with pytest.raises(ValueError, match="."):
            Memory(kept).load()


async def test_what_can_not_be_remembered_is_not_injected(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.memory = Memory(tmp_path / "none" / "injected.json")
        one = there.run([step(1, 0.05)], seconds=0.1)
        await one.go()
        assert outcomes(one) == ["failed"]
        assert there.fake.orders == []
