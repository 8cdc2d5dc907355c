"""The leak matrix: whatever is killed, and whenever, the machine ends as it was before. Prints its cells and leaks.

INCIDENTOPS_FAULTS=all tries every cell, which takes half an hour. Without it each fault meets two kinds of death, and
each kind of death many faults.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from system.fault_cases import ALL, FIRST
from system.faulting import Case, as_before, drive, fingerprint, fresh_id
from system.test_faults import available

if TYPE_CHECKING:
    from collections.abc import Iterator

    from system.machine import Lab

# When (phase of the status, milliseconds after it), and what is killed then.
KILLS = [
    ("applying", 0, "fault"),
    ("applying", 25, "fault"),
    ("active", 50, "fault"),
    ("active", 50, "agent"),
    ("active", 50, "both"),
    ("undoing", 0, "fault"),
    ("undoing", 25, "fault"),
    ("undoing", 25, "both"),
    ("undoing", 0, "undo too"),
]


@pytest.fixture(scope="module")
def matrix() -> Iterator[Counter[str]]:
    """Counts the cells; the figures are for people, the assertions are in the tests."""
    counts: Counter[str] = Counter()
    yield counts
    kinds = counts.pop("kinds", 0)
    tried, leaks, missed = counts["cells"], counts["leaks"], counts["missed"]
    print(f"\nleak matrix: {kinds} faults, {tried} cells ({missed} killed in a later phase), {leaks} leaks")


def kills(case: Case) -> list[tuple[str, int, str]]:
    """The deaths that a fault meets in this run."""
    number = sorted(FIRST).index(case.kind)
    return KILLS if ALL else [KILLS[(number + other) % len(KILLS)] for other in (0, 5)]


@pytest.mark.parametrize("case", FIRST.values(), ids=str)
def test_no_kill_leaves_anything_behind(lab: Lab, case: Case, matrix: Counter[str]) -> None:
    if reason := available(lab, case):
        pytest.skip(f"unavailable here because {reason}")
    matrix["kinds"] += 1
    before = fingerprint(lab)
    for phase, delay, victim in kills(case):
        status = drive(lab, "kill", fresh_id(), case.request(1), phase, victim, str(delay))
        matrix["cells"] += 1
        matrix["missed"] += status["killed_in"] != phase
        matrix["leaks"] += 1
        assert "stuck" not in status, (phase, delay, victim, status)
        assert status["phase"] in ("recovered", "failed"), (phase, delay, victim, status)
        as_before(lab, before, case.up_within)
        matrix["leaks"] -= 1
