"""Drives one fault inside a lab machine as the agent does, without the agent, and kills what it is told to.

``python3 - VERB ID ...`` with this text on standard input:
``start ID REQUEST``: ask for it and wait for its start job; ``end ID``: wait until nothing of it is under way;
``kill ID REQUEST PHASE VICTIM DELAY``: ask for it, and when its status says PHASE, DELAY milliseconds later, SIGKILL
the VICTIM: ``fault`` (the processes of its unit), ``agent``, ``both``, or ``undo too`` (the fault's, and then the first
process of the undo unit as well); then wait for the end.
Each prints one JSON object.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

DEADLINE = 90
UNITS = ("incidentops-fault@{}.service", "incidentops-fault-undo@{}.service")


def systemctl(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=DEADLINE, check=False)


def ask(fault_id: str, request: str) -> None:
    """Write the request as the agent's user does."""
    path = Path("/run/incidentops-requests", f"{fault_id}.json")
    path.write_text(request)
    path.chmod(0o600)
    user = pwd.getpwnam("incidentops")
    os.chown(path, user.pw_uid, user.pw_gid)


def status(fault_id: str) -> dict[str, Any]:
    try:
        found = json.loads(Path("/run/incidentops-fault", f"{fault_id}.status.json").read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return dict(found)


def under_way(fault_id: str) -> bool:
    if Path("/run/incidentops-fault", fault_id).exists():
        return True
    names = [unit.format(fault_id) for unit in UNITS]
    shown = systemctl("show", "--property=ActiveState,Job", "--value", *names).stdout.split()
    return any(word not in ("inactive", "failed") for word in shown)


def end(fault_id: str) -> dict[str, Any]:
    limit = time.monotonic() + DEADLINE
    while under_way(fault_id):
        if time.monotonic() > limit:
            return {**status(fault_id), "stuck": True}
        time.sleep(0.02)
    return status(fault_id)


def start(fault_id: str, request: str) -> dict[str, Any]:
    ask(fault_id, request)
    done = systemctl("start", UNITS[0].format(fault_id))
    return {**status(fault_id), "started": done.returncode == 0}


def kill(fault_id: str, request: str, phase: str, victim: str, delay: str) -> dict[str, Any]:
    ask(fault_id, request)
    systemctl("start", "--no-block", UNITS[0].format(fault_id))
    limit = time.monotonic() + DEADLINE
    while (seen := status(fault_id).get("phase")) != phase:
        if time.monotonic() > limit or seen in ("recovered", "failed", "refused"):
            return {**end(fault_id), "killed_in": "never"}
        time.sleep(0.001)
    time.sleep(int(delay) / 1000)
    victims = {"fault": [UNITS[0].format(fault_id)], "agent": ["incidentops-agent.service"]}
    victims["both"] = victims["fault"] + victims["agent"]
    victims["undo too"] = victims["fault"]
    killed_in = status(fault_id).get("phase")
    for unit in victims[victim]:
        systemctl("kill", "--kill-whom=all", "--signal=KILL", unit)
    if victim == "undo too":
        kill_undo(UNITS[1].format(fault_id))
    return {**end(fault_id), "killed_in": killed_in}


def kill_undo(unit: str) -> None:
    """SIGKILL the first process that the undo unit has; it may be too quick for that."""
    limit = time.monotonic() + 10
    while time.monotonic() < limit:
        shown = systemctl("show", "--property=MainPID,ActiveState", "--value", unit).stdout.split()
        if shown[0] != "0":
            systemctl("kill", "--kill-whom=all", "--signal=KILL", unit)
            return


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    verbs: dict[str, Callable[..., dict[str, Any]]] = {"start": start, "kill": kill, "end": end}
    json.dump(verbs[verb](*words), sys.stdout)
