"""The files between the agent and the root code of the faults: no change of a status is missed."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from incidentops_agent.fault_files import FaultFiles

if TYPE_CHECKING:
    from pathlib import Path


def test_two_changes_in_one_tick_of_the_clock_are_two(tmp_path: Path) -> None:
    files = FaultFiles(statuses=tmp_path)
    status = tmp_path / "0123456789ab.status.json"
    status.write_text(json.dumps({"phase": "verifying-recovery"}))
    tick = time.time_ns()
    os.utime(tmp_path, ns=(tick, tick))
    assert files.changed()
    status.write_text(json.dumps({"phase": "recovered"}))
    os.utime(tmp_path, ns=(tick, tick))  # as on a kernel whose clock of files is coarse
    assert files.changed()
    assert files.statuses()["0123456789ab"]["phase"] == "recovered"


def test_what_rests_is_not_read_again(tmp_path: Path) -> None:
    files = FaultFiles(statuses=tmp_path)
    os.utime(tmp_path, ns=(10**18, 10**18))
    assert [files.changed() for _ in range(3)] == [True, False, False]
