"""What the agent and the root code of the faults tell each other: files below /run, one folder each way."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import fault_kinds

if TYPE_CHECKING:
    from .fault_kinds import Kinds

KINDS = Path("/usr/share/incidentops/faults.json")
REQUESTS = Path("/run/incidentops-requests")
"""The agent's; the root code takes a request away when it reads it."""
STATUSES = Path("/run/incidentops-fault")
"""Root's: ID.status.json for each fault, kept for a while after its end."""

TICK = 100_000_000
"""Nanoseconds for which a folder that has changed is looked at again."""


class FaultFiles:
    """ports.FaultFiles."""

    def __init__(self, kinds: Path = KINDS, requests: Path = REQUESTS, statuses: Path = STATUSES) -> None:
        self._kinds = kinds
        self._requests = requests
        self._statuses = statuses
        self._stamp = -1
        self._fresh = False

    def kinds(self) -> Kinds:
        try:
            return fault_kinds.parse(self._kinds.read_text())
        except ValueError as error:
            raise OSError(f"{self._kinds} can't be used: {error}") from error

    def ask(self, fault_id: str, request: dict[str, Any]) -> None:
        path = self._requests / f"{fault_id}.json"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(request, file)

    def withdraw(self, fault_id: str) -> None:
        (self._requests / f"{fault_id}.json").unlink(missing_ok=True)

    def changed(self) -> bool:
        # Statuses are replaced, never rewritten, so each change is one of the folder.
        try:
            stamp = self._statuses.stat().st_mtime_ns
        except OSError:
            stamp = 0
        before, self._stamp = self._stamp, stamp
        # A kernel's clock of files may tick 100 times a second only: what changes twice in a tick looks the same.
        was_fresh, self._fresh = self._fresh, abs(time.time_ns() - stamp) < TICK
        return stamp != before or was_fresh

    def statuses(self) -> dict[str, dict[str, Any]]:
        found = {}
        for path in self._statuses.glob("*.status.json"):
            try:
                status = json.loads(path.read_bytes())
            except (OSError, ValueError):
                continue  # just pruned
            if isinstance(status, dict):
                found[path.name.removesuffix(".status.json")] = status
        return found
