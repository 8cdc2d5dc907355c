"""Incidents that a fault has made, when the fault's own service is not the first to be seen down."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from api.agent import running

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_symptom_that_is_seen_first_counts_from_the_fault_too(tmp_path: Path) -> None:
    async with running(tmp_path) as agent:
        agent.systemd.program("worker.service", answers="failed")
        at = time.time()
        agent.incidents.fault_injected("redis", "f-1", "hang", at)
        await agent.in_state("worker", "unresponsive")
        (found,) = await agent.get("/incidents")
        assert (found["root"], found["fault"], found["began_source"]) == ("worker", None, "probe")
        agent.systemd.program("redis.service", answers="failed")
        await agent.in_state("redis", "unresponsive")
        (found,) = await agent.get("/incidents")
        assert (found["root"], found["fault"]) == ("redis", {"id": "f-1", "kind": "hang"})
        assert found["began_source"] == "fault"
        detected = agent.incidents.book.live()[0].detected
        assert found["ttd_seconds"] == pytest.approx(detected - at, abs=0.005)
