"""The prober asks one at a time, keeps to its deadline and never raises, whatever a probe does."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from incidentops_agent import prober
from incidentops_agent.model import ProbeOutcome, ProbeResult, ProbeSpec
from incidentops_agent.probes.base import ProbeFailedError, ProbeUnavailableError
from samples import spec

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from leaks import LogWatch


class ScriptedProbe:
    """Does what the next step of its script says: an exception to raise, a detail to give, or forever."""

    def __init__(self, *steps: Any) -> None:
        self.steps = list(steps)
        self.connected = False
        self.at_once = self.most_at_once = self.closed = 0

    async def ask(self) -> dict[str, str]:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            step = self.steps.pop(0)
            if step == "forever":
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            if isinstance(step, Exception):
                raise step
            self.connected = True
            return dict(step)
        finally:
            self.at_once -= 1

    async def close(self) -> None:
        self.connected = False
        self.closed += 1


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[ScriptedProbe], None]:
    return lambda probe: monkeypatch.setattr(prober, "make", lambda _spec: probe)


@contextlib.asynccontextmanager
async def asking(probe: ScriptedProbe, use: Callable[[ScriptedProbe], None]) -> AsyncIterator[Callable[..., Any]]:
    use(probe)
    made = prober.ServiceProber()

    async def ask(deadline: float = 5.0) -> ProbeResult:
        return await made.probe(spec(), deadline)

    try:
        yield ask
    finally:
        await made.close()


async def test_an_answer(use: Any) -> None:
    probe = ScriptedProbe({"version": "8"}, {})
    async with asking(probe, use) as ask:
        result = await ask()
        assert (result.outcome, result.detail) == (ProbeOutcome.OK, {"version": "8"})
        assert 0 < result.latency < 5
        assert (await ask()).outcome is ProbeOutcome.OK
        assert probe.closed == 0, "the connection is kept"
    assert probe.closed == 1


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(ProbeFailedError("refused"), ProbeOutcome.FAILED), (ProbeUnavailableError("no login"), ProbeOutcome.UNAVAILABLE)],
)
async def test_a_probe_that_says_no(error: Exception, outcome: ProbeOutcome, use: Any) -> None:
    probe = ScriptedProbe(error)
    async with asking(probe, use) as ask:
        result = await ask()
        assert (result.outcome, result.message) == (outcome, str(error))
        assert probe.closed == 1


async def test_a_kept_connection_that_was_stale_gets_a_second_try_and_a_fresh_one_does_not(use: Any) -> None:
    probe = ScriptedProbe({}, ProbeFailedError("stale"), {}, ProbeFailedError("stale"), ProbeFailedError("down"))
    async with asking(probe, use) as ask:
        assert [(await ask()).outcome for _ in range(2)] == [ProbeOutcome.OK, ProbeOutcome.OK]
        assert (await ask()).message == "down"
        assert probe.steps == []
        probe.steps = [ProbeFailedError("still down"), {}]
        assert (await ask()).message == "still down"
        assert len(probe.steps) == 1


async def test_a_probe_that_hangs_is_cut_off_at_the_deadline(use: Any) -> None:
    probe = ScriptedProbe("forever", {})
    async with asking(probe, use) as ask:
        result = await ask(0.02)
        assert (result.outcome, result.message) == (ProbeOutcome.FAILED, "no answer within 0.02 s")
        assert probe.closed == 1
        assert (await ask()).outcome is ProbeOutcome.OK


async def test_one_at_a_time_and_the_wait_counts_for_the_deadline_not_for_the_latency(use: Any) -> None:
    probe = ScriptedProbe("forever", {}, {})
    async with asking(probe, use) as ask:
        results = await asyncio.gather(ask(0.1), ask(0.05), ask(), ask())
        assert [result.outcome.value for result in results] == ["failed", "failed", "ok", "ok"]
        assert probe.most_at_once == 1
        assert results[2].latency < 0.09


async def test_a_mistake_in_a_probe_is_a_result_too(use: Any, logs: LogWatch) -> None:
    """Else the task that watches the service would end, and nobody would look at it again."""
    logs.expect("the probe of redis failed by a mistake of the agent's")
    probe = ScriptedProbe(ValueError("embedded null byte"), {})
    async with asking(probe, use) as ask:
        result = await ask()
        assert result.outcome is ProbeOutcome.FAILED
        assert "embedded null byte" in result.message
        assert (await ask()).outcome is ProbeOutcome.OK


async def test_a_cancelled_question_closes_its_connection(use: Any) -> None:
    probe = ScriptedProbe("forever")
    async with asking(probe, use) as ask:
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert probe.closed == 1


async def test_no_probe_is_no_question() -> None:
    assert (await prober.ServiceProber().probe(spec(probe="none"), 1.0)).outcome is ProbeOutcome.NONE


@pytest.mark.parametrize("kind", sorted(prober.KINDS))
def test_every_kind_of_the_catalogue_has_its_probe(kind: str) -> None:
    options: dict[str, str | int | float | bool] = {"queue": "q", "credential": "", "host": "", "port": 1}
    made = prober.make(replace(spec(), probe=ProbeSpec(kind, options=options)))
    assert made.connected is False
