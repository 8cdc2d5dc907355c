"""The agent's end of the bus worker: whatever the worker does, no call hangs and the next worker is started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from incidentops_agent import bus
from incidentops_agent.bus import BusClient
from incidentops_agent.ports import LATE, BusError
from waiting import soon

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from incidentops_agent.model import UnitView
    from leaks import LogWatch

FAKE = Path(__file__).with_name("fake_worker.py")


class Listener:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.units: list[tuple[str, UnitView]] = []
        self.bus: list[bool] = []

    def on_unit(self, spec: str, unit: UnitView) -> None:
        self.units.append((spec, unit))

    def on_bus(self, answering: bool) -> None:
        if not self.bus or self.bus[-1] != answering:
            self.bus.append(answering)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {
        "PING_INTERVAL": 0.03,
        "PING_DEADLINE": 0.03,
        "CALL_DEADLINE": 0.1,
        "WATCH_DEADLINE": 1.0,
        "RESPAWN_FIRST": 0.01,
        "RESPAWN_MOST": 0.02,
    }.items():
        monkeypatch.setattr(bus, name, seconds)


@contextlib.asynccontextmanager
async def running(*specs: str, started: str = "", wait: bool = True) -> AsyncIterator[tuple[BusClient, Listener]]:
    listener = Listener()
    client = BusClient(listener, [sys.executable, "-I", "-S", str(FAKE), started])
    await client.watch(specs or ("redis.service",))
    task = asyncio.create_task(client.run())
    try:
        if wait:
            await soon(lambda: listener.bus)
        yield client, listener
    finally:
        assert not task.done(), "the client must outlive any worker"
        await soon(lambda: client._writer)  # not in the midst of a spawn, which asyncio does not end without noise
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def next_worker(client: BusClient, listener: Listener, before: int | None) -> None:
    """Wait until another worker serves."""
    await soon(lambda: client.worker_pid != before and listener.bus[-1])


async def test_it_watches_and_tells_what_it_hears() -> None:
    async with running("redis.service", "postgresql@*-main.service") as (client, listener):
        assert listener.bus == [True]
        assert [(spec, unit.unit, unit.active_state) for spec, unit in listener.units] == [
            ("redis.service", "redis.service", "active"),
            ("postgresql@*-main.service", "postgresql@17-main.service", "active"),
        ]
        assert listener.units[0][1].main_pid == client.worker_pid
        await client.watch(["chaos.service"])
        assert listener.units[-1][0] == "chaos.service"
        assert await client.stops_with("redis.service") == ["a.service", "b.service"]
        await client.reset_failed("redis.service")


async def test_a_job_that_is_over_right_behind_its_reply_is_not_missed() -> None:
    async with running() as (client, _):
        jobs = await asyncio.gather(*(client.job("start", f"together@{number}.service") for number in range(20)))
        results = [await asyncio.wait_for(job.done, 1) for job in jobs]
        assert [(job.job_id, result.job_id, result.result) for job, result in zip(jobs, results, strict=True)] == [
            (number, number, "done") for number in range(20)
        ]
        assert (await (await client.job("stop", "failing@3.service")).done).result == "failed"
        assert client._jobs == {}
        assert client._replies == {}


async def test_the_end_of_a_job_that_nobody_asked_for_is_ignored() -> None:
    async with running() as (client, _):
        job = await client.job("start", "before@5.service")
        assert not job.done.done()
        assert await (await client.job("start", "together@6.service")).done


@pytest.mark.parametrize(
    ("unit", "kind", "sentence"),
    [("refused.service", "not-permitted", "not for you"), ("odd.service", "refused-by-systemd", "DBusSomethingError")],
)
async def test_a_refusal_is_an_error_with_a_kind(unit: str, kind: str, sentence: str) -> None:
    async with running() as (client, listener):
        with pytest.raises(BusError, match=sentence) as caught:
            await client.job("start", unit)
        assert caught.value.kind == kind
        assert listener.bus == [True]
        assert client._job_requests == set()


@pytest.mark.parametrize("how", ["dies", "dies-half", "garbage"])
async def test_a_worker_that_ends_fails_what_waits_and_is_replaced(how: str, logs: LogWatch) -> None:
    logs.expect("the bus worker ended")
    if how == "garbage":
        logs.expect("the bus worker said what can't be understood")
    async with running() as (client, listener):
        before = client.worker_pid
        pending = await client.job("start", "never-removed@9.service")
        with pytest.raises(BusError, match="may still be done, but the connection to systemd was lost") as caught:
            await client.job("start", f"{how}.service")
        assert caught.value.kind == LATE
        with pytest.raises(BusError, match="systemd took it on, but the connection to systemd was lost") as caught:
            await pending.done
        assert caught.value.kind == LATE
        await soon(lambda: len(listener.bus) > 1)
        await next_worker(client, listener, before)
        assert listener.bus == [True, False, True]
        assert listener.units[-1][1].main_pid == client.worker_pid, "the new one has told everything anew"
        assert await (await client.job("start", "together@1.service")).done


async def test_a_worker_that_is_killed_from_outside_is_replaced(logs: LogWatch) -> None:
    logs.expect(r"the bus worker ended \(exit status -9\)")
    async with running() as (client, listener):
        before = client.worker_pid
        assert before is not None
        os.kill(before, signal.SIGKILL)
        await next_worker(client, listener, before)


async def test_a_worker_that_ends_with_requests_unread_is_replaced(logs: LogWatch) -> None:
    logs.expect("the bus worker ended")
    async with running(started="unread", wait=False) as (client, listener):
        await soon(lambda: client._replies)
        before = client.worker_pid
        await soon(lambda: client.worker_pid != before)
        assert listener.bus == [False]


async def test_without_a_worker_every_call_fails_at_once(logs: LogWatch) -> None:
    logs.expect(r"the bus worker ended \(exit status 3\)")
    async with running(started="dies-at-once", wait=False) as (client, listener):
        await soon(lambda: listener.bus)
        await soon(lambda: client._writer is None)
        with pytest.raises(BusError, match="no connection to systemd") as caught:
            await client.job("start", "together.service")
        assert caught.value.kind == "systemd-unreachable"
        await client.watch(["x.service"])
        assert listener.bus == [False]


async def test_a_reply_that_comes_too_late_is_dropped_and_the_rest_goes_on() -> None:
    async with running() as (client, listener):
        with pytest.raises(BusError, match=r"may still be done, but systemd did not answer within 0.1 s") as caught:
            await client.job("start", "late@4.service")
        assert caught.value.kind == LATE
        await soon(lambda: listener.bus[-1] and not client._replies)
        assert client._jobs == {}
        assert await (await client.job("start", "together@5.service")).done


async def test_a_worker_that_hangs_is_noticed_by_its_pings_and_given_up(logs: LogWatch) -> None:
    logs.expect("does not answer and is killed", "the bus worker ended")
    async with running() as (client, listener):
        before = client.worker_pid
        with pytest.raises(BusError, match="did not answer"):
            await client.job("start", "hangs.service")
        await soon(lambda: listener.bus == [True, False])
        await next_worker(client, listener, before)


async def test_a_worker_that_hangs_while_it_reads_the_units_is_given_up(
    logs: LogWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "WATCH_DEADLINE", 0.1)
    logs.expect(r"the bus worker ended \(exit status -9\)")
    async with running("slow.service", wait=False) as (client, listener):
        await soon(lambda: client.worker_pid)
        before = client.worker_pid
        await soon(lambda: client.worker_pid != before)
        assert True not in listener.bus


async def test_a_worker_that_is_stopped_and_goes_on_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "CALL_DEADLINE", 60.0)
    async with running() as (client, listener):
        before = client.worker_pid
        assert before is not None
        os.kill(before, signal.SIGSTOP)
        await soon(lambda: listener.bus == [True, False])
        os.kill(before, signal.SIGCONT)
        await soon(lambda: listener.bus == [True, False, True])
        assert client.worker_pid == before


async def test_while_systemd_does_not_answer_the_worker_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bus, "UNANSWERED_MOST", 1)
    async with running(started="timid") as (client, listener):
        before = client.worker_pid
        await soon(lambda: listener.bus == [True, False])
        requests = next(client._ids)
        await soon(lambda: next(client._ids) > requests + 10)  # pings go on
        assert client.worker_pid == before
