"""SIGKILL of the agent at random points of a remediation: nothing that was answered is lost, and nothing is forgotten.

INCIDENTOPS_KILLS says how often; each time the moment is another one, the same in every run of the tests.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from system.machine import Lab, eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT = "incidentops-agent.service"
KILLS = int(os.environ.get("INCIDENTOPS_KILLS", "8"))
VICTIMS = ("chaos", "postgres", "redis")
LONGEST = 0.9
"""Seconds after its request within which a remediation is killed: about as long as it takes."""


class Asked:
    """A remediation asked for in the background; ``answer`` when it was given before the agent died."""

    def __init__(self, lab: Lab) -> None:
        self.answer: Any = None
        self._lab = lab
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            self.answer = self._lab.request("POST", "/remediate", timeout=30).body

    @contextlib.contextmanager
    def under_way(self) -> Iterator[None]:
        self._thread.start()
        try:
            yield
        finally:
            self._thread.join()


def whole_trail(lab: Lab) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    before = ""
    while page := lab.get(f"/audit?limit=1000{before}"):
        rows += page
        before = f"&before={page[-1]['seq']}"
    return rows


def test_kill_at_random_points_of_remediation(lab: Lab) -> None:
    chosen = random.Random(4)
    acknowledged: set[str] = set()
    cut_off = 0
    for number in range(KILLS):
        for name in VICTIMS:
            acknowledged.add(lab.post(f"/stop/{name}").body["action_id"])
        run = lab.output("systemctl", "show", "--property=InvocationID", AGENT)
        agent = lab.host_pid(lab.main_pid(AGENT))
        asked = Asked(lab)
        with asked.under_way():
            time.sleep(chosen.uniform(0.0, LONGEST))  # the moment is what is tried here
            os.kill(agent, signal.SIGKILL)
        eventually(lambda run=run: lab.output("systemctl", "show", "--property=InvocationID", AGENT) != run)  # type: ignore[misc]
        if asked.answer is None:
            cut_off += 1
        else:
            acknowledged.add(asked.answer["action_id"])
        # Whatever it was in the middle of: the next run sees what is left, and brings it back.
        left = [name for name, state in lab.states().items() if state != "healthy"]
        answer = lab.post("/remediate").body
        acknowledged.add(answer["action_id"])
        seen = {step["service"] for step in answer["steps"]}
        assert answer["status"] == "completed", answer
        still = [name for name in left if name not in seen and lab.states()[name] != "healthy"]
        assert still == [], f"round {number}: nobody sees {still}"
        eventually(lab.all_up, deadline=15)
    assert cut_off > KILLS // 4, "the moments were too late to be in the middle of anything"
    rows = whole_trail(lab)
    finished = {row["action_id"] for row in rows if row["phase"] == "finished"}
    assert acknowledged <= finished
    assert {row["action_id"] for row in rows if row["phase"] == "requested"} <= finished, "each is closed"
    assert sum(row["outcome"] == "interrupted" for row in rows) >= cut_off // 2
    verdict = lab.get("/audit/verify")
    assert verdict["verified"], verdict
